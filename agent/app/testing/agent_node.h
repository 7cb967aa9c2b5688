#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "agent/app/node.h"
#include "agent/app/testing/fake_controller.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace escape::agent {

/// For tests: a whole agent on its own thread, and the controller's end of its session.
class AgentNode : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("node").value();
    work = folder + "/work";
    ASSERT_TRUE(io::make_folders(work));
    transport::Listener::Options listening;
    listening.endpoints = {"inproc://agents"};
    controller = std::make_unique<FakeController>(transport::Listener::router(context, listening).value());
    options.data_folder = folder + "/data";
    options.endpoint = "inproc://agents";
    options.supervisor_path = ESCAPE_TEST_SUPERVISOR;
    options.limits.first_retry = Millis{20};
  }
  void TearDown() override {
    stop();
    controller.reset();
    (void)io::remove_all(folder);
  }

  void start() {
    stopper = std::make_unique<io::Waker>();
    thread = std::thread([this] {
      Result<std::unique_ptr<Node>> node = Node::make(context, options);
      ASSERT_TRUE(node) << node.error().message;
      const Result<> done = node.value()->run(stopper->descriptor());
      EXPECT_TRUE(done) << done.error().message;
    });
  }
  void stop() {
    if (!thread.joinable()) return;
    stopper->wake();
    thread.join();
  }
  protocol::Hello greet(const protocol::Welcome& welcome = {}) {
    protocol::Hello hello = controller->wait_for<protocol::Hello>();
    controller->send(welcome);
    return hello;
  }
  protocol::Offer workspace_offer(const std::string& script) {
    protocol::Offer offer;
    offer.task = {1, 0};
    offer.environment = "stage";
    offer.deployment = "app";
    offer.step = "deploy";
    offer.package.workspace = work;
    offer.run.inline_script = script;
    return offer;
  }
  /// How the next task ends; its whole output goes to `output`.
  protocol::Finished wait_for_end(std::string* output) {
    output->clear();
    for (;;) {
      const protocol::FromAgent message = controller->next();
      if (const auto* piece = std::get_if<protocol::Output>(&message)) {
        output->resize(piece->offset);  // what is sent again replaces what came before
        *output += piece->bytes.bytes;
      }
      if (const auto* finished = std::get_if<protocol::Finished>(&message)) {
        output->resize(finished->tail_offset);
        *output += finished->tail.bytes;
        return *finished;
      }
      if (testing::Test::HasFailure()) return {};
    }
  }

  std::string folder, work;
  NodeOptions options;
  transport::Context context;
  std::unique_ptr<FakeController> controller;
  std::unique_ptr<io::Waker> stopper;
  std::thread thread;
};

}  // namespace escape::agent
