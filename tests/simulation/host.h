#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/model.h"
#include "shared/base/result.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/world.h"

namespace escape::simulation {

/// An agent's machine: what is on its disk (agent/journal/README.md draws the folder), and the supervisors and scripts
/// that run on it whether or not the agent does.
class Host {
 public:
  Host(World& world, Checks& checks, const Truth& truth, std::string name);

  struct Folder {
    std::optional<protocol::Offer> offer;
    bool offer_is_synced = false;
    std::string mark;  ///< boot id of the supervisor that won; empty: none
    std::uint64_t output = 0, output_synced = 0;
    std::optional<agent::TaskResult> result;    ///< of the supervisor
    std::optional<agent::TaskResult> finished;  ///< of the agent
    bool finished_is_synced = false;
  };
  struct Sighting {
    enum class Kind { not_started, running, ended, vanished } kind = Kind::not_started;
    agent::TaskResult result{};
  };

  // The journal. Each is durable when it returns (but in mutants).
  Result<> keep_offer(const protocol::Offer& offer);
  Result<> keep_result(const agent::TaskKey& key, const agent::TaskResult& result);
  Result<> settle(const agent::TaskKey& key);
  agent::Recovered find_all(std::vector<agent::TaskKey>& to_watch);
  Micros latency();

  // The runner.
  void launch(const agent::TaskKey& key);
  void stop(const agent::TaskKey& key, Millis grace);
  Sighting look(const agent::TaskKey& key) const;
  bool supervisor_lives(const agent::TaskKey& key) const {
    return supervisors_.contains(key) || launching_.contains(key);
  }
  std::uint64_t output_bytes(const agent::TaskKey& key) const;

  // Faults.
  void reboot();           ///< power loss: processes die, what was not synced goes
  void lose_disk();        ///< all but the identity
  void kill_supervisor();  ///< any one of them
  int full = 0, slow = 0;
  Clock clock;

  std::function<void()> on_progress;  ///< something that a living agent could see has happened

  std::string name;
  std::string machine_id, boot_id;
  std::map<agent::TaskKey, Folder> folders;
  std::vector<agent::TaskKey> settled;
  // Identity (agent.id, agent.id.pending) and `controller`.
  AgentId agent;
  std::string key, pending_key, invitation;
  std::string seen_instance;
  Epoch seen_epoch = 0;
  Epoch highest_epoch = 0;  ///< what was really seen, for the checker

 private:
  struct Supervisor {
    int number = 0;
    bool is_script_running = false;
    bool is_stopping = false;
    std::uint64_t output_total = 0;
    bool ignores_term = false;
  };
  void begin_script(const agent::TaskKey& key, int number);
  void write_output(const agent::TaskKey& key, int number, std::uint64_t up_to);
  void end_script(const agent::TaskKey& key, int number, protocol::TaskOutcome outcome);
  void write_result(const agent::TaskKey& key, int number, agent::TaskResult result);
  Supervisor* supervisor(const agent::TaskKey& key, int number);
  void not_synced_yet(std::function<void()> undo);

  World& world_;
  Checks& checks_;
  const Truth& truth_;
  Random random_;
  std::map<agent::TaskKey, Supervisor> supervisors_;
  struct Launching {
    int count = 0;
    bool is_stopping = false;
  };
  std::map<agent::TaskKey, Launching> launching_;  ///< launched, and not yet at the start mark
  std::vector<std::pair<Instant, std::function<void()>>> unsynced_;
  int last_number_ = 0;
  int boots_ = 0;
};

}  // namespace escape::simulation
