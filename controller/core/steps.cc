#include <fmt/core.h>

#include "controller/core/engine.h"
#include "shared/base/check.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

using state::StatusCode;
using Part = Step::Part;

void add_roll(std::vector<Step>& steps, const std::string& stage) {
  steps.push_back({stage, "pre_" + stage, StatusCode::running_pre_step, Part::pre});
  steps.push_back({stage, stage, StatusCode::running_main_step, Part::main});
  steps.push_back({stage, "post_" + stage, StatusCode::running_post_step, Part::post});
}

void add_destroy(std::vector<Step>& steps, const std::string& stage) {
  steps.push_back({stage, "pre_destroy", StatusCode::running_pre_destroy_step, Part::pre_destroy});
  steps.push_back({stage, "destroy", StatusCode::running_main_destroy_step, Part::destroy});
  steps.push_back({stage, "post_destroy", StatusCode::running_post_destroy_step, Part::post_destroy});
}

bool has_script(const release::Metadata& metadata, const Step& step) {
  auto found = metadata.stages.find(step.name);
  return found != metadata.stages.end() && !found->second.empty();
}

StatusCode failure_code(StatusCode running) {
  switch (running) {
    case StatusCode::running_test_step:
      return StatusCode::test_failure;
    case StatusCode::running_pre_destroy_step:
    case StatusCode::running_main_destroy_step:
    case StatusCode::running_post_destroy_step:
      return StatusCode::destroy_failure;
    default:
      return StatusCode::failure;
  }
}

bool rolls_out(const Job& job) {
  return job.kind == JobKind::deploy || job.kind == JobKind::promote || job.kind == JobKind::build;
}

std::string version_of(const Job& job) {
  Result<release::ReleaseId> id = release::parse_release_id(job.release);
  CHECK(id.has_value());
  return id.value().version.text();
}

std::string application_of(const Job& job) {
  Result<release::ReleaseId> id = release::parse_release_id(job.release);
  CHECK(id.has_value());
  return to_string(id.value().application);
}

/// "deployment.upgraded" …: what this deploy means beside what ran before.
std::string_view deployed_word(const std::optional<state::DeployedRelease>& before, const std::string& version) {
  if (!before) return "deployment.deployed";
  Result<release::Version> old_one = release::Version::parse(before->version);
  Result<release::Version> new_one = release::Version::parse(version);
  if (!old_one || !new_one || old_one.value() == new_one.value()) return "deployment.deployed";
  return old_one.value() < new_one.value() ? "deployment.upgraded" : "deployment.rolledback";
}

}  // namespace

std::vector<Step> Core::Impl::steps_of(const Job& job) const {
  std::vector<Step> steps;
  switch (job.kind) {
    case JobKind::deploy:
    case JobKind::promote:
      add_roll(steps, "deploy");
      break;
    case JobKind::build:
      add_roll(steps, "build");
      for (const std::string& part : job.stages) {
        if (part == "test") steps.push_back({"build", "test", StatusCode::running_test_step, Part::test});
        if (part == "destroy") add_destroy(steps, "build");
      }
      break;
    case JobKind::test:
      steps.push_back({"build", "test", StatusCode::running_test_step, Part::test});
      break;
    case JobKind::smoke:
      steps.push_back({"deploy", "smoke", StatusCode::running_test_step, Part::test});
      break;
    case JobKind::destroy:
      for (const std::string& stage : job.stages) add_destroy(steps, stage);
      break;
    case JobKind::converge:
      break;
  }
  return steps;
}

/// A value that does not fit is refused here, before it is recorded: recorded, it would fail every later run too.
Result<> Core::Impl::check_inputs(const Job& job, const release::Metadata& plan) const {
  const DeploymentKey key = deployment_of(job);
  const std::string stage_name = steps_of(job).front().stage;
  const state::StageRecord* stage = find_stage(rows.state(), key, stage_name);
  Value::Object user = stage ? stage->inputs : Value::Object();
  for (const auto& [id, value] : job.inputs) user.set(id, value);
  auto environment = rows.state().environments.find(key.environment);
  auto deployment = rows.state().deployments.find(key);
  const InputSources sources{environment == rows.state().environments.end() ? nullptr : &environment->second.inputs,
                             deployment == rows.state().deployments.end() ? nullptr : &deployment->second.inputs,
                             &user};
  const release::Scope scope = stage_name == "build" ? release::Scope::build : release::Scope::deploy;
  TRYV(calculate_inputs(plan, scope, sources, {key.environment, key.deployment, stage, now.wall}));
  return ok();
}

