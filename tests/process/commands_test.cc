// Every command once as it should go and once as it typically fails, against the real programs: what is on stdout, what
// on stderr, and the exit status. README.md has the table of which test shows which command.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Nothing on a stream is "" here, anything is "*".
bool fits(const std::string& text, const std::string& expected) {
  if (expected == "*") return true;
  return expected.empty() ? text.empty() : has(text, expected);
}

struct Row {
  std::vector<std::string> command;
  int exit_status;
  std::string out;
  std::string err;
};

constexpr const char* plan = R"(name: qs/app
version: 0.1.@
description: An app
provides: [web]
includes: [hello.sh]
inputs: [{id: who, default: World}]
build: {inline: 'echo building for $INPUT_who'}
test: {inline: 'echo testing'}
deploy: {inline: 'echo deploying for $INPUT_who'}
smoke: {inline: 'echo smoking'}
destroy: {inline: 'echo destroying'}
errands:
  hello: {description: Says hello, script: hello.sh}
)";

/// A folder with a plan, and no daemon anywhere.
class Commands : public ::testing::Test {
 protected:
  Commands() : folder_(make_folder()) {
    fs::create_directories(workspace());
    write_text(workspace() + "/escape.yml", plan);
    write_text(workspace() + "/hello.sh", "#!/bin/sh\necho hello from the errand\n", 0755);
  }
  ~Commands() override {
    expect_no_sanitizer_reports(folder_);
    fs::remove_all(folder_);
  }
  std::string workspace() const { return folder_ + "/workspace"; }
  Ran run(std::vector<std::string> command) {
    command.insert(command.begin(), program("escape"));
    const std::string name = folder_ + "/command-" + std::to_string(++commands_);
    Process process(command,
                    {.folder = workspace(),
                     .environment = {{"XDG_CONFIG_HOME", folder_ + "/config"}, {"HOME", folder_}, {"CI", "true"}},
                     .output_file = name + ".out",
                     .error_file = name + ".err"});
    const int status = process.wait();
    return {status, read_text(name + ".out"), read_text(name + ".err")};
  }
  /// One after another: each finds what the ones before it have left.
  void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      std::string line = "escape";
      for (const std::string& word : row.command) line += " " + word;
      SCOPED_TRACE(line);
      const Ran ran = run(row.command);
      EXPECT_EQ(ran.exit_status, row.exit_status) << ran.all();
      EXPECT_TRUE(fits(ran.out, row.out)) << "stdout:\n" << ran.out << "expected:\n" << row.out;
      EXPECT_TRUE(fits(ran.err, row.err)) << "stderr:\n" << ran.err << "expected:\n" << row.err;
    }
  }

  std::string folder_;
  int commands_ = 0;
};

