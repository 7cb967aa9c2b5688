#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages/agent.h"
#include "shared/base/ids.h"
#include "shared/base/value.h"

/// What an agent knows of the tasks that it holds. Plain values, shared by the core, the journal and the shell.
namespace escape::agent {

/// What is never run twice.
struct TaskKey {
  TaskId task;
  Attempt attempt = 0;
  friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
};
/// "12.0.1": job, index, attempt. Name of the task's folder and of its line among the settled ones.
std::string to_string(const TaskKey& key);
/// Absent when the text is not what `to_string` writes.
std::optional<TaskKey> parse_task_key(std::string_view text);
TaskKey key_of(const protocol::Offer& offer);

/// How a task ended: what Finished tells the controller, and what the journal keeps until that is committed there.
struct TaskResult {
  protocol::TaskOutcome outcome = protocol::TaskOutcome::failed;
  int exit_status = 0;
  std::string message;
  Value::Object outputs;
  bool has_outputs = false;
  std::uint64_t output_bytes = 0;
  std::int64_t duration_micros = 0;
  friend bool operator==(const TaskResult&, const TaskResult&) = default;
};

template <class V>
void describe(V& visit, TaskResult& r) {
  visit.required("outcome", r.outcome);
  visit("exit_status", r.exit_status);
  visit("message", r.message);
  visit("outputs", r.outputs);
  visit("has_outputs", r.has_outputs);
  visit("output_bytes", r.output_bytes);
  visit("duration_micros", r.duration_micros);
}

/// A task as the journal and the runner found it when the agent started again.
struct RecoveredTask {
  protocol::Offer offer;
  protocol::AgentTaskPhase phase = protocol::AgentTaskPhase::accepted;
  std::uint64_t output_bytes = 0;      ///< on disk so far
  std::optional<TaskResult> result{};  ///< set when `phase` is finished
};

struct Recovered {
  std::vector<RecoveredTask> tasks;
  std::vector<TaskKey> settled;  ///< oldest first
};

/// How many settled (task, attempt) ids an agent remembers, so that a late repeat of an offer is not run again. An
/// offer is resent for as long as it is not answered; ten thousand tasks later none can still be under way.
inline constexpr std::size_t max_settled = 10'000;

}  // namespace escape::agent
