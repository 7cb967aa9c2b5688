#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

using protocol::PlannedChange;
using state::StatusCode;

const std::vector<std::string> section{"Converge"};

JobKind kind_of(const PlannedChange& change, StatusCode code) {
  if (change.action == "smoke") return JobKind::smoke;
  if (change.action == "destroy") return JobKind::destroy;
  if (change.action == "retry" && code == StatusCode::test_failure) return JobKind::smoke;
  if (change.action == "retry" && code == StatusCode::destroy_failure) return JobKind::destroy;
  return JobKind::deploy;
}

std::string announcement(const PlannedChange& change, JobKind kind, const std::string& release) {
  const std::string& name = change.deployment;
  if (change.action == "retry") {
    switch (kind) {
      case JobKind::smoke:
        return fmt::format("Retrying smoke tests from {} against deployment {}.", release, name);
      case JobKind::destroy:
        return fmt::format("Retrying destroy steps from {} against deployment {}.", release, name);
      default:
        return fmt::format("Retrying deployment of {} in deployment {}.", release, name);
    }
  }
  switch (kind) {
    case JobKind::smoke:
      return fmt::format("Performing user's request to run smoke tests from {} against deployment {}.", release, name);
    case JobKind::destroy:
      return fmt::format("Performing user's request to run the destroy steps from {} on deployment {}", release, name);
    default:
      return fmt::format("Converging deployment of {} for deployment {}", release, name);
  }
}

}  // namespace

Job child_of(const Job& parent, const Redo& redo) {
  Job child;
  child.kind = redo.kind;
  child.environment = parent.environment;
  child.deployment = redo.deployment;
  child.principal = parent.principal;
  child.step_time_limit = parent.step_time_limit;
  child.parent = parent.number;
  child.retry_of = redo.job;
  child.release_query = redo.release;
  child.expected_sha256 = redo.sha256;
  return child;
}

/// First everything that is wanted is resolved, then decided at once, then done: each in a job of its own, at the same
/// time.
void Core::Impl::begin_converge(JobId number) {
  const Job& job = rows.state().jobs.at(number);
  if (Result<> startable = check_startable(job); !startable) return fail_job(number, startable.error());
  if (!job.redo.empty()) return make_children_again(number);
  if (converging.contains(number)) return make_children(number);  // a look of the controller's own has the answers
  converging[number] = desired_in(job.environment);
  resolve_next(number);
}

Core::Impl::Converging Core::Impl::desired_in(const std::string& environment) const {
  Converging pass;
  pass.environment = environment;
  const State& state = rows.state();
  for (auto row = state.deployments.lower_bound({environment, ""});
       row != state.deployments.end() && row->first.environment == environment; ++row) {
    if (!row->second.desired) continue;  // never one below another
    pass.keys.push_back(row->first);
    pass.queries.push_back(row->second.desired->query);
  }
  return pass;
}

/// One question at a time, so that an answer needs no name.
void Core::Impl::resolve_next(JobId number) {
  Converging& pass = converging.at(number);
  while (pass.resolved.size() < pass.keys.size()) {
    const DeploymentKey& key = pass.keys[pass.resolved.size()];
    auto deployment = rows.state().deployments.find(key);
    const bool is_wanted = deployment != rows.state().deployments.end() && deployment->second.desired;
    Result<release::ReleaseQuery> query =
        is_wanted ? release::parse_release_query(deployment->second.desired->query)
                  : Result<release::ReleaseQuery>(fail(ErrorKind::conflict, "It is no longer wanted."));
    if (query) {
      effects.resolve.push_back({number, std::move(query).value(), {}});
      return;
    }
    pass.resolved.push_back({key, fail(query.error()), {}});
  }
  if (is_look(number)) return end_look(number);
  make_children(number);
}

void Core::Impl::on_desired_resolved(JobId number, Result<std::vector<release::ReleaseRecord>> records) {
  auto pass = converging.find(number);
  if (pass == converging.end() || pass->second.resolved.size() >= pass->second.keys.size()) {
    return ignore("the converge has all its answers");
  }
  const DeploymentKey key = pass->second.keys[pass->second.resolved.size()];
  if (records && records.value().empty()) return ignore("an answer without a release");
  DesiredVersion desired{key,
                         records ? Result<release::ReleaseRecord>(records.value().front())
                                 : Result<release::ReleaseRecord>(fail(records.error())),
                         {}};
  if (records) desired.others.assign(records.value().begin() + 1, records.value().end());
  pass->second.resolved.push_back(std::move(desired));
  resolve_next(number);
}

