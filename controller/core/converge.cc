#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

using protocol::PlannedChange;
using state::StatusCode;

constexpr Millis longest_delay{5 * 60 * 1000};
constexpr double jitter = 0.2;

/// Any number for each job and deployment, always the same (FNV-1a, and a last stir, since jobs differ in few bits).
std::uint64_t scatter(JobId job, std::string_view deployment) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (int shift = 0; shift < 64; shift += 8) add(static_cast<std::uint8_t>(job >> shift));
  for (const char c : deployment) add(static_cast<std::uint8_t>(c));
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  return hash ^ (hash >> 33);
}

struct Candidate {
  const state::Deployment& deployment;
  const state::StageRecord& stage;
  const state::Environment* environment;
  const DesiredVersion* desired;  ///< nullptr: nobody asked for a release
  const State& state;
};

/// Ids whose value would be another than what the scripts were given.
Result<std::vector<std::string>> changed_inputs(const Candidate& candidate, const release::Metadata& metadata) {
  // A value that is another at another time is no change by itself.
  const DeploymentKey key{candidate.deployment.environment, candidate.deployment.name};
  const FindRelease find = [&](const std::string& release) -> const release::Metadata* {
    for (const release::ReleaseRecord& other : candidate.desired->others) {
      if (to_string(other.id) == release) return &other.metadata;
    }
    return nullptr;
  };
  ValueFiles files(candidate.desired->record.value().seen, candidate.state.instance);
  Surroundings around{
      key.environment,
      key.deployment,
      &candidate.stage,
      candidate.stage.status.updated_at,
      others_around(candidate.state, find, metadata, release::Scope::deploy, key, "deploy", candidate.stage.providers),
      &files};
  const auto wanted_now = [&] {
    static const Value::Object nothing;
    return calculate_inputs(metadata, release::Scope::deploy,
                            {candidate.environment ? &candidate.environment->inputs : &nothing,
                             &candidate.deployment.inputs, &candidate.stage.inputs},
                            around);
  };
  TRY(const Value::Object wanted, wanted_now());
  std::vector<std::string> changed;
  for (const auto& [id, value] : wanted) {
    const Value* given = candidate.stage.calculated_inputs.find(id);
    if (!given || !(*given == value)) changed.push_back(id);
  }
  if (!changed.empty()) {
    around.now = around.now + std::chrono::hours(10'007);
    TRY(const Value::Object later, wanted_now());
    const auto is_made_of_time = [&](const std::string& id) { return !(*later.find(id) == *wanted.find(id)); };
    std::erase_if(changed, [&](const std::string& id) { return later.contains(id) && is_made_of_time(id); });
  }
  for (const auto& [id, value] : candidate.stage.calculated_inputs) {
    if (!wanted.contains(id)) changed.push_back(id);
  }
  return changed;
}

PlannedChange action(const Candidate& candidate, std::string what, std::string to, std::string reason) {
  return {.deployment = candidate.deployment.name,
          .action = std::move(what),
          .from = candidate.stage.last_ok ? candidate.stage.last_ok->version : std::string(),
          .to = std::move(to),
          .reason = std::move(reason)};
}

std::string version_text(const release::ReleaseRecord& record) { return record.id.version.text(); }

/// A deployment that runs well, or waits to: whether it runs what is wanted with the inputs that are wanted.
PlannedChange compare(const Candidate& candidate, bool refresh) {
  const state::StageRecord& stage = candidate.stage;
  if (!candidate.desired) {
    if (stage.release.version.empty()) {
      return action(candidate, "error", "",
                    fmt::format("No 'version' set for deployment of '{}' in deployment '{}'",
                                candidate.deployment.release, candidate.deployment.name));
    }
    if (stage.status.code == StatusCode::pending)
      return action(candidate, "deploy", stage.release.version, "it is asked for");
    if (refresh) return action(candidate, "deploy", stage.release.version, "refresh");
    return action(candidate, "none", stage.release.version, "already deployed (use --refresh to redeploy)");
  }
  if (!candidate.desired->record.has_value())
    return action(candidate, "error", "", describe(candidate.desired->record.error()));
  const release::ReleaseRecord& record = candidate.desired->record.value();
  const std::string to = version_text(record);
  Result<std::vector<std::string>> changed = changed_inputs(candidate, record.metadata);
  // What others are to give it, it has when its turn comes.
  const bool leans_on_others = !record.metadata.consumes.empty() || !record.metadata.depends.empty();
  if (!changed && !(leans_on_others && !stage.last_ok)) {
    return action(candidate, "error", to, describe(changed.error()));
  }
  if (!stage.last_ok) return action(candidate, "deploy", to, "not deployed yet");
  if (stage.last_ok->version != to) {
    return action(candidate, "deploy", to, fmt::format("runs {}, wanted {}", stage.last_ok->version, to));
  }
  if (!may_be_same(*stage.last_ok, {to, record.sha256})) {
    return action(candidate, "deploy", to, "runs files of a workspace or another package of that version");
  }
  if (!changed.value().empty())
    return action(candidate, "deploy", to, "inputs changed: " + join(changed.value(), ", "));
  if (stage.status.code == StatusCode::pending) return action(candidate, "deploy", to, "it is asked for");
  if (refresh) return action(candidate, "deploy", to, "refresh");
  return action(candidate, "none", to, "already deployed (use --refresh to redeploy)");
}

/// After an error: at once the first time, then when the back-off has passed.
PlannedChange retry(const Candidate& candidate, bool refresh, Timestamp now) {
  const state::StageRecord& stage = candidate.stage;
  const state::Status& status = stage.status;
  if (!refresh && status.try_again_at > now) {
    return action(candidate, "wait", stage.release.version,
                  "will be retried in " + to_short_text(status.try_again_at - now));
  }
  const bool is_resolved = candidate.desired && candidate.desired->record.has_value();
  if (candidate.desired && !is_resolved)
    return action(candidate, "error", "", describe(candidate.desired->record.error()));
  std::string to = is_resolved ? version_text(candidate.desired->record.value()) : stage.release.version;
  if (status.code == StatusCode::test_failure && to != stage.release.version) {
    return action(candidate, "deploy", std::move(to), "the smoke tests failed and another release is wanted");
  }
  if (to.empty()) {
    return action(candidate, "error", "",
                  fmt::format("No 'version' set for deployment of '{}' in deployment '{}'",
                              candidate.deployment.release, candidate.deployment.name));
  }
  if (status.code != StatusCode::failure) to = stage.release.version;
  return action(candidate, "retry", std::move(to), fmt::format("its status is '{}'", name_of(status.code)));
}

PlannedChange decide_unheld(const Candidate& candidate, bool refresh, Timestamp now) {
  const StatusCode code = candidate.stage.status.code;
  switch (code) {
    case StatusCode::test_pending:
      return action(candidate, "smoke", candidate.stage.release.version, "it is asked for");
    case StatusCode::destroy_pending:
    case StatusCode::destroy_and_delete_pending:
      return action(candidate, "destroy", "", "it is asked for");
    case StatusCode::failure:
    case StatusCode::test_failure:
    case StatusCode::destroy_failure:
      return retry(candidate, refresh, now);
    case StatusCode::ok:
    case StatusCode::pending:
      return compare(candidate, refresh);
    default:
      return action(candidate, "none", "", fmt::format("its status is set to '{}'", name_of(code)));
  }
}

PlannedChange decide(const Candidate& candidate, bool refresh, Timestamp now) {
  PlannedChange change = decide_unheld(candidate, refresh, now);
  if (!candidate.deployment.hold || change.action == "none") return change;
  change.action = "held";
  change.reason = "it is " + describe_hold(*candidate.deployment.hold);
  return change;
}

}  // namespace

