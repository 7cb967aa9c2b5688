// `run release` that is cut off while it publishes, and what is done with the package afterwards: the number that it
// took is used, what was done is not done again, and an automatic version does not get in the way of what is recorded.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string plan_of(const std::string& folder) {
  const auto step = [&](const std::string& name) {
    return name + ": {inline: 'echo " + name + " >> " + folder + "/runs; echo in " + name + "'}\n";
  };
  return "name: quickstart/app\nversion: 0.1.@\n" + step("build") + step("test") + step("deploy") + step("smoke") +
         step("destroy");
}

struct Fault {
  const char* point;
  const char* says;  ///< the next run
};

class CutOffRelease : public ::testing::TestWithParam<Fault> {};

TEST_P(CutOffRelease, IsTakenUpWhereItWas) {
  Cluster cluster({"test"});
  cluster.write_plan(plan_of(cluster.folder()), "");
  cluster.set_fault("controller", std::string(GetParam().point) + "@" + cluster.folder() + "/happened");
  cluster.kill_controller();
  cluster.start_controller();
  const Ran cut = cluster.escape({"run", "release", "--timeout", "5s"});
  EXPECT_NE(cut.exit_status, 0) << cut.all();
  ASSERT_TRUE(fs::exists(cluster.folder() + "/happened")) << cut.all();
  const std::string runs = read_text(cluster.folder() + "/runs");
  EXPECT_EQ(runs, "build\ntest\ndestroy\ndeploy\nsmoke\ndestroy\n");
  cluster.set_fault("controller", "");
  ASSERT_NE(cluster.controller().wait(), -1);
  cluster.start_controller();
  const Ran resumed = cluster.escape({"run", "release"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.all();
  EXPECT_TRUE(has(resumed.err, GetParam().says)) << resumed.all();
  EXPECT_TRUE(has(resumed.err, "Successfully released quickstart/app-v0.1.0")) << resumed.all();
  EXPECT_EQ(read_text(cluster.folder() + "/runs"), runs) << "nothing is done twice";
  EXPECT_EQ(cluster.escape({"inventory", "query", "-p", "quickstart", "-a", "app"}).out, "v0.1.0\n");
  EXPECT_FALSE(has(cluster.escape({"environments", "list"}).out, "release-"));
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/app-latest", "-e", "test"});
  EXPECT_EQ(deployed.exit_status, 0) << deployed.all();
  const Ran next = cluster.escape({"run", "release", "--skip-build", "--skip-deploy"});
  EXPECT_TRUE(has(next.err, "Successfully released quickstart/app-v0.1.1")) << next.all();
}

INSTANTIATE_TEST_SUITE_P(
    Release, CutOffRelease,
    ::testing::Values(Fault{"controller.before_commit_release", "Resuming the release of quickstart/app-v0.1.0"},
                      Fault{"controller.after_commit_release",
                            "quickstart/app-v0.1.0 was published by the run before"}),
    [](const auto& info) { return info.index == 0 ? "BeforeItIsOnTheDisk" : "BeforeItIsAnswered"; });

/// Without a controller, against an inventory server that is gone by the time the package is made.
TEST(Release, AnInventoryThatWentAwayGetsThePackageLater) {
  const std::string folder = make_folder();
  fs::create_directories(folder + "/workspace");
  write_text(folder + "/workspace/escape.yml", plan_of(folder));
  int starts = 0;
  std::string port = "0";
  const auto serve = [&] {
    const std::string name = folder + "/inventory-" + std::to_string(++starts);
    Process server({program("escape-inventory"), "--data", folder + "/served", "--port", port},
                   {.output_file = name + ".out", .error_file = name + ".err"});
    const auto told = [&] { return read_text(name + ".out") + read_text(name + ".err"); };
    EXPECT_TRUE(eventually([&] { return has(told(), "http://127.0.0.1:"); })) << told();
    const std::string text = told();
    const std::size_t at = text.find("http://127.0.0.1:") + 17;
    port = text.substr(at, text.find_first_not_of("0123456789", at) - at);
    return server;
  };
  Process inventory = serve();
  int commands = 0;
  const auto run = [&](std::vector<std::string> command) {
    command.insert(command.begin(), program("escape"));
    const std::string name = folder + "/command-" + std::to_string(++commands);
    Process process(command, {.folder = folder + "/workspace",
                              .environment = {{"XDG_CONFIG_HOME", folder + "/config"},
                                              {"HOME", folder},
                                              {"CI", "true"},
                                              {"ESCAPE_API_SERVER", "http://127.0.0.1:" + port}},
                              .output_file = name + ".out",
                              .error_file = name + ".err"});
    const int status = process.wait();
    return Ran{status, read_text(name + ".out"), read_text(name + ".err")};
  };
  write_text(folder + "/workspace/escape.yml",
             plan_of(folder) + "post_deploy: {inline: 'kill -9 $(cat " + folder + "/inventory.pid) || true'}\n");
  write_text(folder + "/inventory.pid", std::to_string(inventory.pid()));
  const Ran cut = run({"run", "release"});
  EXPECT_NE(cut.exit_status, 0) << cut.all();
  EXPECT_TRUE(has(cut.err, "Push")) << cut.all();
  const std::string runs = read_text(folder + "/runs");
  inventory.wait();
  inventory = serve();
  const Ran resumed = run({"run", "release"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.all();
  EXPECT_TRUE(has(resumed.err, "Resuming the release of quickstart/app-v0.1.0")) << resumed.all();
  EXPECT_EQ(read_text(folder + "/runs"), runs);
  EXPECT_EQ(run({"inventory", "query", "-p", "quickstart", "-a", "app"}).out, "v0.1.0\n");
  inventory.kill_hard();
  expect_no_sanitizer_reports(folder);
  fs::remove_all(folder);
}

TEST(Release, AnAutomaticVersionIsWhatWasBuiltAndDeployed) {
  Cluster cluster({"test"});
  cluster.write_plan(plan_of(cluster.folder()), "");
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);
  for (const char* command : {"build", "deploy"}) {
    const Ran ran = cluster.escape({"run", command});
    ASSERT_EQ(ran.exit_status, 0) << ran.all();
  }
  // From here on the next version is another one than that of what stands in dev.
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-build", "--skip-deploy"}).exit_status, 0);
  const auto shown = [&] {
    return cluster.escape({"state", "show-deployment", "-d", "quickstart/app", "-e", "dev"}).out;
  };
  EXPECT_TRUE(has(shown(), "\"version\": \"0.1.1\"")) << shown();
  for (const char* command : {"test", "smoke", "destroy"}) {
    const Ran ran = cluster.escape({"run", command});
    EXPECT_EQ(ran.exit_status, 0) << command << "\n" << ran.all();
  }
  EXPECT_FALSE(has(shown(), "\"ok\"")) << shown();
}

TEST(Release, NeverTouchesALiveDeploymentOfTheSameName) {
  Cluster cluster({"dev"});
  cluster.write_plan(plan_of(cluster.folder()), "");
  ASSERT_EQ(cluster.escape({"run", "release"}).exit_status, 0);
  const Ran live = cluster.escape({"run", "deploy", "quickstart/app-v0.1.0", "-e", "dev"});
  ASSERT_EQ(live.exit_status, 0) << live.all();
  const auto deployed = [&] {
    const std::string all = cluster.escape({"state", "show-deployment", "-d", "quickstart/app", "-e", "dev"}).out;
    return all.substr(std::min(all.size(), all.find("\"deploy\"")));
  };
  const std::string before = deployed();
  EXPECT_TRUE(has(before, "\"status\": \"ok\"")) << before;
  const Ran released = cluster.escape({"run", "release"});
  ASSERT_EQ(released.exit_status, 0) << released.all();
  EXPECT_EQ(deployed(), before);
}

}  // namespace
}  // namespace escape::testing
