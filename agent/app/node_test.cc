#include "agent/app/node.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <thread>

#include "agent/app/testing/agent_node.h"
#include "agent/journal/identity.h"
#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::agent::node_test {

using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

TEST_F(AgentNode, RunsAScriptAndForgetsItWhenItsResultIsCommitted) {
  start();
  EXPECT_TRUE(greet().holds.empty());
  const protocol::Offer offer = workspace_offer("echo out; echo err >&2");
  controller->send(offer);
  EXPECT_EQ(controller->wait_for<protocol::Accepted>().task, offer.task);
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
  EXPECT_EQ(finished.output_bytes, 8u);
  // The first line may have left on its own; then the tail begins behind it.
  EXPECT_EQ(finished.tail.bytes, std::string("out\nerr\n").substr(finished.tail_offset));
  controller->send(protocol::ResultCommitted{offer.task, offer.attempt});
  controller->send(offer);
  EXPECT_EQ(controller->wait_for<protocol::Declined>().reason, "already settled");
  EXPECT_FALSE(io::exists(folder + "/data/tasks/1.0.1"));
}

TEST_F(AgentNode, ADataFolderMayBeNamedFromHere) {
  options.data_folder = std::filesystem::relative(folder + "/data").string();
  ASSERT_FALSE(options.data_folder.starts_with('/'));
  start();
  greet();
  controller->send(workspace_offer("echo out"));
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
}

TEST_F(AgentNode, UnpacksAPackageOfThisMachine) {
  io::ArchiveEntry entry;
  entry.path = "deploy.sh";
  entry.content = "#!/bin/sh\necho \"from $ESCAPE_DEPLOYMENT in $ESCAPE_ENVIRONMENT\"; echo '{\"n\":5}' > $1\n";
  const std::string archive = folder + "/app.tgz";
  ASSERT_TRUE(io::pack_archive(archive, "app-v1.0", {entry}));
  start();
  greet();
  protocol::Offer offer = workspace_offer("");
  offer.package = {"project/app-v1.0", archive, io::sha256_of_file(archive).value(), io::file_size(archive).value(),
                   ""};
  offer.run.script = "deploy.sh";
  offer.writes_outputs_file = offer.reads_outputs = true;
  controller->send(offer);
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.outcome, TaskOutcome::ok) << finished.message;
  EXPECT_TRUE(finished.has_outputs);
  EXPECT_EQ(*finished.outputs.find("n"), Value(5));

  offer.task = {2, 0};
  offer.package.sha256 = std::string(64, '0');
  controller->send(offer);
  const protocol::Finished refused = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(refused.outcome, TaskOutcome::not_started);
  EXPECT_NE(refused.message.find("expected 0000"), std::string::npos) << refused.message;
}

