#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <variant>

#include "agent/runner/files.h"
#include "agent/runner/launcher.h"
#include "agent/runner/process.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

/// The real escape-supervisor with real scripts.
namespace escape::runner::supervisor_test {

constexpr int deadline_millis = 30'000;

class Supervisor : public testing::Test {
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
    ASSERT_TRUE(write_run_request(folder, request));
    Result<io::Fd> launched = launch_supervisor(ESCAPE_TEST_SUPERVISOR, folder);
    ASSERT_TRUE(launched) << launched.error().message;
    process = std::move(launched).value();
  }
  void wait_for_end() {
    pollfd ready{process.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1) << "the supervisor does not end";
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(process.get()), &ended, WEXITED | WNOHANG), 0);
    EXPECT_EQ(ended.si_status, 0) << "the supervisor itself failed; its stderr, with a sanitizer's report, is not kept";
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
  std::string output() { return io::read_file(folder + "/output").value(); }
  /// Blocks until the script has opened the FIFO for writing and written to it.
  void wait_for_fifo(const std::string& name) {
    const io::Fd file(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    ASSERT_EQ(::read(file.get(), &byte, 1), 1);
  }

  std::string folder;
  RunRequest request;
  io::Fd process;
  RunResult result;
};

TEST_F(Supervisor, KeepsTheOrderOfBothStreams) {
  run("for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done");
  EXPECT_EQ(output(), "out1\nerr1\nout2\nerr2\nout3\nerr3\nout4\nerr4\nout5\nerr5\n");
  EXPECT_EQ(result.end, RunEnd::exited);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output_bytes, output().size());
  EXPECT_GT(result.duration_micros, 0);
}

TEST_F(Supervisor, LosesNothingOfALongLineWithoutNewline) {
  run("head -c 10000000 /dev/zero | tr '\\0' x; printf end");
  const std::string text = output();
  ASSERT_EQ(text.size(), 10'000'003u);
  EXPECT_EQ(text.find_first_not_of('x'), 10'000'000u);
  EXPECT_EQ(result.output_bytes, 10'000'003u);
}

TEST_F(Supervisor, TellsExitStatusAndSignal) {
  run("exit 7");
  EXPECT_EQ(result.end, RunEnd::exited);
  EXPECT_EQ(result.status, 7);
  TearDown();
  SetUp();
  run("kill -9 $$");
  EXPECT_EQ(result.end, RunEnd::signalled);
  EXPECT_EQ(result.status, SIGKILL);
}

TEST_F(Supervisor, SaysWhyACommandCannotStart) {
  request.argv = {"no-such-command", "x"};
  start_request();
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::not_started);
  EXPECT_EQ(result.reason, "exec: \"no-such-command\": executable file not found in $PATH");
}

TEST_F(Supervisor, SaysWhyAFileIsNoProgram) {
  ASSERT_TRUE(io::write_file(folder + "/broken", "#!/no/such/interpreter\n", 0755));
  request.argv = {"./broken"};
  start_request();
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::not_started);
  EXPECT_NE(result.reason.find("No such file"), std::string::npos) << result.reason;
}

TEST_F(Supervisor, SaysThatTheWorkingFolderIsMissing) {
  request.folder = folder + "/gone";
  start("true");
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::not_started);
  EXPECT_NE(result.reason.find("/gone"), std::string::npos);
}

TEST_F(Supervisor, GivesExactlyTheEnvironmentAndNothingToRead) {
  request.variables["INPUT_a"] = "A";
  ::setenv("ESCAPE_TEST_LEAK", "1", 1);
  run("echo \"$INPUT_a$ESCAPE_TEST_LEAK\"; cat; ls -l /proc/self/fd | grep -c pipe; pwd");
  ::unsetenv("ESCAPE_TEST_LEAK");
  EXPECT_EQ(output(), "A\n2\n" + folder + "\n") << "stdin is empty; of pipes there are stderr's and ls's own";
}

TEST_F(Supervisor, GivesVariablesOfEveryLengthToTheScript) {
  std::string expected;
  for (const std::size_t length : {1U, 30U, 200U}) {
    request.variables[std::string(length, 'V')] = std::string(length, 'x');
    expected += std::string(length, 'V') + "=" + std::string(length, 'x') + "\n";
  }
  run("env | grep ^V | sort");
  EXPECT_EQ(output(), expected);
}

TEST_F(Supervisor, TheTimeLimitEndsTheWholeGroup) {
  request.time_limit = Millis{200};
  request.grace = Millis{200};
  run("trap '' TERM; (trap '' TERM; echo child $$; exec sleep 1000) & echo started; wait; sleep 1000");
  EXPECT_EQ(result.end, RunEnd::timed_out);
  EXPECT_EQ(result.status, 128 + SIGKILL);
  EXPECT_LT(result.duration_micros, 20'000'000);
  const std::string text = output();
  const pid_t group = std::stoi(text.substr(text.find("child ") + 6));
  // Killed at once, but it counts as alive until init has collected it.
  const auto is_gone = [group] { return ::kill(-group, 0) != 0 && errno == ESRCH; };
  for (int waited = 0; !is_gone() && waited < deadline_millis; waited += 10) ::poll(nullptr, 0, 10);
  EXPECT_TRUE(is_gone()) << "something of the group still lives";
}

