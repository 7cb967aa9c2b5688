#include <gmock/gmock.h>

#include "controller/core/engine.h"
#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace converge_test {

using protocol::TaskOutcome;
using protocol::request::ApplyEnvironment;
using protocol::request::Submit;
using ::testing::Contains;
using ::testing::HasSubstr;

struct ConvergeTest : ::testing::Test {
  ConvergeTest() {
    for (const std::string id : {"pp/aa-v1", "pp/aa-v2", "pp/bb-v1", "pp/cc-v1"}) h.releases[id] = make_release(id);
    h.releases["pp/aa-latest"] = h.releases["pp/aa-v1"];
    agent = &h.enrol("s1", "stage");
  }
  void apply(std::vector<std::pair<std::string, std::string>> wanted, Value::Object inputs = {}) {
    ApplyEnvironment asked;
    asked.environment = "stage";
    for (auto& [name, release] : wanted) asked.deployments.push_back({name, release, inputs});
    h.ask(asked);
  }
  JobId converge(bool refresh = false) {
    Submit asked;
    asked.kind = JobKind::converge;
    asked.environment = "stage";
    asked.refresh = refresh;
    return h.submit(asked);
  }
  std::vector<std::string> plan(bool refresh = false) {
    std::vector<DesiredVersion> desired;
    for (const auto& [key, deployment] : h.state().deployments) {
      if (!deployment.desired) continue;
      auto found = h.releases.find(deployment.desired->query);
      if (found == h.releases.end()) {
        desired.push_back({key, fail(ErrorKind::not_found, "no such release"), {}});
      } else {
        desired.push_back({key, found->second, {}});
      }
    }
    std::vector<std::string> lines;
    for (const protocol::PlannedChange& change : plan_converge(h.state(), "stage", desired, refresh, h.now.wall)) {
      lines.push_back(change.deployment + " " + change.action + " " + change.from + ">" + change.to + " " +
                      change.reason);
    }
    return lines;
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(ConvergeTest, brings_everything_there_at_the_same_time) {
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}, {"three", "pp/cc-v1"}});
  EXPECT_EQ(h.status("one"), "pending");
  agent->finishes_at_once = false;
  const JobId job = converge();
  EXPECT_EQ(h.job(job).children.size(), 3u);
  EXPECT_EQ(agent->offers.size(), 3u) << "independent deployments run at once";
  for (JobId child : h.job(job).children) h.finish(*agent, child);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(h.status("three"), "ok");
  EXPECT_THAT(h.log_texts(job), Contains("Converge: Converging deployment of pp/aa-v1 for deployment one"));
  EXPECT_THAT(h.log_texts(job), Contains("Converge: Deploy one: Running deploy step deploy.sh."));
  const JobId again = converge();
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok);
  EXPECT_TRUE(h.job(again).children.empty());
  EXPECT_THAT(h.log_texts(again),
              Contains("Converge: Skipping deployment one; already deployed (use --refresh to redeploy)"));
}

TEST_F(ConvergeTest, compares_what_is_wanted_with_what_runs) {
  apply({{"one", "pp/aa-latest"}, {"two", "pp/bb-v1"}});
  converge();
  EXPECT_EQ(plan(), (std::vector<std::string>{"one none 1>1 already deployed (use --refresh to redeploy)",
                                              "two none 1>1 already deployed (use --refresh to redeploy)"}));
  EXPECT_THAT(plan(true), Contains("two deploy 1>1 refresh"));
  h.releases["pp/aa-latest"] = h.releases["pp/aa-v2"];
  apply({{"two", "pp/bb-v1"}}, {{"who", "you"}});
  EXPECT_EQ(plan(),
            (std::vector<std::string>{"one deploy 1>2 runs 1, wanted 2", "two deploy 1>1 inputs changed: who"}));
  converge();
  EXPECT_EQ(h.stage("one").last_ok->version, "2");
  EXPECT_EQ(*h.stage("two").calculated_inputs.find("who"), Value("you"));
}

