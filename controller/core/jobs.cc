#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/check.h"
#include "shared/base/mutant.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace {

/// Waiting jobs beyond this keep naming the job that was in front when they came: nobody reads that far down.
constexpr std::size_t waiting_told = 64;

std::string start_text(JobKind kind) {
  switch (kind) {
    case JobKind::deploy:
    case JobKind::promote:
    case JobKind::rollback:
      return "Deploying.";
    case JobKind::build:
      return "Starting build.";
    case JobKind::test:
      return "Running tests.";
    case JobKind::smoke:
      return "Running smoke tests.";
    case JobKind::destroy:
      return "Destroying deployment.";
    case JobKind::converge:
    case JobKind::errand:
      return "";
  }
  return "";
}

std::string success_text(const Job& job, JobKind kind) {
  switch (kind) {
    case JobKind::deploy:
    case JobKind::promote:
    case JobKind::rollback:
      return fmt::format("Successfully deployed {} with deployment name {} in the {} environment.", job.release,
                         job.deployment, job.environment);
    case JobKind::build:
      return "Completed build";
    case JobKind::test:
      return "Tests passed.";
    case JobKind::smoke:
      return "Smoke tests passed.";
    case JobKind::destroy:
      return "Destruction complete";
    case JobKind::errand:
      return fmt::format("Errand {} of {} has run.", job.errand, job.deployment);
    case JobKind::converge:
      return "";
  }
  return "";
}

Error moved_package(const Job& job, const release::ReleaseRecord& record) {
  return {ErrorKind::conflict,
          fmt::format("{} in the inventory has the digest {}, but {} was asked for.", to_string(record.id),
                      record.sha256, job.expected_sha256),
          "Releases never change, so somebody replaced the package behind the inventory: find out who before you "
          "deploy it.",
          {}};
}

JobOutcome outcome_of(const Error& error) {
  if (error.kind == ErrorKind::cancelled) return JobOutcome::cancelled;
  return error.kind == ErrorKind::unknown ? JobOutcome::interrupted : JobOutcome::failed;
}

}  // namespace

DeploymentKey deployment_of(const Job& job) { return {job.environment, job.deployment}; }
DeploymentKey lock_of(const Job& job) {
  return {job.environment, job.kind == JobKind::converge ? std::string() : job.deployment};
}

const Job* Core::Impl::find_live(JobId number) const {
  auto found = rows.state().jobs.find(number);
  if (found == rows.state().jobs.end() || found->second.phase == JobPhase::settled) return nullptr;
  return &found->second;
}

const Expansion& Core::Impl::expansion_of(JobId number) {
  auto known = expansions.find(number);
  if (known != expansions.end()) return known->second;
  Result<Expansion> expanded = expand(rows.state().jobs.at(number), rows.state().plans.at(number));
  CHECK(expanded.has_value());  // it was written from decoded ones
  return expansions.emplace(number, std::move(expanded).value()).first->second;
}

const Step* Core::Impl::step_at(const Job& job, std::uint32_t index) {
  if (!rows.state().plans.contains(job.number)) return nullptr;
  const std::vector<Step>& steps = expansion_of(job.number).steps;
  return index < steps.size() ? &steps[index] : nullptr;
}

/// What a job does at a step: its own kind, but for a build that goes on to test and destroy what it built.
JobKind Core::Impl::kind_at(const Job& job, std::uint32_t index) {
  if (job.kind != JobKind::build || !rows.state().plans.contains(job.number)) return job.kind;
  const std::vector<Step>& steps = expansion_of(job.number).steps;
  if (steps.empty()) return job.kind;
  return steps[std::min<std::size_t>(index, steps.size() - 1)].kind;
}

std::string Core::Impl::waiting_text(const Job& holder) const {
  const std::string since = to_rfc3339(holder.started_at.is_set() ? holder.started_at : holder.created_at);
  if (holder.kind == JobKind::converge) {
    return fmt::format("waiting for job {} ({}, converge {}, since {})", holder.number, holder.principal,
                       holder.environment, since);
  }
  return fmt::format("waiting for job {} ({}, {} {} → {}, since {})", holder.number, holder.principal,
                     name_of(holder.kind), holder.deployment, holder.environment, since);
}

/// Durable from here on. With nobody in front of it, it starts in the same commit. `first_words` open its log.
void Core::Impl::add_job(Job job, std::string_view first_words) {
  const JobId number = job.number;
  const DeploymentKey key = lock_of(job);
  job.created_at = now.wall;
  rows.put(job);
  if (!first_words.empty()) log(job, "info", std::string(first_words), {std::string(section_word(job.kind))});
  Value::Object data{{"kind", name_of(job.kind)}, {"release", job.release.empty() ? job.release_query : job.release}};
  if (job.retry_of != 0) data.set("retry_of", job.retry_of);
  tell("job.queued", job.principal, deployment_of(job), number, std::move(data));
  if (is_set(rows.state().jobs.at(number))) return to_start.push_back(number);  // the locks are its children's
  auto lock = rows.state().locks.find(key);
  if (lock == rows.state().locks.end()) {
    rows.put(Lock{.key = key, .holder = number, .since = now.wall, .waiting = {}});
    to_start.push_back(number);
    return;
  }
  rows.edit_lock(key).waiting.push_back(number);
  const std::string text = waiting_text(rows.state().jobs.at(lock->second.holder));
  rows.edit(number).message = text;
  log(job, "info", "W" + text.substr(1) + ".");
}

