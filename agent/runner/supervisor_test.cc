#include <sys/ptrace.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "agent/runner/cgroup.h"
#include "agent/runner/supervisor_for_tests.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"

namespace escape::runner::supervisor_test {

class Supervisor : public SupervisorTest {};

TEST_F(Supervisor, KeepsTheOrderOfBothStreams) {
  run("for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done");
  EXPECT_EQ(output(), "out1\nerr1\nout2\nerr2\nout3\nerr3\nout4\nerr4\nout5\nerr5\n");
  EXPECT_EQ(result.end, RunEnd::exited);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output_bytes, output().size());
  EXPECT_GT(result.duration_micros, 0);
}

TEST_F(Supervisor, WhatWasToldBeforeIsTheHeadOfTheOutput) {
  ASSERT_TRUE(io::write_file(folder + "/output", "before\n"));
  run("echo after");
  EXPECT_EQ(output(), "before\nafter\n");
  EXPECT_EQ(result.output_bytes, output().size());
}

TEST_F(Supervisor, LosesNothingOfALongLineNorOfWhatFollows) {
  run("head -c 10000000 /dev/zero | tr '\\0' x; printf 'end\\nand more\\nwithout newline'");
  const std::string text = output();
  const std::string rest = "end\nand more\nwithout newline";
  ASSERT_EQ(text.size(), 10'000'000u + rest.size());
  EXPECT_EQ(text.find_first_not_of('x'), 10'000'000u);
  EXPECT_EQ(text.substr(10'000'000), rest);
  EXPECT_EQ(result.output_bytes, text.size());
}

// Its end comes while the last lines are still on their way.
TEST_F(Supervisor, LosesNothingOfManyScriptsThatEndAtOnce) {
  for (int i = 0; i < 50; ++i) {
    run("echo 1; echo 2; echo 3; echo 4; echo 5");
    ASSERT_EQ(output(), "1\n2\n3\n4\n5\n") << i;
    TearDown();
    SetUp();
  }
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

TEST_F(Supervisor, SealsTheOutputsFileOfAnOkStepOnlyAndRemovesIt) {
  request.outputs_file = request.file_to_remove = folder + "/o.json";
  run("echo '{\"a\":1}' > o.json");
  EXPECT_EQ(keys.open(io::read_file(folder + "/outputs").value(), seal_context(folder, "outputs")).value(),
            "{\"a\":1}\n");
  EXPECT_FALSE(io::exists(folder + "/o.json"));
  ASSERT_TRUE(io::remove_all(folder + "/outputs"));
  ASSERT_TRUE(io::remove_all(folder + "/supervisor"));
  ASSERT_TRUE(io::remove_all(folder + "/result"));
  run("echo '{}' > o.json; exit 1");
  EXPECT_FALSE(io::exists(folder + "/outputs"));
  EXPECT_FALSE(io::exists(folder + "/o.json"));
}

/// What it was told is in its memory and in its script's environment alone.
TEST_F(Supervisor, LeavesNoVariableOnTheDisk) {
  request.variables["INPUT_password"] = "kR7vQ2mZx9LwT4sB";
  request.secret_variables = {"INPUT_password"};
  request.outputs_file = request.file_to_remove = folder + "/o.json";
  run("echo got ${#INPUT_password}; echo \"{\\\"a\\\":\\\"$INPUT_password\\\"}\" > o.json; readlink /proc/self/fd/0");
  EXPECT_EQ(output(), "got 16\n/dev/null\n");
  const std::vector<std::string> names = io::list_folder(folder).value();
  EXPECT_GE(names.size(), 5u);
  for (const std::string& name : names) {
    EXPECT_EQ(io::read_file(folder + "/" + name).value().find("kR7vQ2mZx9LwT4sB"), std::string::npos) << name;
  }
}

/// The programs were replaced under an agent that runs on: its request is in clear, and it reads outputs in clear.
TEST_F(Supervisor, RunsARequestOfThePreviousVersion) {
  request.argv = {"sh", "-c", "echo '{\"a\":1}' > o.json"};
  request.outputs_file = folder + "/o.json";
  request.version = 2;
  ASSERT_TRUE(io::write_file(folder + "/run", codec::to_msgpack(codec::encode(request))));
  process = io::Fd();
  const std::string command = "'" + program + "' '" + folder + "' < /dev/null";
  ASSERT_EQ(::system(command.c_str()), 0);
  EXPECT_EQ(find_run_result(folder).value()->end, RunEnd::exited);
  EXPECT_EQ(io::read_file(folder + "/outputs.json").value(), "{\"a\":1}\n");
}

/// However often it is launched, a script starts once.
TEST_F(Supervisor, TwoSupervisorsOfOneTaskRunItOnce) {
  start("echo once >> runs; sleep 0.2");
  const io::Fd second = launch_supervisor(ESCAPE_TEST_SUPERVISOR, folder, keys).value();
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

std::vector<std::string> open_files_of(pid_t pid) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code closed_meanwhile;
    files.push_back(std::filesystem::read_symlink(entry.path(), closed_meanwhile).string());
  }
  std::ranges::sort(files);
  return files;
}

