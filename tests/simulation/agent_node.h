#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/core.h"
#include "tests/simulation/controller_node.h"
#include "tests/simulation/host.h"
#include "tests/simulation/sim_session.h"

namespace escape::simulation {

/// agent/app/node.cc on a simulated network, clock and disk: the real core, the real client session, the same order of
/// work (journal, send, act). One process on one host; a crash forgets everything but the host.
class AgentNode {
 public:
  struct Parts {
    World* world = nullptr;
    Network* network = nullptr;
    Checks* checks = nullptr;
    Inventory* inventory = nullptr;
  };
  AgentNode(Parts parts, Host& host, int machine);

  void start();
  void kill(bool is_power_loss);
  void stop();  ///< on purpose: says Bye
  void freeze(Micros duration);
  /// Just before, or just after what is written is on the disk.
  void crash_at_next_write(bool is_written) { crash_at_write_ = is_written; }
  bool is_up() const { return is_up_; }
  bool is_settled() const { return !is_up_ || !core_ || (core_->held_count() == 0 && inputs_.empty() && !pending_); }
  bool is_online() const { return is_up_ && session_.is_open(); }
  Host& host() { return host_; }
  int machine() const { return machine_; }
  Epoch epoch() const { return session_.epoch(); }
  bool is_joining() const { return host_.agent.empty() || !host_.invitation.empty(); }
  /// How unruly what the session hands to the core is: messages lost, twice or late (a core must bear that, too).
  int unruly = 0;
  std::function<void()> on_died;  ///< by `crash_at_next_write`: whoever restarts it

 private:
  void wake();
  void turn();
  void receive();
  void on_message(const protocol::ToAgent& message);
  void on_welcome(const protocol::Welcome& welcome, const Packet& packet);
  void on_joined(const protocol::Joined& joined);
  void collect_runs();
  void work_off();
  void carry_out(agent::Effects effects);
  void write_next();
  void die();
  Result<> write(const agent::JournalWrite& one);
  void act(agent::Effects& effects);
  void say(agent::Outgoing outgoing);
  void send_output(const agent::send::Output& output);
  void send_finished(const agent::send::Finished& finished);
  std::string output(const agent::TaskKey& key, std::uint64_t offset, std::uint64_t length) const;
  void prepare(const agent::TaskKey& key);
  void look_again(const agent::TaskKey& key);
  void arm();
  Body greeting();

  Parts parts_;
  Host& host_;
  int machine_;
  Random random_;
  SimSession session_;
  bool is_up_ = false;
  int life_ = 0;
  std::optional<agent::Core> core_;
  std::deque<agent::Input> inputs_;
  std::map<agent::TaskKey, std::uint64_t> watched_;  ///< bytes of output seen
  std::optional<Instant> core_wake_at_;
  std::optional<agent::Effects> pending_;  ///< being written
  bool is_writing_ = false;
  bool turn_is_due_ = false;
  Instant frozen_until_{};
  Alarm alarm_;
  std::optional<bool> crash_at_write_;
  int session_number_ = 0;
};

}  // namespace escape::simulation
