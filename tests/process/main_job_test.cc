// The seed's walk-through on real processes: three agents, each on a host of its own.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

constexpr const char* plan =
    "name: quickstart/hello-world\nversion: 0.0.@\ninputs:\n- id: who\n  default: World\n  type: string\ndeploy: "
    "deploy.sh\n";
// Says which host it runs on: each has one address on its link.
constexpr const char* script = "#!/bin/bash -e\necho \"Hello ${INPUT_who}!\"\necho \"on $(hostname -I)\"\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(MainJob, ReleaseDeployPromoteAcrossThreeHosts) {
  Cluster cluster({"test", "stage", "live"});
  if (!cluster.has_own_hosts())
    std::puts("not root: all hosts are loopback, so which host a script ran on is not checked");
  cluster.write_plan(plan, script);

  const Ran released = cluster.escape({"run", "release"});
  ASSERT_EQ(released.exit_status, 0) << released.all();
  EXPECT_TRUE(has(released.err, "Successfully released quickstart/hello-world-v0.0.0")) << released.all();

  const Ran to_test = cluster.escape({"run", "deploy", "quickstart/hello-world-v0.0.0", "-e", "test"});
  ASSERT_EQ(to_test.exit_status, 0) << to_test.all();
  EXPECT_TRUE(has(to_test.err, "Deploy: Hello World!")) << to_test.err;

  const Ran to_stage =
      cluster.escape({"run", "deploy", "quickstart/hello-world-v0.0.0", "-v", "who=Stage", "-e", "stage"});
  ASSERT_EQ(to_stage.exit_status, 0) << to_stage.all();
  EXPECT_TRUE(has(to_stage.err, "Deploy: Running deploy step deploy.sh.")) << to_stage.err;
  EXPECT_TRUE(has(to_stage.err, "Deploy: Hello Stage!")) << to_stage.err;
  EXPECT_TRUE(
      has(to_stage.err,
          "Successfully deployed quickstart/hello-world-v0.0.0 with deployment name quickstart/hello-world in the "
          "stage environment."))
      << to_stage.err;

  const Ran to_live = cluster.escape(
      {"run", "promote", "--deployment", "quickstart/hello-world", "--environment", "stage", "--to", "live", "-f"});
  ASSERT_EQ(to_live.exit_status, 0) << to_live.all();
  EXPECT_TRUE(has(to_live.err,
                  "Promote: Deployment quickstart/hello-world in environment stage has "
                  "quickstart/hello-world-v0.0.0."))
      << to_live.err;
  EXPECT_TRUE(has(to_live.err, "Promote: Deployment quickstart/hello-world in environment live is not present."))
      << to_live.err;
  EXPECT_TRUE(has(to_live.err, "  Deploy: Hello World!")) << to_live.err;

  if (cluster.has_own_hosts()) {
    EXPECT_TRUE(has(to_test.err, "on 10.98.0.10")) << to_test.err;
    EXPECT_TRUE(has(to_stage.err, "on 10.98.0.11")) << to_stage.err;
    EXPECT_TRUE(has(to_live.err, "on 10.98.0.12")) << to_live.err;
  }

  const Ran status = cluster.escape({"status"});
  EXPECT_EQ(status.exit_status, 0);
  EXPECT_TRUE(has(status.out, "quickstart/hello-world")) << status.out;
  EXPECT_TRUE(has(status.out, "0.0.0")) << status.out;
}

