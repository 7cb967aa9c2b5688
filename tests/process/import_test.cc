// A team moves over: the original's state file into a controller and into a folder of one's own, out again, and what is
// then done with the deployments that no job of ours has made.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// As the original leaves it; its running deployment was killed.
constexpr const char* team_file = R"({
   "name": "local-state-project",
   "environments": {
      "prod": {
         "name": "prod",
         "inputs": {"region": "eu"},
         "deployments": {
            "main": {
               "name": "main", "release": "quickstart/hello-world",
               "stages": {
                  "deploy": {
                     "inputs": {"who": "Prod", "password": "hunter2"},
                     "calculated_inputs": {"METADATA_x": "y", "who": "Prod"},
                     "version": "0.0.0",
                     "status": {"status": "ok", "updated_at": "2018-02-03T04:05:06.123456789Z"}
                  },
                  "build": {"status": {"status": "empty", "updated_at": "2018-02-03T04:05:06Z"}}
               }
            },
            "other": {
               "name": "other", "release": "_/gone",
               "stages": {
                  "deploy": {
                     "calculated_outputs": {"token": "hunter3"},
                     "deployments": {"db": {"name": "db", "release": "_/db1", "stages": {"deploy": {"version": "2"}}}},
                     "version": "1.0", "status": {"status": "running_main_step", "updated_at": "2018-02-03T04:05:06Z"}
                  }
               }
            }
         }
      }
   }
})";

TEST(Import, ATeamMovesToAController) {
  Cluster cluster({"prod", "live"});
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  const std::string file = cluster.folder() + "/escape_state.json";
  write_text(file, team_file);
  const Ran preview = cluster.escape({"state", "import", file, "--dry-run"});
  EXPECT_EQ(preview.exit_status, 0) << preview.all();
  EXPECT_TRUE(has(preview.err, "Would import 2 deployments with 1 below them; nothing was changed.")) << preview.all();
  EXPECT_FALSE(has(cluster.escape({"state", "list-deployments", "-e", "prod"}).out, "main"));

  const Ran imported = cluster.escape({"state", "import", file});
  ASSERT_EQ(imported.exit_status, 0) << imported.all();
  EXPECT_TRUE(has(imported.out, "prod         main        quickstart/hello-world-v0.0.0  ok       0")) << imported.out;
  EXPECT_TRUE(has(imported.err,
                  "The stage deploy of other in prod was in status 'running_main_step' and is now in "
                  "'failure': nobody runs it here."))
      << imported.err;
  EXPECT_TRUE(has(imported.err, "their digests are not known: _/db1-v2, _/gone-v1.0.")) << imported.err;
  EXPECT_TRUE(has(cluster.escape({"events", "--json"}).out, "deployment.imported"));

  const Ran again = cluster.escape({"state", "import", file});
  EXPECT_EQ(again.exit_status, 6) << again.all();
  EXPECT_TRUE(has(again.err, "this is here already: main in prod, other in prod.")) << again.err;
  const Ran replaced = cluster.escape({"state", "import", file, "--replace"});
  EXPECT_EQ(replaced.exit_status, 0) << replaced.all();

  // Of a release that is known its own word counts, of another one all is hidden.
  EXPECT_TRUE(has(cluster.escape({"state", "show-deployment", "-d", "main", "-e", "prod"}).out, "Prod"));
  EXPECT_FALSE(has(cluster.escape({"state", "export"}).out, "hunter3"));
  EXPECT_TRUE(has(cluster.escape({"state", "export", "--reveal"}).out, "hunter3"));

  const Ran smoke = cluster.escape({"run", "smoke", "-d", "main", "-e", "prod"});
  EXPECT_EQ(smoke.exit_status, 0) << smoke.all();
  const Ran promoted = cluster.escape({"run", "promote", "-d", "main", "-e", "prod", "--to", "live", "-f"});
  EXPECT_EQ(promoted.exit_status, 0) << promoted.all();
  const Ran unknown = cluster.escape({"run", "destroy", "-d", "other", "-e", "prod"});
  EXPECT_EQ(unknown.exit_status, 1) << unknown.all();
  const Ran destroyed = cluster.escape({"run", "destroy", "-d", "main", "-e", "prod"});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.all();

  cluster.kill_controller();
  cluster.start_controller();
  EXPECT_TRUE(has(cluster.escape({"state", "export", "--reveal"}).out, "hunter3"));
}

