#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

/// How much of a failed script's output its error message repeats.
constexpr std::size_t last_output_bytes = 400;
constexpr std::size_t last_output_lines = 3;

std::string last_lines(const std::string& output) {
  std::vector<std::string> lines;
  for (std::string& line : split(output, '\n')) {
    if (!trimmed(line).empty()) lines.push_back(std::move(line));
  }
  if (lines.size() > last_output_lines) lines.erase(lines.begin(), lines.end() - last_output_lines);
  return join(lines, "\n");
}

}  // namespace

/// The current task of an unsettled job that this agent holds under this attempt; nullptr says why in `ignored`.
const Task* Core::Impl::task_from(const AgentId& agent, TaskId id, Attempt attempt) {
  const auto refuse = [&](std::string_view why) -> const Task* {
    ignore(fmt::format("task {} of agent {}: {}", to_string(id), agent, why));
    return nullptr;
  };
  auto found = rows.state().tasks.find(id);
  if (!find_live(id.job) || found == rows.state().tasks.end()) return refuse("no such task is running");
  const Task& task = found->second;
  if (task.agent != agent) return refuse("it is bound to another agent");
  if (task.attempt != attempt) return refuse("another attempt");
  const bool is_current =
      task.phase == TaskPhase::offered || task.phase == TaskPhase::accepted || task.phase == TaskPhase::unknown;
  if (!is_current && !is_mutant("take_a_late_result")) return refuse("it was not offered or has settled");
  return &task;
}

void Core::Impl::on_message(const AgentId& agent, SessionId, const protocol::Accepted& got) {
  const Task* task = task_from(agent, got.task, got.attempt);
  if (!task) return;
  if (task->phase == TaskPhase::accepted) return ignore("accepted already");
  accept(got.task);
}

/// The agent has the task in its journal: from here on only its own report, or its Hello without it, can end it.
void Core::Impl::accept(TaskId id) {
  Task& task = rows.edit(id);
  if (task.phase == TaskPhase::accepted) return;
  cancel_timers(id);
  const Job& job = rows.state().jobs.at(id.job);
  const bool was_unknown = task.phase == TaskPhase::unknown;
  task.phase = TaskPhase::accepted;
  task.reported_at = now.wall;
  if (!task.started_at.is_set()) {
    task.started_at = now.wall;
    task.host = presence[task.agent].host.hostname;
    task.boot_id = presence[task.agent].host.boot_id;
    tell("task.started", job.principal, deployment_of(job), job.number,
         {{"task", id.index}, {"step", task.step}, {"agent", task.agent}, {"attempt", task.attempt}});
  }
  if (was_unknown) {
    tell("task.returned", job.principal, deployment_of(job), job.number,
         {{"task", id.index}, {"step", task.step}, {"agent", task.agent}, {"attempt", task.attempt}});
    log_at(job, id.index, "info", fmt::format("Agent {} is back; step {} goes on.", task.agent, task.step));
    rows.edit(id.job).hint.clear();
  }
  if (!job.message.empty() && !job.cancel_requested && (!job.failure || was_unknown)) rows.edit(id.job).message.clear();
  if (wants_stop(job)) send_cancel(task);
}

void Core::Impl::on_message(const AgentId& agent, SessionId, const protocol::Declined& got) {
  const Task* task = task_from(agent, got.task, got.attempt);
  if (!task) return;
  // An agent says so of an accepted task only when it has lost it: nobody knows how far the script got.
  if (task->started_at.is_set()) return interrupt(got.task, Interruption::task_lost, got.reason);
  settle_task(got.task, TaskOutcome::not_started, 0, got.reason);
  after_step(got.task);
}

void Core::Impl::on_message(const AgentId& agent, SessionId session, const protocol::Output& got) {
  const Task* task = task_from(agent, got.task, got.attempt);
  if (!task) {
    if (find_stray(agent, got.task, got.attempt)) {
      // Nobody takes it, but only behind it comes the result.
      return send(
          session,
          protocol::OutputAck{.task = got.task, .attempt = got.attempt, .offset = got.offset + got.bytes.bytes.size()});
    }
    // A sender whose acknowledgement was lost stops only when it hears it again.
    auto known = rows.state().tasks.find(got.task);
    if (known != rows.state().tasks.end() && known->second.agent == agent && known->second.attempt == got.attempt) {
      acknowledge(session, got.task, got.attempt, known->second.output_bytes);
    }
    return;
  }
  accept(got.task);
  append_output(got.task, got.offset, got.bytes.bytes);
  const std::uint64_t have = is_mutant("acknowledge_a_gap") ? got.offset + got.bytes.bytes.size() : task->output_bytes;
  acknowledge(session, got.task, got.attempt, have);
}

