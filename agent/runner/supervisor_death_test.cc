#include <optional>
#include <string>
#include <variant>

#include "agent/runner/cgroup.h"
#include "agent/runner/supervisor_for_tests.h"

/// kill -9 of the supervisor: what becomes of the script, and what is known of it.
namespace escape::runner::supervisor_death_test {

class SupervisorDeath : public SupervisorTest {
 protected:
  void kill_supervisor() {
    ASSERT_EQ(::kill(static_cast<pid_t>(find_supervisor_mark(folder).value()->pid), SIGKILL), 0);
    wait_for_end_of(process);
    EXPECT_EQ(reap(process), "signal 9 (Killed)");
  }
  template <class Expected>
  bool looks() {
    return std::holds_alternative<Expected>(look_for_run(folder).value());
  }
  void adopt() {
    process = launch_adopter(program, folder, keys).value();
    ASSERT_TRUE(eventually([&] { return looks<sighting::Running>(); }));
  }
  void end(pid_t pid) { ASSERT_EQ(::kill(pid, SIGKILL), 0); }
};

TEST_F(SupervisorDeath, TheTaskIsNotOverBeforeTheScriptIs) {
  start("echo script $$; exec sleep 1000");
  const pid_t script = printed("script ");
  kill_supervisor();
  EXPECT_TRUE(looks<sighting::Orphaned>());
  adopt();
  const io::Fd second = launch_adopter(program, folder, keys).value();
  wait_for_end_of(second);
  reap(second);
  EXPECT_TRUE(looks<sighting::Running>()) << "there is one adopter, and the second did no harm";
  end(script);
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::lost);
  EXPECT_EQ(result.output_bytes, output().size());
  EXPECT_TRUE(looks<sighting::Ended>());
}

TEST_F(SupervisorDeath, AnAdopterThatDiesIsReplaced) {
  start("echo script $$; exec sleep 1000");
  const pid_t script = printed("script ");
  kill_supervisor();
  adopt();
  ASSERT_EQ(::kill(static_cast<pid_t>(find_adopter_mark(folder).value()->pid), SIGKILL), 0);
  wait_for_end_of(process);
  reap(process);
  EXPECT_TRUE(looks<sighting::Orphaned>());
  adopt();
  end(script);
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::lost);
}

TEST_F(SupervisorDeath, ACancelAndTheTimeLimitStillEndTheScript) {
  start("trap '' TERM; echo script $$; while :; do sleep 0.05; done");
  pid_t script = printed("script ");
  kill_supervisor();
  adopt();
  ask_to_stop(process, Millis{100});
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::cancelled);
  EXPECT_TRUE(is_gone(script));

  TearDown();
  SetUp();
  request.time_limit = Millis{1500};
  start("echo script $$; exec sleep 1000");
  script = printed("script ");
  kill_supervisor();
  adopt();
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::timed_out);
  EXPECT_TRUE(is_gone(script));
}

/// As with a supervisor, a service that a script started is not killed by the time limit; but it is waited for until
/// then, since nobody knows whether it is one.
TEST_F(SupervisorDeath, WhatTheScriptLeftIsWaitedForUntilTheTimeLimitAndNamed) {
  make_fifo("go");
  request.time_limit = Millis{3000};
  start("sleep 1000 > /dev/null 2>&1 & echo service $!; echo script $$; read line < go");
  const pid_t service = printed("service ");
  const pid_t script = printed("script ");
  kill_supervisor();
  adopt();
  end(script);
  ASSERT_TRUE(eventually([&] { return is_gone(script); }));
  EXPECT_TRUE(looks<sighting::Running>());
  wait_for_end();
  EXPECT_EQ(result.end, RunEnd::lost);
  EXPECT_EQ(result.left, std::vector<std::int64_t>{service});
  EXPECT_FALSE(is_gone(service));
  end(service);
}

