// Who is not enrolled gets nothing, on any TCP socket of the controller.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

std::string probe() { return std::string(ESCAPE_BUILD_DIR) + "/tests/curve_probe"; }

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

TEST(Access, AnUnknownKeyGetsNothingOnAnySocket) {
  Cluster cluster({"test"});
  const std::string server_key = first_line(read_text(cluster.folder() + "/controller/controller.key"));
  for (const auto& [kind, socket] : {std::pair{"dealer", "agents"}, {"dealer", "clients"}, {"subscriber", "events"}}) {
    const std::string endpoint = "tcp://" + cluster.address() + ":" + std::to_string(cluster.port(socket));
    const std::string out = cluster.folder() + "/probe-" + socket;
    Process knocking(cluster.on("controller", {probe(), kind, endpoint, server_key}),
                     {.output_file = out, .error_file = out});
    EXPECT_EQ(knocking.wait(), 0) << socket << ": " << read_text(out);
    EXPECT_EQ(read_text(out), "refused, 0 messages\n") << socket;
  }
  EXPECT_NE(cluster.controller_log().find("is not enrolled"), std::string::npos) << cluster.controller_log();
  EXPECT_EQ(cluster.escape({"status"}).exit_status, 0);
}

TEST(Access, AnInvitationWorksOnce) {
  Cluster cluster({"test"});
  const Ran invited = cluster.escape({"agents", "invite", "--environment", "test"});
  ASSERT_EQ(invited.exit_status, 0) << invited.all();
  const auto join = [&](const std::string& name) {
    const std::string out = cluster.folder() + "/" + name + ".log";
    Process joining(cluster.on("test", {program("escape-agent"), "join", first_line(invited.out), "--data",
                                        cluster.folder() + "/" + name}),
                    {.output_file = out, .error_file = out});
    const int status = joining.wait();
    return Ran{status, read_text(out), ""};
  };
  EXPECT_EQ(join("a").exit_status, 0);
  const Ran again = join("b");
  EXPECT_EQ(again.exit_status, 5) << again.out;
}

TEST(Access, ARemovedAgentIsCutOff) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  const Ran removed = cluster.escape({"agents", "remove", "test-1"});
  ASSERT_EQ(removed.exit_status, 0) << removed.all();
  EXPECT_EQ(cluster.escape({"agents", "list"}).out.find("test-1"), std::string::npos);
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  const Ran deployed = cluster.escape({"run", "deploy", "quickstart/hello-world-latest", "-e", "test"});
  EXPECT_EQ(deployed.exit_status, 7) << deployed.all();
}

/// A copied image or data folder: neither host is served, nothing runs, and people are told how to get out.
TEST(Access, ACopiedKeyServesNobody) {
  Cluster cluster({"test", "live"});
  const std::string data = cluster.folder() + "/agent-test";
  const std::string copy = cluster.folder() + "/copied";
  std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
  const std::string log = cluster.folder() + "/copied.log";
  Process copied(cluster.on("live", {program("escape-agent"), "--data", copy}),
                 {.output_file = log, .error_file = log});
  ASSERT_TRUE(eventually([&] { return cluster.escape({"agents", "list"}).out.find("conflict") != std::string::npos; },
                         Seconds(90)))
      << cluster.agent_log("test") << read_text(log);
  const Ran told = cluster.escape({"agents", "list"});
  EXPECT_NE(told.err.find("escape agents remove test-1"), std::string::npos) << told.all();
  EXPECT_NE(cluster.escape({"events"}).out.find("agent.conflict"), std::string::npos);

  copied.kill_hard();
  cluster.kill_agent("test");
  ASSERT_EQ(cluster.escape({"agents", "remove", "test-1"}).exit_status, 0);
  const Ran invited = cluster.escape({"agents", "invite", "--environment", "test", "--name", "test-1"});
  ASSERT_EQ(invited.exit_status, 0) << invited.all();
  Process join(
      cluster.on("test", {program("escape-agent"), "join", first_line(invited.out), "--data", data, "--again"}),
      {.output_file = log, .error_file = log});
  ASSERT_EQ(join.wait(), 0) << read_text(log);
  cluster.start_agent("test");
  cluster.write_hello_world();
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  EXPECT_EQ(cluster.escape({"run", "deploy", "quickstart/hello-world-latest", "-e", "test"}).exit_status, 0);
}

}  // namespace
}  // namespace escape::testing
