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
  Writer(std::vector<Write>& batch, const SealKeys* keys) : batch_(batch), keys_(keys) {}

  void operator()(const state::Environment& row) { put_row(Table::environments, row.name, row); }
  void operator()(const RemovedEnvironment& gone) { remove(Table::environments, gone.name); }
  void operator()(const state::Deployment& row) {
    put_row(Table::deployments, deployment_key({row.environment, row.name}), row);
  }
  void operator()(const RemovedDeployment& gone) { remove(Table::deployments, deployment_key(gone.key)); }
  void operator()(const Job& row) {
    put_row(Table::jobs, job_key(job_prefix::row, row.number), row);
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
  void operator()(const JobPlan& row) { put_row(Table::jobs, job_key(job_prefix::plan, row.job), row); }
  void operator()(const Task& row) { put_row(Table::tasks, task_key(row.id), row); }
  void operator()(const Agent& row) { put_row(Table::agents, row.name, row); }
  void operator()(const RemovedAgent& gone) { remove(Table::agents, gone.name); }
  void operator()(const Principal& row) { put_row(Table::principals, principal_prefix::principal + row.name, row); }
  void operator()(const RemovedPrincipal& gone) { remove(Table::principals, principal_prefix::principal + gone.name); }
  void operator()(const Invitation& row) { put_row(Table::principals, principal_prefix::invitation + row.key, row); }
  void operator()(const RemovedInvitation& gone) { remove(Table::principals, principal_prefix::invitation + gone.key); }
  void operator()(const Lock& row) { put_row(Table::locks, deployment_key(row.key), row); }
  void operator()(const RemovedLock& gone) { remove(Table::locks, deployment_key(gone.key)); }
  void operator()(const AnsweredRequest& row) { put_row(Table::requests, request_key(row.principal, row.id), row); }
  void operator()(const RemovedAnswer& gone) { remove(Table::requests, request_key(gone.principal, gone.id)); }
  void operator()(const LogLine& line) { put_row(Table::job_log, log_key(line.root, line.entry.sequence), line.entry); }
  void operator()(const DeploymentChange& row) {
    const DeploymentKey of{row.deployment.environment, row.deployment.name};
    put_row(Table::history, history_of(of) + u64_key(row.sequence), row);
  }
  void operator()(const protocol::EventView& row) { put_row(Table::events, u64_key(row.sequence), row); }

 private:
  template <class Row>
  void put_row(Table table, std::string key, const Row& row) {
    std::string value = to_row(row, table, key, keys_);
    put(table, std::move(key), std::move(value));
  }
  void put(Table table, std::string key, std::string value) {
    batch_.push_back({table, std::move(key), std::move(value)});
  }
  void remove(Table table, std::string key) { batch_.push_back({table, std::move(key), std::nullopt}); }

  std::vector<Write>& batch_;
  const SealKeys* keys_;
};

}  // namespace

void append_writes(const Change& change, std::vector<Write>& batch, const SealKeys* keys) {
  std::visit(Writer(batch, keys), change);
}

std::vector<Write> start_writes(const State& state) {
  return {{Table::meta, std::string(meta_key::instance), state.instance},
          {Table::meta, std::string(meta_key::epoch), u64_key(state.epoch)},
          {Table::meta, std::string(meta_key::schema), u32_key(schema_version)}};
}

}  // namespace escape::store
