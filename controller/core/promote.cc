#include <fmt/core.h>

#include "controller/core/engine.h"

namespace escape::controller {
namespace {

Error never_deployed(const DeploymentKey& source) {
  return {
      ErrorKind::not_found,
      fmt::format("Deployment {} has not been deployed in the environment {}.", source.deployment, source.environment),
      "`escape status` shows what is deployed where.",
      {}};
}

/// The source must run something that is released and in order. Messages: spec/lifecycle.md §8.
Result<const state::StageRecord*> sound_source(const State& state, const DeploymentKey& source) {
  if (!state.deployments.contains(source)) {
    return fail(
        ErrorKind::not_found,
        fmt::format("Deployment {} was not found in the environment {}.", source.deployment, source.environment),
        "`escape status` shows what is deployed where.");
  }
  const state::StageRecord* stage = find_stage(state, source, "deploy");
  if (!stage || stage->release.version.empty() || stage->status.code == state::StatusCode::empty) {
    return fail(never_deployed(source));
  }
  if (stage->status.code != state::StatusCode::ok) {
    return fail(ErrorKind::refused,
                fmt::format("Deployment {} in environment {} is in status '{}', so there is nothing sound to promote.",
                            source.deployment, source.environment, name_of(stage->status.code)),
                "Bring the source to 'ok' first, or deploy a version by its name.");
  }
  if (stage->release.sha256.empty() && !stage->release.lacks_digest) {
    return fail(
        ErrorKind::refused,
        fmt::format("Deployment {} in environment {} runs unreleased files of a workspace, which cannot be promoted.",
                    source.deployment, source.environment),
        "Release it with `escape run release` and deploy that release first.");
  }
  return stage;
}

void compare_with_target(const State& state, const DeploymentKey& target, const state::DeployedRelease& source,
                         protocol::reply::Promotion& promotion) {
  const state::StageRecord* stage = find_stage(state, target, "deploy");
  if (!stage || !stage->last_ok) return;
  promotion.target_release = state.deployments.at(target).release + "-v" + stage->last_ok->version;
  promotion.is_same = promotion.target_release == promotion.release && may_be_same(*stage->last_ok, source) &&
                      stage->status.code == state::StatusCode::ok;
  const Result<release::Version> ours = release::Version::parse(source.version);
  const Result<release::Version> theirs = release::Version::parse(stage->last_ok->version);
  promotion.is_downgrade = ours && theirs && ours.value() < theirs.value();
}

}  // namespace

Result<protocol::reply::Promotion> describe_promotion(const State& state,
                                                      const protocol::request::DescribePromotion& asked) {
  const DeploymentKey source{asked.from_environment, asked.from_deployment};
  TRY(const state::StageRecord* stage, sound_source(state, source));
  protocol::reply::Promotion promotion;
  promotion.release = state.deployments.at(source).release + "-v" + stage->release.version;
  promotion.sha256 = stage->release.sha256;
  auto environment = state.environments.find(asked.to_environment);
  promotion.target_protected = environment != state.environments.end() && environment->second.is_protected;
  const std::string& name = asked.to_deployment.empty() ? asked.from_deployment : asked.to_deployment;
  compare_with_target(state, {asked.to_environment, name}, stage->release, promotion);
  auto target = state.deployments.find({asked.to_environment, name});
  if (target != state.deployments.end() && target->second.hold) promotion.hold = describe_hold(*target->second.hold);
  return promotion;
}

/// Fills in what the source really runs, to the digest.
Result<> Core::Impl::aim_promotion(Job& job, const std::vector<std::string>& with_inputs) const {
  if (job.from_deployment.empty()) {
    return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment to promote with -d.");
  }
  if (job.from_environment.empty()) {
    return fail(ErrorKind::usage, "Missing 'environment'", "Name the environment to promote from with -e.");
  }
  TRY(const protocol::reply::Promotion now_runs,
      describe_promotion(rows.state(), {job.from_environment, job.from_deployment, job.environment, job.deployment}));
  // An imported source is known by its version alone: the digest is the inventory's.
  const bool is_other_release = !job.release_query.empty() && job.release_query != now_runs.release;
  if (is_other_release || (!job.expected_sha256.empty() && job.expected_sha256 != now_runs.sha256)) {
    return fail(ErrorKind::conflict,
                fmt::format("Deployment {} in environment {} has moved: it now runs {}.", job.from_deployment,
                            job.from_environment, now_runs.release),
                "Look at what it runs now and promote again.");
  }
  job.release_query = now_runs.release;
  job.expected_sha256 = now_runs.sha256;
  return carry_inputs(job, with_inputs);
}

/// Those of the names that the source has a value for.
std::vector<std::string> inputs_known_at(const State& state, const DeploymentKey& source,
                                         const std::vector<std::string>& names) {
  std::vector<std::string> known;
  const state::StageRecord* stage = find_stage(state, source, "deploy");
  for (const std::string& name : names) {
    if (stage && stage->calculated_inputs.contains(name)) known.push_back(name);
  }
  return known;
}

/// Values of the source, by name, under those that were given.
Result<> Core::Impl::carry_inputs(Job& job, const std::vector<std::string>& names) const {
  const state::StageRecord& source = *find_stage(rows.state(), {job.from_environment, job.from_deployment}, "deploy");
  for (const std::string& name : names) {
    const Value* value = source.calculated_inputs.find(name);
    if (!value) {
      return fail(ErrorKind::not_found,
                  fmt::format("Deployment {} in environment {} has no input '{}' to carry along.", job.from_deployment,
                              job.from_environment, name),
                  fmt::format("`escape state show-deployment -d {} -e {}` shows its inputs.", job.from_deployment,
                              job.from_environment));
    }
    if (!job.inputs.contains(name)) job.inputs.set(name, *value);  // -v says it better
  }
  return ok();
}

}  // namespace escape::controller
