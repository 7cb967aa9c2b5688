#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/check.h"
#include "shared/script/script.h"

namespace escape::controller {
namespace {

using state::StatusCode;
using Part = Step::Part;

/// Of `$this.inputs.who` in a mapping: "who".
std::vector<std::string> inputs_spoken_of(const Value& value) {
  std::vector<std::string> inputs;
  for (const std::vector<std::string>& path : references_in(value)) {
    if (path.size() > 2 && path[0] == "this" && path[1] == "inputs") inputs.push_back(path[2]);
  }
  return inputs;
}

/// That very release, with those providers, and nothing failed since.
bool runs_well(const state::StageRecord& stage, const state::DeployedRelease& wanted, const Unit& unit) {
  return stage.status.code == StatusCode::ok && stage.last_ok == wanted && !wanted.sha256.empty() &&
         stage.release == wanted && stage.providers == unit.providers;
}

bool is_failure(StatusCode code) {
  return code == StatusCode::failure || code == StatusCode::test_failure || code == StatusCode::destroy_failure;
}

/// "upgraded" …: what this deploy means beside what ran before.
std::string_view deployed_word(const std::optional<state::DeployedRelease>& before, const std::string& version) {
  if (!before) return "deployed";
  Result<release::Version> old_one = release::Version::parse(before->version);
  Result<release::Version> new_one = release::Version::parse(version);
  if (!old_one || !new_one || old_one.value() == new_one.value()) return "deployed";
  return old_one.value() < new_one.value() ? "upgraded" : "rolledback";
}

}  // namespace

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
  return job.kind == JobKind::deploy || job.kind == JobKind::promote || job.kind == JobKind::build ||
         job.kind == JobKind::rollback;
}

/// Where a dependency begins, and a provider's activation.
void Core::Impl::announce(const Job& job, std::uint32_t index) {
  const Step& step = *step_at(job, index);
  const Unit& unit = expansion_of(job.number).units[step.unit];
  if (step.part == Part::activate || step.part == Part::deactivate) {
    const std::string_view word = step.part == Part::activate ? "Activating" : "Deactivating";
    return log_at(job, index, "info", fmt::format("{} provider {} (${})", word, step.interface, step.consumer));
  }
  if (step.unit == 0) return;
  const state::StageRecord* stage = find_stage(rows.state(), key_of(job, unit), step.stage);
  const bool is_opened = stage && stage->job == job.number && stage->status.code == StatusCode::running_pre_step;
  if (step.part == Part::open || (step.part == Part::pre && !is_opened)) {
    const std::string_view word = job.kind == JobKind::build ? "Building" : "Deploying";
    return log_at(job, index, "info", fmt::format("{} dependency {}.", word, unit.release));
  }
  if (step.part == Part::pre_destroy)
    log_at(job, index, "info", fmt::format("Destroying dependency {}.", unit.release));
}

void Core::Impl::announce_end(const Job& job, std::uint32_t index) {
  const Step& step = *step_at(job, index);
  const Unit& unit = expansion_of(job.number).units[step.unit];
  if (step.part == Part::activate || step.part == Part::deactivate) {
    const std::string_view word = step.part == Part::activate ? "Activated" : "Deactivated";
    return log_at(job, index, "success", fmt::format("{} provider {} (${})", word, step.interface, step.consumer));
  }
  if (step.unit == 0) return;
  if (step.part == Part::post) {
    const std::string_view word = job.kind == JobKind::build ? "Built" : "Deployed";
    return log_at(job, index, "success", fmt::format("{} dependency {}", word, unit.release));
  }
  if (step.part == Part::post_destroy)
    log_at(job, index, "success", fmt::format("Destroyed dependency {}", unit.release));
}

void Core::Impl::go(state::StageRecord& stage, StatusCode to, const Job& job, std::string data) {
  const Result<> gone = state::go(stage.status, to, now.wall, job.principal, std::move(data));
  CHECK(gone.has_value());  // check_startable looked, and the lock keeps everybody else away
  stage.job = job.number;
}

state::StageRecord* Core::Impl::find_or_make_stage(const DeploymentKey& key, const std::string& stage) {
  return &rows.edit_deployment(key).stages[stage];
}

