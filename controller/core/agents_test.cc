#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace agents_test {

using ::testing::HasSubstr;

const std::string app = "pp/app-v1.0";

struct AgentsTest : ::testing::Test {
  AgentsTest() {
    h.releases[app] = make_release(app);
    agent = &h.enrol("s1", "stage");
    agent->finishes_at_once = false;
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(AgentsTest, silence_makes_suspect_then_lost_and_tasks_unknown) {
  const JobId job = h.deploy(app);
  EXPECT_EQ(h.core->liveness("s1"), "online");
  h.tick(16s);
  EXPECT_EQ(h.core->liveness("s1"), "suspect");
  h.feed(input::AgentMessage{agent->session, agent->key, protocol::Ping{}});
  EXPECT_EQ(h.core->liveness("s1"), "online");
  h.tick(14s);
  EXPECT_EQ(h.core->liveness("s1"), "online");
  h.tick(16s);
  EXPECT_EQ(h.core->liveness("s1"), "offline");
  EXPECT_EQ(agent->session, 0u) << "its session is closed: it must greet again";
  EXPECT_TRUE(h.told("agent.lost"));
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::unknown);
  EXPECT_THAT(h.job(job).message, HasSubstr("its script may still be running"));
  h.enrol("s2", "stage");
  h.tick(600s);
  EXPECT_EQ(h.agents["s2"]->offers.size(), 0u) << "never handed to another agent";
  h.connect(*agent);
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::accepted);
  EXPECT_EQ(h.job(job).message, "");
  h.finish(*agent, job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(agent->starts.size(), 1u);
}

TEST_F(AgentsTest, an_accepted_task_that_the_agent_no_longer_holds_was_interrupted) {
  const JobId job = h.deploy(app);
  h.disconnect(*agent);
  agent->journal.clear();
  h.connect(*agent);
  EXPECT_EQ(h.job(job).error_kind, "unknown");
  EXPECT_EQ(agent->starts.size(), 1u);
}

TEST_F(AgentsTest, an_offer_that_got_lost_is_made_again_with_the_same_attempt) {
  agent->is_deaf = true;
  const JobId job = h.deploy(app);
  h.disconnect(*agent);
  h.tick(100s);
  agent->is_deaf = false;
  h.connect(*agent);
  EXPECT_EQ(agent->offers.at(agent->offers.size() - 1).attempt, 1u);
  h.finish(*agent, job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
}

TEST_F(AgentsTest, a_job_waits_for_its_agent_and_then_fails_with_a_hint) {
  h.disconnect(*agent);
  const JobId job = h.deploy(app);
  h.tick(3s);
  EXPECT_EQ(h.job(job).message, "Waiting for agent s1, last seen at 2027-01-15T08:00:00.000000Z");
  h.tick(h.settings.agent_wait);
  EXPECT_EQ(h.job(job).error_kind, "unreachable");
  EXPECT_THAT(h.job(job).hint, HasSubstr("escape agents remove s1"));
  const JobId lucky = h.deploy(app);
  h.tick(1s);
  h.connect(*agent);
  h.finish(*agent, lucky);
  EXPECT_EQ(h.job(lucky).outcome, JobOutcome::ok);
}

TEST_F(AgentsTest, a_deployment_stays_on_its_agent_and_new_ones_spread) {
  h.releases["pp/bb-v1"] = make_release("pp/bb-v1");
  ScriptedAgent& second = h.enrol("s2", "stage");
  const JobId a = h.deploy(app);
  const JobId b = h.deploy("pp/bb-v1");
  EXPECT_EQ(h.state().deployments.at({"stage", "pp/app"}).agent, "s1");
  EXPECT_EQ(h.state().deployments.at({"stage", "pp/bb"}).agent, "s2") << "the one with less to do";
  h.finish(*agent, a);
  EXPECT_EQ(h.job(a).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(b).outcome, JobOutcome::ok);
  h.deploy("pp/bb-v1");
  EXPECT_EQ(second.offers.size(), 2u);
}

TEST_F(AgentsTest, the_newest_session_wins_and_a_repeated_greeting_changes_nothing) {
  const JobId job = h.deploy(app);
  const SessionId old = agent->session;
  h.feed(input::AgentMessage{old, agent->key, protocol::Hello{}});
  EXPECT_EQ(h.last.ignored, "this session has greeted already");
  h.connect(*agent);
  EXPECT_EQ(h.connected.count(old), 0u);
  h.feed(input::AgentMessage{old, agent->key, protocol::Accepted{{job, 1}, 1}});
  EXPECT_THAT(h.last.ignored, HasSubstr("replaced"));
  h.feed(input::AgentMessage{old, agent->key, protocol::Hello{}});
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::accepted) << "an overtaken greeting";
}

TEST_F(AgentsTest, held_tasks_that_nobody_wants_are_forgotten) {
  agent->journal[{50, 0}] = {1, false, {}};
  agent->journal[{51, 0}] = {1, true, {}};
  h.connect(*agent);
  for (const protocol::ToAgent& message : agent->heard) {
    const auto* welcome = std::get_if<protocol::Welcome>(&message);
    if (!welcome || (welcome->cancel.empty() && welcome->forget.empty())) continue;
    EXPECT_EQ(welcome->forget, (std::vector<TaskId>{{50, 0}, {51, 0}})) << "a script is not cut off for that";
    return;
  }
  ADD_FAILURE() << "not told";
}

TEST_F(AgentsTest, a_controller_restart_continues_where_it_was) {
  const JobId running = h.deploy(app);
  const JobId queued = h.deploy(app);
  h.restart();
  EXPECT_EQ(h.job(running).phase, JobPhase::running);
  h.connect(*agent);
  h.finish(*agent, running);
  EXPECT_EQ(h.job(running).outcome, JobOutcome::ok);
  h.answers_queries = false;
  h.finish(*agent, queued);
  EXPECT_EQ(h.job(queued).outcome, JobOutcome::ok);
  const JobId resolving = h.deploy(app);
  h.answers_queries = true;
  h.restart();
  h.connect(*agent);
  h.finish(*agent, resolving);
  EXPECT_EQ(h.job(resolving).outcome, JobOutcome::ok) << "asked again";
}

TEST_F(AgentsTest, after_a_restart_a_missing_agent_makes_the_task_unknown) {
  const JobId job = h.deploy(app);
  h.restart();
  h.tick(h.settings.agent_wait);
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::accepted) << "it may still be on its way back";
  h.tick(h.settings.return_lease);
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::unknown);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
}

