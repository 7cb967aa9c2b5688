// Whatever dies, a script runs once and its result arrives.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Each run of the script leaves a line in `runs`; it waits in the middle until `go` is there.
void write_waiting_plan(Cluster& cluster) {
  cluster.write_plan("name: quickstart/waits\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho run >> " + cluster.folder() +
                         "/runs\necho first\n"
                         "for i in $(seq 1 200); do echo line $i; done\n"
                         "until [ -e " +
                         cluster.folder() + "/go ]; do sleep 0.05; done\necho last\n");
}

bool script_is_running(const Cluster& cluster) {
  return eventually([&] { return count_lines(cluster.folder() + "/runs") == 1; });
}

int number_from_environment(const char* name, int otherwise) {
  const char* given = std::getenv(name);
  return given ? std::atoi(given) : otherwise;
}

void expect_whole_output(const std::string& log) {
  EXPECT_TRUE(has(log, "first")) << log;
  for (int i = 1; i <= 200; ++i)
    EXPECT_TRUE(has(log, "line " + std::to_string(i) + "\n")) << "line " << i << " is missing";
  EXPECT_TRUE(has(log, "last")) << log;
}

TEST(Faults, ControllerKilledInTheMiddleOfAScript) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));

  cluster.kill_controller();
  write_text(cluster.folder() + "/go", "");
  cluster.start_controller();

  EXPECT_EQ(deploy.wait(Seconds(90)), 0) << read_text(cluster.folder() + "/deploy.err");
  const Ran attached = cluster.escape({"jobs", "attach", "1"});
  const Ran jobs = cluster.escape({"jobs", "list"});
  EXPECT_TRUE(has(jobs.out, "ok")) << jobs.out;
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
}

TEST(Faults, AgentKilledBetweenResultAndAcknowledgement) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));

  // The controller is frozen, so the result is journaled and sent, and nobody acknowledges it.
  cluster.controller().send_signal(SIGSTOP);
  write_text(cluster.folder() + "/go", "");
  ASSERT_TRUE(eventually([&] {
    for (const auto& entry : fs::recursive_directory_iterator(cluster.folder() + "/agent-test/tasks")) {
      if (entry.path().filename() == "result") return true;
    }
    return false;
  }));
  cluster.kill_agent("test");
  cluster.controller().send_signal(SIGCONT);
  cluster.start_agent("test");

  EXPECT_EQ(deploy.wait(Seconds(90)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
}

TEST(Faults, AgentKilledInTheMiddleOfAScript) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  cluster.kill_agent("test");
  cluster.start_agent("test");
  write_text(cluster.folder() + "/go", "");
  EXPECT_EQ(deploy.wait(Seconds(90)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
}

/// The number behind `"pid":` in the supervisor's start mark.
pid_t supervisor_of_the_script(const Cluster& cluster) {
  for (const auto& task : fs::directory_iterator(cluster.folder() + "/agent-test/tasks")) {
    const std::string mark = read_text(task.path() / "supervisor");
    const std::size_t at = mark.find("\"pid\":");
    if (at != std::string::npos) return std::atoi(mark.c_str() + at + 6);
  }
  return 0;
}

std::string output_of_the_script(const Cluster& cluster) {
  std::string all;
  for (const auto& task : fs::directory_iterator(cluster.folder() + "/agent-test/tasks")) {
    all += read_text(task.path() / "output");
  }
  return all;
}

/// The script is the task's still: it runs on, is not started again, and the job waits for its end, whoever restarts.
TEST(Faults, SupervisorKilledInTheMiddleOfAScript) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  // What it prints without a supervisor ends it (SIGPIPE), so it is let come to where it waits.
  ASSERT_TRUE(eventually([&] { return has(output_of_the_script(cluster), "line 200\n"); }));
  const pid_t supervisor = supervisor_of_the_script(cluster);
  ASSERT_GT(supervisor, 0);
  ASSERT_EQ(::kill(supervisor, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return has(cluster.agent_log("test"), "its script runs on and is watched"); }));
  cluster.kill_agent("test");
  cluster.start_agent("test");
  EXPECT_TRUE(has(cluster.escape({"jobs", "list", "--active", "--json"}).out, "quickstart/waits"));
  EXPECT_TRUE(deploy.is_running());

  write_text(cluster.folder() + "/go", "");
  EXPECT_EQ(deploy.wait(Seconds(60)), 4) << read_text(cluster.folder() + "/deploy.err");
  const std::string log = read_text(cluster.folder() + "/deploy.err");
  EXPECT_TRUE(has(log, "supervisor died while it ran")) << log;
  EXPECT_EQ(cluster.escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}).exit_status, 0);
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 2);
}