bool is_acting(const PlannedChange& change) {
  return change.action != "none" && change.action != "wait" && change.action != "held" && change.action != "error";
}

std::map<std::string, std::set<std::string>> needs_of(const State& state, std::string_view environment,
                                                      const std::vector<DesiredVersion>& desired,
                                                      const std::vector<PlannedChange>& plan) {
  std::map<std::string, std::set<std::string>> needs;
  std::map<std::string, const release::Metadata*> releases;
  for (const DesiredVersion& one : desired) {
    if (one.record) releases[one.key.deployment] = &one.record.value().metadata;
  }
  std::map<std::string, const PlannedChange*> acting;
  for (const PlannedChange& change : plan) {
    if (is_acting(change)) acting[change.deployment] = &change;
  }
  const auto is_destroy = [](const PlannedChange& change) { return change.action == "destroy"; };
  const auto add = [&](const std::string& consumer, const std::string& provider) {
    auto of_provider = acting.find(provider);
    auto of_consumer = acting.find(consumer);
    if (of_provider == acting.end() || of_consumer == acting.end()) return;
    // What is destroyed goes before what it uses, everything else after it.
    if (is_destroy(*of_provider->second)) {
      needs[provider].insert(consumer);
    } else if (!is_destroy(*of_consumer->second)) {
      needs[consumer].insert(provider);
    }
  };
  for (const auto& [name, change] : acting) {
    const state::StageRecord* stage = find_stage(state, {std::string(environment), name}, "deploy");
    static const std::map<std::string, std::string> none;
    const std::map<std::string, std::string>& chosen = stage ? stage->providers : none;
    for (const auto& [variable, provider] : chosen) add(name, state::root_of(provider));
    auto metadata = releases.find(name);
    if (metadata == releases.end()) continue;
    for (const release::Consumer& consumer : metadata->second->consumes) {
      if (chosen.contains(consumer.variable) || !has_scope(consumer.scopes, release::Scope::deploy)) continue;
      // Not chosen yet: whatever could be must be there first.
      for (const auto& [other, provided] : releases) {
        const bool provides = std::ranges::find(provided->provides, consumer.name) != provided->provides.end();
        if (provides && other != name) add(name, other);
      }
    }
  }
  return needs;
}

