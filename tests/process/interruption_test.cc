// Hosts that go away for good, for a while, or through a reboot: no script runs twice unless its package allows it, no
// lock stays behind, and people are told what is known and what to do.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Interruption : public ::testing::Test {
 protected:
  Interruption() : cluster_({"test"}), runs_(cluster_.folder() + "/runs"), go_(cluster_.folder() + "/go") {}

  /// Each run of the script leaves a line in `runs`; it waits in the middle until `go` is there.
  void release(const std::string& more = "") {
    cluster_.write_plan("name: quickstart/waits\nversion: 1.0\ndeploy: deploy.sh\n" + more,
                        "#!/bin/bash\necho run >> " + runs_ + "\necho first\nuntil [ -e " + go_ +
                            " ]; do sleep 0.05; done\necho last\n");
    const Ran released = cluster_.escape({"run", "release", "--skip-deploy"});
    ASSERT_EQ(released.exit_status, 0) << released.all();
  }
  void start_deploy() {
    deploy_ = cluster_.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
    ASSERT_TRUE(eventually([&] { return count_lines(runs_) == 1; }));
    ASSERT_TRUE(eventually([&] { return has(told(), "first"); })) << "the controller has its output";
    job_ = std::to_string(cluster_.job_numbers().at(0));
  }
  std::string told() const { return read_text(cluster_.folder() + "/deploy.err"); }
  bool job_becomes(const std::string& word) {
    return eventually([&] { return has(show(), "Job " + job_ + ": deploy, " + word + "\n"); });
  }
  std::string show() { return cluster_.escape({"jobs", "show", job_}).out; }
  std::string events() { return cluster_.escape({"events"}).out; }

  Cluster cluster_;
  std::string runs_, go_, job_;
  Process deploy_;
};

TEST_F(Interruption, AnAgentThatStaysAwayIsUnknownUntilAPersonSettlesIt) {
  ASSERT_NO_FATAL_FAILURE(release());
  ASSERT_NO_FATAL_FAILURE(start_deploy());
  cluster_.kill_agent("test");
  ASSERT_TRUE(job_becomes("unknown")) << show();
  const std::string shown = show();
  for (const char* part : {"Why: Agent test-1 is out of reach since ", "quickstart/waits stays locked for this job",
                           "Agent: test-1 on host ", ", offline, last seen ", "Last evidence: the agent took it at ",
                           "6 bytes of output", "escape jobs resolve "}) {
    EXPECT_TRUE(has(shown, part)) << part << "\n" << shown;
  }
  EXPECT_TRUE(has(cluster_.escape({"jobs", "list"}).out, "unknown"));
  EXPECT_TRUE(has(cluster_.escape({"status"}).out, "unknown"));

  // It outlives the controller too.
  cluster_.kill_controller();
  cluster_.start_controller();
  ASSERT_TRUE(job_becomes("unknown")) << show();

  EXPECT_EQ(cluster_.escape({"jobs", "retry", job_}).exit_status, 6);
  EXPECT_EQ(cluster_.escape({"jobs", "resolve", job_, "--as", "failed"}).exit_status, 64);
  const Ran resolved = cluster_.escape({"jobs", "resolve", job_, "--as", "failed", "--reason", "web3 burnt down"});
  EXPECT_EQ(resolved.exit_status, 0) << resolved.all();
  EXPECT_EQ(deploy_.wait(), 3) << told();
  EXPECT_TRUE(has(told(), "Settled as failed by ")) << told();
  EXPECT_TRUE(has(show(), "web3 burnt down")) << show();
  EXPECT_TRUE(has(cluster_.escape({"status"}).out, "failure"));
  EXPECT_EQ(cluster_.escape({"jobs", "resolve", job_, "--as", "ok", "--reason", "x"}).exit_status, 6);

  // The agent comes back with the script still running: it is left to end, told, and changes nothing.
  cluster_.start_agent("test");
  ASSERT_TRUE(eventually([&] { return has(events(), "outcome=running"); })) << events();
  write_text(go_, "");
  ASSERT_TRUE(eventually([&] { return has(events(), "outcome=ok"); })) << events();
  const std::string all = events();
  EXPECT_TRUE(has(all, "task.unknown")) << all;
  EXPECT_TRUE(has(all, "job.resolved")) << all;
  EXPECT_TRUE(has(all, "reason=web3 burnt down")) << all;
  EXPECT_TRUE(has(show(), "deploy, failed\n")) << show();
  EXPECT_EQ(count_lines(runs_), 1);

  // And the deployment is free again.
  const Ran again = cluster_.escape({"jobs", "retry", job_});
  EXPECT_EQ(again.exit_status, 0) << again.all();
  EXPECT_TRUE(has(again.all(), "runs job " + job_ + " again")) << again.all();
  EXPECT_EQ(count_lines(runs_), 2);
  EXPECT_EQ(cluster_.escape({"jobs", "retry", std::to_string(cluster_.job_numbers().at(0))}).exit_status, 6);
}

