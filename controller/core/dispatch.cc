#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"

namespace escape::controller {
namespace {

/// Steps that see what the scripts before them gave out (spec/variables.md §10).
bool sees_outputs(std::string_view step) {
  return step.starts_with("post_") || step == "test" || step == "smoke" || step == "destroy" || step == "pre_destroy";
}
bool writes_outputs_file(std::string_view step) {
  return step == "build" || step == "deploy" || step == "post_build" || step == "post_deploy" || step == "destroy";
}
// What destroy leaves in the file means nothing any more, so it cannot fail on it.
bool reads_outputs(std::string_view step) { return writes_outputs_file(step) && step != "destroy"; }

/// spec/inventory-api.md §4.18; the shell puts another place in when the inventory is elsewhere.
std::string download_path(const std::string& release) {
  Result<release::ReleaseId> id = release::parse_release_id(release);
  if (!id) return {};
  return fmt::format("/api/v1/inventory/{}/units/{}/versions/v{}/download", id.value().application.project,
                     id.value().application.name, id.value().version.text());
}

}  // namespace

std::optional<AgentId> Core::Impl::workspace_agent_of(const Job& job) const {
  // A process says in its greeting which folder it works for; one that does not serves any folder of its person.
  const std::string person = std::string(workspace_prefix) + job.principal;
  for (const AgentId& name : {person + ":" + job.workspace, person}) {
    if (presence.contains(name)) return name;
  }
  return std::nullopt;
}

std::optional<AgentId> Core::Impl::choose_agent(const Job& job) const {
  if (settings.is_embedded) return AgentId(embedded_agent);
  if (!job.workspace.empty()) return workspace_agent_of(job);
  auto here = agents_of.find(job.environment);
  if (here == agents_of.end() || here->second.empty()) return std::nullopt;
  auto deployment = rows.state().deployments.find(deployment_of(job));
  if (deployment != rows.state().deployments.end() && here->second.contains(deployment->second.agent) &&
      !is_mutant("hand_over_unknown_tasks")) {
    return deployment->second.agent;
  }
  const auto rank = [&](const AgentId& agent) {
    auto known = presence.find(agent);
    const bool is_online = known != presence.end() && known->second.liveness == "online";
    auto tasks = work.find(agent);
    return std::tuple(!is_online, tasks == work.end() ? 0 : tasks->second.size());
  };
  // The first of equals: the set is in the order of names.
  return *std::ranges::min_element(here->second, {}, rank);
}

Result<> Core::Impl::check_has_agent(const Job& job) const {
  if (settings.is_embedded || !job.workspace.empty() || choose_agent(job)) return ok();
  return fail(ErrorKind::no_target, fmt::format("The environment '{}' has no agent.", job.environment),
              fmt::format("Enrol one: on a host of that environment run `escape-agent join TOKEN` with the token that "
                          "`escape agents invite --environment {}` prints.",
                          job.environment));
}

void Core::Impl::bind(TaskId id, const AgentId& agent) {
  unbind(id);
  rows.edit(id).agent = agent;
  work[agent].insert(id);
}

void Core::Impl::unbind(TaskId id) {
  unbound.erase(id);
  auto bound = work.find(rows.state().tasks.at(id).agent);
  if (bound == work.end()) return;
  bound->second.erase(id);
  if (bound->second.empty()) work.erase(bound);
}

/// Binds a task that never left to an agent and offers it, now or when the agent is there.
void Core::Impl::dispatch(TaskId id) {
  const Job& job = rows.state().jobs.at(id.job);
  const std::optional<AgentId> agent = choose_agent(job);
  if (!agent && job.workspace.empty()) return fail_job(id.job, check_has_agent(job).error());
  if (!agent) {
    unbind(id);
    rows.edit(id).agent.clear();
    unbound.insert(id);
    return wait_for_agent(id);
  }
  bind(id, *agent);
  if (job.workspace.empty() && rows.state().deployments.at(deployment_of(job)).agent != *agent) {
    rows.edit_deployment(deployment_of(job)).agent = *agent;
  }
  if (const SessionId session = session_of(*agent)) return offer(id, session);
  wait_for_agent(id);
}

/// All that the offer says of the step: kept, so that a repeated offer is the same.
Result<> Core::Impl::fill_task(Task& task) {
  const Job& job = rows.state().jobs.at(task.id.job);
  const state::StageRecord& stage = *find_stage(rows.state(), deployment_of(job), task.stage);
  task.variables = variables_for(metadata_of(task.id.job), stage, job.previous_variables, sees_outputs(task.step));
  const bool is_main = task.step == "build" || task.step == "deploy";
  if (writes_outputs_file(task.step) && !is_main) task.outputs_before = stage.calculated_outputs;
  const release::Metadata& plan = metadata_of(task.id.job);
  const release::Scope scope = task.stage == "build" ? release::Scope::build : release::Scope::deploy;
  TRY(task.run,
      evaluate_stage(plan.stages.at(task.step),
                     expression_globals(plan, scope, {job.environment, job.deployment, &stage, now.wall}), now.wall));
  return ok();
}

protocol::Offer Core::Impl::offer_of(const Task& task) {
  const Job& job = rows.state().jobs.at(task.id.job);
  const release::Metadata& plan = metadata_of(task.id.job);
  protocol::Offer offer;
  offer.task = task.id;
  offer.attempt = task.attempt;
  offer.environment = job.environment;
  offer.deployment = job.deployment;
  offer.stage = task.stage;
  offer.step = task.step;
  offer.package.release = job.release;
  if (job.workspace.empty()) {
    offer.package.path = download_path(job.release);
    offer.package.sha256 = job.sha256;
    offer.package.size = job.size;
  } else {
    offer.package.workspace = job.workspace;
  }
  offer.run = task.run.empty() ? plan.stages.at(task.step) : task.run;  // empty: the row is of an older version
  offer.variables = task.variables;
  offer.secret_variables = secret_variables(plan, task.variables);
  offer.outputs_before = task.outputs_before;
  offer.writes_outputs_file = writes_outputs_file(task.step);
  offer.reads_outputs = reads_outputs(task.step);
  offer.time_limit = job.step_time_limit > Millis{0} ? job.step_time_limit : settings.step_time_limit;
  offer.credit = output_credit();
  return offer;
}

void Core::Impl::offer(TaskId id, SessionId session) {
  cancel_timers(id);
  Task& task = rows.edit(id);
  const bool is_again = task.was_sent;
  task.phase = TaskPhase::offered;
  task.was_sent = true;
  if (!is_again || !rows.state().jobs.at(id.job).message.empty()) {
    rows.edit(id.job).message.clear();
    rows.edit(id.job).hint.clear();
  }
  send(session, offer_of(task));
  timers.set({TimerKind::resend, {}, id}, now.steady + settings.resend_offer);
}

void Core::Impl::cancel_timers(TaskId id) {
  for (const TimerKind kind : {TimerKind::notice, TimerKind::wait, TimerKind::resend}) timers.cancel({kind, {}, id});
}

/// The agent is not connected. People are told at once when it is known to be lost; right after a start it may just
/// need a moment.
void Core::Impl::wait_for_agent(TaskId id) {
  cancel_timers(id);
  const AgentId& agent = rows.state().tasks.at(id).agent;
  const Micros wait =
      awaited.contains(agent) ? std::max(settings.agent_wait, settings.return_lease) : settings.agent_wait;
  timers.set({TimerKind::wait, {}, id}, now.steady + wait);
  auto known = presence.find(agent);
  if (known != presence.end() && known->second.was_here && known->second.liveness == "offline") return give_notice(id);
  timers.set({TimerKind::notice, {}, id}, now.steady + std::min<Micros>(quiet_wait, settings.agent_wait / 2));
}

/// Who is waited for: "agent web1, last seen 3m ago".
std::string Core::Impl::describe_wait(const Job& job, const Task& task) const {
  if (task.agent.empty() || task.agent.starts_with(workspace_prefix)) {
    return fmt::format("the command that works in {}", job.workspace);
  }
  if (auto row = rows.state().agents.find(task.agent);
      row != rows.state().agents.end() && !row->second.conflict.empty()) {
    return fmt::format("agent {}, whose key two hosts use", task.agent);
  }
  const Timestamp seen = last_seen(task.agent);
  const std::string ago = seen.is_set() ? ", last seen " + to_short_text(now.wall - seen) + " ago" : ", never seen yet";
  return fmt::format("agent {}{}", task.agent, ago);
}

void Core::Impl::give_notice(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const std::string text = "Waiting for " + describe_wait(*job, rows.state().tasks.at(id));
  rows.edit(id.job).message = text;
  log(*job, "warn", text + ".");
}

void Core::Impl::stop_waiting(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const Task& task = rows.state().tasks.at(id);
  if (task.was_sent) return mark_unknown(id);
  if (!job->workspace.empty()) {
    return fail_job(id.job, {ErrorKind::unreachable,
                             fmt::format("The command that works in {} is gone; step {} was not started.",
                                         job->workspace, task.step),
                             "Run the command again.",
                             {}});
  }
  fail_job(id.job,
           {ErrorKind::unreachable,
            fmt::format("No answer from {}; step {} was not started.", describe_wait(*job, task), task.step),
            fmt::format("Start escape-agent on that host, or remove the agent with `escape agents remove {}` so that "
                        "another one of the environment takes over.",
                        task.agent),
            {}});
}

void Core::Impl::say_again(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const Task& task = rows.state().tasks.at(id);
  const SessionId session = session_of(task.agent);
  if (session == 0) return;  // its greeting settles what is to be said
  if (task.phase == TaskPhase::offered) send(session, offer_of(task));
  if (job->cancel_requested) send_cancel(task);
  timers.set({TimerKind::resend, {}, id}, now.steady + settings.resend_offer);
}

}  // namespace escape::controller
