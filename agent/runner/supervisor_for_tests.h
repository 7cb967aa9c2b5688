#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "agent/runner/cgroup.h"
#include "agent/runner/files.h"
#include "agent/runner/launcher.h"
#include "agent/runner/process.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

namespace escape::runner {

inline constexpr int deadline_millis = 30'000;

/// Where there is no cgroup v2 to use, root mounts one that only this test sees.
inline Result<std::string> make_cgroup_home_for_tests(const std::string& folder) {
  Result<std::string> home = make_cgroup_home(folder);
  if (home || ::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) return home;
  if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return home;
  if (::mount("none", "/mnt", "cgroup2", 0, nullptr) != 0) return home;
  return make_cgroup_home(folder);
}

/// The real escape-supervisor with real scripts, in a task's folder of its own.
class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("supervisor").value();
    request.folder = folder;
    request.variables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  }
  void TearDown() override { (void)io::remove_all(folder); }

  void start(const std::string& script) {
    request.argv = {"sh", "-c", script};
    start_request();
  }
  void start_request() {
    ASSERT_TRUE(write_run_request(folder, request, keys));
    Result<io::Fd> launched = launch_supervisor(program, folder, keys);
    ASSERT_TRUE(launched) << launched.error().message;
    process = std::move(launched).value();
  }
  void wait_for_end() {
    pollfd ready{process.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1) << "the supervisor does not end";
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(process.get()), &ended, WEXITED | WNOHANG), 0);
    EXPECT_EQ(ended.si_status, 0) << io::read_file(folder + "/supervisor.log").value();
    EXPECT_EQ(io::read_file(folder + "/supervisor.log").value(), "");
    std::optional<RunResult> found = find_run_result(folder).value();
    ASSERT_TRUE(found) << "no result";
    result = *found;
  }
  void wait_for_end_of(const io::Fd& other) {
    pollfd ready{other.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
  }
  void run(const std::string& script) {
    start(script);
    wait_for_end();
  }
  /// Empty before the supervisor has made the file.
  std::string output() {
    Result<std::string> text = io::read_file(folder + "/output");
    return text ? std::move(text).value() : std::string{};
  }
  /// Blocks until the script has opened the FIFO for writing and written to it.
  void wait_for_fifo(const std::string& name) {
    const io::Fd file(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    ASSERT_EQ(::read(file.get(), &byte, 1), 1);
  }

  void make_fifo(const std::string& name) { ASSERT_EQ(::mkfifo((folder + "/" + name).c_str(), 0600), 0); }
  /// A number that the script has printed behind `word`; waits for it.
  pid_t printed(const std::string& word) {
    std::size_t at = std::string::npos;
    EXPECT_TRUE(eventually([&] {
      const std::string text = output();
      at = text.find(word);
      return at != std::string::npos && text.find('\n', at) != std::string::npos;
    })) << "the script does not print "
        << word;
    return at == std::string::npos ? 0 : std::stoi(output().substr(at + word.size()));
  }
  template <class Condition>
  static bool eventually(Condition condition) {
    for (int waited = 0; waited < deadline_millis; waited += 10) {
      if (condition()) return true;
      ::poll(nullptr, 0, 10);
    }
    return false;
  }
  static bool is_gone(pid_t pid) { return !state_of(pid); }

  std::string program = ESCAPE_TEST_SUPERVISOR;
  std::string folder;
  RunRequest request;
  SealKeys keys = SealKeys::make();
  io::Fd process;
  RunResult result;
};

}  // namespace escape::runner
