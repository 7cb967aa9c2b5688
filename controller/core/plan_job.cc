#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "controller/core/secret_texts.h"
#include "controller/core/shown_state.h"
#include "shared/base/sha256.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::controller {
namespace {

using protocol::PlannedDeployment;
using protocol::PlannedInput;
using state::StatusCode;

constexpr std::size_t id_digits = 16;

Value::List texts(const std::vector<std::string>& all) { return {all.begin(), all.end()}; }

Value::Object texts(const std::map<std::string, std::string>& all) {
  Value::Object object;
  for (const auto& [name, value] : all) object.append(name, value);
  return object;
}

bool is_secret_input(const release::Metadata& metadata, const std::string& id) {
  const auto found = std::ranges::find(metadata.inputs, id, &release::Variable::id);
  return found != metadata.inputs.end() && is_secret(*found);
}

std::string text_of(const Value& value) { return value.as_string() ? *value.as_string() : codec::to_json(value); }

std::string action_of(const Job& job) {
  if (job.kind == JobKind::build || !rolls_out(job)) return std::string(name_of(job.kind));
  return "deploy";
}

std::string release_in(const State& state, const DeploymentKey& key, const state::StageRecord* stage) {
  if (!stage || stage->status.code == StatusCode::empty || stage->release.version.empty()) return {};
  return state.deployments.at(key).release + "-v" + stage->release.version;
}

std::string stage_name(const Job& job, const Unit& unit) {
  if (!unit.stage.empty()) return unit.stage;
  if (job.kind == JobKind::build || job.kind == JobKind::test) return "build";
  return job.stages.empty() ? "deploy" : job.stages.front();
}

/// Only what a plan can be about: the rest costs time and says nothing.
State small_copy(const State& state, const protocol::request::Submit& asked) {
  State copy;
  copy.instance = state.instance;
  copy.epoch = state.epoch;
  copy.last_job = state.last_job;
  copy.last_event = state.last_event;
  copy.environments = state.environments;
  for (const std::string& name : {asked.environment, asked.from_environment}) {
    for (auto row = state.deployments.lower_bound({name, ""});
         row != state.deployments.end() && row->first.environment == name; ++row) {
      copy.deployments.insert(*row);
    }
  }
  for (const auto& [name, agent] : state.agents) {
    if (agent.environment == asked.environment) copy.agents.emplace(name, agent);
  }
  return copy;
}

std::string id_made_of(std::string_view bytes) { return "plan-" + sha256_hex(bytes).substr(0, id_digits); }

/// What is sensitive anywhere in the job is so under every name that it is handed on with.
class Secrets {
 public:
  void add(const release::Metadata& metadata, const state::StageRecord* record, const Value::Object& inputs) {
    for (const release::Variable& input : metadata.inputs) {
      if (!is_secret(input)) continue;
      names_.insert(input.id);
      for (const Value::Object* of : {&inputs, record ? &record->calculated_inputs : nullptr}) add(of, input.id);
    }
    for (const release::Variable& output : metadata.outputs) {
      if (is_secret(output)) add(record ? &record->calculated_outputs : nullptr, output.id);
    }
  }
  std::string shown(const std::string& id, const Value& value) const {
    return names_.contains(id) || texts_.is_in(value) ? std::string(hidden_value) : text_of(value);
  }

 private:
  void add(const Value::Object* values, const std::string& id) {
    if (const Value* value = values ? values->find(id) : nullptr) texts_.add(*value);
  }
  std::set<std::string> names_;
  SecretTexts texts_;
};

/// What the scripts would be given beside what those before them were.
std::vector<PlannedInput> changes_between(const release::Metadata& metadata, const Value::Object& before,
                                          const EarlyInputs& then, const std::set<std::string>& later,
                                          const Secrets& secrets) {
  std::vector<PlannedInput> planned;
  for (const release::Variable& input : metadata.inputs) {
    const Value* from = before.find(input.id);
    const Value* to = then.values.find(input.id);
    const std::string was = from ? secrets.shown(input.id, *from) : std::string();
    if (later.contains(input.id) || then.failed.contains(input.id)) {
      planned.push_back({input.id, was, "", "later"});
    } else if (to && (!from || !(*to == *from))) {
      planned.push_back({input.id, was, secrets.shown(input.id, *to), from ? "changed" : "set"});
    }
  }
  for (const auto& [id, value] : before) {
    if (std::ranges::find(metadata.inputs, id, &release::Variable::id) != metadata.inputs.end()) continue;
    planned.push_back(
        {id, std::string(hidden_value), "", "unset"});  // whether it was sensitive, the release that declared it knew
  }
  return planned;
}

}  // namespace