TEST(Import, ABadFileChangesNothing) {
  Cluster cluster({"prod"});
  const std::string file = cluster.folder() + "/escape_state.json";
  std::string bad = team_file;
  bad.replace(bad.find("\"other\": {"), 8, "\"1bad\": ");
  write_text(file, bad);
  const Ran refused = cluster.escape({"state", "import", file});
  EXPECT_EQ(refused.exit_status, 65) << refused.all();
  EXPECT_TRUE(has(refused.err, "The deployment name '1bad' is not allowed.")) << refused.err;
  EXPECT_FALSE(has(cluster.escape({"state", "export"}).out, "main"));
}

TEST(Import, WhatIsExportedComesBackByteForByte) {
  const std::string folder = make_folder();
  int commands = 0;
  const auto run = [&](const std::string& workspace, std::vector<std::string> command) {
    fs::create_directories(folder + "/" + workspace);
    command.insert(command.begin(), program("escape"));
    const std::string name = folder + "/command-" + std::to_string(++commands);
    Process process(command,
                    {.folder = folder + "/" + workspace,
                     .environment = {{"XDG_CONFIG_HOME", folder + "/config"}, {"HOME", folder}, {"CI", "true"}},
                     .output_file = name + ".out",
                     .error_file = name + ".err"});
    const int status = process.wait();
    return Ran{status, read_text(name + ".out"), read_text(name + ".err")};
  };
  fs::create_directories(folder + "/first");
  const auto release = [&](const std::string& plan) {
    write_text(folder + "/first/escape.yml", plan);
    const Ran ran = run("first", {"run", "release", "--skip-build", "--skip-deploy"});
    ASSERT_EQ(ran.exit_status, 0) << ran.all();
  };
  release(
      "name: qs/db\nversion: 1.0\ninputs: [{id: size, default: 3, type: integer}]\n"
      "outputs: [{id: url, default: 'db://x'}]\ndeploy: {inline: echo db}\n");
  release(
      "name: qs/app\nversion: 1.0\ndepends: [qs/db-latest as db]\nprovides: [web]\n"
      "inputs: [{id: who, default: World}, {id: token, default: s3cret, sensitive: true}]\n"
      "deploy: {inline: 'echo \"Hello $INPUT_who\"'}\n");
  ASSERT_EQ(run("first", {"run", "deploy", "qs/app-latest", "-e", "prod", "-v", "who=Ann"}).exit_status, 0);
  ASSERT_EQ(run("first", {"run", "deploy", "qs/app-latest", "-e", "test", "-d", "east"}).exit_status, 0);
  const Ran built = run("first", {"run", "build", "-e", "prod"});
  ASSERT_EQ(built.exit_status, 0) << built.all();

  const Ran hidden = run("first", {"state", "export"});
  write_text(folder + "/hidden.json", hidden.out);
  const Ran refused = run("second", {"state", "import", folder + "/hidden.json"});
  EXPECT_EQ(refused.exit_status, 65) << refused.all();
  EXPECT_TRUE(has(refused.err, "escape state export --reveal")) << refused.err;

  const Ran whole = run("first", {"state", "export", "--reveal"});
  write_text(folder + "/whole.json", whole.out);
  const Ran imported = run("second", {"state", "import", folder + "/whole.json"});
  ASSERT_EQ(imported.exit_status, 0) << imported.all();
  EXPECT_FALSE(has(imported.err, "digests are not known")) << imported.err;
  EXPECT_EQ(run("second", {"state", "export", "--reveal"}).out, whole.out);
  EXPECT_EQ(run("second", {"state", "export"}).out, hidden.out) << "what is sensitive is known from the inventory";
  expect_no_sanitizer_reports(folder);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace escape::testing
