#include <gmock/gmock.h>

#include "controller/core/engine.h"
#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace automatic_test {

namespace request = protocol::request;
using protocol::TaskOutcome;
using ::testing::Contains;
using ::testing::HasSubstr;

struct AutomaticTest : ::testing::Test {
  AutomaticTest() {
    for (const char* id : {"pp/aa-v1", "pp/aa-v2", "pp/bb-v1", "pp/bb-v2"}) {
      h.releases[id] = make_release(id, {"deploy", "smoke", "destroy"});
    }
    h.releases["pp/aa-latest"] = h.releases["pp/aa-v1"];
    agent = &h.enrol("s1", "stage");
  }
  void apply(std::vector<std::pair<std::string, std::string>> wanted, bool is_automatic = true) {
    request::ApplyEnvironment asked;
    asked.environment = "stage";
    asked.converge = state::ConvergePolicy{.is_automatic = is_automatic, .every = 5min};
    for (auto& [name, release] : wanted) asked.deployments.push_back({name, release, {}});
    h.ask(asked);
  }
  void publish(const std::string& id) {
    h.releases[id] = make_release(id, {"deploy", "smoke", "destroy"});
    h.releases["pp/aa-latest"] = h.releases[id];
    h.feed(input::Published{h.releases[id], "ann"});
  }
  /// Time goes by, and the agent is heard meanwhile.
  void wait(Micros time) {
    const Instant until = h.now.steady + time;
    while (h.now.steady < until) {
      if (agent->session != 0) h.feed(input::AgentMessage{agent->session, agent->key, protocol::Ping{}});
      h.tick(std::min<Micros>(5s, until - h.now.steady));
    }
  }
  /// Until the look that follows everything has been made and another may come at once.
  void pause() {
    wait(1s);
    wait(1s);
  }
  std::size_t deploys() const { return agent->offers.size(); }
  std::string runs(const std::string& deployment) const {
    const auto& last_ok = h.stage(deployment).last_ok;
    return last_ok ? last_ok->version : std::string();
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(AutomaticTest, an_environment_comes_to_what_is_described_by_itself) {
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}});
  EXPECT_EQ(h.status("one"), "ok");
  EXPECT_EQ(h.status("two"), "ok");
  const Job job = h.job(1);
  EXPECT_EQ(job.kind, JobKind::converge);
  EXPECT_EQ(job.principal, "controller");
  EXPECT_TRUE(job.is_automatic);
  EXPECT_EQ(job.outcome, JobOutcome::ok);
  EXPECT_THAT(h.log_texts(1), Contains("Converge: The controller converges by itself: one (not deployed yet), two (not "
                                       "deployed yet)."));
}

TEST_F(AutomaticTest, a_look_that_finds_nothing_leaves_no_trace) {
  apply({{"one", "pp/aa-v1"}});
  pause();
  const State before = h.state();
  const std::size_t told = h.events.size();
  wait(1h);
  EXPECT_EQ(h.state().last_job, before.last_job);
  EXPECT_EQ(h.state().deployments, before.deployments);
  EXPECT_EQ(h.events.size(), told);
}

TEST_F(AutomaticTest, manual_environments_are_left_to_people) {
  apply({{"one", "pp/aa-v1"}}, false);
  h.tick(1h);
  h.restart();
  h.connect(*agent);
  h.tick(1h);
  EXPECT_EQ(h.state().last_job, 0u);
}

TEST_F(AutomaticTest, whatever_changes_what_is_desired_is_noticed_at_once) {
  apply({{"one", "pp/aa-latest"}});
  EXPECT_EQ(runs("one"), "1");
  pause();
  publish("pp/aa-v2");
  EXPECT_EQ(runs("one"), "2");
  pause();
  h.ask(request::SetDeployment{"stage", "one", "", {{"who", "you"}}, {}});
  EXPECT_EQ(*h.stage("one").calculated_inputs.find("who"), Value("you"));
  pause();
  h.ask(request::RequestDeployment{"stage", "one", "smoke"});
  EXPECT_EQ(agent->offers.back().step, "smoke");
  pause();
  h.ask(request::RequestDeployment{"stage", "one", "destroy", true});
  EXPECT_FALSE(h.state().deployments.contains({"stage", "one"}));
}

TEST_F(AutomaticTest, a_release_that_nobody_means_is_not_looked_at) {
  apply({{"one", "pp/aa-v1"}});
  pause();
  h.answers_queries = false;
  h.releases["pp/bb-v3"] = make_release("pp/bb-v3");
  h.feed(input::Published{h.releases["pp/bb-v3"], "ann"});
  h.feed(input::Published{make_release("pp/aa-v3"), "ann"});
  EXPECT_TRUE(h.queries.empty());
  h.feed(input::Published{h.releases["pp/aa-v1"], "ann"});
  EXPECT_EQ(h.queries.size(), 1u);
}