/// Commits what is new and joins without a gap; everything else is left to the sender, who is told how far we are.
void Core::Impl::append_output(TaskId id, std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t have = rows.state().tasks.at(id).output_bytes;
  if (offset > have || have - offset >= bytes.size()) return;
  bytes.remove_prefix(have - offset);
  Task& task = rows.edit(id);
  task.output_bytes += bytes.size();
  task.reported_at = now.wall;
  task.last_output.append(bytes);
  if (task.last_output.size() > last_output_bytes) {
    task.last_output.erase(0, task.last_output.size() - last_output_bytes);
  }
  const Job& job = rows.state().jobs.at(id.job);
  protocol::LogEntry entry;
  entry.job = job.number;
  entry.time = now.wall;
  entry.level = "output";
  entry.sections = sections_at(job, id.index);
  entry.task = id.index;
  entry.attempt = task.attempt;
  entry.offset = have;
  entry.bytes = Binary{std::string(bytes)};
  rows.log(root_number(job), std::move(entry));
}

void Core::Impl::on_message(const AgentId& agent, SessionId session, const protocol::Finished& got) {
  const auto committed = [&] { send(session, protocol::ResultCommitted{got.task, got.attempt}); };
  if (!find_live(got.task.job)) {
    if (got.task.job > rows.state().last_job) return ignore("result of a job that this controller never made");
    ignore("result of a job that has settled");
    if (const StrayTask* stray = find_stray(agent, got.task, got.attempt)) {
      tell_stray(agent, *stray, name_of(got.outcome), got.exit_status, got.message);
      forget_stray(agent, got.task);
    }
    return committed();
  }
  auto known = rows.state().tasks.find(got.task);
  if (known != rows.state().tasks.end() && known->second.agent == agent) {
    const bool is_over = known->second.phase == TaskPhase::settled || known->second.phase == TaskPhase::skipped;
    if (got.attempt < known->second.attempt || (got.attempt == known->second.attempt && is_over)) {
      ignore("result that is known already");
      return committed();
    }
  }
  const Task* task = task_from(agent, got.task, got.attempt);
  if (!task) return;
  accept(got.task);
  append_output(got.task, got.tail_offset, got.tail.bytes);
  if (task->output_bytes < got.output_bytes && !is_mutant("take_a_result_without_its_output")) {
    return acknowledge(session, got.task, got.attempt, task->output_bytes);
  }
  Task& row = rows.edit(got.task);
  row.outputs = got.outputs;
  row.has_outputs = got.has_outputs;
  std::string message = got.message;
  if (got.outcome == TaskOutcome::interrupted) {
    const Interruption why = why_vanished(row);
    row.interruption = std::string(name_of(why));
    if (why == Interruption::host_rebooted) message = text_of(why);
  }
  settle_task(got.task, got.outcome, got.exit_status, std::move(message));
  committed();
  after_step(got.task);
}

void Core::Impl::settle_task(TaskId id, TaskOutcome outcome, int exit_status, std::string message) {
  cancel_timers(id);
  unbind(id);
  Task& task = rows.edit(id);
  task.phase = TaskPhase::settled;
  task.outcome = outcome;
  task.exit_status = exit_status;
  task.message = std::move(message);
  task.ended_at = now.wall;
  const Job& job = rows.state().jobs.at(id.job);
  Value::Object data{{"task", id.index},
                     {"step", task.step},
                     {"agent", task.agent},
                     {"attempt", task.attempt},
                     {"outcome", name_of(outcome)},
                     {"exit_status", exit_status},
                     {"message", task.message},
                     {"output_bytes", task.output_bytes}};
  if (!task.interruption.empty()) data.set("interruption", task.interruption);
  tell("task.finished", job.principal, deployment_of(job), job.number, std::move(data));
}

/// A task has settled: what comes next, or the end of the job.
void Core::Impl::after_step(TaskId id) {
  const Task task = rows.state().tasks.at(id);
  if (may_run_again(task)) return run_again(id);
  if (is_unwinding(*find_live(id.job))) return after_deactivation(task);
  if (task.outcome != TaskOutcome::ok) {
    const bool was_script = task.outcome == TaskOutcome::failed || task.outcome == TaskOutcome::timed_out;
    return fail_step(id, failure_of(task), was_script ? last_lines(task.last_output) : std::string());
  }
  if (Result<> left = leave(id.job, id.index, &task); !left) return fail_step(id, left.error());
  step_done(id.job, id.index);
  advance(id.job);
}

