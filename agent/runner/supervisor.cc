#include "agent/runner/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "agent/runner/child.h"
#include "agent/runner/ending.h"
#include "agent/runner/files.h"
#include "agent/runner/hand_over.h"
#include "agent/runner/masker.h"
#include "agent/runner/outcome.h"
#include "agent/runner/process.h"
#include "agent/runner/scope.h"
#include "shared/base/fault_point.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

/// A background process may keep the pipe open for ever; what it wrote until then is read.
constexpr Micros drain_limit{2'000'000};
/// For a script whose end is no event here: a debugger holds it.
constexpr Micros look_interval{50'000};

Instant now() { return read_clocks().steady; }

/// The masked output file. After the first error (a full disk) the rest is dropped, so that the script never blocks.
class OutputFile {
 public:
  OutputFile(const std::string& path, const std::vector<std::pair<std::string, std::string>>& secrets)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), masker_(secrets) {
    if (!file_) error_ = std::strerror(errno);
    // What was told before the script started is the output's head.
    struct stat status{};
    if (file_ && ::fstat(file_.get(), &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
  }

  void append(std::string_view bytes) { write(masker_.feed(bytes)); }
  void finish() {
    write(masker_.finish());
    if (file_ && ::fsync(file_.get()) != 0 && error_.empty()) error_ = std::strerror(errno);
  }
  std::uint64_t size() const { return size_; }
  const std::string& error() const { return error_; }

 private:
  void write(std::string_view bytes) {
    while (!bytes.empty() && error_.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        error_ = errno == ENOSPC ? "the disk is full" : std::strerror(errno);
        return;
      }
      size_ += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  io::Fd file_;
  Masker masker_;
  std::uint64_t size_ = 0;
  std::string error_;
};

/// A started script and everything that may happen to it.
class Supervision {
 public:
  Supervision(const RunRequest& request, const ScriptProcess& script, io::Fd pipe, io::Fd signals, OutputFile& output)
      : script_(static_cast<pid_t>(script.pid)),
        scope_(script_, ::getsid(0), script.cgroup),
        ending_(scope_),
        pipe_(std::move(pipe)),
        signals_(std::move(signals)),
        process_(static_cast<int>(::syscall(SYS_pidfd_open, script_, 0))),
        output_(output),
        started_at_(now()),
        grace_(request.grace) {
    if (request.time_limit.count() > 0) time_limit_at_ = started_at_ + request.time_limit;
  }

  RunResult run() {
    while (!is_over()) {
      wait();
      read_output();
      take_stops();
      reap_ended();
      keep_deadlines();
    }
    scope_.tidy();
    return to_result();
  }

 private:
  bool is_over() const {
    const Instant current = now();
    if (!ended_at_) return ending_.has_given_up(current);
    if (ending_.why() && !ending_.is_done(current)) return false;
    return !pipe_ || current >= *ended_at_ + drain_limit;
  }

  void wait() {
    std::array<pollfd, 3> ready{{{pipe_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {-1, POLLIN, 0}}};
    if (!ended_at_) ready[2].fd = process_.get();
    (void)::poll(ready.data(), ready.size(), milliseconds_to_next_deadline());
    // Ended, but it is not ours to reap: from now on it is looked at.
    has_ended_ = has_ended_ || ready[2].revents != 0;
  }

  int milliseconds_to_next_deadline() const {
    std::optional<Instant> next;
    const auto consider = [&](Instant when) { next = next ? std::min(*next, when) : when; };
    const Instant current = now();
    if (time_limit_at_ && !ending_.why() && !ended_at_) consider(*time_limit_at_);
    if (const std::optional<Instant> when = ending_.wake_at(current)) consider(*when);
    if (ended_at_ && pipe_) consider(std::max(*ended_at_ + drain_limit, current));
    if (!process_ && !ended_at_) consider(current + look_interval);
    if (!next) return -1;
    return static_cast<int>(std::clamp<std::int64_t>((*next - current).count() / 1000 + 1, 0, 3'600'000));
  }

  /// Everything that waits, but not more than a few pipes full: deadlines must be kept while a script writes without
  /// end.
  void read_output() {
    constexpr int reads_per_turn = 64;
    for (int i = 0; pipe_ && i < reads_per_turn; ++i) {
      const ssize_t count = ::read(pipe_.get(), buffer_.data(), buffer_.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        pipe_.reset();
        return;
      }
      output_.append({buffer_.data(), static_cast<std::size_t>(count)});
    }
  }

  void take_stops() {
    while (const std::optional<Millis> grace = take_stop(signals_)) {
      if (!ended_at_ || ending_.why()) ending_.begin(RunEnd::cancelled, now(), *grace);
    }
  }

  /// As sub-reaper this process inherits what the script leaves behind; zombies would keep the group alive.
  void reap_ended() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != script_) continue;
      ended_at_ = now();
      status_ = status;
    }
    if (has_ended_ && !ended_at_) process_.reset();
  }

  void keep_deadlines() {
    const Instant current = now();
    const bool is_late = time_limit_at_ && current >= *time_limit_at_;
    if (is_late && !ending_.why() && !ended_at_) ending_.begin(RunEnd::timed_out, current, grace_);
    ending_.keep_deadlines(current);
  }

  RunResult to_result() const {
    RunResult result;
    result.duration_micros = (ended_at_.value_or(now()) - started_at_).count();
    if (ending_.why()) result.left = to_numbers(scope_.processes());
    if (!ended_at_) {
      result.end = *ending_.why();
      result.status = 128 + SIGKILL;
      if (result.left.empty()) result.left.push_back(script_);
      return result;
    }
    const bool by_signal = WIFSIGNALED(status_);
    if (ending_.why()) {
      result.end = *ending_.why();
      result.status = by_signal ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
    } else {
      result.end = by_signal ? RunEnd::signalled : RunEnd::exited;
      result.status = by_signal ? WTERMSIG(status_) : WEXITSTATUS(status_);
    }
    return result;
  }

  pid_t script_;
  Scope scope_;
  Ending ending_;
  io::Fd pipe_;
  io::Fd signals_;
  io::Fd process_;
  OutputFile& output_;
  Instant started_at_;
  Millis grace_;
  std::optional<Instant> time_limit_at_;
  bool has_ended_ = false;  ///< as the kernel says; `ended_at_`: and was reaped
  std::optional<Instant> ended_at_;
  int status_ = 0;
  std::array<char, 64 << 10> buffer_{};
};

RunResult not_started(std::string reason) {
  RunResult result;
  result.end = RunEnd::not_started;
  result.reason = std::move(reason);
  return result;
}

RunResult run_script(const std::string& task_folder, const SealKeys& keys, io::Fd signals) {
  const Result<RunRequest> request = read_run_request(task_folder, keys);
  if (!request) return not_started(describe(request.error()));
  OutputFile output(io::join_path(task_folder, file_name::output), secrets_of(request.value()));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return not_started(std::string("no pipe: ") + std::strerror(errno));
  io::Fd reading(ends[0]);
  io::Fd writing(ends[1]);
  (void)::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  const Result<ScriptProcess> script = start_child(request.value(), task_folder, writing);
  if (!script) {
    remove_outputs_file(request.value());
    return not_started(describe(script.error()));
  }
  fault_point("supervisor.after_fork");
  writing.reset();

  RunResult result = Supervision(request.value(), script.value(), std::move(reading), std::move(signals), output).run();
  fault_point("supervisor.before_output_sync");
  output.finish();
  fault_point("supervisor.after_output_sync");
  result.output_bytes = output.size();
  result.output_error = output.error();
  if (result.end == RunEnd::exited && result.status == 0 && !request.value().outputs_file.empty()) {
    Result<> copied = copy_outputs_file(request.value().outputs_file, task_folder, keys);
    if (!copied) result.outputs_error = describe(copied.error());
  }
  remove_outputs_file(request.value());
  return result;
}

}  // namespace

int supervise(const std::string& task_folder) {
  leave_the_agent();
  const SealKeys keys = take_keys_from_stdin();
  io::Fd signals = catch_stop_signal();
  fault_point("supervisor.before_start_mark");
  const Result<bool> is_ours = claim_start(task_folder, mark_of_this_process());
  if (!is_ours) {
    std::fprintf(stderr, "%s\n", describe(is_ours.error()).c_str());
    return 1;
  }
  if (!is_ours.value()) return 0;
  fault_point("supervisor.after_start_mark");
  const RunResult result = run_script(task_folder, keys, std::move(signals));
  fault_point("supervisor.before_result");
  const int status = write_result_when_there_is_room(task_folder, result);
  fault_point("supervisor.after_result");
  return status;
}

}  // namespace escape::runner
