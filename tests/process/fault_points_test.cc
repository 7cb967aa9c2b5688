// kill -9 at each named moment of a task's life (README.md lists them): the job settles, the script ran at most once,
// ok means exactly once, its output is whole, and nothing stays locked.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

constexpr int lines = 200;

// Exit statuses of `escape run deploy`.
constexpr int ok = 0;
constexpr int failed = 3;   ///< certainly not done
constexpr int unknown = 4;  ///< nobody knows how far it got

/// What must come of a deploy during which the process died at that point.
struct Row {
  const char* point;
  int exit_status;  ///< of the command that deploys
  int least_runs;   ///< of the script
  int most_runs = 1;
};

class FaultPoints : public ::testing::Test {
 protected:
  FaultPoints() : cluster_({"test"}), runs_(cluster_.folder() + "/runs") {
    cluster_.write_plan("name: quickstart/counted\nversion: 1.0\ndeploy_inputs: [n]\ndeploy: deploy.sh\n",
                        "#!/bin/bash\necho \"$INPUT_n\" >> " + runs_ + "\nfor i in $(seq " + std::to_string(lines) +
                            "); do echo \"$INPUT_n says $i\"; done\n");
  }

  void SetUp() override { ASSERT_EQ(cluster_.escape({"run", "release", "--skip-deploy"}).exit_status, 0); }

  int count_runs(const std::string& n) const {
    const std::string text = "\n" + read_text(runs_);
    int count = 0;
    for (std::size_t at = 0; (at = text.find("\n" + n + "\n", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  Process start_deploy(const std::string& n) {
    return cluster_.start_escape(
        {"run", "deploy", "quickstart/counted-v1.0", "-e", "test", "-d", "d-" + n, "-v", "n=" + n}, "deploy-" + n);
  }

  std::string log_of(const std::string& n) const { return read_text(cluster_.folder() + "/deploy-" + n + ".err"); }
  /// Without what the script printed.
  std::string story_of(const std::string& n) const {
    return std::regex_replace(log_of(n), std::regex("[^\n]* says [0-9]+\n"), "");
  }

  void expect_whole_output(const std::string& n) {
    const std::string log = log_of(n);
    for (int i = 1; i <= lines; ++i) {
      const std::string line = n + " says " + std::to_string(i) + "\n";
      const std::size_t at = log.find(line);
      ASSERT_NE(at, std::string::npos) << line << log;
      EXPECT_EQ(log.find(line, at + 1), std::string::npos) << line << " came twice";
    }
  }

  /// `daemon`: who gets the fault. One that dies itself is started again.
  void check(const Row& row, const std::string& daemon, bool dies_itself) {
    SCOPED_TRACE(row.point);
    const std::string n = std::regex_replace(row.point, std::regex("[._]"), "-");
    const std::string happened = cluster_.folder() + "/happened-" + n;
    cluster_.set_fault(daemon, std::string(row.point) + "@" + happened);
    restart(daemon);
    Process deploy = start_deploy(n);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(happened); })) << "nobody came to this point";
    if (dies_itself) {
      Process& victim = daemon == "controller" ? cluster_.controller() : cluster_.agent(daemon);
      EXPECT_EQ(victim.wait(), 128 + SIGKILL);
      cluster_.set_fault(daemon, "");
      start(daemon);
    }
    const int status = deploy.wait(Seconds(90));
    const std::string log = story_of(n);
    ASSERT_NE(status, -1) << "the job does not settle\n" << log;
    EXPECT_EQ(status, row.exit_status) << log;
    const int runs = count_runs(n);
    EXPECT_GE(runs, row.least_runs) << log;
    EXPECT_LE(runs, row.most_runs) << log;
    if (status == 0) expect_whole_output(n);

    // Nothing is locked, and whoever was killed works again.
    cluster_.set_fault(daemon, "");
    if (!dies_itself) restart(daemon);
    EXPECT_EQ(start_deploy(n).wait(Seconds(60)), 0) << story_of(n);
    EXPECT_EQ(count_runs(n), runs + 1);
    std::printf("%-36s exit status %d, the script ran %s\n", row.point, status, runs == 0 ? "never" : "once");
    std::fflush(stdout);
  }

  void start(const std::string& daemon) {
    daemon == "controller" ? cluster_.start_controller() : cluster_.start_agent(daemon);
  }
  void restart(const std::string& daemon) {
    daemon == "controller" ? cluster_.kill_controller() : cluster_.kill_agent(daemon);
    start(daemon);
  }

  Cluster cluster_;
  std::string runs_;
};

TEST_F(FaultPoints, OfTheController) {
  for (const Row& row : {
           Row{"controller.before_commit_offer", ok, 1},
           Row{"controller.after_commit_offer", ok, 1},
           Row{"controller.after_collect_accepted", ok, 1},
           Row{"controller.after_collect_result", ok, 1},
           Row{"controller.before_commit_result", ok, 1},
           Row{"controller.after_commit_result", ok, 1},
       }) {
    ASSERT_NO_FATAL_FAILURE(check(row, "controller", true));
  }
}

TEST_F(FaultPoints, OfTheAgent) {
  for (const Row& row : {
           Row{"agent.before_keep_offer", ok, 1},
           Row{"agent.after_keep_offer", ok, 1},
           Row{"agent.after_accepted", ok, 1},
           Row{"agent.before_launch", ok, 1},
           Row{"agent.after_launch", ok, 1},
           Row{"agent.before_keep_result", ok, 1},
           Row{"agent.after_keep_result", ok, 1},
           Row{"agent.after_finished", ok, 1},
           Row{"agent.before_settle", ok, 1},
           Row{"agent.after_settle", ok, 1},
       }) {
    ASSERT_NO_FATAL_FAILURE(check(row, "test", true));
  }
}

/// It is not started again, and neither is the script: what nobody knows is said so.
TEST_F(FaultPoints, OfTheSupervisor) {
  for (const Row& row : {
           Row{"supervisor.before_start_mark", failed, 0, 0},
           Row{"supervisor.after_start_mark", failed, 0, 0},
           Row{"script.known", failed, 0, 0},
           Row{"supervisor.after_fork", unknown, 0},
           Row{"supervisor.before_output_sync", unknown, 1},
           Row{"supervisor.after_output_sync", unknown, 1},
           Row{"supervisor.before_result", unknown, 1},
           Row{"supervisor.after_result", ok, 1},
       }) {
    ASSERT_NO_FATAL_FAILURE(check(row, "test", false));
  }
}

}  // namespace
}  // namespace escape::testing