std::string id_of_set(const std::vector<std::string>& ids) { return id_made_of(join(ids, " ")); }

std::string converge_plan_id(const State& state, std::string_view environment,
                             const std::vector<DesiredVersion>& desired,
                             const std::vector<protocol::PlannedChange>& plan) {
  Value::List changes, releases, revisions;
  for (const protocol::PlannedChange& change : plan) {
    changes.push_back(Value::List{change.deployment, change.action, change.from, change.to});
  }
  for (const DesiredVersion& one : desired) {
    const bool is_known = one.record.has_value();
    releases.push_back(Value::List{one.key.deployment, is_known ? to_string(one.record.value().id) : std::string(),
                                   is_known ? one.record.value().sha256 : std::string()});
  }
  for (auto row = state.deployments.lower_bound({std::string(environment), ""});
       row != state.deployments.end() && row->first.environment == environment; ++row) {
    revisions.push_back(Value::List{row->first.deployment, row->second.revision});
  }
  auto found = state.environments.find(std::string(environment));
  return id_made_of(codec::to_msgpack(
      Value::List{std::string(environment), std::move(changes), std::move(releases), std::move(revisions),
                  found == state.environments.end() ? EventSequence{0} : found->second.revision}));
}

/// Of all that a job is made of before its first script. No value of a sensitive input is in it: what it is made of can
/// be tried out by whoever sees an id. What such values come from (environment, deployment) is there by its revision.
std::string Core::Impl::fingerprint(const Job& job) {
  const State& state = rows.state();
  const Expansion& all = expansion_of(job.number);
  const release::Metadata& metadata = all.metadata_of(0);
  Value::Object given;
  for (const auto& [id, value] : job.inputs) given.set(id, is_secret_input(metadata, id) ? Value() : value);
  Value::List units;
  for (std::uint32_t index = 0; index < all.units.size(); ++index) {
    const Unit& unit = all.units[index];
    auto row = state.deployments.find(key_of(job, unit));
    units.push_back(Value::Object{{"deployment", unit.deployment},
                                  {"release", unit.release},
                                  {"sha256", release_of(job, index).sha256},
                                  {"stage", unit.stage},
                                  {"providers", texts(unit.providers)},
                                  {"is_provider", unit.is_provider},
                                  {"revision", row == state.deployments.end() ? 0 : row->second.revision}});
  }
  auto environment = state.environments.find(job.environment);
  const Value whole = Value::Object{
      {"kind", name_of(job.kind)},
      {"environment", job.environment},
      {"environment_revision", environment == state.environments.end() ? 0 : environment->second.revision},
      {"stages", texts(job.stages)},
      {"errand", job.errand},
      {"back_to", job.back_to},
      {"inputs", std::move(given)},
      {"units", std::move(units)}};
  return id_made_of(codec::to_msgpack(whole));
}

