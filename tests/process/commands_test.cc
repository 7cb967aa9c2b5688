// Every command once as it should go and once as it typically fails, against the real programs: what is on stdout, what
// on stderr, and the exit status. README.md has the table of which test shows which command.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <sstream>

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

using Rows = std::vector<Row>;

/// One after another: each finds what the ones before it have left.
void check(const Rows& rows, const std::function<Ran(const std::vector<std::string>&)>& run) {
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

// The tables of the tests below, by themselves so that EveryCommand can read them.

Rows rows_of_a_plan(const std::string& target) {
  return {
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
  };
}

Rows rows_of_releases() {
  return {
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
  };
}

Row row_of_a_missing_extension() { return {{"deps", "fetch"}, 1, "", "The release qs/none-v1 could not be found"}; }

Rows rows_of_files() {
  return {
      {{"environments", "apply", "-f", "live.yml"}, 0, "", "`escape run converge -e live` brings it there.\n"},
      {{"state", "import", "state.json", "-e", "live"}, 6, "", "*"},
      {{"state", "import", "state.json", "-e", "live", "--replace"}, 0, "*", "*"},
  };
}

/// Version 0.1.0 and then 0.1.1 run in stage, 0.1.0 in live.
Rows rows_of_history_and_wishes() {
  return {
      {{"state", "history", "-d", "qs/app", "-e", "stage"}, 0, "upgraded", ""},
      {{"state", "history", "-d", "nope", "-e", "stage"}, 1, "", "nope"},
      {{"state", "diff", "stage", "live"}, 0, "qs/app", ""},
      {{"state", "diff", "stage", "nope"}, 1, "", "There is no environment 'nope'."},
      {{"run", "rollback", "-d", "qs/app", "-e", "stage", "--reason", "broken", "-f"}, 0, "", "Successfully deployed"},
      {{"run", "rollback", "-d", "qs/app", "-e", "live"}, 5, "", "has no other release that ran well before."},
      {{"state", "hold", "-d", "qs/app", "-e", "live", "--reason", "audit"},
       0,
       "",
       "Promotions and converge leave qs/app in live alone"},
      {{"state", "hold", "-d", "nope", "-e", "live", "--reason", "audit"}, 1, "", "nope"},
      {{"state", "unhold", "-d", "qs/app", "-e", "live"}, 0, "", "*"},
      {{"state", "unhold", "-d", "nope", "-e", "live"}, 1, "", "nope"},
      {{"state", "set", "-d", "qs/app", "-e", "live", "qs/app-v0.1.1"}, 0, "*", "*"},
      {{"state", "set", "-d", "nope", "-e", "live", "-v", "who=x"}, 1, "", "nope"},
      {{"state", "request", "smoke", "-d", "qs/app", "-e", "live"}, 0, "*", "*"},
      {{"state", "request", "deploy", "-d", "nope", "-e", "live"}, 1, "", "nope"},
      {{"run", "destroy", "-d", "nope", "-e", "live"}, 1, "", "nope"},
      {{"run", "smoke", "-d", "nope", "-e", "live"}, 1, "", "nope"},
  };
}

Rows rows_of_jobs() {
  return {
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
  };
}

Rows rows_of_the_configuration() {
  return {
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
      {{"version", "--nope"}, 64, "", "--nope"},
      {{"help", "run", "deploy"}, 0, "Usage: escape run deploy", ""},
      {{"help", "nope"}, 64, "", "Unknown command 'nope'"},
      {{"nope"}, 64, "", "Unknown command 'nope'"},
  };
}

Rows rows_of_agents_and_people() {
  return {
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
}

Rows rows_of_a_person(const std::string& token, const std::string& config) {
  return {
      {{"login", "--token", token, "-c", config}, 0, "", "*"},
      {{"principals", "list", "-c", config}, 5, "", "ann has the role reader"},
      {{"principals", "remove", "admin", "-c", config}, 5, "", "*"},
      {{"principals", "remove", "ann"}, 0, "", "*"},
      {{"jobs", "list", "-c", config}, 77, "", "doesn't know this key"},
  };
}

/// Job 1 and 2 run, the agent of 2 is then out of reach, and 2 is run again.
Row row_of_cancel() { return {{"jobs", "cancel", "1"}, 0, "", "is told to stop"}; }
Row row_of_resolve() {
  return {{"jobs", "resolve", "2", "--as", "failed", "--reason", "burnt"}, 0, "", "Job 2 is settled as failed."};
}
Row row_of_retry() { return {{"jobs", "retry", "2"}, 0, "", "Successfully deployed"}; }

/// Those that have little to go wrong with, and a configuration that nobody can read.
Rows rows_of_a_broken_configuration(const std::string& file) {
  Rows rows;
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"status"},
                                                                                       {"agents", "list"},
                                                                                       {"principals", "list"},
                                                                                       {"environments", "list"},
                                                                                       {"config", "active-profile"},
                                                                                       {"config", "list-profiles"}}) {
    rows.push_back({command, 78, "", file});
    rows.back().command.insert(rows.back().command.end(), {"-c", file});
  }
  return rows;
}

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
    return run_program(std::move(command));
  }
  /// `escape` is the program.
  Ran shell(const std::string& line) {
    return run_program({"bash", "-c", "escape() { " + program("escape") + " \"$@\"; }; " + line});
  }
  Ran run_program(const std::vector<std::string>& command) {
    const std::string name = folder_ + "/command-" + std::to_string(++commands_);
    Process process(command,
                    {.folder = workspace(),
                     .environment = {{"XDG_CONFIG_HOME", folder_ + "/config"}, {"HOME", folder_}, {"CI", "true"}},
                     .output_file = name + ".out",
                     .error_file = name + ".err"});
    const int status = process.wait();
    return {status, read_text(name + ".out"), read_text(name + ".err")};
  }
  void check(const Rows& rows) {
    testing::check(rows, [this](const std::vector<std::string>& command) { return run(command); });
  }

  std::string folder_;
  int commands_ = 0;
};