Result<> Core::Impl::enter(JobId number, std::uint32_t index) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  const Step& step = all.steps[index];
  switch (step.part) {
    case Part::activate:
      // Its consumer's destruction begins with it: cut off here, too, it is not run again without a person.
      if (step.kind == JobKind::destroy) begin_destroy(job, step.line, step.stage);
      return ok();
    case Part::deactivate:
    case Part::errand:
      return ok();  // scripts of or for a deployment that is none of the job's to change
    default:
      break;
  }
  const DeploymentKey key = key_of(job, all.units[step.unit]);
  state::StageRecord& stage = *find_or_make_stage(key, step.stage);
  if (step.part == Part::open || step.part == Part::pre) {
    const bool is_opened = stage.job == number && stage.status.code == StatusCode::running_pre_step;
    if (!is_opened) {
      TRYV(open(number, step));
    }
    if (step.part == Part::open) return ok();
    stage.provides = all.metadata_of(step.unit).provides;
    return calculate(number, step);
  }
  if (step.part == Part::pre_destroy) begin_destroy(job, step.unit, step.stage);
  if (stage.status.code != step.status) go(stage, step.status, job);
  return ok();
}

void Core::Impl::begin_destroy(const Job& job, std::uint32_t unit, const std::string& stage_name) {
  state::StageRecord& stage = *find_or_make_stage(key_of(job, expansion_of(job.number).units[unit]), stage_name);
  if (is_running(stage.status.code)) return;
  if (may_go(stage.status.code, StatusCode::destroy_pending)) go(stage, StatusCode::destroy_pending, job);
  go(stage, StatusCode::running_pre_destroy_step, job);
}

/// Whether the step is of a dependency whose package says that the same version with the same inputs need not run
/// again. Decided when everything below it has had its turn, before its first script.
bool Core::Impl::is_left_alone(JobId number, std::uint32_t index) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  const Step& step = all.steps[index];
  if (step.line == 0 || !rolls_out(job)) return false;
  if (std::ranges::find(job.skipped, step.line) != job.skipped.end()) return true;
  const bool is_first = step.part == Part::activate || step.part == Part::pre;
  if (!is_first || !all.metadata_of(step.line).skip_unchanged) return false;
  const Step& before = all.steps[index - 1];  // of a unit below another one there is one
  if (before.part == Part::activate && before.line == step.line) return false;  // decided already
  if (!may_be_left_alone(job, step.line, step.stage)) return false;
  leave_alone(number, index);
  return true;
}

bool Core::Impl::may_be_left_alone(const Job& job, std::uint32_t unit, const std::string& stage_name) {
  const Expansion& all = expansion_of(job.number);
  const Unit& one = all.units[unit];
  const DeploymentKey key = key_of(job, one);
  const state::StageRecord* stage = find_stage(rows.state(), key, stage_name);
  if (!stage) return false;
  const state::DeployedRelease wanted = release_of(job, unit);
  const bool is_opened = stage->job == job.number && stage->status.code == StatusCode::running_pre_step;
  const bool ran_well = runs_well(*stage, wanted, one);
  if (is_opened ? std::ranges::find(job.unchanged, unit) == job.unchanged.end() : !ran_well) return false;
  for (std::uint32_t below = 1; below < all.units.size(); ++below) {
    const Unit& other = all.units[below];
    const bool is_below = !other.is_provider && other.parent == unit && other.stage == stage_name;
    if (is_below && std::ranges::find(job.skipped, below) == job.skipped.end()) return false;
  }
  FileTexts named;
  Result<Value::Object> mapped = map_inputs(job, unit, stage_name, nullptr, named);
  if (!mapped) return false;  // the step itself says why
  // As its opening would record them: the values come from there.
  state::StageRecord& record = *find_or_make_stage(key, stage_name);
  record.inputs = std::move(mapped).value();
  record.files.merge(named);
  const release::Metadata& metadata = all.metadata_of(unit);
  const release::Scope scope = scope_of(unit, stage_name);
  ValueFiles files = files_of(job, one);
  const Result<Value::Object> inputs = calculate_inputs(metadata, scope, sources_of(job, one, stage_name),
                                                        around(job, one, metadata, stage_name, scope, files));
  return inputs && inputs.value() == record.calculated_inputs;
}

