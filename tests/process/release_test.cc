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

/// A plan that leaves a file named as its environment when it is deployed, takes it away when it is destroyed, and says
/// in `runs` what it does. The step named in `stuck` waits, once, for the file `go`.
std::string standing_plan(const std::string& folder, const std::string& name) {
  const auto step = [&](const std::string& step, const std::string& does) {
    return step + ": {inline: '" + does + "; echo " + step + " " + name + " in $ESCAPE_ENVIRONMENT >> " + folder +
           "/runs; if [ \"$(cat " + folder + "/stuck)\" = " + step + " ] && mkdir " + folder +
           "/was-stuck; then until [ -e " + folder + "/go ] || [ ! -e " + folder +
           "/standing ]; do sleep 0.05; done; fi; [ ! -e " + folder + "/fails-" + step + " ]'}\n";
  };
  const std::string file = folder + "/standing/" + name + "-$ESCAPE_ENVIRONMENT";
  return "name: quickstart/" + name + "\nversion: 0.1.@\n" + step("deploy", "touch " + file) +
         step("smoke", "test -e " + file) + step("destroy", "rm -f " + file);
}

/// What was deployed and not destroyed.
std::vector<std::string> standing(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder + "/standing")) names.push_back(entry.path().filename());
  return names;
}

/// `escape` in a folder of its own, with no daemon.
struct Alone {
  std::string folder = make_folder();
  int commands = 0;
  Alone() {
    fs::create_directories(folder + "/workspace");
    fs::create_directories(folder + "/standing");
    write_text(folder + "/stuck", "");
  }
  ~Alone() {
    expect_no_sanitizer_reports(folder);
    fs::remove_all(folder);
  }
  Process start(std::vector<std::string> command, const std::string& name) {
    command.insert(command.begin(), program("escape"));
    return Process(command, {.folder = folder + "/workspace",
                             .environment = {{"XDG_CONFIG_HOME", folder + "/config"}, {"HOME", folder}, {"CI", "true"}},
                             .output_file = folder + "/" + name + ".out",
                             .error_file = folder + "/" + name + ".err"});
  }
  Ran run(const std::vector<std::string>& command) {
    const std::string name = "command-" + std::to_string(++commands);
    Process process = start(command, name);
    const int status = process.wait();
    return Ran{status, read_text(folder + "/" + name + ".out"), read_text(folder + "/" + name + ".err")};
  }
  void write_plan(const std::string& plan) { write_text(folder + "/workspace/escape.yml", plan); }
  std::string runs() const { return read_text(folder + "/runs"); }
};

TEST(Release, WhatAFailedTrialHasDeployedIsDestroyedWithWhatStandsBelowIt) {
  Alone alone;
  alone.write_plan(standing_plan(alone.folder, "below"));
  const Ran below = alone.run({"run", "release"});
  ASSERT_EQ(below.exit_status, 0) << below.all();
  EXPECT_TRUE(standing(alone.folder).empty());
  for (const char* step : {"deploy", "smoke"}) {
    fs::remove(alone.folder + "/runs");
    std::string plan = std::string("name: quickstart/app\nversion: 0.1.@\ndepends: [quickstart/below-latest]\n") +
                       "deploy: {inline: 'touch " + alone.folder + "/standing/app-$ESCAPE_ENVIRONMENT" +
                       (std::string(step) == "deploy" ? "; exit 1" : "") + "'}\nsmoke: {inline: 'exit 1'}\n" +
                       "destroy: {inline: 'rm -f " + alone.folder + "/standing/app-$ESCAPE_ENVIRONMENT'}\n";
    alone.write_plan(plan);
    const Ran failed = alone.run({"run", "release", "--skip-build"});
    EXPECT_EQ(failed.exit_status, 3) << failed.all();
    EXPECT_TRUE(has(alone.runs(), "deploy below in release-")) << alone.runs();
    EXPECT_TRUE(standing(alone.folder).empty()) << step << ": " << standing(alone.folder).front();
    EXPECT_FALSE(has(alone.run({"environments", "list"}).out, "release-"));
  }
}