TEST_F(Commands, OfAPlanInItsFolder) {
  const std::string target = workspace() + "/.escape/target/app-v0.1.0.tgz";
  check({
      {{"run", "test"}, 1, "", "Build state 'qs/app' for release 'app-v0.1.0' could not be found"},
      {{"run", "build", "-v", "nope=1"}, 65, "", "'nope' is not an input of qs/app."},
      {{"run", "build"}, 0, "", "Build: building for World\nBuild: ✔️ Completed build\n"},
      {{"run", "test"}, 0, "", "Test: testing\nTest: ✔️ Tests passed.\n"},
      {{"run", "package"}, 0, "", "Package: ✔️ Packaged qs/app-v0.1.0 at " + target + "\n"},
      {{"run", "package"}, 6, "", "File '" + target + "' already exists. Use --force / -f to ignore."},
      {{"run", "package", "-f"}, 0, "", "Packaged"},
      {{"run", "smoke"}, 1, "", "could not be found"},
      {{"run", "destroy"}, 0, "", "Destroy: destroying\nDestroy: ✔️ Destruction complete\n"},
      {{"run", "destroy"}, 1, "", "The deployment qs/app has not been deployed in the environment dev."},
      {{"plan", "get", "name"}, 0, "qs/app\n", ""},
      {{"plan", "get", "nope"}, 64, "", "The plan has no field 'nope'."},
      {{"plan", "preview"}, 0, "\"version\": \"0.1.0\"", ""},
      {{"plan", "preview", "--plan", "none.yml"}, 1, "", "Escape plan 'none.yml' was not found."},
      {{"plan", "diff"}, 1, "", "no other version of \"qs/app\" exists in the Inventory"},
      {{"run", "release"}, 0, "", "Release: ✔️ Successfully released qs/app-v0.1.0\n"},
      {{"run", "release", "--override-version", "0.1.0"},
       6,
       "",
       "Release qs/app-v0.1.0 already exists in the inventory"},
      {{"plan", "diff"}, 0, "Change Version from '0.1.0' to '0.1.1'\n", ""},
      {{"plan", "minify"}, 0, "name: qs/app\nversion: 0.1.@\n", ""},
      {{"plan", "fmt"}, 0, "name: qs/app\n\nversion: 0.1.@\n", ""},
      {{"plan", "fmt", "--plan", "none.yml"}, 1, "", "was not found"},
      {{"plan", "minify", "--plan", "none.yml"}, 1, "", "was not found"},
      {{"plan", "init", "-n", "qs/app"}, 6, "", "already exists. Use --force / -f to overwrite."},
      {{"plan", "init", "-n", "qs/app", "-f"}, 0, "", ""},
      {{"deps", "fetch"}, 0, "", ""},
  });
  write_text(workspace() + "/escape.yml", "name: qs/app\nversion: 1.0\nextends: [qs/none-v1]\n");
  check({{{"deps", "fetch"}, 1, "", "The release qs/none-v1 could not be found"}});
}

