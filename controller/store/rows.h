#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/model.h"
#include "controller/store/store.h"

/// The controller's rows in the store: what each Change writes, and what reads ask for.
namespace escape::store {

/// The writes of one change: the row and its index entries. Values carry their row version. `keys`: those of the
/// database that the batch is for.
void append_writes(const controller::Change& change, std::vector<Write>& batch, const SealKeys* keys);

/// At start: all small tables, unsettled jobs with their tasks and plans. Does not raise the epoch. A new database
/// gives an empty `instance`: the caller sets 16 random bytes. Errors: storage naming the row that cannot be read;
/// bad_data for a row of a newer version.
Result<controller::State> load_state(const Reader& reader);
/// The meta rows of a new life: instance, epoch, schema version. Commit them before anything else.
std::vector<Write> start_writes(const controller::State& state);

Result<std::optional<controller::Job>> find_job(const Reader& reader, JobId job);
/// The release that a job worked on; none for a job that was never resolved.
Result<std::optional<controller::JobPlan>> find_plan(const Reader& reader, JobId job);
Result<std::vector<controller::Task>> load_tasks(const Reader& reader, JobId job);
/// Newest first, numbers below `before` (0 = all), at most `limit`; empty environment or deployment = any. A deployment
/// without an environment reads through all jobs; everything else reads what it returns.
Result<std::vector<controller::Job>> list_jobs(const Reader& reader, std::string_view environment,
                                               std::string_view deployment, JobId before, int limit);
/// Entries of a root job's log from `from` on, at most `limit`, and no more once they hold `max_bytes` (always one).
Result<std::vector<protocol::LogEntry>> read_log(const Reader& reader, JobId root, std::uint64_t from, int limit,
                                                 std::size_t max_bytes);
/// A deployment's changes, newest first, numbers below `before` (0 = all), at most `limit`.
Result<std::vector<controller::DeploymentChange>> list_history(const Reader& reader,
                                                               const controller::DeploymentKey& key,
                                                               EventSequence before, int limit);
/// The same, newest first, with what a turn of the controller has decided and not committed yet.
Result<std::vector<controller::DeploymentChange>> list_history(const Reader& reader,
                                                               const std::vector<controller::Change>& uncommitted,
                                                               const controller::DeploymentKey& key, int limit);
/// The deployment and those below it as they were after change `at`, or at the time `at_time` (the other one unset);
/// empty: it did not exist then.
Result<std::map<std::string, controller::DeploymentChange>> find_past_deployments(const Reader& reader,
                                                                                  const controller::DeploymentKey& key,
                                                                                  EventSequence at, Timestamp at_time);
Result<std::vector<protocol::EventView>> read_events(const Reader& reader, EventSequence since, int limit);
Result<EventSequence> newest_event(const Reader& reader);

}  // namespace escape::store
