#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"
#include "shared/codec/domain.h"

/// Dependencies, extensions and templates of a release, as steps of one job.
namespace escape::controller::testing {
namespace dependencies_test {

using protocol::TaskOutcome;
using protocol::request::Submit;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct DependenciesTest : ::testing::Test {
  DependenciesTest() {
    agent = &h.enrol("stage-1", "stage");
    release::ReleaseRecord& db = add("qq/db-v1.0", {"deploy", "destroy"});
    db.metadata.inputs = {{.id = "size"}, {.id = "name", .fallback = Value("unnamed")}};
    db.metadata.outputs = {{.id = "url", .fallback = Value("$this.inputs.name.concat(\":5432\")")}};
    release::ReleaseRecord& cache = add("qq/cache-v1.0", {"deploy"});
    cache.metadata.inputs = {{.id = "of", .fallback = Value("")}};
    release::ReleaseRecord& app = add("qq/app-v1.0", {"deploy", "destroy"});
    app.metadata.inputs = {{.id = "size", .fallback = Value("small")},
                           {.id = "url", .fallback = Value("$db.outputs.url"), .eval_before_dependencies = false}};
    // In the plan the cache comes first, but what it is given comes from the database.
    app.metadata.depends = {depend("qq/cache-v1.0", "cache", {{"of", "$db.outputs.url"}}),
                            depend("qq/db-v1.0", "db", {{"size", "$this.inputs.size"}, {"other", "$nobody.knows"}})};
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = make_release(id, steps);
  }
  static release::Dependency depend(const std::string& id, const std::string& variable, Value::Object mapping) {
    return {.release_id = id, .build_mapping = mapping, .deploy_mapping = mapping, .variable = variable};
  }
  std::vector<std::string> steps() const {
    std::vector<std::string> all;
    for (const protocol::Offer& offer : agent->offers) all.push_back(offer.deployment + " " + offer.step);
    return all;
  }
  const protocol::Offer& offer_of(const std::string& deployment) const {
    for (const protocol::Offer& offer : agent->offers) {
      if (offer.deployment == deployment) return offer;
    }
    throw std::runtime_error("nothing was offered for " + deployment);
  }
  JobId destroy(const std::string& deployment) {
    Submit asked;
    asked.kind = JobKind::destroy;
    asked.environment = "stage";
    asked.deployment = deployment;
    return h.submit(asked);
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(DependenciesTest, each_is_deployed_after_those_that_it_speaks_of_and_before_its_parent) {
  const JobId job = h.deploy("qq/app-v1.0");
  ASSERT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(steps(), ElementsAre("qq/app:db deploy", "qq/app:cache deploy", "qq/app deploy"));
  const protocol::Offer& db = offer_of("qq/app:db");
  EXPECT_EQ(db.package.release, "qq/db-v1.0");
  EXPECT_EQ(db.package.sha256, "sha-of-qq/db-v1.0");
  EXPECT_EQ(db.variables.at("INPUT_size"), "small");
  EXPECT_FALSE(db.variables.contains("INPUT_other")) << "mapped, and never asked for by the dependency";
  EXPECT_EQ(offer_of("qq/app:cache").variables.at("INPUT_of"), "unnamed:5432");
  EXPECT_EQ(offer_of("qq/app").variables.at("INPUT_url"), "unnamed:5432") << "an input made of a dependency's output";
  EXPECT_EQ(h.status("qq/app:db"), "ok");
  EXPECT_EQ(h.stage("qq/app:db").release, (state::DeployedRelease{"1.0", "sha-of-qq/db-v1.0"}));
  const std::vector<std::string> texts = h.log_texts(job);
  for (const char* text : {"Deploy: Dependency qq/db-v1.0: Deploying dependency qq/db-v1.0.",
                           "Deploy: Dependency qq/db-v1.0: Running deploy step deploy.sh.",
                           "Deploy: Dependency qq/db-v1.0: Deployed dependency qq/db-v1.0"}) {
    EXPECT_THAT(texts, Contains(text));
  }
}

TEST_F(DependenciesTest, values_of_the_environment_and_of_every_level_reach_it) {
  protocol::request::ApplyEnvironment apply;
  apply.environment = "stage";
  apply.inputs = Value::Object{{"name", "from-environment"}, {"size", "from-environment"}};
  h.ask(apply);
  h.deploy("qq/app-v1.0");
  EXPECT_EQ(offer_of("qq/app:db").variables.at("INPUT_name"), "from-environment");
  EXPECT_EQ(offer_of("qq/app:db").variables.at("INPUT_size"), "from-environment") << "what its parent has, is mapped";
  apply.deployments = {{"qq/app", "qq/app-v1.0", Value::Object{{"size", "from-deployment"}}}};
  h.ask(apply);
  agent->offers.clear();
  h.deploy("qq/app-v1.0");
  EXPECT_EQ(offer_of("qq/app").variables.at("INPUT_size"), "from-deployment");
  EXPECT_EQ(offer_of("qq/app:db").variables.at("INPUT_size"), "from-deployment") << "never two values for one name";
}

TEST_F(DependenciesTest, what_its_parent_keeps_secret_is_masked_for_it_too) {
  h.releases["qq/app-v1.0"].metadata.inputs[0].sensitive = true;
  h.deploy("qq/app-v1.0");
  EXPECT_THAT(offer_of("qq/app:db").secret_variables, ElementsAre("INPUT_size"));
}

TEST_F(DependenciesTest, a_failing_one_is_its_parents_failure_and_nothing_after_it_runs) {
  agent->outcome = TaskOutcome::failed;
  const JobId job = h.deploy("qq/app-v1.0");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(steps(), ElementsAre("qq/app:db deploy"));
  EXPECT_EQ(h.status("qq/app:db"), "failure");
  EXPECT_EQ(h.status("qq/app"), "failure");
  EXPECT_EQ(h.stage("qq/app").status.data, h.stage("qq/app:db").status.data);
  agent->outcome = TaskOutcome::ok;
  EXPECT_EQ(h.job(h.deploy("qq/app-v1.0")).outcome, JobOutcome::ok);
}

TEST_F(DependenciesTest, a_missing_value_of_one_is_named_before_anything_runs_for_it) {
  h.releases["qq/app-v1.0"].metadata.depends[1].deploy_mapping = {};
  const JobId job = h.deploy("qq/app-v1.0");
  EXPECT_EQ(h.job(job).message, "Missing value for variable 'size'");
  EXPECT_THAT(steps(), ElementsAre());
  EXPECT_EQ(h.status("qq/app"), "failure");
}

TEST_F(DependenciesTest, destroying_goes_from_the_parent_down_in_reverse) {
  h.deploy("qq/app-v1.0");
  agent->offers.clear();
  const JobId job = destroy("qq/app");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(steps(), ElementsAre("qq/app destroy", "qq/app:db destroy")) << "the cache has no script for it";
  EXPECT_EQ(h.status("qq/app"), "empty");
  EXPECT_FALSE(h.state().deployments.contains({"stage", "qq/app:db"}));
}

TEST_F(DependenciesTest, one_that_cannot_be_destroyed_keeps_its_parent_to_be_tried_again) {
  h.deploy("qq/app-v1.0");
  agent->finishes_at_once = false;
  const JobId job = destroy("qq/app");
  h.finish(*agent, job);
  h.finish(*agent, job, TaskOutcome::failed);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(h.status("qq/app:db"), "destroy_failure");
  EXPECT_EQ(h.status("qq/app"), "destroy_failure");
  agent->finishes_at_once = true;
  EXPECT_EQ(h.job(destroy("qq/app")).outcome, JobOutcome::ok);
  EXPECT_EQ(h.status("qq/app"), "empty");
}

TEST_F(DependenciesTest, two_versions_of_one_package_are_two_deployments) {
  add("qq/db-v2.0", {"deploy"});
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.depends = {depend("qq/db-v1.0", "one", {{"size", "1"}}), depend("qq/db-v2.0", "two", {})};
  app.inputs.clear();
  h.deploy("qq/app-v1.0");
  EXPECT_EQ(offer_of("qq/app:one").package.release, "qq/db-v1.0");
  EXPECT_EQ(offer_of("qq/app:two").package.release, "qq/db-v2.0");
}

TEST_F(DependenciesTest, one_stands_under_the_name_that_it_is_given) {
  h.releases["qq/app-v1.0"].metadata.depends[1].deployment_name = "store";
  const JobId job = h.deploy("qq/app-v1.0");
  ASSERT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(steps(), ElementsAre("qq/app:store deploy", "qq/app:cache deploy", "qq/app deploy"));
  EXPECT_EQ(offer_of("qq/app").variables.at("INPUT_url"), "unnamed:5432") << "expressions name it by its variable";
  EXPECT_FALSE(h.state().deployments.contains({"stage", "qq/app:db"}));
}

TEST_F(DependenciesTest, what_cannot_be_ordered_or_named_is_refused_without_a_trace) {
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.depends[1].deploy_mapping.set("name", "$cache.deployment");
  EXPECT_EQ(h.job(h.deploy("qq/app-v1.0")).message, "The dependencies cache, db of qq/app need each other's values");
  app.depends = {depend("qq/db-v1.0", "db", {{"size", "1"}}), depend("qq/cache-v1.0", "db", {})};
  EXPECT_EQ(h.job(h.deploy("qq/app-v1.0")).message, "Two dependencies of qq/app-v1.0 are both called 'db'.");
  app.depends = {depend("qq/gone-v1.0", "gone", {})};
  EXPECT_EQ(h.job(h.deploy("qq/app-v1.0")).message, "qq/app-v1.0 needs qq/gone-v1.0: qq/gone-v1.0 could not be found");
  EXPECT_TRUE(h.state().deployments.empty());
}

TEST_F(DependenciesTest, scopes_say_below_which_stage_it_stands) {
  h.releases["qq/app-v1.0"].metadata.depends[0].scopes = {"build"};
  h.deploy("qq/app-v1.0");
  EXPECT_THAT(steps(), ElementsAre("qq/app:db deploy", "qq/app deploy"));
}

TEST_F(DependenciesTest, a_restart_in_the_middle_goes_on_where_it_was) {
  agent->finishes_at_once = false;
  const JobId job = h.deploy("qq/app-v1.0");
  for (int step = 0; step < 3; ++step) {
    h.restart();
    h.connect(*agent);
    h.finish(*agent, job);
  }
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(agent->starts, ::testing::SizeIs(3));
  for (const auto& [task, count] : agent->starts) EXPECT_EQ(count, 1);
}

TEST_F(DependenciesTest, a_restart_while_releases_are_looked_up_asks_again) {
  h.answers_queries = false;
  const JobId job = h.deploy("qq/app-v1.0");
  h.feed(input::Resolved{job, std::vector{h.releases["qq/app-v1.0"]}});  // without what it needs
  ASSERT_EQ(h.queries.size(), 2u);
  EXPECT_THAT(h.queries.back().also, ::testing::UnorderedElementsAre("qq/cache-v1.0", "qq/db-v1.0"));
  h.answers_queries = true;
  h.restart();
  h.connect(*agent);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
}

TEST_F(DependenciesTest, extensions_are_parts_of_the_folder_and_templates_are_rendered) {
  add("qq/base-v1.0", {}).metadata.extends = {"qq/deep-v1.0"};
  add("qq/deep-v1.0", {});
  release::Metadata& app = add("qq/web-v1.0", {}).metadata;
  app.extends = {"qq/base-v1.0"};
  app.inputs = {{.id = "who", .fallback = Value("World")}};
  app.templates = {{.file = "a.tpl", .target = "a", .mapping = {{"who", "$this.inputs.who.upper()"}, {"n", 3}}},
                   {.file = "b.tpl", .target = "b", .scopes = {"build"}}};
  app.downloads = {{.url = "http://x/y", .dest = "y"}};
  const JobId job = h.deploy("qq/web-v1.0");
  ASSERT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_THAT(steps(), ElementsAre("qq/web pre_deploy", "qq/web deploy"));
  const protocol::Offer& pre = agent->offers[0];
  const protocol::Offer& main = agent->offers[1];
  EXPECT_TRUE(pre.run.empty());
  ASSERT_EQ(pre.downloads.size(), 1u);
  EXPECT_TRUE(main.downloads.empty());
  ASSERT_EQ(main.templates.size(), 1u);
  EXPECT_EQ(*main.templates[0].values.find("who"), Value("WORLD"));
  EXPECT_EQ(*main.templates[0].values.find("n"), Value(3));
  ASSERT_EQ(main.parts.size(), 2u);
  EXPECT_EQ(main.parts[0].folder, "deps/qq/base");
  EXPECT_EQ(main.parts[0].package.sha256, "sha-of-qq/base-v1.0");
  EXPECT_EQ(main.parts[1].folder, "deps/qq/base/deps/qq/deep");
}

TEST_F(DependenciesTest, an_agent_that_knows_no_templates_is_not_given_any) {
  agent->abilities.clear();
  h.connect(*agent);
  release::Metadata& app = add("qq/web-v1.0", {"deploy"}).metadata;
  app.templates = {{.file = "a.tpl", .target = "a", .mapping = {{"who", "$this.nope"}}}};
  EXPECT_THAT(h.job(h.deploy("qq/web-v1.0")).message,
              HasSubstr("Failed to compile template a.tpl: Error in template 'a.tpl' mapping key 'who': "));
  app.templates[0].mapping = {};
  const JobId job = h.deploy("qq/web-v1.0");
  EXPECT_THAT(h.job(job).message, HasSubstr("Agent stage-1 is too old for step deploy"));
  EXPECT_TRUE(agent->offers.empty());
}

TEST_F(DependenciesTest, below_a_build_they_are_deployed_too) {
  Settings embedded;
  embedded.is_embedded = true;
  Harness e(embedded);
  e.releases = h.releases;
  ScriptedAgent local{.name = "local", .key = ""};
  e.connect(local);
  Submit asked;
  asked.kind = JobKind::build;
  asked.environment = "dev";
  asked.workspace = "/src/app";
  asked.stages = {"destroy"};
  release::ReleaseRecord app = h.releases["qq/app-v1.0"];
  app.metadata.stages["build"].script = "build.sh";
  asked.metadata = codec::metadata_to_value(app.metadata);
  const JobId job = e.submit(asked);
  EXPECT_EQ(e.job(job).outcome, JobOutcome::ok) << e.job(job).message;
  std::vector<std::string> all;
  for (const protocol::Offer& offer : local.offers) all.push_back(offer.deployment + " " + offer.step);
  EXPECT_THAT(all, ElementsAre("qq/app:db deploy", "qq/app:cache deploy", "qq/app build", "qq/app destroy",
                               "qq/app:db destroy"));
  EXPECT_EQ(local.offers[0].package.workspace, "");
  EXPECT_EQ(local.offers[0].workspace, "/src/app") << "or its process would not take it";
  EXPECT_EQ(local.offers[2].package.workspace, "/src/app");
  EXPECT_EQ(e.stage("qq/app", "dev", "build").status.code, state::StatusCode::empty);
}

TEST_F(DependenciesTest, an_unchanged_one_is_skipped_when_its_package_says_so) {
  release::ReleaseRecord& db = h.releases["qq/db-v1.0"];
  db.metadata.skip_unchanged = true;
  h.deploy("qq/app-v1.0");
  agent->offers.clear();
  const JobId again = h.deploy("qq/app-v1.0");
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok) << h.job(again).message;
  EXPECT_THAT(steps(), ElementsAre("qq/app:cache deploy", "qq/app deploy"));
  EXPECT_EQ(offer_of("qq/app:cache").variables.at("INPUT_of"), "unnamed:5432") << "its outputs are as they were";
  EXPECT_EQ(h.status("qq/app:db"), "ok");
  EXPECT_THAT(h.log_texts(again), Contains(HasSubstr("Skipping dependency qq/db-v1.0: nothing of it has changed.")));

  agent->offers.clear();
  Submit other;
  other.environment = "stage";
  other.release = "qq/app-v1.0";
  other.inputs = {{"size", "large"}};
  h.submit(other);
  EXPECT_THAT(steps(), ElementsAre("qq/app:db deploy", "qq/app:cache deploy", "qq/app deploy")) << "another input";
  EXPECT_EQ(offer_of("qq/app:db").variables.at("INPUT_size"), "large");

  agent->offers.clear();
  db.sha256 = "another";
  h.deploy("qq/app-v1.0");
  EXPECT_THAT(steps(), Contains("qq/app:db deploy")) << "another package of that version";

  agent->outcome = TaskOutcome::failed;
  h.deploy("qq/app-v1.0");
  agent->outcome = TaskOutcome::ok;
  EXPECT_EQ(h.status("qq/app:db"), "ok") << "the one after it failed";
  db.metadata.version = "1.0";
  agent->offers.clear();
  h.deploy("qq/app-v1.0");
  EXPECT_THAT(steps(), ElementsAre("qq/app:cache deploy", "qq/app deploy"));
}

TEST_F(DependenciesTest, one_with_others_below_it_is_skipped_only_when_all_of_those_are) {
  release::ReleaseRecord& disk = add("qq/disk-v1.0", {"deploy"});
  disk.metadata.skip_unchanged = true;
  release::ReleaseRecord& db = h.releases["qq/db-v1.0"];
  db.metadata.skip_unchanged = true;
  db.metadata.depends = {depend("qq/disk-v1.0", "disk", {{"who", "$this.inputs.size"}})};
  h.deploy("qq/app-v1.0");
  agent->offers.clear();
  const JobId again = h.deploy("qq/app-v1.0");
  EXPECT_EQ(h.job(again).outcome, JobOutcome::ok) << h.job(again).message;
  EXPECT_THAT(steps(), ElementsAre("qq/app:cache deploy", "qq/app deploy"));
  EXPECT_EQ(h.status("qq/app:db"), "ok");
  EXPECT_EQ(h.status("qq/app:db:disk"), "ok");
  disk.sha256 = "another";
  agent->offers.clear();
  Submit asked;
  asked.environment = "stage";
  asked.release = "qq/app-v1.0";
  const Result<protocol::reply::Plan> plan =
      Core::plan_job(asked, {},
                     {.state = h.state(),
                      .liveness = [&](const AgentId& name) { return h.core->liveness(name); },
                      .resolve = [&](const release::ReleaseQuery& query) -> Result<release::ReleaseRecord> {
                        return h.releases.at(to_string(query));
                      },
                      .now = h.now.wall});
  ASSERT_TRUE(plan) << plan.error().message;
  const auto db_plan =
      std::ranges::find(plan.value().deployments, "qq/app:db", &protocol::PlannedDeployment::deployment);
  EXPECT_EQ(db_plan->action, "deploy") << "a dry run shows that it will run";
  h.deploy("qq/app-v1.0");
  EXPECT_THAT(steps(),
              ElementsAre("qq/app:db:disk deploy", "qq/app:db deploy", "qq/app:cache deploy", "qq/app deploy"));
}

}  // namespace dependencies_test
}  // namespace escape::controller::testing