/// The script works on for as long as the cut lasts: 3 s here, a minute in `ops/soak`.
TEST(Faults, LinkCutWhileAScriptRuns) {
  Cluster cluster({"test"});
  if (!cluster.has_own_hosts()) {
    std::puts("not root: there is no link to cut, so this was not checked");
    return;
  }
  const int lines = 10 * number_from_environment("ESCAPE_TEST_CUT_SECONDS", 3);
  const std::string folder = cluster.folder();
  cluster.write_plan("name: quickstart/works\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho run >> " + folder + "/runs\nfor i in $(seq " + std::to_string(lines) +
                         "); do echo line $i.; sleep 0.1; done\necho run > " + folder + "/ended\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/works-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  cluster.cut_link("test");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"agents", "list"}).out, "offline"); }));
  EXPECT_TRUE(has(cluster.escape({"jobs", "show", std::to_string(cluster.job_numbers().front())}).out, "unknown"));
  ASSERT_TRUE(eventually([&] { return count_lines(folder + "/ended") == 1; }, Seconds(30 + lines)));
  cluster.restore_link("test");
  EXPECT_EQ(deploy.wait(Seconds(120)), 0) << read_text(folder + "/deploy.err");
  EXPECT_EQ(count_lines(folder + "/runs"), 1);
  const std::string log = read_text(folder + "/deploy.err");
  for (int i = 1; i <= lines; ++i) EXPECT_TRUE(has(log, "line " + std::to_string(i) + ".\n")) << i << log;
}

/// Silent, not dead: nothing is called failed, and nothing is done twice when it wakes up.
TEST(Faults, AgentFrozenAndThawed) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  cluster.agent("test").send_signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"agents", "list"}).out, "offline"); }));
  write_text(cluster.folder() + "/go", "");
  cluster.agent("test").send_signal(SIGCONT);
  EXPECT_EQ(deploy.wait(Seconds(120)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
  EXPECT_TRUE(has(cluster.escape({"agents", "list"}).out, "online"));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool can_fake_time = false;
#else
constexpr bool can_fake_time = true;
#endif

std::string hour_of_last_line(const std::string& log) {
  return log.substr(log.rfind('\n', log.size() - 2) + 1, std::string("2026-11-24T02").size());
}

/// Wall clocks of controller and agent an hour apart, and jumping in the middle of a script: no deadline moves.
TEST(Faults, ClocksThatAreWrongAndJump) {
  const std::string library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
  if (!can_fake_time || !fs::exists(library)) {
    std::puts("a sanitizer's build, or no libfaketime: this was not checked");
    return;
  }
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  cluster.kill_agent("test");
  const std::string clock = cluster.folder() + "/clock";
  write_text(clock, "+1h\n");
  const std::map<std::string, std::string> faking{{"LD_PRELOAD", library},
                                                  {"FAKETIME_TIMESTAMP_FILE", clock},
                                                  {"FAKETIME_NO_CACHE", "1"},
                                                  {"DONT_FAKE_MONOTONIC", "1"}};
  for (const auto& [name, value] : faking) setenv(name.c_str(), value.c_str(), 1);
  cluster.start_agent("test");
  for (const auto& [name, value] : faking) unsetenv(name.c_str());
  EXPECT_NE(hour_of_last_line(cluster.agent_log("test")), hour_of_last_line(cluster.controller_log()));

  Process deploy =
      cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test", "--step-timeout", "10m"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  for (const char* jump : {"-1h\n", "+2h\n", "-2h\n"}) {
    write_text(clock, jump);
    EXPECT_TRUE(has(cluster.escape({"agents", "list"}).out, "online")) << jump;
  }
  write_text(cluster.folder() + "/go", "");
  EXPECT_EQ(deploy.wait(Seconds(120)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
  EXPECT_FALSE(has(cluster.escape({"events"}).out, "agent.lost"));
}

/// A small file system for one agent; gone with the scope.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    is_there_ = std::system(("mount -t tmpfs -o size=2m tmpfs '" + folder_ + "' 2>/dev/null").c_str()) == 0;
  }
  ~SmallDisk() {
    if (is_there_ && std::system(("umount -l '" + folder_ + "'").c_str()) != 0) std::puts("the small disk stays");
  }
  bool is_there() const { return is_there_; }

 private:
  std::string folder_;
  bool is_there_ = false;
};

TEST(Faults, DiskFullOnTheAgent) {
  Cluster cluster({"test"});
  // What cannot be compressed: the package itself is larger than the disk.
  ASSERT_EQ(std::system(("head -c 3000000 /dev/urandom > '" + cluster.workspace() + "/big'").c_str()), 0);
  cluster.write_plan("name: quickstart/big\nversion: 1.0\nincludes: [big]\ndeploy: deploy.sh\n",
                     "#!/bin/sh\necho ran >> " + cluster.folder() + "/runs\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  write_text(cluster.workspace() + "/small.yml",
             "name: quickstart/small\nversion: 1.0\ndeploy: {inline: echo small}\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--plan", "small.yml", "--skip-deploy"}).exit_status, 0);

  cluster.kill_agent("test");
  const std::string data = cluster.folder() + "/agent-test";
  const std::string identity = read_text(data + "/agent.id");
  const SmallDisk disk(data);
  if (!disk.is_there()) {
    std::puts("nothing can be mounted here, so this was not checked");
    return;
  }
  write_text(data + "/agent.id", identity, 0600);
  cluster.start_agent("test");

  const Ran too_big = cluster.escape({"run", "deploy", "quickstart/big-v1.0", "-e", "test"});
  EXPECT_EQ(too_big.exit_status, 3) << too_big.all();
  EXPECT_TRUE(has(too_big.all(), "disk is full")) << too_big.all();
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 0);
  const Ran fits = cluster.escape({"run", "deploy", "quickstart/small-v1.0", "-e", "test"});
  EXPECT_EQ(fits.exit_status, 0) << fits.all();

  // Without a byte left nothing is even taken on, and the agent stays for the time after.
  (void)std::system(("dd if=/dev/zero of='" + data + "/fill' bs=4k 2>/dev/null").c_str());
  const Ran full = cluster.escape({"run", "deploy", "quickstart/small-v1.0", "-e", "test"});
  EXPECT_EQ(full.exit_status, 3) << full.all();
  EXPECT_TRUE(has(full.all(), "disk is full")) << full.all();
  fs::remove(data + "/fill");
  const Ran after = cluster.escape({"run", "deploy", "quickstart/small-v1.0", "-e", "test"});
  EXPECT_EQ(after.exit_status, 0) << after.all();
  EXPECT_TRUE(cluster.agent("test").is_running()) << cluster.agent_log("test");
}

TEST(Faults, CancelKillsTheScriptAndFreesTheDeployment) {
  Cluster cluster({"test"});
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  Process second = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "second");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"jobs", "list"}).out, "queued"); }));
  const Ran jobs = cluster.escape({"jobs", "list", "--json"});
  EXPECT_TRUE(has(jobs.out, "waiting for job")) << jobs.out;
  EXPECT_TRUE(has(jobs.out, "since ")) << jobs.out;
  const std::string first_job = std::to_string(cluster.job_numbers().at(1));
  const Ran cancelled = cluster.escape({"jobs", "cancel", first_job});
  EXPECT_EQ(cancelled.exit_status, 0) << cancelled.all();
  EXPECT_EQ(deploy.wait(Seconds(60)), 3) << read_text(cluster.folder() + "/deploy.err");
  write_text(cluster.folder() + "/go", "");
  EXPECT_EQ(second.wait(Seconds(60)), 0) << read_text(cluster.folder() + "/second.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 2);
}

}  // namespace
}  // namespace escape::testing