TEST_F(ConvergeTest, one_failure_does_not_stop_the_others_and_is_put_off) {
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}, {"zzz", "pp/unknown-v1"}});
  agent->finishes_at_once = false;
  const JobId job = converge();
  const std::vector<JobId> children = h.job(job).children;
  ASSERT_EQ(children.size(), 2u);
  h.finish(*agent, children[0], TaskOutcome::failed);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  h.finish(*agent, children[1]);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(job).message, "2 deployments in the environment stage failed: zzz, one.");
  EXPECT_EQ(h.status("two"), "ok");
  EXPECT_EQ(h.stage("one").status.tried, 1);
  const std::string first = to_short_text(retry_delay(1, children[0], "one"));
  EXPECT_THAT(h.log_texts(job), Contains("Converge: Marking deployment one to retry in " + first + "."));

  apply({{"zzz", "pp/cc-v1"}});
  agent->finishes_at_once = true;
  agent->outcome = TaskOutcome::failed;
  const JobId early = converge();
  EXPECT_THAT(h.log_texts(early), Contains("Converge: Skipping deployment one; will be retried in " + first + "."));
  h.tick(3s);
  agent->output = "another reason\n";
  const JobId due = converge();
  EXPECT_THAT(h.log_texts(due), Contains("Converge: Retrying deployment of pp/aa-v1 in deployment one."));
  EXPECT_EQ(h.stage("one").status.tried, 2);
  EXPECT_THAT(h.stage("one").status.data, HasSubstr("another reason"));
  EXPECT_THAT(h.log_texts(due), Contains(HasSubstr("Converge: Marking deployment one to retry in ")));
  EXPECT_GT(h.stage("one").status.try_again_at - h.now.wall, Micros(5'500ms));
  agent->outcome = TaskOutcome::ok;
  converge(true);
  EXPECT_EQ(h.status("one"), "ok");
  EXPECT_EQ(h.stage("one").status.tried, 0);
  EXPECT_FALSE(h.stage("one").status.try_again_at.is_set());
}

TEST_F(ConvergeTest, what_is_left_alone_and_not_as_desired_is_not_called_so) {
  agent->outcome = TaskOutcome::failed;
  apply({{"one", "pp/aa-v1"}});
  converge();
  h.ask(protocol::request::SetHold{.environment = "stage", .deployment = "one", .reason = "audit"});
  const JobId job = converge();
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_THAT(h.log_texts(job),
              Contains("Converge: Nothing is done now, and the environment stage is not as desired: one."));
}

TEST_F(ConvergeTest, two_converges_of_one_environment_queue) {
  apply({{"one", "pp/aa-v1"}});
  agent->finishes_at_once = false;
  const JobId first = converge();
  const JobId second = converge();
  EXPECT_EQ(h.job(second).message,
            "waiting for job 1 (local, converge stage, since " + to_rfc3339(h.job(first).started_at) + ")");
  h.finish(*agent, h.job(first).children.at(0));
  EXPECT_EQ(h.job(second).outcome, JobOutcome::ok);
}

TEST_F(ConvergeTest, cancelling_stops_the_children) {
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}});
  agent->finishes_at_once = false;
  const JobId job = converge();
  h.ask(protocol::request::CancelJob{job});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
  EXPECT_EQ(h.status("one"), "failure");
  EXPECT_EQ(h.stage("one").status.tried, 0) << "a cancellation is no failed try";
}

TEST_F(ConvergeTest, survives_a_restart_while_resolving_and_while_running) {
  apply({{"one", "pp/aa-v1"}, {"two", "pp/bb-v1"}});
  h.answers_queries = false;
  const JobId job = converge();
  h.answers_queries = true;
  h.restart();
  agent->finishes_at_once = false;
  h.connect(*agent);
  ASSERT_EQ(h.job(job).children.size(), 2u);
  h.finish(*agent, h.job(job).children[0]);
  h.restart();
  h.connect(*agent);
  h.finish(*agent, h.job(job).children[1]);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
}

TEST_F(ConvergeTest, a_destroyed_deployment_stays_away_until_it_is_wanted_again) {
  apply({{"one", "pp/aa-v1"}});
  converge();
  Submit destroy;
  destroy.kind = JobKind::destroy;
  destroy.environment = "stage";
  destroy.deployment = "one";
  h.submit(destroy);
  const JobId job = converge();
  EXPECT_THAT(h.log_texts(job), Contains("Converge: Skipping deployment one, because its status is set to 'empty'."));
  apply({{"one", "pp/aa-v1"}});
  converge();
  EXPECT_EQ(h.status("one"), "ok");
}

TEST(RetryDelay, grows_to_five_minutes_with_a_fifth_more_or_less) {
  const std::map<int, double> seconds{{1, 2}, {2, 7}, {3, 20}, {4, 54}, {5, 148}, {6, 250}, {100, 250}};
  for (const auto& [tried, base] : seconds) {
    std::set<long> delays;
    double least = 1, most = 0;
    for (JobId job = 1; job <= 200; ++job) {
      const Millis delay = retry_delay(tried, job, "app");
      EXPECT_EQ(delay, retry_delay(tried, job, "app"));
      EXPECT_LE(delay, 5min);
      const double share = static_cast<double>(delay.count()) / 1000 / base;
      least = std::min(least, share);
      most = std::max(most, share);
      delays.insert(static_cast<long>(delay.count()));
    }
    EXPECT_NEAR(least, 0.8, 0.02) << tried;
    EXPECT_NEAR(most, 1.2, 0.02) << tried;
    EXPECT_GT(delays.size(), 100u) << tried;
    EXPECT_NE(retry_delay(tried, 1, "app"), retry_delay(tried, 1, "web")) << tried;
  }
}

