// What must not happen between real daemons: changed or hostile packages, keys and tokens that are no longer good,
// people who may not, scripts without end, hosts that are away. Each is told, and what comes after it works.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void expect(const Ran& ran, int exit_status, const std::vector<std::string>& parts) {
  EXPECT_EQ(ran.exit_status, exit_status) << ran.all();
  for (const std::string& part : parts)
    EXPECT_TRUE(has(ran.all(), part)) << "'" << part << "' is not in:\n" << ran.all();
}

/// Its script leaves a line in `runs`.
void release_counting(Cluster& cluster, const std::string& name, const std::string& more = "") {
  cluster.write_plan("name: quickstart/" + name + "\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho run >> " + cluster.folder() + "/runs\n" + more);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
}

int runs(const Cluster& cluster) { return count_lines(cluster.folder() + "/runs"); }

/// The one package that the controller keeps.
fs::path stored_package(const Cluster& cluster) {
  for (const auto& entry : fs::recursive_directory_iterator(cluster.folder() + "/controller/packages")) {
    if (entry.is_regular_file()) return entry.path();
  }
  throw std::runtime_error("the controller keeps no package");
}

void change_setting(Cluster& cluster, const std::string& from, const std::string& to) {
  std::string settings = read_text(cluster.folder() + "/controller.yml");
  settings.replace(settings.find(from), from.size(), to);
  cluster.kill_controller();
  write_text(cluster.folder() + "/controller.yml", settings);
  cluster.start_controller();
}

bool is_online(Cluster& cluster, const std::string& agent) {
  return eventually([&] {
    const std::string list = cluster.escape({"agents", "list"}).out;
    return has(list, agent) && has(list, "online");
  });
}

TEST(Refusals, APackageThatWasChangedIsNotRun) {
  Cluster cluster({"test"});
  release_counting(cluster, "counts");
  const fs::path package = stored_package(cluster);
  const std::string good = read_text(package);
  std::string bad = good;
  bad[bad.size() / 2] ^= 1;
  fs::permissions(package, fs::perms::owner_write, fs::perm_options::add);
  write_text(package, bad);
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 3,
         {"quickstart/counts-v1.0", "digest"});
  write_text(package, good.substr(0, good.size() / 2));
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 3, {"quickstart/counts-v1.0"});
  EXPECT_EQ(runs(cluster), 0);
  write_text(package, good);
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 0, {});
  EXPECT_EQ(runs(cluster), 1);
}

/// Published as the original's client would, by somebody who does not use our packing.
TEST(Refusals, AHostileArchiveWritesNothingOutside) {
  Cluster cluster({"test"});
  change_setting(cluster, "heartbeat:", "open_writes: true\nheartbeat:");
  cluster.write_plan("name: quickstart/hostile\nversion: 1.0\ndeploy: deploy.sh\n", "#!/bin/sh\necho ran\n");
  const Ran metadata = cluster.escape({"plan", "preview"});
  ASSERT_EQ(metadata.exit_status, 0) << metadata.all();
  const std::string folder = cluster.folder() + "/packed/hostile-v1.0";
  fs::create_directories(folder);
  write_text(folder + "/release.json", metadata.out);
  write_text(folder + "/deploy.sh", "#!/bin/sh\necho ran\n", 0755);
  write_text(cluster.folder() + "/evil", "evil");
  const std::string archive = cluster.folder() + "/hostile.tgz";
  ASSERT_EQ(Process({"tar", "-C", cluster.folder() + "/packed", "-czPf", archive, "hostile-v1.0/release.json",
                     "hostile-v1.0/deploy.sh", "hostile-v1.0/../../evil"},
                    {})
                .wait(),
            0);
  const std::string url =
      "http://" + cluster.address() + ":" + std::to_string(cluster.port("http")) + "/api/v1/inventory/quickstart/";
  const auto post = [&](const std::vector<std::string>& how) {
    std::vector<std::string> command{"curl", "-sS", "--fail-with-body"};
    command.insert(command.end(), how.begin(), how.end());
    const std::string out = cluster.folder() + "/curl";
    EXPECT_EQ(Process(cluster.on("controller", command), {.output_file = out, .error_file = out}).wait(), 0)
        << read_text(out);
  };
  post({"--data-binary", "@" + folder + "/release.json", url + "register"});
  post({"-F", "file=@" + archive, url + "units/hostile/versions/v1.0/upload"});

  expect(cluster.escape({"run", "deploy", "quickstart/hostile-v1.0", "-e", "test"}), 3,
         {"quickstart/hostile-v1.0", "evil"});
  for (const auto& entry : fs::recursive_directory_iterator(cluster.folder() + "/agent-test")) {
    EXPECT_NE(entry.path().filename(), "evil") << entry.path();
  }
  EXPECT_FALSE(has(cluster.escape({"status"}).out, " ok"));
}

