// Whatever dies, a script runs once and its result arrives.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

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

TEST(Faults, LinkCutWhileAScriptRuns) {
  Cluster cluster({"test"});
  if (!cluster.has_own_hosts()) {
    std::puts("not root: there is no link to cut, so this was not checked");
    return;
  }
  write_waiting_plan(cluster);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(script_is_running(cluster));
  cluster.cut_link("test");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"agents", "list"}).out, "offline"); }));
  write_text(cluster.folder() + "/go", "");
  cluster.restore_link("test");
  EXPECT_EQ(deploy.wait(Seconds(120)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  expect_whole_output(read_text(cluster.folder() + "/deploy.err"));
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
  write_text(cluster.workspace() + "/small.yml", "name: quickstart/small\nversion: 1.0\ndeploy: {inline: echo small}\n");
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