/// Everything that can be refused before the first trace in the deployment; then the rows that the steps write to.
Result<> Core::Impl::prepare(JobId number) {
  const release::Metadata& plan = metadata_of(number);
  TRYV(release::check_metadata(plan));
  TRYV(release::check_supported(plan));
  TRYV(check_declared(plan, rows.state().jobs.at(number).inputs));
  if (rolls_out(rows.state().jobs.at(number))) {
    TRYV(check_inputs(rows.state().jobs.at(number), plan));
  }
  Job& job = rows.edit(number);
  const DeploymentKey key = deployment_of(job);
  const State& state = rows.state();
  if (job.kind == JobKind::destroy) {
    std::erase_if(job.stages, [&](const std::string& name) {
      const state::StageRecord* stage = find_stage(state, key, name);
      return !stage || stage->status.code == StatusCode::empty || stage->status.code == StatusCode::pending;
    });
    const state::StageRecord* deployed = find_stage(state, key, "deploy");
    const bool is_asked = deployed && deployed->status.code == StatusCode::destroy_and_delete_pending;
    job.removes_deployment = job.removes_deployment || is_asked;
  }
  const std::vector<Step> steps = steps_of(job);
  bool needs_agent = false;
  for (const Step& step : steps) needs_agent = needs_agent || has_script(plan, step);
  if (needs_agent) {
    TRYV(check_has_agent(job));
  }

  if (rolls_out(job)) {
    if (!state.environments.contains(key.environment)) {
      rows.put(state::Environment{.name = key.environment, .inputs = {}, .created_at = now.wall});
      tell("environment.created", job.principal, {key.environment, ""}, number);
    }
    const std::string application = application_of(job);
    if (!state.deployments.contains(key)) {
      rows.put(state::Deployment{
          .environment = key.environment, .name = key.deployment, .release = application, .inputs = {}});
    }
    state::Deployment& deployment = rows.edit_deployment(key);
    if (deployment.release != application) {  // all of its stages are empty: nothing of the other package is left
      deployment.release = application;
      deployment.stages.clear();
    }
    state::StageRecord& stage = deployment.stages[steps.front().stage];
    job.tried = stage.status.tried;
    for (const auto& [id, value] : job.inputs) stage.inputs.set(id, value);
  } else {
    job.tried = rows.edit_deployment(key).stages[steps.front().stage].status.tried;
  }
  job.task_count = static_cast<std::uint32_t>(steps.size());
  for (std::uint32_t index = 0; index < job.task_count; ++index) {
    if (!has_script(plan, steps[index])) continue;
    Task task;
    task.id = {number, index};
    task.stage = steps[index].stage;
    task.step = steps[index].name;
    rows.put(std::move(task));
  }
  return ok();
}

/// From step to step until one needs an agent. A step without script is passed in the same turn, through the same
/// statuses.
void Core::Impl::advance(JobId number) {
  while (true) {
    const Job& job = *find_live(number);
    const std::vector<Step> steps = steps_of(job);
    if (job.current >= steps.size()) return succeed(number);
    const Step& step = steps[job.current];
    log_next_part(job);
    if (Result<> entered = enter(number, step); !entered) return fail_job(number, entered.error());
    const TaskId id{number, job.current};
    if (rows.state().tasks.contains(id)) {
      if (Result<> filled = fill_task(rows.edit(id)); !filled) return fail_job(number, filled.error());
      const release::ExecStage& run = metadata_of(number).stages.at(step.name);
      log(job, "info", fmt::format("Running {} step {}.", step.name, step_text(run)));
      return dispatch(id);
    }
    if (Result<> left = leave(number, step, nullptr); !left) return fail_job(number, left.error());
    ++rows.edit(number).current;
  }
}

void Core::Impl::go(state::StageRecord& stage, StatusCode to, const Job& job, std::string data) {
  const Result<> gone = state::go(stage.status, to, now.wall, job.principal, std::move(data));
  CHECK(gone.has_value());  // check_startable looked, and the lock keeps everybody else away
  stage.job = job.number;
}

Result<> Core::Impl::enter(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  state::StageRecord& stage = rows.edit_deployment(deployment_of(job)).stages[step.stage];
  if (step.part == Part::pre && stage.status.code != StatusCode::pending) go(stage, StatusCode::pending, job);
  if (step.part == Part::pre_destroy && may_go(stage.status.code, StatusCode::destroy_pending)) {
    go(stage, StatusCode::destroy_pending, job);
  }
  go(stage, step.status, job);
  if (step.part != Part::pre) return ok();
  stage.release = {version_of(job), job.sha256};
  return calculate(number, step);
}

