#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/app/sessions.h"
#include "controller/core/core.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/controller_disk.h"
#include "tests/simulation/network.h"
#include "tests/simulation/world.h"

namespace escape::simulation {

/// Where in a turn a controller is killed.
enum class CrashPoint { at_once, batch_lost, batch_kept, before_send, in_the_middle_of_sending };

/// The releases that can be deployed, and whether anybody answers.
struct Inventory {
  std::map<std::string, release::ReleaseRecord> releases;  ///< by query text
  int broken = 0;                                          ///< faults that are on
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) const;
};

/// controller/app/server.cc on a simulated network, clock and disk: the real core, the real sessions, the same order of
/// work (collect, decide, commit, send, answer).
class ControllerNode : public Listener {
 public:
  struct Parts {
    World* world = nullptr;
    Network* network = nullptr;
    Checks* checks = nullptr;
    Inventory* inventory = nullptr;
    Clock* clock = nullptr;
  };
  ControllerNode(std::string name, Parts parts, ControllerDisk& disk)
      : name_(std::move(name)), parts_(parts), disk_(disk), random_(parts.world->stream(name_)) {}

  void start();
  bool is_up() const { return core_ != nullptr; }
  void kill(bool is_power_loss);
  void kill_at(CrashPoint point) { crash_point_ = point; }
  void freeze(Micros duration);
  bool has_armed_crash() const { return crash_point_.has_value(); }

  bool may_connect(std::string_view domain, const std::string& key) override;
  void on_packet(ConnectionId connection, const Packet& packet) override;

  const controller::State& state() const { return core_->state(); }
  const controller::Core* core() const { return core_.get(); }
  ControllerDisk& disk() { return disk_; }
  bool is_idle() const { return !is_committing_ && inbox_.empty() && waiting_.empty(); }
  /// Public key of the first administrator's invitation.
  static std::string first_invitation();

  std::function<void()> on_died;  ///< whoever restarts it
  /// As of AgentNode: what sessions hand to the core comes late, twice or never.
  int unruly = 0;

 private:
  struct Waiting {
    ConnectionId connection;
    std::string key;
    Packet packet;
  };
  struct Read {
    controller::SessionId session = 0;
    protocol::ClientRequest request;
  };
  void wake();
  void turn();
  void collect();
  void admit(const Waiting& got);
  void give(controller::Input input, bool may_be_unruly);
  controller::Input looked_up(controller::Input input);
  void decide(const controller::Input& given);
  void commit();
  void committed();
  void send_out();
  void send_to_agent(controller::SessionId id, const protocol::ToAgent& message);
  void send_to_client(controller::SessionId id, const protocol::ToClient& message);
  void answer_reads();
  protocol::Reply answer(const Read& read) const;
  bool dies_here(CrashPoint point);
  Now now() const { return parts_.clock->read(); }

  std::string name_;
  Parts parts_;
  ControllerDisk& disk_;
  Random random_;
  int life_ = 0;
  std::unique_ptr<controller::Core> core_;
  std::unique_ptr<controller::Sessions> sessions_;
  std::vector<Waiting> inbox_;
  std::vector<controller::Input> waiting_;
  std::vector<Read> reads_;
  controller::Effects turn_;
  std::vector<store::Write> batch_;
  std::optional<Instant> wake_at_;
  Alarm alarm_;
  bool is_committing_ = false;
  bool turn_is_due_ = false;
  Instant frozen_until_{};
  std::optional<CrashPoint> crash_point_;
  int commits_ = 0;
};

}  // namespace escape::simulation
