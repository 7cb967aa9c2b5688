#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/script/script.h"

namespace escape::controller {
namespace {

using state::StatusCode;

/// Far beyond what people release together; releases that lead to each other end here too.
constexpr std::size_t most_units = 500;
constexpr std::size_t deepest = 16;

const state::Deployment* find_deployment(const State& state, const DeploymentKey& key) {
  auto found = state.deployments.find(key);
  return found == state.deployments.end() ? nullptr : &found->second;
}

/// Runs well enough to be built upon: what is being changed right now did before.
bool may_provide(const state::StageRecord& stage) {
  switch (stage.status.code) {
    case StatusCode::ok:
    case StatusCode::test_pending:
    case StatusCode::running_test_step:
    case StatusCode::test_failure:
      return true;
    case StatusCode::pending:
    case StatusCode::running_pre_step:
    case StatusCode::running_main_step:
    case StatusCode::running_post_step:
      return stage.last_ok.has_value();
    default:
      return false;
  }
}

bool provides(const std::vector<std::string>& interfaces, const std::string& interface) {
  return std::ranges::find(interfaces, interface) != interfaces.end();
}

std::string named(const release::Consumer& consumer) {
  return consumer.variable == consumer.name
             ? fmt::format("provider of type '{}'", consumer.name)
             : fmt::format("provider '{}' of type '{}'", consumer.variable, consumer.name);
}

const Unit* find_unit(const std::vector<Unit>& units, const std::string& deployment) {
  const auto found =
      std::ranges::find_if(units, [&](const Unit& unit) { return unit.deployment == deployment && !unit.is_provider; });
  return found == units.end() ? nullptr : &*found;
}

std::string parent_of(const std::string& deployment) { return deployment.substr(0, deployment.rfind(':')); }

}  // namespace

/// The deployments that the job means, its own first. What they need must be known (`missing_releases`).
Result<std::vector<Unit>> Core::Impl::units_of(const Job& job) {
  std::vector<Unit> units{Unit{.deployment = job.deployment, .release = job.release}};
  if (rolls_out(job)) {
    const std::string stage = job.kind == JobKind::build ? "build" : "deploy";
    TRY(units[0].providers, choose_providers(job, units, 0, stage));
    TRYV(add_dependencies(job, units, 0, stage));
  } else {
    const std::vector<std::string> stages =
        job.kind == JobKind::destroy ? job.stages
                                     : std::vector<std::string>{job.kind == JobKind::test ? "build" : "deploy"};
    for (const std::string& stage : stages) {
      if (const state::StageRecord* record = find_stage(rows.state(), deployment_of(job), stage)) {
        units[0].providers.insert(record->providers.begin(), record->providers.end());
      }
      if (job.kind == JobKind::destroy) {
        TRYV(add_recorded(job, units, 0, stage));
      }
    }
  }
  if (job.kind != JobKind::test && job.kind != JobKind::smoke) {
    TRYV(add_providers(job, units));
  }
  return units;
}

Result<> Core::Impl::add_dependencies(const Job& job, std::vector<Unit>& units, std::uint32_t unit,
                                      const std::string& stage) {
  const Expansion& all = expansion_of(job.number);
  const release::Metadata& metadata = unit == 0 ? all.metadata_of(0) : all.releases.at(units[unit].release);
  const release::Scope scope = scope_of(unit, stage);
  TRY(const std::vector<const release::Dependency*> ordered, ordered_dependencies(metadata, scope));
  for (const release::Dependency* dependency : ordered) {
    Unit child;
    child.deployment = path_below(units[unit].deployment, *dependency);
    child.release = canonical_id(dependency->release_id);
    child.stage = stage;
    child.parent = unit;
    child.variable = dependency->variable;
    if (find_unit(units, child.deployment)) {
      return fail(
          ErrorKind::bad_data,
          fmt::format("Two dependencies of {} are both called '{}'.", units[unit].release, name_below(*dependency)),
          "Give one of them another name with `as`.");
    }
    if (units.size() >= most_units || std::ranges::count(child.deployment, ':') > static_cast<long>(deepest)) {
      return fail(ErrorKind::bad_data, fmt::format("{} leads to more than {} dependencies, or deeper than {} levels.",
                                                   job.release, most_units, deepest));
    }
    const auto index = static_cast<std::uint32_t>(units.size());
    units.push_back(std::move(child));
    TRY(units[index].providers, choose_providers(job, units, index, stage));
    TRYV(add_dependencies(job, units, index, stage));
  }
  return ok();
}

/// What stands below a stage now, whatever release brought it there, in the order in which it was brought up.
Result<> Core::Impl::add_recorded(const Job& job, std::vector<Unit>& units, std::uint32_t unit,
                                  const std::string& stage) {
  const State& state = rows.state();
  const Expansion& all = expansion_of(job.number);
  const std::string prefix = units[unit].deployment + ":";
  std::vector<Unit> found;
  for (auto row = state.deployments.lower_bound({job.environment, prefix});
       row != state.deployments.end() && row->first.environment == job.environment &&
       row->first.deployment.starts_with(prefix);
       ++row) {
    const state::StageRecord* record = find_stage(state, row->first, stage);
    if (!record || parent_of(row->first.deployment) != units[unit].deployment) continue;
    if (record->status.code == StatusCode::empty || record->release.version.empty()) continue;
    found.push_back({.deployment = row->first.deployment,
                     .release = row->second.release + "-v" + record->release.version,
                     .stage = stage,
                     .parent = unit,
                     .providers = record->providers});
  }
  const release::Metadata* metadata = unit == 0 ? &all.metadata_of(0) : all.find(units[unit].release);
  std::vector<std::string> order;
  if (metadata) {
    const release::Scope scope = scope_of(unit, stage);
    TRY(const std::vector<const release::Dependency*> ordered, ordered_dependencies(*metadata, scope));
    for (const release::Dependency* dependency : ordered) order.push_back(prefix + name_below(*dependency));
  }
  std::ranges::stable_sort(found, {},
                           [&](const Unit& one) { return std::ranges::find(order, one.deployment) - order.begin(); });
  for (Unit& one : found) {
    const auto index = static_cast<std::uint32_t>(units.size());
    units.push_back(std::move(one));
    TRYV(add_recorded(job, units, index, stage));
  }
  return ok();
}

Result<> Core::Impl::check_provider(const Job& job, const release::Consumer& consumer, const std::string& deployment,
                                    const std::vector<Unit>& units) const {
  const std::string hint = fmt::format(
      "Name one with -p {}=DEPLOYMENT; `escape state show-providers -e {}` shows who "
      "provides what.",
      consumer.variable, job.environment);
  if (deployment == job.deployment) {
    return fail(ErrorKind::bad_data, fmt::format("'{}' is trying to consume itself", deployment), hint);
  }
  if (const Unit* ours = find_unit(units, deployment)) {
    const release::Metadata* metadata = expansions.at(job.number).find(ours->release);
    if (metadata && provides(metadata->provides, consumer.name)) return ok();
    return fail(ErrorKind::bad_data, fmt::format("The dependency {} does not provide '{}'.", deployment, consumer.name),
                hint);
  }
  const state::Deployment* found = find_deployment(rows.state(), {job.environment, deployment});
  const state::StageRecord* stage = found && found->stages.contains("deploy") ? &found->stages.at("deploy") : nullptr;
  if (!stage) return fail(ErrorKind::not_found, fmt::format("Deployment '{}' does not exist", deployment), hint);
  if (!may_provide(*stage)) {
    return fail(ErrorKind::refused,
                fmt::format("The deployment {} is in status '{}', so it can't be the {}.", deployment,
                            name_of(stage->status.code), named(consumer)),
                hint);
  }
  if (provides(stage->provides, consumer.name)) return ok();
  return fail(ErrorKind::bad_data, fmt::format("The deployment {} does not provide '{}'.", deployment, consumer.name),
              hint);
}

/// spec/state-model.md §5, with a stored provider that is gone looked for anew.
Result<std::map<std::string, std::string>> Core::Impl::choose_providers(const Job& job, const std::vector<Unit>& units,
                                                                        std::uint32_t unit, const std::string& stage) {
  const Expansion& all = expansion_of(job.number);
  const release::Metadata& metadata = unit == 0 ? all.metadata_of(0) : all.releases.at(units[unit].release);
  const release::Scope scope = scope_of(unit, stage);
  std::map<std::string, std::string> asked = job.providers;
  if (unit != 0) {
    TRY(asked, evaluate_consumes(job, units, unit, stage));
  }
  std::vector<std::string> variables;
  for (const release::Consumer& consumer : metadata.consumes) variables.push_back(consumer.variable);
  for (const auto& [variable, deployment] : asked) {
    if (provides(variables, variable)) continue;
    const std::string near = nearest(variable, variables);
    return fail(ErrorKind::bad_data, fmt::format("'{}' is not a consumer of {}.", variable, units[unit].release),
                near.empty() ? "Its consumers are: " + escape::join(variables, ", ") + "."
                             : fmt::format("Did you mean '{}'?", near));
  }
  std::map<std::string, std::string> chosen;
  for (const release::Consumer& consumer : metadata.consumes) {
    if (!has_scope(consumer.scopes, scope)) continue;
    if (auto given = asked.find(consumer.variable); given != asked.end()) {
      TRYV(check_provider(job, consumer, given->second, units));
      chosen[consumer.variable] = given->second;
      continue;
    }
    TRY(chosen[consumer.variable], find_provider(job, consumer, units, unit, stage));
  }
  return chosen;
}

/// Empty: the job is in no set of promotions, or the source's provider is not.
std::string Core::Impl::provider_along(const Job& job, const release::Consumer& consumer) const {
  const std::set<std::string> all = set_of(job);
  const state::StageRecord* source =
      all.empty() ? nullptr : find_stage(rows.state(), {job.from_environment, job.from_deployment}, "deploy");
  if (!source || !source->providers.contains(consumer.variable)) return {};
  const std::string& name = source->providers.at(consumer.variable);
  return all.contains(name) && name != job.deployment ? name : std::string();
}

/// Whether it is given something by one that comes along in its set and is not there yet.
bool Core::Impl::leans_on_its_set(const Job& job, const std::vector<Unit>& units) const {
  if (job.is_let_go || set_of(job).empty()) return false;
  return std::ranges::any_of(units.front().providers, [&](const auto& one) {
    const state::StageRecord* stage = find_stage(rows.state(), {job.environment, one.second}, "deploy");
    return !stage || !may_provide(*stage);
  });
}

Result<std::string> Core::Impl::find_provider(const Job& job, const release::Consumer& consumer,
                                              const std::vector<Unit>& units, std::uint32_t unit,
                                              const std::string& stage) const {
  // What was used before, here or (the nearest first) by whoever depends on it.
  std::vector<std::string> known;
  const state::StageRecord* record = find_stage(rows.state(), key_of(job, units[unit]), stage);
  if (record && record->providers.contains(consumer.variable)) known.push_back(record->providers.at(consumer.variable));
  for (std::uint32_t above = unit; above != 0;) {
    above = units[above].parent;
    auto inherited = units[above].providers.find(consumer.variable);
    if (inherited != units[above].providers.end()) known.push_back(inherited->second);
  }
  // In a set of promotions the one that it uses where it comes from, when that comes along.
  const std::string along = unit == 0 ? provider_along(job, consumer) : std::string();
  if (!along.empty()) known.push_back(along);
  for (const std::string& deployment : known) {
    if (check_provider(job, consumer, deployment, units) || (deployment == along && !job.is_let_go)) return deployment;
  }
  std::vector<std::string> candidates;
  const State& state = rows.state();
  for (auto row = state.deployments.lower_bound({job.environment, ""});
       row != state.deployments.end() && row->first.environment == job.environment; ++row) {
    const std::string& name = row->first.deployment;
    if (state::is_below_another(name) || name == job.deployment) continue;
    const state::StageRecord* deployed = find_stage(state, row->first, "deploy");
    if (deployed && may_provide(*deployed) && provides(deployed->provides, consumer.name)) candidates.push_back(name);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty()) {
    return fail(
        ErrorKind::not_found,
        fmt::format("Missing {}. This can be configured using the -p / --extra-providers flag.", named(consumer)),
        fmt::format("Nothing that runs in the environment {} provides '{}': deploy something that does.",
                    job.environment, consumer.name));
  }
  return fail(ErrorKind::bad_data,
              fmt::format("There is more than one {} in the environment {}: {}.", named(consumer), job.environment,
                          escape::join(candidates, ", ")),
              fmt::format("Choose one: -p {}={}", consumer.variable, candidates.front()));
}

/// What a dependency's `consumes` says over the values of whoever depends on it.
Result<std::map<std::string, std::string>> Core::Impl::evaluate_consumes(const Job& job, const std::vector<Unit>& units,
                                                                         std::uint32_t unit, const std::string& stage) {
  const Expansion& all = expansion_of(job.number);
  const Unit& parent = units[units[unit].parent];
  const release::Metadata& metadata = units[unit].parent == 0 ? all.metadata_of(0) : all.releases.at(parent.release);
  const release::Scope scope = scope_of(units[unit].parent, stage);
  std::map<std::string, std::string> asked;
  const auto dependency = std::ranges::find(metadata.depends, units[unit].variable, &release::Dependency::variable);
  if (dependency == metadata.depends.end() || dependency->consumes.empty()) return asked;
  ValueFiles files = files_of(job, parent);
  const Value::Object globals = early_globals(job, parent, metadata, stage, scope, files).first;
  const script::Context context = context_of(globals, files);
  for (const auto& [variable, text] : dependency->consumes) {
    Result<std::string> deployment = script::evaluate_to_text(text, context);
    if (!deployment) {
      Error error = std::move(deployment).error();
      error.message =
          fmt::format("In the consumer '{}' of dependency '{}': {}", variable, units[unit].variable, error.message);
      return fail(std::move(error));
    }
    asked[variable] = std::move(deployment).value();
  }
  return asked;
}

/// The providers of all units whose activation may be a script, and those that they need in turn.
Result<> Core::Impl::add_providers(const Job& job, std::vector<Unit>& units) {
  const Expansion& all = expansion_of(job.number);
  const State& state = rows.state();
  for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
    const release::Metadata* metadata = unit == 0 ? &all.metadata_of(0) : all.find(units[unit].release);
    const auto wants = [&](const std::string& variable) {
      if (!metadata) return true;
      return std::ranges::any_of(metadata->consumes, [&](const release::Consumer& consumer) {
        return consumer.variable == variable && !consumer.skip_activate;
      });
    };
    for (const auto& [variable, deployment] : std::map(units[unit].providers)) {
      const auto is_it = [&](const Unit& each) { return each.is_provider && each.deployment == deployment; };
      if (!wants(variable) || std::ranges::any_of(units, is_it)) continue;
      if (units.size() >= most_units) {
        return fail(ErrorKind::bad_data, fmt::format("{} leads to more than {} providers.", job.release, most_units));
      }
      if (const Unit* ours = find_unit(units, deployment)) {
        Unit provider = *ours;
        provider.is_provider = true;
        units.push_back(std::move(provider));
        continue;
      }
      const state::Deployment* row = find_deployment(state, {job.environment, deployment});
      const state::StageRecord* stage = row ? find_stage(state, {job.environment, deployment}, "deploy") : nullptr;
      // Only a destroy or an errand comes here with one that is gone: it goes on without its activation.
      if (!stage || !may_provide(*stage) || stage->release.version.empty()) continue;
      if (stage->release.sha256.empty() && !stage->release.lacks_digest) {
        return fail(
            ErrorKind::refused,
            fmt::format("The provider {} runs unreleased files of a workspace, which no agent can fetch.", deployment),
            "Release it with `escape run release` and deploy that release.");
      }
      units.push_back({.deployment = deployment,
                       .release = row->release + "-v" + stage->release.version,
                       .providers = stage->providers,
                       .is_provider = true});
    }
  }
  return ok();
}

}  // namespace escape::controller
