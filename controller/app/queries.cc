#include "controller/app/queries.h"

#include <algorithm>
#include <map>
#include <set>

#include "controller/app/history_queries.h"
#include "controller/app/masking.h"
#include "controller/core/shown_state.h"
#include "controller/store/rows.h"
#include "shared/base/crypto.h"
#include "shared/base/overloaded.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;
using protocol::Reply;

constexpr int max_page = 1000;

Timestamp seen_of(const AgentId& agent, const QueryContext& context) {
  const Timestamp heard = context.last_seen(agent);
  auto row = context.state.agents.find(agent);
  return heard.is_set() || row == context.state.agents.end() ? heard : row->second.last_seen;
}

protocol::TaskView task_view(const Task& task, const QueryContext& context) {
  const bool is_over = task.phase == TaskPhase::settled || task.phase == TaskPhase::skipped;
  const bool is_theirs = !is_over && !task.agent.empty();
  return {.task = task.id,
          .attempt = task.attempt,
          .step = task.step,
          .agent = task.agent,
          .phase = task.phase,
          .outcome = task.outcome ? std::string(protocol::name_of(*task.outcome)) : std::string(),
          .exit_status = task.exit_status,
          .message = task.message,
          .output_bytes = task.output_bytes,
          .started_at = task.started_at,
          .ended_at = task.ended_at,
          .host = task.host,
          .agent_state = is_theirs ? std::string(context.liveness(task.agent)) : std::string(),
          .agent_seen = is_theirs ? seen_of(task.agent, context) : Timestamp{},
          .reported_at = task.reported_at,
          .deployment = task.deployment};
}

/// A converge is unknown when nothing that it waits for can go on.
bool waits_for_unknown(const Job& job, const State& state) {
  bool has_unknown = false;
  for (JobId number : job.children) {
    auto child = state.jobs.find(number);
    if (child == state.jobs.end()) continue;
    if (!is_unknown(child->second, state)) return false;
    has_unknown = true;
  }
  return has_unknown;
}

std::string state_of(const Job& job, const State& state) {
  if (job.phase == JobPhase::settled) return std::string(protocol::name_of(job.outcome));
  if (is_unknown(job, state) || waits_for_unknown(job, state)) return std::string(name_of(TaskPhase::unknown));
  return std::string(protocol::name_of(job.phase));
}

protocol::JobView job_view(const Job& job, const State& state) {
  return {.number = job.number,
          .kind = job.kind,
          .phase = job.phase,
          .outcome = job.outcome,
          .error_kind = job.error_kind,
          .message = job.message,
          .hint = job.hint,
          .environment = job.environment,
          .deployment = job.deployment,
          .release = job.release,
          .principal = job.principal,
          .parent = job.parent,
          .created_at = job.created_at,
          .started_at = job.started_at,
          .settled_at = job.settled_at,
          .tasks = {},
          .state = state_of(job, state),
          .retry_of = job.retry_of,
          .resolved_by = job.resolved_by,
          .resolved_because = job.resolved_because};
}

Result<Job> load_job(JobId number, const QueryContext& context) {
  if (auto live = context.state.jobs.find(number); live != context.state.jobs.end()) return live->second;
  TRY(std::optional<Job> stored, store::find_job(context.reader, number));
  if (!stored) {
    return fail(ErrorKind::not_found, "There is no job " + std::to_string(number) + ".",
                "`escape jobs list` shows the jobs.");
  }
  return std::move(*stored);
}

Result<Reply> list_jobs(const request::ListJobs& asked, const QueryContext& context) {
  reply::Jobs jobs;
  const int limit = std::clamp(asked.limit, 1, max_page);
  if (asked.active_only) {
    for (const auto& [number, job] : context.state.jobs) {
      if (!asked.environment.empty() && job.environment != asked.environment) continue;
      if (!asked.deployment.empty() && job.deployment != asked.deployment) continue;
      jobs.jobs.push_back(job_view(job, context.state));
    }
    std::ranges::reverse(jobs.jobs);
    return Reply(std::move(jobs));
  }
  TRY(std::vector<Job> found,
      store::list_jobs(context.reader, asked.environment, asked.deployment, asked.before, limit + 1));
  jobs.more = found.size() > static_cast<std::size_t>(limit);
  if (jobs.more) found.pop_back();
  for (const Job& job : found) jobs.jobs.push_back(job_view(job, context.state));
  return Reply(std::move(jobs));
}

