#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace retry_test {

using protocol::TaskOutcome;
using ::testing::Contains;
using ::testing::HasSubstr;

const std::string app = "pp/app-v1.0";

struct RetryTest : ::testing::Test {
  RetryTest() {
    h.releases[app] = make_release(app, {"deploy", "smoke", "destroy"});
    agent = &h.enrol("s1", "stage");
    live = &h.enrol("l1", "live");
    agent->finishes_at_once = live->finishes_at_once = false;
  }
  JobId retry(JobId job) {
    const protocol::Reply reply = h.ask(protocol::request::RetryJob{job});
    if (const auto* failed = std::get_if<protocol::reply::Failed>(&reply)) {
      ADD_FAILURE() << failed->message;
      return 0;
    }
    return std::get<protocol::reply::JobMade>(reply).job;
  }
  protocol::reply::Failed refused(JobId job) { return h.refusal(protocol::request::RetryJob{job}); }
  JobId job_of(JobKind kind) {
    protocol::request::Submit asked;
    asked.kind = kind;
    asked.environment = "stage";
    asked.deployment = kind == JobKind::converge ? "" : "pp/app";
    return h.submit(asked);
  }
  void want(const std::string& deployment, const std::string& release) {
    protocol::request::ApplyEnvironment apply;
    apply.environment = "stage";
    apply.deployments = {{deployment, release, {}}};
    h.ask(apply);
  }
  Harness h;
  ScriptedAgent* agent;
  ScriptedAgent* live;
};

TEST_F(RetryTest, of_a_deploy_is_the_same_release_to_the_digest_with_the_same_inputs) {
  h.releases["pp/app-latest"] = h.releases[app];
  protocol::request::Submit asked;
  asked.environment = "stage";
  asked.release = "pp/app-latest";
  asked.inputs = {{"who", "Stage"}};
  const JobId first = h.submit(asked);
  h.finish(*agent, first, TaskOutcome::failed);
  asked.inputs = {{"who", "Other"}};
  h.finish(*agent, h.submit(asked), TaskOutcome::failed);
  h.releases["pp/app-latest"] = make_release("pp/app-v2.0");
  const JobId again = retry(first);
  EXPECT_EQ(h.job(again).release, app) << "not what is the latest by now";
  EXPECT_EQ(h.job(again).sha256, h.job(first).sha256);
  EXPECT_EQ(agent->offers.back().variables.at("INPUT_who"), "Stage");
  EXPECT_EQ(h.job(again).retry_of, first);
  EXPECT_THAT(h.log_texts(again), Contains(HasSubstr("Runs job 1 again: deploy pp/app-v1.0 as pp/app in stage.")));
  EXPECT_EQ(h.last_event("job.retried")->job, first);
  EXPECT_EQ(*h.last_event("job.retried")->data.find("made")->as_int(), static_cast<std::int64_t>(again));
  EXPECT_EQ(*h.last_event("job.queued")->data.find("retry_of")->as_int(), static_cast<std::int64_t>(first));
  h.finish(*agent, again);
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(first).outcome, JobOutcome::failed) << "the old one stays as it is";
}

TEST_F(RetryTest, holds_on_to_the_digest) {
  const JobId first = h.deploy(app);
  h.finish(*agent, first, TaskOutcome::failed);
  h.releases[app].sha256 = "another";
  const JobId again = retry(first);
  EXPECT_EQ(h.job(again).error_kind, "conflict");
  EXPECT_THAT(h.job(again).message, HasSubstr("has the digest another"));
}

TEST_F(RetryTest, of_what_was_cancelled_or_interrupted) {
  const JobId cancelled = h.deploy(app);
  h.ask(protocol::request::CancelJob{cancelled});
  const JobId again = retry(cancelled);
  h.finish(*agent, again, TaskOutcome::interrupted);
  EXPECT_EQ(h.job(again).outcome, JobOutcome::interrupted);
  const JobId third = retry(again);
  h.finish(*agent, third);
  EXPECT_EQ(h.job(third).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(third).retry_of, again);
}

TEST_F(RetryTest, of_what_failed_before_its_release_was_known_asks_the_same_again) {
  const JobId first = h.deploy("pp/bb-latest");
  EXPECT_EQ(h.job(first).error_kind, "not_found");
  h.releases["pp/bb-latest"] = make_release("pp/bb-v3");
  const JobId again = retry(first);
  EXPECT_EQ(h.job(again).release, "pp/bb-v3");
}

TEST_F(RetryTest, of_a_promotion_does_not_look_at_the_source_again) {
  h.finish(*agent, h.deploy(app));
  protocol::request::Submit asked;
  asked.kind = JobKind::promote;
  asked.environment = "live";
  asked.from_environment = "stage";
  asked.from_deployment = "pp/app";
  const JobId first = h.submit(asked);
  h.finish(*live, first, TaskOutcome::failed);
  h.releases["pp/app-v2.0"] = make_release("pp/app-v2.0");
  h.finish(*agent, h.deploy("pp/app-v2.0"));
  const JobId again = retry(first);
  EXPECT_EQ(h.job(again).kind, JobKind::promote);
  EXPECT_EQ(h.job(again).release, app);
  h.finish(*live, again);
  EXPECT_EQ(h.stage("pp/app", "live").last_ok->version, "1.0");
  EXPECT_EQ(h.last_event("deployment.deployed")->environment, "live");
  EXPECT_EQ(*h.last_event("deployment.deployed")->data.find("promoted_from")->as_string(), "stage");
}