/// What the agent holds (sockets to the controller, its database, other tasks' files) stays the agent's.
TEST_F(Supervisor, HoldsNothingOfTheAgent) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);  // not close-on-exec, as a library might open it
  const io::Fd one(pair[0]), other(pair[1]);
  const io::Fd file(::open("/etc/passwd", O_RDONLY));
  make_fifo("go");
  start("echo script $$; exec cat go");
  const pid_t script = printed("script ");
  const auto supervisor = static_cast<pid_t>(find_supervisor_mark(folder).value()->pid);

  // `cat` opens its libraries and then hangs in the opening of the FIFO.
  std::vector<std::string> null_and_pipe;
  EXPECT_TRUE(eventually([&] { return (null_and_pipe = open_files_of(script)).size() == 3; }))
      << "the script's: stdin, stdout, stderr; not " << testing::PrintToString(null_and_pipe);
  EXPECT_EQ(null_and_pipe[0], "/dev/null");
  EXPECT_TRUE(null_and_pipe[1].starts_with("pipe:") && null_and_pipe[1] == null_and_pipe[2]);
  const std::vector<std::string> expected{"/dev/null",          "/dev/null",
                                          folder + "/output",   folder + "/supervisor.log",
                                          "anon_inode:[pidfd]", "anon_inode:[signalfd]",
                                          null_and_pipe[1]};
  std::vector<std::string> sorted = expected;
  std::ranges::sort(sorted);
  std::vector<std::string> held = open_files_of(supervisor);
  for (std::string& name : held) {
    if (name.starts_with("pidfd:")) name = "anon_inode:[pidfd]";  // since Linux 6.9
  }
  std::ranges::sort(held);
  EXPECT_EQ(held, sorted);

  EXPECT_EQ(::getsid(supervisor), supervisor) << "a session of its own";
  EXPECT_EQ(::getsid(script), supervisor);
  EXPECT_EQ(::getpgid(script), script) << "and a process group for the script";
  const std::string maps = io::read_file("/proc/" + std::to_string(supervisor) + "/maps").value();
  for (const char* library : {"rocksdb", "libzmq", "libcurl", "libssl", "libcrypto"}) {
    EXPECT_EQ(maps.find(library), std::string::npos) << library;
  }
  {
    const io::Fd go(::open((folder + "/go").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(go.get(), "y\n", 2), 2);
  }
  wait_for_end();
}

/// An update replaces the program while it runs; another version's files stay readable (files_test).
TEST_F(Supervisor, GoesOnWhenItsProgramIsReplacedOrRemoved) {
  program = folder + "/escape-supervisor";
  std::filesystem::copy_file(ESCAPE_TEST_SUPERVISOR, program);
  make_fifo("go");
  start("echo script $$; cat go");
  printed("script ");
  ASSERT_TRUE(io::write_file(program, "#!/bin/sh\nexit 1\n", 0755));
  ASSERT_TRUE(io::remove_all(program));
  ASSERT_TRUE(std::holds_alternative<sighting::Running>(look_for_run(folder).value()));
  {
    const io::Fd go(::open((folder + "/go").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(go.get(), "went on\n", 8), 8);
  }
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::exited);
  EXPECT_NE(output().find("went on\n"), std::string::npos);
}

