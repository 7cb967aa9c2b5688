#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/core/core.h"
#include "agent/journal/journal.h"
#include "agent/runner/files.h"
#include "agent/runner/launcher.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::agent {

/// The scripts that run under supervisors: starts them, finds them again after a restart, watches their output and
/// their end.
///
/// Thread: the agent loop. `descriptors_changed` tells the loop to ask for `descriptors` again.  Durable: what the
/// supervisor and the journal write.  Errors: a script that can't be started is an Ended input like any other.
class Runs {
 public:
  struct Options {
    std::string supervisor_path;
    bool inherit_environment = false;
  };
  Runs(Options options, const journal::Journal& journal);
  ~Runs();
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  /// Writes text to the head of the task's output, masked like the script's. From any thread; what the disk does not
  /// take is dropped, and so is what comes when the task is forgotten.
  std::function<void(std::string_view)> head_of_output(const protocol::Offer& offer) const;
  /// The same masking alone, of one text at a time.
  static std::function<std::string(std::string_view)> masking(const protocol::Offer& offer);
  /// How an accepted task ends whose script is not started.
  TaskResult unstarted(const protocol::Offer& offer, const Error& why) const;

  /// Starts the script of an accepted task in `folder`; what comes of it is told by `collect`. Without one the task has
  /// ended well: its folder was all that was asked for.
  /// `time_limit`: what is left of the step's, 0 for none.
  void start(const protocol::Offer& offer, const std::string& folder, Millis time_limit);
  /// What a task's folder tells after a restart of the agent: accepted (nothing started), running (watched from now on)
  /// or finished by the supervisor (told by `collect`).
  Result<protocol::AgentTaskPhase> recover(const protocol::Offer& offer);
  /// After the last `recover`: what earlier lives left behind goes.
  void clean_up() const;
  void stop(const TaskKey& key, Millis grace);
  void forget(const TaskKey& key);

  /// Bytes of output on disk.
  std::uint64_t output_bytes(const TaskKey& key) const;

  /// What has happened since the last call. Reads every readable descriptor empty.
  std::vector<Input> collect();
  /// Readable when `collect` has something: one for all output files, one for each supervisor.
  std::vector<int> descriptors() const;
  /// Descriptors that came or went since the last call.
  bool take_descriptors_changed();

 private:
  struct Run {
    protocol::Offer offer;
    io::Fd process;                ///< readable when there is a reason to look again
    bool is_timer = false;         ///< not a process: it could not be watched and is tried again
    std::optional<Millis> stop{};  ///< what was asked: for whoever watches it next
    int watch = -1;
    std::uint64_t seen_bytes = 0;
  };
  Result<> launch(const protocol::Offer& offer, const std::string& folder, Millis time_limit);
  void watch(const TaskKey& key, const protocol::Offer& offer, io::Fd process, bool is_timer = false);
  void add_end(const TaskKey& key, TaskResult result);
  void collect_output();
  void collect_ends();
  void look_again(const TaskKey& key);
  void unwatch(const TaskKey& key);
  void act_on(const TaskKey& key, const protocol::Offer& offer, runner::Sighting seen, bool was_timer = false);
  void adopt(const TaskKey& key, const protocol::Offer& offer, bool was_timer);
  void note_output(const TaskKey& key, Run& run);
  TaskResult read_result(const protocol::Offer& offer, const runner::RunResult& run) const;

  Options options_;
  const journal::Journal& journal_;
  std::string cgroup_home_;  ///< empty: scripts get no cgroups
  io::Fd notify_;
  std::map<TaskKey, Run> runs_;
  std::set<TaskKey> orphans_;  ///< whose supervisor died
  std::set<TaskKey> held_;     ///< their cgroups are not ours to remove
  std::map<int, TaskKey> by_watch_;
  std::vector<Input> happened_;
  bool descriptors_changed_ = true;
};

}  // namespace escape::agent
