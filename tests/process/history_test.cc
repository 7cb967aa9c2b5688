// What a deployment was, going back to it, and looking before doing, on real processes.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

constexpr const char* plan =
    "name: qq/app\nversion: 0.@\ninputs:\n- id: who\n  default: World\n- id: password\n  default: correct-horse\n  "
    "sensitive: true\ndeploy: deploy.sh\nsmoke: deploy.sh\ndestroy: deploy.sh\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The id in the JSON of a dry run.
std::string id_in(const std::string& json) {
  const std::size_t at = json.find("plan-");
  return at == std::string::npos ? std::string() : json.substr(at, std::string("plan-0123456789abcdef").size());
}

std::string first_change(Cluster& cluster, const std::string& what) {
  const std::string table = cluster.escape({"state", "history", "-d", "qq/app", "-e", "stage"}).out;
  const std::size_t line = table.rfind('\n', table.find(what)) + 1;
  return table.substr(line, table.find(' ', line) - line);
}

TEST(History, ARollbackSurvivesTheControllersEndAndIsHeldUntilItIsLifted) {
  Cluster cluster({"stage", "live"});
  const std::string gate = cluster.folder() + "/gate";  // while it is there, scripts wait and say so beside it
  cluster.write_plan(plan, "#!/bin/bash -e\nwhile [ -e '" + gate + "' ]; do touch '" + gate +
                               ".met'; sleep 0.1; done\necho \"Hello ${INPUT_who}!\"\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy", "--skip-build"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy", "--skip-build"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.0", "-e", "stage", "-v", "who=Ann"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.1", "-e", "stage", "-v", "who=Bob"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"state", "create", "qq/app-latest", "-e", "stage"}).exit_status, 0);

  // Killed while the script runs: nothing is lost, and nothing runs twice.
  write_text(gate, "");
  Process rollback =
      cluster.start_escape({"run", "rollback", "-d", "qq/app", "-e", "stage", "-f", "--reason", "memory"}, "rollback");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(gate + ".met"); }));
  cluster.kill_controller();
  std::filesystem::remove(gate);
  cluster.start_controller();
  EXPECT_EQ(rollback.wait(Seconds(60)), 0);
  const std::vector<int> jobs = cluster.job_numbers();
  ASSERT_FALSE(jobs.empty());
  const Ran followed = cluster.escape({"jobs", "attach", std::to_string(jobs.front())});
  EXPECT_EQ(followed.exit_status, 0) << followed.all();
  EXPECT_TRUE(has(followed.err, "Hello Ann!")) << followed.all();

  const Ran status = cluster.escape({"status"});
  EXPECT_TRUE(has(status.out, "v0.0 ok, held")) << status.out;
  const Ran history = cluster.escape({"state", "history", "-d", "qq/app", "-e", "stage"});
  EXPECT_TRUE(has(history.out, "rolledback  qq/app-v0.0")) << history.out;
  EXPECT_TRUE(has(history.out, ": memory")) << history.out;
  EXPECT_FALSE(has(history.out, "correct-horse"));

  const Ran pass = cluster.escape({"run", "converge", "-e", "stage"});
  EXPECT_EQ(pass.exit_status, 0) << pass.all();
  EXPECT_TRUE(has(cluster.escape({"status"}).out, "v0.0 ok, held"));
  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.1", "-e", "live"}).exit_status, 0);
  const Ran held = cluster.escape({"run", "promote", "-d", "qq/app", "-e", "live", "--to", "stage", "-f"});
  EXPECT_EQ(held.exit_status, 5) << held.all();
  EXPECT_EQ(cluster.escape({"state", "unhold", "-d", "qq/app", "-e", "stage"}).exit_status, 0);
  EXPECT_EQ(cluster.escape({"run", "converge", "-e", "stage"}).exit_status, 0);
  EXPECT_TRUE(has(cluster.escape({"status"}).out, "v0.1 ok")) << cluster.escape({"status"}).out;

  const Ran before = cluster.escape(
      {"state", "show-deployment", "-d", "qq/app", "-e", "stage", "--at", first_change(cluster, "deployed")});
  EXPECT_TRUE(has(before.out, "\"who\": \"Ann\"")) << before.all();
  EXPECT_TRUE(has(before.out, "********"));
  EXPECT_FALSE(has(before.out, "correct-horse"));
}

