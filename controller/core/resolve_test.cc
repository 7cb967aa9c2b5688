#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace resolve_test {

using protocol::TaskOutcome;
using ::testing::Contains;
using ::testing::HasSubstr;

const std::string app = "pp/app-v1.0";

struct ResolveTest : ::testing::Test {
  ResolveTest() {
    h.releases[app] = make_release(app, {"deploy", "post_deploy"});
    agent = &h.enrol("s1", "stage");
    agent->finishes_at_once = false;
  }
  JobId unknown_job() {
    const JobId job = h.deploy(app);
    h.tick(100s);
    EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::unknown);
    return job;
  }
  protocol::Reply resolve(JobId job, bool is_ok, std::string reason = "it burnt down") {
    return h.ask(protocol::request::ResolveJob{job, is_ok, std::move(reason)});
  }
  std::string refused(JobId job, std::string reason = "why") {
    return h.refusal(protocol::request::ResolveJob{job, true, std::move(reason)}).message;
  }
  int late() {
    return static_cast<int>(std::ranges::count_if(h.events, [](const auto& e) { return e.kind == "task.late"; }));
  }
  std::string late_outcome() { return *h.last_event("task.late")->data.find("outcome")->as_string(); }
  const std::vector<StrayTask>& strays() { return h.state().agents.at("s1").strays; }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(ResolveTest, an_unknown_job_says_what_to_do_and_holds_its_lock) {
  const JobId job = unknown_job();
  EXPECT_THAT(h.job(job).message, HasSubstr("Agent s1 is out of reach since"));
  EXPECT_THAT(h.job(job).message, HasSubstr("pp/app stays locked for this job."));
  EXPECT_THAT(h.job(job).hint, HasSubstr("escape jobs resolve 1 --as ok|failed --reason TEXT"));
  EXPECT_EQ(h.state().locks.at({"stage", "pp/app"}).holder, job);
  EXPECT_EQ(h.last_event("task.unknown")->job, job);
  h.connect(*agent);
  EXPECT_EQ(h.job(job).hint, "");
  EXPECT_TRUE(h.told("task.returned"));
}

TEST_F(ResolveTest, as_failed_ends_the_job_and_lets_the_next_begin) {
  const JobId job = unknown_job();
  const JobId next = h.deploy(app);
  const auto done = std::get<protocol::reply::Done>(resolve(job, false));
  EXPECT_THAT(done.text, HasSubstr("Job 1 is settled as failed."));
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(job).message,
            "Settled as failed by local: it burnt down (step deploy on agent s1, which was out of reach).");
  EXPECT_EQ(h.job(job).resolved_by, "local");
  EXPECT_EQ(h.job(job).resolved_because, "it burnt down");
  EXPECT_EQ(h.state().locks.at({"stage", "pp/app"}).holder, next);
  const protocol::EventView* event = h.last_event("job.resolved");
  EXPECT_EQ(event->principal, "local");
  EXPECT_EQ(*event->data.find("as")->as_string(), "failed");
  EXPECT_EQ(*event->data.find("reason")->as_string(), "it burnt down");
  EXPECT_THAT(h.log_texts(next), Contains("Deploy: Step deploy of job 1 may still be running on agent s1: that job was "
                                          "settled by hand."));
}

TEST_F(ResolveTest, as_ok_brings_the_deployment_to_its_end_without_running_the_rest) {
  const JobId job = unknown_job();
  resolve(job, true);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(h.status("pp/app"), "ok");
  EXPECT_EQ(h.stage("pp/app").last_ok->version, "1.0");
  EXPECT_TRUE(h.told("deployment.deployed"));
  EXPECT_THAT(h.log_texts(job), Contains(HasSubstr("Settled as ok by local: it burnt down")));
  EXPECT_THAT(h.log_texts(job), Contains(HasSubstr("Not run: post_deploy.")));
  EXPECT_TRUE(h.state().locks.empty());
}

TEST_F(ResolveTest, of_smoke_tests_and_destroying) {
  h.releases[app] = make_release(app, {"smoke", "destroy"});
  h.deploy(app);
  for (const JobKind kind : {JobKind::smoke, JobKind::destroy}) {
    protocol::request::Submit asked;
    asked.kind = kind;
    asked.environment = "stage";
    asked.deployment = "pp/app";
    if (agent->session == 0) h.connect(*agent);
    const JobId job = h.submit(asked);
    h.tick(100s);
    resolve(job, true);
    EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
    EXPECT_EQ(h.status("pp/app"), kind == JobKind::smoke ? "ok" : "empty");
  }
}

TEST_F(ResolveTest, a_late_result_is_acknowledged_told_once_and_changes_nothing) {
  const JobId job = unknown_job();
  resolve(job, false);
  agent->finish({job, 1}, TaskOutcome::ok);
  const state::StageRecord before = h.stage("pp/app");
  h.connect(*agent);
  EXPECT_EQ(late(), 1);
  EXPECT_EQ(late_outcome(), "ok");
  EXPECT_EQ(h.last_event("task.late")->job, job);
  EXPECT_EQ(h.last_event("task.late")->environment, "stage");
  EXPECT_TRUE(agent->journal.empty()) << "acknowledged";
  EXPECT_TRUE(strays().empty());
  EXPECT_TRUE(h.stage("pp/app") == before);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  h.connect(*agent);
  EXPECT_EQ(late(), 1);
}

