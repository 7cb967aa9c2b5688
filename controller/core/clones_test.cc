// One key on two hosts: nobody is served. A host that restarts is no clone.

#include <gmock/gmock.h>

#include <algorithm>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace clones_test {

using ::testing::HasSubstr;

struct ClonesTest : ::testing::Test {
  ClonesTest() { agent = &h.enrol("web1", "stage", false); }

  /// A process on that machine says Hello in a session of its own, which is returned; what it heard is in `heard`.
  SessionId greet(const std::string& process, const std::string& machine) {
    const SessionId session = ++h.last_session;
    h.connected[session] = agent;
    agent->heard.clear();
    protocol::Hello hello;
    hello.placement = "environment";
    hello.process = process;
    hello.host.machine_id = machine;
    hello.host.hostname = "host-" + machine;
    h.feed(input::AgentMessage{session, agent->key, hello});
    return session;
  }
  void conflict() {
    for (const char* process : {"p1", "p2", "p1", "p2", "p1"}) greet(process, "a");
  }
  bool was_welcomed() const {
    // The session that was taken over hears a refusal at the same time.
    return std::ranges::any_of(agent->heard, [](const protocol::ToAgent& message) {
      return std::holds_alternative<protocol::Welcome>(message);
    });
  }
  std::string refusal() const {
    for (const protocol::ToAgent& message : agent->heard) {
      if (const auto* refused = std::get_if<protocol::Refused>(&message)) return refused->message;
    }
    return {};
  }

  Harness h;
  ScriptedAgent* agent;
};

TEST_F(ClonesTest, restarts_and_reconnects_are_fine) {
  greet("p1", "a");
  EXPECT_TRUE(was_welcomed());
  greet("p1", "a");
  EXPECT_TRUE(was_welcomed()) << "the same process on a new connection";
  for (int i = 2; i < 20; ++i) {
    greet("p" + std::to_string(i), "a");
    EXPECT_TRUE(was_welcomed()) << "restart " << i;
  }
  EXPECT_EQ(h.core->liveness("web1"), "online");
  EXPECT_FALSE(h.told("agent.conflict"));
}

TEST_F(ClonesTest, a_late_greeting_of_a_dead_process_is_fine) {
  greet("p1", "a");
  greet("p2", "a");
  greet("p1", "a");
  EXPECT_TRUE(was_welcomed());
  greet("p2", "a");
  EXPECT_TRUE(was_welcomed()) << "it went on living";
  EXPECT_FALSE(h.told("agent.conflict"));
}

TEST_F(ClonesTest, two_processes_that_keep_coming_back_are_not_served) {
  conflict();
  EXPECT_FALSE(was_welcomed());
  EXPECT_THAT(refusal(), HasSubstr("escape agents remove web1"));
  EXPECT_TRUE(h.told("agent.conflict"));
  EXPECT_EQ(h.core->liveness("web1"), "conflict");
  greet("p3", "a");
  EXPECT_FALSE(was_welcomed()) << "nor anybody else with that key";
}

TEST_F(ClonesTest, another_machine_is_refused_for_good) {
  greet("p1", "a");
  const std::size_t before = h.events.size();
  greet("p2", "b");
  EXPECT_THAT(refusal(), HasSubstr("escape-agent join TOKEN --again"));
  EXPECT_TRUE(h.told("agent.conflict"));
  EXPECT_EQ(h.events.size(), before + 1);
  greet("p3", "c");
  EXPECT_EQ(h.events.size(), before + 1) << "whoever holds the key can't fill the log with machines";
  h.tick(31s);
  EXPECT_EQ(h.core->liveness("web1"), "offline");
  greet("p2", "b");
  EXPECT_FALSE(was_welcomed()) << "the first may only be out of reach";
  EXPECT_EQ(h.events.size(), before + 2) << "the conflict is told once, the loss once";
  h.restart();
  greet("p2", "b");
  EXPECT_FALSE(was_welcomed()) << "it is known after a restart, too";
  greet("p1", "a");
  EXPECT_TRUE(was_welcomed());
}

TEST_F(ClonesTest, the_conflict_is_kept_until_the_agent_is_removed) {
  conflict();
  h.restart();
  greet("p1", "a");
  EXPECT_FALSE(was_welcomed());
  EXPECT_EQ(h.core->liveness("web1"), "conflict");
  EXPECT_TRUE(std::holds_alternative<protocol::reply::Done>(h.ask(protocol::request::RemoveAgent{"web1"})));
  EXPECT_FALSE(h.state().agents.contains("web1"));
}

TEST_F(ClonesTest, a_deploy_says_why_it_waits) {
  h.releases["pp/app-v1.0"] = make_release("pp/app-v1.0");
  conflict();
  const JobId job = h.deploy("pp/app-v1.0");
  h.tick(61s);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(h.job(job).message, HasSubstr("web1, whose key two hosts use"));
}

}  // namespace clones_test
}  // namespace escape::controller::testing
