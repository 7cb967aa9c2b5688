#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

using state::StatusCode;

/// Far beyond any script, and what agents add to their clocks.
constexpr Millis longest_step = std::chrono::hours(24 * 366);

bool is_workspace(const Job& job) { return !job.workspace.empty(); }

std::string_view stage_of(JobKind kind) { return kind == JobKind::build || kind == JobKind::test ? "build" : "deploy"; }

/// "project/name" that a job's release text names.
std::string application_text(const Job& job) {
  Result<release::ReleaseQuery> query =
      release::parse_release_query(job.release.empty() ? job.release_query : job.release);
  return query ? to_string(query.value().application) : std::string();
}

Error not_there(const Job& job) {
  return {ErrorKind::not_found,
          fmt::format("The deployment {} was not found in the environment {}.", job.deployment, job.environment),
          fmt::format("`escape state list-deployments -e {}` shows what is there.", job.environment),
          {}};
}

/// The original's words for a stage that does not hold this very release.
Error no_such_state(const Job& job, std::string_view stage) {
  const std::string word(stage);
  std::string name = job.release.empty() ? job.deployment : job.release;
  if (Result<release::ReleaseId> id = release::parse_release_id(name)) name = without_project(id.value());
  std::string command = "escape run " + word;
  if (job.deployment != application_text(job)) command += " -d " + job.deployment;
  if (stage == "deploy" && !job.release.empty()) command += " " + job.release;
  return {ErrorKind::not_found,
          fmt::format("{} state '{}' for release '{}' could not be found", stage == "build" ? "Build" : "Deployment",
                      job.deployment, name),
          fmt::format("You may need to run `{}` to resolve this issue", command),
          {}};
}

Error wrong_status(const Job& job, const state::StageRecord& stage, std::string hint) {
  return {ErrorKind::refused,
          fmt::format("The deployment {} in the environment {} is in status '{}', from which no {} may start.",
                      job.deployment, job.environment, name_of(stage.status.code), name_of(job.kind)),
          std::move(hint),
          {}};
}

Result<> check_roll(const Job& job, const State& state) {
  const std::string application = application_text(job);
  if (const state::Deployment* other = holds_other_package(state, deployment_of(job), application)) {
    return fail(other_package(*other, application));
  }
  const state::StageRecord* stage = find_stage(state, deployment_of(job), stage_of(job.kind));
  if (!stage || stage->status.code == StatusCode::pending || may_go(stage->status.code, StatusCode::pending))
    return ok();
  return fail(wrong_status(job, *stage, "`escape run converge` carries out what was asked for before."));
}

Result<> check_trial(const Job& job, const State& state) {
  const std::string_view stage_name = stage_of(job.kind);
  const bool is_there = state.deployments.contains(deployment_of(job));
  if (!is_there) return fail(is_workspace(job) ? no_such_state(job, stage_name) : not_there(job));
  const state::StageRecord* stage = find_stage(state, deployment_of(job), stage_name);
  const bool was_deployed = stage && !stage->release.version.empty() && stage->status.code != StatusCode::empty &&
                            stage->status.code != StatusCode::pending;
  if (!was_deployed) return fail(no_such_state(job, stage_name));
  const std::string runs = state.deployments.at(deployment_of(job)).release + "-v" + stage->release.version;
  if (is_workspace(job) && job.release != runs) return fail(no_such_state(job, stage_name));
  if (may_go(stage->status.code, StatusCode::running_test_step)) return ok();
  return fail(wrong_status(job, *stage, "Tests run on what was brought up well: repair it first."));
}

Result<> check_destroy(const Job& job, const State& state) {
  if (!state.deployments.contains(deployment_of(job))) return fail(not_there(job));
  for (const std::string& name : job.stages) {
    const state::StageRecord* stage = find_stage(state, deployment_of(job), name);
    if (!stage || stage->status.code == StatusCode::empty || stage->status.code == StatusCode::pending) continue;
    const bool may = may_go(stage->status.code, StatusCode::destroy_pending) ||
                     may_go(stage->status.code, StatusCode::running_pre_destroy_step);
    if (!may) return fail(wrong_status(job, *stage, ""));
    return ok();
  }
  return fail(
      ErrorKind::not_found,
      fmt::format("The deployment {} has not been deployed in the environment {}.", job.deployment, job.environment),
      fmt::format("`escape state list-deployments -e {}` shows what is there.", job.environment));
}

