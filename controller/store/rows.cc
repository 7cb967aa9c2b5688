#include "controller/store/rows.h"

#include "controller/store/keys.h"
#include "controller/store/row_codec.h"
#include "controller/store/row_fields.h"
#include "shared/base/overloaded.h"

namespace escape::store {
namespace {

using namespace controller;

/// Rows and index entries of one change, appended to the batch.
class Writer {
 public:
  explicit Writer(std::vector<Write>& batch) : batch_(batch) {}

  void operator()(const state::Environment& row) { put(Table::environments, row.name, to_row(row)); }
  void operator()(const RemovedEnvironment& gone) { remove(Table::environments, gone.name); }
  void operator()(const state::Deployment& row) {
    put(Table::deployments, deployment_key({row.environment, row.name}), to_row(row));
  }
  void operator()(const RemovedDeployment& gone) { remove(Table::deployments, deployment_key(gone.key)); }
  void operator()(const Job& row) {
    put(Table::jobs, job_key(job_prefix::row, row.number), to_row(row));
    // Written with every change: the row alone does not tell whether it is the first.
    put(Table::jobs, newest_first(jobs_of_deployment(row.environment, row.deployment), row.number), "");
    put(Table::jobs, newest_first(jobs_of_environment(row.environment), row.number), "");
    const std::string live = job_key(job_prefix::live, row.number);
    if (row.phase == JobPhase::settled) {
      remove(Table::jobs, live);
    } else {
      put(Table::jobs, live, "");
    }
  }
  void operator()(const JobPlan& row) { put(Table::jobs, job_key(job_prefix::plan, row.job), to_row(row)); }
  void operator()(const Task& row) { put(Table::tasks, task_key(row.id), to_row(row)); }
  void operator()(const Agent& row) { put(Table::agents, row.name, to_row(row)); }
  void operator()(const RemovedAgent& gone) { remove(Table::agents, gone.name); }
  void operator()(const Principal& row) { put(Table::principals, principal_prefix::principal + row.name, to_row(row)); }
  void operator()(const RemovedPrincipal& gone) { remove(Table::principals, principal_prefix::principal + gone.name); }
  void operator()(const Invitation& row) {
    put(Table::principals, principal_prefix::invitation + row.key, to_row(row));
  }
  void operator()(const RemovedInvitation& gone) { remove(Table::principals, principal_prefix::invitation + gone.key); }
  void operator()(const Lock& row) { put(Table::locks, deployment_key(row.key), to_row(row)); }
  void operator()(const RemovedLock& gone) { remove(Table::locks, deployment_key(gone.key)); }
  void operator()(const AnsweredRequest& row) { put(Table::requests, request_key(row.principal, row.id), to_row(row)); }
  void operator()(const RemovedAnswer& gone) { remove(Table::requests, request_key(gone.principal, gone.id)); }
  void operator()(const LogLine& line) {
    put(Table::job_log, log_key(line.root, line.entry.sequence), to_row(line.entry));
  }
  void operator()(const protocol::EventView& row) { put(Table::events, u64_key(row.sequence), to_row(row)); }

 private:
  void put(Table table, std::string key, std::string value) {
    batch_.push_back({table, std::move(key), std::move(value)});
  }
  void remove(Table table, std::string key) { batch_.push_back({table, std::move(key), std::nullopt}); }

  std::vector<Write>& batch_;
};

}  // namespace

void append_writes(const Change& change, std::vector<Write>& batch) { std::visit(Writer(batch), change); }

std::vector<Write> start_writes(const State& state) {
  return {{Table::meta, std::string(meta_key::instance), state.instance},
          {Table::meta, std::string(meta_key::epoch), u64_key(state.epoch)},
          {Table::meta, std::string(meta_key::schema), u32_key(schema_version)}};
}

}  // namespace escape::store
