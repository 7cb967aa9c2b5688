#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/core/model.h"
#include "controller/core/model.h"
#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "tests/simulation/controller_disk.h"
#include "tests/simulation/world.h"

/// The promises, one function each (README.md says what they mean). A broken one ends the simulation.
namespace escape::simulation {

/// What a script's world remembers of it, whatever agents and controllers forget.
struct ScriptRecord {
  int runs = 0;
  bool is_running = false;
  bool is_of_provider = false;  ///< it activates or deactivates one, in the job of whoever needs it
  std::string environment, deployment;
  JobId job = 0;
  protocol::TaskOutcome ended = protocol::TaskOutcome::interrupted;  ///< until it ends by itself
  std::uint64_t output_bytes = 0;
};

/// One durable batch: applied to the truth and compared with what was true before and with the events that tell it.
void check_batch(World& world, Truth& truth, const std::vector<controller::Change>& changes);

class Checks {
 public:
  /// `releases`: what the order of scripts is checked against.
  Checks(World& world, const std::map<std::string, release::ReleaseRecord>& releases)
      : world_(world), releases_(releases) {}

  /// The byte of a script's output at an offset: what arrives must be just that.
  static char output_byte(const agent::TaskKey& key, std::uint64_t offset);

  void on_script_start(const std::string& host, const AgentId& agent, const protocol::Offer& offer, const Truth& truth);
  void on_script_end(const agent::TaskKey& key, protocol::TaskOutcome outcome, std::uint64_t output_bytes);
  void on_script_killed(const agent::TaskKey& key);
  void on_agent_declines(const agent::TaskKey& key);
  /// A host lost its disk: what it had accepted and the controller never knew of may be offered and run again.
  void excuse(const agent::TaskKey& key) { excused_.insert(key); }

  void on_controller_says(const AgentId& agent, const protocol::ToAgent& message, const Truth& truth);
  void on_controller_replies(const std::string& principal, const std::string& id, const protocol::Reply& reply,
                             const Truth& truth);
  /// Every durable thing that settled must agree with what scripts really did.
  void check_outcome(const controller::Task& task);
  void check_memory(const controller::State& memory, const Truth& truth, std::string_view when);
  void check_all_settled(const Truth& truth, const controller::State& memory);

  int scripts_run() const { return scripts_run_; }
  const std::map<agent::TaskKey, ScriptRecord>& scripts() const { return scripts_; }

 private:
  World& world_;
  const std::map<std::string, release::ReleaseRecord>& releases_;
  std::map<agent::TaskKey, ScriptRecord> scripts_;
  std::set<agent::TaskKey> excused_, never_;
  int scripts_run_ = 0;
};

}  // namespace escape::simulation
