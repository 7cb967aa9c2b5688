#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

/// It becomes a line of logs and terminals.
Result<> check_reason(std::string_view reason) {
  if (trimmed(reason).empty()) {
    return fail(ErrorKind::usage, "Missing reason.", "Say with --reason why the job is settled by hand: it is kept.");
  }
  const bool is_line = std::ranges::none_of(reason, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (is_line && reason.size() <= protocol::max_reason) return ok();
  return fail(ErrorKind::usage, fmt::format("The reason must be one line of at most {} bytes.", protocol::max_reason));
}

std::string how_it_is(const Job& job, const Task* task) {
  if (job.phase == JobPhase::queued) return fmt::format("Job {} has not started yet", job.number);
  if (!task || task->agent.empty()) return fmt::format("Job {} is running", job.number);
  return fmt::format("Job {} is running: agent {} has its step {} and is within reach", job.number, task->agent,
                     task->step);
}

}  // namespace

/// The job if its current task is unknown; else why it is not for a person to settle.
Result<const Job*> Core::Impl::find_resolvable(const Principal& by, JobId number) const {
  if (number == 0 || number > rows.state().last_job) {
    return fail(ErrorKind::not_found, fmt::format("There is no job {}.", number), "`escape jobs list` shows the jobs.");
  }
  const Job* job = find_live(number);
  if (!job) {
    return fail(ErrorKind::conflict,
                fmt::format("Job {} has already ended, and a job that has ended never changes.", number),
                fmt::format("`escape jobs show {}` shows how it ended.", number));
  }
  TRYV(check_may_act(by, job->environment, "resolve jobs"));
  if (makes_jobs(*job)) {
    return fail(ErrorKind::conflict,
                fmt::format("Job {} is a {}, which ends with the jobs that it made.", number, name_of(job->kind)),
                "Resolve those of them that are unknown: `escape jobs list --active` shows them.");
  }
  auto found = rows.state().tasks.find({number, job->current});
  const Task* task = found == rows.state().tasks.end() ? nullptr : &found->second;
  if (!task || task->phase != TaskPhase::unknown) {
    return fail(ErrorKind::conflict,
                how_it_is(*job, task) + "; only a job whose agent is out of reach is settled by hand.",
                fmt::format("Wait for it, or stop it with `escape jobs cancel {}`.", number));
  }
  if (!job->workspace.empty()) {
    return fail(ErrorKind::refused,
                fmt::format("Job {} belongs to a command that works in {}.", number, job->workspace),
                fmt::format("`escape jobs cancel {}` ends it without waiting for that command.", number));
  }
  return job;
}

/// The job ends by a person's word. Its agent may still be running the script: that is never cut off for it, and what
/// comes of it is told (`task.late`) and changes nothing.
Result<protocol::Reply> Core::Impl::resolve_job(const Principal& by, const protocol::request::ResolveJob& asked) {
  TRYV(check_reason(asked.reason));
  TRY(const Job* found, find_resolvable(by, asked.job));
  const JobId number = found->number;
  const TaskId id{number, found->current};
  const Task task = rows.state().tasks.at(id);
  const std::string reason(trimmed(asked.reason));
  const std::string_view word = asked.is_ok ? "ok" : "failed";
  Job& job = rows.edit(number);
  job.resolved_by = by.name;
  job.resolved_because = reason;
  tell("job.resolved", by.name, deployment_of(job), number,
       {{"as", word},
        {"reason", reason},
        {"task", id.index},
        {"step", task.step},
        {"agent", task.agent},
        {"attempt", task.attempt}});
  const std::string text = fmt::format("Settled as {} by {}: {}", word, by.name, reason);
  log(job, "warn", text);
  add_stray(task);
  settle_task(id, asked.is_ok ? protocol::TaskOutcome::ok : protocol::TaskOutcome::failed, 0, text);
  if (asked.is_ok) {
    std::vector<std::string> left;
    for (auto later = rows.state().tasks.upper_bound(id);
         later != rows.state().tasks.end() && later->first.job == number; ++later) {
      left.push_back(later->second.step);
    }
    if (!left.empty()) log(job, "warn", "Not run: " + escape::join(left, ", ") + ".");
    take_as_done(number);
  } else {
    fail_job(number, {ErrorKind::failed,
                      fmt::format("{} (step {} on agent {}, which was out of reach).", text, task.step, task.agent),
                      fmt::format("`escape jobs retry {}` runs it again.", number),
                      {}});
  }
  return protocol::Reply(protocol::reply::Done{fmt::format(
      "Job {} is settled as {}. Should agent {} come back, what became of step {} is told in the events and changes "
      "nothing.",
      number, word, task.agent, task.step)});
}

void Core::Impl::add_stray(const Task& task) {
  if (!rows.state().agents.contains(task.agent)) return;
  const Job& job = rows.state().jobs.at(task.id.job);
  rows.edit_agent(task.agent)
      .strays.push_back({.task = task.id,
                         .attempt = task.attempt,
                         .environment = job.environment,
                         .deployment = task.deployment.empty() ? job.deployment : task.deployment,
                         .step = task.step,
                         .wants_stop = wants_stop(job)});
}

/// The row to write to, or nullptr.
StrayTask* Core::Impl::find_stray(const AgentId& agent, TaskId task, Attempt attempt) {
  auto row = rows.state().agents.find(agent);
  if (row == rows.state().agents.end()) return nullptr;
  const auto is_it = [&](const StrayTask& stray) { return stray.task == task && stray.attempt == attempt; };
  if (std::ranges::none_of(row->second.strays, is_it)) return nullptr;
  return &*std::ranges::find_if(rows.edit_agent(agent).strays, is_it);
}

void Core::Impl::tell_stray(const AgentId& agent, const StrayTask& stray, std::string_view outcome, int exit_status,
                            const std::string& message) {
  tell("task.late", agent, {stray.environment, stray.deployment}, stray.task.job,
       {{"task", stray.task.index},
        {"step", stray.step},
        {"agent", agent},
        {"attempt", stray.attempt},
        {"outcome", outcome},
        {"exit_status", exit_status},
        {"message", message}});
}

void Core::Impl::forget_stray(const AgentId& agent, TaskId task) {
  std::erase_if(rows.edit_agent(agent).strays, [&](const StrayTask& stray) { return stray.task == task; });
}

}  // namespace escape::controller