void Core::Impl::start_what_may() {
  while (!to_start.empty()) {
    const JobId next = to_start.front();
    to_start.pop_front();
    if (find_live(next)) start(next);
  }
}

void Core::Impl::start(JobId number) {
  Job& job = rows.edit(number);
  job.phase = JobPhase::running;
  job.started_at = now.wall;
  job.message.clear();
  tell("job.started", job.principal, deployment_of(job), number, {{"kind", name_of(job.kind)}});
  if (job.kind == JobKind::converge) return begin_converge(number);
  if (is_set(job)) return begin_set(number);
  if (job.after.empty()) return set_out(number);
  tell_what_it_waits_for(number);
}

void Core::Impl::tell_what_it_waits_for(JobId number) {
  Job& job = rows.edit(number);
  const Job* first = find_live(job.after.front());
  const std::string text = fmt::format("waiting for {} (job {})", first ? first->deployment : "", job.after.front());
  job.message = text;
  log(job, "info", "W" + text.substr(1) + ".");
}

/// Another child of its converge has settled.
void Core::Impl::stop_waiting_for(JobId number, const Job& other) {
  if (other.outcome != JobOutcome::ok) {
    return fail_job(number, {ErrorKind::failed,
                             fmt::format("{} needs {}, which was not brought up (job {}).",
                                         rows.state().jobs.at(number).deployment, other.deployment, other.number),
                             "Look at that one first.",
                             {}});
  }
  Job& job = rows.edit(number);
  std::erase(job.after, other.number);
  if (job.phase != JobPhase::running || !job.after.empty()) return;
  job.message.clear();
  set_out(number);
}

/// Nothing is in front of the job any more.
void Core::Impl::set_out(JobId number) {
  const Job& job = rows.state().jobs.at(number);
  if (job.kind != JobKind::errand) log(job, "info", start_text(job.kind));
  if (Result<> startable = check_startable(job); !startable) return fail_job(number, startable.error());
  if (rows.state().plans.contains(number)) return begin(number);
  // They mean what is deployed when their turn comes, which an earlier job may have changed since they were asked for.
  const bool means_deployed = job.kind == JobKind::smoke || job.kind == JobKind::destroy || job.kind == JobKind::errand;
  if (means_deployed) aim_at_deployed(number);
  resolve(job);
}

/// The exact release that a smoke or destroy acts on.
void Core::Impl::aim_at_deployed(JobId number) {
  Job& job = rows.edit(number);
  const std::vector<std::string> stages = job.stages.empty() ? std::vector<std::string>{"deploy"} : job.stages;
  for (const std::string& name : stages) {
    const state::StageRecord* stage = find_stage(rows.state(), deployment_of(job), name);
    if (!stage || stage->release.version.empty()) continue;
    job.release_query = rows.state().deployments.at(deployment_of(job)).release + "-v" + stage->release.version;
    job.expected_sha256 = stage->release.sha256;
  }
}

void Core::Impl::resolve(const Job& job) {
  Result<release::ReleaseQuery> query = release::parse_release_query(job.release_query);
  if (!query) return fail_job(job.number, query.error());
  effects.resolve.push_back({job.number, std::move(query).value(), {}});
}

void Core::Impl::on_input(const input::Resolved& got) {
  if (is_look(got.job)) return on_desired_resolved(got.job, got.records);
  const Job* found = find_live(got.job);
  if (!found || found->phase != JobPhase::running) return ignore("the job that asked has ended");
  if (found->kind == JobKind::converge) return on_desired_resolved(got.job, got.records);
  if (is_set(*found)) return ignore("a set of promotions asks for nothing");
  if (found->task_count != 0) return ignore("the job's releases are already known");
  if (!got.records) return fail_job(got.job, got.records.error());
  if (rows.state().plans.contains(got.job)) {
    take_releases(got.job, got.records.value());
    return begin(got.job);
  }
  if (got.records.value().empty()) return ignore("an answer without a release");
  const release::ReleaseRecord& record = got.records.value().front();
  if (!found->expected_sha256.empty() && record.sha256 != found->expected_sha256) {
    return fail_job(got.job, moved_package(*found, record));
  }
  Job& job = rows.edit(got.job);
  job.release = to_string(record.id);
  job.sha256 = record.sha256;
  job.size = record.size;
  take_digest(job);
  rows.put(JobPlan{.job = got.job, .metadata = codec::metadata_to_value(record.metadata), .seen = record.seen});
  take_releases(got.job, {got.records.value().begin() + 1, got.records.value().end()});
  begin(got.job);
}