TEST_F(ResolveTest, a_script_that_still_runs_is_left_to_end) {
  const JobId job = unknown_job();
  resolve(job, true);
  for (int i = 0; i < 2; ++i) h.connect(*agent);
  EXPECT_EQ(late(), 1) << "told once";
  EXPECT_EQ(late_outcome(), "running");
  EXPECT_FALSE(agent->journal.at({job, 1}).is_finished) << "not cut off";
  h.restart();
  h.connect(*agent);
  h.feed(input::AgentMessage{agent->session, agent->key, protocol::Output{{job, 1}, 1, 0, Binary{"more"}}});
  EXPECT_EQ(std::get<protocol::OutputAck>(agent->heard.back()).offset, 4u) << "or its result could never follow";
  h.finish(*agent, job, TaskOutcome::failed);
  EXPECT_EQ(late(), 2);
  EXPECT_EQ(late_outcome(), "failed");
  EXPECT_TRUE(agent->journal.empty());
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
}

TEST_F(ResolveTest, a_cancellation_that_was_asked_for_before_still_reaches_the_script) {
  const JobId job = unknown_job();
  h.ask(protocol::request::CancelJob{job});
  resolve(job, false);
  h.connect(*agent);
  EXPECT_EQ(late_outcome(), "cancelled");
  EXPECT_TRUE(strays().empty());
}

TEST_F(ResolveTest, what_never_started_there_never_does) {
  const JobId job = unknown_job();
  resolve(job, false);
  protocol::Hello hello = agent->hello();
  hello.holds = {{{job, 1}, 1, protocol::AgentTaskPhase::accepted, 0}};
  agent->session = ++h.last_session;
  h.connected[agent->session] = agent;
  h.feed(input::AgentMessage{agent->session, agent->key, hello});
  EXPECT_EQ(std::get<protocol::Welcome>(agent->heard.back()).forget, (std::vector<TaskId>{{job, 1}}));
  EXPECT_EQ(late_outcome(), "not_started");
  EXPECT_TRUE(strays().empty());
}

TEST_F(ResolveTest, an_agent_that_comes_back_with_nothing) {
  const JobId job = unknown_job();
  resolve(job, false);
  agent->journal.clear();
  h.connect(*agent);
  EXPECT_EQ(late_outcome(), "interrupted");
  EXPECT_TRUE(strays().empty());
}

TEST_F(ResolveTest, is_refused_with_a_sentence_for_everything_else) {
  EXPECT_EQ(refused(9), "There is no job 9.");
  const JobId job = h.deploy(app);
  EXPECT_EQ(refused(job),
            "Job 1 is running: agent s1 has its step deploy and is within reach; only a job whose agent is out of "
            "reach is settled by hand.");
  const JobId queued = h.deploy(app);
  EXPECT_THAT(refused(queued), HasSubstr("Job 2 has not started yet;"));
  h.ask(protocol::request::CancelJob{queued});
  EXPECT_THAT(refused(queued), HasSubstr("has already ended"));
  h.tick(100s);
  EXPECT_EQ(refused(job, "  "), "Missing reason.");
  EXPECT_THAT(refused(job, "a\nb"), HasSubstr("one line"));
  EXPECT_THAT(refused(job, std::string(2000, 'x')), HasSubstr("at most 1000 bytes"));
  resolve(job, false);
  EXPECT_THAT(refused(job), HasSubstr("has already ended"));
}

TEST_F(ResolveTest, a_converge_ends_with_the_jobs_that_it_made) {
  protocol::request::ApplyEnvironment apply;
  apply.environment = "stage";
  apply.deployments = {{"pp/app", app, {}}};
  h.ask(apply);
  protocol::request::Submit asked;
  asked.kind = JobKind::converge;
  asked.environment = "stage";
  const JobId converge = h.submit(asked);
  h.tick(100s);
  EXPECT_THAT(refused(converge), HasSubstr("is a converge"));
  resolve(converge + 1, true);
  EXPECT_EQ(h.job(converge + 1).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(converge).outcome, JobOutcome::ok);
}

TEST_F(ResolveTest, needs_the_right_to_act_in_the_jobs_environment) {
  protocol::request::Invite invite;
  invite.name = "bob";
  invite.role = "operator";
  invite.environments = {"live"};
  invite.key = test_key("token");
  h.ask(invite);
  h.ask(protocol::request::Enrol{"bob", test_key("bob")}, "enrol", invite.key);
  const JobId job = unknown_job();
  const auto failed =
      std::get<protocol::reply::Failed>(h.ask(protocol::request::ResolveJob{job, true, "x"}, {}, test_key("bob")));
  EXPECT_EQ(failed.message, "bob may not resolve jobs in the environment 'stage'.");
  resolve(job, false);
  const auto retry = std::get<protocol::reply::Failed>(h.ask(protocol::request::RetryJob{job}, {}, test_key("bob")));
  EXPECT_EQ(retry.message, "bob may not retry jobs in the environment 'stage'.");
}

}  // namespace resolve_test
}  // namespace escape::controller::testing
