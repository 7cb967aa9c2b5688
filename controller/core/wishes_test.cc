#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace wishes_test {

namespace request = protocol::request;
using protocol::TaskOutcome;
using ::testing::HasSubstr;

struct WishesTest : ::testing::Test {
  WishesTest() {
    h.releases["pp/aa-v1"] = make_release("pp/aa-v1", {"deploy", "smoke", "destroy"});
    h.releases["pp/aa-v2"] = make_release("pp/aa-v2", {"deploy", "smoke", "destroy"});
    h.releases["pp/bb-v1"] = make_release("pp/bb-v1");
    agent = &h.enrol("s1", "stage");
    request::CreateDeployment create{"stage", "app", "pp/aa-v1", {}};
    h.ask(create);
  }
  request::RequestDeployment wish(std::string action, bool removes = false) {
    return {"stage", "app", std::move(action), removes};
  }
  JobId converge(bool refresh = false) {
    request::Submit asked;
    asked.kind = JobKind::converge;
    asked.environment = "stage";
    asked.refresh = refresh;
    return h.submit(asked);
  }
  std::vector<std::string> steps() {
    std::vector<std::string> all;
    for (const protocol::Offer& offer : agent->offers) all.push_back(offer.step);
    return all;
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(WishesTest, the_next_converge_carries_them_out) {
  converge();
  EXPECT_EQ(steps(), (std::vector<std::string>{"deploy"}));
  h.ask(wish("smoke"));
  EXPECT_EQ(h.status("app"), "test_pending");
  converge();
  EXPECT_EQ(steps().back(), "smoke");
  EXPECT_EQ(h.status("app"), "ok");
  h.ask(wish("deploy"));
  EXPECT_EQ(h.status("app"), "pending");
  EXPECT_EQ(h.last_event("deployment.requested")->data, (Value::Object{{"action", "deploy"}, {"removes", false}}));
  converge();
  EXPECT_EQ(agent->offers.size(), 3u) << "once more, though it is as desired";
  h.ask(wish("destroy"));
  EXPECT_EQ(h.status("app"), "destroy_pending");
  converge();
  EXPECT_EQ(h.status("app"), "empty");
  h.ask(wish("deploy"));
  converge();
  EXPECT_EQ(h.status("app"), "ok");
  h.ask(wish("destroy", true));
  converge();
  EXPECT_FALSE(h.state().deployments.contains({"stage", "app"}));
}

TEST_F(WishesTest, asking_twice_is_told_and_changes_nothing) {
  converge();
  h.ask(wish("smoke"));
  const State before = h.state();
  const auto again = std::get<protocol::reply::Done>(h.ask(wish("smoke")));
  EXPECT_THAT(again.text, HasSubstr("is asked for already"));
  EXPECT_EQ(h.state().deployments, before.deployments);
  EXPECT_EQ(h.state().last_event, before.last_event);
}

TEST_F(WishesTest, what_the_table_does_not_allow_is_refused_with_the_reason) {
  EXPECT_EQ(h.refusal(wish("smoke")).message,
            "The deployment app in the environment stage is in status 'pending', from which no smoke test can be asked "
            "for.");
  EXPECT_EQ(h.refusal(wish("destroy")).hint, "Nothing of it is deployed yet.");
  converge();
  h.ask(wish("destroy"));
  EXPECT_THAT(h.refusal(wish("deploy")).hint, HasSubstr("`escape run converge -e stage` carries it out"));
  EXPECT_EQ(h.refusal(wish("dance")).kind, "usage");
  EXPECT_EQ(h.refusal(wish("smoke", true)).kind, "usage");
  EXPECT_EQ(h.refusal(request::RequestDeployment{"stage", "nope", "smoke"}).kind, "not_found");
}

TEST_F(WishesTest, a_deployment_that_a_job_works_on_is_left_alone) {
  agent->finishes_at_once = false;
  const JobId job = converge();
  const protocol::reply::Failed refused = h.refusal(wish("destroy"));
  EXPECT_EQ(refused.kind, "conflict");
  EXPECT_EQ(refused.message, "Job " + std::to_string(h.job(job).children.at(0)) +
                                 " works on the deployment app in the environment stage.");
  EXPECT_EQ(h.refusal(request::SetDeployment{"stage", "app", "pp/aa-v2", {}, {}}).kind, "conflict");
}

TEST_F(WishesTest, that_it_goes_survives_a_destruction_that_fails) {
  converge();
  h.ask(wish("destroy", true));
  agent->outcome = TaskOutcome::failed;
  converge();
  EXPECT_EQ(h.status("app"), "destroy_failure");
  agent->outcome = TaskOutcome::ok;
  h.restart();
  h.connect(*agent);
  converge(true);
  EXPECT_FALSE(h.state().deployments.contains({"stage", "app"}));
}

TEST_F(WishesTest, that_it_goes_is_forgotten_when_it_is_deployed_again) {
  converge();
  h.ask(wish("destroy", true));
  agent->outcome = TaskOutcome::failed;
  converge();
  agent->outcome = TaskOutcome::ok;
  h.ask(wish("deploy"));
  converge();
  h.ask(wish("destroy"));
  converge();
  EXPECT_EQ(h.status("app"), "empty");
}

TEST_F(WishesTest, release_and_inputs_are_set_one_by_one) {
  converge();
  h.ask(request::SetDeployment{"stage", "app", "pp/aa-v2", {}, {}});
  EXPECT_EQ(h.last_event("deployment.desired")->data, (Value::Object{{"release", "pp/aa-v2"}}));
  EXPECT_EQ(h.status("app"), "ok") << "what runs is as it was until somebody converges";
  converge();
  EXPECT_EQ(h.stage("app").last_ok->version, "2");
  h.ask(request::SetDeployment{"stage", "app", "", {{"who", "you"}}, {}});
  converge();
  EXPECT_EQ(*h.stage("app").calculated_inputs.find("who"), Value("you"));
  EXPECT_EQ(h.refusal(request::SetDeployment{"stage", "app", "", {}, {"whom"}}).hint, "It has: who.");
  h.ask(request::SetDeployment{"stage", "app", "", {}, {"who"}});
  EXPECT_EQ(h.last_event("deployment.desired")->data, (Value::Object{{"inputs", Value::List{"who"}}}));
  converge();
  EXPECT_EQ(*h.stage("app").calculated_inputs.find("who"), Value("World"));
  EXPECT_EQ(h.refusal(request::SetDeployment{"stage", "app", "", {}, {}}).kind, "usage");
  EXPECT_EQ(h.refusal(request::SetDeployment{"stage", "app", "pp/bb-v1", {}, {}}).kind, "refused");
  EXPECT_EQ(h.refusal(request::SetDeployment{"stage", "nope", "pp/bb-v1", {}, {}}).kind, "not_found");
}

TEST_F(WishesTest, another_wish_does_not_wait_for_the_back_off_of_the_one_before) {
  agent->outcome = TaskOutcome::failed;
  converge();
  EXPECT_TRUE(h.stage("app").status.try_again_at.is_set());
  h.ask(request::SetDeployment{"stage", "app", "pp/aa-v2", {}, {}});
  agent->outcome = TaskOutcome::ok;
  converge();
  EXPECT_EQ(h.stage("app").last_ok->version, "2");
}

TEST_F(WishesTest, what_is_set_counts_more_than_an_earlier_v) {
  request::Submit deploy;
  deploy.environment = "stage";
  deploy.deployment = "app";
  deploy.release = "pp/aa-v1";
  deploy.inputs = {{"who", "by hand"}};
  h.submit(deploy);
  h.ask(request::SetDeployment{"stage", "app", "", {{"who", "set"}}, {}});
  converge();
  EXPECT_EQ(*h.stage("app").calculated_inputs.find("who"), Value("set"));
  h.submit(deploy);
  EXPECT_EQ(*h.stage("app").calculated_inputs.find("who"), Value("by hand"));
  h.ask(request::SetDeployment{"stage", "app", "", {}, {"who"}});
  converge();
  EXPECT_EQ(*h.stage("app").calculated_inputs.find("who"), Value("World")) << "given up on every level";
  EXPECT_THAT(h.refusal(request::SetDeployment{"stage", "app", "", {}, {"who"}}).message, HasSubstr("no input 'who'"));
}

TEST_F(WishesTest, what_was_deployed_by_hand_is_to_run_what_it_runs_with_other_inputs) {
  h.deploy("pp/bb-v1");
  h.ask(request::SetDeployment{"stage", "pp/bb", "", {{"who", "set"}}, {}});
  EXPECT_EQ(h.state().deployments.at({"stage", "pp/bb"}).desired->query, "pp/bb-v1");
  converge();
  EXPECT_EQ(*h.stage("pp/bb").calculated_inputs.find("who"), Value("set"));
}

TEST_F(WishesTest, an_input_that_the_release_does_not_have_is_told_by_the_job) {
  h.ask(request::SetDeployment{"stage", "app", "", {{"whom", "Ann"}}, {}});
  const JobId job = converge();
  EXPECT_THAT(h.log_texts(job),
              ::testing::Contains(HasSubstr("app is described with 'whom', which is no input of pp/aa-v1: did you mean "
                                            "'who'?")));
}

TEST_F(WishesTest, what_was_described_by_mistake_goes_at_once) {
  h.ask(request::CreateDeployment{"stage", "typo", "pp/nope-latest", {}});
  const protocol::Reply reply = h.ask(request::RequestDeployment{"stage", "typo", "destroy", true});
  EXPECT_THAT(std::get<protocol::reply::Done>(reply).text, HasSubstr("nothing of it was ever deployed"));
  EXPECT_FALSE(h.state().deployments.contains({"stage", "typo"}));
  EXPECT_EQ(h.history[(DeploymentKey{"stage", "typo"})].back().what, "requested");
  EXPECT_EQ(h.job(converge()).outcome, JobOutcome::ok);
}

TEST_F(WishesTest, an_administrator_has_a_deployment_forgotten) {
  converge();
  agent->offers.clear();
  const protocol::Reply reply = h.ask(wish("forget"));
  EXPECT_THAT(std::get<protocol::reply::Done>(reply).text, HasSubstr("what is on its hosts stays there"));
  EXPECT_TRUE(agent->offers.empty());
  EXPECT_FALSE(h.state().deployments.contains({"stage", "app"}));
  h.ask(request::CreateDeployment{"stage", "app", "pp/aa-v1", {}});
  request::Invite invite;
  invite.role = "operator";
  invite.name = "olga";
  invite.key = test_key("olga's invitation");
  h.ask(invite);
  h.ask(request::Enrol{.name = "olga", .public_key = test_key("olga")}, "enrol", test_key("olga's invitation"));
  const protocol::Reply refused = h.ask(wish("forget"), "as olga", test_key("olga"));
  EXPECT_THAT(std::get<protocol::reply::Failed>(refused).message, HasSubstr("olga may not"));
}

}  // namespace wishes_test
}  // namespace escape::controller::testing