/// Its record is as before; where it was opened for those below it, its status goes back the way that there is.
void Core::Impl::leave_alone(JobId number, std::uint32_t index) {
  const std::vector<Step>& steps = expansion_of(number).steps;
  const std::uint32_t unit = steps[index].line;
  const Unit& left = expansion_of(number).units[unit];
  state::StageRecord& stage = *find_or_make_stage(key_of(*find_live(number), left), steps[index].stage);
  rows.edit(number).skipped.push_back(unit);
  const Job& job = *find_live(number);
  if (stage.status.code == StatusCode::running_pre_step) {
    go(stage, StatusCode::running_main_step, job);
    go(stage, StatusCode::running_post_step, job);
    go(stage, StatusCode::ok, job);
  }
  for (std::uint32_t later = index; later < steps.size(); ++later) {
    const bool has_task = steps[later].line == unit && rows.state().tasks.contains({number, later});
    if (has_task) rows.edit(TaskId{number, later}).phase = TaskPhase::skipped;
  }
  log_at(job, index, "info", fmt::format("Skipping dependency {}: nothing of it has changed.", left.release));
}

/// The stage is taken in hand: from here on it says which release it is to hold, and with which providers.
Result<> Core::Impl::open(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const Unit& unit = expansion_of(number).units[step.unit];
  state::StageRecord& stage = *find_or_make_stage(key_of(job, unit), step.stage);
  if (runs_well(stage, release_of(job, step.unit), unit)) rows.edit(number).unchanged.push_back(step.unit);
  if (stage.status.code != StatusCode::pending) go(stage, StatusCode::pending, job);
  go(stage, StatusCode::running_pre_step, job);
  stage.release = release_of(job, step.unit);
  stage.providers = unit.providers;
  if (step.unit == 0 && step.stage == "deploy") rows.edit_deployment(deployment_of(job)).goes_when_destroyed = false;
  return step.unit == 0 ? ok() : take_mapping(number, step);
}

/// Of a unit: the version and digest that its stage records.
state::DeployedRelease Core::Impl::release_of(const Job& job, std::uint32_t unit) {
  const Expansion& all = expansion_of(job.number);
  state::DeployedRelease release{all.metadata_of(unit).version, job.sha256};
  if (unit == 0) return release;
  const JobPlan& plan = rows.state().plans.at(job.number);
  const auto planned = std::ranges::find(plan.releases, all.units[unit].release, &PlannedRelease::release);
  release.sha256 = planned == plan.releases.end() ? std::string() : planned->sha256;
  return release;
}

/// A dependency's inputs as its parent gives them (spec/variables.md §7 A): expressions over the parent's inputs, over
/// the dependencies before it and over the parent's providers.
Result<> Core::Impl::take_mapping(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const Unit& unit = expansion_of(number).units[step.unit];
  FileTexts named;
  TRY(Value::Object inputs, map_inputs(job, step.unit, step.stage, nullptr, named));
  state::StageRecord& stage = *find_or_make_stage(key_of(job, unit), step.stage);
  stage.inputs = std::move(inputs);
  stage.files.merge(named);
  return ok();
}

Result<Value::Object> Core::Impl::map_inputs(const Job& job, std::uint32_t index, const std::string& stage,
                                             std::set<std::string>* later, FileTexts& named) {
  const Expansion& all = expansion_of(job.number);
  const Unit& unit = all.units[index];
  const Unit& parent = all.units[unit.parent];
  const release::Metadata& metadata = all.metadata_of(unit.parent);
  const release::Scope scope = scope_of(unit.parent, stage);
  const auto dependency = std::ranges::find(metadata.depends, unit.variable, &release::Dependency::variable);
  CHECK(dependency != metadata.depends.end());  // the unit was made from it
  ValueFiles files = files_of(job, parent);
  const auto [globals, early] = early_globals(job, parent, metadata, stage, scope, files);
  const script::Context context = context_of(globals, files);
  Value::Object mapping = dependency->mapping;
  const Value::Object& own = scope == release::Scope::build ? dependency->build_mapping : dependency->deploy_mapping;
  for (const auto& [id, value] : own) mapping.set(id, value);
  const std::vector<release::Variable>& declared = all.metadata_of(index).inputs;
  Value::Object inputs;
  for (const auto& [id, value] : mapping) {
    Result<Value> mapped = script::evaluate_value(value, context);
    if (mapped) {
      inputs.set(id, std::move(mapped).value());
      continue;
    }
    // The compiler maps every input of the parent, also those that the dependency never asks for.
    if (std::ranges::find(declared, id, &release::Variable::id) == declared.end()) continue;
    if (later) {
      later->insert(id);
      continue;
    }
    for (const std::string& needed : inputs_spoken_of(value)) {
      if (auto failed = early.failed.find(needed); failed != early.failed.end()) return fail(failed->second);
    }
    Error error = std::move(mapped).error();
    error.message =
        fmt::format("In the mapping of input '{}' of dependency '{}': {}", id, unit.variable, error.message);
    return fail(std::move(error));
  }
  named = named_files(known_files(job, files), inputs);
  return inputs;
}

