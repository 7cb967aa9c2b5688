#include "agent/runner/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/runner/hand_over.h"
#include "agent/runner/process.h"
#include "agent/runner/scope.h"
#include "shared/base/fault_point.h"

namespace escape::runner {
namespace {

constexpr const char* program_name = "escape-supervisor";

/// posix_spawn's two argument objects, set up for a supervisor and destroyed in any case.
class SpawnArguments {
 public:
  /// `log` takes stderr; stdin is `keys`, which is none of the first three descriptors.
  SpawnArguments(const io::Fd& log, const io::Fd& keys) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    // First, for the log itself may be one of the other two when the agent was started without them.
    ::posix_spawn_file_actions_adddup2(&actions_, log.get(), STDERR_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, keys.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t set;
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    // Blocked from its first instruction on: a cancel that comes before the supervisor listens must wait, not kill it.
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnArguments() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnArguments(const SpawnArguments&) = delete;
  SpawnArguments& operator=(const SpawnArguments&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// A full disk must not be the reason for which nothing starts.
io::Fd open_log(const std::string& task_folder) {
  const std::string path = io::join_path(task_folder, file_name::log);
  io::Fd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  return log ? std::move(log) : io::Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
}

Result<io::Fd> launch(const std::string& program, const std::string& task_folder, const SealKeys& keys,
                      std::vector<std::string> words) {
  const io::Fd log = open_log(task_folder);
  TRY(const io::Fd pipe, keys_in_pipe(keys));
  const SpawnArguments arguments(log, pipe);
  words.insert(words.begin(), program_name);
  words.push_back(task_folder);
  // The supervisor needs nothing of our environment, and the script's comes in the run file.
  std::vector<std::string> variables = fault_environment();
  const auto pointers_to = [](std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  };
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), arguments.actions(), arguments.attributes(),
                                  pointers_to(words).data(), pointers_to(variables).data());
  if (error != 0) {
    return fail(ErrorKind::internal, "Couldn't start '" + program + "': " + std::strerror(error),
                "Install Escape again: its programs belong together.");
  }
  io::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    return fail(ErrorKind::internal, "Couldn't watch process " + std::to_string(pid) + ": " + std::strerror(errno));
  }
  return process;
}

/// The supervisor has died and left no result.
Result<Sighting> look_for_orphan(const std::string& task_folder, const SupervisorMark& mark) {
  const std::string said = last_log_line(task_folder);
  const std::string why = said.empty() ? "" : " (" + said + ")";
  TRY(const std::optional<ScriptProcess> script, find_script_process(task_folder));
  if (!script && mark.version >= 2) {
    return Sighting(sighting::NeverRan{"the script's supervisor died before it started the script" + why});
  }
  if (script && Scope(static_cast<pid_t>(script->pid), static_cast<pid_t>(mark.pid), script->cgroup).lives()) {
    return Sighting(sighting::Orphaned{});
  }
  return Sighting(sighting::Vanished{"the script's supervisor died" + why + "; " +
                                     (script ? "nothing of the script runs any more, and " : "") +
                                     "nobody knows how far the script got"});
}

}  // namespace

Result<io::Fd> launch_supervisor(const std::string& program, const std::string& task_folder, const SealKeys& keys) {
  return launch(program, task_folder, keys, {});
}

Result<io::Fd> launch_adopter(const std::string& program, const std::string& task_folder, const SealKeys& keys) {
  return launch(program, task_folder, keys, {"--adopt"});
}

std::string default_supervisor_path() {
  const std::string here = io::program_folder();
  const std::string above = io::parent_path(here);
  const std::array<std::string, 3> places = {
      io::join_path(here, program_name), io::join_path(io::join_path(above, "libexec/escape"), program_name),
      io::join_path(io::join_path(io::parent_path(above), "libexec/escape"), program_name)};
  for (const std::string& place : places) {
    if (io::exists(place)) return place;
  }
  return places[1];
}

Result<Sighting> look_for_run(const std::string& task_folder) {
  TRY(std::optional<RunResult> result, find_run_result(task_folder));
  if (result) return Sighting(sighting::Ended{std::move(*result)});
  TRY(const std::optional<SupervisorMark> mark, find_supervisor_mark(task_folder));
  if (!mark) return Sighting(sighting::NotStarted{});
  if (mark->boot_id != boot_id()) {
    return Sighting(sighting::Vanished{"the host was restarted while the script ran; nobody knows how far it got"});
  }
  if (io::Fd process = open_process(*mark)) return Sighting(sighting::Running{std::move(process)});
  TRY(const std::optional<SupervisorMark> adopter, find_adopter_mark(task_folder));
  if (adopter) {
    if (io::Fd process = open_process(*adopter)) return Sighting(sighting::Running{std::move(process)});
  }
  // It may have ended between the two looks.
  TRY(result, find_run_result(task_folder));
  if (result) return Sighting(sighting::Ended{std::move(*result)});
  return look_for_orphan(task_folder, *mark);
}

}  // namespace escape::runner