/// Its deployment must be there and in order; the original's words (spec/lifecycle.md §12).
Result<> check_errand(const Job& job, const State& state) {
  if (!state.deployments.contains(deployment_of(job))) {
    return fail(
        ErrorKind::not_found,
        fmt::format("The deployment '{}' could not be found in environment '{}'.", job.deployment, job.environment),
        fmt::format("`escape state list-deployments -e {}` shows what is there.", job.environment));
  }
  const state::StageRecord* stage = find_stage(state, deployment_of(job), "deploy");
  if (stage && stage->status.code == StatusCode::ok) return ok();
  return fail(
      ErrorKind::refused,
      fmt::format("'{}' has not been deployed in the environment '{}'.", job.deployment, job.environment),
      stage ? fmt::format("Its status is '{}'. Use 'escape run deploy' to deploy it.", name_of(stage->status.code))
            : "Use 'escape run deploy' to deploy it.");
}

Result<> check_stages(JobKind kind, const std::vector<std::string>& stages) {
  for (const std::string& stage : stages) {
    if (kind == JobKind::build) {
      if (stage == "test" || stage == "destroy") continue;
      return fail(ErrorKind::usage, "A build goes on with 'test' or 'destroy', not with '" + stage + "'.");
    }
    if (stage != "build" && stage != "deploy") {
      return fail(ErrorKind::usage, "Invalid stage name '" + stage + "'. Expecting 'build' or 'deploy'.");
    }
  }
  return ok();
}

}  // namespace

const state::StageRecord* find_stage(const State& state, const DeploymentKey& key, std::string_view stage) {
  auto deployment = state.deployments.find(key);
  if (deployment == state.deployments.end()) return nullptr;
  auto found = deployment->second.stages.find(std::string(stage));
  return found == deployment->second.stages.end() ? nullptr : &found->second;
}

const state::Deployment* holds_other_package(const State& state, const DeploymentKey& key,
                                             std::string_view application) {
  auto found = state.deployments.find(key);
  if (found == state.deployments.end() || found->second.release == application) return nullptr;
  const bool holds_something = std::ranges::any_of(
      found->second.stages, [](const auto& stage) { return stage.second.status.code != StatusCode::empty; });
  return holds_something ? &found->second : nullptr;
}

Error other_package(const state::Deployment& deployment, std::string_view application) {
  return {ErrorKind::refused,
          fmt::format("The deployment {} in the environment {} holds {}, not {}.", deployment.name,
                      deployment.environment, deployment.release, application),
          fmt::format("Give another deployment name with -d, or destroy it first: escape run destroy -d {} -e {}",
                      deployment.name, deployment.environment),
          {}};
}

Result<> Core::Impl::check_startable(const Job& job) const {
  switch (job.kind) {
    case JobKind::deploy:
    case JobKind::build:
    case JobKind::rollback:
      return check_roll(job, rows.state());
    case JobKind::promote: {
      TRYV(check_not_held(job));
      return check_roll(job, rows.state());
    }
    case JobKind::smoke:
    case JobKind::test: {
      TRYV(check_trial(job, rows.state()));
      return check_still_there(job);
    }
    case JobKind::destroy: {
      TRYV(check_destroy(job, rows.state()));
      return check_still_there(job);
    }
    case JobKind::errand:
      return check_errand(job, rows.state());
    case JobKind::converge:
      break;
  }
  if (rows.state().environments.contains(job.environment)) return ok();
  return fail(ErrorKind::not_found, fmt::format("There is no environment '{}'.", job.environment),
              "Describe it in a file and run `escape environments apply -f FILE`.");
}

