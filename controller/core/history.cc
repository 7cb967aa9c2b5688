#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

constexpr std::string_view told_prefix = "deployment.";

const state::StageRecord* deploy_stage(const state::Deployment& deployment) {
  auto found = deployment.stages.find("deploy");
  return found == deployment.stages.end() ? nullptr : &found->second;
}

/// After which the deploy stage held a release that runs well.
bool is_good(const DeploymentChange& change) {
  const state::StageRecord* stage = deploy_stage(change.deployment);
  if (change.what == "imported") return stage && stage->last_ok && stage->status.code == state::StatusCode::ok;
  return change.what == "deployed" || change.what == "upgraded" || change.what == "rolledback";
}

bool has_same_content(const state::Deployment& one, const state::Deployment& other) {
  const state::StageRecord* left = deploy_stage(one);
  const state::StageRecord* right = deploy_stage(other);
  return left && right && left->release == right->release && left->inputs == right->inputs &&
         one.inputs == other.inputs;
}

Error history_hint(ErrorKind kind, std::string message, const state::Deployment& deployment) {
  return {kind,
          std::move(message),
          fmt::format("`escape state history -d {} -e {}` shows its changes.", deployment.name, deployment.environment),
          {}};
}

/// Only what an agent can fetch again can be brought back.
Result<const DeploymentChange*> released(const DeploymentChange& change) {
  const state::StageRecord* stage = deploy_stage(change.deployment);
  if (stage && (!stage->release.sha256.empty() || stage->release.lacks_digest)) return &change;
  return fail(history_hint(ErrorKind::refused,
                           fmt::format("Change {} of the deployment {} ran unreleased files of a workspace, which "
                                       "cannot be brought back.",
                                       change.sequence, change.deployment.name),
                           change.deployment));
}

}  // namespace

Result<const DeploymentChange*> find_rollback(const state::Deployment& deployment,
                                              const std::vector<DeploymentChange>& newest_first, EventSequence to) {
  const auto find = [&](EventSequence sequence) {
    return std::ranges::find(newest_first, sequence, &DeploymentChange::sequence);
  };
  if (to != 0) {
    const auto named = find(to);
    if (named == newest_first.end()) {
      return fail(history_hint(ErrorKind::not_found,
                               fmt::format("The deployment {} in the environment {} has no change {}.", deployment.name,
                                           deployment.environment, to),
                               deployment));
    }
    if (is_good(*named)) return released(*named);
    return fail(history_hint(ErrorKind::refused,
                             fmt::format("Change {} of the deployment {} ({}) is none after which a release ran well.",
                                         to, deployment.name, named->what),
                             deployment));
  }
  const state::StageRecord* stage = deploy_stage(deployment);
  // What failed its smoke tests runs, and is what people go back from; what was destroyed does not.
  const bool runs_well = stage && stage->last_ok && stage->status.code != state::StatusCode::failure &&
                         stage->status.code != state::StatusCode::destroy_failure;
  auto at = newest_first.begin();
  // A rollback that failed is tried again.
  const auto tried = std::ranges::find_if(
      newest_first, [](const DeploymentChange& change) { return is_good(change) || change.what == "failed"; });
  if (!runs_well && tried != newest_first.end() && tried->back_to != 0) {
    at = find(tried->back_to);
    if (at != newest_first.end()) return released(*at);
  }
  at = std::find_if(newest_first.begin(), newest_first.end(), is_good);
  if (!runs_well && at != newest_first.end()) return released(*at);
  // What was rolled back from lies between a rollback and where it went to.
  while (at != newest_first.end() && at->back_to != 0) at = find(at->back_to);
  for (; at != newest_first.end(); ++at) {
    if (is_good(*at) && !has_same_content(at->deployment, deployment)) return released(*at);
  }
  return fail(history_hint(ErrorKind::refused,
                           fmt::format("The deployment {} in the environment {} has no other release that ran well "
                                       "before.",
                                       deployment.name, deployment.environment),
                           deployment));
}

std::string describe_hold(const state::Hold& hold) {
  return fmt::format("held by {} since {}: {}", hold.by, to_rfc3339(hold.since), hold.reason);
}

/// Tells it, and keeps the deployment as it is now. A trial leaves no history: it is nobody's.
void Core::Impl::tell_change(std::string_view what, std::string_view principal, const DeploymentKey& key, JobId job,
                             Value::Object data, std::string note) {
  tell(std::string(told_prefix) + std::string(what), principal, key, job, std::move(data));
  keep_change(what, principal, key, job, std::move(note));
}

