#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

/// Consumers and their providers, and errands.
namespace escape::controller::testing {
namespace providers_test {

using protocol::TaskOutcome;
using protocol::request::Submit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ProvidersTest : ::testing::Test {
  ProvidersTest() {
    agent = &h.enrol("stage-1", "stage");
    release::ReleaseRecord& cluster =
        add("qq/cluster-v1.0", {"deploy", "destroy", "activate_provider", "deactivate_provider"});
    cluster.metadata.provides = {"kube"};
    cluster.metadata.outputs = {{.id = "api", .fallback = Value("https://kube")}};
    release::ReleaseRecord& app = add("qq/app-v1.0", {"deploy", "destroy"});
    app.metadata.consumes = {{.name = "kube", .variable = "kube"}};
    app.metadata.inputs = {{.id = "api", .fallback = Value("$kube.outputs.api")}};
    app.metadata.errands["backup"] = {
        .name = "backup", .run = {.script = "backup.sh"}, .inputs = {{.id = "to", .fallback = Value("disk")}}};
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = make_release(id, steps);
  }
  Job deploy(const std::string& release, const std::string& deployment = {},
             std::map<std::string, std::string> providers = {}) {
    Submit asked;
    asked.environment = "stage";
    asked.release = release;
    asked.deployment = deployment;
    asked.providers = std::move(providers);
    return h.job(h.submit(asked));
  }
  std::vector<std::string> steps() const {
    std::vector<std::string> all;
    for (const protocol::Offer& offer : agent->offers) all.push_back(offer.deployment + " " + offer.step);
    return all;
  }
  /// Its scripts end when they are told to.
  JobId begin_app() {
    agent->finishes_at_once = false;
    return h.deploy("qq/app-v1.0");
  }
  Job destroy(const std::string& deployment) {
    Submit asked;
    asked.kind = JobKind::destroy;
    asked.environment = "stage";
    asked.deployment = deployment;
    return h.job(h.submit(asked));
  }
  Submit errand(const std::string& name) {
    Submit asked;
    asked.kind = JobKind::errand;
    asked.environment = "stage";
    asked.deployment = "qq/app";
    asked.errand = name;
    return asked;
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(ProvidersTest, none_one_and_several_are_three_answers) {
  EXPECT_THAT(deploy("qq/app-v1.0").message,
              HasSubstr("Missing provider of type 'kube'. This can be configured using"));
  deploy("qq/cluster-v1.0", "east");
  EXPECT_EQ(deploy("qq/app-v1.0").outcome, JobOutcome::ok);
  EXPECT_EQ(h.stage("qq/app").providers, (std::map<std::string, std::string>{{"kube", "east"}}));
  EXPECT_EQ(h.stage("qq/app").calculated_inputs, (Value::Object{{"api", "https://kube"}}));
  deploy("qq/cluster-v1.0", "west");
  EXPECT_EQ(deploy("qq/app-v1.0").outcome, JobOutcome::ok) << "what was chosen before stays";
  EXPECT_EQ(deploy("qq/app-v1.0", "other").message,
            "There is more than one provider of type 'kube' in the environment stage: east, west.");
  EXPECT_EQ(deploy("qq/app-v1.0", "other", {{"kube", "west"}}).outcome, JobOutcome::ok);
  EXPECT_EQ(h.stage("other").providers.at("kube"), "west");
}

TEST_F(ProvidersTest, another_one_than_before_is_told) {
  deploy("qq/cluster-v1.0", "east");
  deploy("qq/app-v1.0");
  deploy("qq/cluster-v1.0", "west");
  const Job destroyed = destroy("east");
  EXPECT_THAT(h.log_texts(destroyed.number),
              ::testing::Contains(HasSubstr("qq/app uses east as its provider 'kube'.")));
  const Job job = deploy("qq/app-v1.0");
  EXPECT_EQ(job.outcome, JobOutcome::ok);
  EXPECT_THAT(h.log_texts(job.number),
              ::testing::Contains(HasSubstr("qq/app was given 'kube' by east, and is given it by west from now on.")));
}

TEST_F(ProvidersTest, a_wrong_choice_is_refused_and_not_remembered) {
  deploy("qq/cluster-v1.0", "east");
  add("qq/plain-v1.0", {"deploy"});
  deploy("qq/plain-v1.0", "plain");
  EXPECT_EQ(deploy("qq/app-v1.0", "", {{"kube", "nope"}}).message, "Deployment 'nope' does not exist");
  EXPECT_EQ(deploy("qq/app-v1.0", "", {{"kube", "plain"}}).message, "The deployment plain does not provide 'kube'.");
  EXPECT_EQ(deploy("qq/app-v1.0", "me", {{"kube", "me"}}).message, "'me' is trying to consume itself");
  EXPECT_THAT(deploy("qq/app-v1.0", "", {{"kub", "east"}}).hint, HasSubstr("Did you mean 'kube'?"));
  EXPECT_FALSE(h.state().deployments.contains({"stage", "qq/app"}));
}

TEST_F(ProvidersTest, destroyed_and_failed_deployments_provide_nothing) {
  deploy("qq/cluster-v1.0", "east");
  deploy("qq/cluster-v1.0", "west");
  destroy("west");
  EXPECT_EQ(deploy("qq/app-v1.0").outcome, JobOutcome::ok) << "only east is left";
  agent->outcome = TaskOutcome::failed;
  deploy("qq/cluster-v1.0", "east");
  agent->outcome = TaskOutcome::ok;
  EXPECT_THAT(deploy("qq/app-v1.0", "other").message, HasSubstr("Missing provider of type 'kube'."));
  EXPECT_THAT(deploy("qq/app-v1.0", "other", {{"kube", "east"}}).message, HasSubstr("is in status 'failure'"));
}

TEST_F(ProvidersTest, they_are_activated_nested_around_the_scripts) {
  add("qq/vault-v1.0", {"deploy", "activate_provider", "deactivate_provider"}).metadata.provides = {"vault"};
  h.releases["qq/cluster-v1.0"].metadata.consumes = {{.name = "vault", .variable = "vault"}};
  deploy("qq/vault-v1.0", "vault");
  deploy("qq/cluster-v1.0", "cluster");
  agent->offers.clear();
  const Job job = deploy("qq/app-v1.0");
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_THAT(steps(), ElementsAre("vault activate_provider", "cluster activate_provider", "qq/app deploy",
                                   "cluster deactivate_provider", "vault deactivate_provider"));
  EXPECT_EQ(agent->offers[1].package.release, "qq/cluster-v1.0");
  EXPECT_EQ(agent->offers[1].variables.at("OUTPUT_api"), "https://kube");
  EXPECT_THAT(h.log_texts(job.number),
              ::testing::Contains("Deploy: Provider qq/cluster-v1.0 ($kube): Activating provider kube ($kube)"));
}

TEST_F(ProvidersTest, they_are_deactivated_also_when_the_deploy_failed) {
  deploy("qq/cluster-v1.0", "cluster");
  agent->offers.clear();
  const JobId job = begin_app();
  h.finish(*agent, job);                       // activated
  h.finish(*agent, job, TaskOutcome::failed);  // deploy.sh
  EXPECT_EQ(h.status("qq/app"), "failure") << "told at once";
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  h.restart();
  h.connect(*agent);
  EXPECT_THAT(steps(), ElementsAre("cluster activate_provider", "qq/app deploy", "cluster deactivate_provider"));
  h.finish(*agent, job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(h.job(job).message, HasSubstr("./deploy.sh"));
  EXPECT_TRUE(h.state().locks.empty());
  EXPECT_EQ(h.status("cluster"), "ok");
}

TEST_F(ProvidersTest, a_cancelled_job_deactivates_too_and_its_deactivation_is_not_cancelled) {
  deploy("qq/cluster-v1.0", "cluster");
  agent->offers.clear();
  const JobId job = begin_app();
  h.finish(*agent, job);
  h.ask(protocol::request::CancelJob{job});
  EXPECT_THAT(steps(), ElementsAre("cluster activate_provider", "qq/app deploy", "cluster deactivate_provider"));
  h.finish(*agent, job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
}

TEST_F(ProvidersTest, a_failing_activation_is_the_consumers_failure_and_not_the_providers) {
  deploy("qq/cluster-v1.0", "cluster");
  agent->offers.clear();
  agent->outcome = TaskOutcome::failed;
  const Job job = deploy("qq/app-v1.0");
  EXPECT_EQ(job.outcome, JobOutcome::failed);
  EXPECT_THAT(steps(), ElementsAre("cluster activate_provider"));
  EXPECT_EQ(h.status("cluster"), "ok");
  EXPECT_EQ(h.status("qq/app"), "failure");
}

TEST_F(ProvidersTest, a_failing_deactivation_is_not_tried_once_more) {
  deploy("qq/cluster-v1.0", "cluster");
  agent->offers.clear();
  const JobId job = begin_app();
  h.finish(*agent, job);
  h.finish(*agent, job);
  h.finish(*agent, "cluster deactivate_provider", TaskOutcome::failed);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(steps(), ElementsAre("cluster activate_provider", "qq/app deploy", "cluster deactivate_provider"));
  EXPECT_EQ(h.status("qq/app"), "ok") << "its own scripts have ended well";
}

TEST_F(ProvidersTest, a_destruction_that_is_cut_off_at_its_activation_is_marked_as_that) {
  deploy("qq/cluster-v1.0", "cluster");
  deploy("qq/app-v1.0");
  agent->outcome = TaskOutcome::interrupted;
  EXPECT_EQ(destroy("qq/app").outcome, JobOutcome::interrupted);
  EXPECT_EQ(h.status("qq/app"), "destroy_failure");
  EXPECT_TRUE(h.stage("qq/app").status.is_cut_off);
  agent->outcome = TaskOutcome::ok;
  EXPECT_EQ(destroy("qq/app").outcome, JobOutcome::ok);
  EXPECT_EQ(h.status("qq/app"), "empty");
}

TEST_F(ProvidersTest, nothing_is_asked_of_an_agent_that_is_gone_when_the_job_fails) {
  deploy("qq/cluster-v1.0", "cluster");
  const JobId job = begin_app();
  h.finish(*agent, job);
  h.disconnect(*agent);
  h.tick(10min);
  h.ask(protocol::request::ResolveJob{.job = job, .is_ok = false, .reason = "its host burnt"});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_TRUE(h.state().locks.empty());
}

TEST_F(ProvidersTest, a_dependency_is_given_its_parents_provider_or_its_sibling) {
  deploy("qq/cluster-v1.0", "east");
  deploy("qq/cluster-v1.0", "west");
  release::Metadata& whole = add("qq/whole-v1.0", {"deploy"}).metadata;
  whole.consumes = {{.name = "kube", .variable = "k8s", .skip_activate = true}};
  release::Dependency app{.release_id = "qq/app-v1.0", .consumes = {{"kube", "$k8s.deployment"}}, .variable = "app"};
  release::Dependency own{.release_id = "qq/cluster-v1.0", .variable = "own"};
  release::Dependency inner{
      .release_id = "qq/app-v1.0", .consumes = {{"kube", "$own.deployment"}}, .variable = "inner"};
  whole.depends = {app, inner, own};
  agent->offers.clear();
  const Job job = deploy("qq/whole-v1.0", "", {{"k8s", "west"}});
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  const auto of = [&](const std::vector<std::string>& names) {
    std::vector<std::string> found = steps();
    std::erase_if(found, [&](const std::string& one) { return std::ranges::find(names, one) == names.end(); });
    return found;
  };
  // The two lines are beside each other.
  const std::vector<std::string> outer{"west activate_provider", "qq/whole:app deploy", "west deactivate_provider",
                                       "qq/whole deploy"};
  const std::vector<std::string> siblings{"qq/whole:own deploy", "qq/whole:own activate_provider",
                                          "qq/whole:inner deploy", "qq/whole:own deactivate_provider",
                                          "qq/whole deploy"};
  EXPECT_EQ(of(outer), outer);
  EXPECT_EQ(of(siblings), siblings);
  EXPECT_EQ(steps().size(), 8u);
}

TEST_F(ProvidersTest, what_stands_below_another_provides_and_stays_as_it_was) {
  release::Metadata& whole = add("qq/whole-v1.0", {"deploy"}).metadata;
  whole.depends = {{.release_id = "qq/cluster-v1.0", .variable = "own"}};
  ASSERT_EQ(deploy("qq/whole-v1.0").outcome, JobOutcome::ok);
  const auto before = h.state().deployments;
  const Job job = deploy("qq/app-v1.0", "", {{"kube", "qq/whole:own"}});
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_EQ(h.stage("qq/app").calculated_inputs, (Value::Object{{"api", "https://kube"}}));
  auto after = h.state().deployments;
  EXPECT_EQ(after.erase({"stage", "qq/app"}), 1u);
  EXPECT_EQ(after, before) << "only the consumer's own row is new";
}

/// A package that brings a provider and what consumes it: both are there until the consumer is gone.
TEST_F(ProvidersTest, a_wrapper_of_a_provider_and_its_consumer_can_be_destroyed) {
  h.releases["qq/app-v1.0"].metadata.stages["destroy"].args = {"$this.inputs.api"};
  release::Metadata& whole = add("qq/whole-v1.0", {"deploy", "destroy"}).metadata;
  whole.depends = {{.release_id = "qq/cluster-v1.0", .variable = "own"},
                   {.release_id = "qq/app-v1.0", .consumes = {{"kube", "$own.deployment"}}, .variable = "inner"}};
  ASSERT_EQ(deploy("qq/whole-v1.0").outcome, JobOutcome::ok);
  agent->offers.clear();
  const Job job = destroy("qq/whole");
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_THAT(steps(), ElementsAre("qq/whole destroy", "qq/whole:own activate_provider", "qq/whole:inner destroy",
                                   "qq/whole:own deactivate_provider", "qq/whole:own destroy"));
  EXPECT_EQ(agent->offers[2].variables.at("INPUT_api"), "https://kube");
  EXPECT_EQ(h.status("qq/whole"), "empty");
  EXPECT_FALSE(h.state().deployments.contains({"stage", "qq/whole:inner"}));
  EXPECT_FALSE(h.state().deployments.contains({"stage", "qq/whole:own"}));
}

TEST_F(ProvidersTest, an_activation_that_goes_well_repairs_nothing_of_its_provider) {
  h.releases["qq/cluster-v1.0"].metadata.stages["smoke"].script = "smoke.sh";
  deploy("qq/cluster-v1.0", "cluster");
  agent->outcome = TaskOutcome::failed;
  Submit smoke;
  smoke.kind = JobKind::smoke;
  smoke.environment = "stage";
  smoke.deployment = "cluster";
  h.submit(smoke);
  agent->outcome = TaskOutcome::ok;
  ASSERT_EQ(h.status("cluster"), "test_failure");
  const state::StageRecord before = h.stage("cluster");
  ASSERT_EQ(deploy("qq/app-v1.0").outcome, JobOutcome::ok) << "its smoke tests failed, but it is there";
  EXPECT_THAT(steps(), ::testing::Contains("cluster activate_provider"));
  EXPECT_EQ(h.stage("cluster"), before);
}

TEST_F(ProvidersTest, an_errand_has_inputs_of_its_own_that_nobody_keeps) {
  deploy("qq/cluster-v1.0", "cluster");
  EXPECT_EQ(h.refusal(errand("backup")).message, "The deployment 'qq/app' could not be found in environment 'stage'.");
  deploy("qq/app-v1.0");
  agent->offers.clear();
  const state::StageRecord before = h.stage("qq/app");
  Submit asked = errand("backup");
  asked.inputs = {{"to", "tape"}};
  const Job job = h.job(h.submit(asked));
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_THAT(steps(), ElementsAre("cluster activate_provider", "qq/app backup", "cluster deactivate_provider"));
  EXPECT_EQ(agent->offers[1].run.script, "backup.sh");
  EXPECT_EQ(agent->offers[1].variables.at("INPUT_to"), "tape");
  EXPECT_EQ(agent->offers[1].variables.at("INPUT_api"), "https://kube");
  EXPECT_EQ(h.stage("qq/app"), before);
  asked = errand("bakcup");
  EXPECT_THAT(h.job(h.submit(asked)).message,
              HasSubstr("The errand 'bakcup' could not be found in deployment 'qq/app'."));
  asked = errand("backup");
  asked.inputs = {{"too", "x"}};
  EXPECT_EQ(h.job(h.submit(asked)).message, "'too' is not an input of errand 'backup'.");
  agent->outcome = TaskOutcome::failed;
  EXPECT_EQ(h.job(h.submit(errand("backup"))).outcome, JobOutcome::failed);
  EXPECT_EQ(h.status("qq/app"), "ok") << "an errand never changes the status";
}

}  // namespace providers_test
}  // namespace escape::controller::testing