TEST_F(Commands, OfAPlanInItsFolder) {
  const std::string target = workspace() + "/.escape/target/app-v0.1.0.tgz";
  check(rows_of_a_plan(target));
  write_text(workspace() + "/escape.yml", "name: qs/app\nversion: 1.0\nextends: [qs/none-v1]\n");
  check({row_of_a_missing_extension()});
}

TEST_F(Commands, OfReleasesAndWhatRuns) {
  ASSERT_EQ(run({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  check(rows_of_releases());
  write_text(workspace() + "/live.yml", "environment: live\ndeployments:\n  qs/app: {release: qs/app-latest}\n");
  write_text(workspace() + "/state.json", run({"state", "export", "-e", "live"}).out);
  check(rows_of_files());
}

TEST_F(Commands, OfJobsAndEvents) {
  ASSERT_EQ(run({"run", "build"}).exit_status, 0);
  ASSERT_NE(run({"run", "deploy", "qs/none-latest", "-e", "stage"}).exit_status, 0);
  check(rows_of_jobs());
}

TEST_F(Commands, OfHistoryAndWishes) {
  for (int i = 0; i < 2; ++i) ASSERT_EQ(run({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  for (const std::string version : {"0.1.0", "0.1.1"}) {
    ASSERT_EQ(run({"run", "deploy", "qs/app-v" + version, "-e", "stage"}).exit_status, 0);
  }
  ASSERT_EQ(run({"run", "deploy", "qs/app-v0.1.0", "-e", "live"}).exit_status, 0);
  check(rows_of_history_and_wishes());
}

TEST_F(Commands, OfTheConfiguration) {
  write_text(folder_ + "/broken.yml", "profiles: [\n");
  check(rows_of_a_broken_configuration(folder_ + "/broken.yml"));
  check(rows_of_the_configuration());
}

TEST(CommandsOfAController, AboutAgentsAndPeople) {
  Cluster cluster({"test"});
  check(rows_of_agents_and_people(), [&](const std::vector<std::string>& command) { return cluster.escape(command); });
}

TEST(CommandsOfAController, AboutJobsThatRun) {
  Cluster cluster({"test"});
  const std::string go = cluster.folder() + "/go";
  const std::string runs = cluster.folder() + "/runs";
  cluster.write_plan("name: qs/app\nversion: 0.1.@\ndeploy: deploy.sh\n",
                     "#!/bin/sh\necho run >> " + runs + "\nuntil [ -e " + go + " ] || [ ! -e " + cluster.folder() +
                         " ]; do sleep 0.05; done\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  const auto run = [&](const std::vector<std::string>& command) { return cluster.escape(command); };
  const std::vector<std::string> deploy{"run", "deploy", "qs/app-latest", "-e", "test"};
  Process first = cluster.start_escape(deploy, "first");
  ASSERT_TRUE(eventually([&] { return count_lines(runs) == 1; }));
  check({row_of_cancel()}, run);
  EXPECT_EQ(first.wait(), 3) << read_text(cluster.folder() + "/first.err");
  Process second = cluster.start_escape(deploy, "second");
  ASSERT_TRUE(eventually([&] { return count_lines(runs) == 2; }));
  cluster.kill_agent("test");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"jobs", "show", "2"}).out, "Job 2: deploy, unknown"); }));
  check({row_of_resolve()}, run);
  EXPECT_EQ(second.wait(), 3) << read_text(cluster.folder() + "/second.err");
  write_text(go, "");
  cluster.start_agent("test");
  check({row_of_retry()}, run);
}

TEST(CommandsOfAController, APersonComesAndGoes) {
  Cluster cluster({"test"});
  std::string token = cluster.escape({"principals", "invite", "ann", "--role", "reader"}).out;
  while (!token.empty() && token.back() == '\n') token.pop_back();
  check(rows_of_a_person(token, cluster.folder() + "/anns.yml"),
        [&](const std::vector<std::string>& command) { return cluster.escape(command); });
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

/// Into what is full or closed: no command says that all is well.
TEST_F(Commands, OutputIsWholeOrTheCommandFails) {
  for (const std::string command : {"state export", "plan preview", "inventory query", "completion bash", "help"}) {
    for (const std::string target : {">/dev/full", ">&-"}) {
      SCOPED_TRACE(command + target);
      const Ran ran = shell("escape " + command + target);
      EXPECT_EQ(ran.exit_status, 74) << ran.all();
      EXPECT_TRUE(ran.err.starts_with("Error: Couldn't write the output, which is not whole: ")) << ran.err;
    }
  }
  // A reader that has left, and SIGPIPE ignored as some tools do: the status is that of a command that ended of it.
  const Ran left = shell("exec 3> >(:); wait $!; trap '' PIPE; escape help >&3; echo $?");
  EXPECT_EQ(left.out, "141\n") << left.all();
  EXPECT_EQ(left.err, "");
}

/// Of the commands that `help` lists each has a row that goes well and one that does not.
TEST_F(Commands, EachIsShownToGoWellAndToFail) {
  Rows all;
  for (const Rows& rows : {rows_of_a_plan(""), rows_of_releases(), rows_of_history_and_wishes(), rows_of_jobs(),
                           rows_of_the_configuration(), rows_of_agents_and_people(), rows_of_a_person("", ""),
                           rows_of_a_broken_configuration(""), rows_of_files(),
                           Rows{row_of_a_missing_extension(), row_of_cancel(), row_of_resolve(), row_of_retry()}}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  std::istringstream help(run({"help"}).out);
  int commands = 0;
  for (std::string line; std::getline(help, line) && line != "Global flags:";) {
    if (!line.starts_with("  ")) continue;
    std::istringstream words(line.substr(2, line.find("  ", 2) - 2));
    std::vector<std::string> command;
    for (std::string word; words >> word;) {
      if (!word.starts_with("[")) command.push_back(word);
    }
    ++commands;
    const auto shown = [&](bool goes_well) {
      return std::ranges::any_of(all, [&](const Row& row) {
        const bool is_it =
            row.command.size() >= command.size() && std::equal(command.begin(), command.end(), row.command.begin());
        return is_it && (row.exit_status == 0) == goes_well;
      });
    };
    EXPECT_TRUE(shown(true)) << line << ": no row goes well";
    EXPECT_TRUE(shown(false)) << line << ": no row fails";
  }
  EXPECT_GT(commands, 50);
}

}  // namespace
}  // namespace escape::testing