/// The job has failed before: what comes of a deactivation is told, and the next one follows.
void Core::Impl::after_deactivation(const Task& task) {
  const JobId number = task.id.job;
  const Job& job = *find_live(number);
  if (task.outcome == TaskOutcome::ok) {
    announce_end(job, task.id.index);
  } else {
    log_at(job, task.id.index, "error", "Error: " + describe(failure_of(task)));
  }
  step_done(number, task.id.index);
  if (is_within_reach(job)) return unwind(number);
  settle_failed(number);
}

Error Core::Impl::failure_of(const Task& task) const {
  const Job& job = rows.state().jobs.at(task.id.job);
  const std::string where = fmt::format("Step {} on agent {}", task.step, task.agent);
  const std::string because = task.message.empty() ? "." : ": " + task.message;
  switch (*task.outcome) {
    case TaskOutcome::ok:
      break;
    case TaskOutcome::failed:
      return {
          ErrorKind::failed,
          task.message.empty() ? fmt::format("{} ended with exit status {}.", where, task.exit_status) : task.message,
          fmt::format("`escape jobs show {}` shows its steps, `escape jobs attach {}` the whole output.", job.number,
                      root_number(job)),
          {}};
    case TaskOutcome::timed_out:
      return {
          ErrorKind::failed,
          fmt::format("{} ran longer than its limit of {} and was stopped{}", where,
                      to_short_text(job.step_time_limit > Millis{0} ? job.step_time_limit : settings.step_time_limit),
                      because),
          "Give it more time, or find out what it waits for.",
          {}};
    case TaskOutcome::cancelled:
      if (!job.cancel_requested) return {ErrorKind::failed, where + " was stopped on its host" + because, {}, {}};
      return {
          ErrorKind::cancelled, fmt::format("Cancelled by {} during step {}.", job.cancelled_by, task.step), {}, {}};
    case TaskOutcome::not_started:
      if (job.cancel_requested) {
        return {
            ErrorKind::cancelled, fmt::format("Cancelled by {} before step {}.", job.cancelled_by, task.step), {}, {}};
      }
      return {ErrorKind::failed, where + " was not started" + because, "Nothing of it has run.", {}};
    case TaskOutcome::interrupted:
      return {ErrorKind::unknown,
              where + " was interrupted, and nobody knows how far it got" + because,
              fmt::format("Look at the host, then run it again with `escape jobs retry {}`.", job.number),
              {}};
  }
  return {ErrorKind::internal, where + " ended well", {}, {}};
}

Timestamp Core::Impl::last_seen(const AgentId& agent) const {
  auto known = presence.find(agent);
  if (known != presence.end() && known->second.seen.is_set()) return known->second.seen;
  auto row = rows.state().agents.find(agent);
  return row == rows.state().agents.end() ? Timestamp{} : row->second.last_seen;
}

/// Its agent is out of reach and the script may be running: nobody else gets the task, and the job waits.
void Core::Impl::mark_unknown(TaskId id) {
  Task& task = rows.edit(id);
  if (task.phase == TaskPhase::unknown) return;
  cancel_timers(id);
  task.phase = TaskPhase::unknown;
  Job& job = rows.edit(id.job);
  const bool is_workspace = task.agent.starts_with(workspace_prefix);
  const Timestamp seen = last_seen(task.agent);
  std::string text = is_workspace ? fmt::format("The command that works in {} is out of reach", job.workspace)
                                  : fmt::format("Agent {} is out of reach", task.agent);
  if (seen.is_set()) text += " since " + to_rfc3339(seen);
  text += task.started_at.is_set() ? "; its script may still be running."
                                   : "; the step was sent to it, and its script may still be running.";
  text += fmt::format(" {} stays locked for this job.", job.deployment);
  job.message = text;
  job.hint = is_workspace
                 ? fmt::format("It goes on when that command is back; `escape jobs cancel {}` ends it now.", job.number)
                 : fmt::format(
                       "The job goes on when the agent is back. When it will not come back: `escape jobs "
                       "resolve {} --as ok|failed --reason TEXT` settles this job, `escape agents remove {}` "
                       "gives the host up.",
                       job.number, task.agent);
  log_at(job, id.index, "warn", text);
  tell("task.unknown", job.principal, deployment_of(job), job.number,
       {{"task", id.index},
        {"step", task.step},
        {"agent", task.agent},
        {"attempt", task.attempt},
        {"last_seen", seen.is_set() ? to_rfc3339(seen) : std::string()},
        {"message", text}});
}

}  // namespace escape::controller
