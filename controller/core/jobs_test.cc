#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"
#include "shared/codec/domain.h"

namespace escape::controller::testing {
namespace jobs_test {

using protocol::TaskOutcome;
using protocol::request::Submit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string hello = "quickstart/hello-world";

struct JobsTest : ::testing::Test {
  JobsTest() {
    for (const std::string version : {"0.0.1", "0.0.2", "0.0.10"}) {
      h.releases[hello + "-v" + version] = make_release(hello + "-v" + version);
    }
    h.releases[hello + "-latest"] = h.releases[hello + "-v0.0.10"];
  }
  Submit on(JobKind kind, const std::string& environment = "stage") {
    Submit asked;
    asked.kind = kind;
    asked.environment = environment;
    asked.deployment = hello;
    return asked;
  }
  Harness h;
};

TEST_F(JobsTest, a_deploy_runs_its_script_once_and_records_it) {
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  Submit asked;
  asked.environment = "stage";
  asked.release = hello + "-v0.0.1";
  asked.inputs = {{"who", "Stage"}};
  const JobId job = h.submit(asked);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(h.status(hello), "ok");
  EXPECT_EQ(h.stage(hello).last_ok->version, "0.0.1");
  EXPECT_EQ(h.stage(hello).inputs, (Value::Object{{"who", "Stage"}}));
  EXPECT_EQ(h.state().deployments.at({"stage", hello}).agent, "stage-1");
  EXPECT_EQ(agent.starts.size(), 1u);
  ASSERT_EQ(agent.offers.size(), 1u);
  EXPECT_EQ(agent.offers[0].variables.at("INPUT_who"), "Stage");
  EXPECT_EQ(agent.offers[0].package.path, "/api/v1/inventory/quickstart/units/hello-world/versions/v0.0.1/download");
  EXPECT_TRUE(agent.journal.empty()) << "the result was committed and forgotten";
  EXPECT_TRUE(h.state().locks.empty());
  EXPECT_TRUE(h.told("deployment.deployed"));
  EXPECT_THAT(h.log_texts(job),
              ElementsAre("Deploy: Deploying.", "Deploy: Running deploy step deploy.sh.", "Deploy: Hello World!\n",
                          "Deploy: Successfully deployed quickstart/hello-world-v0.0.1 with deployment name "
                          "quickstart/hello-world in the stage environment."));
}

TEST_F(JobsTest, the_same_request_is_carried_out_once) {
  h.enrol("stage-1", "stage");
  Submit asked = on(JobKind::deploy);
  asked.release = hello + "-v0.0.1";
  const auto first = std::get<protocol::reply::JobMade>(h.ask(asked, "once"));
  const auto second = std::get<protocol::reply::JobMade>(h.ask(asked, "once"));
  EXPECT_EQ(first.job, second.job);
  h.restart();
  EXPECT_EQ(std::get<protocol::reply::JobMade>(h.ask(asked, "once")).job, first.job);
  EXPECT_EQ(h.state().last_job, first.job);
}

TEST_F(JobsTest, a_failing_script_leaves_what_ran_before) {
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  h.deploy(hello + "-v0.0.1");
  agent.outcome = TaskOutcome::failed;
  agent.output = "one\n\ntwo\nthree\nfour\n";
  const JobId job = h.deploy(hello + "-v0.0.2");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(job).error_kind, "failed");
  EXPECT_EQ(h.job(job).message,
            "Failed to successfully execute command './deploy.sh': exit status 1\ntwo\nthree\nfour");
  EXPECT_EQ(h.status(hello), "failure");
  EXPECT_EQ(h.stage(hello).last_ok->version, "0.0.1");
  EXPECT_EQ(h.stage(hello).release.version, "0.0.2");
  EXPECT_EQ(h.log_texts(job).back(),
            "Deploy: Error: Failed to successfully execute command './deploy.sh': exit status 1");
  EXPECT_TRUE(h.told("deployment.failed"));
}

TEST_F(JobsTest, jobs_on_one_deployment_queue_in_order) {
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  agent.finishes_at_once = false;
  const JobId first = h.deploy(hello + "-v0.0.1");
  const JobId second = h.deploy(hello + "-v0.0.2");
  const JobId third = h.submit(on(JobKind::smoke));
  EXPECT_EQ(h.job(second).phase, JobPhase::queued);
  EXPECT_EQ(h.job(third).message, "waiting for job 1 (local, deploy quickstart/hello-world → stage, since " +
                                      to_rfc3339(h.job(first).started_at) + ")");
  h.finish(agent, first);
  EXPECT_EQ(h.job(first).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(second).phase, JobPhase::running);
  EXPECT_EQ(h.job(third).message, "waiting for job 2 (local, deploy quickstart/hello-world → stage, since " +
                                      to_rfc3339(h.job(second).started_at) + ")");
  h.finish(agent, second);
  EXPECT_EQ(h.job(third).outcome, JobOutcome::ok) << "a smoke without script passes";
  EXPECT_EQ(h.job(third).release, hello + "-v0.0.2") << "what is deployed when its turn comes";
}

TEST_F(JobsTest, what_cannot_be_is_refused_without_a_trace) {
  h.enrol("stage-1", "stage");
  EXPECT_EQ(h.refusal(on(JobKind::smoke)).message,
            "The deployment quickstart/hello-world was not found in the environment stage.");
  EXPECT_EQ(h.refusal(on(JobKind::destroy)).kind, "not_found");
  EXPECT_EQ(h.refusal(on(JobKind::build)).kind, "usage");
  EXPECT_EQ(h.refusal(on(JobKind::deploy, "Bad Name")).kind, "bad_data");
  Submit promote = on(JobKind::promote, "live");
  promote.from_environment = "stage";
  promote.from_deployment = hello;
  EXPECT_EQ(h.refusal(promote).message, "Deployment quickstart/hello-world was not found in the environment stage.");
  EXPECT_TRUE(h.state().deployments.empty());
  EXPECT_TRUE(h.state().jobs.empty());
  h.deploy(hello + "-v0.0.1");
  h.releases["quickstart/other-v1.0"] = make_release("quickstart/other-v1.0");
  Submit other = on(JobKind::deploy);
  other.release = "quickstart/other-v1.0";
  EXPECT_EQ(h.refusal(other).message,
            "The deployment quickstart/hello-world in the environment stage holds quickstart/hello-world, not "
            "quickstart/other.");
}

// What a deploy costs the disk does not depend on how much else there is.
TEST_F(JobsTest, a_deploy_writes_its_own_deployment_only) {
  h.enrol("stage-1", "stage");
  const auto cost_of_one = [&] {
    h.rows_written = 0;
    h.deployments_written.clear();
    const JobId job = h.deploy(hello + "-v0.0.1");
    EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
    EXPECT_EQ(h.deployments_written.size(), 1u);
    return h.rows_written;
  };
  cost_of_one();  // a first one makes its rows
  const std::size_t alone = cost_of_one();
  for (int i = 0; i < 200; ++i) {
    h.releases["quickstart/other-v1"] = make_release("quickstart/other-v1", {});
    Submit other = on(JobKind::deploy, i % 2 == 0 ? "stage" : "test");
    other.release = "quickstart/other-v1";
    other.deployment = "other-" + std::to_string(i);
    h.submit(other);
  }
  ASSERT_EQ(h.state().deployments.size(), 201u);
  EXPECT_EQ(cost_of_one(), alone);
}

TEST_F(JobsTest, an_unknown_release_or_input_fails_the_job_and_changes_nothing_else) {
  h.enrol("stage-1", "stage");
  const JobId unknown = h.deploy(hello + "-v9");
  EXPECT_EQ(h.job(unknown).error_kind, "not_found");
  Submit asked = on(JobKind::deploy);
  asked.release = hello + "-v0.0.1";
  asked.inputs = {{"whoo", "x"}};
  const JobId misspelt = h.submit(asked);
  EXPECT_EQ(h.job(misspelt).message, "'whoo' is not an input of quickstart/hello-world.");
  EXPECT_THAT(h.job(misspelt).hint, HasSubstr("Did you mean 'who'?"));
  EXPECT_TRUE(h.state().deployments.empty());
}

TEST_F(JobsTest, an_environment_without_agents_is_a_clear_error_and_is_not_made) {
  const JobId job = h.deploy(hello + "-v0.0.1");
  EXPECT_EQ(h.job(job).error_kind, "no_target");
  EXPECT_EQ(h.job(job).message, "The environment 'stage' has no agent.");
  EXPECT_THAT(h.job(job).hint, HasSubstr("escape agents invite --environment stage"));
  EXPECT_TRUE(h.state().environments.empty());
}

TEST_F(JobsTest, a_missing_required_input_is_a_truthful_failure) {
  h.enrol("stage-1", "stage");
  h.releases[hello + "-v0.0.1"].metadata.inputs[0].fallback.reset();
  const JobId job = h.deploy(hello + "-v0.0.1");
  EXPECT_EQ(h.job(job).message, "Missing value for variable 'who'");
  EXPECT_EQ(h.job(job).error_kind, "bad_data");
  EXPECT_FALSE(h.state().deployments.contains({"stage", hello})) << "nothing was tried, so nothing is recorded";
}

TEST_F(JobsTest, steps_without_script_pass_and_outputs_flow) {
  release::ReleaseRecord record = make_release(hello + "-v0.0.1", {"deploy", "post_deploy", "destroy"});
  release::Variable url, port;
  url.id = "url";
  port.id = "port";
  port.type = "integer";
  port.fallback = Value(80);
  record.metadata.outputs = {url, port};
  h.releases[hello + "-v0.0.1"] = record;
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  agent.outputs = {{"url", "http://x"}, {"port", 8080}, {"extra", "e"}};
  const JobId job = h.deploy(hello + "-v0.0.1");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_EQ(h.stage(hello).calculated_outputs, (Value::Object{{"url", "http://x"}, {"port", 8080}}));
  ASSERT_EQ(agent.offers.size(), 2u);
  EXPECT_EQ(agent.offers[1].variables.at("OUTPUT_port"), "8080");
  EXPECT_FALSE(agent.offers[0].variables.contains("OUTPUT_url"));
  EXPECT_TRUE(agent.offers[0].reads_outputs);
  agent.outputs = {{"port", true}};
  const JobId gone = h.submit(on(JobKind::destroy));
  EXPECT_EQ(h.job(gone).outcome, JobOutcome::ok) << "typed outputs do not stop a destroy";
  EXPECT_FALSE(agent.offers[2].reads_outputs);
  EXPECT_EQ(agent.offers[2].outputs_before, (Value::Object{{"url", "http://x"}, {"port", 8080}}));
  EXPECT_EQ(h.status(hello), "empty");
  EXPECT_TRUE(h.stage(hello).calculated_outputs.empty());
  EXPECT_FALSE(h.stage(hello).last_ok);
  EXPECT_EQ(h.stage(hello).release.version, "0.0.1");
}

TEST_F(JobsTest, the_second_run_sees_the_first_ones_values) {
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  Submit asked = on(JobKind::deploy);
  asked.release = hello + "-v0.0.1";
  asked.inputs = {{"who", "one"}};
  h.submit(asked);
  asked.inputs = {{"who", "two"}};
  h.submit(asked);
  EXPECT_EQ(agent.offers.at(1).variables.at("INPUT_PREVIOUS_who"), "one");
  EXPECT_EQ(agent.offers.at(1).variables.at("INPUT_who"), "two");
  asked.inputs = {};
  h.submit(asked);
  EXPECT_EQ(agent.offers.at(2).variables.at("INPUT_who"), "two") << "-v stays for later runs";
}

TEST_F(JobsTest, promotion_deploys_the_very_release_with_the_targets_own_inputs) {
  h.enrol("stage-1", "stage");
  ScriptedAgent& live = h.enrol("live-1", "live");
  Submit asked = on(JobKind::deploy);
  asked.release = hello + "-v0.0.1";
  asked.inputs = {{"who", "Stage"}};
  h.submit(asked);
  Submit promote = on(JobKind::promote, "live");
  promote.from_environment = "stage";
  promote.from_deployment = hello;
  promote.expected_sha256 = "another";
  EXPECT_EQ(h.refusal(promote).kind, "conflict");
  promote.expected_sha256 = "sha-of-" + hello + "-v0.0.1";
  const JobId job = h.submit(promote);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(live.offers.at(0).variables.at("INPUT_who"), "World");
  EXPECT_EQ(h.log_texts(job).at(0), "Promote: Promoting quickstart/hello-world-v0.0.1 from stage to live.");
  EXPECT_EQ(h.log_texts(job).at(1), "Promote: Deploy: Deploying.");
  EXPECT_EQ(*h.events.at(h.events.size() - 2).data.find("promoted_from"), Value("stage"));

  h.releases[hello + "-v0.0.1"].sha256 = "replaced";
  const JobId forged = h.submit(promote);
  EXPECT_EQ(h.job(forged).error_kind, "conflict");
  EXPECT_EQ(h.status(hello, "live"), "ok") << "untouched";
}

TEST_F(JobsTest, promotion_takes_what_is_sound_and_names_a_downgrade) {
  ScriptedAgent& stage = h.enrol("stage-1", "stage");
  h.enrol("live-1", "live");
  h.deploy(hello + "-v0.0.1");
  h.deploy(hello + "-v0.0.10", "live");
  const protocol::request::DescribePromotion asked{"stage", hello, "live", ""};
  EXPECT_TRUE(describe_promotion(h.state(), asked).value().is_downgrade);
  EXPECT_FALSE(describe_promotion(h.state(), {"live", hello, "stage", ""}).value().is_downgrade);
  stage.outcome = TaskOutcome::failed;
  h.deploy(hello + "-v0.0.2");
  Submit promote = on(JobKind::promote, "live");
  promote.from_environment = "stage";
  promote.from_deployment = hello;
  EXPECT_EQ(h.refusal(promote).message,
            "Deployment quickstart/hello-world in environment stage is in status 'failure', so there is nothing sound "
            "to promote.");
  EXPECT_EQ(describe_promotion(h.state(), asked).error().kind, ErrorKind::refused);
  EXPECT_EQ(h.stage(hello, "live").last_ok->version, "0.0.10");
}

TEST_F(JobsTest, version_comparison_names_the_event) {
  h.enrol("stage-1", "stage");
  h.deploy(hello + "-v0.0.2");
  EXPECT_FALSE(h.told("deployment.upgraded"));
  h.deploy(hello + "-latest");
  EXPECT_TRUE(h.told("deployment.upgraded"));
  h.deploy(hello + "-v0.0.1");
  EXPECT_TRUE(h.told("deployment.rolledback"));
}

TEST_F(JobsTest, smoke_failure_is_a_test_failure) {
  h.releases[hello + "-v0.0.1"] = make_release(hello + "-v0.0.1", {"deploy", "smoke"});
  ScriptedAgent& agent = h.enrol("stage-1", "stage");
  h.deploy(hello + "-v0.0.1");
  agent.outcome = TaskOutcome::failed;
  h.submit(on(JobKind::smoke));
  EXPECT_EQ(h.status(hello), "test_failure");
  agent.outcome = TaskOutcome::ok;
  h.submit(on(JobKind::smoke));
  EXPECT_EQ(h.status(hello), "ok");
}

TEST_F(JobsTest, workspace_jobs_run_in_the_process_that_joins) {
  const release::ReleaseRecord record = make_release(hello + "-v0.0.3", {"build", "test"});
  Submit asked = on(JobKind::build, "dev");
  asked.workspace = "/src/app";
  asked.metadata = codec::metadata_to_value(record.metadata);
  const JobId build = h.submit(asked);
  EXPECT_EQ(h.job(build).phase, JobPhase::running);
  // The person's key on this process is the empty one only when embedded; over the network it is a principal's.
  EXPECT_TRUE(h.last.to_agents.empty());
  h.tick(h.settings.agent_wait);
  EXPECT_EQ(h.job(build).error_kind, "unreachable");

  Settings embedded;
  embedded.is_embedded = true;
  Harness e(embedded);
  ScriptedAgent local{.name = "local", .key = ""};
  e.connect(local);
  const JobId again = e.submit(asked);
  EXPECT_EQ(e.job(again).outcome, JobOutcome::ok) << e.job(again).message;
  EXPECT_EQ(local.offers.at(0).package.workspace, "/src/app");
  asked.kind = JobKind::test;
  EXPECT_EQ(e.job(e.submit(asked)).outcome, JobOutcome::ok);
  asked.metadata = codec::metadata_to_value(make_release(hello + "-v0.0.4", {"test"}).metadata);
  EXPECT_EQ(e.refusal(asked).message,
            "Build state 'quickstart/hello-world' for release 'hello-world-v0.0.4' could not be found");
}

TEST_F(JobsTest, a_build_leaves_nothing_for_converge) {
  Settings embedded;
  embedded.is_embedded = true;
  Harness e(embedded);
  ScriptedAgent local{.name = "local", .key = ""};
  e.connect(local);
  Submit asked = on(JobKind::build, "dev");
  asked.workspace = "/src/app";
  asked.metadata = codec::metadata_to_value(make_release(hello + "-v0.0.3", {"build", "deploy"}).metadata);
  ASSERT_EQ(e.job(e.submit(asked)).outcome, JobOutcome::ok);
  const auto& stages = e.state().deployments.at({"dev", hello}).stages;
  EXPECT_EQ(stages.size(), 1u);
  EXPECT_TRUE(stages.contains("build"));
  Submit converge;
  converge.kind = JobKind::converge;
  converge.environment = "dev";
  const Job job = e.job(e.submit(converge));
  EXPECT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_TRUE(job.children.empty());
}

TEST_F(JobsTest, what_moves_deployments_has_no_workspace) {
  h.enrol("stage-1", "stage");
  h.deploy(hello + "-v0.0.1");
  for (const JobKind kind : {JobKind::promote, JobKind::converge}) {
    Submit asked = on(kind, kind == JobKind::promote ? "live" : "stage");
    asked.from_environment = "stage";
    asked.workspace = "/src/app";
    asked.metadata = codec::metadata_to_value(make_release(hello + "-v0.0.3").metadata);
    EXPECT_EQ(h.refusal(asked).kind, "usage");
  }
  EXPECT_TRUE(h.state().plans.empty());
}

TEST_F(JobsTest, a_value_that_does_not_fit_is_not_recorded) {
  release::ReleaseRecord record = make_release(hello + "-v0.0.1");
  record.metadata.inputs.push_back({.id = "port", .type = "integer", .fallback = Value(80)});
  h.releases[hello + "-v0.0.1"] = record;
  h.enrol("stage-1", "stage");
  Submit asked = on(JobKind::deploy);
  asked.release = hello + "-v0.0.1";
  EXPECT_EQ(h.job(h.submit(asked)).outcome, JobOutcome::ok);
  asked.inputs = {{"port", "abc"}};
  const JobId bad = h.submit(asked);
  EXPECT_EQ(h.job(bad).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(bad).error_kind, "bad_data");
  EXPECT_EQ(h.status(hello), "ok") << "what runs is as it was";
  asked.inputs = {};
  EXPECT_EQ(h.job(h.submit(asked)).outcome, JobOutcome::ok);
}

TEST_F(JobsTest, a_build_goes_on_to_test_and_destroy_under_one_lock) {
  Settings embedded;
  embedded.is_embedded = true;
  Harness e(embedded);
  ScriptedAgent local{.name = "local", .key = ""};
  e.connect(local);
  Submit asked = on(JobKind::build, "dev");
  asked.workspace = "/src/app";
  asked.stages = {"destroy", "test", "destroy"};  // any order: what is destroyed can't be tested
  asked.metadata = codec::metadata_to_value(make_release(hello + "-v0.0.3", {"build", "test", "destroy"}).metadata);
  const JobId job = e.submit(asked);
  EXPECT_EQ(e.job(job).outcome, JobOutcome::ok) << e.job(job).message;
  std::vector<std::string> steps;
  for (const auto& offer : local.offers) steps.push_back(offer.step);
  EXPECT_THAT(steps, ElementsAre("build", "test", "destroy"));
  const std::vector<std::string> texts = e.log_texts(job);
  for (const char* text : {"Build: Starting build.", "Build: Completed build", "Test: Running tests.",
                           "Test: Tests passed.", "Destroy: Destroying deployment.", "Destroy: Destruction complete"}) {
    EXPECT_THAT(texts, ::testing::Contains(text));
  }
  asked.stages = {"deploy"};
  EXPECT_EQ(e.refusal(asked).kind, "usage");
}

}  // namespace jobs_test
}  // namespace escape::controller::testing
