#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace fleet_test {

const std::string app = "pp/app-v1.0";

Settings settings(int beats_per_second) {
  Settings made;
  made.heartbeat = 1s;
  made.fleet_beats_per_second = beats_per_second;
  return made;
}

std::string name_of_agent(int number) { return "s" + std::to_string(number); }

template <class Message>
const Message& last_heard(const ScriptedAgent& agent) {
  for (auto message = agent.heard.rbegin(); message != agent.heard.rend(); ++message) {
    if (const auto* wanted = std::get_if<Message>(&*message)) return *wanted;
  }
  static const Message none;
  ADD_FAILURE() << agent.name << " did not hear it";
  return none;
}

struct FleetTest : ::testing::Test {
  void enrol(int count) {
    for (int i = 1; i <= count; ++i) h.enrol(name_of_agent(i), "stage");
  }
  ScriptedAgent& agent(int number) { return *h.agents.at(name_of_agent(number)); }
  Millis ping(int number) {
    h.feed(input::AgentMessage{agent(number).session, agent(number).key, protocol::Ping{}});
    return last_heard<protocol::Pong>(agent(number)).heartbeat;
  }
  int told(std::string_view kind) const {
    return static_cast<int>(std::ranges::count_if(h.events, [&](const auto& event) { return event.kind == kind; }));
  }
  Harness h{settings(1)};
};

TEST_F(FleetTest, the_pace_keeps_the_whole_fleet_within_its_beats) {
  enrol(5);
  EXPECT_EQ(last_heard<protocol::Welcome>(agent(1)).heartbeat, 1s);
  EXPECT_EQ(last_heard<protocol::Welcome>(agent(5)).heartbeat, 5s);
  EXPECT_EQ(ping(1), 5s) << "who is here already learns it with the next answer";
  h.disconnect(agent(4));
  h.disconnect(agent(5));
  EXPECT_EQ(ping(1), 3s);
}

TEST(Fleet, a_thousand_agents_beat_fifty_times_a_second_and_a_few_at_the_shortest_pace) {
  for (const auto& [fleet, pace] : {std::pair{1, 10'000ms}, {10, 10'000ms}, {40, 20'000ms}}) {
    Settings made;
    made.fleet_beats_per_second = 2;
    Harness h(made);
    for (int i = 1; i <= fleet; ++i) h.enrol(name_of_agent(i), "stage");
    EXPECT_EQ(last_heard<protocol::Welcome>(*h.agents.at(name_of_agent(fleet))).heartbeat, pace) << fleet;
  }
  EXPECT_EQ(Settings().fleet_beats_per_second, 50);
}

TEST_F(FleetTest, silence_is_measured_by_the_pace_that_the_agent_knows) {
  enrol(4);
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(ping(i), 4s);
  for (int i = 2; i <= 4; ++i) h.disconnect(agent(i));
  h.tick(3s);
  EXPECT_EQ(ping(1), 1s);
  h.tick(5s);
  EXPECT_EQ(h.core->liveness("s1"), "online") << "it may not have heard yet of the shorter one";
  h.tick(7s);
  EXPECT_EQ(h.core->liveness("s1"), "offline") << "three beats of four seconds";
  h.connect(agent(1));
  EXPECT_EQ(ping(1), 1s);
  h.tick(2s);
  EXPECT_EQ(h.core->liveness("s1"), "suspect");
  h.tick(1s);
  EXPECT_EQ(h.core->liveness("s1"), "offline");
}

TEST_F(FleetTest, nobody_is_lost_because_the_controller_was_away) {
  enrol(3);
  const int connected = told("agent.connected");
  h.disconnect(agent(3));
  h.tick(10s);
  ASSERT_EQ(told("agent.lost"), 3);
  h.connect(agent(1));
  h.connect(agent(2));
  h.restart();
  EXPECT_EQ(h.core->liveness("s1"), "suspect");
  EXPECT_EQ(h.core->liveness("s3"), "offline") << "it was lost before";
  h.tick(h.settings.return_lease - 1s);
  EXPECT_EQ(told("agent.lost"), 3);
  h.connect(agent(1));
  EXPECT_EQ(last_heard<protocol::Welcome>(agent(1)).heartbeat, 2s) << "who is expected back counts";
  EXPECT_EQ(h.core->liveness("s1"), "online");
  EXPECT_EQ(told("agent.connected"), connected + 2) << "it never was away";
  h.tick(1s);
  EXPECT_EQ(h.core->liveness("s2"), "offline");
  EXPECT_EQ(told("agent.lost"), 4);
  EXPECT_EQ(ping(1), 1s);
  h.restart();
  EXPECT_EQ(h.core->liveness("s1"), "suspect");
  EXPECT_EQ(h.core->liveness("s2"), "offline");
}

TEST_F(FleetTest, a_job_waits_longer_for_an_agent_that_is_expected_back) {
  h.releases[app] = make_release(app);
  enrol(1);
  agent(1).is_deaf = true;
  const JobId job = h.deploy(app);
  h.restart();
  agent(1).is_deaf = false;
  h.tick(h.settings.agent_wait + 1s);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  h.connect(agent(1));
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
}

TEST_F(FleetTest, a_controller_that_was_stopped_calls_nobody_lost_for_it) {
  enrol(2);
  h.now.steady = h.now.steady + 600s;
  h.feed(input::Resumed{});
  h.feed(input::Tick{});
  EXPECT_EQ(h.core->liveness("s1"), "online");
  EXPECT_EQ(told("agent.lost"), 0);
  h.tick(2s);
  EXPECT_EQ(h.core->liveness("s1"), "suspect");
  h.tick(1s);
  EXPECT_EQ(h.core->liveness("s1"), "offline");
}

TEST_F(FleetTest, output_under_way_is_shared_among_the_jobs) {
  h.releases[app] = make_release(app);
  enrol(1);
  agent(1).finishes_at_once = false;
  const JobId job = h.deploy(app);
  EXPECT_EQ(agent(1).offers.at(0).credit, protocol::default_credit);
  const auto credit = [&] {
    h.feed(input::AgentMessage{agent(1).session, agent(1).key, protocol::Output{{job, 1}, 1, 0, Binary{"x"}}});
    return last_heard<protocol::OutputAck>(agent(1)).credit;
  };
  EXPECT_EQ(credit(), protocol::default_credit);
  for (int i = 0; i < 128; ++i) h.deploy(app);
  EXPECT_LT(credit(), protocol::default_credit);
  EXPECT_GE(credit(), protocol::max_output_chunk) << "a chunk always fits";
  h.connect(agent(1));
  EXPECT_LT(last_heard<protocol::Welcome>(agent(1)).credit, protocol::default_credit);
}

}  // namespace fleet_test
}  // namespace escape::controller::testing
