#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

const std::vector<std::string> section{"Promote"};

std::string deployments_text(std::size_t count) { return fmt::format("{} deployment{}", count, count == 1 ? "" : "s"); }

}  // namespace

/// One job for each deployment of the set, aimed at what its source runs now.
Result<std::vector<Job>> Core::Impl::jobs_of_set(const protocol::request::Submit& asked) const {
  if (asked.kind != JobKind::promote) {
    return fail(ErrorKind::usage, "Only promotions start together.", "Ask for the jobs one by one.");
  }
  if (!asked.inputs.empty() || !asked.providers.empty()) {
    return fail(ErrorKind::usage, "-v and -p belong to one deployment, and several are promoted.",
                "Promote that one by itself, or give the values in the environment file.");
  }
  const auto source_of = [&](const std::string& name) { return DeploymentKey{asked.from_environment, name}; };
  for (const std::string& input : asked.with_inputs) {
    const bool is_known = std::ranges::any_of(asked.together, [&](const std::string& name) {
      return !inputs_known_at(rows.state(), source_of(name), {input}).empty();
    });
    if (is_known) continue;
    return fail(
        ErrorKind::not_found, fmt::format("None of the deployments has an input '{}' to carry along.", input),
        fmt::format("`escape state show-deployment -d NAME -e {}` shows their inputs.", asked.from_environment));
  }
  std::vector<Job> jobs;
  for (const std::string& name : asked.together) {
    if (std::ranges::find(jobs, name, &Job::deployment) != jobs.end()) {
      return fail(ErrorKind::usage, fmt::format("The deployment '{}' is named twice.", name));
    }
    protocol::request::Submit one = asked;
    one.together.clear();
    one.deployment = one.from_deployment = name;
    one.with_inputs = inputs_known_at(rows.state(), source_of(name), asked.with_inputs);
    TRY(Job job, job_of(one, {}));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

/// All of them take their places in the same commit, so no two sets wait for each other.
Result<protocol::Reply> Core::Impl::submit_set(const Principal& by, const protocol::request::Submit& asked) {
  TRY(const std::vector<Job> jobs, jobs_of_set(asked));
  if (!asked.with_inputs.empty()) {
    TRYV(check_may_act(by, asked.from_environment, "take inputs along"));
  }
  Job set;
  set.kind = JobKind::promote;
  set.environment = asked.environment;
  set.from_environment = asked.from_environment;
  set.with_inputs = asked.with_inputs;
  set.step_time_limit = asked.step_time_limit;
  set.plan = asked.plan;
  set.principal = by.name;
  for (const Job& job : jobs) {
    if (!rows.state().locks.contains(lock_of(job))) {
      TRYV(check_startable(job));
    }
    set.redo.push_back({.job = 0,
                        .kind = JobKind::promote,
                        .deployment = job.deployment,
                        .release = job.release_query,
                        .sha256 = job.expected_sha256});
  }
  set.number = rows.state().last_job + 1;
  const JobId number = set.number;
  add_job(std::move(set), fmt::format("Promoting {} together from {} to {}.", deployments_text(jobs.size()),
                                      asked.from_environment, asked.environment));
  return protocol::Reply(protocol::reply::JobMade{number});
}

void Core::Impl::begin_set(JobId number) {
  const Job parent = rows.state().jobs.at(number);
  std::vector<Job> made;
  for (const Redo& redo : parent.redo) {
    Job child = child_of(parent, redo);
    child.from_environment = parent.from_environment;
    child.from_deployment = redo.deployment;
    const bool is_there =
        find_stage(rows.state(), {child.from_environment, child.from_deployment}, "deploy") != nullptr;
    if (!parent.with_inputs.empty() && !is_there) {  // a retry, and its source is gone
      return fail_job(number, {ErrorKind::not_found,
                               fmt::format("Deployment {} was not found in the environment {}.", redo.deployment,
                                           child.from_environment),
                               {},
                               {}});
    }
    const DeploymentKey source{child.from_environment, child.from_deployment};
    if (Result<> carried = carry_inputs(child, inputs_known_at(rows.state(), source, parent.with_inputs)); !carried) {
      return fail_job(number, carried.error());
    }
    made.push_back(std::move(child));
  }
  for (Job& child : made) {
    child.number = rows.state().last_job + 1;
    log(parent, "info",
        fmt::format("Promoting {} from {} to {}.", child.release_query, child.from_environment, child.environment),
        section);
    add_child(std::move(child));
  }
}

/// Names of the deployments that are promoted together with the job's, its own among them.
std::set<std::string> Core::Impl::set_of(const Job& job) const {
  std::set<std::string> names = planned_along;
  const Job* parent = job.kind == JobKind::promote && job.parent != 0 ? find_live(job.parent) : nullptr;
  if (!parent) return names;
  for (const Redo& redo : parent->redo) names.insert(redo.deployment);
  return names;
}

/// The release of one of the set is known. When those of all are, and all could begin at the same moment, all do.
void Core::Impl::set_ready(JobId number) {
  const JobId parent = rows.state().jobs.at(number).parent;
  ready[parent].insert(number);
  if (ready.at(parent) != children.at(parent)) {
    rows.edit(number).message = "waiting for the others of its set";
    return;
  }
  ready.erase(parent);
  const std::set<JobId> all = children.at(parent);
  // What was found out before may have changed while the others waited for their places.
  for (const JobId child : all) {
    const Result<bool> known = find_out(child);
    if (!known) return fail_job(child, known.error());
    if (!known.value()) {  // it asks for a release: the others are ready still
      ready[parent] = all;
      ready.at(parent).erase(child);
      return;
    }
  }
  if (Result<> same = check_set(parent); !same) return fail_job(*all.begin(), same.error());
  std::map<JobId, std::vector<JobId>> after;
  for (const JobId child : all) after[child] = needed_in_set(child, all, after);
  for (const JobId child : all) {
    Job& job = rows.edit(child);
    job.is_let_go = true;
    job.after = after.at(child);
    job.message.clear();
  }
  for (const JobId child : all) {
    if (!find_live(child)) continue;  // it needed one that has failed meanwhile
    if (after.at(child).empty()) {
      go_on(child);
    } else if (!find_live(child)->after.empty()) {
      tell_what_it_waits_for(child);
    }
  }
}

/// Others of the set that provide for it: it comes after them, unless they come after it.
std::vector<JobId> Core::Impl::needed_in_set(JobId child, const std::set<JobId>& all,
                                             const std::map<JobId, std::vector<JobId>>& after) {
  const auto comes_after = [&](JobId one, JobId other) {
    std::vector<JobId> open{one};
    while (!open.empty()) {
      const JobId next = open.back();
      open.pop_back();
      if (next == other) return true;
      if (auto known = after.find(next); known != after.end()) {
        open.insert(open.end(), known->second.begin(), known->second.end());
      }
    }
    return false;
  };
  std::set<std::string> providers;
  for (const Unit& unit : expansion_of(child).units) {
    if (unit.is_provider) providers.insert(state::root_of(unit.deployment));
    for (const auto& [variable, provider] : unit.providers) providers.insert(state::root_of(provider));
  }
  std::vector<JobId> needed;
  for (const JobId other : all) {
    if (other != child && providers.contains(find_live(other)->deployment) && !comes_after(other, child)) {
      needed.push_back(other);
    }
  }
  return needed;
}

/// Whether the set is what a person agreed to.
Result<> Core::Impl::check_set(JobId number) {
  const Job& set = rows.state().jobs.at(number);
  if (set.plan.empty()) return ok();
  std::vector<std::string> ids;
  ids.reserve(set.children.size());
  for (const JobId child : set.children) ids.push_back(fingerprint(rows.state().jobs.at(child)));
  if (id_of_set(ids) == set.plan) return ok();
  return fail(moved_since(set));
}

/// A child did not end well: those that have not begun don't.
void Core::Impl::stop_others_of_set(const Job& child) {
  if (child.is_let_go) return;  // it had begun, and so had the others
  if (Job& set = rows.edit(child.parent); set.error_kind.empty()) {
    set.error_kind = child.error_kind;
    set.message = child.message;
  }
  ready.erase(child.parent);
  for (const JobId number : std::set(children.at(child.parent))) {
    const Job* other = find_live(number);
    if (!other || other->number == child.number || other->is_let_go) continue;
    fail_job(number, {child.outcome == JobOutcome::cancelled ? ErrorKind::cancelled : kind_from_name(child.error_kind),
                      fmt::format("Not begun, because {} of the same promotion could not (job {}).", child.deployment,
                                  child.number),
                      {},
                      {}});
  }
}

void Core::Impl::finish_set(JobId number) {
  const Job& job = *find_live(number);
  ready.erase(number);
  if (job.failed_deployments.empty()) {
    log(job, "success",
        fmt::format("Promoted {} from {} to {}.", deployments_text(job.children.size()), job.from_environment,
                    job.environment),
        section);
    return settle(number, JobOutcome::ok, {});
  }
  if (!job.error_kind.empty()) {  // of the one for which none began
    return fail_job(number, {kind_from_name(job.error_kind),
                             fmt::format("None of {} was promoted to {}: {}", deployments_text(job.children.size()),
                                         job.environment, std::string(job.message)),
                             {},
                             {}});
  }
  fail_job(number, {ErrorKind::failed,
                    fmt::format("{} of {} deployments were not promoted to {}: {}.", job.failed_deployments.size(),
                                job.children.size(), job.environment, escape::join(job.failed_deployments, ", ")),
                    fmt::format("`escape jobs retry {}` tries those again.", number),
                    {}});
}

}  // namespace escape::controller