Result<Reply> list_agents(const request::ListAgents& asked, const QueryContext& context) {
  std::map<AgentId, int> running;
  for (const auto& [id, task] : context.state.tasks) {
    const bool is_held =
        task.phase == TaskPhase::offered || task.phase == TaskPhase::accepted || task.phase == TaskPhase::unknown;
    if (is_held) ++running[task.agent];
  }
  reply::Agents agents;
  for (const auto& [name, agent] : context.state.agents) {
    if (!asked.environment.empty() && agent.environment != asked.environment) continue;
    agents.agents.push_back({.name = name,
                             .environment = agent.environment,
                             .labels = agent.labels,
                             .state = std::string(context.liveness(name)),
                             .fingerprint = fingerprint(agent.key),
                             .host = agent.host,
                             .enrolled_at = agent.enrolled_at,
                             .last_seen = seen_of(name, context),
                             .running_tasks = running[name],
                             .conflict = agent.conflict,
                             .clock_ahead_micros = agent.clock_ahead_micros});
  }
  for (const auto& [key, invitation] : context.state.invitations) {
    if (invitation.role != "agent" || !invitation.used_by_key.empty() || invitation.valid_until < context.now) continue;
    if (!asked.environment.empty() && invitation.environment != asked.environment) continue;
    agents.agents.push_back({.name = invitation.name,
                             .environment = invitation.environment,
                             .labels = invitation.labels,
                             .state = "invited",
                             .fingerprint = {},
                             .host = {},
                             .enrolled_at = {},
                             .last_seen = {},
                             .running_tasks = 0});
  }
  return Reply(std::move(agents));
}

std::vector<std::string> in_order_of_creation(const State& state) {
  std::vector<const state::Environment*> environments;
  for (const auto& [name, environment] : state.environments) environments.push_back(&environment);
  std::ranges::stable_sort(environments, {}, [](const state::Environment* e) { return e->created_at; });
  std::vector<std::string> names;
  for (const state::Environment* environment : environments) names.push_back(environment->name);
  return names;
}

/// What the status alone does not tell: that a running deployment's agent is out of reach, that a failed one was cut
/// off.
Result<std::string> job_state_of(const state::StageRecord& stage, const QueryContext& context) {
  if (auto live = context.state.jobs.find(stage.job); live != context.state.jobs.end()) {
    return is_unknown(live->second, context.state) ? std::string(name_of(TaskPhase::unknown)) : std::string();
  }
  if (!is_error(stage.status.code)) return std::string();
  TRY(const std::optional<Job> job, store::find_job(context.reader, stage.job));
  const bool was_interrupted = job && job->outcome == JobOutcome::interrupted;
  return was_interrupted ? std::string(protocol::name_of(JobOutcome::interrupted)) : std::string();
}

Result<protocol::DeploymentCell> cell_of(const state::Deployment& deployment, const state::StageRecord& stage,
                                         const QueryContext& context) {
  protocol::DeploymentCell cell{.environment = deployment.environment,
                                .deployment = deployment.name,
                                .release = deployment.release,
                                .version = stage.last_ok ? stage.last_ok->version : std::string(),
                                .attempted = {},
                                .status = std::string(state::name_of(stage.status.code)),
                                .agent = deployment.agent,
                                .agent_state = {},
                                .job = stage.job,
                                .updated_at = stage.status.updated_at,
                                .job_state = {}};
  TRY(cell.job_state, job_state_of(stage, context));
  if (stage.release.version != cell.version) cell.attempted = stage.release.version;
  if (deployment.hold) cell.hold = describe_hold(*deployment.hold);
  if (!deployment.agent.empty()) cell.agent_state = std::string(context.liveness(deployment.agent));
  return cell;
}

