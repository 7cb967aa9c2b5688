#include <algorithm>

#include "controller/store/keys.h"
#include "controller/store/row_codec.h"
#include "controller/store/row_fields.h"
#include "controller/store/rows.h"

namespace escape::store {
namespace {

using namespace controller;
using Order = Reader::Order;

Error damaged_meta(std::string_view key) {
  return {ErrorKind::storage, "The row '" + std::string(key) + "' of the database's table meta is damaged",
          "Restore the data folder from a backup."};
}

Result<> load_meta(const Reader& reader, State& state) {
  TRY(const std::optional<std::string> instance, reader.get(Table::meta, meta_key::instance));
  TRY(const std::optional<std::string> epoch, reader.get(Table::meta, meta_key::epoch));
  if (!instance && !epoch) return ok();
  if (!instance || instance->size() != 16) return fail(damaged_meta(meta_key::instance));
  const std::optional<std::uint64_t> number = epoch ? parse_u64(*epoch) : std::nullopt;
  if (!number) return fail(damaged_meta(meta_key::epoch));
  state.instance = *instance;
  state.epoch = *number;
  return ok();
}

Result<JobId> job_floor(const Reader& reader) {
  TRY(const std::optional<std::string> row, reader.get(Table::meta, meta_key::job_floor));
  if (!row) return JobId{0};
  if (const std::optional<std::uint64_t> floor = parse_u64(*row)) return *floor;
  return fail(damaged_meta(meta_key::job_floor));
}

/// The number at the end of the last key that begins with `prefix`, or 0.
Result<std::uint64_t> last_number(const Reader& reader, Table table, const std::string& prefix) {
  std::optional<std::uint64_t> last = 0;
  std::string last_key;
  TRYV(
      reader.scan(table, prefix, end_of_prefix(prefix), Order::descending, [&](std::string_view key, std::string_view) {
        last_key = std::string(key);
        last = parse_u64(key.substr(prefix.size()));
        return false;
      }));
  if (last) return *last;
  return fail(ErrorKind::storage, "The key '" + name_of_row(table, last_key) + "' of the database is damaged",
              "Restore the data folder from a backup.");
}

/// Every row of a small table, by its name or key.
template <class Row, class Rows, class KeyOf>
Result<> load_all(const Reader& reader, Table table, const std::string& prefix, Rows& rows, KeyOf key_of) {
  return for_each_row<Row>(reader, table, prefix, end_of_prefix(prefix), Order::ascending, [&](Row&& row) {
    auto key = key_of(row);
    rows.insert_or_assign(std::move(key), std::move(row));
    return true;
  });
}

Result<> load_small_tables(const Reader& reader, State& state) {
  TRYV(load_all<state::Environment>(reader, Table::environments, "", state.environments,
                                    [](auto& e) { return e.name; }));
  TRYV(load_all<state::Deployment>(reader, Table::deployments, "", state.deployments,
                                   [](auto& d) { return DeploymentKey{d.environment, d.name}; }));
  TRYV(load_all<Agent>(reader, Table::agents, "", state.agents, [](auto& a) { return a.name; }));
  TRYV(load_all<Principal>(reader, Table::principals, std::string(1, principal_prefix::principal), state.principals,
                           [](auto& p) { return p.name; }));
  TRYV(load_all<Invitation>(reader, Table::principals, std::string(1, principal_prefix::invitation), state.invitations,
                            [](auto& i) { return i.key; }));
  TRYV(load_all<Lock>(reader, Table::locks, "", state.locks, [](auto& l) { return l.key; }));
  return load_all<AnsweredRequest>(reader, Table::requests, "", state.answered,
                                   [](auto& a) { return std::pair(a.principal, a.id); });
}

Result<std::vector<JobId>> live_jobs(const Reader& reader) {
  const std::string prefix(1, job_prefix::live);
  std::vector<JobId> jobs;
  std::string damaged;
  TRYV(reader.scan(Table::jobs, prefix, end_of_prefix(prefix), Order::ascending,
                   [&](std::string_view key, std::string_view) {
                     const std::optional<std::uint64_t> number = parse_u64(key.substr(prefix.size()));
                     if (!number) damaged = name_of_row(Table::jobs, key);
                     if (number) jobs.push_back(*number);
                     return number.has_value();
                   }));
  if (damaged.empty()) return jobs;
  return fail(ErrorKind::storage, "The key '" + damaged + "' of the database is damaged",
              "Restore the data folder from a backup.");
}

Result<> load_live_job(const Reader& reader, JobId number, State& state) {
  TRY(std::optional<Job> job, find_job(reader, number));
  if (!job) {
    return fail(ErrorKind::storage,
                "Job " + std::to_string(number) + " is marked as live, but the database has no such job",
                "Restore the data folder from a backup.");
  }
  TRY(const std::uint64_t logged, last_number(reader, Table::job_log, u64_key(number)));
  if (logged < job->log_entries) {
    return fail(ErrorKind::storage,
                "The log of job " + std::to_string(number) + " ends at entry " + std::to_string(logged) +
                    ", and its row says " + std::to_string(job->log_entries),
                "Restore the data folder from a backup.");
  }
  job->log_entries = logged;
  state.jobs.insert_or_assign(number, std::move(*job));
  TRY(std::optional<JobPlan> plan, find_plan(reader, number));
  if (plan) state.plans.insert_or_assign(number, std::move(*plan));
  TRY(std::vector<Task> tasks, load_tasks(reader, number));
  for (Task& task : tasks) {
    const TaskId id = task.id;
    state.tasks.insert_or_assign(id, std::move(task));
  }
  // A row of the time when a job was at one step only does not say so.
  Job& loaded = state.jobs.at(number);
  if (loaded.at.empty() && state.tasks.contains({number, loaded.current})) loaded.at = {loaded.current};
  return ok();
}

}  // namespace

Result<State> load_state(const Reader& reader) {
  State state;
  TRYV(load_meta(reader, state));
  TRY(state.last_job, last_number(reader, Table::jobs, std::string(1, job_prefix::row)));
  TRY(const JobId floor, job_floor(reader));
  state.last_job = std::max(state.last_job, floor);
  TRY(state.last_event, newest_event(reader));
  TRYV(load_small_tables(reader, state));
  TRY(const std::vector<JobId> live, live_jobs(reader));
  for (const JobId job : live) {
    TRYV(load_live_job(reader, job, state));
  }
  return state;
}

Result<std::optional<Job>> find_job(const Reader& reader, JobId job) {
  return find_row<Job>(reader, Table::jobs, job_key(job_prefix::row, job));
}

Result<std::optional<JobPlan>> find_plan(const Reader& reader, JobId job) {
  return find_row<JobPlan>(reader, Table::jobs, job_key(job_prefix::plan, job));
}

Result<std::vector<Task>> load_tasks(const Reader& reader, JobId job) {
  const std::string prefix = u64_key(job);
  std::vector<Task> tasks;
  TRYV(for_each_row<Task>(reader, Table::tasks, prefix, end_of_prefix(prefix), Order::ascending, [&](Task&& task) {
    tasks.push_back(std::move(task));
    return true;
  }));
  return tasks;
}

namespace {

bool is_of(const Job& job, std::string_view environment, std::string_view deployment) {
  return (environment.empty() || job.environment == environment) &&
         (deployment.empty() || job.deployment == deployment);
}

/// From the rows themselves: newest first is from the end.
Result<std::vector<Job>> list_by_number(const Reader& reader, std::string_view deployment, JobId before, int limit) {
  const std::string from(1, job_prefix::row);
  const std::string to = before == 0 ? end_of_prefix(from) : job_key(job_prefix::row, before);
  std::vector<Job> jobs;
  TRYV(for_each_row<Job>(reader, Table::jobs, from, to, Order::descending, [&](Job&& job) {
    if (is_of(job, "", deployment)) jobs.push_back(std::move(job));
    return std::cmp_less(jobs.size(), limit);
  }));
  return jobs;
}

Result<std::vector<Job>> list_by_index(const Reader& reader, const std::string& prefix, std::string_view environment,
                                       std::string_view deployment, JobId before, int limit) {
  std::vector<Job> jobs;
  std::optional<Error> error;
  const std::string from = before == 0 ? prefix : newest_first(prefix, before - 1);
  TRYV(reader.scan(Table::jobs, from, end_of_prefix(prefix), Order::ascending,
                   [&](std::string_view key, std::string_view) {
                     Result<std::optional<Job>> job = find_job(reader, job_of_index_key(key).value_or(0));
                     if (!job) {
                       error = std::move(job).error();
                       return false;
                     }
                     // An index entry outlives its row when old jobs are removed, and a job that moved has one at its
                     // old place.
                     if (job.value() && is_of(*job.value(), environment, deployment))
                       jobs.push_back(std::move(*job.value()));
                     return std::cmp_less(jobs.size(), limit);
                   }));
  if (error) return fail(std::move(*error));
  return jobs;
}

}  // namespace

Result<std::vector<Job>> list_jobs(const Reader& reader, std::string_view environment, std::string_view deployment,
                                   JobId before, int limit) {
  if (limit <= 0) return std::vector<Job>{};
  if (environment.empty()) return list_by_number(reader, deployment, before, limit);
  const std::string prefix =
      deployment.empty() ? jobs_of_environment(environment) : jobs_of_deployment(environment, deployment);
  return list_by_index(reader, prefix, environment, deployment, before, limit);
}

Result<std::vector<protocol::LogEntry>> read_log(const Reader& reader, JobId root, std::uint64_t from, int limit,
                                                 std::size_t max_bytes) {
  std::vector<protocol::LogEntry> entries;
  if (limit <= 0) return entries;
  std::size_t bytes = 0;
  TRYV(for_each_row<protocol::LogEntry>(reader, Table::job_log, log_key(root, from), end_of_prefix(u64_key(root)),
                                        Order::ascending, [&](protocol::LogEntry&& entry) {
                                          bytes += entry.bytes.bytes.size() + entry.text.size();
                                          entries.push_back(std::move(entry));
                                          return std::cmp_less(entries.size(), limit) && bytes < max_bytes;
                                        }));
  return entries;
}

Result<std::vector<DeploymentChange>> list_history(const Reader& reader, const DeploymentKey& key, EventSequence before,
                                                   int limit) {
  std::vector<DeploymentChange> changes;
  if (limit <= 0) return changes;
  const std::string from = history_of(key);
  const std::string to = before == 0 ? end_of_prefix(from) : from + u64_key(before);
  TRYV(for_each_row<DeploymentChange>(reader, Table::history, from, to, Order::descending,
                                      [&](DeploymentChange&& change) {
                                        changes.push_back(std::move(change));
                                        return std::cmp_less(changes.size(), limit);
                                      }));
  return changes;
}

Result<std::vector<DeploymentChange>> list_history(const Reader& reader, const std::vector<Change>& uncommitted,
                                                   const DeploymentKey& key, int limit) {
  std::vector<DeploymentChange> changes;
  for (auto change = uncommitted.rbegin(); change != uncommitted.rend(); ++change) {
    const auto* one = std::get_if<DeploymentChange>(&*change);
    const bool is_its = one && one->deployment.environment == key.environment && one->deployment.name == key.deployment;
    if (is_its) changes.push_back(*one);
  }
  TRY(std::vector<DeploymentChange> stored, list_history(reader, key, 0, limit));
  std::ranges::move(stored, std::back_inserter(changes));
  return changes;
}

Result<std::map<std::string, DeploymentChange>> find_past_deployments(const Reader& reader, const DeploymentKey& key,
                                                                      EventSequence at, Timestamp at_time) {
  std::map<std::string, DeploymentChange> found;
  const auto find_in = [&](const DeploymentKey& one) -> Result<> {
    const std::string from = history_of(one);
    const std::string to = at == 0 || at == UINT64_MAX ? end_of_prefix(from) : from + u64_key(at + 1);
    return for_each_row<DeploymentChange>(reader, Table::history, from, to, Order::descending,
                                          [&](DeploymentChange&& change) {
                                            if (at_time.is_set() && change.time > at_time) return true;
                                            found.emplace(one.deployment, std::move(change));
                                            return false;
                                          });
  };
  TRYV(find_in(key));
  // Those below it: from name to name, each found by where the one before ends.
  const std::string below = text_key(key.environment) + key.deployment + ":";
  std::string next = below;
  while (true) {
    std::optional<DeploymentChange> first;
    TRYV(for_each_row<DeploymentChange>(reader, Table::history, next, end_of_prefix(below), Order::ascending,
                                        [&](DeploymentChange&& change) {
                                          first = std::move(change);
                                          return false;
                                        }));
    if (!first) return found;
    const DeploymentKey one{key.environment, first->deployment.name};
    TRYV(find_in(one));
    next = end_of_prefix(history_of(one));
  }
}

Result<std::vector<protocol::EventView>> read_events(const Reader& reader, EventSequence since, int limit) {
  std::vector<protocol::EventView> events;
  if (limit <= 0 || since == UINT64_MAX) return events;
  TRYV(for_each_row<protocol::EventView>(reader, Table::events, u64_key(since + 1), "", Order::ascending,
                                         [&](protocol::EventView&& event) {
                                           events.push_back(std::move(event));
                                           return std::cmp_less(events.size(), limit);
                                         }));
  return events;
}

Result<EventSequence> newest_event(const Reader& reader) { return last_number(reader, Table::events, ""); }

}  // namespace escape::store