void Core::Impl::make_children(JobId number) {
  const Converging pass = std::move(converging.at(number));
  converging.erase(number);
  const Job& job = rows.state().jobs.at(number);
  const std::vector<PlannedChange> plan = plan_of(pass, job.refresh, job.is_automatic);
  if (!job.plan.empty() && job.plan != converge_plan_id(rows.state(), job.environment, pass.resolved, plan)) {
    return fail_job(number, moved_since(job));
  }
  std::map<std::string, const DesiredVersion*> desired;
  for (const DesiredVersion& one : pass.resolved) desired[one.key.deployment] = &one;
  const auto needs = needs_of(rows.state(), job.environment, pass.resolved, plan);
  std::map<std::string, JobId> made;
  for (const PlannedChange& change : plan) {
    if (change.action == "none" || change.action == "wait" || change.action == "held") {
      log_skipped(number, change);
    } else if (change.action == "error") {
      log(job, "error", "Error: " + change.reason, {"Converge", "Deploy " + change.deployment});
      rows.edit(number).failed_deployments.push_back(change.deployment);
    } else {
      auto one = desired.find(change.deployment);
      std::vector<JobId> after;
      if (auto needed = needs.find(change.deployment); needed != needs.end()) {
        for (const std::string& name : needed->second) {
          if (made.contains(name)) after.push_back(made.at(name));
        }
      }
      made[change.deployment] =
          make_child(number, change, one == desired.end() ? nullptr : one->second, std::move(after));
    }
  }
  if (children.contains(number)) return;
  std::vector<std::string> left;
  for (const PlannedChange& change : plan) {
    if (change.action == "wait" || change.action == "held") left.push_back(change.deployment);
  }
  if (left.empty() || !job.failed_deployments.empty()) return finish_converge(number);
  log(job, "warn",
      fmt::format("Nothing is done now, and the environment {} is not as desired: {}.", job.environment,
                  escape::join(left, ", ")),
      section);
  settle(number, JobOutcome::ok, {});
}

void Core::Impl::log_skipped(JobId number, const PlannedChange& change) {
  const Job& job = rows.state().jobs.at(number);
  if (change.action == "wait") {
    return log(job, "info", fmt::format("Skipping deployment {}; {}.", change.deployment, change.reason), section);
  }
  const bool is_ok = change.reason.starts_with("already");
  log(job, is_ok ? "debug" : "info",
      is_ok ? fmt::format("Skipping deployment {}; {}", change.deployment, change.reason)
            : fmt::format("Skipping deployment {}, because {}.", change.deployment, change.reason),
      section);
}

JobId Core::Impl::make_child(JobId number, const PlannedChange& change, const DesiredVersion* desired,
                             std::vector<JobId> after) {
  const Job& parent = rows.state().jobs.at(number);
  const DeploymentKey key{parent.environment, change.deployment};
  const state::StageRecord& stage = *find_stage(rows.state(), key, "deploy");
  Job child;
  child.number = rows.state().last_job + 1;
  child.kind = kind_of(change, stage.status.code);
  child.environment = key.environment;
  child.deployment = key.deployment;
  child.principal = parent.principal;
  child.step_time_limit = parent.step_time_limit;
  child.parent = number;
  child.after = std::move(after);
  if (child.kind == JobKind::destroy) child.stages = {"deploy"};
  const std::string version = child.kind == JobKind::deploy ? change.to : stage.release.version;
  child.release_query = rows.state().deployments.at(key).release + "-v" + version;
  // Resolved once for the decision, and the very release of the decision is what is deployed.
  if (child.kind == JobKind::deploy && desired && desired->record) {
    const release::ReleaseRecord& record = desired->record.value();
    child.release = to_string(record.id);
    child.sha256 = record.sha256;
    child.size = record.size;
    JobPlan plan{
        .job = child.number, .metadata = codec::metadata_to_value(record.metadata), .releases = {}, .units = {}};
    for (const release::ReleaseRecord& other : desired->others) {
      plan.releases.push_back(
          {to_string(other.id), other.sha256, other.size, codec::metadata_to_value(other.metadata)});
    }
    rows.put(std::move(plan));
  } else if (version == stage.release.version) {
    child.expected_sha256 = stage.release.sha256;
  }
  log(parent, "info", announcement(change, child.kind, child.release.empty() ? child.release_query : child.release),
      section);
  const JobId made = child.number;
  add_child(std::move(child));
  return made;
}

