#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::controller::testing {
namespace requests_test {

namespace request = protocol::request;
namespace reply = protocol::reply;

struct RequestsTest : ::testing::Test {
  RequestsTest() { h.releases["pp/aa-v1"] = make_release("pp/aa-v1"); }
  std::string enrol_person(const std::string& name, const std::string& role,
                           std::vector<std::string> environments = {}) {
    request::Invite invite;
    invite.role = role;
    invite.name = name;
    invite.environments = std::move(environments);
    invite.key = test_key("invitation of " + name);
    h.ask(invite);
    request::Enrol enrol;
    enrol.public_key = test_key(name);
    EXPECT_EQ(std::get<reply::Enrolled>(h.ask(enrol, {}, invite.key)).principal, name);
    EXPECT_EQ(std::get<reply::Enrolled>(h.ask(enrol, {}, invite.key)).principal, name) << "answered again";
    return test_key(name);
  }
  reply::Failed refused(request::Submit asked, std::string_view key) {
    return std::get<reply::Failed>(h.ask(asked, {}, key));
  }
  Harness h;
};

TEST_F(RequestsTest, people_act_under_their_key_and_role) {
  const std::string alice = enrol_person("alice", "operator", {"test"});
  const std::string bob = enrol_person("bob", "reader");
  request::Submit asked;
  asked.environment = "stage";
  asked.release = "pp/aa-v1";
  EXPECT_EQ(refused(asked, alice).message, "alice may not act in the environment 'stage'.");
  EXPECT_EQ(refused(asked, bob).message, "bob has the role reader, and 'submit' needs the role operator.");
  EXPECT_EQ(refused(asked, test_key("mallory")).message, "This key is not enrolled.");
  EXPECT_TRUE(h.core->is_allowed("clients", alice));
  EXPECT_TRUE(h.core->is_allowed("agents", alice)) << "its workspace jobs";
  EXPECT_FALSE(h.core->is_allowed("agents", bob));
  EXPECT_TRUE(h.core->is_allowed("events", bob));
  EXPECT_FALSE(h.core->is_allowed("events", test_key("mallory")));
  EXPECT_FALSE(h.core->is_allowed("nonsense", alice));
  asked.environment = "test";
  h.enrol("t1", "test", false);
  const auto job = std::get<reply::JobMade>(h.ask(asked, {}, alice)).job;
  EXPECT_EQ(h.job(job).principal, "alice");
  h.ask(request::RemovePrincipal{"alice"});
  EXPECT_FALSE(h.core->is_allowed("clients", alice));
}

TEST_F(RequestsTest, nobody_is_named_like_the_controller_itself) {
  request::Invite invite;
  invite.role = "operator";
  invite.name = "controller";
  invite.key = test_key("invitation");
  h.ask(invite);
  request::Enrol enrol;
  enrol.public_key = test_key("mallory");
  EXPECT_EQ(std::get<reply::Enrolled>(h.ask(enrol, {}, invite.key)).principal, "controller-2");
}

TEST_F(RequestsTest, the_last_administrator_stays) {
  enrol_person("root", "admin");
  EXPECT_EQ(h.refusal(request::RemovePrincipal{"root"}).message, "root is the last administrator.");
}

TEST_F(RequestsTest, workspace_processes_are_told_apart_by_person_and_folder) {
  const std::string alice = enrol_person("alice", "operator");
  request::Submit asked;
  asked.kind = JobKind::build;
  asked.environment = "dev";
  asked.workspace = "/a";
  asked.metadata = codec::metadata_to_value(make_release("pp/aa-v1", {"build"}).metadata);
  const auto a = std::get<reply::JobMade>(h.ask(asked, {}, alice)).job;
  asked.workspace = "/b";
  asked.deployment = "b";
  const auto b = std::get<reply::JobMade>(h.ask(asked, {}, alice)).job;
  ScriptedAgent in_b{.name = "cli", .key = alice, .placement = "workspace", .labels = {{"workspace", "/b"}}};
  h.connect(in_b);
  EXPECT_EQ(h.job(b).outcome, JobOutcome::ok);
  EXPECT_EQ(h.job(a).phase, JobPhase::running);
  ScriptedAgent anywhere{.name = "cli", .key = alice, .placement = "workspace"};
  h.connect(anywhere);
  EXPECT_EQ(h.job(a).outcome, JobOutcome::ok);
  EXPECT_EQ(anywhere.offers.at(0).package.workspace, "/a");
  h.feed(input::AgentMessage{anywhere.session, alice, protocol::Bye{}});
  EXPECT_FALSE(h.told("agent.lost")) << "people come and go";
}

TEST_F(RequestsTest, apply_is_all_or_nothing) {
  request::ApplyEnvironment asked;
  asked.environment = "stage";
  asked.is_protected = true;
  asked.inputs = Value::Object{{"who", "Stage"}};
  asked.deployments = {{"one", "pp/aa-v1", {}}, {"two", "pp/aa-", {}}};
  EXPECT_EQ(h.refusal(asked).kind, "bad_data");
  asked.deployments[1].release = "pp/bb-v1";
  h.ask(asked);
  EXPECT_EQ(h.state().environments.at("stage").inputs, *asked.inputs);
  EXPECT_EQ(h.state().deployments.at({"stage", "two"}).desired->query, "pp/bb-v1");
  EXPECT_EQ(h.status("two"), "pending");
  EXPECT_TRUE(h.told("environment.created"));
  EXPECT_FALSE(h.told("environment.modified"));
  asked.is_protected = false;
  h.ask(asked);
  EXPECT_TRUE(h.told("environment.modified"));
}

TEST_F(RequestsTest, what_is_described_counts_more_than_an_earlier_v) {
  h.releases["pp/aa-v1"] = make_release("pp/aa-v1");
  h.enrol("s1", "stage");
  request::Submit deploy;
  deploy.environment = "stage";
  deploy.release = "pp/aa-v1";
  deploy.inputs = {{"who", "by hand"}};
  h.submit(deploy);
  request::ApplyEnvironment apply{.environment = "stage", .inputs = Value::Object{{"who", "of all"}}};
  EXPECT_THAT(std::get<protocol::reply::Done>(h.ask(apply)).text,
              ::testing::HasSubstr(
                  "pp/aa keeps its own 'who', which came with -v; `escape state set -d pp/aa -e stage --unset who` "
                  "gives it up."));
  apply.deployments = {{"pp/aa", "pp/aa-v1", {{"who", "described"}}}};
  EXPECT_THAT(std::get<protocol::reply::Done>(h.ask(apply)).text,
              ::testing::Not(::testing::HasSubstr("keeps its own")));
  request::Submit converge;
  converge.kind = JobKind::converge;
  converge.environment = "stage";
  h.submit(converge);
  EXPECT_EQ(*h.stage("pp/aa").calculated_inputs.find("who"), Value("described"));
}

TEST_F(RequestsTest, environments_go_when_nothing_runs_in_them) {
  ScriptedAgent& agent = h.enrol("s1", "stage");
  h.deploy("pp/aa-v1");
  EXPECT_EQ(h.refusal(request::RemoveEnvironment{"stage"}).kind, "conflict");
  request::Submit destroy;
  destroy.kind = JobKind::destroy;
  destroy.environment = "stage";
  destroy.deployment = "pp/aa";
  h.submit(destroy);
  EXPECT_EQ(h.refusal(request::RemoveEnvironment{"stage"}).message, "The environment 'stage' has the agent s1.");
  h.ask(request::RemoveAgent{agent.name});
  h.ask(request::RemoveEnvironment{"stage"});
  EXPECT_TRUE(h.state().environments.empty());
  EXPECT_TRUE(h.state().deployments.empty());
  EXPECT_EQ(h.refusal(request::RemoveEnvironment{"stage"}).kind, "not_found");
}

TEST_F(RequestsTest, create_deployment_is_what_converge_uses) {
  h.enrol("s1", "stage");
  request::CreateDeployment asked{"stage", "", "pp/aa-v1", {{"who", "me"}}};
  h.ask(asked);
  EXPECT_EQ(h.status("pp/aa"), "pending");
  request::Submit converge;
  converge.kind = JobKind::converge;
  converge.environment = "stage";
  h.submit(converge);
  EXPECT_EQ(h.status("pp/aa"), "ok");
  EXPECT_EQ(*h.stage("pp/aa").calculated_inputs.find("who"), Value("me"));
}

TEST_F(RequestsTest, invitations_are_checked) {
  request::Invite invite;
  invite.role = "agent";
  invite.key = test_key("x");
  EXPECT_EQ(h.refusal(invite).message, "An agent is invited into an environment.");
  invite.role = "king";
  EXPECT_EQ(h.refusal(invite).message, "'king' is not a role.");
  invite.role = "reader";
  invite.key = "short";
  EXPECT_EQ(h.refusal(invite).kind, "bad_data");
  EXPECT_EQ(h.refusal(request::ListEnvironments{}).kind, "internal");
}

TEST_F(RequestsTest, times_from_afar_stay_within_reason) {
  request::Invite invite;
  invite.role = "reader";
  invite.key = test_key("x");
  invite.valid_for = Millis::max();
  EXPECT_EQ(h.refusal(invite).message, "An invitation is valid for a year at most.");
  request::Submit asked;
  asked.environment = "stage";
  asked.release = "pp/aa-v1";
  asked.step_time_limit = Millis::max();
  EXPECT_EQ(h.refusal(asked).message, "A step may run for a year at most.");
}

/// On the disk as in memory: the harness compares both after every input.
TEST_F(RequestsTest, answers_and_invitations_are_forgotten_when_nobody_can_ask_again) {
  request::Invite invite;
  invite.role = "reader";
  invite.key = test_key("early");
  h.ask(invite, "first");
  h.ask(invite, "first");
  EXPECT_EQ(h.last.ignored, "request first was answered already");
  h.tick(std::chrono::hours(24) * 366);
  invite.key = test_key("late");
  h.ask(invite, "second");
  EXPECT_EQ(h.replay.answered.size(), 1u);
  EXPECT_EQ(h.replay.invitations.size(), 1u);
}

struct GoneWorkspaceTest : RequestsTest {
  GoneWorkspaceTest() {
    alice = enrol_person("alice", "operator");
    process = {.name = "cli", .key = alice, .placement = "workspace", .labels = {{"workspace", "/a"}}};
    process.finishes_at_once = false;
    request::Submit asked;
    asked.kind = JobKind::build;
    asked.environment = "dev";
    asked.workspace = "/a";
    asked.metadata = codec::metadata_to_value(make_release("pp/aa-v1", {"build"}).metadata);
    job = std::get<reply::JobMade>(h.ask(asked, {}, alice)).job;
    h.connect(process);
  }
  std::string alice;
  ScriptedAgent process{};
  JobId job = 0;
};

TEST_F(RequestsTest, who_may_see_whole_values_is_told_each_time_he_does) {
  request::CreateDeployment create{"test", "db", "pp/aa-v1", {{"password", "hunter2"}}};
  h.ask(create);
  const std::string reader = enrol_person("ann", "reader");
  const std::string elsewhere = enrol_person("bob", "operator", {"live"});
  const std::string here = enrol_person("cat", "operator", {"test"});
  const request::ShowDeployment show{"test", "db", true};
  const request::ExportState whole{"test", true};
  for (const std::string& key : {reader, elsewhere}) {
    EXPECT_TRUE(std::holds_alternative<reply::Failed>(h.ask(show, {}, key)));
    EXPECT_TRUE(std::holds_alternative<reply::Failed>(h.ask(whole, {}, key)));
  }
  EXPECT_FALSE(h.told("deployment.revealed"));
  EXPECT_FALSE(h.told("environment.revealed"));
  const auto shown = h.ask(show, {}, here);
  EXPECT_NE(codec::to_json(std::get<reply::Deployment>(shown).deployment).find("hunter2"), std::string::npos);
  EXPECT_TRUE(h.told("deployment.revealed"));
  EXPECT_EQ(h.events.back().principal, "cat");
  const auto exported = h.ask(whole, {}, here);
  EXPECT_NE(codec::to_json(std::get<reply::State>(exported).state).find("hunter2"), std::string::npos);
  EXPECT_TRUE(h.told("environment.revealed"));
  for (const auto& [id, answered] : h.state().answered) {
    EXPECT_EQ(codec::to_msgpack(answered.reply).find("hunter2"), std::string::npos) << "no copy is kept";
  }
}

TEST_F(RequestsTest, tags_are_told_with_where_they_pointed) {
  h.feed(input::Tagged{{"pp", "aa"}, "stable", "", "1", "ann"});
  h.feed(input::Tagged{{"pp", "aa"}, "stable", "1", "2", "ann"});
  EXPECT_EQ(h.last_event("release.tagged")->principal, "ann");
  EXPECT_EQ(codec::to_json(h.last_event("release.tagged")->data),
            R"({"application":"pp/aa","tag":"stable","release":"pp/aa-v2","from":"1","to":"2"})");
  h.feed(input::Tagged{{"pp", "aa"}, "stable", "2", "", "bob"});
  EXPECT_EQ(codec::to_json(h.last_event("release.untagged")->data),
            R"({"application":"pp/aa","tag":"stable","release":"pp/aa-v2","from":"2"})");
}

TEST_F(GoneWorkspaceTest, what_its_process_left_behind_can_be_cancelled) {
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::accepted);
  h.disconnect(process);
  h.tick(10min);
  EXPECT_EQ(h.job(job).phase, JobPhase::running) << "it may come back";
  h.ask(request::CancelJob{job});
  EXPECT_EQ(h.job(job).phase, JobPhase::settled);
  EXPECT_EQ(h.job(job).error_kind, "unknown");
  EXPECT_EQ(h.stage("pp/aa", "dev", "build").status.code, state::StatusCode::failure);
  EXPECT_TRUE(h.state().locks.empty());
  h.connect(process);
  EXPECT_EQ(process.starts.size(), 1u);
}

TEST_F(GoneWorkspaceTest, nothing_is_taken_from_the_process_of_somebody_who_was_removed) {
  h.ask(request::RemovePrincipal{"alice"});
  EXPECT_EQ(process.session, 0u);
  EXPECT_EQ(h.state().tasks.at({job, 1}).phase, TaskPhase::unknown);
  h.connect(process);
  EXPECT_EQ(process.session, 0u);
  h.ask(request::CancelJob{job});
  EXPECT_TRUE(h.state().locks.empty());
}

}  // namespace requests_test
}  // namespace escape::controller::testing
