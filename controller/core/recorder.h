#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/model.h"

namespace escape::controller {

/// What one change does to the rows in memory: the meaning of `Change`, for the recorder and for whoever replays a
/// batch. A job that has settled leaves memory together with its plan and tasks; log lines are only on the disk.
void apply(State& state, const Change& change);

/// The rows in memory and the changes that make them durable, always the same thing: whoever edits a row here cannot
/// forget to hand it out. A row that is edited many times during one input becomes one change.
///
/// Between two `take_changes` memory is ahead of the disk by exactly what the next one returns.
class Recorder {
 public:
  explicit Recorder(State state) : state_(std::move(state)) {}
  const State& state() const { return state_; }

  /// The row to write to; it must exist (jobs: not settled before this input).
  Job& edit(JobId job);
  Task& edit(TaskId task);
  Lock& edit_lock(const DeploymentKey& key);
  state::Deployment& edit_deployment(const DeploymentKey& key);
  state::Environment& edit_environment(const std::string& name);
  Agent& edit_agent(const AgentId& name);
  Invitation& edit_invitation(const std::string& key);

  /// A new row, or one that replaces that of the same key.
  void put(Job job);
  void put(JobPlan plan);
  void put(Task task);
  void put(Lock lock);
  void put(state::Deployment deployment);
  void put(state::Environment environment);
  void put(Agent agent);
  void put(Principal principal);
  void put(Invitation invitation);
  void put(AnsweredRequest answered);

  void remove_lock(const DeploymentKey& key);
  void remove_deployment(const DeploymentKey& key);
  void remove_environment(const std::string& name);
  void remove_agent(const AgentId& name);
  void remove_principal(const std::string& name);
  void remove_invitation(const std::string& key);
  /// Answers older than that.
  void forget_answers(Timestamp before);

  /// An entry of a deployment's history.
  void remember(DeploymentChange change);
  /// Numbers the event and hands it out.
  void tell(protocol::EventView event);
  /// Numbers the entry within the log of `root`, which has not settled, and hands it out.
  void log(JobId root, protocol::LogEntry entry);

  /// Everything since the last call, tasks and plans before jobs.
  std::vector<Change> take_changes();

 private:
  State state_;
  std::vector<Change> changes_;
  std::set<JobId> jobs_, plans_;
  std::set<TaskId> tasks_;
  std::set<DeploymentKey> locks_, deployments_;
  std::set<std::string> environments_, agents_, principals_, invitations_;
};

}  // namespace escape::controller