TEST_F(AgentNode, StreamsMoreThanTheCreditAndLosesNothing) {
  start();
  greet();
  const protocol::Offer offer = workspace_offer("head -c 3000000 /dev/zero | tr '\\0' x");
  controller->send(offer);
  std::uint64_t committed = 0;
  while (committed + protocol::max_output_chunk < 3'000'000) {
    const protocol::Output output = controller->wait_for<protocol::Output>();
    ASSERT_EQ(output.offset, committed) << "in order, without gaps";
    committed += output.bytes.bytes.size();
    ASSERT_LE(output.bytes.bytes.size(), protocol::max_output_chunk);
    controller->send(protocol::OutputAck{offer.task, offer.attempt, committed, 200'000});
  }
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_LE(finished.tail_offset, 3'000'000u);
  EXPECT_EQ(finished.output_bytes, 3'000'000u);
}

TEST_F(AgentNode, AStoppedAgentsScriptGoesOnAndTheNextLifeReportsIt) {
  start();
  greet();
  ASSERT_EQ(::system(("mkfifo '" + work + "/started' '" + work + "/go'").c_str()), 0);
  const protocol::Offer offer = workspace_offer("echo once >> runs; echo x > started; cat go");
  controller->send(offer);
  ASSERT_EQ(::system(("cat '" + work + "/started' > /dev/null").c_str()), 0);
  stop();
  start();
  const protocol::Hello hello = greet();
  ASSERT_EQ(hello.holds.size(), 1u);
  EXPECT_EQ(hello.holds[0].phase, AgentTaskPhase::running);
  ASSERT_EQ(::system(("echo late > '" + work + "/go'").c_str()), 0);
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.outcome, TaskOutcome::ok);
  EXPECT_EQ(finished.tail.bytes, std::string("late\n").substr(finished.tail_offset));
  stop();
  start();
  EXPECT_EQ(greet().holds.at(0).phase, AgentTaskPhase::finished) << "not committed, so not forgotten";
  EXPECT_EQ(controller->wait_for<protocol::Finished>().outcome, TaskOutcome::ok);
  EXPECT_EQ(io::read_file(work + "/runs").value(), "once\n");
}

TEST_F(AgentNode, CancelReachesTheScript) {
  start();
  greet();
  ASSERT_EQ(::system(("mkfifo '" + work + "/started'").c_str()), 0);
  const protocol::Offer offer = workspace_offer("echo x > started; sleep 1000");
  controller->send(offer);
  ASSERT_EQ(::system(("cat '" + work + "/started' > /dev/null").c_str()), 0);
  controller->send(protocol::Cancel{offer.task, offer.attempt, Millis{100}});
  EXPECT_EQ(controller->wait_for<protocol::Finished>().outcome, TaskOutcome::cancelled);
}

/// Returns when something whose name begins so has been deleted from a folder; false after half a minute.
class Deletions {
 public:
  explicit Deletions(const std::string& folder) : file_(::inotify_init1(IN_CLOEXEC)) {
    EXPECT_GE(::inotify_add_watch(file_.get(), folder.c_str(), IN_DELETE), 0) << folder;
  }
  bool wait_for(std::string_view prefix) {
    const Instant until = read_clocks().steady + Millis{30'000};
    alignas(inotify_event) std::array<char, 4096> buffer{};
    for (;;) {
      pollfd ready{file_.get(), POLLIN, 0};
      const auto left = std::chrono::ceil<Millis>(until - read_clocks().steady);
      if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
      const ssize_t count = ::read(file_.get(), buffer.data(), buffer.size());
      for (ssize_t at = 0; at < count;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        if (event->len > 0 && std::string_view(event->name).starts_with(prefix)) return true;
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
  }

 private:
  io::Fd file_;
};

/// Where the result belongs something else stands in the way, as a full disk would: the agent stays and tries again.
TEST_F(AgentNode, AResultThatCannotBeWrittenIsKeptUntilItCan) {
  start();
  greet();
  ASSERT_EQ(::system(("mkfifo '" + work + "/started' '" + work + "/go'").c_str()), 0);
  const std::string task_folder = folder + "/data/tasks/1.0.1";
  const protocol::Offer offer = workspace_offer("mkdir -p '" + task_folder + "/finished/x'; echo x > started; cat go");
  controller->send(offer);
  ASSERT_EQ(::system(("cat '" + work + "/started' > /dev/null").c_str()), 0);
  Deletions deletions(task_folder);
  ASSERT_EQ(::system(("echo late > '" + work + "/go'").c_str()), 0);
  // What it wrote beside the place and could not move there.
  ASSERT_TRUE(deletions.wait_for(".finished."));
  ASSERT_TRUE(io::remove_all(task_folder + "/finished"));
  EXPECT_EQ(controller->wait_for<protocol::Finished>().outcome, TaskOutcome::ok);
}

/// The state of a workspace was deleted: its controller counts from 1 again.
TEST_F(AgentNode, AResetControllersNumbersAreNotMixedUpWithTheOldOnes) {
  start();
  greet();
  const protocol::Offer offer = workspace_offer("echo old");
  controller->send(offer);
  controller->wait_for<protocol::Finished>();
  controller->send(protocol::ResultCommitted{offer.task, offer.attempt});
  stop();
  controller->instance = std::string(16, 'j');
  start();
  greet();
  controller->send(workspace_offer("echo new"));
  const protocol::Finished finished = controller->wait_for<protocol::Finished>();
  EXPECT_EQ(finished.tail.bytes, std::string("new\n").substr(finished.tail_offset));
}

/// An agent of another host: over CURVE, and bound to the controller that it was enrolled at.
TEST_F(AgentNode, AnEnrolledAgentRefusesAnOlderLifeOfItsController) {
  const KeyPair server = make_key_pair();
  const KeyPair own = make_key_pair();
  std::unique_ptr<transport::Gatekeeper> gatekeeper =
      transport::Gatekeeper::make(
          context, [&](std::string_view, std::string_view key) { return key == own.public_key; },
          [](std::string_view, std::string_view, std::string_view) {})
          .value();
  transport::Listener::Options listening;
  listening.endpoints = {"tcp://127.0.0.1:*"};
  listening.zap_domain = "agents";
  listening.keys = server;
  controller =
      std::make_unique<FakeController>(transport::Listener::router(context, listening).value(), gatekeeper.get());
  options.endpoint = "tcp://127.0.0.1:" + std::to_string(controller->port());
  options.server_key = server.public_key;
  options.keys = own;

  controller->epoch = 5;
  start();
  greet();
  protocol::Offer offer = workspace_offer("true");
  controller->send(offer);
  EXPECT_EQ(controller->wait_for<protocol::Declined>().reason,
            "this agent runs released packages only, not workspaces");
  stop();
  EXPECT_EQ(journal::load_seen_controller(folder + "/data").value().epoch, 5u);
  controller->epoch = 4;
  start();
  greet();
  controller->wait_for<protocol::Hello>();  // it hung up and tries again
  controller->epoch = 6;
  controller->send(protocol::Welcome{});
  controller->send(offer);
  controller->wait_for<protocol::Declined>();
  stop();
  controller.reset();
}

}  // namespace escape::agent::node_test
