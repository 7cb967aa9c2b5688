#include "controller/core/reconcile.h"

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"

namespace escape::controller {

using protocol::AgentTaskPhase;
using protocol::HeldTask;
using protocol::TaskOutcome;

namespace {

Verdict compare_absent(OurTask ours, bool stop_wanted) {
  switch (ours) {
    case OurTask::none:
    case OurTask::ended:
    case OurTask::stopped:
    case OurTask::elsewhere:
    case OurTask::earlier:
    case OurTask::later:
      return Verdict::nothing;
    case OurTask::stray:
      return Verdict::late_lost;
    case OurTask::planned:
    case OurTask::offered:
      return stop_wanted ? Verdict::give_up : Verdict::offer;
    case OurTask::accepted:
      return Verdict::interrupt;
  }
  return Verdict::nothing;
}

Verdict compare_present(OurTask ours, AgentTaskPhase theirs, bool stop_wanted) {
  switch (ours) {
    case OurTask::none:
    case OurTask::ended:
    case OurTask::elsewhere:
    case OurTask::earlier:
    case OurTask::later:
    case OurTask::planned:
      return Verdict::forget;
    case OurTask::stopped:
      return theirs == AgentTaskPhase::finished ? Verdict::forget : Verdict::stop;
    case OurTask::stray:
      if (theirs == AgentTaskPhase::accepted) return Verdict::late_unstarted;
      return theirs == AgentTaskPhase::running && stop_wanted ? Verdict::stop : Verdict::late;
    case OurTask::offered:
    case OurTask::accepted:
      if (is_mutant("forget_results_at_hello") && theirs == AgentTaskPhase::finished) return Verdict::forget;
      return stop_wanted && theirs != AgentTaskPhase::finished ? Verdict::adopt_and_stop : Verdict::adopt;
  }
  return Verdict::forget;
}

bool is_over(TaskPhase phase) { return phase == TaskPhase::settled || phase == TaskPhase::skipped; }

OurTask view_of_live(const Task& task) {
  if (is_over(task.phase)) return OurTask::ended;
  if (!task.was_sent) return OurTask::planned;
  return task.started_at.is_set() && !is_mutant("reuse_an_attempt") ? OurTask::accepted : OurTask::offered;
}

}  // namespace

Verdict compare(OurTask ours, std::optional<AgentTaskPhase> theirs, bool stop_wanted) {
  return theirs ? compare_present(ours, *theirs, stop_wanted) : compare_absent(ours, stop_wanted);
}

OurTask Core::Impl::our_view_of(const AgentId& agent, const HeldTask& held) {
  if (find_stray(agent, held.task, held.attempt)) return OurTask::stray;
  auto known = rows.state().tasks.find(held.task);
  if (!find_live(held.task.job) || known == rows.state().tasks.end()) {
    if (held.task.job > rows.state().last_job) return OurTask::none;
    // Only a cancellation settles a workspace's job without its process.
    return agent.starts_with(workspace_prefix) ? OurTask::stopped : OurTask::ended;
  }
  const Task& task = known->second;
  if (task.agent != agent) return OurTask::elsewhere;
  if (held.attempt < task.attempt) return OurTask::earlier;
  if (held.attempt > task.attempt) return OurTask::later;
  return view_of_live(task);
}

/// One task that the agent names.
void Core::Impl::compare_held(const AgentId& agent, const HeldTask& held, protocol::Welcome& welcome,
                              std::set<TaskId>& adopted) {
  const OurTask ours = our_view_of(agent, held);
  const Job* job = find_live(held.task.job);
  const StrayTask* stray = find_stray(agent, held.task, held.attempt);
  const bool stop_wanted = stray ? stray->wants_stop : job && wants_stop(*job);
  switch (compare(ours, held.phase, stop_wanted)) {
    case Verdict::adopt_and_stop:
      welcome.cancel.push_back(held.task);
      adopted.insert(held.task);
      return;
    case Verdict::adopt:
      adopted.insert(held.task);
      // Its script starts in this boot, if the host was rebooted since it took the task.
      if (held.phase == AgentTaskPhase::accepted) rows.edit(held.task).boot_id = presence[agent].host.boot_id;
      return;
    case Verdict::stop:
      welcome.cancel.push_back(held.task);
      return;
    case Verdict::forget:
      welcome.forget.push_back(held.task);
      return;
    case Verdict::late_unstarted: {
      welcome.forget.push_back(held.task);
      tell_stray(agent, *stray, name_of(TaskOutcome::not_started), 0,
                 "It had not been started when its agent came back, and never will be.");
      return forget_stray(agent, held.task);
    }
    case Verdict::nothing:
    case Verdict::offer:
    case Verdict::give_up:
    case Verdict::interrupt:
    case Verdict::late:
    case Verdict::late_lost:
      return;  // of strays `compare_strays` tells, and the others are verdicts about what the agent does not name
  }
}

/// A current task of this agent that it does not name.
void Core::Impl::compare_ours(const AgentId& agent, SessionId session, TaskId id) {
  auto found = rows.state().tasks.find(id);
  if (!find_live(id.job) || found == rows.state().tasks.end() || found->second.agent != agent) return;
  const Task& task = found->second;
  const bool stop_wanted = wants_stop(rows.state().jobs.at(id.job));
  switch (compare(view_of_live(task), std::nullopt, stop_wanted)) {
    case Verdict::offer:
      return offer(id, session);
    case Verdict::give_up:
      withdraw(id);
      return advance(id.job);
    case Verdict::interrupt: {
      const Interruption why = why_vanished(task);
      return interrupt(id, why == Interruption::host_rebooted ? why : Interruption::task_lost, {});
    }
    default:
      return;
  }
}

/// What was settled by hand and is out there still: told once that it runs, and once what became of it.
void Core::Impl::compare_strays(const AgentId& agent, const protocol::Hello& hello) {
  auto row = rows.state().agents.find(agent);
  if (row == rows.state().agents.end()) return;
  for (const StrayTask& stray : std::vector(row->second.strays)) {
    const auto held = std::ranges::find_if(
        hello.holds, [&](const HeldTask& one) { return one.task == stray.task && one.attempt == stray.attempt; });
    if (held == hello.holds.end()) {
      tell_stray(agent, stray, name_of(TaskOutcome::interrupted), 0, "Its agent came back without it.");
      forget_stray(agent, stray.task);
    } else if (held->phase == AgentTaskPhase::running && !stray.is_told) {
      tell_stray(agent, stray, "running", 0,
                 stray.wants_stop ? "It is told to stop, as was asked for before its job was settled."
                                  : "It is left to end; what comes of it is told and changes nothing.");
      find_stray(agent, stray.task, stray.attempt)->is_told = true;
    }
  }
}

}  // namespace escape::controller