TEST_F(SupervisorDeath, WhenNothingRunsAnyMoreNobodyKnowsHowFarItGot) {
  start("echo script $$; exec sleep 1000");
  const pid_t script = printed("script ");
  kill_supervisor();
  end(script);
  ASSERT_TRUE(eventually([&] { return is_gone(script); }));
  EXPECT_TRUE(looks<sighting::Vanished>());
  note_in_log(folder, "the last words");
  const Sighting seen = look_for_run(folder).value();
  EXPECT_NE(std::get<sighting::Vanished>(seen).reason.find("the last words"), std::string::npos);
}

TEST_F(SupervisorDeath, WhatLeftTheSessionIsSeenInTheCgroup) {
  Result<std::string> home = make_cgroup_home_for_tests(folder);
  if (!home) {
    std::printf("not checked, for there is no cgroup v2 to use here: %s\n", describe(home.error()).c_str());
    return;
  }
  request.cgroup_home = home.value();
  start("setsid sleep 1000 & echo away $!; echo script $$; wait");
  const pid_t away = printed("away ");
  const pid_t script = printed("script ");
  kill_supervisor();
  end(script);
  ASSERT_TRUE(eventually([&] { return is_gone(script); }));
  EXPECT_TRUE(looks<sighting::Orphaned>());
  adopt();
  ask_to_stop(process, Millis{0});
  wait_for_end();
  EXPECT_TRUE(is_gone(away));
  EXPECT_EQ(::rmdir(request.cgroup_home.c_str()), 0) << "a cgroup is left";
}

TEST_F(SupervisorDeath, BeforeTheScriptIsItselfNothingRan) {
  SupervisorMark mark = mark_of_this_process();
  mark.start_time += 1;
  ASSERT_TRUE(claim_start(folder, mark).value());
  EXPECT_TRUE(looks<sighting::NeverRan>());
}

/// Held up on the way to becoming the script: it dies with its supervisor, so its silence proves that nothing ran.
TEST_F(SupervisorDeath, AScriptThatHasNotSaidWhoItIsDiesToo) {
  make_fifo("process.new");  // the child waits in the opening of it
  start("touch ran");
  std::string child;
  ASSERT_TRUE(eventually([&] {
    const std::optional<SupervisorMark> mark = find_supervisor_mark(folder).value();
    if (!mark) return false;
    const std::string pid = std::to_string(mark->pid);
    const Result<std::string> children = io::read_file("/proc/" + pid + "/task/" + pid + "/children");
    if (children) child = children.value();
    return !child.empty();
  }));
  const pid_t script = std::stoi(child);
  ASSERT_TRUE(eventually([&] {
    const Result<std::string> stat = io::read_file("/proc/" + std::to_string(script) + "/stat");
    return stat && stat.value().find(") S ") != std::string::npos;
  })) << "it does not get to the FIFO";
  kill_supervisor();
  EXPECT_TRUE(eventually([&] { return is_gone(script); })) << "it would become the script";
  EXPECT_TRUE(looks<sighting::NeverRan>());
  EXPECT_FALSE(io::exists(folder + "/ran"));
  (void)::kill(script, SIGKILL);
}

/// Version 1 left no word of the script's process: its silence proves nothing.
TEST_F(SupervisorDeath, OfThePreviousVersionLeavesNobodyKnowing) {
  ASSERT_TRUE(
      io::write_file(folder + "/supervisor",
                     "{\n  \"pid\": 1,\n  \"start_time\": 123456789,\n  \"boot_id\": \"" + boot_id() + "\"\n}\n"));
  EXPECT_TRUE(looks<sighting::Vanished>());
}

TEST_F(SupervisorDeath, WithTheHostLeavesNobodyKnowing) {
  SupervisorMark other = mark_of_this_process();
  other.boot_id = "another boot";
  ASSERT_TRUE(claim_start(folder, other).value());
  const Sighting seen = look_for_run(folder).value();
  ASSERT_TRUE(std::holds_alternative<sighting::Vanished>(seen));
  EXPECT_NE(std::get<sighting::Vanished>(seen).reason.find("restarted"), std::string::npos);
}

}  // namespace escape::runner::supervisor_death_test
