#include "controller/core/import.h"

#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"
#include "controller/core/shown_state.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::controller::testing {
namespace import_test {

namespace request = protocol::request;
namespace reply = protocol::reply;
using state::StatusCode;

/// A team's state file: a deployment that runs, with a dependency below both of its stages, in each status.
std::string stage_text(const std::string& version, const std::string& status, const std::string& more = {}) {
  return R"({"version":")" + version + R"(","status":{"status":")" + status +
         R"(","updated_at":"2018-02-03T04:05:06Z"})" + more + "}";
}
std::string deployment_text(const std::string& name, const std::string& release, const std::string& deploy,
                            const std::string& build = {}) {
  return "\"" + name + R"(":{"release":")" + release + R"(","stages":{)" +
         (build.empty() ? "" : "\"build\":" + build + ",") + R"("deploy":)" + deploy + "}}";
}
std::string file_of(const std::string& deployments, const std::string& inputs = "{}") {
  return R"({"name":"team","environments":{"stage":{"inputs":)" + inputs + R"(,"deployments":{)" + deployments + "}}}}";
}

struct ImportTest : ::testing::Test {
  ImportTest() {
    h.releases["pp/aa-v1"] = make_release("pp/aa-v1", {"deploy", "smoke", "destroy"});
    h.releases["pp/aa-latest"] = h.releases["pp/aa-v1"];
  }
  request::ImportState asked(const std::string& text) {
    request::ImportState ask;
    ask.state = codec::from_json(text).value();
    return ask;
  }
  reply::Imported import(const request::ImportState& ask) {
    const protocol::Reply got = h.ask(ask);
    if (const auto* failed = std::get_if<reply::Failed>(&got)) ADD_FAILURE() << failed->message;
    return std::get<reply::Imported>(got);
  }
  reply::Imported import(const std::string& text) { return import(asked(text)); }
  std::string exported() {
    const auto all = find_shown(h.state(), request::ExportState{}).value();
    return codec::to_json(codec::project_to_state_json("team", all), codec::JsonStyle::indented);
  }
  Harness h;
};

TEST_F(ImportTest, what_is_exported_comes_back_as_it_was) {
  import(file_of(
      deployment_text("web", "pp/aa",
                      stage_text("1", "ok",
                                 R"(,"inputs":{"who":"x"},"calculated_inputs":{"n":3.0},"providers":{"kube":"c"},
                                     "deployments":{)" +
                                     deployment_text("db", "pp/db", stage_text("2", "test_failure")) + "}"),
                      stage_text("1", "failure",
                                 R"(,"deployments":{)" + deployment_text("db", "pp/db", stage_text("3", "ok")) + "}")) +
          "," + deployment_text("web-2", "pp/aa", stage_text("1", "destroy_pending")),
      R"({"region":"eu"})"));
  const std::string first = exported();
  EXPECT_NE(first.find(R"("region": "eu")"), std::string::npos);
  Harness empty;
  empty.releases = h.releases;
  std::swap(h.core, empty.core);
  std::swap(h.replay, empty.replay);
  std::swap(h.events, empty.events);
  import(first);
  EXPECT_EQ(exported(), first);
  h.restart();
  EXPECT_EQ(exported(), first) << "and it is durable";
}

TEST_F(ImportTest, tells_what_came_and_what_is_not_known) {
  const reply::Imported report = import(file_of(
      deployment_text(
          "web", "pp/aa",
          stage_text("1", "ok", R"(,"deployments":{)" + deployment_text("db", "pp/db", stage_text("2", "ok")) + "}")) +
      "," + deployment_text("web-2", "pp/aa", stage_text("1", "failure"))));
  ASSERT_EQ(report.deployments.size(), 2u);
  EXPECT_EQ(report.deployments[0].deployment, "web");
  EXPECT_EQ(report.deployments[0].release, "pp/aa-v1");
  EXPECT_EQ(report.deployments[0].status, "ok");
  EXPECT_EQ(report.deployments[0].below, 1);
  EXPECT_EQ(report.deployments[1].below, 0);
  EXPECT_THAT(report.unknown_releases, ::testing::ElementsAre("pp/db-v2"));
  const state::StageRecord& web = h.stage("web");
  EXPECT_EQ(web.release.sha256, h.releases["pp/aa-v1"].sha256);
  EXPECT_FALSE(web.release.lacks_digest);
  EXPECT_EQ(web.last_ok, std::optional(web.release));
  EXPECT_FALSE(h.stage("web-2").last_ok) << "what ran before the failed attempt is not in the file";
  EXPECT_TRUE(h.stage("web:db").release.lacks_digest);
  int told = 0;
  for (const protocol::EventView& event : h.events) {
    if (event.kind == "deployment.imported") ++told;
  }
  EXPECT_EQ(told, 2);
  EXPECT_EQ(codec::to_json(h.last_event("deployment.imported")->data),
            R"({"release":"pp/aa-v1","status":"failure","below":0,"replaces":false})");
  EXPECT_TRUE(h.told("environment.created"));
}

TEST_F(ImportTest, nothing_is_left_running_that_nobody_runs) {
  const std::pair<const char*, StatusCode> table[] = {{"running_pre_step", StatusCode::failure},
                                                      {"running_main_step", StatusCode::failure},
                                                      {"running_post_step", StatusCode::failure},
                                                      {"running_test_step", StatusCode::test_failure},
                                                      {"running_pre_destroy_step", StatusCode::destroy_failure},
                                                      {"running_main_destroy_step", StatusCode::destroy_failure},
                                                      {"running_post_destroy_step", StatusCode::destroy_failure},
                                                      {"pending", StatusCode::pending},
                                                      {"test_pending", StatusCode::test_pending},
                                                      {"destroy_pending", StatusCode::destroy_pending},
                                                      {"ok", StatusCode::ok},
                                                      {"empty", StatusCode::empty}};
  std::string all;
  for (const auto& [code, becomes] : table) {
    all += (all.empty() ? "" : ",") + deployment_text(std::string("d_") + code, "pp/aa", stage_text("1", code));
  }
  const reply::Imported report = import(file_of(all));
  EXPECT_EQ(report.remarks.size(), 8u);
  for (const auto& [code, becomes] : table) {
    const state::Status& status = h.stage(std::string("d_") + code).status;
    EXPECT_EQ(status.code, becomes) << code;
    EXPECT_EQ(status.is_cut_off, std::string(code).starts_with("running_")) << code;
    if (state::is_error(becomes)) {
      EXPECT_EQ(status.data, std::string("It was in status '") + code +
                                 "' when it was imported, and nobody runs it here: how far it got is not known.");
      EXPECT_EQ(status.updated_by, "local");
    }
  }
}

TEST_F(ImportTest, what_is_there_is_named_and_stays) {
  import(file_of(deployment_text("web", "pp/aa", stage_text("1", "ok")), R"({"region":"eu"})"));
  const std::string before = exported();
  const std::string file = file_of(deployment_text("web", "pp/aa", stage_text("2", "ok")) + "," +
                                       deployment_text("new1", "pp/aa", stage_text("2", "ok")) + "," +
                                       deployment_text("api", "pp/aa", stage_text("2", "ok")),
                                   R"({"region":"us"})");
  reply::Failed refused = h.refusal(asked(file));
  EXPECT_EQ(refused.kind, "conflict");
  EXPECT_EQ(refused.message,
            "Nothing was imported, because this is here already: inputs of the environment stage, web in stage.");
  EXPECT_EQ(exported(), before);
  request::ImportState replacing = asked(file);
  replacing.replace = true;
  const reply::Imported report = import(replacing);
  EXPECT_EQ(report.deployments.size(), 3u);
  EXPECT_EQ(h.stage("web").release.version, "2");
  EXPECT_EQ(codec::to_json(h.state().environments.at("stage").inputs), R"({"region":"us"})");
  EXPECT_TRUE(h.told("environment.modified"));
  refused = h.refusal(asked(file));
  EXPECT_EQ(refused.message,
            "Nothing was imported, because this is here already: api in stage, new1 in stage, web in stage.");
}

TEST_F(ImportTest, what_is_replaced_leaves_nothing_below_it_and_stays_where_it_lives) {
  import(file_of(
      deployment_text(
          "web", "pp/aa",
          stage_text("1", "ok", R"(,"deployments":{)" + deployment_text("db", "pp/db", stage_text("2", "ok")) + "}")) +
      "," + deployment_text("web-2", "pp/aa", stage_text("1", "ok"))));
  h.ask(request::CreateDeployment{"stage", "web", "pp/aa-latest", {}, {}});
  request::ImportState replacing = asked(file_of(deployment_text("web", "pp/aa", stage_text("2", "ok"))));
  replacing.replace = true;
  import(replacing);
  EXPECT_FALSE(h.state().deployments.contains({"stage", "web:db"}));
  EXPECT_TRUE(h.state().deployments.contains({"stage", "web-2"}));
  ASSERT_TRUE(h.state().deployments.at({"stage", "web"}).desired);
  EXPECT_EQ(h.state().deployments.at({"stage", "web"}).desired->query, "pp/aa-latest");
}

TEST_F(ImportTest, a_deployment_that_somebody_works_on_is_a_conflict) {
  ScriptedAgent& agent = h.enrol("s1", "stage");
  agent.finishes_at_once = false;
  const JobId job = h.deploy("pp/aa-v1");
  request::ImportState replacing = asked(file_of(deployment_text("pp/aa", "pp/aa", stage_text("1", "ok"))));
  replacing.replace = true;
  const reply::Failed refused = h.refusal(replacing);
  EXPECT_EQ(refused.kind, "conflict");
  EXPECT_EQ(refused.message, "Jobs work on what would be imported: pp/aa in stage (job 1).");
  h.finish(agent, job);
  import(replacing);
}

TEST_F(ImportTest, hidden_values_do_not_become_the_secrets) {
  for (const char* inputs : {R"(,"inputs":{"password":"********"})", R"(,"calculated_outputs":{"token":"********"})"}) {
    const reply::Failed refused =
        h.refusal(asked(file_of(deployment_text("web", "pp/aa", stage_text("1", "ok", inputs)))));
    EXPECT_EQ(refused.message, "The state file holds ******** in the place of values of web in stage.");
  }
  EXPECT_FALSE(h.state().environments.contains("stage"));
}

TEST_F(ImportTest, one_environment_alone) {
  const std::string two =
      R"({"name":"team","environments":{"stage":{"inputs":{"a":"1"}},"live":{"inputs":{"a":"2"}}}})";
  request::ImportState ask = asked(two);
  ask.environment = "live";
  import(ask);
  EXPECT_TRUE(h.state().environments.contains("live"));
  EXPECT_FALSE(h.state().environments.contains("stage"));
  ask.environment = "test";
  EXPECT_EQ(h.refusal(ask).message, "There is no environment 'test' in the state file.");
}

TEST_F(ImportTest, a_preview_changes_nothing) {
  request::ImportState ask = asked(file_of(deployment_text("web", "pp/aa", stage_text("1", "running_main_step"))));
  ask.dry_run = true;
  EXPECT_FALSE(protocol::changes_something(ask));
  const Result<Import> plan = plan_import(h.state(), ask, {}, "ann", h.now.wall);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan.value().report.dry_run);
  EXPECT_EQ(plan.value().report.deployments.at(0).status, "failure");
  EXPECT_TRUE(h.state().deployments.empty());
}