/// What was asked for as a job, with names checked and defaults filled in.
Result<Job> Core::Impl::job_of(const protocol::request::Submit& asked,
                               const std::vector<DeploymentChange>& history) const {
  Job job;
  job.kind = asked.kind;
  job.environment = asked.environment;
  job.deployment = asked.deployment;
  job.release_query = asked.release;
  job.inputs = asked.inputs;
  job.refresh = asked.refresh;
  job.step_time_limit = asked.step_time_limit;
  job.workspace = asked.workspace;
  job.stages = asked.stages;
  job.providers = asked.providers;
  job.errand = asked.errand;
  job.reason = asked.reason;
  job.plan = asked.plan;
  if (job.kind == JobKind::errand && job.errand.empty()) {
    return fail(ErrorKind::usage, "Missing the errand's name.", "`escape errands list -d DEPLOYMENT` shows them.");
  }
  if (job.environment.empty()) return fail(ErrorKind::usage, "Missing 'environment'", "Name it with -e.");
  TRYV(release::check_environment_name(job.environment));
  if (job.step_time_limit > longest_step) return fail(ErrorKind::usage, "A step may run for a year at most.");
  if (is_workspace(job) &&
      (job.kind == JobKind::promote || job.kind == JobKind::converge || job.kind == JobKind::rollback)) {
    return fail(ErrorKind::usage, fmt::format("A {} works on what is deployed, not on a workspace.", name_of(job.kind)),
                "Leave the workspace out.");
  }
  TRYV(check_stages(job.kind, job.stages));
  if (job.kind == JobKind::destroy && job.stages.empty()) job.stages = {"deploy"};
  // Build before deploy, as the original destroys.
  std::ranges::sort(job.stages);
  if (job.kind == JobKind::build) std::ranges::reverse(job.stages);  // what is destroyed can't be tested
  job.stages.erase(std::unique(job.stages.begin(), job.stages.end()), job.stages.end());
  if (job.kind == JobKind::converge) return job;

  if (job.kind == JobKind::promote) {
    job.from_environment = asked.from_environment;
    job.from_deployment = asked.from_deployment.empty() ? asked.deployment : asked.from_deployment;
    if (job.deployment.empty()) job.deployment = job.from_deployment;
    job.expected_sha256 = asked.expected_sha256;
    TRYV(aim_promotion(job, asked.with_inputs));
  } else if (job.kind == JobKind::rollback) {
    if (job.deployment.empty())
      return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment with -d.");
    if (!job.inputs.empty() || !job.providers.empty()) {
      return fail(ErrorKind::usage, "A rollback takes the inputs and providers of what it goes back to.",
                  "Leave -v and -p out, or deploy that release by its name.");
    }
    job.back_to = asked.back_to;
    TRYV(aim_rollback(job, history));
  } else if (is_workspace(job)) {
    TRY(const release::Metadata plan, codec::metadata_from_value(asked.metadata));
    TRYV(release::check_metadata(plan));
    TRY(const release::ReleaseId id, release::release_id_of(plan));
    if (job.kind != JobKind::errand) {
      TRYV(check_declared(plan, asked.inputs));
    }
    job.release = to_string(id);
    if (job.deployment.empty()) job.deployment = to_string(id.application);
  } else if (job.kind == JobKind::build || job.kind == JobKind::test) {
    return fail(ErrorKind::usage, fmt::format("A {} needs the files of a workspace.", name_of(job.kind)),
                fmt::format("Run `escape run {}` in the folder of the plan.", name_of(job.kind)));
  } else if (job.kind == JobKind::deploy || !job.release_query.empty()) {
    TRY(const release::ReleaseQuery query, release::parse_release_query(job.release_query));
    if (job.deployment.empty()) job.deployment = to_string(query.application);
  }
  if (job.deployment.empty()) return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment with -d.");
  TRYV(release::check_deployment_name(job.deployment));
  return job;
}

Result<protocol::Reply> Core::Impl::submit(const Principal& by, const std::string& key,
                                           const protocol::request::Submit& asked,
                                           const std::vector<DeploymentChange>& history) {
  if (!asked.together.empty()) return submit_set(by, asked);
  TRY(Job job, job_of(asked, history));
  job.principal = by.name;
  if (!asked.with_inputs.empty()) {  // values leave their environment
    TRYV(check_may_act(by, job.from_environment, "take inputs along"));
  }
  if (is_workspace(job)) job.workspace_key = key;
  // With somebody in front, what counts is what they leave behind: asked again when the job starts.
  if (!rows.state().locks.contains(lock_of(job))) {
    TRYV(check_startable(job));
  }
  job.number = rows.state().last_job + 1;
  if (is_workspace(job)) rows.put(JobPlan{.job = job.number, .metadata = asked.metadata, .seen = asked.seen});
  std::string first_words;
  if (job.kind == JobKind::promote) {
    first_words = fmt::format("Promoting {} from {} to {}.", job.release_query, job.from_environment, job.environment);
  }
  if (job.kind == JobKind::rollback) {
    first_words = fmt::format("Rolling {} in {} back to {}, as it was after change {}.", job.deployment,
                              job.environment, job.release_query, job.back_to);
  }
  const JobId number = job.number;
  add_job(std::move(job), first_words);
  return protocol::Reply(protocol::reply::JobMade{number});
}

}  // namespace escape::controller