void Core::Impl::add_child(Job child) {
  rows.edit(child.parent).children.push_back(child.number);
  children[child.parent].insert(child.number);
  add_job(std::move(child));
}

/// A retried converge does what its forerunner did not bring to a good end, with the releases of that one's decision
/// and in its order. What a child still waited for when it settled is what did not end well before it.
void Core::Impl::make_children_again(JobId number) {
  const Job parent = rows.state().jobs.at(number);
  std::map<JobId, JobId> made;  // by the child that each does again
  for (const Redo& redo : parent.redo) {
    Job child = child_of(parent, redo);
    child.number = rows.state().last_job + 1;
    if (child.kind == JobKind::destroy) child.stages = {"deploy"};
    for (const JobId needed : redo.after) {
      if (made.contains(needed)) child.after.push_back(made.at(needed));
    }
    made[redo.job] = child.number;
    log(parent, "info", announcement({redo.deployment, "retry", {}, {}, {}}, redo.kind, redo.release), section);
    add_child(std::move(child));
  }
}

/// Called when a child settles: its failure is counted and put off, and does not touch the others.
void Core::Impl::child_settled(const Job& child) {
  const JobId number = child.parent;
  auto left = children.find(number);
  if (left == children.end() || !find_live(number)) return;
  if (is_set(*find_live(number)) && child.outcome != JobOutcome::ok) stop_others_of_set(Job(child));
  left = children.find(number);
  if (left == children.end()) return;
  const Job& parent = *find_live(number);
  if (child.outcome != JobOutcome::ok) rows.edit(number).failed_deployments.push_back(child.deployment);
  const state::StageRecord* stage = find_stage(rows.state(), deployment_of(child), "deploy");
  const bool is_failed = child.outcome == JobOutcome::failed || child.outcome == JobOutcome::interrupted;
  if (is_failed && parent.kind == JobKind::converge && stage && is_error(stage->status.code)) {
    // One that never began has taken nothing of the tries before it along.
    const int before = stage->job == child.number ? child.tried : stage->status.tried;
    state::Status& status = rows.edit_deployment(deployment_of(child)).stages["deploy"].status;
    status.tried = before + 1;
    const Millis delay = retry_delay(status.tried, child.number, child.deployment);
    status.try_again_at = now.wall + delay;
    log(parent, "info", fmt::format("Marking deployment {} to retry in {}.", child.deployment, to_short_text(delay)),
        section);
  }
  const Job settled = child;
  left->second.erase(settled.number);
  for (const JobId other : std::set(left->second)) {
    const Job* waiting = find_live(other);
    const bool waits = waiting && std::ranges::find(waiting->after, settled.number) != waiting->after.end();
    if (waits) stop_waiting_for(other, settled);
  }
  // One that waited may have settled in turn, and with it the converge.
  left = children.find(number);
  if (left == children.end() || !left->second.empty()) return;
  children.erase(left);
  finish_converge(number);
}

void Core::Impl::finish_converge(JobId number) {
  const Job& job = *find_live(number);
  const std::vector<std::string> failed = job.failed_deployments;
  if (job.cancel_requested) return cancel_now(number);
  if (is_set(job)) return finish_set(number);
  if (failed.empty()) {
    log(job, "success",
        job.children.empty() ? fmt::format("The environment {} is as desired.", job.environment)
                             : fmt::format("Converged {} deployment{} in the {} environment.", job.children.size(),
                                           job.children.size() == 1 ? "" : "s", job.environment),
        section);
    return settle(number, JobOutcome::ok, {});
  }
  fail_job(number, {ErrorKind::failed,
                    fmt::format("{} deployment{} in the environment {} failed: {}.", failed.size(),
                                failed.size() == 1 ? "" : "s", job.environment, escape::join(failed, ", ")),
                    fmt::format("`escape run converge -e {}` tries again what is due.", job.environment),
                    {}});
}

}  // namespace escape::controller
