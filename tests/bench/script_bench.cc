#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "agent/runner/cgroup.h"
#include "agent/runner/launcher.h"
#include "agent/runner/process.h"
#include "shared/base/seal.h"
#include "tests/bench/figures.h"
#include "tests/support/cluster.h"

extern char** environ;

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

/// Its first act is to tell us that it runs.
constexpr const char* script = "echo > started; [ -e wait ] && read line < go; exit 0";

void must(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

class Place {
 public:
  Place() : folder_(make_folder()) {
    for (const char* name : {"/started", "/go"}) must(mkfifo((folder_ + name).c_str(), 0600) == 0, "no FIFO");
    Result<std::string> home = runner::make_cgroup_home(folder_);
    if (home) cgroup_home_ = home.value();
    if (!home) std::printf("scripts have no cgroups of their own here: %s\n", describe(home.error()).c_str());
  }
  ~Place() {
    if (!cgroup_home_.empty()) rmdir(cgroup_home_.c_str());
    fs::remove_all(folder_);
  }

  pid_t start_plain() const {
    const std::string command = "cd '" + folder_ + "'; " + script;
    const char* words[] = {"bash", "-c", command.c_str(), nullptr};
    pid_t pid = 0;
    must(posix_spawnp(&pid, "bash", nullptr, nullptr, const_cast<char**>(words), environ) == 0, "no bash");
    wait_for_start();
    return pid;
  }

  /// As the agent does it, in a task's folder of its own.
  io::Fd start_supervised() {
    task_ = folder_ + "/" + std::to_string(++tasks_) + ".0.1";
    fs::create_directory(task_);
    runner::RunRequest request;
    request.argv = {"bash", "-c", script};
    request.folder = folder_;
    request.variables = {{"PATH", std::getenv("PATH")}};
    request.cgroup_home = cgroup_home_;
    must(runner::write_run_request(task_, request, keys_).has_value(), "no request");
    Result<io::Fd> process = runner::launch_supervisor(program("escape-supervisor"), task_, keys_);
    must(process.has_value(), "no supervisor");
    wait_for_start();
    return std::move(process).value();
  }
  void wait_for_end(const io::Fd& process) {
    pollfd ready{process.get(), POLLIN, 0};
    poll(&ready, 1, -1);
    runner::reap(process);
    must(runner::find_run_result(task_).value().has_value(), "no result");
  }

  void let_scripts_wait() const { write_text(folder_ + "/wait", ""); }
  void let_go() const {
    const io::Fd go(open((folder_ + "/go").c_str(), O_WRONLY | O_CLOEXEC));
    must(write(go.get(), "\n", 1) == 1, "nobody waits");
  }
  pid_t supervisor() const { return static_cast<pid_t>(runner::find_supervisor_mark(task_).value()->pid); }

 private:
  void wait_for_start() const {
    const io::Fd started(open((folder_ + "/started").c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    must(read(started.get(), &byte, 1) == 1, "it did not start");
  }

  std::string folder_;
  SealKeys keys_ = SealKeys::make();
  std::string cgroup_home_;
  std::string task_;
  int tasks_ = 0;
};

}  // namespace

void measure_scripts(int times) {
  Place place;
  pid_t plain = 0;
  io::Fd supervised;
  const auto plain_end = [&] { waitpid(plain, nullptr, 0); };
  const auto end_supervised = [&] { place.wait_for_end(supervised); };
  print("a script under its supervisor, from launch to its first act",
        measure(times, [&] { supervised = place.start_supervised(); }, end_supervised));
  print("  the same script by posix_spawn of bash, to its first act",
        measure(times, [&] { plain = place.start_plain(); }, plain_end));
  print("a script under its supervisor, from launch to the result on disk", measure(times, [&] {
          const io::Fd process = place.start_supervised();
          place.wait_for_end(process);
        }));
  print("  the same script by posix_spawn of bash, to its end", measure(times, [&] {
          plain = place.start_plain();
          plain_end();
        }));
  place.let_scripts_wait();
  supervised = place.start_supervised();
  print("memory of a supervisor while its script runs", memory_of(place.supervisor()));
  place.let_go();
  place.wait_for_end(supervised);
}

}  // namespace escape::testing
