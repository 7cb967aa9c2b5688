#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace escape {

/// A job's number: 1, 2, 3 … given by the controller, never reused.
using JobId = std::uint64_t;

/// One step of one job. `index` counts within the job from 0 in the order in which steps were planned.
struct TaskId {
  JobId job = 0;
  std::uint32_t index = 0;
  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

/// 1 for the first try of a task. (task, attempt) is what is never run twice.
using Attempt = std::uint32_t;

/// The name under which an agent is enrolled, unique in a controller ("stage-1").
using AgentId = std::string;

/// Position in the event log: 1, 2, 3 … without gaps.
using EventSequence = std::uint64_t;

/// Counts a controller's starts. A message of a lower epoch comes from an older life of the controller.
using Epoch = std::uint64_t;

/// "12.0": for people, logs and folder names.
inline std::string to_string(const TaskId& id) { return std::to_string(id.job) + "." + std::to_string(id.index); }

}  // namespace escape
