#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {

/// `check_allowed` has looked at the role; which environment it is about only the job tells.
Result<> Core::Impl::check_may_act(const Principal& by, const std::string& environment, std::string_view what) const {
  const bool may_act = by.role == "admin" || by.environments.empty() ||
                       std::ranges::find(by.environments, environment) != by.environments.end();
  if (may_act) return ok();
  return fail(ErrorKind::refused, fmt::format("{} may not {} in the environment '{}'.", by.name, what, environment),
              "Ask an administrator.");
}

Result<protocol::Reply> Core::Impl::cancel(const Principal& by, JobId number) {
  if (number == 0 || number > rows.state().last_job) {
    return fail(ErrorKind::not_found, fmt::format("There is no job {}.", number), "`escape jobs list` shows the jobs.");
  }
  const Job* job = find_live(number);
  if (!job) return fail(ErrorKind::conflict, fmt::format("Job {} has already ended.", number));
  TRYV(check_may_act(by, job->environment, "cancel jobs"));
  if (is_unwinding(*job)) {
    return protocol::Reply(protocol::reply::Done{
        fmt::format("Job {} has failed and deactivates its providers; it ends by itself.", number)});
  }
  if (job->cancel_requested) {
    return protocol::Reply(
        protocol::reply::Done{fmt::format("Job {} is already being cancelled, by {}.", number, job->cancelled_by)});
  }
  return protocol::Reply(protocol::reply::Done{cancel_live(number, by.name)});
}

/// Says what happens now.
std::string Core::Impl::cancel_live(JobId number, const std::string& by) {
  Job& job = rows.edit(number);
  job.cancel_requested = true;
  job.cancelled_by = by;
  tell("job.cancel_requested", by, deployment_of(job), number);
  if (makes_jobs(job) && job.phase == JobPhase::running && children.contains(number)) {
    log(job, "warn", fmt::format("Cancelled by {}.", by));
    for (JobId child : std::set(children.at(number))) {
      if (const Job* live = find_live(child); live && !live->cancel_requested) cancel_live(child, by);
    }
    if (!find_live(number)) return fmt::format("Job {} is cancelled.", number);
    return fmt::format("Job {} is being cancelled: what has started on agents is told to stop.", number);
  }
  if (job.at.empty()) {
    cancel_now(number);
    return fmt::format("Job {} is cancelled.", number);
  }
  withdraw_unsent(number);
  std::vector<TaskId> sent;
  std::vector<std::string> names;
  for (const std::uint32_t index : job.at) {
    sent.push_back({number, index});
    names.push_back(name_of_step(sent.back()));
  }
  if (sent.empty()) {
    advance(number);
    return fmt::format("Job {} is cancelled.", number);
  }
  const std::string steps = fmt::format("step{} {}", names.size() == 1 ? "" : "s", escape::join(names, ", "));
  const AgentId agent = rows.state().tasks.at(sent.front()).agent;  // all steps of a job run on one
  if (has_gone(agent)) {
    for (const TaskId id : sent) {
      interrupt(id, Interruption::command_gone, "the command that ran it has gone, and the job was cancelled by " + by);
    }
    return fmt::format("Job {} is cancelled; the command that ran its {} has gone, so nobody knows how far it got.",
                       number, steps);
  }
  if (session_of(agent) == 0) {
    job.message = fmt::format("Cancelled by {}; agent {} is out of reach and is told when it returns.", by, agent);
    log(job, "warn", job.message);
    return fmt::format("Job {} will be cancelled when agent {} returns; until then its script may be running.", number,
                       agent);
  }
  job.message = fmt::format("Cancelled by {}; {} on agent {} {} told to stop.", by, steps, agent,
                            names.size() == 1 ? "is" : "are");
  log(job, "warn", job.message);
  for (const TaskId id : sent) send_cancel(rows.state().tasks.at(id));
  return fmt::format("Job {} is being cancelled: {} on agent {} {} told to stop.", number, steps, agent,
                     names.size() == 1 ? "is" : "are");
}

/// A process of a workspace that is out of reach may never return, and no administrator can remove it as an agent: its
/// job must not hold the deployment until it does.
bool Core::Impl::has_gone(const AgentId& agent) const {
  if (!agent.starts_with(workspace_prefix)) return false;
  auto known = presence.find(agent);
  return known == presence.end() || known->second.liveness == "offline";
}

/// Nothing of the job runs anywhere.
void Core::Impl::cancel_now(JobId number) {
  const Job& job = *find_live(number);
  fail_job(number, {ErrorKind::cancelled, fmt::format("Cancelled by {}.", job.cancelled_by), {}, {}});
}

void Core::Impl::send_cancel(const Task& task) {
  const SessionId session = session_of(task.agent);
  if (session == 0) return;
  send(session, protocol::Cancel{task.id, task.attempt, settings.cancel_grace});
  timers.set({TimerKind::resend, {}, task.id}, now.steady + settings.resend_offer);
}

}  // namespace escape::controller