TEST_F(AutomaticTest, many_changes_in_a_row_cost_few_looks) {
  apply({{"one", "pp/aa-latest"}});
  pause();
  const JobId before = h.state().last_job;
  for (int version = 10; version < 60; ++version) publish("pp/aa-v" + std::to_string(version));
  pause();
  EXPECT_EQ(runs("one"), "59");
  EXPECT_LE(h.state().last_job - before, 4u) << "two converges with a child each";
}

TEST_F(AutomaticTest, what_is_deployed_by_hand_is_brought_back) {
  apply({{"one", "pp/aa-v1"}});
  pause();
  request::Submit asked;
  asked.environment = "stage";
  asked.deployment = "one";
  asked.release = "pp/aa-v2";
  h.submit(asked);
  EXPECT_EQ(runs("one"), "1");
}

TEST_F(AutomaticTest, one_that_fails_backs_off_and_does_not_keep_the_others) {
  agent->finishes_at_once = false;
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}});
  const std::vector<JobId> children = h.job(1).children;
  ASSERT_EQ(children.size(), 2u);
  h.finish(*agent, children[0], TaskOutcome::failed);
  h.finish(*agent, children[1]);
  EXPECT_EQ(h.status("two"), "ok");
  EXPECT_EQ(h.stage("one").status.tried, 1);
  agent->finishes_at_once = true;
  agent->outcome = TaskOutcome::failed;
  const std::size_t before = deploys();
  wait(13min);
  EXPECT_GT(deploys(), before + 3) << "it is tried again";
  EXPECT_LT(deploys(), before + 9) << "less and less often";
  h.ask(request::SetDeployment{"stage", "two", "pp/bb-v2", {}, {}});
  wait(1s);
  agent->outcome = TaskOutcome::ok;
  EXPECT_EQ(runs("two"), "1") << "it failed too, and waits";
  wait(6min);
  EXPECT_EQ(runs("two"), "2");
  EXPECT_EQ(h.status("one"), "ok");
}