struct UnknownDigestTest : ImportTest {
  UnknownDigestTest() {
    h.enrol("s1", "stage");
    h.enrol("l1", "live");
    const auto later = std::exchange(h.releases, {});
    import(file_of(deployment_text("web", "pp/aa", stage_text("1", "ok", R"(,"calculated_inputs":{"who":"World"})"))));
    h.releases = later;
    EXPECT_TRUE(h.stage("web").release.lacks_digest);
  }
  JobId run(JobKind kind, request::Submit more = {}) {
    more.kind = kind;
    if (more.environment.empty()) more.environment = "stage";
    more.deployment = "web";
    return h.submit(more);
  }
};

TEST_F(UnknownDigestTest, the_digest_is_looked_up_by_the_first_job) {
  const JobId smoke = run(JobKind::smoke);
  EXPECT_EQ(h.job(smoke).outcome, JobOutcome::ok) << h.job(smoke).message;
  const state::StageRecord& web = h.stage("web");
  EXPECT_EQ(web.release.sha256, h.releases["pp/aa-v1"].sha256);
  EXPECT_FALSE(web.release.lacks_digest);
  EXPECT_EQ(web.last_ok, std::optional(web.release));
  EXPECT_EQ(h.job(run(JobKind::destroy)).outcome, JobOutcome::ok);
}