TEST(Refusals, AStepThatTakesTooLongIsEnded) {
  Cluster cluster({"test"});
  release_counting(cluster, "hangs", "echo $$ > " + cluster.folder() + "/pid\necho begun\nexec sleep 1000\n");
  expect(cluster.escape({"run", "deploy", "quickstart/hangs-v1.0", "-e", "test", "--step-timeout", "1s"}), 3,
         {"begun", "time limit", "deploy"});
  const std::string pid = first_line(read_text(cluster.folder() + "/pid"));
  EXPECT_TRUE(eventually([&] { return !fs::exists("/proc/" + pid); })) << "the script still runs";
  EXPECT_EQ(runs(cluster), 1);
  expect(cluster.escape({"jobs", "list"}), 0, {"failed"});
}

TEST(Refusals, ATokenThatRanOut) {
  Cluster cluster({"test"});
  const Ran invited = cluster.escape({"agents", "invite", "--environment", "test", "--valid-for", "1ms"});
  ASSERT_EQ(invited.exit_status, 0) << invited.all();
  const std::string out = cluster.folder() + "/late.log";
  Process late(cluster.on("test", {program("escape-agent"), "join", first_line(invited.out), "--data",
                                   cluster.folder() + "/late"}),
               {.output_file = out, .error_file = out});
  const int status = late.wait();
  expect({status, read_text(out), ""}, 5, {"invit"});
  EXPECT_FALSE(fs::exists(cluster.folder() + "/late/agent.id"));
}

TEST(Refusals, AnAgentThatIsAwayIsWaitedForAndThenNot) {
  Cluster cluster({"test"});
  release_counting(cluster, "counts");
  cluster.kill_agent("test");
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"jobs", "list"}).out, "test-1"); }))
      << cluster.escape({"jobs", "list"}).all();
  cluster.start_agent("test");
  EXPECT_EQ(deploy.wait(Seconds(60)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(runs(cluster), 1);

  cluster.kill_agent("test");
  // Whom a new life of the controller expects back it waits for longer.
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"agents", "list"}).out, "offline"); }));
  change_setting(cluster, "agent_wait: 20s", "agent_wait: 1s");
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 4, {"test-1", "last seen"});
  expect(cluster.escape({"jobs", "list"}), 0, {"failed"});
  EXPECT_EQ(runs(cluster), 1);
  cluster.start_agent("test");
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 0, {});
  EXPECT_EQ(runs(cluster), 2);
}

/// Somebody else's controller at the address of ours: nobody talks to it, and nothing is forgotten.
TEST(Refusals, AControllerWithAnotherKey) {
  Cluster cluster({"test"});
  release_counting(cluster, "counts");
  const std::string settings = read_text(cluster.folder() + "/controller.yml");
  change_setting(cluster, "/controller\n", "/foreign\n");
  expect(cluster.escape({"status", "--timeout", "3s"}), 69, {cluster.address()});
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test", "--timeout", "3s"}), 69, {});
  EXPECT_TRUE(cluster.agent("test").is_running());
  change_setting(cluster, "/foreign\n", "/controller\n");
  ASSERT_TRUE(is_online(cluster, "test-1"));
  expect(cluster.escape({"run", "deploy", "quickstart/counts-v1.0", "-e", "test"}), 0, {});
  EXPECT_EQ(runs(cluster), 1);
  EXPECT_FALSE(has(cluster.escape({"jobs", "list"}).out, " 2 "));
}

