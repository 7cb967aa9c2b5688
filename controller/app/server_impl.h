#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/app/admission.h"
#include "controller/app/checkpoints.h"
#include "controller/app/followers.h"
#include "controller/app/inventory_port.h"
#include "controller/app/log_limit.h"
#include "controller/app/queries.h"
#include "controller/app/server.h"
#include "controller/app/sessions.h"
#include "controller/app/trouble.h"
#include "shared/io/files.h"

/// Seen by server*.cc only: server.cc tells the story of a turn, server_in.cc what arrives, server_out.cc what leaves,
/// server_read_only.cc what happens while the disk takes no commit.
namespace escape::controller {

// How often a disk that took no commit is asked again.
constexpr Millis probe_interval{1'000};

struct Server::Impl {
  transport::Context& context;
  ServerOptions options;
  KeyPair keys;
  std::optional<io::FileLock> lock;  ///< of the data folder; held for life
  std::unique_ptr<store::Database> database;
  std::optional<Trouble> trouble;
  std::optional<Instant> recovered_at;  ///< from the trouble before
  Millis probe_wait = probe_interval;
  std::unique_ptr<Core> core;
  std::unique_ptr<Sessions> sessions;
  Followers followers;
  std::unique_ptr<transport::Gatekeeper> gatekeeper;
  std::unique_ptr<transport::Listener> agents, clients, publisher;
  std::unique_ptr<InventoryPort> inventory;
  LogLimit refusals, malformed;
  Admission admission;
  std::unique_ptr<Checkpoints> checkpoints;  ///< for backups; none embedded

  std::vector<Input> waiting;  ///< for the next turn
  struct Read {
    SessionId session = 0;
    protocol::ClientRequest request;
  };
  std::vector<Read> reads;   ///< answered after the commit
  Effects turn;              ///< what this turn has decided so far
  InventoryWrites released;  ///< what this turn commits beside it
  std::optional<Instant> wake_at;
  Instant beacon_at{};
  Instant sweep_at{};
  Instant turn_due{};                      ///< when the next turn begins at the latest, unless this process is stopped
  std::map<std::string, Instant> removed;  ///< keys whose connections end, and when
  Instant note_at{};

  Impl(transport::Context& c, ServerOptions o) : context(c), options(std::move(o)), admission(options.admission) {}

  Result<> open();
  Result<> bind();
  Result<> open_life();
  Result<> one_turn(Now now);
  void notice_absence(Now now);
  void watch_key(std::string_view domain, const std::string& key, Now now);
  Result<> reading_turn(Now now);
  Result<> read_only(const Error& why, Now now);
  Result<> read_from_disk();
  void probe(Now now);
  void lend_checkpoints();
  void note_progress(Now now);
  void refuse_change(Session& session, protocol::ClientRequest asked, Now now);
  void collect(Now now);
  void complain(std::string_view socket, const transport::Peer& peer, const Error& error, Now now);
  void collect_agents(Now now);
  void pass_fault_points(std::string_view moment) const;
  void collect_clients(Now now);
  void on_client(Session& session, protocol::FromClient message, Now now);
  void look_up(Input& input);
  void decide(const Input& input, Now now);
  Result<> commit();
  void send_out(Now now);
  void send_to_agent(SessionId id, const protocol::ToAgent& message);
  void send_to_client(SessionId id, const protocol::ToClient& message);
  void refuse(transport::Listener& listener, Side side, const transport::Peer& peer, const protocol::Header& header,
              ErrorKind kind, std::string reason, Millis retry_after = Millis{0});
  void answer_reads(Now now);
  protocol::Reply answer_one(const Read& read, const QueryContext& context);
  void pump_followers(Now now);
  void publish(const std::vector<protocol::EventView>& events);
  void publish_beacon(Now now);
  void cut_removed(Now now);
  void sweep(Now now);
  QueryContext query_context(Now now) const;
  ResolveRelease resolver() const {
    return [this](const release::ReleaseQuery& query) { return inventory->resolve(query); };
  }
  Millis time_to_wait(Now now) const;
};

protocol::reply::Failed failure(const Error& error);

}  // namespace escape::controller
