#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

/// What a deployment's history keeps, going back to it, and holds.
namespace escape::controller::testing {
namespace history_test {

using protocol::request::SetHold;
using protocol::request::Submit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct HistoryTest : ::testing::Test {
  HistoryTest() {
    agent = &h.enrol("stage-1", "stage");
    for (const char* id : {"qq/app-v1.0", "qq/app-v2.0", "qq/app-v3.0"}) h.releases[id] = make_release(id, {"deploy"});
  }
  Job deploy(const std::string& release, Value::Object inputs = {}) {
    Submit asked;
    asked.environment = "stage";
    asked.release = release;
    asked.inputs = std::move(inputs);
    return h.job(h.submit(asked));
  }
  Submit rollback(EventSequence to = 0, std::string reason = {}) {
    Submit asked;
    asked.kind = JobKind::rollback;
    asked.environment = "stage";
    asked.deployment = "qq/app";
    asked.back_to = to;
    asked.reason = std::move(reason);
    return asked;
  }
  Job converge() {
    Submit asked;
    asked.kind = JobKind::converge;
    asked.environment = "stage";
    return h.job(h.submit(asked));
  }
  const std::vector<DeploymentChange>& changes() { return h.history[{"stage", "qq/app"}]; }
  std::vector<std::string> words() {
    std::vector<std::string> all;
    for (const DeploymentChange& change : changes()) all.push_back(change.what);
    return all;
  }
  std::string version() const { return h.stage("qq/app").last_ok->version; }
  std::string given(const std::string& id) const {
    const Value* value = h.stage("qq/app").calculated_inputs.find(id);
    return value ? *value->as_string() : "-";
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(HistoryTest, EveryChangeIsKeptAsTheDeploymentWasThen) {
  deploy("qq/app-v1.0", {{"who", "Ann"}});
  agent->outcome = protocol::TaskOutcome::failed;
  deploy("qq/app-v2.0", {{"who", "Bob"}});
  EXPECT_THAT(words(), ElementsAre("deployed", "failed"));
  const DeploymentChange& first = changes()[0];
  EXPECT_EQ(first.deployment.stages.at("deploy").release.version, "1.0");
  EXPECT_EQ(*first.deployment.stages.at("deploy").inputs.find("who")->as_string(), "Ann");
  EXPECT_EQ(first.sequence, h.last_event("deployment.deployed")->sequence);
  EXPECT_EQ(first.principal, "local");
  const DeploymentChange& second = changes()[1];
  EXPECT_EQ(second.deployment.stages.at("deploy").status.code, state::StatusCode::failure);
  EXPECT_EQ(second.deployment.stages.at("deploy").release.version, "2.0");
  EXPECT_EQ(h.state().deployments.at({"stage", "qq/app"}).revision, second.sequence);
}

TEST_F(HistoryTest, ATrialLeavesNone) {
  h.ask(protocol::request::ApplyEnvironment{.environment = "trial", .is_trial = true});
  h.enrol("trial-1", "trial");
  Submit asked;
  asked.environment = "trial";
  asked.release = "qq/app-v1.0";
  EXPECT_EQ(h.job(h.submit(asked)).outcome, JobOutcome::ok);
  EXPECT_TRUE(h.told("deployment.deployed"));
  EXPECT_TRUE((h.history[{"trial", "qq/app"}].empty()));
}

TEST_F(HistoryTest, ARollbackBringsBackTheReleaseAndEveryInput) {
  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .inputs = Value::Object{{"who", "Env"}}});
  deploy("qq/app-v1.0");
  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .inputs = Value::Object{{"who", "Broken"}}});
  deploy("qq/app-v2.0");
  EXPECT_EQ(given("who"), "Broken");
  const Job job = h.job(h.submit(rollback(0, "it eats memory")));
  EXPECT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_EQ(job.release, "qq/app-v1.0");
  EXPECT_EQ(job.expected_sha256, "sha-of-qq/app-v1.0");
  EXPECT_EQ(version(), "1.0");
  EXPECT_EQ(given("who"), "Env") << "what the scripts had then, whatever the environment gives by now";
  EXPECT_TRUE(h.stage("qq/app").inputs.empty()) << "and no input of a person's is left of it";
  EXPECT_EQ(changes().back().what, "rolledback");
  EXPECT_EQ(changes().back().back_to, changes()[0].sequence);
  const auto& hold = h.state().deployments.at({"stage", "qq/app"}).hold;
  ASSERT_TRUE(hold);
  EXPECT_EQ(hold->reason, "rolled back to qq/app-v1.0 by job 3: it eats memory");
  EXPECT_THAT(h.log_texts(job.number), ::testing::Contains(HasSubstr("Rolling qq/app in stage back to qq/app-v1.0")));
}