/// What is desired in an environment, looked up now. `known`: answers by query, for who asks about many environments.
using Answers = std::map<std::string, Result<std::vector<release::ReleaseRecord>>>;
std::vector<DesiredVersion> desired_in(const std::string& environment, const QueryContext& context, Answers& known) {
  std::vector<DesiredVersion> desired;
  const auto& rows = context.state.deployments;
  for (auto row = rows.lower_bound({environment, ""}); row != rows.end() && row->first.environment == environment;
       ++row) {
    if (!row->second.desired) continue;
    const std::string& text = row->second.desired->query;
    auto answer = known.find(text);
    if (answer == known.end()) {
      const Result<release::ReleaseQuery> query = release::parse_release_query(text);
      answer = known
                   .emplace(text, query ? resolve_all(query.value(), {}, context.resolve)
                                        : Result<std::vector<release::ReleaseRecord>>(fail(query.error())))
                   .first;
    }
    const Result<std::vector<release::ReleaseRecord>>& records = answer->second;
    if (!records) {
      desired.push_back({row->first, fail(records.error()), {}});
      continue;
    }
    desired.push_back({row->first, records.value().front(), {records.value().begin() + 1, records.value().end()}});
  }
  return desired;
}

std::string drift_text(const protocol::PlannedChange& change, const std::string& status) {
  if (change.action == "none") return {};
  if (change.action == "smoke") return "a smoke test is asked for";
  if (change.action == "destroy") return "its destruction is asked for";
  if (change.action == "wait") return "its status is '" + status + "'; it " + change.reason;
  return change.action == "deploy" && change.reason == "it is asked for" ? "a deploy is asked for" : change.reason;
}

/// Of each deployment why it is not as desired.
void tell_drift(std::vector<protocol::DeploymentCell>& cells, const QueryContext& context) {
  Answers known;
  std::map<std::string, std::map<std::string, protocol::PlannedChange>> plans;
  for (protocol::DeploymentCell& cell : cells) {
    auto plan = plans.find(cell.environment);
    if (plan == plans.end()) {
      plan = plans.emplace(cell.environment, std::map<std::string, protocol::PlannedChange>()).first;
      const auto desired = desired_in(cell.environment, context, known);
      for (protocol::PlannedChange& change :
           plan_converge(context.state, cell.environment, desired, false, context.now)) {
        plan->second.emplace(change.deployment, change);
      }
    }
    auto change = plan->second.find(cell.deployment);
    if (change != plan->second.end()) cell.drift = drift_text(change->second, cell.status);
  }
}

Result<Reply> list_deployments(const request::ListDeployments& asked, const QueryContext& context) {
  reply::Deployments deployments;
  for (std::string& name : in_order_of_creation(context.state)) {
    if (asked.environment.empty() || name == asked.environment) deployments.environments.push_back(std::move(name));
  }
  for (const auto& [key, deployment] : context.state.deployments) {
    if (!asked.environment.empty() && key.environment != asked.environment) continue;
    if (state::is_below_another(key.deployment)) continue;
    const auto stage = deployment.stages.find("deploy");
    TRY(protocol::DeploymentCell cell,
        cell_of(deployment, stage == deployment.stages.end() ? state::StageRecord{} : stage->second, context));
    deployments.cells.push_back(std::move(cell));
  }
  tell_drift(deployments.cells, context);
  if (context.read_only) {
    deployments.read_only = describe(*context.read_only);
    deployments.read_only_hint = context.read_only->hint;
  }
  return Reply(std::move(deployments));
}

Result<Reply> export_state(const request::ExportState& asked, const QueryContext& context) {
  TRY(std::vector<state::EnvironmentState> environments, find_shown(context.state, asked));
  ReleaseFinder finder(context.reader, context.resolve);
  for (state::EnvironmentState& one : environments) {
    TRYV(mask_sensitive(one, finder));
  }
  return Reply(reply::State{codec::project_to_state_json("escape", environments)});
}

Result<Reply> show_deployment(const request::ShowDeployment& asked, const QueryContext& context) {
  if (asked.at != 0 || asked.at_time.is_set()) return show_past_deployment(asked, context.reader, context.resolve);
  TRY(auto shown, find_shown(context.state, asked));
  const std::string root = state::root_of(asked.deployment);
  ReleaseFinder finder(context.reader, context.resolve);
  TRY(const auto families, finder.of_families(with_providers(context.state, asked.environment, root)));
  for (auto& [name, deployment] : shown) mask_sensitive(deployment, families.at(root));
  return Reply(reply::Deployment{codec::deployment_to_state_json(shown, asked.deployment)});
}