/// Inputs are calculated when the first step becomes current, from everything that is known then.
Result<> Core::Impl::calculate(JobId number, const Step& step) {
  const Job& job = rows.state().jobs.at(number);
  const Expansion& all = expansion_of(number);
  const Unit& unit = all.units[step.unit];
  state::StageRecord& stage = *find_or_make_stage(key_of(job, unit), step.stage);
  std::map<std::string, std::string> previous = previous_variables(stage);
  const release::Metadata& metadata = all.metadata_of(step.unit);
  ValueFiles files = files_of(job, unit);
  TRY(stage.calculated_inputs, calculate_inputs(metadata, scope_of(step), sources_of(job, unit, step.stage),
                                                around(job, unit, metadata, step.stage, scope_of(step), files)));
  const FileTexts known = known_files(job, files);
  stage.files = named_files(known, stage.calculated_inputs);
  stage.files.merge(named_files(known, stage.calculated_outputs));
  std::vector<std::string_view> texts;
  for (const auto& [name, text] : previous) texts.push_back(text);
  stage.files.merge(named_files(known, texts));
  if (step.unit == 0) {
    rows.edit(number).previous_variables = std::move(previous);
  } else if (!previous.empty()) {
    rows.edit(number).previous_below[unit.deployment] = std::move(previous);
  }
  return ok();
}