std::vector<PlannedDeployment> Core::Impl::planned_deployments(const Job& job, const State& before) {
  const Expansion& all = expansion_of(job.number);
  std::vector<std::uint32_t> order;  // as their first steps come
  for (const Step& step : all.steps) {
    const bool is_own = step.part != Step::Part::activate && step.part != Step::Part::deactivate &&
                        step.part != Step::Part::open && step.part != Step::Part::close;
    if (is_own && std::ranges::find(order, step.unit) == order.end()) order.push_back(step.unit);
  }
  std::map<std::uint32_t, std::pair<EarlyInputs, std::set<std::string>>> inputs;
  Secrets secrets;
  for (std::uint32_t index = 0; index < all.units.size(); ++index) {  // parents first, whose values children get
    const Unit& unit = all.units[index];
    const std::string stage = stage_name(job, unit);
    auto& [early, later] = inputs[index];
    if (rolls_out(job) && !unit.is_provider) {
      if (index != 0) {
        FileTexts named;
        Result<Value::Object> mapped = map_inputs(job, index, stage, &later, named);
        if (mapped) find_or_make_stage(key_of(job, unit), stage)->inputs = std::move(mapped).value();
      }
      ValueFiles files = files_of(job, unit);
      early = early_globals(job, unit, all.metadata_of(index), stage, scope_of(index, stage), files).second;
    }
    secrets.add(all.metadata_of(index), find_stage(before, key_of(job, unit), unit.is_provider ? "deploy" : stage),
                early.values);
  }
  std::map<std::uint32_t, PlannedDeployment> made;
  for (std::uint32_t index = 0; index < all.units.size(); ++index) {
    const Unit& unit = all.units[index];
    if (unit.is_provider) continue;
    const DeploymentKey key = key_of(job, unit);
    const std::string stage = stage_name(job, unit);
    const state::StageRecord* record = find_stage(before, key, stage);
    PlannedDeployment one;
    one.deployment = unit.deployment;
    one.action = action_of(job);
    one.from = release_in(before, key, record);
    if (!one.from.empty()) one.from_sha256 = record->release.sha256;
    one.to = job.kind == JobKind::destroy ? std::string() : index == 0 ? job.release : unit.release;
    if (job.kind != JobKind::destroy) one.to_sha256 = release_of(job, index).sha256;
    one.status = std::string(name_of(record ? record->status.code : StatusCode::empty));
    one.providers = unit.providers;
    if (rolls_out(job)) {
      const auto& [early, later] = inputs.at(index);
      static const Value::Object nothing;
      one.inputs =
          changes_between(all.metadata_of(index), record ? record->calculated_inputs : nothing, early, later, secrets);
    }
    const bool has_other_inputs =
        std::ranges::any_of(one.inputs, [](const PlannedInput& input) { return input.change != "later"; });
    one.is_changed = one.from != one.to || one.from_sha256 != one.to_sha256 || has_other_inputs ||
                     (record && record->status.code != StatusCode::ok) ||
                     (record && record->providers != unit.providers);
    made.emplace(index, std::move(one));
  }
  std::vector<PlannedDeployment> planned;
  for (std::uint32_t index : order) {
    if (made.contains(index)) planned.push_back(std::move(made.at(index)));
  }
  return planned;
}

