#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/overloaded.h"
#include "shared/base/text.h"

/// Environments that the controller brings to what is desired by itself (state::ConvergePolicy).
///
/// It looks when something has changed, and at least as often as the policy says. A look resolves what is desired under
/// a number of its own, above those of all jobs, and leaves no trace; only when it finds something to do, a converge is
/// made, with what the look has resolved. Nothing of it is durable but the back-off in the statuses: a new life looks
/// at once.
namespace escape::controller {
namespace {

using protocol::PlannedChange;
using state::StatusCode;

/// Looks of one environment begin at least so far apart: a hundred releases that are published in a row cost a few.
constexpr Millis shortest_pause{1'000};
/// Looks are numbered from here on: no job ever gets so far.
constexpr JobId first_look = JobId{1} << 62;

/// Whether a query may be answered by that release now that it is there.
bool could_mean(const std::string& query, const release::ReleaseId& id) {
  const Result<release::ReleaseQuery> parsed = release::parse_release_query(query);
  if (!parsed || !(parsed.value().application == id.application)) return false;
  return std::visit(overloaded{
                        [](const release::Latest&) { return true; },
                        [&](const release::Prefix& p) { return id.version.text().starts_with(p.prefix); },
                        [&](const release::Exact& e) { return same_text(e.version, id.version); },
                        [](const release::Tag&) { return true; },
                    },
                    parsed.value().version);
}

}  // namespace

bool Core::Impl::is_look(JobId number) { return number > first_look; }

/// Embedded, the controller lives as long as one command: what it does is what that command asks for.
bool Core::Impl::is_watched(const std::string& environment) const {
  if (settings.is_embedded || only_plans) return false;
  auto found = rows.state().environments.find(environment);
  return found != rows.state().environments.end() && found->second.converge.is_automatic;
}

/// For whoever has said what is desired.
std::string Core::Impl::how_it_gets_there(const std::string& environment) const {
  if (is_watched(environment)) return "the controller brings it there by itself.";
  std::string text = fmt::format("`escape run converge -e {}` brings it there.", environment);
  auto found = rows.state().environments.find(environment);
  if (found != rows.state().environments.end() && found->second.converge.is_automatic) {
    text += " Nothing goes by itself here: that takes a controller that runs on its own.";
  }
  return text;
}

void Core::Impl::want_look(const std::string& environment) {
  if (is_watched(environment)) looks_wanted.insert(environment);
}

/// Begins the looks that are wanted and may begin now. The others are wanted still: when the converge that is under way
/// settles, or the look, or the pause is over.
void Core::Impl::look_around() {
  for (const std::string& environment : std::set(looks_wanted)) {
    if (!is_watched(environment)) {
      looks_wanted.erase(environment);
      watches.erase(environment);
      timers.cancel({.kind = TimerKind::look, .environment = environment});
      continue;
    }
    Watch& watch = watches[environment];
    if (watch.look != 0 || rows.state().locks.contains({environment, ""})) continue;
    if (watch.looked_at && now.steady < *watch.looked_at + shortest_pause) {
      timers.set({.kind = TimerKind::look, .environment = environment}, *watch.looked_at + shortest_pause);
      continue;
    }
    looks_wanted.erase(environment);
    watch.look = first_look + ++last_look;
    watch.looked_at = now.steady;
    converging[watch.look] = desired_in(environment);
    resolve_next(watch.look);
  }
}

/// Everything that is desired is resolved.
void Core::Impl::end_look(JobId number) {
  Converging pass = std::move(converging.at(number));
  converging.erase(number);
  const std::string environment = pass.environment;
  auto watch = watches.find(environment);
  if (watch == watches.end() || watch->second.look != number) return ignore("nobody looks there any more");
  watch->second.look = 0;
  const Converging anew = desired_in(environment);
  if (!is_watched(environment) || anew.keys != pass.keys || anew.queries != pass.queries) return want_look(environment);
  const std::vector<PlannedChange> plan = plan_of(pass, false, true);
  std::vector<std::string> found;
  for (const PlannedChange& change : plan) {
    if (is_acting(change)) found.push_back(fmt::format("{} ({})", change.deployment, change.reason));
  }
  auto agents = agents_of.find(environment);
  const bool has_agents = agents != agents_of.end() && !agents->second.empty();  // the first one makes it look again
  if (found.empty() || !has_agents || rows.state().locks.contains({environment, ""})) {
    return await_look(environment, plan);
  }
  Job job;
  job.number = rows.state().last_job + 1;
  job.kind = JobKind::converge;
  job.environment = environment;
  job.principal = std::string(controller_principal);
  job.is_automatic = true;
  converging[job.number] = std::move(pass);
  add_job(std::move(job), "The controller converges by itself: " + escape::join(found, ", ") + ".");
}

/// When it looks next, if nothing changes before.
void Core::Impl::await_look(const std::string& environment, const std::vector<PlannedChange>& plan) {
  const Micros every = rows.state().environments.at(environment).converge.every;
  Micros wait = every;
  for (const PlannedChange& change : plan) {
    const state::StageRecord* stage = find_stage(rows.state(), {environment, change.deployment}, "deploy");
    if (change.action == "wait" && stage) wait = std::min(wait, stage->status.try_again_at - now.wall);
  }
  timers.set({.kind = TimerKind::look, .environment = environment},
             now.steady + std::max<Micros>(wait, shortest_pause));
}

std::vector<PlannedChange> Core::Impl::plan_of(const Converging& pass, bool refresh, bool is_automatic) const {
  std::vector<PlannedChange> plan = plan_converge(rows.state(), pass.environment, pass.resolved, refresh, now.wall);
  if (!is_automatic) return plan;
  for (PlannedChange& change : plan) {
    if (is_acting(change)) leave_be(pass.environment, change);
  }
  return plan;
}

/// What a person's converge does and the controller's own does not.
void Core::Impl::leave_be(const std::string& environment, PlannedChange& change) const {
  const DeploymentKey key{environment, change.deployment};
  const state::Status& status = find_stage(rows.state(), key, "deploy")->status;
  if (status.try_again_at > now.wall) {
    change.action = "wait";
    change.reason = "will be retried in " + to_short_text(status.try_again_at - now.wall);
    return;
  }
  const auto leave = [&](std::string why) {
    change.action = "none";
    change.reason = std::move(why);
  };
  if (auto lock = rows.state().locks.find(key); lock != rows.state().locks.end()) {
    return leave(fmt::format("job {} works on it", lock->second.holder));
  }
  if (change.action != "retry") return;
  if (status.is_cut_off) return leave("its script was cut off, and a person decides whether it is run again");
  const bool is_desired = rows.state().deployments.at(key).desired.has_value();
  if (!is_desired && status.tried == 0) leave("it is not described, and no converge has tried it");
}

/// Failed, in an environment where nobody would ask before the next try.
void Core::Impl::back_off(const DeploymentKey& key, JobId job, int tried) {
  state::Status& status = rows.edit_deployment(key).stages["deploy"].status;
  status.tried = tried + 1;
  status.try_again_at = now.wall + retry_delay(status.tried, job, key.deployment);
}

/// A job in a watched environment has settled: somebody may lean on what has changed, or it may not be what is desired.
void Core::Impl::watch_end(const Job& job) {
  const std::string environment = job.environment;
  if (!is_watched(environment)) return;
  want_look(environment);
  if (job.kind == JobKind::converge || job.kind == JobKind::errand) return;
  if (job.outcome == JobOutcome::ok && rolls_out(job)) {
    try_again_in(environment, [](const state::Status& status) { return !is_error(status.code); });
  }
  const DeploymentKey key = deployment_of(job);
  const state::StageRecord* stage = find_stage(rows.state(), key, "deploy");
  const bool is_child = job.parent != 0;
  if (!stage || (!is_child && stage->job != job.number)) return;
  if (job.outcome == JobOutcome::cancelled) {
    // Whoever stopped it does not want it back at once.
    rows.edit_deployment(key).stages["deploy"].status.try_again_at =
        now.wall + rows.state().environments.at(environment).converge.every;
    return;
  }
  const bool is_failed = job.outcome == JobOutcome::failed || job.outcome == JobOutcome::interrupted;
  // A child that brought an error about is counted in `child_settled`, as in every environment.
  if (is_failed && is_child && !is_error(stage->status.code)) back_off(key, job.number, stage->status.tried);
  const bool is_desired = rows.state().deployments.at(key).desired.has_value();
  if (is_failed && !is_child && is_desired && is_error(stage->status.code)) back_off(key, job.number, job.tried);
}

/// What failed may be possible by now. What a person has stopped stays put off.
void Core::Impl::try_again_in(const std::string& environment, const std::function<bool(const state::Status&)>& which) {
  std::vector<DeploymentKey> keys;
  for (auto row = rows.state().deployments.lower_bound({environment, ""});
       row != rows.state().deployments.end() && row->first.environment == environment; ++row) {
    const state::StageRecord* stage = find_stage(rows.state(), row->first, "deploy");
    if (stage && stage->status.tried > 0 && stage->status.try_again_at > now.wall && which(stage->status)) {
      keys.push_back(row->first);
    }
  }
  for (const DeploymentKey& key : keys) rows.edit_deployment(key).stages["deploy"].status.try_again_at = now.wall;
}

void Core::Impl::watch_agent(const std::string& environment) {
  if (!is_watched(environment)) return;
  try_again_in(environment, [](const state::Status&) { return true; });
  want_look(environment);
}

void Core::Impl::watch_release(const release::ReleaseId& id) {
  std::vector<DeploymentKey> keys;
  for (const auto& [key, deployment] : rows.state().deployments) {
    if (deployment.desired && is_watched(key.environment) && could_mean(deployment.desired->query, id)) {
      keys.push_back(key);
    }
  }
  for (const DeploymentKey& key : keys) {
    begin_anew(key);
    want_look(key.environment);
  }
}

}  // namespace escape::controller