/// Under the number of the event that was told last.
void Core::Impl::keep_change(std::string_view what, std::string_view principal, const DeploymentKey& key, JobId job,
                             std::string note) {
  const State& state = rows.state();
  if (!state.deployments.contains(key)) return;
  state::Deployment& deployment = rows.edit_deployment(key);
  deployment.revision = state.last_event;
  auto environment = state.environments.find(key.environment);
  if (environment != state.environments.end() && environment->second.is_trial) return;
  const Job* by = job == 0 ? nullptr : find_live(job);
  const bool is_own = by && by->deployment == key.deployment;
  rows.remember({.sequence = state.last_event,
                 .time = now.wall,
                 .what = std::string(what),
                 .principal = std::string(principal),
                 .job = job,
                 .back_to = is_own && what != "held" ? by->back_to : 0,
                 .note = std::move(note),
                 .deployment = deployment});
}

/// The release, the inputs and the providers of a change before, to the digest.
Result<> Core::Impl::aim_rollback(Job& job, const std::vector<DeploymentChange>& history) const {
  auto found = rows.state().deployments.find(deployment_of(job));
  if (found == rows.state().deployments.end()) {
    return fail(ErrorKind::not_found,
                fmt::format("The deployment {} was not found in the environment {}.", job.deployment, job.environment),
                fmt::format("`escape state list-deployments -e {}` shows what is there.", job.environment));
  }
  TRY(const DeploymentChange* change, find_rollback(found->second, history, job.back_to));
  const state::StageRecord& stage = *deploy_stage(change->deployment);
  job.back_to = change->sequence;
  job.release_query = change->deployment.release + "-v" + stage.release.version;
  job.expected_sha256 = stage.release.sha256;
  job.inputs = stage.inputs;
  job.given = stage.calculated_inputs;
  job.given_files = stage.files;
  job.providers = stage.providers;
  return ok();
}

/// Nobody but a person brings back by accident what was rolled back from.
void Core::Impl::hold_after_rollback(const Job& job) {
  const std::string why = fmt::format("rolled back to {} by job {}", job.release, job.number);
  hold(deployment_of(job), {.reason = job.reason.empty() ? why : why + ": " + job.reason,
                            .by = job.principal,
                            .since = now.wall,
                            .job = job.number});
}

void Core::Impl::hold(const DeploymentKey& key, state::Hold hold) {
  state::Deployment& deployment = rows.edit_deployment(key);
  deployment.hold = std::move(hold);
  const state::Hold& held = *deployment.hold;
  tell_change("held", held.by, key, held.job, {{"reason", held.reason}}, held.reason);
}

Result<protocol::Reply> Core::Impl::set_hold(const Principal& by, const protocol::request::SetHold& asked) {
  const DeploymentKey key{asked.environment, asked.deployment};
  auto found = rows.state().deployments.find(key);
  if (found == rows.state().deployments.end() || state::is_below_another(asked.deployment)) {
    return fail(
        ErrorKind::not_found,
        fmt::format("The deployment {} was not found in the environment {}.", asked.deployment, asked.environment),
        fmt::format("`escape state list-deployments -e {}` shows what is there.", asked.environment));
  }
  if (asked.is_held) {
    if (trimmed(asked.reason).empty()) {
      return fail(ErrorKind::usage, "A hold needs a reason, for whoever meets it.", "Give one with --reason TEXT.");
    }
    hold(key, {.reason = asked.reason, .by = by.name, .since = now.wall});
    return protocol::Reply(protocol::reply::Done{
        fmt::format("Promotions and converge leave {} in {} alone until `escape state unhold -d {} -e {}`.",
                    asked.deployment, asked.environment, asked.deployment, asked.environment)});
  }
  if (!found->second.hold) {
    return fail(ErrorKind::conflict, fmt::format("The deployment {} in the environment {} is not held.",
                                                 asked.deployment, asked.environment));
  }
  rows.edit_deployment(key).hold.reset();
  want_look(key.environment);
  tell_change("unheld", by.name, key, 0, {{"reason", asked.reason}}, asked.reason);
  return protocol::Reply(
      protocol::reply::Done{fmt::format("{} in {} is no longer held.", asked.deployment, asked.environment)});
}

/// A hold keeps what moves deployments by itself, or along with others, away.
Result<> Core::Impl::check_not_held(const Job& job) const {
  auto found = rows.state().deployments.find(deployment_of(job));
  if (found == rows.state().deployments.end() || !found->second.hold) return ok();
  return fail(ErrorKind::refused,
              fmt::format("The deployment {} in the environment {} is {}.", job.deployment, job.environment,
                          describe_hold(*found->second.hold)),
              fmt::format("Lift the hold first: escape state unhold -d {} -e {}", job.deployment, job.environment));
}

}  // namespace escape::controller
