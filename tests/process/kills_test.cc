// Deploys while daemons are killed again and again at moments that nobody chose: each script runs once, and each job
// ends. `ESCAPE_TEST_SEED=N` repeats the draws of a run; what the clock adds cannot be repeated. `ops/soak` runs it
// with many more (`ESCAPE_TEST_DEPLOYS`, `ESCAPE_TEST_KILLS`).

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <set>
#include <sstream>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

constexpr int shells = 3;
constexpr Seconds job_limit(300);

int number_from_environment(const char* name, int otherwise) {
  const char* given = std::getenv(name);
  return given ? std::atoi(given) : otherwise;
}

const int deploys_of_a_shell = (number_from_environment("ESCAPE_TEST_DEPLOYS", 30) + shells - 1) / shells;
const int deploys = shells * deploys_of_a_shell;
const int kills = number_from_environment("ESCAPE_TEST_KILLS", 4);

unsigned draw_seed() {
  if (const char* given = std::getenv("ESCAPE_TEST_SEED")) return static_cast<unsigned>(std::atoi(given));
  return std::random_device{}();
}

class Kills : public ::testing::Test {
 protected:
  Kills() : cluster_({"test"}), runs_(cluster_.folder() + "/runs") {
    cluster_.write_plan("name: quickstart/counted\nversion: 1.0\ndeploy_inputs: [n]\ndeploy: deploy.sh\n",
                        "#!/bin/sh\necho \"$INPUT_n\" >> " + runs_ + "\necho \"said by $INPUT_n\"\n");
  }

  void restart_controller() {
    cluster_.kill_controller();
    cluster_.start_controller();
  }

  void restart_agent() {
    cluster_.kill_agent("test");
    cluster_.start_agent("test");
  }

  void release() {
    const Ran released = cluster_.escape({"run", "release", "--skip-deploy"});
    ASSERT_EQ(released.exit_status, 0) << released.all();
  }

  std::string shell_log(int shell) const { return cluster_.folder() + "/shell-" + std::to_string(shell) + ".err"; }

  /// Each shell deploys one after the other, so that kills fall into every part of a job.
  std::vector<Process> start_shells() {
    std::vector<Process> started;
    for (int shell = 0; shell < shells; ++shell) {
      const std::string commands = "set -e; for i in $(seq " + std::to_string(deploys_of_a_shell) +
                                   "); do n=" + std::to_string(shell) + "-$i; " + program("escape") +
                                   " run deploy quickstart/counted-v1.0 -e test -d \"deploy-$n\" -v \"n=$n\"; done";
      started.emplace_back(cluster_.on("controller", {"bash", "-c", commands}),
                           Process::Options{.folder = cluster_.workspace(),
                                            .environment = {{"XDG_CONFIG_HOME", cluster_.folder() + "/config"},
                                                            {"HOME", cluster_.folder()},
                                                            {"CI", "true"}},
                                            .output_file = cluster_.folder() + "/shell.out",
                                            .error_file = shell_log(shell)});
    }
    return started;
  }

  void run_with_kills(const std::function<void(unsigned drawn)>& kill_and_restart) {
    ASSERT_LT(kills, deploys / 2);
    const unsigned seed = draw_seed();
    std::printf("ESCAPE_TEST_SEED=%u\n", seed);
    std::minstd_rand random(seed);
    std::set<int> moments;
    while (moments.size() < static_cast<std::size_t>(kills))
      moments.insert(std::uniform_int_distribution(1, deploys - 2)(random));
    ASSERT_NO_FATAL_FAILURE(release());
    std::vector<Process> started = start_shells();
    for (const int moment : moments) {
      ASSERT_TRUE(eventually([&] { return count_lines(runs_) >= moment; }, job_limit)) << "stuck before run " << moment;
      kill_and_restart(static_cast<unsigned>(random()));
    }
    for (int shell = 0; shell < shells; ++shell) {
      EXPECT_EQ(started[static_cast<std::size_t>(shell)].wait(job_limit), 0) << read_text(shell_log(shell));
    }
  }

  void expect_each_ran_once() {
    std::multiset<std::string> seen;
    std::istringstream lines(read_text(runs_));
    for (std::string line; std::getline(lines, line);) seen.insert(line);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(deploys));
    for (const std::string& n : seen) EXPECT_EQ(seen.count(n), 1U) << n;
    EXPECT_EQ(cluster_.escape({"jobs", "list", "--active", "--json"}).out.find("running"), std::string::npos);
    const Ran status = cluster_.escape({"status"});
    EXPECT_EQ(status.exit_status, 0) << status.all();
    for (const char* other : {"running", "failure", "pending"}) {
      EXPECT_EQ(status.out.find(other), std::string::npos) << status.out;
    }
    // The whole output came, once, although whoever sent or took it was killed.
    for (int shell = 0; shell < shells; ++shell) {
      const std::string log = read_text(shell_log(shell));
      for (int i = 1; i <= deploys_of_a_shell; ++i) {
        const std::string said = "said by " + std::to_string(shell) + "-" + std::to_string(i) + "\n";
        const std::size_t at = log.find(said);
        ASSERT_NE(at, std::string::npos) << said << log;
        EXPECT_EQ(log.find(said, at + 1), std::string::npos) << said << log;
      }
    }
  }

  Cluster cluster_;
  std::string runs_;
};

TEST_F(Kills, OfTheControllerAtAnyMoment) {
  run_with_kills([&](unsigned) { restart_controller(); });
  expect_each_ran_once();
}

TEST_F(Kills, OfTheAgentAtAnyMoment) {
  run_with_kills([&](unsigned) { restart_agent(); });
  expect_each_ran_once();
}

TEST_F(Kills, OfEitherOrBothAtAnyMoment) {
  run_with_kills([&](unsigned drawn) {
    if (drawn % 3 == 0) return restart_controller();
    if (drawn % 3 == 1) return restart_agent();
    cluster_.kill_controller();
    cluster_.kill_agent("test");
    cluster_.start_controller();
    cluster_.start_agent("test");
  });
  expect_each_ran_once();
}

}  // namespace
}  // namespace escape::testing