TEST_F(Supervisor, CancelLetsTheScriptCleanUp) {
  ASSERT_EQ(::mkfifo((folder + "/ready").c_str(), 0600), 0);
  start("trap 'echo cleaned; exit 5' TERM; echo x > ready; while :; do sleep 0.05; done");
  wait_for_fifo("ready");
  ask_to_stop(process, Millis{10'000});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
  EXPECT_EQ(result.status, 5);
  EXPECT_TRUE(output().ends_with("cleaned\n")) << output();
}

TEST_F(Supervisor, CancelKillsAfterItsOwnGrace) {
  ASSERT_EQ(::mkfifo((folder + "/ready").c_str(), 0600), 0);
  request.grace = Millis{3'600'000};
  start("trap '' TERM; echo x > ready; while :; do sleep 0.05; done");
  wait_for_fifo("ready");
  ask_to_stop(process, Millis{50});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
  EXPECT_EQ(result.status, 128 + SIGKILL);
}

/// A cancel that arrives before the supervisor listens waits for it.
TEST_F(Supervisor, AnEarlyCancelIsNotLost) {
  start("sleep 1000");
  ask_to_stop(process, Millis{1000});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
}

TEST_F(Supervisor, ABackgroundProcessDoesNotHoldItUp) {
  run("(exec sleep 1000) & echo $!; echo done");
  EXPECT_EQ(result.end, RunEnd::exited);
  EXPECT_EQ(result.status, 0);
  EXPECT_LT(result.duration_micros, 20'000'000);
  const std::string text = output();
  EXPECT_NE(text.find("done\n"), std::string::npos);
  const pid_t background = std::stoi(text);
  EXPECT_EQ(::kill(background, 0), 0) << "a script may leave a service behind";
  ::kill(background, SIGKILL);
}

TEST_F(Supervisor, MasksBeforeAnythingIsOnDisk) {
  request.variables["INPUT_password"] = "s3cret-value";
  request.secret_variables = {"INPUT_password"};
  run("printf s3cr; sleep 0.1; printf 'et-value\\n'; echo \"$INPUT_password\" | base64; echo s3cret; printf "
      "s3cret-valu");
  EXPECT_EQ(output().find("s3cret-value"), std::string::npos);
  EXPECT_EQ(output().substr(0, output().find('\n')), "‹INPUT_password›");
  EXPECT_NE(output().find("\ns3cret\ns3cret-valu"), std::string::npos) << output();
  EXPECT_EQ(result.output_bytes, output().size());
}

TEST_F(Supervisor, CopiesTheOutputsFileOfAnOkStepOnly) {
  request.outputs_file = folder + "/o.json";
  run("echo '{\"a\":1}' > o.json");
  EXPECT_EQ(io::read_file(folder + "/outputs.json").value(), "{\"a\":1}\n");
  ASSERT_TRUE(io::remove_all(folder + "/outputs.json"));
  ASSERT_TRUE(io::remove_all(folder + "/supervisor"));
  ASSERT_TRUE(io::remove_all(folder + "/result"));
  run("exit 1");
  EXPECT_FALSE(io::exists(folder + "/outputs.json"));
}

/// However often it is launched, a script starts once.
TEST_F(Supervisor, TwoSupervisorsOfOneTaskRunItOnce) {
  start("echo once >> runs; sleep 0.2");
  const io::Fd second = launch_supervisor(ESCAPE_TEST_SUPERVISOR, folder).value();
  wait_for_end_of(second);
  pollfd ready{process.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
  EXPECT_EQ(io::read_file(folder + "/runs").value(), "once\n");
  reap(process);
  reap(second);
}

TEST_F(Supervisor, IsFoundAgainWhileItRunsAndAfterwards) {
  EXPECT_TRUE(std::holds_alternative<sighting::NotStarted>(look_for_run(folder).value()));
  ASSERT_EQ(::mkfifo((folder + "/ready").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((folder + "/go").c_str(), 0600), 0);
  start("echo x > ready; cat go");
  wait_for_fifo("ready");
  Sighting seen = look_for_run(folder).value();
  ASSERT_TRUE(std::holds_alternative<sighting::Running>(seen));
  const io::Fd found = std::move(std::get<sighting::Running>(seen).process);
  {
    const io::Fd go(::open((folder + "/go").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(go.get(), "y\n", 2), 2);
  }
  pollfd ready{found.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
  wait_for_end();
  EXPECT_TRUE(std::holds_alternative<sighting::Ended>(look_for_run(folder).value()));
  EXPECT_EQ(output(), "y\n");
}

TEST_F(Supervisor, AKilledOneOrAnotherBootLeavesNobodyKnowing) {
  ASSERT_EQ(::mkfifo((folder + "/ready").c_str(), 0600), 0);
  start("echo $$; echo x > ready; sleep 1000");
  wait_for_fifo("ready");
  const SupervisorMark mark = *find_supervisor_mark(folder).value();
  ::kill(static_cast<pid_t>(mark.pid), SIGKILL);
  pollfd ready{process.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
  reap(process);
  EXPECT_TRUE(std::holds_alternative<sighting::Vanished>(look_for_run(folder).value()));
  if (!output().empty()) ::kill(-std::stoi(output()), SIGKILL);

  SupervisorMark other = mark_of_this_process();
  other.boot_id = "another boot";
  ASSERT_TRUE(io::remove_all(folder + "/supervisor"));
  ASSERT_TRUE(claim_start(folder, other).value());
  Sighting seen = look_for_run(folder).value();
  ASSERT_TRUE(std::holds_alternative<sighting::Vanished>(seen));
  EXPECT_NE(std::get<sighting::Vanished>(seen).reason.find("restarted"), std::string::npos);
}

}  // namespace escape::runner::supervisor_test