TEST(Plans, WhatWasShownIsDoneOrNothing) {
  Cluster cluster({"test", "stage"});
  cluster.write_plan(plan, "#!/bin/bash -e\necho \"Hello ${INPUT_who}!\"\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy", "--skip-build"}).exit_status, 0);
  const std::vector<std::string> deploy{"run", "deploy", "qq/app-v0.0", "-e", "test", "-v", "who=Ann"};
  const auto with = [](std::vector<std::string> command, const std::vector<std::string>& more) {
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  const Ran first = cluster.escape(with(deploy, {"-n", "--detailed-exitcode"}));
  EXPECT_EQ(first.exit_status, 2) << first.all();
  EXPECT_TRUE(has(first.out, "who = Ann")) << first.out;
  EXPECT_TRUE(has(first.out, "password = ********")) << first.out;
  EXPECT_TRUE(has(first.out, "Scripts on test-1")) << first.out;
  EXPECT_EQ(cluster.job_numbers().size(), 0u) << "looking makes no job";
  ASSERT_EQ(cluster.escape(with(deploy, {"--plan", id_in(first.out)})).exit_status, 0);
  EXPECT_EQ(cluster.escape(with(deploy, {"-n", "--detailed-exitcode"})).exit_status, 0) << "nothing would change";

  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.0", "-e", "test", "-d", "other"}).exit_status, 0);
  const std::vector<std::string> promote{"run",   "promote", "-d",   "qq/app", "-d",
                                         "other", "-e",      "test", "--to",   "stage"};
  const Ran set = cluster.escape(with(promote, {"-n", "--json"}));
  EXPECT_EQ(set.exit_status, 0) << set.all();
  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.0", "-e", "stage", "-d", "other"}).exit_status, 0);
  const Ran moved = cluster.escape(with(promote, {"-f", "--plan", id_in(set.out)}));
  EXPECT_NE(moved.exit_status, 0) << moved.all();
  EXPECT_TRUE(has(moved.err, "no longer holds")) << moved.all();
  EXPECT_TRUE(has(cluster.escape({"state", "list-deployments", "-e", "stage"}).out, "other"));
  EXPECT_FALSE(has(cluster.escape({"state", "list-deployments", "-e", "stage"}).out, "qq/app")) << "none has begun";
  const Ran together = cluster.escape(with(promote, {"-f", "--with-inputs", "who"}));
  EXPECT_EQ(together.exit_status, 0) << together.all();
  EXPECT_TRUE(has(together.err, "Promoted 2 deployments from test to stage.")) << together.err;
  EXPECT_TRUE(has(together.err, "Hello Ann!")) << together.err;

  const Ran same = cluster.escape({"state", "diff", "test", "stage", "--detailed-exitcode"});
  EXPECT_EQ(same.exit_status, 0) << same.all();
  ASSERT_EQ(cluster.escape({"run", "deploy", "qq/app-v0.0", "-e", "stage", "-v", "who=Bob"}).exit_status, 0);
  const Ran other = cluster.escape({"state", "diff", "test", "stage", "--detailed-exitcode"});
  EXPECT_EQ(other.exit_status, 2) << other.all();
  EXPECT_TRUE(has(other.out, "who    Ann       Bob")) << other.out;

  const Ran destroy = cluster.escape({"run", "destroy", "-d", "qq/app", "-e", "stage", "-n"});
  EXPECT_EQ(destroy.exit_status, 0) << destroy.all();
  EXPECT_TRUE(has(destroy.out, "destroy")) << destroy.out;
  EXPECT_TRUE(has(cluster.escape({"state", "list-deployments", "-e", "stage"}).out, "qq/app"));
}

}  // namespace
}  // namespace escape::testing
