#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

/// What a job would do, and that a job which was agreed to does that and nothing else.
namespace escape::controller::testing {
namespace plan_job_test {

using protocol::request::Submit;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct PlanJobTest : ::testing::Test {
  PlanJobTest() {
    agent = &h.enrol("stage-1", "stage");
    for (const char* id : {"qq/app-v1.0", "qq/app-v2.0"}) add(id, {"pre_deploy", "deploy", "destroy"});
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = make_release(id, steps);
  }
  Submit deploy(const std::string& release, Value::Object inputs = {}) {
    Submit asked;
    asked.environment = "stage";
    asked.release = release;
    asked.inputs = std::move(inputs);
    return asked;
  }
  Submit of_kind(JobKind kind, const std::string& deployment = "qq/app") {
    Submit asked;
    asked.kind = kind;
    asked.environment = "stage";
    asked.deployment = deployment;
    return asked;
  }
  Result<protocol::reply::Plan> look(const Submit& asked) {
    std::vector<DeploymentChange> history = h.history[{asked.environment, asked.deployment}];
    std::ranges::reverse(history);
    return Core::plan_job(asked, history,
                          {.state = h.state(),
                           .liveness = [&](const AgentId& name) { return h.core->liveness(name); },
                           .resolve = [&](const release::ReleaseQuery& query) -> Result<release::ReleaseRecord> {
                             auto found = h.releases.find(to_string(query));
                             if (found != h.releases.end()) return found->second;
                             return fail(ErrorKind::not_found, to_string(query) + " is not there");
                           },
                           .now = h.now.wall});
  }
  protocol::reply::Plan plan(const Submit& asked) {
    Result<protocol::reply::Plan> looked = look(asked);
    EXPECT_TRUE(looked) << describe(looked.error());
    return looked ? std::move(looked).value() : protocol::reply::Plan{};
  }
  Job run(Submit asked, const std::string& id = {}) {
    asked.plan = id;
    return h.job(h.submit(std::move(asked)));
  }
  static std::string text(const protocol::PlannedInput& input) {
    return input.name + ": " + input.from + " → " + input.to + " " + input.change;
  }
  static std::vector<std::string> inputs(const protocol::PlannedDeployment& one) {
    std::vector<std::string> all;
    for (const protocol::PlannedInput& input : one.inputs) all.push_back(text(input));
    return all;
  }
  static std::vector<std::string> steps(const protocol::reply::Plan& plan) {
    std::vector<std::string> all;
    for (const protocol::PlannedStep& step : plan.steps) all.push_back(step.deployment + " " + step.step);
    return all;
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(PlanJobTest, AFirstDeployAndAnUpgrade) {
  const protocol::reply::Plan first = plan(deploy("qq/app-v1.0", {{"who", "Ann"}}));
  ASSERT_EQ(first.deployments.size(), 1u);
  EXPECT_EQ(first.deployments[0].from, "");
  EXPECT_EQ(first.deployments[0].to, "qq/app-v1.0");
  EXPECT_EQ(first.deployments[0].to_sha256, "sha-of-qq/app-v1.0");
  EXPECT_THAT(inputs(first.deployments[0]), ElementsAre("who:  → Ann set"));
  EXPECT_THAT(steps(first), ElementsAre("qq/app pre_deploy", "qq/app deploy"));
  EXPECT_EQ(first.agent, "stage-1");
  EXPECT_EQ(first.agent_state, "online");
  EXPECT_TRUE(first.has_changes);
  EXPECT_TRUE(h.state().jobs.empty());
  EXPECT_TRUE(h.state().deployments.empty()) << "looking changes nothing";

  EXPECT_EQ(run(deploy("qq/app-v1.0", {{"who", "Ann"}}), first.id).outcome, JobOutcome::ok);
  const protocol::reply::Plan same = plan(deploy("qq/app-v1.0"));
  EXPECT_FALSE(same.has_changes);
  const protocol::reply::Plan next = plan(deploy("qq/app-v2.0", {{"who", "Bob"}}));
  EXPECT_EQ(next.deployments[0].from, "qq/app-v1.0");
  EXPECT_THAT(inputs(next.deployments[0]), ElementsAre("who: Ann → Bob changed"));
  EXPECT_TRUE(next.has_changes);
  run(deploy("qq/app-v2.0"));
  EXPECT_THAT(plan(deploy("qq/app-v1.0")).warnings, Contains(HasSubstr("This is a downgrade")));
}

TEST_F(PlanJobTest, WhatMovedSinceIsAConflictAndNothingHasBegun) {
  run(deploy("qq/app-v1.0"));
  const std::string id = plan(deploy("qq/app-v2.0")).id;
  EXPECT_EQ(id, plan(deploy("qq/app-v2.0")).id) << "the same state gives the same plan";
  EXPECT_NE(id, plan(deploy("qq/app-v1.0")).id);
  EXPECT_NE(id, plan(deploy("qq/app-v2.0", {{"who", "Bob"}})).id);
  const std::size_t offers = agent->offers.size();

  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .inputs = Value::Object{{"who", "Env"}}});
  const Job moved = run(deploy("qq/app-v2.0"), id);
  EXPECT_EQ(moved.error_kind, "conflict");
  EXPECT_THAT(moved.message, HasSubstr(id + " showed no longer holds"));
  EXPECT_EQ(agent->offers.size(), offers);
  EXPECT_EQ(h.stage("qq/app").release.version, "1.0");
  EXPECT_EQ(h.status("qq/app"), "ok");

  const std::string again = plan(deploy("qq/app-v2.0")).id;
  run(deploy("qq/app-v1.0"));
  EXPECT_EQ(run(deploy("qq/app-v2.0"), again).error_kind, "conflict") << "somebody deployed meanwhile";
  EXPECT_EQ(run(deploy("qq/app-v2.0"), plan(deploy("qq/app-v2.0")).id).outcome, JobOutcome::ok);
}

TEST_F(PlanJobTest, AQueryThatMeansAnotherReleaseByNow) {
  h.releases["qq/app-latest"] = h.releases["qq/app-v1.0"];
  const std::string id = plan(deploy("qq/app-latest")).id;
  h.releases["qq/app-latest"] = h.releases["qq/app-v2.0"];
  EXPECT_EQ(run(deploy("qq/app-latest"), id).error_kind, "conflict");
}

TEST_F(PlanJobTest, SensitiveValuesAreHiddenUnderEveryName) {
  release::ReleaseRecord& app = h.releases["qq/app-v1.0"];
  app.metadata.inputs.push_back({.id = "password", .sensitive = true});
  app.metadata.inputs.push_back({.id = "url", .fallback = Value("$this.inputs.password.concat(\"@host\")")});
  const Submit asked = deploy("qq/app-v1.0", {{"password", "correct horse"}});
  const protocol::reply::Plan first = plan(asked);
  EXPECT_THAT(inputs(first.deployments[0]),
              ElementsAre("who:  → World set", "password:  → ******** set", "url:  → ******** set"));
  const Submit other = deploy("qq/app-v1.0", {{"password", "battery staple"}});
  EXPECT_EQ(plan(other).id, first.id) << "an id that could be tried out would tell the value";
  run(asked, first.id);
  EXPECT_THAT(inputs(plan(other).deployments[0]),
              ElementsAre("password: ******** → ******** changed", "url: ******** → ******** changed"));
}

TEST_F(PlanJobTest, DependenciesComeFirstAndWhatTheyGiveIsKnownLater) {
  add("qq/db-v1.0", {"deploy"}).metadata.outputs = {{.id = "port"}};
  release::ReleaseRecord& app = h.releases["qq/app-v1.0"];
  app.metadata.depends = {{.release_id = "qq/db-v1.0", .mapping = {{"who", "$this.inputs.who"}}, .variable = "db"}};
  app.metadata.inputs.push_back({.id = "port", .fallback = Value("$db.outputs.port")});
  const protocol::reply::Plan looked = plan(deploy("qq/app-v1.0", {{"who", "Ann"}}));
  ASSERT_EQ(looked.deployments.size(), 2u);
  EXPECT_EQ(looked.deployments[0].deployment, "qq/app:db");
  EXPECT_THAT(inputs(looked.deployments[0]), ElementsAre("who:  → Ann set"));
  EXPECT_EQ(looked.deployments[1].deployment, "qq/app");
  EXPECT_THAT(inputs(looked.deployments[1]), ElementsAre("who:  → Ann set", "port:  →  later"));
  EXPECT_THAT(steps(looked), ElementsAre("qq/app:db deploy", "qq/app pre_deploy", "qq/app deploy"));
  agent->outputs = {{"port", "1"}};
  EXPECT_EQ(run(deploy("qq/app-v1.0", {{"who", "Ann"}}), looked.id).outcome, JobOutcome::ok);
  EXPECT_FALSE(plan(deploy("qq/app-v1.0")).has_changes);
}

TEST_F(PlanJobTest, ADestroyNamesWhoUsesIt) {
  release::ReleaseRecord& cluster = add("qq/cluster-v1.0", {"deploy", "destroy"});
  cluster.metadata.provides = {"kube"};
  h.releases["qq/app-v1.0"].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  run(deploy("qq/cluster-v1.0"));
  run(deploy("qq/app-v1.0"));
  const Submit asked = of_kind(JobKind::destroy, "qq/cluster");
  const protocol::reply::Plan looked = plan(asked);
  EXPECT_EQ(looked.deployments[0].action, "destroy");
  EXPECT_EQ(looked.deployments[0].from, "qq/cluster-v1.0");
  EXPECT_EQ(looked.deployments[0].to, "");
  EXPECT_TRUE(looked.has_changes);
  EXPECT_THAT(steps(looked), ElementsAre("qq/cluster destroy"));
  EXPECT_THAT(looked.warnings, ElementsAre("qq/app uses qq/cluster as its provider 'kube'."));
  EXPECT_EQ(run(asked, looked.id).outcome, JobOutcome::ok);
}

TEST_F(PlanJobTest, ARollbackAndAPromotion) {
  run(deploy("qq/app-v1.0"));
  run(deploy("qq/app-v2.0"));
  const protocol::reply::Plan back = plan(of_kind(JobKind::rollback));
  EXPECT_EQ(back.deployments[0].from, "qq/app-v2.0");
  EXPECT_EQ(back.deployments[0].to, "qq/app-v1.0");
  EXPECT_EQ(run(of_kind(JobKind::rollback), back.id).outcome, JobOutcome::ok);

  h.enrol("live-1", "live");
  Submit promotion;
  promotion.kind = JobKind::promote;
  promotion.environment = "live";
  promotion.from_environment = "stage";
  promotion.from_deployment = "qq/app";
  const protocol::reply::Plan looked = plan(promotion);
  EXPECT_EQ(looked.deployments[0].to, "qq/app-v1.0");
  EXPECT_EQ(looked.agent, "live-1");
  EXPECT_EQ(run(promotion, looked.id).outcome, JobOutcome::ok);
}

TEST_F(PlanJobTest, RefusesWhatTheJobWouldFailWith) {
  EXPECT_EQ(look(deploy("qq/nope-v1.0")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(look(deploy("qq/app-v1.0", {{"whom", "x"}})).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(look(of_kind(JobKind::destroy)).error().kind, ErrorKind::not_found);
  Submit elsewhere = deploy("qq/app-v1.0");
  elsewhere.environment = "nowhere";
  EXPECT_EQ(look(elsewhere).error().kind, ErrorKind::no_target);
  agent->finishes_at_once = false;
  const JobId running = h.submit(deploy("qq/app-v1.0"));
  const Result<protocol::reply::Plan> busy = look(deploy("qq/app-v2.0"));
  EXPECT_EQ(busy.error().kind, ErrorKind::conflict);
  EXPECT_THAT(busy.error().message, HasSubstr("Job 1 (local, deploy) works on qq/app"));
  h.finish(*agent, running);
}

TEST_F(PlanJobTest, AConvergeIsHeldToWhatItsPlanShowed) {
  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .deployments = {{"qq/app", "qq/app-v1.0", {}}}});
  const auto id = [&] {
    const std::vector<DesiredVersion> desired{{{"stage", "qq/app"}, h.releases["qq/app-v1.0"], {}}};
    return converge_plan_id(h.state(), "stage", desired, plan_converge(h.state(), "stage", desired, false, h.now.wall));
  };
  const std::string before = id();
  EXPECT_EQ(id(), before);
  h.ask(protocol::request::ApplyEnvironment{.environment = "stage", .inputs = Value::Object{{"who", "Env"}}});
  Submit asked = of_kind(JobKind::converge, "");
  EXPECT_EQ(run(asked, before).error_kind, "conflict");
  EXPECT_TRUE(agent->offers.empty());
  EXPECT_EQ(run(asked, id()).outcome, JobOutcome::ok);
  EXPECT_EQ(h.status("qq/app"), "ok");
}

TEST_F(PlanJobTest, AnAgentOutOfReachIsTold) {
  h.disconnect(*agent);
  h.tick(10min);
  const protocol::reply::Plan looked = plan(deploy("qq/app-v1.0"));
  EXPECT_EQ(looked.agent, "stage-1");
  EXPECT_THAT(looked.warnings, ElementsAre("The agent stage-1 is offline: the job would wait for it."));
}

}  // namespace plan_job_test
}  // namespace escape::controller::testing
