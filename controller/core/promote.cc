#include <fmt/core.h>

#include "controller/core/engine.h"

namespace escape::controller {

/// Fills in what the source really runs, to the digest. Messages: spec/lifecycle.md §8.
Result<> Core::Impl::aim_promotion(Job& job) const {
  if (job.from_deployment.empty()) {
    return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment to promote with -d.");
  }
  if (job.from_environment.empty()) {
    return fail(ErrorKind::usage, "Missing 'environment'", "Name the environment to promote from with -e.");
  }
  const DeploymentKey source{job.from_environment, job.from_deployment};
  auto found = rows.state().deployments.find(source);
  if (found == rows.state().deployments.end()) {
    return fail(
        ErrorKind::not_found,
        fmt::format("Deployment {} was not found in the environment {}.", source.deployment, source.environment),
        "`escape status` shows what is deployed where.");
  }
  const state::StageRecord* stage = find_stage(rows.state(), source, "deploy");
  if (!stage || stage->release.version.empty() || stage->status.code == state::StatusCode::empty) {
    return fail(ErrorKind::not_found,
                fmt::format("Deployment {} has not been deployed in the environment {}.", source.deployment,
                            source.environment),
                "`escape status` shows what is deployed where.");
  }
  if (stage->status.code != state::StatusCode::ok) {
    return fail(ErrorKind::refused,
                fmt::format("Deployment {} in environment {} is in status '{}', so there is nothing sound to promote.",
                            source.deployment, source.environment, name_of(stage->status.code)),
                "Bring the source to 'ok' first, or deploy a version by its name.");
  }
  const std::string release = found->second.release + "-v" + stage->release.version;
  if (stage->release.sha256.empty()) {
    return fail(
        ErrorKind::refused,
        fmt::format("Deployment {} in environment {} runs unreleased files of a workspace, which cannot be promoted.",
                    source.deployment, source.environment),
        "Release it with `escape run release` and deploy that release first.");
  }
  if (!job.expected_sha256.empty() && job.expected_sha256 != stage->release.sha256) {
    return fail(ErrorKind::conflict,
                fmt::format("Deployment {} in environment {} has moved: it now runs {}.", source.deployment,
                            source.environment, release),
                "Look at what it runs now and promote again.");
  }
  job.release_query = release;
  job.expected_sha256 = stage->release.sha256;
  return ok();
}

}  // namespace escape::controller