Result<Reply> list_errands(const request::ListErrands& asked, const QueryContext& context) {
  auto found = context.state.deployments.find({asked.environment, asked.deployment});
  if (found == context.state.deployments.end()) {
    return fail(
        ErrorKind::not_found,
        "The deployment '" + asked.deployment + "' could not be found in environment '" + asked.environment + "'",
        "`escape state list-deployments -e " + asked.environment + "` shows what is there.");
  }
  state::Deployment deployed = found->second;
  std::erase_if(deployed.stages, [](const auto& stage) { return stage.first != "deploy"; });
  FamilyReleases releases;
  TRYV(ReleaseFinder(context.reader, context.resolve).add_releases(deployed, releases));
  reply::Errands errands;
  if (releases.known.empty()) return Reply(std::move(errands));
  const Value metadata = codec::metadata_to_value(releases.known.front());
  const Value* all = metadata.as_object()->find("errands");
  if (all && all->as_object()) errands.errands = *all->as_object();
  return Reply(std::move(errands));
}

/// What `ImportState` would bring.
Result<Reply> preview_import(const request::ImportState& asked, const QueryContext& context) {
  TRY(Import plan, plan_import(context.state, asked, digests_for(asked, context.resolve), "", context.now));
  return Reply(std::move(plan.report));
}

Result<Reply> list_environments(const QueryContext& context) {
  std::map<std::string, reply::EnvironmentView> views;
  ReleaseFinder finder(context.reader, context.resolve);
  for (const auto& [name, environment] : context.state.environments) {
    state::EnvironmentState whole{environment, {}};
    if (!environment.inputs.empty()) {
      whole = environment_state(context.state, environment);
      TRYV(mask_sensitive(whole, finder));
    }
    views[name] = {.name = name,
                   .is_protected = environment.is_protected,
                   .deployments = 0,
                   .agents = 0,
                   .agents_online = 0,
                   .inputs = whole.environment.inputs,
                   .converge = environment.converge};
  }
  for (const auto& [key, deployment] : context.state.deployments) {
    if (state::is_below_another(key.deployment)) continue;
    if (auto view = views.find(key.environment); view != views.end()) ++view->second.deployments;
  }
  for (const auto& [name, agent] : context.state.agents) {
    auto view = views.find(agent.environment);
    if (view == views.end()) continue;
    ++view->second.agents;
    if (context.liveness(name) == "online") ++view->second.agents_online;
  }
  reply::Environments environments;
  for (const std::string& name : in_order_of_creation(context.state)) environments.environments.push_back(views[name]);
  return Reply(std::move(environments));
}

Result<Reply> plan_of_converge(const request::PlanConverge& asked, const QueryContext& context) {
  if (!context.state.environments.contains(asked.environment)) {
    return fail(ErrorKind::not_found, "There is no environment '" + asked.environment + "'.",
                "Describe it in a file and run `escape environments apply -f FILE`.");
  }
  Answers known;
  const std::vector<DesiredVersion> desired = desired_in(asked.environment, context, known);
  std::vector<protocol::PlannedChange> changes =
      plan_converge(context.state, asked.environment, desired, asked.refresh, context.now);
  std::string id = converge_plan_id(context.state, asked.environment, desired, changes);
  return Reply(reply::ConvergePlan{std::move(changes), std::move(id)});
}

Result<Reply> plan_of_job(const request::PlanJob& asked, const QueryContext& context) {
  TRY(const std::vector<DeploymentChange> history, find_history(asked.submit, context.reader, {}));
  TRY(reply::Plan plan, Core::plan_job(asked.submit, history,
                                       {.state = context.state,
                                        .is_embedded = context.is_embedded,
                                        .liveness = context.liveness,
                                        .resolve = context.resolve,
                                        .now = context.now}));
  ReleaseFinder finder(context.reader, context.resolve);
  for (protocol::PlannedDeployment& one : plan.deployments) {
    // Values of now are of a release that may have called others sensitive than the one that is planned.
    auto row = context.state.deployments.find({plan.environment, state::root_of(one.deployment)});
    if (row == context.state.deployments.end()) continue;
    FamilyReleases releases;
    TRYV(finder.add_releases(row->second, releases));
    for (protocol::PlannedInput& input : one.inputs) {
      if (!is_sensitive(releases, input.name)) continue;
      if (!input.from.empty()) input.from = hidden_value;
      if (!input.to.empty()) input.to = hidden_value;
    }
  }
  return Reply(std::move(plan));
}