TEST_F(Commands, OfReleasesAndWhatRuns) {
  ASSERT_EQ(run({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  check({
      {{"inventory", "query"}, 0, "qs\n", ""},
      {{"inventory", "query", "-p", "nope"}, 1, "", "The project 'nope' could not be found"},
      {{"tag", "qs/app-latest", "stable"}, 0, "", ""},
      {{"tag", "qs/app-latest"}, 64, "", "*"},
      {{"tag", "--remove", "qs/app", "nope"}, 1, "", "The application 'qs/app' has no tag 'nope'."},
      {{"pull", "qs/app:stable"}, 0, "", "Dependencies have been fetched."},
      {{"pull", "qs/none-latest"}, 1, "", "The release qs/none-latest could not be found"},
      {{"status"}, 0, "Nothing is deployed.", ""},
      {{"run", "deploy", "qs/app-latest", "-e", "stage"}, 0, "", "Deploy: deploying for World\n"},
      {{"run", "deploy", "qs/none-latest", "-e", "stage"}, 1, "", "The release qs/none-latest could not be found"},
      {{"status"}, 0, "DEPLOYMENT  stage\nqs/app      v0.1.0 ok\n", ""},
      {{"run", "smoke", "-d", "qs/app", "-e", "stage"}, 0, "", "Smoke tests: ✔️ Smoke tests passed.\n"},
      {{"errands", "list", "-d", "qs/app", "-e", "stage"}, 0, "Errands:\n- hello\n\n  Says hello\n", ""},
      {{"errands", "list", "-d", "nope", "-e", "stage"}, 1, "", "could not be found in environment 'stage'"},
      {{"errands", "run", "hello", "-d", "qs/app", "-e", "stage"}, 0, "", "Errand: hello from the errand\n"},
      {{"errands", "run", "nope", "-d", "qs/app", "-e", "stage"}, 1, "", "The errand 'nope' could not be found"},
      {{"state", "list-deployments", "-e", "stage"}, 0, "qs/app\n", ""},
      {{"state", "list-deployments", "-e", "Stage"}, 64, "", "The environment name 'Stage' is not allowed."},
      {{"state", "show-deployment", "-d", "qs/app", "-e", "stage"}, 0, "\"release\": \"qs/app\"", ""},
      {{"state", "show-deployment", "-d", "nope", "-e", "stage"}, 1, "", "Deployment 'nope' not found"},
      {{"state", "show-providers", "-e", "stage"}, 0, "web:\n\tqs/app\n", ""},
      {{"state", "show-providers", "-e", "nope"}, 1, "", "There is no environment 'nope'."},
      {{"state", "export", "-e", "stage"}, 0, "\"name\": \"stage\"", ""},
      {{"state", "export", "-e", "nope"}, 1, "", "There is no environment 'nope'."},
      {{"state", "import", "none.json"}, 1, "", "none.json"},
      {{"state", "create", "qs/app:stable", "-e", "other"}, 0, "\"status\": \"pending\"", ""},
      {{"state", "create", "qs/-", "-e", "other"}, 65, "", "*"},
      {{"run", "converge", "-e", "other", "--dry-run"},
       0,
       "qs/app      deploy  -     0.1.0  not deployed yet\n",
       "Add `--plan plan-"},
      {{"run", "converge", "-e", "other"}, 0, "", "Converge: ✔️ Converged 1 deployment in the other environment.\n"},
      {{"run", "converge", "-e", "nope"}, 1, "", "There is no environment 'nope'."},
      {{"run", "promote", "-d", "qs/app", "-e", "stage", "--to", "live", "-f"},
       0,
       "",
       "Successfully deployed qs/app-v0.1.0 with deployment name qs/app in the live environment."},
      {{"run", "promote", "-d", "nope", "-e", "stage", "--to", "live", "-f"}, 1, "", "Deployment nope was not found"},
      {{"run", "destroy", "-d", "qs/app", "-e", "stage"}, 0, "", "Destroy: ✔️ Destruction complete\n"},
      {{"environments", "list"}, 0, "other", ""},
      {{"environments", "remove", "other"}, 6, "", "holds the deployment qs/app in status 'ok'."},
      {{"environments", "remove", "stage"}, 0, "", "Environment stage has been removed.\n"},
      {{"environments", "apply", "-f", "none.yml"}, 1, "", "none.yml"},
  });
  write_text(workspace() + "/live.yml", "environment: live\ndeployments:\n  qs/app: {release: qs/app-latest}\n");
  check({{{"environments", "apply", "-f", "live.yml"}, 0, "", "`escape run converge -e live` brings it there.\n"}});
}

TEST_F(Commands, OfJobsAndEvents) {
  ASSERT_EQ(run({"run", "build"}).exit_status, 0);
  ASSERT_NE(run({"run", "deploy", "qs/none-latest", "-e", "stage"}).exit_status, 0);
  check({
      {{"jobs", "list"}, 0, "build", ""},
      {{"jobs", "list", "--limit", "0"}, 64, "", "--limit 0 would list nothing."},
      {{"jobs", "show", "1"}, 0, "Job 1: build, ok\n", ""},
      {{"jobs", "show", "99"}, 1, "", "There is no job 99."},
      {{"jobs", "attach", "1"}, 0, "", "Build: ✔️ Completed build\n"},
      {{"jobs", "attach", "99"}, 1, "", "There is no job 99."},
      {{"jobs", "cancel", "1"}, 6, "", "Job 1 has already ended."},
      {{"jobs", "retry", "1"}, 6, "", "Job 1 ended well, so there is nothing to retry."},
      {{"jobs", "retry", "2"}, 1, "", "The release qs/none-latest could not be found"},
      {{"jobs", "resolve", "1", "--as", "ok", "--reason", "x"}, 6, "", "Job 1 has already ended"},
      {{"events", "--limit", "1"}, 0, "job.settled", ""},
      {{"events", "--since", "x"}, 64, "", "*"},
  });
}

TEST_F(Commands, OfTheConfiguration) {
  check({
      {{"config", "active-profile"}, 0, "default\n", ""},
      {{"config", "list-profiles"}, 0, "default\n", ""},
      {{"config", "profile"}, 0, "Profile: default\n", ""},
      {{"config", "profile", "inventory_type"}, 0, "local", ""},
      {{"config", "profile", "nope"}, 64, "", "'nope' is not a valid field name"},
      {{"config", "create-profile", "two"}, 0, "Profile 'two' has been created.\n", ""},
      {{"config", "create-profile", "two"}, 6, "", "Profile already exists"},
      {{"config", "set-profile", "two"}, 0, "Profile has been set\n", ""},
      {{"config", "set-profile", "nope"}, 78, "", "Referenced profile 'nope' was not found"},
      {{"config", "active-profile"}, 0, "two\n", ""},
      {{"login"}, 64, "", "Missing token."},
      {{"login", "--url", "http://127.0.0.1:1"}, 69, "", "*"},
      {{"completion", "bash"}, 0, "# bash completion for escape\n", ""},
      {{"completion", "nope"}, 64, "", "There is no completion for 'nope'."},
      {{"version"}, 0, "Escape v", ""},
      {{"help", "run", "deploy"}, 0, "Usage: escape run deploy", ""},
      {{"nope"}, 64, "", "Unknown command 'nope'"},
  });
}

TEST(CommandsOfAController, AboutAgentsAndPeople) {
  Cluster cluster({"test"});
  const Row rows[] = {
      {{"agents", "list"}, 0, "test-1", ""},
      {{"agents", "invite", "-e", "test"}, 0, "ESC1-", "*"},
      {{"agents", "invite", "-e", "Test"}, 64, "", "The environment name 'Test' is not allowed."},
      {{"agents", "remove", "nope"}, 1, "", "There is no agent 'nope'."},
      {{"agents", "remove", "test-1"}, 0, "", "*"},
      {{"principals", "list"}, 0, "admin", ""},
      {{"principals", "invite", "ann", "--role", "reader"}, 0, "ESC1-", "*"},
      {{"principals", "invite", "ann", "--role", "king"}, 64, "", "*"},
      {{"principals", "remove", "nope"}, 1, "", "There is no principal 'nope'."},
      {{"login", "--token", "nonsense"}, 64, "", "That is not an invitation token"},
  };
  for (const Row& row : rows) {
    std::string line = "escape";
    for (const std::string& word : row.command) line += " " + word;
    SCOPED_TRACE(line);
    const Ran ran = cluster.escape(row.command);
    EXPECT_EQ(ran.exit_status, row.exit_status) << ran.all();
    EXPECT_TRUE(fits(ran.out, row.out)) << "stdout:\n" << ran.out << "expected:\n" << row.out;
    EXPECT_TRUE(fits(ran.err, row.err)) << "stderr:\n" << ran.err << "expected:\n" << row.err;
  }
}

/// Tags are told by the log of the controller whose inventory holds them.
TEST(CommandsOfAController, ATagIsAnEvent) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(cluster.escape({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  for (const char* version : {"v0.0.0", "v0.0.1", "v0.0.1"}) {
    const Ran ran = cluster.escape({"tag", std::string("quickstart/hello-world-") + version, "stable"});
    ASSERT_EQ(ran.exit_status, 0) << ran.all();
  }
  ASSERT_EQ(cluster.escape({"tag", "--remove", "quickstart/hello-world", "stable"}).exit_status, 0);
  const std::string events = cluster.escape({"events", "--limit", "3"}).out;
  EXPECT_TRUE(has(events, "release.tagged")) << events;
  const std::size_t moved = events.find("from=0.0.0");
  const std::size_t removed = events.find("release.untagged");
  ASSERT_NE(moved, std::string::npos) << events;
  ASSERT_NE(removed, std::string::npos) << events;
  EXPECT_LT(moved, removed);
  EXPECT_TRUE(has(events, "to=0.0.1")) << events;
  EXPECT_TRUE(has(events, "by admin")) << events;
  std::size_t count = 0;
  for (std::size_t at = events.find("release.tagged"); at != std::string::npos;
       at = events.find("release.tagged", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 2u) << "a tag that stays where it is tells nothing:\n" << events;
}

}  // namespace
}  // namespace escape::testing