/// Inputs are calculated when the first step becomes current, from everything that is known then.
Result<> Core::Impl::calculate(JobId number, const Step& step) {
  const DeploymentKey key = deployment_of(rows.state().jobs.at(number));
  state::Deployment& deployment = rows.edit_deployment(key);
  state::StageRecord& stage = deployment.stages[step.stage];
  rows.edit(number).previous_variables = previous_variables(stage);
  const release::Scope scope = step.stage == "build" ? release::Scope::build : release::Scope::deploy;
  TRY(stage.calculated_inputs,
      calculate_inputs(metadata_of(number), scope,
                       {&rows.state().environments.at(key.environment).inputs, &deployment.inputs, &stage.inputs},
                       {key.environment, key.deployment, &stage, now.wall}));
  return ok();
}

Result<> Core::Impl::leave(JobId number, const Step& step, const Task* task) {
  const Job& job = *find_live(number);
  state::StageRecord& stage = rows.edit_deployment(deployment_of(job)).stages[step.stage];
  const bool has_outputs = task && task->has_outputs;
  if (step.part == Part::main) stage.calculated_outputs = has_outputs ? task->outputs : Value::Object();
  if (step.part == Part::post) {
    if (has_outputs) {
      for (const auto& [id, value] : task->outputs) stage.calculated_outputs.set(id, value);
    }
    const release::Scope scope = step.stage == "build" ? release::Scope::build : release::Scope::deploy;
    TRY(Value::Object declared,
        calculate_outputs(metadata_of(number), scope, {job.environment, job.deployment, &stage, now.wall}));
    for (const auto& [id, value] : stage.calculated_outputs) {
      if (!declared.contains(id)) {
        log(job, "warn", fmt::format("Warning: received unexpected output variable '{}'; it is dropped.", id));
      }
    }
    stage.calculated_outputs = std::move(declared);
  }
  finish_stage(number, step);
  return ok();
}

/// The last step of a stage has ended well.
void Core::Impl::finish_stage(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const DeploymentKey key = deployment_of(job);
  state::Deployment& deployment = rows.edit_deployment(key);
  state::StageRecord& stage = deployment.stages[step.stage];
  const bool is_deploy = step.stage == "deploy";
  if (step.part == Part::test) {
    go(stage, StatusCode::ok, job);
    if (is_deploy) tell("deployment.tested", job.principal, key, number, {{"release", job.release}});
  }
  if (step.part == Part::post) {
    go(stage, StatusCode::ok, job);
    const std::optional<state::DeployedRelease> before = std::exchange(stage.last_ok, stage.release);
    if (is_deploy) tell_deployed(job, before);
  }
  if (step.part == Part::post_destroy) {
    go(stage, StatusCode::empty, job);
    stage.calculated_inputs = {};
    stage.calculated_outputs = {};
    stage.last_ok.reset();
    if (!is_deploy) return;
    deployment.agent.clear();
    tell("deployment.destroyed", job.principal, key, number, {{"release", job.release}});
    if (job.removes_deployment) rows.remove_deployment(key);
  }
}

/// A person vouches for what is left of the job: its stages reach the end through the same statuses, without a script.
/// What outputs they had stays, since nobody knows of others.
void Core::Impl::take_as_done(JobId number) {
  const std::vector<Step> steps = steps_of(rows.state().jobs.at(number));
  for (std::uint32_t index = rows.state().jobs.at(number).current; index < steps.size(); ++index) {
    if (index > rows.state().jobs.at(number).current) {
      rows.edit(number).current = index;
      if (Result<> entered = enter(number, steps[index]); !entered) return fail_job(number, entered.error());
    }
    finish_stage(number, steps[index]);
  }
  rows.edit(number).current = static_cast<std::uint32_t>(steps.size());
  succeed(number);
}

void Core::Impl::tell_deployed(const Job& job, const std::optional<state::DeployedRelease>& before) {
  const std::string version = version_of(job);
  Value::Object data{{"release", job.release}, {"sha256", job.sha256}};
  if (before) data.set("previous", before->version);
  if (!job.from_environment.empty()) data.set("promoted_from", job.from_environment);
  tell(std::string(deployed_word(before, version)), job.principal, deployment_of(job), job.number, std::move(data));
}

/// The stage keeps everything as far as it got; only its status says how it ended.
void Core::Impl::mark_failed(const Job& job, const std::string& why) {
  const DeploymentKey key = deployment_of(job);
  if (!rows.state().deployments.contains(key)) return;
  for (const auto& [name, record] : rows.state().deployments.at(key).stages) {
    if (record.job != job.number || !is_running(record.status.code)) continue;
    state::StageRecord& stage = rows.edit_deployment(key).stages[name];
    go(stage, failure_code(stage.status.code), job, why);
    stage.status.tried = 0;
    stage.status.try_again_at = {};
    if (name == "deploy") {
      tell("deployment.failed", job.principal, key, job.number,
           {{"release", job.release}, {"status", name_of(stage.status.code)}, {"message", why}});
    }
    return;
  }
}

}  // namespace escape::controller
