#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

using state::StatusCode;

Error moved_release(const std::string& what, const std::string& found, const std::string& expected) {
  return {
      ErrorKind::conflict,
      fmt::format("{} in the inventory has the digest {}, but {} is deployed.", what, found, expected),
      "Releases never change, so somebody replaced the package behind the inventory: find out who before you go on.",
      {}};
}

}  // namespace

Error moved_since(const Job& job) {
  return {ErrorKind::conflict,
          fmt::format("What {} showed no longer holds: something that it was made of has changed since.", job.plan),
          "Look again with --dry-run.",
          {}};
}

namespace {

Error errand_not_found(const Job& job, const release::Metadata& metadata) {
  std::vector<std::string> names;
  for (const auto& [name, errand] : metadata.errands) names.push_back(name);
  const std::string near = nearest(job.errand, names);
  return {ErrorKind::not_found,
          fmt::format("The errand '{}' could not be found in deployment '{}'. You can use 'escape errands list' to see "
                      "the available errands.",
                      job.errand, job.deployment),
          near.empty() ? std::string() : fmt::format("Did you mean '{}'?", near),
          {}};
}

/// `-v` of an errand: its own inputs, and those of the deployment for this one time.
std::vector<release::Variable> variables_of_errand(const release::Metadata& metadata, const std::string& errand) {
  std::vector<release::Variable> variables = metadata.inputs;
  const std::vector<release::Variable>& own = metadata.errands.at(errand).inputs;
  variables.insert(variables.end(), own.begin(), own.end());
  return variables;
}

}  // namespace

/// The release is known: asks for what else is needed, and when all is there the job leaves traces in the deployment.
void Core::Impl::begin(JobId number) {
  const Job& begun = rows.state().jobs.at(number);
  const bool is_of_set = begun.kind == JobKind::promote && begun.parent != 0 && !begun.is_let_go;
  if (is_of_set) return set_ready(number);
  const Result<bool> known = find_out(number);
  if (!known) return fail_job(number, known.error());
  if (!known.value()) return;
  if (only_plans) return make_rows(number);
  go_on(number);
}

/// Nothing is in its way: from here on there are traces.
void Core::Impl::go_on(JobId number) {
  for (const std::string& warning : warnings_of(*find_live(number), rows.state())) {
    log(*find_live(number), "warn", warning);
  }
  make_rows(number);
  advance(number);
}

/// Which deployments and releases the job means, and whether it may begin; false: it waits for releases that it asked
/// for.
Result<bool> Core::Impl::find_out(JobId number) {
  Job& job = rows.edit(number);
  if (job.kind == JobKind::destroy) {
    std::erase_if(job.stages, [&](const std::string& name) {
      const state::StageRecord* stage = find_stage(rows.state(), deployment_of(job), name);
      return !stage || stage->status.code == StatusCode::empty || stage->status.code == StatusCode::pending;
    });
  }
  expansions.erase(number);
  const Expansion& all = expansion_of(number);
  if (job.kind == JobKind::rollback) {
    // The dependencies are brought back too, and give what they give then.
    std::vector<std::string> theirs;
    for (const auto& [id, value] : job.given) {
      if (comes_from_dependency(all.metadata_of(0), id)) theirs.push_back(id);
    }
    for (const std::string& id : theirs) job.given.erase(id);
  }
  std::vector<std::string> missing = missing_releases(all.metadata_of(0), all.releases);
  std::vector<Unit> units;
  if (missing.empty()) {
    Result<std::vector<Unit>> planned = units_of(job);
    if (!planned) return fail(planned.error());
    units = std::move(planned).value();
    for (std::size_t index = 1; index < units.size(); ++index) {
      const release::Metadata* metadata = all.find(units[index].release);
      if (!metadata) {
        missing.push_back(units[index].release);
      } else {
        std::ranges::move(missing_releases(*metadata, all.releases), std::back_inserter(missing));
      }
    }
  }
  if (!missing.empty()) {
    effects.resolve.push_back({number, std::nullopt, std::move(missing)});
    return false;
  }
  JobPlan plan = rows.state().plans.at(number);
  plan.units = std::move(units);
  rows.put(std::move(plan));
  expansions.erase(number);
  if (only_plans || !job.plan.empty()) planned_id = fingerprint(job);
  if (!only_plans && !job.plan.empty() && job.plan != planned_id) return fail(moved_since(job));
  if (leans_on_its_set(job, expansion_of(number).units)) return true;  // the rest can be told when that one is there
  TRYV(prepare(number));
  return true;
}

/// A value that does not fit is refused here, before it is recorded: recorded, it would fail every later run too. What
/// comes from a dependency is seen when that one has been deployed.
Result<> Core::Impl::check_inputs(const Job& job) {
  const Expansion& all = expansion_of(job.number);
  const release::Metadata& metadata = all.metadata_of(0);
  const std::string stage = all.steps.front().stage;
  const release::Scope scope = scope_of(all.steps.front());
  ValueFiles files = files_of(job, all.units[0]);
  const EarlyInputs early = early_globals(job, all.units[0], metadata, stage, scope, files).second;
  for (const release::Variable& input : metadata.inputs) {
    auto failed = early.failed.find(input.id);
    if (failed != early.failed.end() && !comes_from_dependency(metadata, input.id)) return fail(failed->second);
  }
  return ok();
}

