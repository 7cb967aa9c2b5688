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
  const std::string* text = value.as_string();
  if (!text || !script::is_expression(*text)) return inputs;
  const Result<script::Expression> expression = script::parse(*text);
  if (!expression) return inputs;
  for (const std::vector<std::string>& path : script::references(expression.value())) {
    if (path.size() > 2 && path[0] == "this" && path[1] == "inputs") inputs.push_back(path[2]);
  }
  return inputs;
}

/// That very release, with those providers, and nothing failed since.
bool runs_well(const state::StageRecord& stage, const state::DeployedRelease& wanted, const Unit& unit) {
  return stage.status.code == StatusCode::ok && stage.last_ok == wanted && !wanted.sha256.empty() &&
         stage.release == wanted && stage.providers == unit.providers;
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

/// From step to step until one needs an agent. A step without script is passed in the same turn, through the same
/// statuses.
void Core::Impl::advance(JobId number) {
  while (true) {
    const Job& job = *find_live(number);
    const std::vector<Step>& steps = expansion_of(number).steps;
    if (job.current >= steps.size()) return succeed(number);
    const Step& step = steps[job.current];
    if (is_left_alone(number, step)) {
      ++rows.edit(number).current;
      continue;
    }
    log_next_part(job);
    announce(job, step);
    if (Result<> entered = enter(number, step); !entered) return fail_job(number, entered.error());
    if (rows.state().tasks.contains({number, job.current})) return begin_task({number, job.current});
    if (Result<> left = leave(number, step, nullptr); !left) return fail_job(number, left.error());
    ++rows.edit(number).current;
  }
}

/// The step is current and an agent has something to do for it.
void Core::Impl::begin_task(TaskId id) {
  if (Result<> filled = fill_task(rows.edit(id)); !filled) return fail_job(id.job, filled.error());
  const Job& job = *find_live(id.job);
  const Step& step = *step_at(job, id.index);
  if (const release::ExecStage* run = script_of(expansion_of(id.job).metadata_of(step.unit), step)) {
    log(job, "info", fmt::format("Running {} step {}.", step.name, step_text(*run)));
  }
  dispatch(id);
}

/// After a failure: what was activated is deactivated, as far as the agent is there to do it; then the job settles.
void Core::Impl::unwind(JobId number) {
  const std::vector<Step>& steps = expansion_of(number).steps;
  const Failure failure = *find_live(number)->failure;
  while (true) {
    const Job& job = *find_live(number);
    std::uint32_t next = job.current + 1;
    const auto is_due = [&](const Step& step) {
      const bool is_skipped = std::ranges::find(job.skipped, step.for_unit) != job.skipped.end();
      return step.part == Part::deactivate && step.activated_at < failure.step && !is_skipped;
    };
    while (next < steps.size() && !is_due(steps[next])) ++next;
    if (next >= steps.size()) break;
    rows.edit(number).current = next;
    announce(job, steps[next]);
    if (rows.state().tasks.contains({number, next})) return begin_task({number, next});
    announce_end(job, steps[next]);
  }
  settle_failed(number);
}

/// Where a dependency begins, and a provider's activation.
void Core::Impl::announce(const Job& job, const Step& step) {
  const Unit& unit = expansion_of(job.number).units[step.unit];
  if (step.part == Part::activate || step.part == Part::deactivate) {
    const std::string_view word = step.part == Part::activate ? "Activating" : "Deactivating";
    return log(job, "info", fmt::format("{} provider {} (${})", word, step.interface, step.consumer));
  }
  if (step.unit == 0) return;
  const state::StageRecord* stage = find_stage(rows.state(), key_of(job, unit), step.stage);
  const bool is_opened = stage && stage->job == job.number && stage->status.code == StatusCode::running_pre_step;
  if (step.part == Part::open || (step.part == Part::pre && !is_opened)) {
    const std::string_view word = job.kind == JobKind::build ? "Building" : "Deploying";
    return log(job, "info", fmt::format("{} dependency {}.", word, unit.release));
  }
  if (step.part == Part::pre_destroy) log(job, "info", fmt::format("Destroying dependency {}.", unit.release));
}

void Core::Impl::announce_end(const Job& job, const Step& step) {
  const Unit& unit = expansion_of(job.number).units[step.unit];
  if (step.part == Part::activate || step.part == Part::deactivate) {
    const std::string_view word = step.part == Part::activate ? "Activated" : "Deactivated";
    return log(job, "success", fmt::format("{} provider {} (${})", word, step.interface, step.consumer));
  }
  if (step.unit == 0) return;
  if (step.part == Part::post) {
    const std::string_view word = job.kind == JobKind::build ? "Built" : "Deployed";
    return log(job, "success", fmt::format("{} dependency {}", word, unit.release));
  }
  if (step.part == Part::post_destroy) log(job, "success", fmt::format("Destroyed dependency {}", unit.release));
}

void Core::Impl::go(state::StageRecord& stage, StatusCode to, const Job& job, std::string data) {
  const Result<> gone = state::go(stage.status, to, now.wall, job.principal, std::move(data));
  CHECK(gone.has_value());  // check_startable looked, and the lock keeps everybody else away
  stage.job = job.number;
}

state::StageRecord* Core::Impl::find_or_make_stage(const DeploymentKey& key, const std::string& stage) {
  return &rows.edit_deployment(key).stages[stage];
}

Result<> Core::Impl::enter(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  switch (step.part) {
    case Part::activate:
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
  if (step.part == Part::pre_destroy && may_go(stage.status.code, StatusCode::destroy_pending)) {
    go(stage, StatusCode::destroy_pending, job);
  }
  if (stage.status.code != step.status) go(stage, step.status, job);
  return ok();
}

/// Whether the step is of a dependency whose package says that the same version with the same inputs need not run
/// again. Decided when everything below it has had its turn, before its first script.
bool Core::Impl::is_left_alone(JobId number, const Step& step) {
  const Job& job = *find_live(number);
  const bool is_of_provider = step.part == Part::activate || step.part == Part::deactivate;
  const std::uint32_t unit = is_of_provider ? step.for_unit : step.unit;
  if (unit == 0 || !rolls_out(job)) return false;
  if (std::ranges::find(job.skipped, unit) != job.skipped.end()) return true;
  const Expansion& all = expansion_of(number);
  if (!all.metadata_of(unit).skip_unchanged || (step.part != Part::activate && step.part != Part::pre)) return false;
  const Step* before = job.current == 0 ? nullptr : &all.steps[job.current - 1];
  if (before && before->part == Part::activate && before->for_unit == unit) return false;  // decided already
  if (!may_be_left_alone(job, unit, step.stage)) return false;
  leave_alone(number, unit, step);
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
void Core::Impl::leave_alone(JobId number, std::uint32_t unit, const Step& step) {
  const DeploymentKey key = key_of(*find_live(number), expansion_of(number).units[unit]);
  state::StageRecord& stage = *find_or_make_stage(key, step.stage);
  rows.edit(number).skipped.push_back(unit);
  const Job& job = *find_live(number);
  if (stage.status.code == StatusCode::running_pre_step) {
    go(stage, StatusCode::running_main_step, job);
    go(stage, StatusCode::running_post_step, job);
    go(stage, StatusCode::ok, job);
  }
  const std::vector<Step>& steps = expansion_of(number).steps;
  for (std::uint32_t index = job.current; index < steps.size(); ++index) {
    const bool is_of_provider = steps[index].part == Part::activate || steps[index].part == Part::deactivate;
    const bool is_its = (is_of_provider ? steps[index].for_unit : steps[index].unit) == unit;
    if (is_its && rows.state().tasks.contains({number, index}))
      rows.edit(TaskId{number, index}).phase = TaskPhase::skipped;
  }
  log(job, "info",
      fmt::format("Skipping dependency {}: nothing of it has changed.", expansion_of(number).units[unit].release));
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
  rows.edit(number).previous_variables = previous_variables(stage);
  const release::Metadata& metadata = all.metadata_of(step.unit);
  ValueFiles files = files_of(job, unit);
  TRY(stage.calculated_inputs, calculate_inputs(metadata, scope_of(step), sources_of(job, unit, step.stage),
                                                around(job, unit, metadata, step.stage, scope_of(step), files)));
  const FileTexts known = known_files(job, files);
  stage.files = named_files(known, stage.calculated_inputs);
  stage.files.merge(named_files(known, stage.calculated_outputs));
  std::vector<std::string_view> previous;
  for (const auto& [name, text] : rows.state().jobs.at(number).previous_variables) previous.push_back(text);
  stage.files.merge(named_files(known, previous));
  return ok();
}

Result<> Core::Impl::leave(JobId number, const Step& step, const Task* task) {
  const Job& job = *find_live(number);
  const Expansion& all = expansion_of(number);
  announce_end(job, step);
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
  for (std::uint32_t unit = 1; unit < all.units.size(); ++unit) {
    const Unit& below = all.units[unit];
    if (below.is_provider || below.parent != step.unit || below.stage != step.stage) continue;
    const auto row = rows.state().deployments.find(key_of(job, below));
    if (row == rows.state().deployments.end()) continue;
    const bool is_empty = std::ranges::all_of(
        row->second.stages, [](const auto& each) { return each.second.status.code == StatusCode::empty; });
    if (is_empty) rows.remove_deployment(DeploymentKey(row->first));
  }
  if (step.stage != "deploy") return;
  rows.edit_deployment(key).agent.clear();
  tell_change("destroyed", job.principal, key, number, {{"release", release}});
  if (step.unit == 0 && job.removes_deployment) rows.remove_deployment(key);
}

/// A person vouches for what is left of the job: its stages reach the end through the same statuses, without a script.
/// What outputs they had stays, since nobody knows of others.
void Core::Impl::take_as_done(JobId number) {
  const std::vector<Step>& steps = expansion_of(number).steps;
  for (std::uint32_t index = rows.state().jobs.at(number).current; index < steps.size(); ++index) {
    const Step& step = steps[index];
    if (is_left_alone(number, step)) continue;
    if (index > rows.state().jobs.at(number).current) {
      rows.edit(number).current = index;
      if (Result<> entered = enter(number, step); !entered) return fail_job(number, entered.error());
    }
    finish_stage(number, step);
  }
  rows.edit(number).current = static_cast<std::uint32_t>(steps.size());
  succeed(number);
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

/// The stages keep everything as far as they got; only their status says how they ended. A dependency's failure is that
/// of everything above it.
void Core::Impl::mark_failed(const Job& job, const std::string& why, bool is_cut_off) {
  auto known = expansions.find(job.number);
  std::vector<DeploymentKey> keys{deployment_of(job)};
  if (known != expansions.end()) {
    for (std::uint32_t unit = 1; unit < known->second.units.size(); ++unit) {
      if (!known->second.units[unit].is_provider) keys.push_back(key_of(job, known->second.units[unit]));
    }
  }
  for (const DeploymentKey& key : keys) {
    if (!rows.state().deployments.contains(key)) continue;
    const std::map<std::string, state::StageRecord> stages = rows.state().deployments.at(key).stages;
    for (const auto& [name, record] : stages) {
      if (record.job != job.number || !is_running(record.status.code)) continue;
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
