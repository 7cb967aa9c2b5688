#include "agent/runner/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "agent/runner/process.h"

namespace escape::runner {
namespace {

constexpr const char* program_name = "escape-supervisor";

/// posix_spawn's two argument objects, set up for a supervisor and destroyed in any case.
class SpawnArguments {
 public:
  SpawnArguments() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      ::posix_spawn_file_actions_addopen(&actions_, descriptor, "/dev/null", O_RDWR, 0);
    }
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

}  // namespace

Result<io::Fd> launch_supervisor(const std::string& program, const std::string& task_folder) {
  const SpawnArguments arguments;
  std::string name = program_name;
  std::string folder = task_folder;
  const std::array<char*, 3> argv{name.data(), folder.data(), nullptr};
  // The supervisor needs nothing of our environment, and the script's comes in the run file.
  const std::array<char*, 1> no_environment{nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), arguments.actions(), arguments.attributes(), argv.data(),
                                  no_environment.data());
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
  // It may have ended between the two looks.
  TRY(result, find_run_result(task_folder));
  if (result) return Sighting(sighting::Ended{std::move(*result)});
  return Sighting(sighting::Vanished{"the script's supervisor was killed; nobody knows how far the script got"});
}

}  // namespace escape::runner