TEST(MainJob, TagsAndPullThroughTheController) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);
  const Ran tagged = cluster.escape({"tag", "quickstart/hello-world-v0.0.0", "stable"});
  ASSERT_EQ(tagged.exit_status, 0) << tagged.all();
  EXPECT_EQ(tagged.all(), "");
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/hello-world:stable", "-e", "test"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has(deployed.err, "Successfully deployed quickstart/hello-world-v0.0.0")) << deployed.err;
  const Ran moved = cluster.escape({"tag", "quickstart/hello-world-latest", "stable"});
  EXPECT_EQ(moved.err, "The tag 'stable' of quickstart/hello-world moved from v0.0.0 to v0.0.1.\n");
  const std::vector<std::string> list{"inventory", "query", "-p", "quickstart", "-a", "hello-world", "--tags"};
  EXPECT_EQ(cluster.escape(list).out, "stable v0.0.1\n");
  const Ran pulled = cluster.escape({"pull", "quickstart/hello-world:stable"});
  EXPECT_EQ(pulled.exit_status, 0) << pulled.all();
  EXPECT_EQ(read_text(cluster.workspace() + "/deps/quickstart/hello-world/deploy.sh"),
            read_text(cluster.workspace() + "/deploy.sh"));
  EXPECT_EQ(cluster.escape({"tag", "--remove", "quickstart/hello-world", "stable"}).all(), "");
  EXPECT_EQ(cluster.escape(list).out, "Inventory returned 0 results.\n");
  EXPECT_EQ(cluster.escape({"run", "deploy", "quickstart/hello-world:stable", "-e", "test"}).exit_status, 1);
}

TEST(MainJob, DynamicVersionsAndConverge) {
  Cluster cluster({"test", "stage"});
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);

  const Ran latest = cluster.escape({"run", "deploy", "quickstart/hello-world-latest", "-e", "test"});
  ASSERT_EQ(latest.exit_status, 0) << latest.all();
  EXPECT_TRUE(has(latest.err, "quickstart/hello-world-v0.0.1")) << latest.err;
  const Ran prefix =
      cluster.escape({"run", "deploy", "quickstart/hello-world-v0.0.@", "-v", "who=World", "-e", "test"});
  ASSERT_EQ(prefix.exit_status, 0) << prefix.all();

  write_text(cluster.workspace() + "/stage.yml",
             "environment: stage\ndeployments:\n"
             "  good/one: {release: quickstart/hello-world-latest, inputs: {who: One}}\n"
             "  good/two: {release: quickstart/hello-world-v0.0.0, inputs: {who: Two}}\n"
             "  bad/three: {release: quickstart/hello-world-v9.9.9}\n");
  const Ran applied = cluster.escape({"environments", "apply", "-f", "stage.yml"});
  ASSERT_EQ(applied.exit_status, 0) << applied.all();
  const Ran dry = cluster.escape({"run", "converge", "-e", "stage", "--dry-run"});
  EXPECT_TRUE(has(dry.all(), "good/one")) << dry.all();
  EXPECT_TRUE(has(cluster.escape({"state", "list-deployments", "-e", "stage"}).out, "good/one"));

  const Ran converged = cluster.escape({"run", "converge", "-e", "stage"});
  EXPECT_EQ(converged.exit_status, 3) << converged.all();
  EXPECT_TRUE(has(converged.err, "Hello One!")) << converged.err;
  EXPECT_TRUE(has(converged.err, "Hello Two!")) << converged.err;

  write_text(cluster.workspace() + "/stage.yml",
             "environment: stage\ndeployments:\n  bad/three: {release: quickstart/hello-world-v0.0.1}\n");
  ASSERT_EQ(cluster.escape({"environments", "apply", "-f", "stage.yml"}).exit_status, 0);
  const Ran again = cluster.escape({"run", "converge", "-e", "stage", "--refresh"});
  EXPECT_EQ(again.exit_status, 0) << again.all();
}

