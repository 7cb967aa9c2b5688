#include "agent/runner/adopter.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "agent/runner/ending.h"
#include "agent/runner/files.h"
#include "agent/runner/hand_over.h"
#include "agent/runner/outcome.h"
#include "agent/runner/process.h"
#include "agent/runner/scope.h"
#include "shared/base/fault_point.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

/// The end of what the script's own process left is no event, and nobody is in a hurry.
constexpr Micros look_interval{500'000};
constexpr const char* why_lost =
    "the script's supervisor died while it ran; the script has ended since, and nobody saw how";

Instant now() { return read_clocks().steady; }

/// /proc counts in ticks of the clock that Instant is of.
Instant to_instant(std::int64_t ticks) { return {ticks * 1'000'000 / std::max<long>(::sysconf(_SC_CLK_TCK), 1)}; }

class Adoption {
 public:
  Adoption(const RunRequest& request, const SupervisorMark& supervisor, const ScriptProcess& script, io::Fd signals)
      : scope_(static_cast<pid_t>(script.pid), static_cast<pid_t>(supervisor.pid), script.cgroup),
        ending_(scope_),
        process_(open_process({script.pid, script.start_time, supervisor.boot_id})),
        signals_(std::move(signals)),
        started_at_(to_instant(script.start_time)),
        grace_(request.grace) {
    if (request.time_limit.count() > 0) time_limit_at_ = started_at_ + request.time_limit;
  }

  RunResult run() {
    while (!is_over()) {
      wait();
      while (const std::optional<Millis> grace = take_stop(signals_)) ending_.begin(RunEnd::cancelled, now(), *grace);
      const bool is_late = time_limit_at_ && now() >= *time_limit_at_;
      if (is_late && process_ && !ending_.why()) ending_.begin(RunEnd::timed_out, now(), grace_);
      ending_.keep_deadlines(now());
    }
    RunResult result;
    result.end = ending_.why().value_or(RunEnd::lost);
    result.reason = why_lost;
    result.output_error = "the script's supervisor died";
    result.duration_micros = (now() - started_at_).count();
    result.left = to_numbers(scope_.processes());
    scope_.tidy();
    return result;
  }

 private:
  bool is_over() const {
    const Instant current = now();
    if (ending_.why()) return ending_.is_done(current);
    if (!process_ && time_limit_at_ && current >= *time_limit_at_) return true;
    return !scope_.lives();
  }

  void wait() {
    const Instant current = now();
    Instant until = current + look_interval;
    if (const std::optional<Instant> next = ending_.wake_at(current)) until = std::clamp(*next, current, until);
    std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}}};
    (void)::poll(ready.data(), ready.size(), static_cast<int>((until - current).count() / 1000 + 1));
    if (process_ && ready[1].revents != 0) process_.reset();
  }

  Scope scope_;
  Ending ending_;
  io::Fd process_;  ///< empty once the script's own process has ended
  io::Fd signals_;
  Instant started_at_;
  Millis grace_;
  std::optional<Instant> time_limit_at_;
};

/// What the supervisor had written is all there will be.
void sync_output(const std::string& task_folder, RunResult& result) {
  const std::string path = io::join_path(task_folder, file_name::output);
  const io::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) (void)::fsync(file.get());
  const Result<std::uint64_t> size = io::file_size(path);
  result.output_bytes = size ? size.value() : 0;
}

int say(const Error& error) {
  std::fprintf(stderr, "%s\n", describe(error).c_str());
  return 1;
}

}  // namespace

int adopt(const std::string& task_folder) {
  leave_the_agent();
  const SealKeys keys = take_keys_from_stdin();
  io::Fd signals = catch_stop_signal();
  const std::string process_file = io::join_path(task_folder, file_name::process);
  const io::Fd lock(::open(process_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return 0;
  const Result<std::optional<RunResult>> earlier = find_run_result(task_folder);
  if (earlier && earlier.value()) return 0;
  const Result<std::optional<SupervisorMark>> supervisor = find_supervisor_mark(task_folder);
  const Result<std::optional<ScriptProcess>> script = find_script_process(task_folder);
  if (!supervisor || !script) return say(!supervisor ? supervisor.error() : script.error());
  if (!supervisor.value() || !script.value()) return 0;
  if (Result<> marked = write_adopter_mark(task_folder, mark_of_this_process()); !marked) return say(marked.error());
  fault_point("adopter.after_mark");
  const Result<RunRequest> request = read_run_request(task_folder, keys);
  if (!request) say(request.error());
  RunResult result =
      Adoption(request ? request.value() : RunRequest{}, *supervisor.value(), *script.value(), std::move(signals))
          .run();
  if (request) remove_outputs_file(request.value());
  sync_output(task_folder, result);
  return write_result_when_there_is_room(task_folder, result);
}

}  // namespace escape::runner