Result<> Core::Impl::leave(JobId number, std::uint32_t index, const Task* task) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  const Step& step = all.steps[index];
  announce_end(job, index);
  if (step.part == Part::activate || step.part == Part::deactivate || step.part == Part::errand) return ok();
  const Unit& unit = all.units[step.unit];
  state::StageRecord& stage = *find_or_make_stage(key_of(job, unit), step.stage);
  const bool has_outputs = task && task->has_outputs;
  if (step.part == Part::main) stage.calculated_outputs = has_outputs ? task->outputs : Value::Object();
  if (step.part == Part::post) {
    if (has_outputs) {
      for (const auto& [id, value] : task->outputs) stage.calculated_outputs.set(id, value);
    }
    const release::Metadata& metadata = all.metadata_of(step.unit);
    ValueFiles files = files_of(job, unit);
    TRY(Value::Object declared,
        calculate_outputs(metadata, scope_of(step), around(job, unit, metadata, step.stage, scope_of(step), files)));
    stage.files.merge(named_files(known_files(job, files), declared));
    for (const auto& [id, value] : stage.calculated_outputs) {
      if (!declared.contains(id)) {
        log_at(job, index, "warn",
               fmt::format("Warning: received unexpected output variable '{}'; it is dropped.", id));
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
  const Expansion& all = expansion_of(number);
  const DeploymentKey key = key_of(job, all.units[step.unit]);
  const std::string& release = step.unit == 0 ? job.release : all.units[step.unit].release;
  const bool is_deploy = step.stage == "deploy";
  if (step.part == Part::test) {
    go(*find_or_make_stage(key, step.stage), StatusCode::ok, job);
    if (is_deploy) tell_change("tested", job.principal, key, number, {{"release", release}});
  }
  if (step.part == Part::post) {
    state::StageRecord& stage = *find_or_make_stage(key, step.stage);
    go(stage, StatusCode::ok, job);
    if (step.unit != 0) rows.edit(number).previous_below.erase(key.deployment);
    const std::optional<state::DeployedRelease> before = std::exchange(stage.last_ok, stage.release);
    if (is_deploy) tell_deployed(job, step, before);
  }
  const auto is_close = [&](const Step& other) {
    return other.part == Part::close && other.unit == step.unit && other.stage == step.stage;
  };
  const bool is_over =
      step.part == Part::close || (step.part == Part::post_destroy && std::ranges::none_of(all.steps, is_close));
  if (is_over) finish_destroy(number, step);
}

/// Its scripts and those of what stood below it are done.
void Core::Impl::finish_destroy(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  const DeploymentKey key = key_of(job, all.units[step.unit]);
  const std::string& release = step.unit == 0 ? job.release : all.units[step.unit].release;
  state::StageRecord& stage = *find_or_make_stage(key, step.stage);
  go(stage, StatusCode::empty, job);
  stage.calculated_inputs = {};
  stage.calculated_outputs = {};
  stage.files.clear();
  stage.provides.clear();
  stage.last_ok.reset();
  // Also what an earlier job destroyed, or never came to deploy.
  const std::string prefix = key.deployment + ":";
  std::vector<DeploymentKey> left;
  for (auto row = rows.state().deployments.lower_bound({key.environment, prefix});
       row != rows.state().deployments.end() && row->first.environment == key.environment &&
       row->first.deployment.starts_with(prefix);
       ++row) {
    const bool is_empty = std::ranges::all_of(
        row->second.stages, [](const auto& each) { return each.second.status.code == StatusCode::empty; });
    if (is_empty) left.push_back(row->first);
  }
  for (const DeploymentKey& empty : left) rows.remove_deployment(empty);
  if (step.stage != "deploy") return;
  rows.edit_deployment(key).agent.clear();
  tell_change("destroyed", job.principal, key, number, {{"release", release}});
  if (step.unit == 0 && job.removes_deployment) rows.remove_deployment(key);
}

void Core::Impl::tell_deployed(const Job& job, const Step& step, const std::optional<state::DeployedRelease>& before) {
  const Expansion& all = expansion_of(job.number);
  const Unit& unit = all.units[step.unit];
  const state::DeployedRelease now_runs = release_of(job, step.unit);
  Value::Object data{{"release", step.unit == 0 ? job.release : unit.release}, {"sha256", now_runs.sha256}};
  if (before) data.set("previous", before->version);
  if (!job.from_environment.empty()) data.set("promoted_from", job.from_environment);
  const bool is_back = job.kind == JobKind::rollback && step.unit == 0;
  if (is_back) data.set("back_to", job.back_to);
  tell_change(is_back ? "rolledback" : deployed_word(before, now_runs.version), job.principal, key_of(job, unit),
              job.number, std::move(data));
}

/// The stages keep everything as far as they got; only their status says how they ended. `line`: of that unit and those
/// above it, whose failure a dependency's is; else of all.
void Core::Impl::mark_failed(const Job& job, const std::string& why, bool is_cut_off,
                             std::optional<std::uint32_t> line) {
  auto known = expansions.find(job.number);
  std::vector<DeploymentKey> keys{deployment_of(job)};
  if (known != expansions.end()) {
    const std::vector<Unit>& units = known->second.units;
    std::set<std::uint32_t> meant;
    for (std::uint32_t unit = line.value_or(0); unit != 0; unit = units[unit].parent) meant.insert(unit);
    for (std::uint32_t unit = 1; unit < units.size(); ++unit) {
      if (!units[unit].is_provider && (!line || meant.contains(unit))) keys.push_back(key_of(job, units[unit]));
    }
  }
  for (const DeploymentKey& key : keys) {
    if (!rows.state().deployments.contains(key)) continue;
    const std::map<std::string, state::StageRecord> stages = rows.state().deployments.at(key).stages;
    for (const auto& [name, record] : stages) {
      if (record.job != job.number) continue;
      // What was marked for something else that failed beside it.
      if (is_cut_off && is_failure(record.status.code)) {
        rows.edit_deployment(key).stages[name].status.is_cut_off = true;
      }
      if (!is_running(record.status.code)) continue;
      state::StageRecord& stage = rows.edit_deployment(key).stages[name];
      go(stage, failure_code(stage.status.code), job, why);
      stage.status.tried = 0;
      stage.status.try_again_at = {};
      stage.status.is_cut_off = is_cut_off;
      if (name == "deploy") {
        tell_change("failed", job.principal, key, job.number,
                    {{"release", job.release}, {"status", name_of(stage.status.code)}, {"message", why}});
      }
    }
  }
}

}  // namespace escape::controller