TEST(MainJob, SmokeAndDestroy) {
  Cluster cluster({"test"});
  cluster.write_plan(
      "name: quickstart/full\nversion: 1.0\ndeploy_outputs:\n- id: url\npre_deploy: {inline: echo pre}\ndeploy: "
      "deploy.sh\n"
      "post_deploy: {inline: echo \"post $OUTPUT_url\"}\nsmoke: {inline: echo \"smoke $OUTPUT_url\"}\n"
      "destroy: {cmd: echo, args: [destroyed]}\n",
      "#!/bin/sh\necho '{\"url\": \"http://here\"}' > \"$1\"\n");
  const Ran released = cluster.escape({"run", "release"});
  ASSERT_EQ(released.exit_status, 0) << released.all();
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/full-v1.0", "-e", "test"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has(deployed.err, "post http://here")) << deployed.err;
  const Ran smoked = cluster.escape({"run", "smoke", "-d", "quickstart/full", "-e", "test"});
  EXPECT_EQ(smoked.exit_status, 0) << smoked.all();
  EXPECT_TRUE(has(smoked.err, "smoke http://here")) << smoked.err;
  const Ran destroyed = cluster.escape({"run", "destroy", "-d", "quickstart/full", "-e", "test"});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.all();
  EXPECT_TRUE(has(destroyed.err, "destroyed")) << destroyed.err;
  const Ran shown = cluster.escape({"state", "show-deployment", "-d", "quickstart/full", "-e", "test"});
  EXPECT_TRUE(has(shown.out, "\"status\": \"empty\"")) << shown.out;
}

TEST(MainJob, FiftyDeploysAtOnceFromTenProcesses) {
  Cluster cluster({"test"});
  const std::string runs = cluster.folder() + "/runs";
  cluster.write_plan("name: quickstart/counted\nversion: 1.0\ndeploy_inputs: [n]\ndeploy: deploy.sh\n",
                     "#!/bin/sh\necho \"$INPUT_n\" >> " + runs + "\n");
  const Ran released = cluster.escape({"run", "release", "--skip-deploy"});
  ASSERT_EQ(released.exit_status, 0) << released.all();

  std::vector<Process> shells;
  for (int shell = 0; shell < 10; ++shell) {
    std::string commands =
        "set -e; for i in 0 1 2 3 4; do n=" + std::to_string(shell) + "$i; " + program("escape") +
        " run deploy quickstart/counted-v1.0 -e test -d \"d$n\" -v \"n=$n\" & pids=\"$pids $!\"; done; "
        "for p in $pids; do wait $p; done";
    shells.push_back(Process(cluster.on("controller", {"bash", "-c", commands}),
                             {.folder = cluster.workspace(),
                              .environment = {{"XDG_CONFIG_HOME", cluster.folder() + "/config"}, {"CI", "true"}},
                              .output_file = cluster.folder() + "/shell.out",
                              .error_file = cluster.folder() + "/shell" + std::to_string(shell) + ".err"}));
  }
  for (int shell = 0; shell < 10; ++shell) {
    EXPECT_EQ(shells[static_cast<std::size_t>(shell)].wait(Seconds(180)), 0)
        << read_text(cluster.folder() + "/shell" + std::to_string(shell) + ".err");
  }

  std::multiset<std::string> seen;
  std::istringstream lines(read_text(runs));
  for (std::string line; std::getline(lines, line);) seen.insert(line);
  EXPECT_EQ(seen.size(), 50U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 50U);
  const Ran listed = cluster.escape({"state", "list-deployments", "-e", "test"});
  EXPECT_EQ(std::ranges::count(listed.out, '\n'), 50) << listed.out;
}

TEST(MainJob, TwoReleasesOfOnePlanAtOnceGetTwoVersions) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  const std::string other = cluster.folder() + "/other";
  std::filesystem::copy(cluster.workspace(), other, std::filesystem::copy_options::recursive);
  Process first = cluster.start_escape({"run", "release"}, "first");
  const Process::Options there{.folder = other,
                               .environment = {{"XDG_CONFIG_HOME", cluster.folder() + "/config"}, {"CI", "true"}},
                               .output_file = cluster.folder() + "/second.out",
                               .error_file = cluster.folder() + "/second.err"};
  Process second(cluster.on("controller", {program("escape"), "run", "release"}), there);
  EXPECT_EQ(first.wait(), 0) << read_text(cluster.folder() + "/first.err");
  EXPECT_EQ(second.wait(), 0) << read_text(cluster.folder() + "/second.err");
  const Ran versions = cluster.escape({"inventory", "query", "-p", "quickstart", "-a", "hello-world"});
  EXPECT_EQ(versions.out, "v0.0.0\nv0.0.1\n") << versions.all();
}

}  // namespace
}  // namespace escape::testing