/// Everything that can be refused before the first trace in the deployment.
Result<> Core::Impl::prepare(JobId number) {
  const Expansion& all = expansion_of(number);
  const Job& job = rows.state().jobs.at(number);
  const release::Metadata& metadata = all.metadata_of(0);
  TRYV(release::check_metadata(metadata));
  if (job.kind == JobKind::errand) {
    if (!metadata.errands.contains(job.errand)) return fail(errand_not_found(job, metadata));
    TRYV(check_declared(variables_of_errand(metadata, job.errand), "errand '" + job.errand + "'", job.inputs));
  } else if (job.kind != JobKind::rollback) {  // which takes what was recorded, also for releases before it
    TRYV(check_declared(metadata, job.inputs));
  }
  if (rolls_out(job)) {
    TRYV(check_inputs(job));
  }
  for (std::uint32_t unit = 1; unit < all.units.size(); ++unit) {
    TRYV(check_unit(job, all.units[unit]));
  }
  const bool has_work =
      std::ranges::any_of(all.steps, [&](const Step& step) { return needs_agent(all.metadata_of(step.unit), step); });
  if (has_work) {
    TRYV(check_has_agent(job));
  }
  return ok();
}

Result<> Core::Impl::check_unit(const Job& job, const Unit& unit) const {
  const State& state = rows.state();
  const DeploymentKey key = key_of(job, unit);
  const JobPlan& plan = state.plans.at(job.number);
  const auto planned = std::ranges::find(plan.releases, unit.release, &PlannedRelease::release);
  const state::StageRecord* stage = find_stage(state, key, unit.is_provider ? "deploy" : unit.stage);
  const bool works_on_it = !unit.is_provider && rolls_out(job);
  if (!works_on_it && stage && planned != plan.releases.end() && !planned->sha256.empty() &&
      planned->sha256 != stage->release.sha256 && !stage->release.sha256.empty()) {
    return fail(moved_release(unit.release, planned->sha256, stage->release.sha256));
  }
  if (!works_on_it) return ok();
  const Expansion& all = expansions.at(job.number);
  const std::string application = to_string(application_of(all.releases.at(unit.release)));
  if (const state::Deployment* other = holds_other_package(state, key, application)) {
    return fail(ErrorKind::refused,
                fmt::format("The dependency {} holds {}, and {} would take its place.", key.deployment, other->release,
                            application),
                fmt::format("Give the dependency another name in the plan, or destroy {} first.", job.deployment));
  }
  if (!stage || stage->status.code == StatusCode::pending || may_go(stage->status.code, StatusCode::pending))
    return ok();
  return fail(ErrorKind::refused, fmt::format("The dependency {} is in status '{}', from which no deploy may start.",
                                              key.deployment, name_of(stage->status.code)));
}

/// The rows that the steps write to.
void Core::Impl::make_rows(JobId number) {
  Job& job = rows.edit(number);
  const Expansion& all = expansion_of(number);
  const DeploymentKey key = deployment_of(job);
  const State& state = rows.state();
  if (all.steps.empty()) return;
  const Step& first = all.steps.front();
  if (job.kind == JobKind::destroy) {
    const state::StageRecord* deployed = find_stage(state, key, "deploy");
    const bool is_asked = deployed && deployed->status.code == StatusCode::destroy_and_delete_pending;
    if (is_asked) rows.edit_deployment(key).goes_when_destroyed = true;
    const bool was_asked = state.deployments.contains(key) && state.deployments.at(key).goes_when_destroyed;
    const bool is_of_deploy = std::ranges::find(job.stages, "deploy") != job.stages.end();
    job.removes_deployment = job.removes_deployment || (was_asked && is_of_deploy);
  }
  const auto make = [&](const DeploymentKey& one, const std::string& application) {
    if (!state.deployments.contains(one)) {
      rows.put(state::Deployment{
          .environment = one.environment, .name = one.deployment, .release = application, .inputs = {}});
    }
    state::Deployment& deployment = rows.edit_deployment(one);
    if (deployment.release == application) return;
    deployment.release = application;  // all of its stages are empty: nothing of the other package is left
    deployment.stages.clear();
  };
  if (rolls_out(job)) {
    if (!state.environments.contains(key.environment)) {
      rows.put(state::Environment{.name = key.environment, .inputs = {}, .created_at = now.wall});
      tell("environment.created", job.principal, {key.environment, ""}, number);
    }
    for (std::uint32_t unit = 0; unit < all.units.size(); ++unit) {
      if (all.units[unit].is_provider) continue;
      make(key_of(job, all.units[unit]), to_string(application_of(all.metadata_of(unit))));
    }
    state::StageRecord& stage = rows.edit_deployment(key).stages[first.stage];
    job.tried = stage.status.tried;
    if (job.kind == JobKind::rollback) {
      stage.inputs = job.inputs;
      stage.files.insert(job.given_files.begin(), job.given_files.end());
      hold_after_rollback(job);
    } else {
      for (const auto& [id, value] : job.inputs) stage.inputs.set(id, value);
    }
  } else {
    job.tried = rows.edit_deployment(key).stages[first.stage].status.tried;
  }
  job.task_count = static_cast<std::uint32_t>(all.steps.size());
  for (std::uint32_t index = 0; index < job.task_count; ++index) {
    const Step& step = all.steps[index];
    if (!needs_agent(all.metadata_of(step.unit), step)) continue;
    Task task;
    task.id = {number, index};
    task.stage = step.stage;
    task.step = step.name;
    if (step.unit != 0) task.deployment = all.units[step.unit].deployment;
    rows.put(std::move(task));
  }
}

}  // namespace escape::controller