TEST_F(RetryTest, of_smoke_and_destroy_acts_on_the_very_release_or_not_at_all) {
  h.finish(*agent, h.deploy(app));
  for (const JobKind kind : {JobKind::smoke, JobKind::destroy}) {
    const JobId first = job_of(kind);
    h.finish(*agent, first, TaskOutcome::failed);
    const JobId again = retry(first);
    EXPECT_EQ(h.job(again).kind, kind);
    EXPECT_EQ(h.job(again).release, app);
    h.finish(*agent, again, TaskOutcome::failed);
    h.releases["pp/app-v2.0"] = make_release("pp/app-v2.0");
    h.finish(*agent, h.deploy("pp/app-v2.0"));
    EXPECT_EQ(refused(first).message,
              "The deployment pp/app in the environment stage no longer holds pp/app-v1.0, which job " +
                  std::to_string(first) + " worked on.");
    h.finish(*agent, h.deploy(app));
  }
}

TEST_F(RetryTest, that_waits_looks_again_when_its_turn_comes) {
  h.finish(*agent, h.deploy(app));
  const JobId smoke = job_of(JobKind::smoke);
  h.finish(*agent, smoke, TaskOutcome::failed);
  h.releases["pp/app-v2.0"] = make_release("pp/app-v2.0");
  const JobId other = h.deploy("pp/app-v2.0");
  const JobId again = retry(smoke);
  EXPECT_EQ(h.job(again).phase, JobPhase::queued);
  h.finish(*agent, other);
  EXPECT_EQ(h.job(again).error_kind, "conflict");
}

TEST_F(RetryTest, of_a_converge_does_again_what_did_not_end_well) {
  h.releases["pp/bb-v1"] = make_release("pp/bb-v1");
  want("pp/app", app);
  want("pp/bb", "pp/bb-v1");
  const JobId first = job_of(JobKind::converge);
  h.finish(*agent, first + 1, TaskOutcome::failed);
  h.finish(*agent, first + 2);
  EXPECT_EQ(h.job(first).outcome, JobOutcome::failed);
  want("pp/app", "pp/app-v2.0");
  const JobId again = retry(first);
  EXPECT_EQ(h.job(again).kind, JobKind::converge);
  ASSERT_EQ(h.job(again).children.size(), 1u) << "and not what ended well";
  h.restart();
  h.connect(*agent);
  const JobId child = h.job(again).children.front();
  EXPECT_EQ(h.job(child).release, app) << "as decided then";
  h.finish(*agent, child);
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok);
  const JobId one = retry(first + 1);
  EXPECT_EQ(h.job(one).parent, 0u) << "one of them alone";
}

TEST_F(RetryTest, of_a_converge_keeps_its_order) {
  h.releases["pp/bb-v1"] = make_release("pp/bb-v1");
  h.releases["pp/bb-v1"].metadata.provides = {"kube"};
  h.releases[app].metadata.consumes = {{.name = "kube", .variable = "kube"}};
  want("pp/app", app);
  want("pp/bb", "pp/bb-v1");
  const JobId first = job_of(JobKind::converge);
  const std::vector<JobId> children = h.job(first).children;
  ASSERT_EQ(children.size(), 2u);
  h.finish(*agent, children[0], TaskOutcome::failed);
  ASSERT_EQ(h.job(first).outcome, JobOutcome::failed);
  agent->offers.clear();
  const JobId again = retry(first);
  ASSERT_EQ(h.job(again).children.size(), 2u);
  ASSERT_EQ(agent->offers.size(), 1u) << "the consumer waits for its provider";
  EXPECT_EQ(agent->offers[0].deployment, "pp/bb");
  h.finish(*agent, h.job(again).children[0], TaskOutcome::failed);
  const JobId third = retry(again);
  h.finish(*agent, h.job(third).children[0]);
  EXPECT_EQ(agent->offers.back().deployment, "pp/app");
  h.finish(*agent, h.job(third).children[1]);
  EXPECT_EQ(h.job(third).outcome, JobOutcome::ok) << h.job(third).message;
}

TEST_F(RetryTest, of_a_converge_that_made_no_job_is_a_new_one) {
  want("pp/cc", "pp/cc-v1");
  const JobId first = job_of(JobKind::converge);
  EXPECT_EQ(h.job(first).outcome, JobOutcome::failed);
  h.releases["pp/cc-v1"] = make_release("pp/cc-v1");
  const JobId again = retry(first);
  EXPECT_EQ(h.job(h.job(again).children.at(0)).release, "pp/cc-v1");
}

TEST_F(RetryTest, is_refused_with_a_sentence) {
  EXPECT_EQ(refused(9).message, "There is no job 9.");
  const JobId job = h.deploy(app);
  EXPECT_EQ(refused(job).message, "Job 1 has not ended: it is running.");
  const JobId queued = h.deploy(app);
  EXPECT_EQ(refused(queued).message, "Job 2 has not ended: it is queued.");
  h.tick(100s);
  EXPECT_EQ(refused(job).message,
            "Job 1 has not ended: its agent is out of reach, and its script may still be running.");
  EXPECT_THAT(refused(job).hint, HasSubstr("escape jobs resolve 1"));
  h.connect(*agent);
  h.finish(*agent, job);
  EXPECT_EQ(refused(job).message, "Job 1 ended well, so there is nothing to retry.");
}

TEST_F(RetryTest, is_carried_out_once_however_often_it_is_asked) {
  const JobId first = h.deploy(app);
  h.finish(*agent, first, TaskOutcome::failed);
  const auto one = std::get<protocol::reply::JobMade>(h.ask(protocol::request::RetryJob{first}, "same"));
  const auto two = std::get<protocol::reply::JobMade>(h.ask(protocol::request::RetryJob{first}, "same"));
  EXPECT_EQ(one.job, two.job);
  EXPECT_EQ(h.state().last_job, one.job);
}

}  // namespace retry_test
}  // namespace escape::controller::testing