/// What was imported without a digest has that of its release from the first job on that looks it up.
void Core::Impl::take_digest(const Job& job) {
  auto found = rows.state().deployments.find(deployment_of(job));
  if (rolls_out(job) || found == rows.state().deployments.end()) return;
  for (const auto& [name, stage] : state::Deployment(found->second).stages) {
    if (!stage.release.lacks_digest || found->second.release + "-v" + stage.release.version != job.release) continue;
    state::StageRecord& record = rows.edit_deployment(deployment_of(job)).stages.at(name);
    record.release = {stage.release.version, job.sha256};
    if (record.last_ok && record.last_ok->lacks_digest) record.last_ok = record.release;
  }
}

/// Releases that the job needs beside its own; those that it has stay as they are.
void Core::Impl::take_releases(JobId number, std::vector<release::ReleaseRecord> records) {
  if (records.empty()) return;
  JobPlan plan = rows.state().plans.at(number);
  for (release::ReleaseRecord& record : records) {
    const std::string id = to_string(record.id);
    if (std::ranges::find(plan.releases, id, &PlannedRelease::release) != plan.releases.end()) continue;
    plan.releases.push_back({id, record.sha256, record.size, codec::metadata_to_value(record.metadata), record.seen});
  }
  rows.put(std::move(plan));
  expansions.erase(number);
}

/// A build that goes on to test what it built says where one part ends and the next begins.
void Core::Impl::log_next_part(const Job& job, std::uint32_t index) {
  if (index == 0) return;
  const JobKind before = kind_at(job, index - 1);
  const JobKind next = kind_at(job, index);
  if (before == next) return;
  log(job, "success", success_text(job, before), {std::string(section_word(before))});
  log(job, "info", start_text(next), {std::string(section_word(next))});
}

void Core::Impl::succeed(JobId number) {
  const Job& job = *find_live(number);
  log(job, "success", success_text(job, kind_at(job, job.current)));
  settle(number, JobOutcome::ok, {});
}

/// One that has not begun, or none of whose scripts runs.
void Core::Impl::fail_job(JobId number, const Error& error) {
  const Job& job = *find_live(number);
  log(job, "error", "Error: " + describe(error));
  mark_failed(job, describe(error), error.kind == ErrorKind::unknown, std::nullopt);
  rows.edit(number).failure = Failure{std::string(kind_name(error.kind)), describe(error), error.hint};
  wind_up(number);
}

/// Whether the agent that had the job's steps so far could have another one now.
bool Core::Impl::is_within_reach(const Job& job) const {
  const std::optional<AgentId> agent = agent_so_far(job);
  return agent && session_of(*agent) != 0;
}

void Core::Impl::settle_failed(JobId number) {
  const Failure failure = *std::exchange(rows.edit(number).failure, std::nullopt);
  const ErrorKind kind = kind_from_name(failure.kind);
  const Error error{kind, failure.message, failure.hint, {}};
  settle(number, outcome_of(error), error);
}

void Core::Impl::settle(JobId number, JobOutcome outcome, const Error& why) {
  Job& job = rows.edit(number);
  for (std::uint32_t index = 0; index < job.task_count; ++index) {
    const TaskId id{number, index};
    auto task = rows.state().tasks.find(id);
    if (task == rows.state().tasks.end()) continue;
    cancel_timers(id);
    unbind(id);
    if (task->second.phase != TaskPhase::settled) rows.edit(id).phase = TaskPhase::skipped;
  }
  job.phase = JobPhase::settled;
  job.outcome = outcome;
  job.settled_at = now.wall;
  job.message.clear();
  job.hint.clear();
  if (outcome != JobOutcome::ok) {
    job.error_kind = std::string(kind_name(why.kind));
    job.message = describe(why);
    job.hint = why.hint;
  }
  tell(
      "job.settled", job.principal, deployment_of(job), number,
      {{"kind", name_of(job.kind)}, {"outcome", name_of(outcome)}, {"release", job.release}, {"message", job.message}});
  expansions.erase(number);
  converging.erase(number);
  release_lock(job);
  watch_end(job);
  if (job.parent != 0) child_settled(job);
}

/// The next in the queue takes the lock in the same commit; nobody can come between.
void Core::Impl::release_lock(const Job& job) {
  if (is_mutant("lose_the_lock_release")) return;
  const DeploymentKey key = lock_of(job);
  auto found = rows.state().locks.find(key);
  if (found == rows.state().locks.end()) return;
  Lock& lock = rows.edit_lock(key);
  if (lock.holder != job.number) {
    std::erase(lock.waiting, job.number);
    return;
  }
  if (lock.waiting.empty()) return rows.remove_lock(key);
  lock.holder = lock.waiting.front();
  lock.since = now.wall;
  lock.waiting.erase(lock.waiting.begin());
  to_start.push_back(lock.holder);
  const std::string text = waiting_text(rows.state().jobs.at(lock.holder));
  for (std::size_t i = 0; i < std::min(lock.waiting.size(), waiting_told); ++i)
    rows.edit(lock.waiting[i]).message = text;
}

}  // namespace escape::controller
