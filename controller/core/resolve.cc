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

std::string how_it_is(const Job& job, const State& state) {
  if (job.phase == JobPhase::queued) return fmt::format("Job {} has not started yet", job.number);
  const Task* task = job.at.empty() ? nullptr : &state.tasks.at({job.number, job.at.front()});
  if (!task || task->agent.empty()) return fmt::format("Job {} is running", job.number);
  return fmt::format("Job {} is running: agent {} has its step {} and is within reach", job.number, task->agent,
                     task->step);
}

}  // namespace

/// The job if a task of it is unknown; else why it is not for a person to settle.
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
  if (!is_unknown(*job, rows.state())) {
    return fail(ErrorKind::conflict,
                how_it_is(*job, rows.state()) + "; only a job whose agent is out of reach is settled by hand.",
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
  std::vector<Task> unknown;
  std::vector<std::string> names;
  for (const std::uint32_t index : found->at) {
    const Task& task = rows.state().tasks.at({number, index});
    if (task.phase != TaskPhase::unknown) continue;
    unknown.push_back(task);
    names.push_back(name_of_step(task.id));
  }
  const std::string steps = escape::join(names, ", ");
  const AgentId agent = unknown.front().agent;
  const std::string reason(trimmed(asked.reason));
  const std::string_view word = asked.is_ok ? "ok" : "failed";
  Job& job = rows.edit(number);
  job.resolved_by = by.name;
  job.resolved_because = reason;
  const bool had_failed = job.failure.has_value();
  const Task& first = unknown.front();
  tell("job.resolved", by.name, deployment_of(job), number,
       {{"as", word},
        {"reason", reason},
        {"task", first.id.index},
        {"step", unknown.size() == 1 ? first.step : steps},
        {"agent", agent},
        {"attempt", first.attempt}});
  const std::string text = fmt::format("Settled as {} by {}: {}", word, by.name, reason);
  log(job, "warn", text);
  for (const Task& task : unknown) {
    add_stray(task);
    settle_task(task.id, asked.is_ok ? protocol::TaskOutcome::ok : protocol::TaskOutcome::failed, 0, text);
  }
  if (asked.is_ok) {
    vouch_for(number, unknown);
  } else {
    for (const Task& task : unknown) {
      if (!find_live(number)) break;  // it was deactivating providers
      fail_step(task.id, {ErrorKind::failed,
                          fmt::format("{} (step {} on agent {}, which was out of reach).", text, task.step, agent),
                          fmt::format("`escape jobs retry {}` runs it again.", number),
                          {}});
    }
  }
  const std::string settled =
      had_failed
          ? fmt::format("Job {} had failed before, and ends as that; step {} is settled as {}.", number, steps, word)
          : fmt::format("Job {} is settled as {}.", number, word);
  return protocol::Reply(protocol::reply::Done{
      fmt::format("{} Should agent {} come back, what became of step {} is told in the events and changes nothing.",
                  settled, agent, steps)});
}

/// Those steps have ended well, and what is left of the job is not run; of one that has failed beside them only their
/// deployments are as they are wanted.
void Core::Impl::vouch_for(JobId number, const std::vector<Task>& settled) {
  if (is_unwinding(*find_live(number))) return after_step(settled.front().id);
  std::optional<std::set<std::uint32_t>> lines;
  if (find_live(number)->failure) {
    lines.emplace();
    for (const Task& task : settled) lines->insert(step_at(*find_live(number), task.id.index)->line);
  }
  std::vector<std::string> left;
  for (auto task = rows.state().tasks.lower_bound({number, 0});
       task != rows.state().tasks.end() && task->first.job == number; ++task) {
    if (task->second.phase == TaskPhase::planned) left.push_back(task->second.step);
  }
  if (lines) withdraw_unsent(number);
  if (!lines && !left.empty()) log(*find_live(number), "warn", "Not run: " + escape::join(left, ", ") + ".");
  take_as_done(number, lines);
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