TEST_F(AutomaticTest, what_cannot_begin_backs_off_too) {
  h.releases["pp/bb-v1"].metadata.provides = {"kube"};
  h.releases["pp/aa-v1"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  apply({{"one", "pp/aa-v1"}});
  EXPECT_EQ(h.status("one"), "pending") << "there is no provider";
  wait(100s);
  EXPECT_LT(h.state().last_job, 14u);
  EXPECT_GT(h.stage("one").status.tried, 2);
  apply({{"two", "pp/bb-v1"}});
  pause();
  EXPECT_EQ(h.status("one"), "ok") << "the provider is there: no need to wait";
}

TEST_F(AutomaticTest, what_failed_before_and_cannot_begin_any_more_backs_off_further_each_time) {
  agent->outcome = TaskOutcome::failed;
  apply({{"one", "pp/aa-v1"}});
  ASSERT_EQ(h.status("one"), "failure");
  h.releases["pp/aa-v2"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  apply({{"one", "pp/aa-v2"}});
  const JobId before = h.state().last_job;
  wait(20min);
  EXPECT_THAT(h.job(h.state().last_job).message, HasSubstr("Missing provider of type 'kube'"));
  EXPECT_LT(h.state().last_job - before, 2u * 12) << "each with the converge that made it";
  EXPECT_GE(h.stage("one").status.tried, 6);
}

TEST_F(AutomaticTest, a_release_that_is_not_there_makes_no_job) {
  apply({{"one", "pp/zz-v1"}});
  wait(20min);
  pause();
  EXPECT_EQ(h.state().last_job, 0u);
  h.releases["pp/zz-v1"] = make_release("pp/zz-v1");
  h.feed(input::Published{h.releases["pp/zz-v1"], "ann"});
  EXPECT_EQ(h.status("one"), "ok");
}

TEST_F(AutomaticTest, what_a_person_has_stopped_stays_so_for_a_while) {
  agent->finishes_at_once = false;
  apply({{"one", "pp/aa-v1"}});
  h.ask(request::CancelJob{1});
  EXPECT_EQ(h.job(1).outcome, JobOutcome::cancelled);
  const JobId last = h.state().last_job;
  h.restart();
  h.connect(*agent);
  wait(4min);
  EXPECT_EQ(h.state().last_job, last);
  agent->finishes_at_once = true;
  wait(61s);
  EXPECT_EQ(h.status("one"), "ok") << "the interval is over";
}

TEST_F(AutomaticTest, what_a_person_has_stopped_comes_with_the_next_change) {
  agent->finishes_at_once = false;
  apply({{"one", "pp/aa-latest"}});
  h.ask(request::CancelJob{1});
  pause();
  agent->finishes_at_once = true;
  publish("pp/aa-v2");
  EXPECT_EQ(runs("one"), "2");
}

TEST_F(AutomaticTest, an_agent_that_comes_back_is_reason_enough) {
  h.disconnect(*agent);
  h.tick(1h);
  apply({{"one", "pp/aa-v1"}});
  for (int i = 0; i < 5; ++i) h.tick(2min);
  EXPECT_EQ(h.stage("one").last_ok, std::nullopt);
  h.connect(*agent);
  pause();
  EXPECT_EQ(h.status("one"), "ok");
}

TEST_F(AutomaticTest, an_environment_without_agents_waits_for_its_first) {
  request::ApplyEnvironment asked;
  asked.environment = "live";
  asked.converge = state::ConvergePolicy{.is_automatic = true};
  asked.deployments = {{"one", "pp/aa-v1", {}}};
  h.ask(asked);
  h.tick(1h);
  EXPECT_EQ(h.state().last_job, 0u);
  h.enrol("l1", "live");
  h.tick(1s);
  EXPECT_EQ(h.status("one", "live"), "ok");
}

TEST_F(AutomaticTest, goes_on_in_the_next_life) {
  h.answers_queries = false;
  apply({{"one", "pp/aa-latest"}});
  h.answers_queries = true;
  h.restart();
  h.connect(*agent);
  pause();
  EXPECT_EQ(runs("one"), "1") << "a look that was under way is made again";
  h.restart();
  h.connect(*agent);
  h.releases["pp/aa-latest"] = h.releases["pp/aa-v2"];
  wait(301s);
  EXPECT_EQ(runs("one"), "2") << "and the interval counts";
}

TEST_F(AutomaticTest, what_was_cut_off_waits_for_a_person) {
  agent->finishes_at_once = false;
  apply({{"one", "pp/aa-v1"}});
  const JobId child = h.job(1).children.at(0);
  h.disconnect(*agent);
  h.tick(1h);
  agent->boot_id = "boot-2";
  agent->journal.clear();
  h.connect(*agent);
  ASSERT_EQ(h.job(child).outcome, JobOutcome::interrupted);
  EXPECT_TRUE(h.stage("one").status.is_cut_off);
  agent->finishes_at_once = true;
  const JobId last = h.state().last_job;
  wait(30min);
  pause();
  EXPECT_EQ(h.state().last_job, last);
  h.ask(request::RequestDeployment{"stage", "one", "deploy"});
  EXPECT_EQ(h.status("one"), "ok");
}

TEST_F(AutomaticTest, what_nobody_described_is_left_alone) {
  apply({});
  agent->outcome = TaskOutcome::failed;
  h.deploy("pp/bb-v1");
  const JobId last = h.state().last_job;
  wait(30min);
  pause();
  EXPECT_EQ(h.state().last_job, last);
  agent->outcome = TaskOutcome::ok;
  h.ask(request::RequestDeployment{"stage", "pp/bb", "destroy"});
  EXPECT_EQ(h.status("pp/bb"), "empty") << "but for what is asked for";
}

TEST_F(AutomaticTest, a_policy_may_be_taken_back_at_any_time) {
  h.answers_queries = false;
  apply({{"one", "pp/aa-v1"}});
  ASSERT_EQ(h.queries.size(), 1u);
  apply({}, false);
  h.feed(input::Resolved{h.queries[0].job, std::vector{h.releases["pp/aa-v1"]}});
  h.tick(1h);
  EXPECT_EQ(h.state().last_job, 0u);
  h.feed(input::Resolved{h.queries[0].job, std::vector{h.releases["pp/aa-v1"]}});
  EXPECT_NE(h.last.ignored, "");
}

TEST_F(AutomaticTest, two_looks_and_a_converge_by_hand_never_meet) {
  h.answers_queries = false;
  apply({{"one", "pp/aa-v1"}});
  request::Submit asked;
  asked.kind = JobKind::converge;
  asked.environment = "stage";
  const JobId manual = h.submit(asked);
  ASSERT_EQ(h.queries.size(), 2u);
  h.answers_queries = true;
  h.feed(input::Resolved{h.queries[0].job, std::vector{h.releases["pp/aa-v1"]}});
  EXPECT_EQ(h.state().last_job, manual);
  h.feed(input::Resolved{h.queries[1].job, std::vector{h.releases["pp/aa-v1"]}});
  pause();
  EXPECT_EQ(h.status("one"), "ok");
  EXPECT_EQ(h.state().last_job, manual + 1);
}

TEST_F(AutomaticTest, an_embedded_controller_does_what_its_command_asks_for) {
  Settings settings;
  settings.is_embedded = true;
  Harness embedded(settings);
  request::ApplyEnvironment asked;
  asked.environment = "stage";
  asked.converge = state::ConvergePolicy{.is_automatic = true};
  asked.deployments = {{"one", "pp/aa-v1", {}}};
  embedded.ask(asked);
  embedded.tick(1h);
  EXPECT_EQ(embedded.state().last_job, 0u);
}

TEST_F(AutomaticTest, a_value_made_of_the_time_is_no_change) {
  h.releases["pp/aa-v1"].metadata.inputs = {{.id = "at", .fallback = Value("$__timestamp()")}};
  agent->finishes_at_once = false;
  apply({{"one", "pp/aa-v1"}});
  wait(10s);
  h.finish(*agent, h.job(1).children.at(0));
  ASSERT_EQ(h.status("one"), "ok");
  const JobId last = h.state().last_job;
  wait(20min);
  EXPECT_EQ(h.state().last_job, last);
}

}  // namespace automatic_test
}  // namespace escape::controller::testing
