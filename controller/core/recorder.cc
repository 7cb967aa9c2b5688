#include "controller/core/recorder.h"

#include <algorithm>

#include "shared/base/check.h"
#include "shared/base/mutant.h"
#include "shared/base/overloaded.h"

namespace escape::controller {
namespace {

template <class Row>
void erase_of_job(std::map<TaskId, Row>& rows, JobId job) {
  rows.erase(rows.lower_bound({job, 0}), rows.lower_bound({job + 1, 0}));
}

void apply_job(State& state, const Job& job) {
  state.last_job = std::max(state.last_job, job.number);
  if (job.phase != JobPhase::settled) {
    state.jobs[job.number] = job;
    return;
  }
  state.jobs.erase(job.number);
  state.plans.erase(job.number);
  erase_of_job(state.tasks, job.number);
}

void apply_log(State& state, const LogLine& line) {
  if (auto root = state.jobs.find(line.root); root != state.jobs.end()) {
    root->second.log_entries = std::max(root->second.log_entries, line.entry.sequence);
  }
}

template <class Map>
typename Map::mapped_type& existing(Map& rows, const typename Map::key_type& key) {
  auto found = rows.find(key);
  CHECK(found != rows.end());
  return found->second;
}

template <class Map, class Keys>
void hand_out(const Map& rows, Keys& keys, std::vector<Change>& changes) {
  for (const auto& key : keys) {
    if (auto found = rows.find(key); found != rows.end()) changes.push_back(found->second);
  }
  keys.clear();
}

}  // namespace

void apply(State& state, const Change& change) {
  std::visit(overloaded{
                 [&](const state::Environment& row) { state.environments[row.name] = row; },
                 [&](const RemovedEnvironment& row) { state.environments.erase(row.name); },
                 [&](const state::Deployment& row) { state.deployments[{row.environment, row.name}] = row; },
                 [&](const RemovedDeployment& row) { state.deployments.erase(row.key); },
                 [&](const Job& row) { apply_job(state, row); },
                 [&](const JobPlan& row) { state.plans[row.job] = row; },
                 [&](const Task& row) { state.tasks[row.id] = row; },
                 [&](const Agent& row) { state.agents[row.name] = row; },
                 [&](const RemovedAgent& row) { state.agents.erase(row.name); },
                 [&](const Principal& row) { state.principals[row.name] = row; },
                 [&](const RemovedPrincipal& row) { state.principals.erase(row.name); },
                 [&](const Invitation& row) { state.invitations[row.key] = row; },
                 [&](const RemovedInvitation& row) { state.invitations.erase(row.key); },
                 [&](const Lock& row) { state.locks[row.key] = row; },
                 [&](const RemovedLock& row) { state.locks.erase(row.key); },
                 [&](const AnsweredRequest& row) { state.answered[{row.principal, row.id}] = row; },
                 [&](const RemovedAnswer& row) { state.answered.erase({row.principal, row.id}); },
                 [&](const LogLine& line) { apply_log(state, line); },
                 [&](const protocol::EventView& row) { state.last_event = std::max(state.last_event, row.sequence); },
                 [](const DeploymentChange&) {},  // only on the disk
             },
             change);
}

Job& Recorder::edit(JobId job) {
  jobs_.insert(job);
  return existing(state_.jobs, job);
}
Task& Recorder::edit(TaskId task) {
  tasks_.insert(task);
  return existing(state_.tasks, task);
}
Lock& Recorder::edit_lock(const DeploymentKey& key) {
  locks_.insert(key);
  return existing(state_.locks, key);
}
state::Deployment& Recorder::edit_deployment(const DeploymentKey& key) {
  deployments_.insert(key);
  return existing(state_.deployments, key);
}
state::Environment& Recorder::edit_environment(const std::string& name) {
  environments_.insert(name);
  return existing(state_.environments, name);
}
Agent& Recorder::edit_agent(const AgentId& name) {
  agents_.insert(name);
  return existing(state_.agents, name);
}
Invitation& Recorder::edit_invitation(const std::string& key) {
  invitations_.insert(key);
  return existing(state_.invitations, key);
}

void Recorder::put(Job job) {
  jobs_.insert(job.number);
  state_.last_job = std::max(state_.last_job, job.number);
  state_.jobs[job.number] = std::move(job);
}
void Recorder::put(JobPlan plan) {
  plans_.insert(plan.job);
  state_.plans[plan.job] = std::move(plan);
}
void Recorder::put(Task task) {
  tasks_.insert(task.id);
  state_.tasks[task.id] = std::move(task);
}
void Recorder::put(Lock lock) {
  locks_.insert(lock.key);
  state_.locks[lock.key] = std::move(lock);
}
void Recorder::put(state::Deployment deployment) {
  const DeploymentKey key{deployment.environment, deployment.name};
  deployments_.insert(key);
  state_.deployments[key] = std::move(deployment);
}
void Recorder::put(state::Environment environment) {
  environments_.insert(environment.name);
  state_.environments[environment.name] = std::move(environment);
}
void Recorder::put(Agent agent) {
  agents_.insert(agent.name);
  state_.agents[agent.name] = std::move(agent);
}
void Recorder::put(Principal principal) {
  principals_.insert(principal.name);
  state_.principals[principal.name] = std::move(principal);
}
void Recorder::put(Invitation invitation) {
  invitations_.insert(invitation.key);
  state_.invitations[invitation.key] = std::move(invitation);
}
void Recorder::put(AnsweredRequest answered) {
  changes_.push_back(answered);
  state_.answered[{answered.principal, answered.id}] = std::move(answered);
}

// A row may be made again after it was removed during the same input: the removal is handed out first, rows at the end.
void Recorder::remove_lock(const DeploymentKey& key) {
  if (state_.locks.erase(key) != 0) changes_.push_back(RemovedLock{key});
}
void Recorder::remove_deployment(const DeploymentKey& key) {
  if (state_.deployments.erase(key) != 0) changes_.push_back(RemovedDeployment{key});
}
void Recorder::remove_environment(const std::string& name) {
  if (state_.environments.erase(name) != 0) changes_.push_back(RemovedEnvironment{name});
}
void Recorder::remove_agent(const AgentId& name) {
  auto found = state_.agents.find(name);
  if (found == state_.agents.end()) return;
  changes_.push_back(RemovedAgent{name, found->second.key});
  state_.agents.erase(found);
}
void Recorder::remove_principal(const std::string& name) {
  auto found = state_.principals.find(name);
  if (found == state_.principals.end()) return;
  changes_.push_back(RemovedPrincipal{name, found->second.key});
  state_.principals.erase(found);
}
void Recorder::remove_invitation(const std::string& key) {
  if (state_.invitations.erase(key) != 0) changes_.push_back(RemovedInvitation{key});
}

void Recorder::forget_answers(Timestamp before) {
  std::erase_if(state_.answered, [&](const auto& entry) {
    const bool is_old = entry.second.at < before;
    if (is_old) changes_.push_back(RemovedAnswer{entry.first.first, entry.first.second});
    return is_old;
  });
}

void Recorder::remember(DeploymentChange change) { changes_.push_back(std::move(change)); }

void Recorder::tell(protocol::EventView event) {
  event.sequence = ++state_.last_event;
  if (is_mutant("change_without_an_event") && event.kind == "job.settled") return;
  changes_.push_back(std::move(event));
}

void Recorder::log(JobId root, protocol::LogEntry entry) {
  // The entry itself tells the new count: the job's row, which grows with the job, is not written again for it.
  entry.sequence = ++existing(state_.jobs, root).log_entries;
  changes_.push_back(LogLine{root, std::move(entry)});
}

std::vector<Change> Recorder::take_changes() {
  hand_out(state_.environments, environments_, changes_);
  hand_out(state_.deployments, deployments_, changes_);
  hand_out(state_.plans, plans_, changes_);
  hand_out(state_.tasks, tasks_, changes_);
  std::vector<JobId> settled;
  for (JobId number : jobs_) {
    if (state_.jobs.at(number).phase == JobPhase::settled) settled.push_back(number);
  }
  hand_out(state_.jobs, jobs_, changes_);
  hand_out(state_.locks, locks_, changes_);
  hand_out(state_.agents, agents_, changes_);
  hand_out(state_.principals, principals_, changes_);
  hand_out(state_.invitations, invitations_, changes_);
  for (JobId number : settled) {
    const Job row = state_.jobs.at(number);
    apply_job(state_, row);
  }
  return std::exchange(changes_, {});
}

}  // namespace escape::controller
