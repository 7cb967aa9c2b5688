// A slow, frozen or hostile peer costs only itself.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/cluster.h"
#include "tests/support/herd.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

constexpr int connections_per_socket = 2'000;
constexpr int malformed_messages = 20'000;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
std::string test_program(const std::string& name) { return std::string(ESCAPE_BUILD_DIR) + "/tests/" + name; }

std::string server_key(const Cluster& cluster) {
  return first_line(read_text(cluster.folder() + "/controller/controller.key"));
}

std::string endpoint(const Cluster& cluster, const std::string& socket) {
  return "tcp://" + cluster.address() + ":" + std::to_string(cluster.port(socket));
}

std::string key_file_in(const std::string& config_folder) {
  for (const auto& entry : fs::directory_iterator(config_folder + "/escape/keys")) return entry.path();
  return {};
}

void publish_hello_world(Cluster& cluster) {
  cluster.write_hello_world();
  const Ran released = cluster.escape({"run", "release", "--skip-deploy"});
  ASSERT_EQ(released.exit_status, 0) << released.all();
}

void expect_deploys(Cluster& cluster, const std::string& environment) {
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/hello-world-latest", "-e", environment});
  EXPECT_EQ(deployed.exit_status, 0) << deployed.all();
}

Process start_listener(Cluster& cluster, const std::string& key_file, const std::string& out) {
  return Process(cluster.on("controller",
                            {test_program("event_probe"), endpoint(cluster, "events"), server_key(cluster), key_file}),
                 {.output_file = out, .error_file = out});
}

TEST(Overload, AFrozenAgentCostsOnlyItself) {
  Cluster cluster({"test", "stage"});
  publish_hello_world(cluster);
  cluster.agent("test").send_signal(SIGSTOP);
  expect_deploys(cluster, "stage");
  EXPECT_TRUE(eventually([&] { return has(cluster.escape({"agents", "list"}).out, "offline"); }));
  expect_deploys(cluster, "stage");
  cluster.agent("test").send_signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return !has(cluster.escape({"agents", "list"}).out, "offline"); }));
  expect_deploys(cluster, "test");
}

TEST(Overload, AFrozenListenerOfTheEventsCostsOnlyItself) {
  Cluster cluster({"test"});
  publish_hello_world(cluster);
  const std::string out = cluster.folder() + "/listener.out";
  Process listener = start_listener(cluster, key_file_in(cluster.folder() + "/config"), out);
  ASSERT_TRUE(eventually([&] { return has(read_text(out), "subscribed\n"); })) << read_text(out);
  listener.send_signal(SIGSTOP);
  for (int i = 0; i < 5; ++i) expect_deploys(cluster, "test");
  listener.send_signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return has(read_text(out), "service.deployed"); })) << read_text(out);
}

