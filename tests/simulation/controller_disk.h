#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "controller/core/recorder.h"
#include "controller/store/rows.h"
#include "controller/store/store.h"
#include "tests/simulation/world.h"

namespace escape::simulation {

/// What a whole history of commits must add up to: kept beside the rows, from the same changes, and asked by the
/// checkers. Never read by a controller.
struct Truth {
  controller::State state;
  std::map<JobId, controller::Job> settled_jobs;
  std::map<TaskId, controller::Task> tasks;  ///< of settled jobs too
  std::map<JobId, std::uint64_t> log_entries;
  struct Told {
    protocol::JobPhase phase = protocol::JobPhase::queued;
    std::string outcome;
  };
  std::map<JobId, Told> told_jobs;           ///< as the event log tells it
  std::map<TaskId, std::string> told_tasks;  ///< "started", or the outcome
  std::map<AgentId, int> told_agents;
};

/// The controller's data folder: batches that are on the disk, and those that the disk was given but has not synced.
class ControllerDisk {
 public:
  explicit ControllerDisk(World& world);
  /// As `cp -a` of the folder of a stopped controller.
  static ControllerDisk copy_of(const ControllerDisk& other);

  store::Database& database() { return *database_; }
  const Truth& truth() const { return *truth_; }
  Truth& truth() { return *truth_; }

  using Batch = std::vector<store::Write>;
  using Changes = std::vector<controller::Change>;
  /// Makes the batch durable, atomically, and tells the truth of it.
  void sync(const Batch& batch, const Changes& changes);
  /// A batch that was written and never synced (a mutant): gone when the power goes within five seconds.
  void write_unsynced(const Batch& batch, const Changes& changes);
  void lose_power();
  void keep_all();

  bool is_full() const { return full > 0; }
  Micros latency(Random& random) const;
  int full = 0;  ///< faults that are on
  int slow = 0;

 private:
  void apply(const Batch& batch, const Changes& changes);

  World* world_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Truth> truth_;
  struct Unsynced {
    Instant at;
    Batch batch;
    Changes changes;
  };
  std::deque<Unsynced> unsynced_;
};

}  // namespace escape::simulation