std::vector<std::string> Core::Impl::warnings_of(const Job& job, const State& before) const {
  std::vector<std::string> warnings;
  const DeploymentKey key = deployment_of(job);
  auto row = before.deployments.find(key);
  if (row != before.deployments.end() && row->second.hold && job.kind != JobKind::rollback) {
    warnings.push_back(fmt::format("{} is {}. This goes through, and leaves the hold.", job.deployment,
                                   describe_hold(*row->second.hold)));
  }
  if (job.kind == JobKind::destroy) {
    for (auto other = before.deployments.lower_bound({key.environment, ""});
         other != before.deployments.end() && other->first.environment == key.environment; ++other) {
      const state::StageRecord* stage = find_stage(before, other->first, "deploy");
      const bool is_ours = state::root_of(other->first.deployment) == job.deployment;
      if (!stage || is_ours || stage->status.code == StatusCode::empty) continue;
      for (const auto& [variable, provider] : stage->providers) {
        if (state::root_of(provider) != job.deployment) continue;
        warnings.push_back(
            fmt::format("{} uses {} as its provider '{}'.", other->first.deployment, provider, variable));
      }
    }
  }
  const Expansion& all = expansions.at(job.number);
  for (const Unit& unit : all.units) {
    const state::StageRecord* record = find_stage(before, key_of(job, unit), stage_name(job, unit));
    if (unit.is_provider || !record || !rolls_out(job)) continue;
    for (const auto& [variable, provider] : unit.providers) {
      const auto used = record->providers.find(variable);
      if (used == record->providers.end() || used->second == provider) continue;
      warnings.push_back(fmt::format("{} was given '{}' by {}, and is given it by {} from now on.", unit.deployment,
                                     variable, used->second, provider));
    }
  }
  if (rolls_out(job) && row != before.deployments.end()) {
    std::vector<std::string> declared;  // what stands below it is given them, too
    for (std::uint32_t unit = 0; unit < all.units.size(); ++unit) {
      for (const release::Variable& input : all.metadata_of(unit).inputs) declared.push_back(input.id);
    }
    for (const auto& [id, value] : row->second.inputs) {
      if (std::ranges::find(declared, id) != declared.end()) continue;
      const std::string near = nearest(id, declared);
      warnings.push_back(fmt::format("{} is described with '{}', which is no input of {}{}.", job.deployment, id,
                                     job.release, near.empty() ? "" : fmt::format(": did you mean '{}'?", near)));
    }
  }
  for (const auto& [name, agent] : rows.state().agents) {
    for (const StrayTask& stray : agent.strays) {
      if (stray.environment != key.environment || state::root_of(stray.deployment) != job.deployment) continue;
      warnings.push_back(
          fmt::format("Step {} of job {} may still be running on agent {}: that job was settled by hand.", stray.step,
                      stray.task.job, name));
    }
  }
  const state::StageRecord* stage = find_stage(before, key, "deploy");
  if (rolls_out(job) && job.kind != JobKind::rollback && stage && stage->last_ok) {
    const Result<release::Version> from = release::Version::parse(stage->last_ok->version);
    const Result<release::ReleaseId> to = release::parse_release_id(job.release);
    if (from && to && to.value().version < from.value()) {
      warnings.push_back(
          fmt::format("This is a downgrade: {} runs version {}.", job.deployment, stage->last_ok->version));
    }
  }
  return warnings;
}

protocol::reply::Plan Core::Impl::planned(const Job& job, const State& before) {
  const Expansion& all = expansion_of(job.number);
  protocol::reply::Plan plan;
  plan.id = planned_id;
  plan.kind = job.kind;
  plan.environment = job.environment;
  plan.locks = {job.deployment};
  plan.warnings = warnings_of(job, before);
  plan.deployments = planned_deployments(job, before);
  // Those that would be left as they are, unless something is another than it looks when their turn comes. What stands
  // below them must be, too.
  std::set<std::string> skipped;
  for (std::uint32_t index = static_cast<std::uint32_t>(all.units.size()); index-- > 1;) {
    const Unit& unit = all.units[index];
    const auto one = std::ranges::find(plan.deployments, unit.deployment, &PlannedDeployment::deployment);
    if (unit.is_provider || one == plan.deployments.end() || !rolls_out(job)) continue;
    const auto runs = [&](const Unit& below) {
      return !below.is_provider && below.parent == index && !skipped.contains(below.deployment);
    };
    const bool is_sure = !one->is_changed && one->inputs.empty() && !one->to_sha256.empty();
    if (!is_sure || !all.metadata_of(index).skip_unchanged || std::ranges::any_of(all.units, runs)) continue;
    one->action = "none";
    skipped.insert(unit.deployment);
  }
  bool needs_one = false;
  for (const Step& step : all.steps) {
    if (skipped.contains(all.units[step.line].deployment)) continue;
    needs_one = needs_one || needs_agent(all.metadata_of(step.unit), step);
    if (script_of(all.metadata_of(step.unit), step)) {
      plan.steps.push_back({all.units[step.unit].deployment, step.name});
    }
  }
  auto row = before.deployments.find(deployment_of(job));
  if (row != before.deployments.end()) plan.agent_before = row->second.agent;
  if (needs_one && job.workspace.empty()) {
    plan.agent = choose_agent(job).value_or(AgentId());
    auto known = presence.find(plan.agent);
    if (known != presence.end()) plan.agent_state = std::string(known->second.liveness);
    if (plan.agent_state == "offline") {
      plan.warnings.push_back(fmt::format("The agent {} is offline: the job would wait for it.", plan.agent));
    }
  }
  const bool moves = !plan.agent_before.empty() && !plan.agent.empty() && plan.agent != plan.agent_before;
  plan.has_changes = moves || std::ranges::any_of(plan.deployments, &PlannedDeployment::is_changed);
  return plan;
}

