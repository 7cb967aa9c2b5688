#include "controller/core/interruption.h"

#include <fmt/core.h>

#include "controller/core/engine.h"

namespace escape::controller {

using protocol::TaskOutcome;

std::string_view name_of(Interruption why) {
  switch (why) {
    case Interruption::host_rebooted:
      return "host_rebooted";
    case Interruption::task_lost:
      return "task_lost";
    case Interruption::supervisor_lost:
      return "supervisor_lost";
    case Interruption::agent_removed:
      return "agent_removed";
    case Interruption::command_gone:
      return "command_gone";
  }
  return "";
}

std::string text_of(Interruption why) {
  switch (why) {
    case Interruption::host_rebooted:
      return "the host was rebooted";
    case Interruption::task_lost:
      return "its agent came back without it, so the agent's data folder was lost";
    case Interruption::supervisor_lost:
      return "the process that watched it was killed";
    case Interruption::agent_removed:
      return "the agent was removed while it was out of reach";
    case Interruption::command_gone:
      return "the command that ran it has gone";
  }
  return "";
}

/// A script does not outlive its boot; whatever else ended without a result was cut off on a host that goes on.
Interruption Core::Impl::why_vanished(const Task& task) const {
  auto known = presence.find(task.agent);
  const bool has_both = known != presence.end() && !task.boot_id.empty() && !known->second.host.boot_id.empty();
  return has_both && known->second.host.boot_id != task.boot_id ? Interruption::host_rebooted
                                                                : Interruption::supervisor_lost;
}

/// Settles the task and goes on: with another attempt if the package allows it, else with the end of the job.
/// `message`: better words than ours, or empty.
void Core::Impl::interrupt(TaskId id, Interruption why, std::string message) {
  rows.edit(id).interruption = std::string(name_of(why));
  settle_task(id, TaskOutcome::interrupted, 0, message.empty() ? text_of(why) : std::move(message));
  after_step(id);
}

/// Only when nothing of the script can be left (the host booted anew) or nobody could tell any more (the data folder
/// was lost), never while somebody might still report: an unknown task is left alone.
bool Core::Impl::may_run_again(const Task& task) {
  const bool is_allowed = task.interruption == name_of(Interruption::host_rebooted) ||
                          task.interruption == name_of(Interruption::task_lost);
  return task.outcome == TaskOutcome::interrupted && is_allowed && task.attempt < most_attempts &&
         session_of(task.agent) != 0 && !wants_stop(rows.state().jobs.at(task.id.job)) &&
         release_of_task(task).idempotent;
}

/// A new attempt on the same agent, from the start of the step.
void Core::Impl::run_again(TaskId id) {
  const Task before = rows.state().tasks.at(id);
  const Job& job = rows.state().jobs.at(id.job);
  Task& task = rows.edit(id);
  task = Task{};
  task.id = id;
  task.attempt = before.attempt + 1;
  task.stage = before.stage;
  task.step = before.step;
  task.deployment = before.deployment;
  task.variables = before.variables;
  task.outputs_before = before.outputs_before;
  task.run = before.run;
  task.templates = before.templates;
  task.files = before.files;
  tell("task.retried", job.principal, deployment_of(job), job.number,
       {{"task", id.index},
        {"step", task.step},
        {"agent", before.agent},
        {"attempt", task.attempt},
        {"reason", before.interruption},
        {"message", before.message}});
  log_at(
      job, id.index, "warn",
      fmt::format("Step {} on agent {} was interrupted: {}. The package is idempotent, so it is run again: attempt {} "
                  "of {}.",
                  task.step, before.agent, before.message, task.attempt, most_attempts));
  bind(id, before.agent);
  offer(id, session_of(before.agent));
}

}  // namespace escape::controller