TEST(Release, ATrialThatCannotBeDestroyedStaysUntilTheNextRelease) {
  Alone alone;
  alone.write_plan(standing_plan(alone.folder, "app"));
  write_text(alone.folder + "/fails-smoke", "");
  write_text(alone.folder + "/fails-destroy", "");
  const Ran failed = alone.run({"run", "release", "--skip-build"});
  EXPECT_EQ(failed.exit_status, 3) << failed.all();
  const Ran environments = alone.run({"environments", "list"});
  const std::size_t at = environments.out.find("release-");
  ASSERT_NE(at, std::string::npos) << environments.out;
  const std::string trial = environments.out.substr(at, 16);
  EXPECT_TRUE(has(failed.err, "The trial environment " + trial + " stays: quickstart/app may still be deployed there."))
      << failed.all();
  EXPECT_TRUE(has(failed.err, "escape run destroy -d quickstart/app -e " + trial)) << failed.all();
  fs::remove(alone.folder + "/fails-smoke");
  const Ran again = alone.run({"run", "release", "--skip-build", "--skip-deploy"});
  EXPECT_EQ(again.exit_status, 0) << "its own work is not in the way: " << again.all();
  EXPECT_TRUE(has(again.err, "The trial environment " + trial + " stays")) << again.all();
  EXPECT_TRUE(has(alone.run({"environments", "list"}).out, trial));
  fs::remove(alone.folder + "/fails-destroy");
  const Ran cleared = alone.run({"run", "release", "--skip-build"});
  EXPECT_EQ(cleared.exit_status, 0) << cleared.all();
  EXPECT_TRUE(has(alone.runs(), "destroy app in " + trial)) << alone.runs();
  EXPECT_FALSE(has(alone.run({"environments", "list"}).out, "release-"));
}

/// Kills the release while that step of its trial runs. The next release finds the step still running, or ended.
struct Kill {
  const char* step;
  bool ends_meanwhile;
};

class KilledTrial : public ::testing::TestWithParam<Kill> {
 protected:
  /// `folder`: of the test; `killed`: a release under way.
  void kill_in_step(const std::string& folder, Process& killed) {
    const std::string runs = folder + "/runs";
    const std::string begun = std::string(GetParam().step) + " app in release-";
    ASSERT_TRUE(eventually([&] { return has(read_text(runs), begun) && fs::exists(folder + "/was-stuck"); }))
        << read_text(runs);
    killed.kill_hard();
    if (GetParam().ends_meanwhile) write_text(folder + "/go", "");
  }
  /// The environment of the killed one: the first that `runs` names.
  static std::string trial_of(const std::string& folder) {
    const std::string runs = read_text(folder + "/runs");
    return runs.substr(std::min(runs.size(), runs.find("release-")), 16);
  }
};

TEST_P(KilledTrial, IsDestroyedByTheNextRelease) {
  Alone alone;
  alone.write_plan(standing_plan(alone.folder, "app"));
  write_text(alone.folder + "/stuck", GetParam().step);
  Process killed = alone.start({"run", "release", "--skip-build"}, "killed");
  kill_in_step(alone.folder, killed);
  const std::string trial = trial_of(alone.folder);
  const Ran next = alone.run({"run", "release", "--skip-build"});
  EXPECT_EQ(next.exit_status, 0) << next.all();
  EXPECT_TRUE(has(next.err, "Removing the trial environment " + trial)) << next.all();
  EXPECT_TRUE(has(alone.runs(), "destroy app in " + trial)) << alone.runs() << next.all();
  EXPECT_TRUE(standing(alone.folder).empty()) << standing(alone.folder).front();
  EXPECT_FALSE(has(alone.run({"environments", "list"}).out, "release-"));
}