TEST(Overload, AFrozenFollowerCostsOnlyItselfAndMissesNothing) {
  Cluster cluster({"test", "stage"});
  publish_hello_world(cluster);
  const std::string go = cluster.folder() + "/go";
  cluster.write_plan("name: quickstart/talks\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho first\nuntil [ -e " + go +
                         " ]; do sleep 0.05; done\nyes 'much to say, and all of it must arrive' | head -n 300000\n"
                         "echo the last word\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process follower = cluster.start_escape({"run", "deploy", "quickstart/talks-v1.0", "-e", "test"}, "follower");
  const std::string log = cluster.folder() + "/follower.err";
  ASSERT_TRUE(eventually([&] { return has(read_text(log), "first"); })) << read_text(log);
  follower.send_signal(SIGSTOP);
  write_text(go, "");
  ASSERT_TRUE(eventually([&] { return has(cluster.escape({"jobs", "list"}).out, "ok"); }, Seconds(120)));
  expect_deploys(cluster, "stage");
  follower.send_signal(SIGCONT);
  EXPECT_EQ(follower.wait(Seconds(120)), 0) << "see " << log;
  const std::string text = read_text(log);
  EXPECT_EQ(count_of(text, "much to say"), 300'000);
  EXPECT_TRUE(has(text, "the last word"));
}

TEST(Overload, GarbageAndHalfOpenConnectionsDisturbNobody) {
  Cluster cluster({"test"});
  publish_hello_world(cluster);
  std::vector<Process> knocking;
  for (const char* socket : {"agents", "clients", "events"}) {
    for (const char* mode : {"silent", "garbage"}) {
      const std::string out = cluster.folder() + "/knock-" + socket + "-" + mode;
      knocking.emplace_back(
          cluster.on("controller", {test_program("flood_probe"), mode, cluster.address(),
                                    std::to_string(cluster.port(socket)), std::to_string(connections_per_socket)}),
          Process::Options{.output_file = out, .error_file = out});
      ASSERT_TRUE(eventually([&] { return has(read_text(out), "open "); })) << read_text(out);
    }
  }
  expect_deploys(cluster, "test");
  const Ran agents = cluster.escape({"agents", "list"});
  EXPECT_TRUE(has(agents.out, "online")) << agents.all();
  EXPECT_FALSE(has(cluster.agent_log("test"), "trying again")) << cluster.agent_log("test");
  EXPECT_LT(count_lines(cluster.folder() + "/controller.log"), 100);
  knocking.clear();
  expect_deploys(cluster, "test");
}

TEST(Overload, WhatNobodyCanReadDoesNotFillTheLog) {
  Cluster cluster({"test"});
  const std::string key_file = key_file_in(cluster.folder() + "/config");
  std::vector<Process> senders;
  for (const char* socket : {"clients", "agents"}) {
    const std::string out = cluster.folder() + "/malformed-" + socket;
    senders.emplace_back(cluster.on("controller", {test_program("flood_probe"), "malformed", endpoint(cluster, socket),
                                                   server_key(cluster), key_file, std::to_string(malformed_messages)}),
                         Process::Options{.output_file = out, .error_file = out});
    ASSERT_TRUE(eventually([&] { return has(read_text(out), "sent "); }, Seconds(60))) << read_text(out);
  }
  EXPECT_EQ(cluster.escape({"status"}).exit_status, 0);
  EXPECT_GE(count_of(cluster.controller_log(), "refused a message"), 1) << cluster.controller_log();
  EXPECT_LE(count_of(cluster.controller_log(), "refused a message"), 3) << "one a minute";
  EXPECT_LT(count_lines(cluster.folder() + "/controller.log"), 30);
}

TEST(Overload, ARemovedPrincipalLosesItsConnections) {
  Cluster cluster({"test"});
  const Ran invited = cluster.escape({"principals", "invite", "watcher", "--role", "reader"});
  ASSERT_EQ(invited.exit_status, 0) << invited.all();
  const std::string config = cluster.folder() + "/config-of-watcher";
  fs::create_directories(config);
  const std::string out = cluster.folder() + "/login.out";
  Process login(cluster.on("controller", {program("escape"), "login", "--controller",
                                          cluster.address() + ":" + std::to_string(cluster.port("clients")), "--token",
                                          first_line(invited.out)}),
                {.folder = cluster.workspace(),
                 .environment = {{"XDG_CONFIG_HOME", config}, {"HOME", config}, {"CI", "true"}},
                 .output_file = out,
                 .error_file = out});
  ASSERT_EQ(login.wait(), 0) << read_text(out);

  const std::string own = cluster.folder() + "/own.out", removed = cluster.folder() + "/removed.out";
  Process stays = start_listener(cluster, key_file_in(cluster.folder() + "/config"), own);
  Process watcher = start_listener(cluster, key_file_in(config), removed);
  ASSERT_TRUE(eventually([&] { return has(read_text(removed), "subscribed\n"); })) << read_text(removed);
  ASSERT_TRUE(eventually([&] { return has(read_text(own), "subscribed\n"); })) << read_text(own);
  const Ran gone = cluster.escape({"principals", "remove", "watcher"});
  ASSERT_EQ(gone.exit_status, 0) << gone.all();
  EXPECT_EQ(watcher.wait(Seconds(30)), 69) << "cut off while it listened";
  publish_hello_world(cluster);
  expect_deploys(cluster, "test");
  EXPECT_TRUE(eventually([&] { return has(read_text(own), "service.deployed"); })) << read_text(own);
  EXPECT_FALSE(has(read_text(removed), "service.deployed"));
}

// The short form of `escape_herd` (tests/bench): everybody is back, nobody is greeted twice by one life, and those for
// whom there was no room obeyed.
TEST(Overload, AHerdComesBackAfterEachRestart) {
  Cluster cluster({}, "heartbeat: 500ms\ngreetings_per_second: 25\n");
  Herd herd(cluster, {.agents = 100});
  herd.start();
  ASSERT_TRUE(herd.all_back(Seconds(60))) << herd.facts().back << " of 100";
  EXPECT_EQ(herd.facts().heartbeat, 2'000) << "fifty beats a second for all together";
  for (int i = 0; i < 2; ++i) {
    herd.restart_controller();
    ASSERT_TRUE(herd.all_back(Seconds(60))) << herd.facts().back << " of 100";
    const Herd::Facts facts = herd.facts();
    EXPECT_LE(facts.most_greetings, 2);
    EXPECT_GT(facts.sent_away, 0) << "there was no herd";
    EXPECT_LE(facts.most_in_a_second, 60) << "a burst and two seconds' rate, seen through the clock's seconds";
  }
  const Ran listed = cluster.escape({"agents", "list"});
  EXPECT_EQ(count_of(listed.out, "online"), 100) << listed.out;
  const Ran events = cluster.escape({"events", "--limit", "1000"});
  EXPECT_EQ(count_of(events.out, "agent.lost"), 0) << events.out;
}

}  // namespace
}  // namespace escape::testing
