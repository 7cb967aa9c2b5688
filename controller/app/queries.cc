#include "controller/app/queries.h"

#include <algorithm>
#include <map>
#include <set>

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

protocol::TaskView task_view(const Task& task) {
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
          .ended_at = task.ended_at};
}

protocol::JobView job_view(const Job& job) {
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
          .tasks = {}};
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
      jobs.jobs.push_back(job_view(job));
    }
    std::ranges::reverse(jobs.jobs);
    return Reply(std::move(jobs));
  }
  TRY(std::vector<Job> found,
      store::list_jobs(context.reader, asked.environment, asked.deployment, asked.before, limit + 1));
  jobs.more = found.size() > static_cast<std::size_t>(limit);
  if (jobs.more) found.pop_back();
  for (const Job& job : found) jobs.jobs.push_back(job_view(job));
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
    const Timestamp heard = context.last_seen(name);
    agents.agents.push_back({.name = name,
                             .environment = agent.environment,
                             .labels = agent.labels,
                             .state = std::string(context.liveness(name)),
                             .fingerprint = fingerprint(agent.key),
                             .host = agent.host,
                             .enrolled_at = agent.enrolled_at,
                             .last_seen = heard.is_set() ? heard : agent.last_seen,
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

protocol::DeploymentCell cell_of(const state::Deployment& deployment, const state::StageRecord& stage,
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
                                .updated_at = stage.status.updated_at};
  if (stage.release.version != cell.version) cell.attempted = stage.release.version;
  if (!deployment.agent.empty()) cell.agent_state = std::string(context.liveness(deployment.agent));
  return cell;
}

Result<Reply> list_deployments(const request::ListDeployments& asked, const QueryContext& context) {
  reply::Deployments deployments;
  for (std::string& name : in_order_of_creation(context.state)) {
    if (asked.environment.empty() || name == asked.environment) deployments.environments.push_back(std::move(name));
  }
  for (const auto& [key, deployment] : context.state.deployments) {
    if (!asked.environment.empty() && key.environment != asked.environment) continue;
    const auto stage = deployment.stages.find("deploy");
    deployments.cells.push_back(
        cell_of(deployment, stage == deployment.stages.end() ? state::StageRecord{} : stage->second, context));
  }
  if (context.read_only) {
    deployments.read_only = describe(*context.read_only);
    deployments.read_only_hint = context.read_only->hint;
  }
  return Reply(std::move(deployments));
}

Result<Reply> list_environments(const QueryContext& context) {
  std::map<std::string, reply::EnvironmentView> views;
  for (const auto& [name, environment] : context.state.environments) {
    views[name] = {.name = name,
                   .is_protected = environment.is_protected,
                   .deployments = 0,
                   .agents = 0,
                   .agents_online = 0,
                   .inputs = environment.inputs};
  }
  for (const auto& [key, deployment] : context.state.deployments) {
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

state::EnvironmentState environment_state(const State& state, const state::Environment& environment) {
  state::EnvironmentState whole{environment, {}};
  for (auto it = state.deployments.lower_bound({environment.name, ""}); it != state.deployments.end(); ++it) {
    if (it->first.environment != environment.name) break;
    whole.deployments.emplace(it->first.deployment, it->second);
  }
  return whole;
}

Result<Reply> export_state(const request::ExportState& asked, const QueryContext& context) {
  std::vector<state::EnvironmentState> environments;
  for (const auto& [name, environment] : context.state.environments) {
    if (asked.environment.empty() || asked.environment == name) {
      environments.push_back(environment_state(context.state, environment));
    }
  }
  if (!asked.environment.empty() && environments.empty()) {
    return fail(ErrorKind::not_found, "There is no environment '" + asked.environment + "'.",
                "`escape environments list` shows the environments.");
  }
  return Reply(reply::State{codec::project_to_state_json("escape", environments)});
}

void mask(Value::Object& values, const std::string& id) {
  if (values.contains(id)) values.set(id, "‹sensitive›");
}

void mask_input(state::StageRecord& stage, const std::string& id) {
  mask(stage.inputs, id);
  mask(stage.calculated_inputs, id);
}

/// What is shown to people holds no value of what the release calls sensitive.
Result<> mask_sensitive(state::Deployment& deployment, const QueryContext& context) {
  std::vector<release::Metadata> releases;
  for (const auto& [name, stage] : deployment.stages) {
    TRY(const std::optional<JobPlan> plan, store::find_plan(context.reader, stage.job));
    if (!plan) continue;
    TRY(release::Metadata metadata, codec::metadata_from_value(plan->metadata));
    releases.push_back(std::move(metadata));
  }
  for (const release::Metadata& metadata : releases) {
    for (const release::Variable& input : metadata.inputs) {
      if (!input.sensitive) continue;
      mask(deployment.inputs, input.id);
      for (auto& [name, stage] : deployment.stages) mask_input(stage, input.id);
    }
    for (const release::Variable& output : metadata.outputs) {
      if (!output.sensitive) continue;
      for (auto& [name, stage] : deployment.stages) mask(stage.calculated_outputs, output.id);
    }
  }
  return ok();
}

Result<Reply> show_deployment(const request::ShowDeployment& asked, const QueryContext& context) {
  auto found = context.state.deployments.find({asked.environment, asked.deployment});
  if (found == context.state.deployments.end()) {
    return fail(ErrorKind::not_found,
                "Deployment '" + asked.deployment + "' not found in environment '" + asked.environment + "'.",
                "`escape state list-deployments -e " + asked.environment + "` shows what is there.");
  }
  state::Deployment shown = found->second;
  TRYV(mask_sensitive(shown, context));
  return Reply(reply::Deployment{codec::deployment_to_state_json(shown)});
}

Result<Reply> plan_of_converge(const request::PlanConverge& asked, const QueryContext& context) {
  if (!context.state.environments.contains(asked.environment)) {
    return fail(ErrorKind::not_found, "There is no environment '" + asked.environment + "'.",
                "Describe it in a file and run `escape environments apply -f FILE`.");
  }
  std::vector<DesiredVersion> desired;
  for (const auto& [key, deployment] : context.state.deployments) {
    if (key.environment != asked.environment || !deployment.desired) continue;
    Result<release::ReleaseQuery> query = release::parse_release_query(deployment.desired->query);
    if (!query) {
      desired.push_back({key, fail(query.error())});
    } else {
      desired.push_back({key, context.resolve(query.value())});
    }
  }
  return Reply(
      reply::ConvergePlan{plan_converge(context.state, asked.environment, desired, asked.refresh, context.now)});
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

}  // namespace

JobId root_of(const Job& job) { return job.parent != 0 ? job.parent : job.number; }

Result<protocol::JobView> view_of(JobId number, const QueryContext& context) {
  TRY(Job job, load_job(number, context));
  protocol::JobView view = job_view(job);
  TRY(std::vector<Task> tasks, store::load_tasks(context.reader, number));
  for (const Task& task : tasks) view.tasks.push_back(task_view(task));
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
                        [&](const request::ShowDeployment& asked) { return show_deployment(asked, context); },
                        [&](const request::ExportState& asked) { return export_state(asked, context); },
                        [&](const request::DescribePromotion& asked) -> Result<Reply> {
                          TRY(reply::Promotion promotion, describe_promotion(context.state, asked));
                          return Reply(std::move(promotion));
                        },
                        [&](const request::PlanConverge& asked) { return plan_of_converge(asked, context); },
                        [&](const request::ListEvents& asked) { return list_events(asked, context); },
                        [&](const auto& other) -> Result<Reply> {
                          return fail(
                              ErrorKind::internal,
                              "'" + std::string(protocol::word_of(protocol::Request(other))) + "' is not a query");
                        },
                    },
                    request);
}

}  // namespace escape::controller