TEST_F(Interruption, ALostDataFolderIsToldAndTheJobCanBeRetried) {
  ASSERT_NO_FATAL_FAILURE(release());
  ASSERT_NO_FATAL_FAILURE(start_deploy());
  cluster_.kill_agent("test");
  write_text(go_, "");
  const std::string data = cluster_.folder() + "/agent-test";
  // Its supervisor is at work in there until the script has ended.
  ASSERT_TRUE(eventually([&] {
    for (const auto& entry : fs::recursive_directory_iterator(data + "/tasks")) {
      if (entry.path().filename() == "result") return true;
    }
    return false;
  }));
  fs::remove_all(data + "/tasks");
  cluster_.start_agent("test");
  EXPECT_EQ(deploy_.wait(), 4) << told();
  EXPECT_TRUE(has(told(), "the agent's data folder was lost")) << told();
  EXPECT_TRUE(has(show(), "deploy, interrupted\n")) << show();
  EXPECT_TRUE(has(cluster_.escape({"status"}).out, "interrupted"));
  EXPECT_EQ(count_lines(runs_), 1) << "never again by itself";
  const Ran again = cluster_.escape({"jobs", "retry", job_});
  EXPECT_EQ(again.exit_status, 0) << again.all();
  EXPECT_EQ(count_lines(runs_), 2);
}

TEST_F(Interruption, ARebootIsToldAndTheScriptIsNotRunAgain) {
  if (!cluster_.has_own_hosts()) {
    std::puts("not root: there is no host to reboot, so this was not checked");
    return;
  }
  ASSERT_NO_FATAL_FAILURE(release());
  ASSERT_NO_FATAL_FAILURE(start_deploy());
  cluster_.reboot("test");
  write_text(go_, "");
  cluster_.start_agent("test");
  EXPECT_EQ(deploy_.wait(), 4) << told();
  EXPECT_TRUE(has(told(), "nobody knows how far it got: the host was rebooted")) << told();
  EXPECT_TRUE(has(show(), "deploy, interrupted\n")) << show();
  EXPECT_TRUE(has(show(), "escape jobs retry " + job_)) << show();
  EXPECT_TRUE(has(events(), "interruption=host_rebooted")) << events();
  EXPECT_EQ(count_lines(runs_), 1);
}

TEST_F(Interruption, AnIdempotentPackageIsRunAgainAfterAReboot) {
  if (!cluster_.has_own_hosts()) {
    std::puts("not root: there is no host to reboot, so this was not checked");
    return;
  }
  ASSERT_NO_FATAL_FAILURE(release("idempotent: true\n"));
  ASSERT_NO_FATAL_FAILURE(start_deploy());
  cluster_.reboot("test");
  write_text(go_, "");
  cluster_.start_agent("test");
  EXPECT_EQ(deploy_.wait(), 0) << told();
  EXPECT_TRUE(has(told(), "The package is idempotent, so it is run again: attempt 2 of 4.")) << told();
  EXPECT_TRUE(has(told(), "last")) << told();
  EXPECT_TRUE(has(events(), "task.retried")) << events();
  EXPECT_EQ(count_lines(runs_), 2);
}

}  // namespace
}  // namespace escape::testing
