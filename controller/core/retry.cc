#include <fmt/core.h>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

Error still_running(const Job& job, bool is_unknown) {
  if (is_unknown) {
    return {ErrorKind::conflict,
            fmt::format("Job {} has not ended: its agent is out of reach, and its script may still be running.",
                        job.number),
            fmt::format("When that agent will not come back, settle the job first: `escape jobs resolve {} --as failed "
                        "--reason TEXT`.",
                        job.number),
            {}};
  }
  return {ErrorKind::conflict,
          fmt::format("Job {} has not ended: it is {}.", job.number, name_of(job.phase)),
          fmt::format("Follow it with `escape jobs attach {}`, or stop it with `escape jobs cancel {}`.",
                      job.parent != 0 ? job.parent : job.number, job.number),
          {}};
}

std::string what_it_was(const Job& job) {
  if (job.kind == JobKind::converge) return fmt::format("converge {}", job.environment);
  if (is_set(job)) return fmt::format("promote a set from {} to {}", job.from_environment, job.environment);
  const std::string& release = job.release.empty() ? job.release_query : job.release;
  return release.empty()
             ? fmt::format("{} {} in {}", name_of(job.kind), job.deployment, job.environment)
             : fmt::format("{} {} as {} in {}", name_of(job.kind), release, job.deployment, job.environment);
}

/// Everything that was asked for, and of what was found then the release: nothing is looked up anew.
Job same_again(const Job& job) {
  Job again;
  again.kind = job.kind;
  again.environment = job.environment;
  again.deployment = job.deployment;
  again.release_query = job.release.empty() ? job.release_query : job.release;
  again.expected_sha256 = job.sha256.empty() ? job.expected_sha256 : job.sha256;
  again.from_environment = job.from_environment;
  again.from_deployment = job.from_deployment;
  again.inputs = job.inputs;
  again.refresh = job.refresh;
  again.step_time_limit = job.step_time_limit;
  again.stages = job.stages;
  again.providers = job.providers;
  again.errand = job.errand;
  again.back_to = job.back_to;
  again.given = job.given;
  again.given_files = job.given_files;
  again.reason = job.reason;
  again.with_inputs = job.with_inputs;
  if (job.kind == JobKind::destroy && again.stages.empty()) again.stages = {"deploy"};
  again.removes_deployment = job.removes_deployment;
  again.retry_of = job.number;
  return again;
}

}  // namespace

Result<protocol::Reply> Core::Impl::retry_job(const Principal& by, JobId number, const std::optional<PastJob>& past) {
  if (const Job* live = find_live(number)) {
    TRYV(check_may_act(by, live->environment, "retry jobs"));
    return fail(still_running(*live, is_unknown(*live, rows.state())));
  }
  if (!past || past->job.number != number || past->job.phase != JobPhase::settled) {
    return fail(ErrorKind::not_found, fmt::format("There is no job {}.", number), "`escape jobs list` shows the jobs.");
  }
  const Job& old = past->job;
  TRYV(check_may_act(by, old.environment, "retry jobs"));
  if (old.outcome == JobOutcome::ok) {
    return fail(ErrorKind::conflict, fmt::format("Job {} ended well, so there is nothing to retry.", number),
                "To run the same once more, ask for it as you did the first time.");
  }
  if (!old.workspace.empty()) {
    return fail(ErrorKind::refused,
                fmt::format("Job {} ran unreleased files of the folder {}, which may have changed since.", number,
                            old.workspace),
                fmt::format("Run the command again in that folder: `escape run {}`.", name_of(old.kind)));
  }
  Job again = same_again(old);
  for (const Job& child : past->children) {
    if (child.outcome == JobOutcome::ok) continue;
    again.redo.push_back({.job = child.number,
                          .kind = child.kind,
                          .deployment = child.deployment,
                          .release = child.release.empty() ? child.release_query : child.release,
                          .sha256 = child.sha256.empty() ? child.expected_sha256 : child.sha256,
                          .after = child.after});
  }
  std::vector<std::string> unresolved = old.failed_deployments;
  for (const Job& child : past->children) std::erase(unresolved, child.deployment);
  std::string first_words = fmt::format("Runs job {} again: {}.", number, what_it_was(old));
  if (!again.redo.empty() && !unresolved.empty()) {
    first_words += fmt::format(" No release was found then for {}: `escape run converge -e {}` looks again.",
                               escape::join(unresolved, ", "), old.environment);
  }
  again.principal = by.name;
  again.number = rows.state().last_job + 1;
  if (!rows.state().locks.contains(lock_of(again))) {
    TRYV(check_startable(again));
  }
  const JobId made = again.number;
  tell("job.retried", by.name, deployment_of(old), number,
       {{"kind", name_of(old.kind)}, {"made", made}, {"release", again.release_query}});
  add_job(std::move(again), first_words);
  return protocol::Reply(protocol::reply::JobMade{made});
}

/// Smoke tests and destroying act on what is deployed: a retry acts on the very release that its forerunner did, or not
/// at all.
Result<> Core::Impl::check_still_there(const Job& job) const {
  if (job.retry_of == 0 || job.expected_sha256.empty()) return ok();
  const std::vector<std::string> stages = job.stages.empty() ? std::vector<std::string>{"deploy"} : job.stages;
  for (const std::string& name : stages) {
    const state::StageRecord* stage = find_stage(rows.state(), deployment_of(job), name);
    if (stage && stage->release.sha256 == job.expected_sha256) return ok();
  }
  return fail(ErrorKind::conflict,
              fmt::format("The deployment {} in the environment {} no longer holds {}, which job {} worked on.",
                          job.deployment, job.environment, job.release_query, job.retry_of),
              fmt::format("To do it with what is there now: `escape run {} -d {} -e {}`.", name_of(job.kind),
                          job.deployment, job.environment));
}

}  // namespace escape::controller