/// Each by itself; what starts together does not see what the others leave behind.
Result<protocol::reply::Plan> Core::plan_set(const protocol::request::Submit& asked, const PlanContext& context) {
  protocol::reply::Plan all;
  std::vector<std::string> ids;
  std::set<std::string> agents;
  for (const std::string& name : asked.together) {
    protocol::request::Submit one = asked;
    one.together.clear();
    one.deployment = one.from_deployment = name;
    one.with_inputs = inputs_known_at(context.state, {asked.from_environment, name}, asked.with_inputs);
    TRY(protocol::reply::Plan plan, plan_one(one, {}, context, {asked.together.begin(), asked.together.end()}));
    ids.push_back(plan.id);
    agents.insert(plan.agent);
    all.kind = plan.kind;
    all.environment = plan.environment;
    all.has_changes = all.has_changes || plan.has_changes;
    std::ranges::move(plan.deployments, std::back_inserter(all.deployments));
    std::ranges::move(plan.steps, std::back_inserter(all.steps));
    std::ranges::move(plan.locks, std::back_inserter(all.locks));
    std::ranges::move(plan.warnings, std::back_inserter(all.warnings));
  }
  agents.erase("");
  all.agent = join({agents.begin(), agents.end()}, ", ");
  all.id = id_of_set(ids);
  return all;
}

Result<protocol::reply::Plan> Core::plan_job(const protocol::request::Submit& asked,
                                             const std::vector<DeploymentChange>& history, const PlanContext& context) {
  return asked.together.empty() ? plan_one(asked, history, context, {}) : plan_set(asked, context);
}

Result<protocol::reply::Plan> Core::plan_one(const protocol::request::Submit& asked,
                                             const std::vector<DeploymentChange>& history, const PlanContext& context,
                                             std::set<std::string> along) {
  Settings settings;
  settings.is_embedded = context.is_embedded;
  Impl copy(small_copy(context.state, asked), settings);
  copy.only_plans = true;
  copy.planned_along = std::move(along);
  for (const auto& [name, agent] : copy.rows.state().agents) copy.presence[name].liveness = context.liveness(name);
  TRY(const Job meant, copy.job_of(asked, history));
  if (meant.kind == JobKind::converge) {
    return fail(ErrorKind::usage, "What a converge would do is asked for with plan_converge.");
  }
  auto lock = context.state.locks.find(lock_of(meant));
  if (lock != context.state.locks.end()) {
    const Job& holder = context.state.jobs.at(lock->second.holder);
    return fail(ErrorKind::conflict,
                fmt::format("Job {} ({}, {}) works on {}: what it leaves behind is not known yet.", holder.number,
                            holder.principal, name_of(holder.kind), meant.deployment),
                fmt::format("Look again when it has ended: `escape jobs attach {}`.", holder.number));
  }
  const Now now{context.now, {}};
  input::ClientMessage message{0, "", "plan", asked, {}, history};
  std::get<protocol::request::Submit>(message.request).plan.clear();
  Effects effects = copy.on(message, now);
  const protocol::Reply reply = effects.to_clients.at(0).reply.reply;
  if (const auto* failed = std::get_if<protocol::reply::Failed>(&reply)) {
    return fail({kind_from_name(failed->kind), failed->message, failed->hint, {}});
  }
  const JobId number = std::get<protocol::reply::JobMade>(reply).job;
  while (true) {
    for (const Change& change : effects.changes) {
      const auto* job = std::get_if<Job>(&change);
      if (!job || job->number != number || job->phase != JobPhase::settled) continue;
      return fail({kind_from_name(job->error_kind), job->message, job->hint, {}});
    }
    if (effects.resolve.empty()) break;
    const Effects::Resolve wanted = effects.resolve.front();
    effects = copy.on(input::Resolved{number, resolve_all(wanted.query, wanted.also, context.resolve)}, now);
  }
  return copy.planned(*copy.find_live(number), context.state);
}

}  // namespace escape::controller