TEST(Refusals, AnAddressInUse) {
  Cluster cluster({});
  std::string settings = read_text(cluster.folder() + "/controller.yml");
  settings.replace(settings.find("/controller\n"), 12, "/second\n");
  write_text(cluster.folder() + "/second.yml", settings);
  const std::string out = cluster.folder() + "/second.log";
  Process second(cluster.on("controller", {program("escape-controller"), "--config", cluster.folder() + "/second.yml"}),
                 {.output_file = out, .error_file = out});
  const int status = second.wait();
  expect({status, read_text(out), ""}, 6, {cluster.address() + ":", "in use"});
}

/// A stop in order: the script goes on and its result arrives after the next start.
TEST(Refusals, AStopInTheMiddleOfAScriptLosesNothing) {
  Cluster cluster({"test"});
  release_counting(cluster, "waits", "until [ -e " + cluster.folder() + "/go ]; do sleep 0.05; done\necho last\n");
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(eventually([&] { return runs(cluster) == 1; }));
  cluster.agent("test").send_signal(SIGTERM);
  EXPECT_EQ(cluster.agent("test").wait(), 0) << cluster.agent_log("test");
  cluster.controller().send_signal(SIGTERM);
  EXPECT_EQ(cluster.controller().wait(), 0) << cluster.controller_log();
  write_text(cluster.folder() + "/go", "");
  cluster.start_controller();
  cluster.start_agent("test");
  EXPECT_EQ(deploy.wait(Seconds(60)), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_TRUE(has(read_text(cluster.folder() + "/deploy.err"), "last")) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(runs(cluster), 1);
}

class Roles : public ::testing::Test {
 protected:
  /// A profile of that name for somebody new.
  void enrol(const std::string& name, const std::vector<std::string>& role) {
    std::vector<std::string> invite{"principals", "invite", name};
    invite.insert(invite.end(), role.begin(), role.end());
    const Ran invited = cluster.escape(invite);
    ASSERT_EQ(invited.exit_status, 0) << invited.all();
    const Ran enrolled =
        as("default", {"login", "--target-profile", name, "--token", first_line(invited.out), "--controller",
                       cluster.address() + ":" + std::to_string(cluster.port("clients"))});
    ASSERT_EQ(enrolled.exit_status, 0) << enrolled.all();
    ASSERT_EQ(cluster.escape({"config", "set-profile", "default"}).exit_status, 0);
  }
  Ran as(const std::string& profile, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--profile", profile});
    return cluster.escape(arguments);
  }
  Cluster cluster{std::vector<std::string>{"test", "live"}};
};

TEST_F(Roles, EveryoneMayWhatTheirRoleSays) {
  release_counting(cluster, "counts");
  enrol("rita", {"--role", "reader"});
  enrol("otto", {"--role", "operator", "-e", "test"});
  const std::string release = "quickstart/counts-v1.0";
  expect(as("rita", {"status"}), 0, {});
  expect(as("rita", {"run", "deploy", release, "-e", "test"}), 5, {"rita", "reader"});
  expect(as("otto", {"run", "deploy", release, "-e", "live"}), 5, {"otto", "live"});
  expect(as("otto", {"run", "deploy", release, "-e", "test"}), 0, {});
  expect(as("otto", {"run", "promote", "-d", "quickstart/counts", "-e", "test", "--to", "live", "-f"}), 5, {"live"});
  expect(as("otto", {"agents", "invite", "-e", "test"}), 5, {"otto"});
  expect(as("otto", {"state", "export"}), 0, {});
  expect(as("otto", {"state", "export", "--reveal"}), 5, {"otto"});
  expect(as("rita", {"state", "export", "--reveal"}), 5, {"rita"});
  expect(as("rita", {"jobs", "cancel", "2"}), 5, {"rita"});
  EXPECT_EQ(runs(cluster), 1);
  expect(cluster.escape({"principals", "remove", "otto"}), 0, {});
  EXPECT_NE(as("otto", {"status", "--timeout", "3s"}).exit_status, 0);
  expect(cluster.escape({"run", "promote", "-d", "quickstart/counts", "-e", "test", "--to", "live", "-f"}), 0, {});
  EXPECT_EQ(runs(cluster), 2);
}

}  // namespace
}  // namespace escape::testing
