// An environment that the controller converges by itself, on real processes.

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Converge : public ::testing::Test {
 protected:
  Converge() : cluster_({"test"}) {
    cluster_.write_plan(
        "name: quickstart/hello-world\nversion: 0.0.@\ninputs:\n- id: who\n  default: World\n  type: string\ndeploy: "
        "deploy.sh\n",
        "#!/bin/sh\necho \"Hello ${INPUT_who}!\"\n");
    std::ofstream(cluster_.workspace() + "/test.yml")
        << "environment: test\nconverge: {policy: automatic, every: 1h}\n"
           "deployments:\n  hello: {release: quickstart/hello-world-latest}\n";
  }
  void release() {
    const Ran released = cluster_.escape({"run", "release", "--skip-deploy"});
    ASSERT_EQ(released.exit_status, 0) << released.all();
  }
  /// Follows until all is as desired; nothing but the controller begins anything.
  void await() {
    const Ran watched =
        cluster_.escape({"run", "converge", "-e", "test", "--watch", "--until-done", "--timeout", "50s"});
    ASSERT_EQ(watched.exit_status, 0) << watched.all() << cluster_.escape({"jobs", "list"}).all();
    EXPECT_TRUE(has(watched.err, "The controller converges test by itself")) << watched.err;
    shown_ = watched.out;
  }
  Cluster cluster_;
  std::string shown_;
};

TEST_F(Converge, AnEnvironmentFollowsItsReleasesByItselfAlsoAcrossKills) {
  const Ran applied = cluster_.escape({"environments", "apply", "-f", "test.yml"});
  ASSERT_EQ(applied.exit_status, 0) << applied.all();
  EXPECT_TRUE(has(applied.err, "the controller brings it there by itself.")) << applied.err;
  const Ran environments = cluster_.escape({"environments", "list"});
  EXPECT_TRUE(has(environments.out, "automatic, every 1h")) << environments.out;
  const Ran waiting = cluster_.escape({"status"});
  EXPECT_TRUE(has(waiting.out, "hello in test: ")) << "there is no release yet: " << waiting.out;

  release();
  await();
  EXPECT_TRUE(has(shown_, "v0.0.0 ok\n")) << shown_;

  release();
  cluster_.kill_controller();
  cluster_.start_controller();
  await();
  EXPECT_TRUE(has(shown_, "v0.0.1 ok\n")) << shown_;

  const Ran set = cluster_.escape({"state", "set", "-d", "hello", "-e", "test", "quickstart/hello-world-v0.0.0"});
  ASSERT_EQ(set.exit_status, 0) << set.all();
  await();
  EXPECT_TRUE(has(shown_, "v0.0.0 ok\n")) << shown_;
  const Ran status = cluster_.escape({"status", "--json"});
  EXPECT_TRUE(has(status.out, "\"drift\": \"\"")) << status.out;

  const Ran gone = cluster_.escape({"state", "request", "destroy", "--delete", "-d", "hello", "-e", "test"});
  ASSERT_EQ(gone.exit_status, 0) << gone.all();
  await();
  EXPECT_EQ(cluster_.escape({"state", "list-deployments", "-e", "test"}).out, "");
  EXPECT_TRUE(has(cluster_.escape({"jobs", "list", "--json"}).out, "\"principal\": \"controller\""));
  const Ran events = cluster_.escape({"events", "--json"});
  EXPECT_TRUE(has(events.out, "deployment.requested")) << events.out;
}

}  // namespace
}  // namespace escape::testing