TEST_F(HistoryTest, InputsOfAPersonAreThoseOfThen) {
  deploy("qq/app-v1.0", {{"who", "Ann"}});
  deploy("qq/app-v1.0", {{"who", "Bob"}});
  EXPECT_EQ(h.job(h.submit(rollback())).outcome, JobOutcome::ok);
  EXPECT_EQ(given("who"), "Ann") << "another value is a reason to go back, too";
}

TEST_F(HistoryTest, AfterAFailureTheLastThatRanWell) {
  deploy("qq/app-v1.0");
  deploy("qq/app-v2.0");
  agent->outcome = protocol::TaskOutcome::failed;
  deploy("qq/app-v3.0");
  agent->outcome = protocol::TaskOutcome::ok;
  EXPECT_EQ(h.job(h.submit(rollback())).release, "qq/app-v2.0");
}

TEST_F(HistoryTest, ASecondRollbackGoesFurtherBackAndNeverForward) {
  for (const char* id : {"qq/app-v1.0", "qq/app-v2.0", "qq/app-v3.0"}) deploy(id);
  h.submit(rollback());
  EXPECT_EQ(version(), "2.0");
  h.submit(rollback());
  EXPECT_EQ(version(), "1.0");
  EXPECT_THAT(h.refusal(rollback()).message, HasSubstr("has no other release that ran well before"));
}

TEST_F(HistoryTest, AFailedRollbackIsTriedAgain) {
  for (const char* id : {"qq/app-v1.0", "qq/app-v2.0"}) deploy(id);
  agent->outcome = protocol::TaskOutcome::failed;
  EXPECT_EQ(h.job(h.submit(rollback())).outcome, JobOutcome::failed);
  agent->outcome = protocol::TaskOutcome::ok;
  EXPECT_EQ(h.job(h.submit(rollback())).release, "qq/app-v1.0");
}

TEST_F(HistoryTest, WhatWasDestroyedComesBackAsItWas) {
  for (const char* id : {"qq/app-v1.0", "qq/app-v2.0"}) deploy(id);
  Submit destroy;
  destroy.kind = JobKind::destroy;
  destroy.environment = "stage";
  destroy.deployment = "qq/app";
  h.submit(destroy);
  EXPECT_EQ(h.status("qq/app"), "empty");
  EXPECT_EQ(h.job(h.submit(rollback())).release, "qq/app-v2.0");
}

TEST_F(HistoryTest, WhatFailedItsSmokeTestsIsGoneBackFrom) {
  h.releases["qq/app-v2.0"].metadata.stages["smoke"].script = "smoke.sh";
  for (const char* id : {"qq/app-v1.0", "qq/app-v2.0"}) deploy(id);
  Submit smoke;
  smoke.kind = JobKind::smoke;
  smoke.environment = "stage";
  smoke.deployment = "qq/app";
  agent->outcome = protocol::TaskOutcome::failed;
  h.submit(smoke);
  EXPECT_EQ(h.status("qq/app"), "test_failure");
  agent->outcome = protocol::TaskOutcome::ok;
  EXPECT_EQ(h.job(h.submit(rollback())).release, "qq/app-v1.0");
}