TEST_F(AgentsTest, removing_an_agent) {
  EXPECT_EQ(h.refusal(protocol::request::RemoveAgent{"nobody"}).kind, "not_found");
  const JobId job = h.deploy(app);
  EXPECT_EQ(h.refusal(protocol::request::RemoveAgent{"s1"}).message, "Agent s1 works on job 1.");
  h.tick(100s);
  h.ask(protocol::request::RemoveAgent{"s1"});
  EXPECT_EQ(h.job(job).error_kind, "unknown");
  EXPECT_FALSE(h.core->is_allowed("agents", test_key("s1")));
  h.connect(*agent);
  EXPECT_TRUE(h.connected.empty()) << "refused";
}

TEST_F(AgentsTest, what_lived_on_a_removed_one_says_so_when_it_moves) {
  agent->finishes_at_once = true;
  h.deploy(app);
  h.enrol("s2", "stage");
  h.ask(protocol::request::RemoveAgent{"s1"});
  protocol::request::Submit destroy;
  destroy.kind = JobKind::destroy;
  destroy.environment = "stage";
  destroy.deployment = "pp/app";
  h.releases[app].metadata.stages["destroy"].script = "destroy.sh";
  const JobId job = h.submit(destroy);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(h.log_texts(job), ::testing::Contains(::testing::HasSubstr(
                                    "pp/app lived on agent s1, which has been removed: its steps run on s2")));
}

TEST_F(AgentsTest, an_invitation_admits_one_key) {
  protocol::request::Invite invite;
  invite.role = "agent";
  invite.environment = "live";
  invite.key = test_key("token");
  invite.labels = {{"tier", "web"}};
  h.ask(invite);
  EXPECT_TRUE(h.core->is_allowed("agents", invite.key));
  EXPECT_FALSE(h.core->is_allowed("clients", invite.key));
  protocol::Join join;
  join.public_key = test_key("new");
  join.host.hostname = "s1";
  const auto send = [&] {
    h.feed(input::AgentMessage{++h.last_session, invite.key, join});
    return h.last.to_agents.at(0).message;
  };
  EXPECT_EQ(std::get<protocol::Joined>(send()).agent, "s1-2") << "names are unique";
  EXPECT_EQ(std::get<protocol::Joined>(send()).agent, "s1-2") << "answered again";
  EXPECT_EQ(h.state().agents.at("s1-2").labels.at("tier"), "web");
  EXPECT_TRUE(h.state().environments.contains("live"));
  join.public_key = test_key("thief");
  EXPECT_TRUE(std::get<protocol::Refused>(send()).is_final);
  invite.key = test_key("late");
  h.ask(invite);
  h.tick(std::chrono::hours(25));
  EXPECT_FALSE(h.core->is_allowed("agents", invite.key));
  EXPECT_TRUE(std::get<protocol::Refused>(send()).is_final);
}

}  // namespace agents_test
}  // namespace escape::controller::testing