Result<Reply> list_events(const request::ListEvents& asked, const QueryContext& context) {
  const int limit = std::clamp(asked.limit, 1, max_page);
  TRY(const EventSequence newest, store::newest_event(context.reader));
  const EventSequence since =
      asked.newest ? (newest > static_cast<EventSequence>(limit) ? newest - static_cast<EventSequence>(limit) : 0)
                   : asked.since;
  TRY(std::vector<protocol::EventView> events, store::read_events(context.reader, since, limit));
  return Reply(reply::Events{std::move(events), newest, 1});
}

Result<Reply> list_principals(const QueryContext& context) {
  reply::Principals principals;
  for (const auto& [name, principal] : context.state.principals) {
    principals.principals.push_back(
        {name, principal.role, principal.environments, fingerprint(principal.key), principal.enrolled_at});
  }
  return Reply(std::move(principals));
}

Result<std::optional<Job>> find_newest(JobId number, const store::Reader& reader,
                                       const std::vector<Change>& uncommitted) {
  for (auto change = uncommitted.rbegin(); change != uncommitted.rend(); ++change) {
    if (const auto* job = std::get_if<Job>(&*change); job && job->number == number) return std::optional(*job);
  }
  return store::find_job(reader, number);
}

}  // namespace

Result<std::optional<PastJob>> find_past(JobId number, const store::Reader& reader,
                                         const std::vector<Change>& uncommitted) {
  TRY(std::optional<Job> job, find_newest(number, reader, uncommitted));
  if (!job || job->phase != JobPhase::settled) return std::optional<PastJob>();
  PastJob past{std::move(*job), {}};
  for (JobId child : past.job.children) {
    TRY(std::optional<Job> one, find_newest(child, reader, uncommitted));
    if (one) past.children.push_back(std::move(*one));
  }
  return std::optional(std::move(past));
}

KnownDigests digests_for(const request::ImportState& asked, const ResolveRelease& resolve) {
  return find_digests(asked, [&](const release::ReleaseId& id) -> Result<std::string> {
    TRY(const release::ReleaseRecord record,
        resolve(release::ReleaseQuery{id.application, release::Exact{id.version}}));
    return record.sha256;
  });
}

JobId root_of(const Job& job) { return job.parent != 0 ? job.parent : job.number; }

Result<protocol::JobView> view_of(JobId number, const QueryContext& context) {
  TRY(Job job, load_job(number, context));
  protocol::JobView view = job_view(job, context.state);
  TRY(std::vector<Task> tasks, store::load_tasks(context.reader, number));
  for (const Task& task : tasks) view.tasks.push_back(task_view(task, context));
  return view;
}

Result<Reply> answer(const protocol::Request& request, const QueryContext& context) {
  return std::visit(overloaded{
                        [&](const request::ListJobs& asked) { return list_jobs(asked, context); },
                        [&](const request::ShowJob& asked) -> Result<Reply> {
                          TRY(protocol::JobView view, view_of(asked.job, context));
                          return Reply(reply::Job{std::move(view)});
                        },
                        [&](const request::ListAgents& asked) { return list_agents(asked, context); },
                        [&](const request::ListPrincipals&) { return list_principals(context); },
                        [&](const request::ListEnvironments&) { return list_environments(context); },
                        [&](const request::ListDeployments& asked) { return list_deployments(asked, context); },
                        [&](const request::ListErrands& asked) { return list_errands(asked, context); },
                        [&](const request::ShowDeployment& asked) { return show_deployment(asked, context); },
                        [&](const request::ExportState& asked) { return export_state(asked, context); },
                        [&](const request::ImportState& asked) { return preview_import(asked, context); },
                        [&](const request::DescribePromotion& asked) -> Result<Reply> {
                          TRY(reply::Promotion promotion, describe_promotion(context.state, asked));
                          return Reply(std::move(promotion));
                        },
                        [&](const request::PlanConverge& asked) { return plan_of_converge(asked, context); },
                        [&](const request::PlanJob& asked) { return plan_of_job(asked, context); },
                        [&](const request::ListEvents& asked) { return list_events(asked, context); },
                        [&](const request::ListHistory& asked) { return list_history(asked, context.reader); },
                        [&](const request::DiffEnvironments& asked) {
                          return diff_environments(asked, context.state, context.reader, context.resolve);
                        },
                        [&](const auto& other) -> Result<Reply> {
                          return fail(
                              ErrorKind::internal,
                              "'" + std::string(protocol::word_of(protocol::Request(other))) + "' is not a query");
                        },
                    },
                    request);
}

}  // namespace escape::controller