TEST_F(HistoryTest, ANamedChange) {
  for (const char* id : {"qq/app-v1.0", "qq/app-v2.0", "qq/app-v3.0"}) deploy(id);
  EXPECT_EQ(h.job(h.submit(rollback(changes()[0].sequence))).release, "qq/app-v1.0");
  EXPECT_EQ(h.refusal(rollback(999'999)).kind, "not_found");
  agent->outcome = protocol::TaskOutcome::failed;
  deploy("qq/app-v3.0");
  EXPECT_THAT(h.refusal(rollback(changes().back().sequence)).message, HasSubstr("is none after which"));
}

TEST_F(HistoryTest, WhatCannotBeBroughtBack) {
  EXPECT_EQ(h.refusal(rollback()).kind, "not_found");
  deploy("qq/app-v1.0");
  EXPECT_EQ(h.refusal(rollback()).kind, "refused") << "nothing ran before it";
  Submit asked = rollback();
  asked.inputs.set("who", "Me");
  EXPECT_EQ(h.refusal(asked).kind, "usage");
  asked = rollback();
  asked.deployment.clear();
  EXPECT_EQ(h.refusal(asked).kind, "usage");
}

TEST_F(HistoryTest, AReleaseThatIsAnotherByNowIsNotDeployed) {
  deploy("qq/app-v1.0");
  deploy("qq/app-v2.0");
  h.releases["qq/app-v1.0"].sha256 = "another";
  const Job job = h.job(h.submit(rollback()));
  EXPECT_EQ(job.error_kind, "conflict");
  EXPECT_EQ(version(), "2.0");
  EXPECT_FALSE((h.state().deployments.at({"stage", "qq/app"}).hold)) << "nothing was begun";
}

TEST_F(HistoryTest, ARollbackSurvivesRestarts) {
  deploy("qq/app-v1.0", {{"who", "Ann"}});
  deploy("qq/app-v2.0", {{"who", "Bob"}});
  agent->finishes_at_once = false;
  const JobId number = h.submit(rollback());
  h.restart();
  h.connect(*agent);
  h.finish(*agent, number);
  EXPECT_EQ(h.job(number).outcome, JobOutcome::ok);
  EXPECT_EQ(given("who"), "Ann");
  EXPECT_TRUE((h.state().deployments.at({"stage", "qq/app"}).hold));
}

TEST_F(HistoryTest, ConvergeAndPromotionsLeaveAHeldOneAloneUntilItIsLifted) {
  h.enrol("live-1", "live");
  h.releases["qq/app-latest"] = h.releases["qq/app-v2.0"];
  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .deployments = {{"qq/app", "qq/app-latest", {}}}});
  deploy("qq/app-v1.0");
  converge();
  EXPECT_EQ(version(), "2.0");
  h.submit(rollback());
  EXPECT_EQ(version(), "1.0");

  const Job pass = converge();
  EXPECT_EQ(pass.outcome, JobOutcome::ok);
  EXPECT_EQ(version(), "1.0");
  EXPECT_THAT(h.log_texts(pass.number),
              ::testing::Contains(HasSubstr("Skipping deployment qq/app, because it is held by local since")));
  h.deploy("qq/app-v3.0", "live");
  Submit promotion;
  promotion.kind = JobKind::promote;
  promotion.environment = "stage";
  promotion.from_environment = "live";
  promotion.from_deployment = "qq/app";
  const protocol::reply::Failed refused = h.refusal(promotion);
  EXPECT_EQ(refused.kind, "refused");
  EXPECT_THAT(refused.message, HasSubstr("is held by local since"));
  EXPECT_THAT(refused.hint, HasSubstr("escape state unhold -d qq/app -e stage"));

  h.ask(SetHold{.environment = "stage", .deployment = "qq/app", .is_held = false, .reason = {}});
  EXPECT_TRUE(h.told("deployment.unheld"));
  converge();
  EXPECT_EQ(version(), "2.0");
  EXPECT_EQ(h.job(h.submit(promotion)).outcome, JobOutcome::ok);
}

TEST_F(HistoryTest, AHoldByHandKeepsAPersonsDeploysPossible) {
  deploy("qq/app-v1.0");
  EXPECT_EQ(h.refusal(SetHold{.environment = "stage", .deployment = "qq/app", .reason = "  "}).kind, "usage");
  EXPECT_EQ(h.refusal(SetHold{.environment = "stage", .deployment = "nope", .reason = "x"}).kind, "not_found");
  EXPECT_EQ(h.refusal(SetHold{.environment = "stage", .deployment = "qq/app", .is_held = false}).kind, "conflict");
  h.ask(SetHold{.environment = "stage", .deployment = "qq/app", .reason = "audit"});
  EXPECT_EQ(deploy("qq/app-v2.0").outcome, JobOutcome::ok);
  EXPECT_TRUE((h.state().deployments.at({"stage", "qq/app"}).hold)) << "and it is still held";
}

TEST_F(HistoryTest, TheSameWishAgainIsNoChange) {
  const protocol::request::ApplyEnvironment wish{.environment = "stage",
                                                 .deployments = {{"qq/app", "qq/app-v1.0", {}}}};
  h.ask(wish);
  h.ask(wish);
  EXPECT_THAT(words(), ElementsAre("desired"));
}

TEST_F(HistoryTest, APromotionTakesNamedInputsAlong) {
  h.enrol("live-1", "live");
  deploy("qq/app-v1.0", {{"who", "Ann"}});
  Submit asked;
  asked.kind = JobKind::promote;
  asked.environment = "live";
  asked.from_environment = "stage";
  asked.from_deployment = "qq/app";
  asked.with_inputs = {"whom"};
  EXPECT_EQ(h.refusal(asked).message, "Deployment qq/app in environment stage has no input 'whom' to carry along.");
  asked.with_inputs = {"who"};
  EXPECT_EQ(h.job(h.submit(asked)).outcome, JobOutcome::ok);
  EXPECT_EQ(*h.stage("qq/app", "live").inputs.find("who")->as_string(), "Ann");
}

}  // namespace history_test
}  // namespace escape::controller::testing
