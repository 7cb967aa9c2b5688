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
  EXPECT_THAT(h.job(set).message,
              HasSubstr("None of 3 deployments was promoted to live: qq/web-v1.0 in the inventory"));
  EXPECT_EQ(h.job(set).error_kind, "conflict");
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
  const Job stale = h.job(h.submit(agreed));
  EXPECT_EQ(stale.outcome, JobOutcome::failed);
  EXPECT_EQ(stale.error_kind, "conflict");
  EXPECT_TRUE(live->offers.empty());
  agreed.plan = look(asked).value().id;
  const JobId set = h.submit(agreed);
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;
}

TEST_F(PromoteSetTest, AConsumerComesAfterItsProviderOfTheSameSet) {
  release::Metadata& db = h.releases["qq/db-v1.0"].metadata;
  db.provides = {"sql"};
  h.releases["qq/app-v1.0"].metadata.consumes = {{.name = "sql", .variable = "db"}};
  live->finishes_at_once = true;
  for (const char* id : {"qq/db-v1.0", "qq/app-v1.0"}) {
    h.deploy(id, "test");
    h.deploy(id, "live");
  }
  live->finishes_at_once = false;
  live->offers.clear();
  const JobId set = h.submit(promote({"qq/app", "qq/web", "qq/db"}));
  EXPECT_EQ(live->running(), (std::set<std::string>{"qq/web deploy", "qq/db deploy"}));
  EXPECT_EQ(h.state().jobs.at(set + 1).message, "waiting for qq/db (job " + std::to_string(set + 3) + ")");
  h.restart();
  h.connect(*live);
  EXPECT_EQ(live->running(), (std::set<std::string>{"qq/web deploy", "qq/db deploy"}));
  h.finish(*live, "qq/db deploy");
  EXPECT_EQ(live->running(), (std::set<std::string>{"qq/web deploy", "qq/app deploy"}));
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;

  live->finishes_at_once = false;
  const JobId other = h.submit(promote({"qq/app", "qq/web", "qq/db"}));
  h.finish(*live, "qq/db deploy", protocol::TaskOutcome::failed);
  EXPECT_THAT(h.job(other + 1).message, HasSubstr("qq/app needs qq/db, which was not brought up"));
  EXPECT_EQ(h.job(other + 2).phase, JobPhase::running) << "what has begun goes on";
  end_all();
  EXPECT_EQ(h.job(other).message, "2 of 3 deployments were not promoted to live: qq/db, qq/app.");
}

TEST_F(PromoteSetTest, AWholeEnvironmentGoesIntoAnEmptyOne) {
  release::Metadata& db = h.releases["qq/db-v1.0"].metadata;
  db.provides = {"sql"};
  db.outputs = {{.id = "url", .fallback = Value("db:5432")}};
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.consumes = {{.name = "sql", .variable = "db"}};
  app.inputs.push_back({.id = "url", .fallback = Value("$db.outputs.url")});
  h.releases["qq/web-v1.0"].metadata.consumes = {{.name = "sql", .variable = "db"}};
  for (const char* id : {"qq/db-v1.0", "qq/app-v1.0", "qq/web-v1.0"}) h.deploy(id, "test");
  Submit asked = promote({"qq/app", "qq/web", "qq/db"});
  const Result<protocol::reply::Plan> plan = look(asked);
  ASSERT_TRUE(plan) << plan.error().message;
  asked.plan = plan.value().id;
  const JobId set = h.submit(asked);
  EXPECT_EQ(live->running(), std::set<std::string>{"qq/db deploy"}) << h.job(set).message;
  EXPECT_FALSE(h.state().deployments.contains({"live", "qq/app"})) << "no trace before it begins";
  h.restart();
  h.connect(*live);
  h.finish(*live, "qq/db deploy");
  EXPECT_EQ(live->running(), (std::set<std::string>{"qq/app deploy", "qq/web deploy"}));
  EXPECT_EQ(live->offers.back().environment, "live");
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;
  EXPECT_EQ(*h.stage("qq/app", "live").calculated_inputs.find("url"), Value("db:5432"));
  EXPECT_EQ(h.refusal(promote({"qq/app", "qq/nope"})).kind, "not_found");
}

TEST_F(PromoteSetTest, InputsGoAlongWhereTheSourceHasThem) {
  release::Metadata& db = h.releases["qq/db-v1.0"].metadata;
  db.inputs.push_back({.id = "size", .fallback = Value("small")});
  Submit deploy;
  deploy.environment = "test";
  deploy.release = "qq/db-v1.0";
  deploy.inputs = {{"size", "large"}};
  h.submit(deploy);
  Submit asked = promote({"qq/app", "qq/db"});
  asked.with_inputs = {"size"};
  ASSERT_TRUE(look(asked));
  const JobId set = h.submit(asked);
  end_all();
  EXPECT_EQ(h.job(set).outcome, JobOutcome::ok) << h.job(set).message;
  EXPECT_EQ(*h.stage("qq/db", "live").calculated_inputs.find("size"), Value("large"));
  asked.with_inputs = {"nope"};
  EXPECT_EQ(h.refusal(asked).message, "None of the deployments has an input 'nope' to carry along.");
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
