#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

/// Promotions of several deployments start together or not at all.
namespace escape::controller::testing {
namespace promote_set_test {

using protocol::request::Submit;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct PromoteSetTest : ::testing::Test {
  PromoteSetTest() {
    h.enrol("test-1", "test");
    live = &h.enrol("live-1", "live");
    for (const char* id : {"qq/app-v1.0", "qq/web-v1.0", "qq/db-v1.0"}) {
      h.releases[id] = make_release(id, {"deploy"});
      h.deploy(id, "test");
    }
    live->finishes_at_once = false;
  }
  Submit promote(std::vector<std::string> together) {
    Submit asked;
    asked.kind = JobKind::promote;
    asked.environment = "live";
    asked.from_environment = "test";
    asked.together = std::move(together);
    return asked;
  }
  void end_all() {
    live->finishes_at_once = true;
    for (const auto& [task, held] : std::map(live->journal)) {
      if (!held.is_finished) h.finish(*live, task.job);
    }
  }
  Result<protocol::reply::Plan> look(const Submit& asked) {
    return Core::plan_job(asked, {},
                          {.state = h.state(),
                           .liveness = [&](const AgentId& name) { return h.core->liveness(name); },
                           .resolve = [&](const release::ReleaseQuery& query) -> Result<release::ReleaseRecord> {
                             return h.releases.at(to_string(query));
                           },
                           .now = h.now.wall});
  }
  Harness h;
  ScriptedAgent* live;
};

TEST_F(PromoteSetTest, AllStartAtTheSameMoment) {
  const JobId set = h.submit(promote({"qq/app", "qq/web", "qq/db"}));
  EXPECT_EQ(live->offers.size(), 3u);
  EXPECT_THAT(h.job(set).children, ElementsAre(set + 1, set + 2, set + 3));
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;
  for (const char* name : {"qq/app", "qq/web", "qq/db"}) EXPECT_EQ(h.status(name, "live"), "ok");
  EXPECT_THAT(h.log_texts(set), Contains("Promote: Promoted 3 deployments from test to live."));
}

TEST_F(PromoteSetTest, NoneStartsWhileOneHasToWait) {
  const JobId before = h.deploy("qq/web-v1.0", "live");
  const JobId set = h.submit(promote({"qq/app", "qq/web"}));
  EXPECT_EQ(live->offers.size(), 1u) << "only the one that was there first";
  EXPECT_FALSE(h.state().deployments.contains({"live", "qq/app"}));
  EXPECT_EQ(h.state().jobs.at(set + 1).message, "waiting for the others of its set");
  h.restart();
  h.connect(*live);
  EXPECT_EQ(h.state().jobs.at(set + 1).message, "waiting for the others of its set");
  h.finish(*live, before);
  EXPECT_EQ(live->offers.size(), 3u);
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok);
}

TEST_F(PromoteSetTest, NoneStartsWhenOneCannot) {
  h.releases["qq/web-v1.0"].sha256 = "another";  // somebody replaced it behind the inventory
  const JobId set = h.submit(promote({"qq/app", "qq/web", "qq/db"}));
  EXPECT_TRUE(live->offers.empty());
  EXPECT_EQ(h.job(set).outcome, JobOutcome::failed);
  EXPECT_THAT(h.job(set).message, HasSubstr("3 of 3 deployments were not promoted to live"));
  EXPECT_EQ(h.job(set + 2).error_kind, "conflict");
  EXPECT_THAT(h.job(set + 1).message, HasSubstr("Not begun, because qq/web of the same promotion could not"));
  EXPECT_FALSE(h.state().deployments.contains({"live", "qq/app"})) << "and nothing has left a trace";
}

TEST_F(PromoteSetTest, WhatIsHeldMeanwhileStopsAll) {
  const JobId before = h.deploy("qq/web-v1.0", "live");
  const JobId set = h.submit(promote({"qq/app", "qq/web"}));
  h.ask(protocol::request::SetHold{.environment = "live", .deployment = "qq/web", .reason = "audit"});
  h.finish(*live, before);
  EXPECT_EQ(h.job(set).outcome, JobOutcome::failed);
  EXPECT_EQ(live->offers.size(), 1u);
}

TEST_F(PromoteSetTest, AFailedScriptDoesNotStopTheOthersAndARetryTakesThoseThatFailed) {
  const JobId set = h.submit(promote({"qq/app", "qq/web"}));
  h.finish(*live, set + 1, protocol::TaskOutcome::failed);
  end_all();
  EXPECT_EQ(h.job(set).message, "1 of 2 deployments were not promoted to live: qq/app.");
  EXPECT_EQ(h.status("qq/web", "live"), "ok");
  const protocol::Reply reply = h.ask(protocol::request::RetryJob{set});
  const JobId again = std::get<protocol::reply::JobMade>(reply).job;
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok) << h.job(again).message;
  EXPECT_EQ(h.job(again).children.size(), 1u);
  EXPECT_EQ(h.status("qq/app", "live"), "ok");
}

TEST_F(PromoteSetTest, ACancelledOneStopsWhatHasBegunAndWhatHasNot) {
  const JobId before = h.deploy("qq/web-v1.0", "live");
  const JobId set = h.submit(promote({"qq/app", "qq/web"}));
  h.ask(protocol::request::CancelJob{set});
  EXPECT_EQ(h.job(set).outcome, JobOutcome::cancelled);
  EXPECT_EQ(h.job(set + 1).outcome, JobOutcome::cancelled);
  h.finish(*live, before);
  EXPECT_EQ(live->offers.size(), 1u);
}

TEST_F(PromoteSetTest, TwoSetsOverTheSameDeploymentsDoNotBlockEachOther) {
  const JobId one = h.submit(promote({"qq/app", "qq/web"}));
  const JobId other = h.submit(promote({"qq/web", "qq/app"}));
  end_all();
  EXPECT_EQ(h.job(one).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(other).outcome, JobOutcome::ok);
}

TEST_F(PromoteSetTest, WhatWasAgreedTo) {
  const Submit asked = promote({"qq/app", "qq/web"});
  const Result<protocol::reply::Plan> plan = look(asked);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan.value().deployments.size(), 2u);
  EXPECT_THAT(plan.value().locks, ElementsAre("qq/app", "qq/web"));
  Submit agreed = asked;
  agreed.plan = plan.value().id;
  h.ask(protocol::request::ApplyEnvironment{.environment = "live", .inputs = Value::Object{{"who", "Env"}}});
  EXPECT_EQ(h.job(h.submit(agreed)).outcome, JobOutcome::failed);
  EXPECT_TRUE(live->offers.empty());
  agreed.plan = look(asked).value().id;
  const JobId set = h.submit(agreed);
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;
}

TEST_F(PromoteSetTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(h.refusal(promote({"qq/app", "qq/app"})).message, "The deployment 'qq/app' is named twice.");
  EXPECT_EQ(h.refusal(promote({"qq/app", "qq/nope"})).kind, "not_found");
  Submit asked = promote({"qq/app", "qq/web"});
  asked.inputs.set("who", "x");
  EXPECT_EQ(h.refusal(asked).kind, "usage");
  asked = promote({"qq/app", "qq/web"});
  asked.kind = JobKind::deploy;
  EXPECT_EQ(h.refusal(asked).kind, "usage");
  asked = promote({"qq/app", "qq/web"});
  asked.with_inputs = {"who"};
  const JobId set = h.submit(asked);
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok);
  EXPECT_EQ(*h.stage("qq/app", "live").inputs.find("who")->as_string(), "World");
}

}  // namespace promote_set_test
}  // namespace escape::controller::testing