TEST_F(ConvergeTest, consumers_come_after_their_providers_and_are_destroyed_before_them) {
  h.releases["pp/bb-v1"].metadata.provides = {"kube"};
  h.releases["pp/aa-v1"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  h.releases["pp/aa-v1"].metadata.inputs = {{.id = "from", .fallback = Value("$kube.deployment")}};
  agent->finishes_at_once = false;
  apply({{"aa", "pp/aa-v1"}, {"bb", "pp/bb-v1"}, {"cc", "pp/cc-v1"}});
  const JobId job = converge();
  const auto offered = [&] {
    std::vector<std::string> names;
    for (const protocol::Offer& offer : agent->offers) names.push_back(offer.deployment);
    return names;
  };
  EXPECT_THAT(offered(), ::testing::UnorderedElementsAre("bb", "cc")) << "independent ones at the same time";
  h.restart();
  h.connect(*agent);
  EXPECT_THAT(h.log_texts(job), Contains(HasSubstr("Waiting for bb (job ")));
  for (const JobId child : h.job(job).children) h.finish(*agent, child);
  EXPECT_EQ(offered().back(), "aa");
  for (const JobId child : h.job(job).children) h.finish(*agent, child);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_EQ(h.stage("aa").calculated_inputs, (Value::Object{{"from", "bb"}}));
  EXPECT_EQ(h.job(converge()).children.size(), 0u) << "as desired";
}

TEST_F(ConvergeTest, a_provider_below_another_comes_with_that_one) {
  h.releases["pp/cc-v1"].metadata.provides = {"kube"};
  h.releases["pp/bb-v1"].metadata.depends = {{.release_id = "pp/cc-v1", .variable = "own"}};
  h.releases["pp/aa-v1"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  h.deploy("pp/bb-v1");
  Submit asked;
  asked.environment = "stage";
  asked.release = "pp/aa-v1";
  asked.deployment = "aa";
  asked.providers = {{"kube", "pp/bb:own"}};
  ASSERT_EQ(h.job(h.submit(asked)).outcome, JobOutcome::ok);
  agent->offers.clear();
  agent->finishes_at_once = false;
  apply({{"aa", "pp/aa-v1"}, {"pp/bb", "pp/bb-v1"}});
  const JobId job = converge(true);
  const auto offered = [&] {
    std::vector<std::string> names;
    for (const protocol::Offer& offer : agent->offers) names.push_back(offer.deployment);
    return names;
  };
  EXPECT_EQ(offered(), (std::vector<std::string>{"pp/bb:own"})) << "the consumer waits for the whole";
  for (int step = 0; step < 3; ++step) {
    for (const JobId child : h.job(job).children) h.finish(*agent, child);
  }
  EXPECT_EQ(offered(), (std::vector<std::string>{"pp/bb:own", "pp/bb", "aa"}));
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
}

TEST_F(ConvergeTest, what_needs_a_provider_that_fails_is_not_tried) {
  h.releases["pp/bb-v1"].metadata.provides = {"kube"};
  h.releases["pp/aa-v1"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  agent->outcome = TaskOutcome::failed;
  apply({{"aa", "pp/aa-v1"}, {"bb", "pp/bb-v1"}});
  const Job job = h.job(converge());
  EXPECT_EQ(job.outcome, JobOutcome::failed);
  ASSERT_EQ(job.children.size(), 2u);
  EXPECT_EQ(h.job(job.children[1]).message,
            "aa needs bb, which was not brought up (job " + std::to_string(job.children[0]) + ").");
  EXPECT_EQ(agent->offers.size(), 1u);
}

TEST_F(ConvergeTest, deployments_that_consume_each_other_are_named) {
  for (const char* id : {"pp/aa-v1", "pp/bb-v1"}) {
    h.releases[id].metadata.provides = {id};
    h.releases[id].metadata.consumes = {
        {.name = id == std::string("pp/aa-v1") ? "pp/bb-v1" : "pp/aa-v1", .variable = "x"}};
  }
  apply({{"aa", "pp/aa-v1"}, {"bb", "pp/bb-v1"}, {"cc", "pp/cc-v1"}});
  const JobId job = converge();
  EXPECT_EQ(h.status("cc"), "ok");
  EXPECT_THAT(h.log_texts(job), Contains(HasSubstr("The deployments aa → bb → aa consume each other.")));
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
}

}  // namespace converge_test
}  // namespace escape::controller::testing
