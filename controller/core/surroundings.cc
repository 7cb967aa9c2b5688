#include <algorithm>
#include <set>

#include "controller/core/engine.h"
#include "shared/plan/context.h"

namespace escape::controller {
namespace {

/// Far beyond what people release together; a loop of ids ends here too.
constexpr std::size_t most_releases = 1000;

Value::Object declared_values(const std::vector<release::Variable>* declared, const Value::Object& values) {
  if (!declared) return values;
  Value::Object known;
  for (const release::Variable& variable : *declared) {
    const Value* value = in_scope(variable, release::Scope::deploy) ? values.find(variable.id) : nullptr;
    if (value) known.set(variable.id, *value);
  }
  return known;
}

/// What others see of a deployment (spec/scripting-language.md §4.2); `metadata` nullptr: of a release that is not at
/// hand only the id is known.
Value::Object seen_from_outside(const state::Deployment& deployment, const state::StageRecord& record,
                                const release::Metadata* metadata) {
  release::Metadata named;
  if (!metadata) {
    if (Result<release::ReleaseId> id = release::parse_release_id(deployment.release + "-v" + record.release.version)) {
      named.project = id.value().application.project;
      named.name = id.value().application.name;
      named.version = id.value().version.text();
    }
  }
  Value::Object seen = plan::release_context(metadata ? *metadata : named);
  seen.set("inputs", declared_values(metadata ? &metadata->inputs : nullptr, record.calculated_inputs));
  seen.set("outputs", declared_values(metadata ? &metadata->outputs : nullptr, record.calculated_outputs));
  seen.set("project", state_project);
  seen.set("environment", deployment.environment);
  seen.set("deployment", deployment.name);
  return seen;
}

}  // namespace

Value::Object others_around(const State& state, const FindRelease& find, const release::Metadata& metadata,
                            release::Scope scope, const DeploymentKey& key, const std::string& stage,
                            const std::map<std::string, std::string>& providers) {
  Value::Object others;
  const auto record_of = [&](const state::Deployment& deployment) -> const state::StageRecord* {
    const bool is_ours =
        state::root_of(deployment.name) == state::root_of(key.deployment) && state::is_below_another(deployment.name);
    auto found = deployment.stages.find(is_ours ? stage : "deploy");
    return found == deployment.stages.end() ? nullptr : &found->second;
  };
  static const state::StageRecord nothing;
  for (const release::Dependency& dependency : metadata.depends) {
    const std::string id = canonical_id(dependency.release_id);
    const std::string path = path_below(key.deployment, dependency);
    const release::Metadata* release = find(id);
    auto row = state.deployments.find({key.environment, path});
    state::Deployment planned{.environment = key.environment, .name = path};
    if (release) planned.release = to_string(application_of(*release));
    const state::StageRecord* record = row == state.deployments.end() ? nullptr : record_of(row->second);
    Value::Object seen = seen_from_outside(planned, record ? *record : nothing, release);
    others.set(dependency.variable, seen);
    others.set(id, std::move(seen));
  }
  for (const release::Consumer& consumer : metadata.consumes) {
    if (!has_scope(consumer.scopes, scope)) continue;
    const auto chosen = providers.find(consumer.variable);
    if (chosen == providers.end()) continue;
    auto row = state.deployments.find({key.environment, chosen->second});
    if (row == state.deployments.end()) continue;
    const state::StageRecord* record = record_of(row->second);
    if (!record) continue;
    others.set(consumer.variable,
               seen_from_outside(row->second, *record, find(row->second.release + "-v" + record->release.version)));
  }
  for (const auto& [name, meant] : metadata.variable_context) {
    const Value* value = others.find(meant);
    if (value && !others.contains(name)) others.set(name, Value(*value));
  }
  return others;
}

/// Which record of a unit a job of that stage looks at: another deployment's is always its deploy stage.
std::string Core::Impl::stage_of(const Job& job, const Unit& unit, const std::string& stage) const {
  return state::root_of(unit.deployment) == job.deployment ? stage : "deploy";
}

Surroundings Core::Impl::around(const Job& job, const Unit& unit, const release::Metadata& metadata,
                                const std::string& stage, release::Scope scope, script::Host& files) const {
  const DeploymentKey key = key_of(job, unit);
  const std::string of = stage_of(job, unit, stage);
  const Expansion& all = expansions.at(job.number);
  const FindRelease find = [&](const std::string& release) {
    return release == job.release ? &all.metadata_of(0) : all.find(release);
  };
  return {key.environment,
          key.deployment,
          find_stage(rows.state(), key, of),
          now.wall,
          others_around(rows.state(), find, metadata, scope, key, of, unit.providers),
          &files};
}

script::Context Core::Impl::context_of(const Value::Object& globals, script::Host& files) const {
  return {&globals, &files, now.wall.micros / 1'000'000};
}

/// What the expressions of a unit's release read. It refers to the job's plan.
ValueFiles Core::Impl::files_of(const Job& job, const Unit& unit) const {
  static const release::SeenFiles none;
  const State& state = rows.state();
  const auto plan = state.plans.find(job.number);
  if (plan == state.plans.end()) return {none, state.instance};
  if (unit.release.empty() || unit.release == job.release) return {plan->second.seen, state.instance};
  const auto planned = std::ranges::find(plan->second.releases, unit.release, &PlannedRelease::release);
  return {planned == plan->second.releases.end() ? none : planned->seen, state.instance};
}

/// Every file that a value of the job may name: those just made, and those of the deployments that it works with.
FileTexts Core::Impl::known_files(const Job& job, const ValueFiles& files) const {
  FileTexts known = files.made();
  const auto add = [&](const std::string& deployment) {
    const auto row = rows.state().deployments.find({job.environment, deployment});
    if (row == rows.state().deployments.end()) return;
    for (const auto& [name, stage] : row->second.stages) known.insert(stage.files.begin(), stage.files.end());
  };
  for (const Unit& unit : expansions.at(job.number).units) {
    add(unit.deployment);
    for (const auto& [variable, provider] : unit.providers) add(provider);
  }
  return known;
}

/// spec/variables.md §7: the environment's, then those of every deployment on the way down, each with its stage's.
/// `user`: instead of what the first one's stage records.
InputSources Core::Impl::sources_of(const Job& job, const Unit& unit, const std::string& stage,
                                    const Value::Object* user) const {
  const State& state = rows.state();
  InputSources sources;
  auto environment = state.environments.find(job.environment);
  if (environment != state.environments.end()) sources.push_back(&environment->second.inputs);
  for (std::size_t end = 0; end != std::string::npos;) {
    end = unit.deployment.find(':', end == 0 ? 0 : end + 1);
    const DeploymentKey key{job.environment, unit.deployment.substr(0, end)};
    auto row = state.deployments.find(key);
    if (row != state.deployments.end()) sources.push_back(&row->second.inputs);
    const state::StageRecord* record = find_stage(state, key, stage);
    if (user && key.deployment == job.deployment) {
      sources.push_back(user);
    } else if (record) {
      sources.push_back(&record->inputs);
    }
  }
  // What the scripts had when it ran well, whatever the environment gives by now.
  if (job.kind == JobKind::rollback && unit.deployment == job.deployment) sources.push_back(&job.given);
  return sources;
}

/// What a unit's expressions see before its dependencies are there (spec/scripting-language.md §4.3), and its inputs as
/// far as they can be told.
std::pair<Value::Object, EarlyInputs> Core::Impl::early_globals(const Job& job, const Unit& unit,
                                                                const release::Metadata& metadata,
                                                                const std::string& stage, release::Scope scope,
                                                                script::Host& files) const {
  const state::StageRecord* first = find_stage(rows.state(), deployment_of(job), stage);
  Value::Object user = first ? first->inputs : Value::Object();
  for (const auto& [id, value] : job.inputs) user.set(id, value);
  const Surroundings surroundings = around(job, unit, metadata, stage, scope, files);
  EarlyInputs early = calculate_early_inputs(metadata, scope, sources_of(job, unit, stage, &user), surroundings);
  Value::Object globals = expression_globals(metadata, scope, surroundings);
  for (auto& [name, self] : globals) {
    if (name == "this") self.as_object()->set("inputs", early.values);
  }
  return {std::move(globals), std::move(early)};
}

Result<std::vector<release::ReleaseRecord>> resolve_all(const std::optional<release::ReleaseQuery>& query,
                                                        const std::vector<std::string>& also,
                                                        const ResolveRelease& resolve) {
  std::vector<release::ReleaseRecord> records;
  struct Wanted {
    std::string id, by;
  };
  std::vector<Wanted> wanted;
  std::set<std::string> seen;
  const auto want = [&](const std::string& id, const std::string& by) {
    if (seen.insert(canonical_id(id)).second) wanted.push_back({canonical_id(id), by});
  };
  const auto take = [&](release::ReleaseRecord record) {
    const std::string id = to_string(record.id);
    for (const release::Dependency& dependency : record.metadata.depends) want(dependency.release_id, id);
    for (const std::string& extension : record.metadata.extends) want(extension, id);
    records.push_back(std::move(record));
  };
  if (query) {
    TRY(release::ReleaseRecord record, resolve(*query));
    take(std::move(record));
  }
  for (const std::string& id : also) want(id, "");
  while (!wanted.empty()) {
    const Wanted next = std::move(wanted.back());
    wanted.pop_back();
    Result<release::ReleaseQuery> exact = release::parse_release_query(next.id);
    Result<release::ReleaseRecord> record =
        exact ? resolve(exact.value()) : Result<release::ReleaseRecord>(fail(exact.error()));
    if (!record) {
      Error error = std::move(record).error();
      if (!next.by.empty()) error.message = next.by + " needs " + next.id + ": " + error.message;
      return fail(std::move(error));
    }
    take(std::move(record).value());
    if (records.size() > most_releases) {
      return fail(ErrorKind::bad_data, "The release leads to more than 1000 others", "Look at what it depends on.");
    }
  }
  return records;
}

}  // namespace escape::controller