TEST_P(KilledTrial, IsDestroyedByTheNextReleaseAtAController) {
  Cluster cluster({});
  fs::create_directories(cluster.folder() + "/standing");
  cluster.write_plan(standing_plan(cluster.folder(), "app"), "");
  write_text(cluster.folder() + "/stuck", GetParam().step);
  Process killed = cluster.start_escape({"run", "release", "--skip-build"}, "killed");
  kill_in_step(cluster.folder(), killed);
  const std::string trial = trial_of(cluster.folder());
  const Ran next = cluster.escape({"run", "release", "--skip-build"});
  EXPECT_EQ(next.exit_status, 0) << next.all();
  EXPECT_TRUE(has(read_text(cluster.folder() + "/runs"), "destroy app in " + trial)) << next.all();
  EXPECT_TRUE(standing(cluster.folder()).empty()) << standing(cluster.folder()).front();
  EXPECT_FALSE(has(cluster.escape({"environments", "list"}).out, "release-"));
}

INSTANTIATE_TEST_SUITE_P(Release, KilledTrial,
                         ::testing::Values(Kill{"deploy", false}, Kill{"deploy", true}, Kill{"smoke", false},
                                           Kill{"smoke", true}, Kill{"destroy", true}),
                         [](const auto& info) {
                           return std::string(info.param.step) + (info.param.ends_meanwhile ? "Ended" : "Running");
                         });

TEST(Release, IsTriedWithTheProvidersOfTheEnvironment) {
  Alone alone;
  const auto says = [&](const std::string& step) {
    return step + ": {inline: 'echo " + step + " $INPUT_at in $ESCAPE_ENVIRONMENT >> " + alone.folder + "/runs'}\n";
  };
  alone.write_plan(
      "name: quickstart/kube\nversion: 0.1.@\nprovides: [kube]\ninputs: [{id: at, default: here}]\n"
      "outputs: [{id: host, default: $this.inputs.at}]\n" +
      says("deploy") + says("destroy") + says("activate_provider") + says("deactivate_provider"));
  ASSERT_EQ(alone.run({"run", "release", "--skip-deploy"}).exit_status, 0);
  alone.write_plan(
      "name: quickstart/app\nversion: 0.1.@\nconsumes: [kube]\ninputs: [{id: host, default: "
      "$kube.outputs.host}]\ndeploy: {inline: 'echo app at $INPUT_host >> " +
      alone.folder + "/runs'}\n");
  const Ran without = alone.run({"run", "release", "-e", "live"});
  EXPECT_EQ(without.exit_status, 1) << without.all();
  EXPECT_TRUE(
      has(without.err, "quickstart/app-v0.1.0 consumes 'kube', which nothing provides in the environment live."))
      << without.all();
  EXPECT_FALSE(has(without.err, "Build")) << "told before any work: " << without.all();
  const Ran provider = alone.run({"run", "deploy", "quickstart/kube-latest", "-e", "live", "-v", "at=there"});
  ASSERT_EQ(provider.exit_status, 0) << provider.all();
  const auto history = [&] { return alone.run({"state", "history", "-d", "quickstart/kube", "-e", "live"}).out; };
  const std::string before = history();
  for (const std::vector<std::string>& named : {std::vector<std::string>{}, {"-p", "kube=quickstart/kube"}}) {
    fs::remove(alone.folder + "/runs");
    std::vector<std::string> release{"run", "release", "-e", "live", "--skip-build"};
    release.insert(release.end(), named.begin(), named.end());
    const Ran released = alone.run(release);
    EXPECT_EQ(released.exit_status, 0) << released.all();
    EXPECT_TRUE(has(alone.runs(), "activate_provider there in release-")) << alone.runs();
    EXPECT_TRUE(has(alone.runs(), "app at there\n")) << alone.runs();
    EXPECT_TRUE(has(alone.runs(), "deactivate_provider there in release-")) << alone.runs();
    EXPECT_FALSE(has(alone.runs(), "destroy there")) << "the provider itself is left alone: " << alone.runs();
    EXPECT_FALSE(has(alone.runs(), "\ndeploy there")) << alone.runs();
  }
  EXPECT_EQ(history(), before);
  EXPECT_FALSE(has(alone.run({"environments", "list"}).out, "release-"));
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