/// A debugger that does not let go stands for what hangs in the kernel: KILL does not end the process for its parent.
TEST_F(Supervisor, WhatKillDoesNotEndIsLeftAndNamed) {
  start("echo script $$; exec sleep 1000");
  const pid_t script = printed("script ");
  if (::ptrace(PTRACE_SEIZE, script, nullptr, nullptr) != 0) {
    std::puts("this host lets nobody trace a process, so a script that KILL does not end was not checked");
    ask_to_stop(process, Millis{0});
    wait_for_end();
    return;
  }
  ask_to_stop(process, Millis{0});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
  EXPECT_EQ(result.left, std::vector<std::int64_t>{script});
  EXPECT_LT(result.duration_micros, 25'000'000);
  while (::waitpid(script, nullptr, __WALL) == script && !is_gone(script)) ::ptrace(PTRACE_CONT, script, 0, 0);
}

/// With a cgroup for each script.
class SupervisorWithCgroups : public SupervisorTest {
 protected:
  void SetUp() override {
    SupervisorTest::SetUp();
    Result<std::string> home = make_cgroup_home_for_tests(folder);
    if (!home) {
      std::printf("not checked, for there is no cgroup v2 to use here: %s\n", describe(home.error()).c_str());
      GTEST_SKIP();
    }
    request.cgroup_home = home.value();
  }
  void TearDown() override {
    if (!request.cgroup_home.empty()) {
      remove_empty_cgroups(request.cgroup_home, {});
      EXPECT_EQ(::rmdir(request.cgroup_home.c_str()), 0) << "a cgroup is left";
    }
    SupervisorTest::TearDown();
  }
  std::vector<std::string> groups() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(request.cgroup_home)) {
      if (entry.is_directory()) names.push_back(entry.path().string());
    }
    return names;
  }
};

TEST_F(SupervisorWithCgroups, ACancelReachesWhatLeftTheSession) {
  start("setsid sh -c \"trap '' TERM; echo away \\$\\$; while :; do sleep 1; done\" & echo script $$; wait");
  const pid_t away = printed("away ");
  printed("script ");
  ASSERT_NE(::getsid(away), ::getsid(static_cast<pid_t>(find_supervisor_mark(folder).value()->pid)));
  ask_to_stop(process, Millis{300});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
  EXPECT_TRUE(is_gone(away));
  EXPECT_EQ(result.left, std::vector<std::int64_t>{});
  EXPECT_TRUE(groups().empty()) << "an empty one is removed";
}

TEST_F(SupervisorWithCgroups, WhatLeftTheSessionCanCleanUpFirst) {
  request.time_limit = Millis{1000};
  request.grace = Millis{20'000};
  start("setsid sh -c \"trap 'echo cleaned > done; exit' TERM; while :; do sleep 0.05; done\" & wait");
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::timed_out);
  EXPECT_EQ(io::read_file(folder + "/done").value(), "cleaned\n");
}

TEST_F(SupervisorWithCgroups, AServiceThatWasLeftLivesOnAndItsGroupIsRemovedAfterIt) {
  run("setsid sleep 1000 > /dev/null 2>&1 & echo service $!");
  EXPECT_EQ(result.end, RunEnd::exited);
  const pid_t service = printed("service ");
  ASSERT_EQ(groups().size(), 1U);
  EXPECT_FALSE(is_gone(service));
  remove_empty_cgroups(request.cgroup_home, {});
  EXPECT_EQ(groups().size(), 1U);
  kill_each(groups()[0]);  // as kernels without cgroup.kill are served
  EXPECT_TRUE(eventually([&] { return is_gone(service) && !has_processes(groups()[0]); }));
  remove_empty_cgroups(request.cgroup_home, {io::file_name(folder)});
  EXPECT_EQ(groups().size(), 1U) << "of a task that is held";
  remove_empty_cgroups(request.cgroup_home, {});
  EXPECT_TRUE(groups().empty());
}

TEST_F(SupervisorWithCgroups, AHomeThatAnotherAgentsStartRemovedIsMadeAgain) {
  ASSERT_EQ(::rmdir(request.cgroup_home.c_str()), 0);
  run("cat /proc/self/cgroup");
  EXPECT_NE(output().find(io::file_name(request.cgroup_home) + "/" + io::file_name(folder)), std::string::npos)
      << output();
}

}  // namespace escape::runner::supervisor_test