TEST_F(UnknownDigestTest, without_its_release_a_job_fails_and_says_so) {
  h.releases.clear();
  const JobId smoke = run(JobKind::smoke);
  EXPECT_EQ(h.job(smoke).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(smoke).error_kind, "not_found");
  EXPECT_TRUE(h.stage("web").release.lacks_digest);
}

TEST_F(UnknownDigestTest, it_is_promoted_by_its_version) {
  const auto shown = describe_promotion(h.state(), {"stage", "web", "live", ""});
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown.value().release, "pp/aa-v1");
  EXPECT_EQ(shown.value().sha256, "");
  request::Submit asked;
  asked.environment = "live";
  asked.from_environment = "stage";
  asked.release = "pp/aa-v1";
  const JobId job = run(JobKind::promote, asked);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_EQ(h.stage("web", "live").release.sha256, h.releases["pp/aa-v1"].sha256);
  EXPECT_TRUE(describe_promotion(h.state(), {"stage", "web", "live", ""}).value().is_same);
  asked.kind = JobKind::promote;
  asked.deployment = "web";
  asked.release = "pp/aa-v2";
  EXPECT_EQ(h.refusal(asked).message, "Deployment web in environment stage has moved: it now runs pp/aa-v1.");
}

TEST_F(UnknownDigestTest, converge_leaves_it_alone_while_the_version_fits) {
  h.ask(request::CreateDeployment{"stage", "web", "pp/aa-v1", {}, {}});
  const DesiredVersion wanted{{"stage", "web"}, h.releases["pp/aa-v1"]};
  const auto plan = plan_converge(h.state(), "stage", {wanted}, false, h.now.wall);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].action, "none") << plan[0].reason;
  request::Submit asked;
  asked.kind = JobKind::converge;
  asked.environment = "stage";
  asked.refresh = true;
  const JobId job = h.submit(asked);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_FALSE(h.stage("web").release.lacks_digest);
}

TEST_F(UnknownDigestTest, a_failed_smoke_test_can_be_retried) {
  h.agents.at("s1")->outcome = protocol::TaskOutcome::failed;
  const JobId smoke = run(JobKind::smoke);
  EXPECT_EQ(h.job(smoke).outcome, JobOutcome::failed);
  h.agents.at("s1")->outcome = protocol::TaskOutcome::ok;
  const auto again = h.ask(request::RetryJob{smoke});
  ASSERT_TRUE(std::holds_alternative<reply::JobMade>(again)) << std::get<reply::Failed>(again).message;
  EXPECT_EQ(h.job(std::get<reply::JobMade>(again).job).outcome, JobOutcome::ok);
}

}  // namespace import_test
}  // namespace escape::controller::testing