namespace {

/// A way from one back to itself: {"a", "b", "a"}.
std::vector<std::string> find_circle(const std::map<std::string, std::set<std::string>>& needs, std::string from) {
  std::vector<std::string> way;
  while (std::ranges::find(way, from) == way.end()) {
    way.push_back(from);
    from = *needs.at(from).begin();
  }
  way.erase(way.begin(), std::ranges::find(way, from));
  way.push_back(from);
  return way;
}

/// The plan with every change after those that it needs; of those that need each other, an error.
std::vector<PlannedChange> in_order(std::vector<PlannedChange> plan,
                                    std::map<std::string, std::set<std::string>> needs) {
  std::vector<PlannedChange> ordered;
  while (!plan.empty()) {
    const auto next =
        std::ranges::find_if(plan, [&](const PlannedChange& change) { return needs[change.deployment].empty(); });
    if (next == plan.end()) break;
    const std::string name = next->deployment;
    ordered.push_back(std::move(*next));
    plan.erase(next);
    for (auto& [other, needed] : needs) needed.erase(name);
  }
  for (PlannedChange& change : plan) {
    change.action = "error";
    change.reason = "The deployments " + join(find_circle(needs, change.deployment), " → ") + " consume each other.";
    ordered.push_back(std::move(change));
  }
  return ordered;
}

}  // namespace

std::vector<PlannedChange> plan_converge(const State& state, std::string_view environment,
                                         const std::vector<DesiredVersion>& desired, bool refresh, Timestamp now) {
  std::map<DeploymentKey, const DesiredVersion*> wanted;
  for (const DesiredVersion& one : desired) wanted[one.key] = &one;
  auto found = state.environments.find(std::string(environment));
  const state::Environment* of = found == state.environments.end() ? nullptr : &found->second;
  std::vector<PlannedChange> plan;
  for (auto row = state.deployments.lower_bound({std::string(environment), ""});
       row != state.deployments.end() && row->first.environment == environment; ++row) {
    if (state::is_below_another(row->first.deployment)) continue;  // its parent's deploy brings it along
    const state::StageRecord* stage = find_stage(state, row->first, "deploy");
    if (!stage) continue;  // only built
    auto one = wanted.find(row->first);
    plan.push_back(decide({row->second, *stage, of, one == wanted.end() ? nullptr : one->second, state}, refresh, now));
  }
  const auto needs = needs_of(state, environment, desired, plan);
  return in_order(std::move(plan), needs);
}

Millis retry_delay(int tried, JobId job, std::string_view deployment) {
  const double seconds = std::floor(std::exp(std::clamp(tried, 1, 10)));
  const double base = std::min(seconds * 1000, static_cast<double>(longest_delay.count()) / (1 + jitter));
  const double share = static_cast<double>(scatter(job, deployment) % 10'001) / 10'000;  // 0 … 1
  return Millis{std::llround(base * (1 - jitter + 2 * jitter * share))};
}

}  // namespace escape::controller
