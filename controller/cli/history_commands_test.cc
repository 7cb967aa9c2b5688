#include <gtest/gtest.h>

#include "controller/cli/fake_controller_for_tests.h"
#include "controller/cli/plan_view.h"

// History, holds, rollbacks, and looking before doing, against a controller that answers from a script.
namespace escape::cli {
namespace history_commands_testing {

namespace request = protocol::request;
namespace reply = protocol::reply;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

reply::Plan upgrade() {
  reply::Plan plan;
  plan.id = "plan-0123456789abcdef";
  plan.environment = "live";
  plan.agent = "live-2";
  plan.agent_state = "suspect";
  plan.agent_before = "live-1";
  plan.deployments = {
      {.deployment = "app:db",
       .action = "deploy",
       .from = "",
       .to = "qq/db-v1.0",
       .from_sha256 = "",
       .to_sha256 = "0123456789abcdef",
       .status = "empty",
       .inputs = {{"who", "", "Ann", "set"}},
       .providers = {{"kube", "cluster"}},
       .is_changed = true},
      {.deployment = "app",
       .action = "deploy",
       .from = "qq/app-v1.0",
       .to = "qq/app-v2.0",
       .from_sha256 = "aaaaaaaaaaaaaaaa",
       .to_sha256 = "bbbbbbbbbbbbbbbb",
       .status = "ok",
       .inputs = {{"who", "Ann", "Bob", "changed"}, {"port", "1", "", "later"}, {"old", "********", "", "unset"}},
       .providers = {},
       .is_changed = true}};
  plan.steps = {{"app:db", "deploy"}, {"app", "deploy"}};
  plan.locks = {"app"};
  plan.warnings = {"This is a downgrade: app runs version 3.0."};
  plan.has_changes = true;
  return plan;
}

/// Answers plans with `plan`, everything else as a job.
struct PlanCli : Cli {
  explicit PlanCli(reply::Plan shown) : plan(std::move(shown)) {
    console.has_input_terminal = true;
    controller.answer = [this](const protocol::Request& asked) -> Result<protocol::Reply> {
      if (std::holds_alternative<request::PlanJob>(asked)) return protocol::Reply(plan);
      if (std::holds_alternative<request::ListEnvironments>(asked)) {
        return protocol::Reply(reply::Environments{{{.name = "live", .is_protected = is_protected, .inputs = {}}}});
      }
      if (std::holds_alternative<request::ListDeployments>(asked)) {
        protocol::DeploymentCell runs{.environment = "stage", .deployment = "app", .status = "ok"};
        protocol::DeploymentCell gone{.environment = "stage", .deployment = "old", .status = "empty"};
        return protocol::Reply(reply::Deployments{{runs, gone}, {"stage"}, {}, {}});
      }
      return protocol::Reply(reply::JobMade{12});
    };
  }
  reply::Plan plan;
  bool is_protected = false;
};

TEST(DryRun, ShowsWhatChangesWhereAndWhatToTypeNext) {
  PlanCli cli(upgrade());
  EXPECT_EQ(cli.run({"run", "deploy", "qq/app-v2.0", "-e", "live", "-v", "who=Bob", "-n"}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed,
            "DEPLOYMENT  ACTION  NOW          THEN         DIGEST                       STATUS\n"
            "app:db      deploy  -            qq/db-v1.0   0123456789ab                 empty\n"
            "app         deploy  qq/app-v1.0  qq/app-v2.0  aaaaaaaaaaaa → bbbbbbbbbbbb  ok\n"
            "\nInputs:\n"
            "  app:db  who = Ann\n"
            "  app  who: Ann → Bob\n"
            "  app  port: known when its dependency has run (now 1)\n"
            "  app  old: no longer given\n"
            "\nProviders:\n"
            "  app:db  kube from cluster\n"
            "\nScripts on live-2 (suspect), and no longer on live-1:\n"
            "  app:db  deploy\n"
            "  app  deploy\n"
            "\nLocks in live: app\n"
            "Warning: This is a downgrade: app runs version 3.0.\n"
            "\nAdd `--plan plan-0123456789abcdef` to do exactly this, or nothing when something has moved since.\n");
  EXPECT_FALSE(cli.controller.last<request::Submit>());
  const request::Submit& asked = cli.controller.last<request::PlanJob>()->submit;
  EXPECT_EQ(asked.release, "qq/app-v2.0");
  EXPECT_EQ(*asked.inputs.find("who")->as_string(), "Bob");
}

TEST(DryRun, TheExitCodeTellsOfChangesWhenItIsAskedTo) {
  PlanCli cli(upgrade());
  const std::vector<std::string> asked{"run", "deploy", "qq/app-v2.0", "-e", "live", "-n", "--detailed-exitcode"};
  EXPECT_EQ(cli.run(asked), 2);
  cli.plan.has_changes = false;
  EXPECT_EQ(cli.run(asked), 0);
  EXPECT_TRUE(has(cli.console.printed, "Nothing changes: the same would run again."));
  EXPECT_EQ(cli.run({"run", "deploy", "qq/app-v2.0", "-e", "live", "-n", "--json"}), 0);
  EXPECT_TRUE(has(cli.console.printed, "\"plan\": \"plan-0123456789abcdef\"")) << cli.console.printed;
}

TEST(DryRun, APlanIdIsNeverTakenForAFileNorAFileForAnId) {
  EXPECT_TRUE(is_plan_id("plan-0123456789abcdef"));
  for (const char* text : {"plan-0123456789abcde", "plan-0123456789abcdeg", "plan.yml", "plan-0123456789ABCDEF", ""}) {
    EXPECT_FALSE(is_plan_id(text)) << text;
  }
  PlanCli cli(upgrade());
  EXPECT_EQ(cli.run({"run", "deploy", "qq/app-v2.0", "--plan", "plan-0123456789abcdef"}), 0) << cli.console.told;
  EXPECT_EQ(cli.controller.last<request::Submit>()->plan, "plan-0123456789abcdef");
  EXPECT_EQ(cli.run({"run", "promote", "-d", "app", "--to", "live", "-f", "--plan", "plan-1"}), 64);
  EXPECT_TRUE(has(cli.console.told, "Error: 'plan-1' is not the id of a plan.")) << cli.console.told;
}

TEST(Rollback, ShowsAsksAndHoldsToWhatWasShown) {
  PlanCli cli(upgrade());
  cli.console.typed = {"y"};
  EXPECT_EQ(cli.run({"run", "rollback", "-d", "app", "-e", "live", "--reason", "memory", "--to", "41"}), 0)
      << cli.console.told;
  EXPECT_EQ(cli.console.printed, "Roll app in live back? [Yn]: ");
  EXPECT_TRUE(has(cli.console.told, "qq/app-v1.0")) << cli.console.told;
  EXPECT_TRUE(has(cli.console.told, "escape state unhold -d app -e live")) << cli.console.told;
  const auto* submit = cli.controller.last<request::Submit>();
  ASSERT_TRUE(submit);
  EXPECT_EQ(submit->kind, protocol::JobKind::rollback);
  EXPECT_EQ(submit->back_to, 41u);
  EXPECT_EQ(submit->reason, "memory");
  EXPECT_EQ(submit->plan, "plan-0123456789abcdef");
}

TEST(Rollback, NoAndNobodyToAsk) {
  PlanCli cli(upgrade());
  cli.console.typed = {"n"};
  EXPECT_EQ(cli.run({"run", "rollback", "-d", "app", "-e", "live"}), 0);
  EXPECT_FALSE(cli.controller.last<request::Submit>());
  cli.console.has_input_terminal = false;
  EXPECT_EQ(cli.run({"run", "rollback", "-d", "app", "-e", "live"}), 5);
  EXPECT_EQ(cli.run({"run", "rollback", "-e", "live"}), 64);
  EXPECT_EQ(cli.run({"run", "rollback", "-d", "app", "-e", "live", "--to", "yesterday"}), 64);
  EXPECT_TRUE(has(cli.console.told, "Error: 'yesterday' is not the number of a change")) << cli.console.told;
  EXPECT_FALSE(cli.controller.last<request::Submit>());
}

TEST(PromoteTogether, StartsWhatWasShownAllOrNothing) {
  PlanCli cli(upgrade());
  cli.is_protected = true;
  cli.console.typed = {"yes"};
  EXPECT_EQ(
      cli.run({"run", "promote", "-d", "app", "-d", "web", "-e", "stage", "--to", "live", "--with-inputs", "who"}), 0)
      << cli.console.told;
  EXPECT_EQ(cli.console.printed, "Promote 2 deployments from stage to live? [live is protected: type yes]: ");
  const auto* submit = cli.controller.last<request::Submit>();
  ASSERT_TRUE(submit);
  EXPECT_EQ(submit->together, (std::vector<std::string>{"app", "web"}));
  EXPECT_EQ(submit->with_inputs, std::vector<std::string>{"who"});
  EXPECT_EQ(submit->plan, "plan-0123456789abcdef");
  EXPECT_EQ(submit->deployment, "");

  EXPECT_EQ(cli.run({"run", "promote", "--all", "-e", "stage", "--to", "live", "-f"}), 0) << cli.console.told;
  EXPECT_EQ(cli.controller.last<request::Submit>()->together, std::vector<std::string>{"app"});
  EXPECT_EQ(cli.run({"run", "promote", "--all", "-d", "app", "--to", "live", "-f"}), 64);
  EXPECT_EQ(cli.run({"run", "promote", "-d", "a", "-d", "b", "--to", "live", "--to-deployment", "c", "-f"}), 64);
}

TEST(History, ListsChangesForPeopleAndPrograms) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    reply::History history;
    history.changes = {{.sequence = 73,
                        .time = {1'764'394'823'000'000},
                        .what = "rolledback",
                        .release = "qq/app-v1.0",
                        .sha256 = "ab",
                        .status = "ok",
                        .inputs = {"password", "who"},
                        .principal = "ann",
                        .job = 12,
                        .back_to = 57,
                        .note = ""}};
    history.more = true;
    return protocol::Reply(std::move(history));
  };
  EXPECT_EQ(cli.run({"state", "history", "-d", "app", "-e", "live", "--limit", "1"}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed,
            "CHANGE  TIME                     WHAT        RELEASE      STATUS  BY   JOB  INPUTS         NOTE\n"
            "73      2025-11-29 05:40:23 UTC  rolledback  qq/app-v1.0  ok      ann  12   password, who  back to 57\n");
  EXPECT_EQ(cli.console.told, "Older ones: --before 73\n");
  EXPECT_EQ(cli.controller.last<request::ListHistory>()->limit, 1);
  EXPECT_EQ(cli.run({"state", "history", "-d", "app", "--json", "--before", "99"}), 0);
  EXPECT_TRUE(has(cli.console.printed, "\"back_to\": 57")) << cli.console.printed;
  EXPECT_EQ(cli.controller.last<request::ListHistory>()->before, 99u);
  EXPECT_EQ(cli.run({"state", "history"}), 64);
  EXPECT_EQ(cli.run({"state", "history", "-d", "app", "--limit", "0"}), 64);
}

TEST(StateShow, AsItWas) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request& asked) -> Result<protocol::Reply> {
    protocol::ChangeView newest;
    newest.sequence = 41;
    if (std::holds_alternative<request::ListHistory>(asked)) return protocol::Reply(reply::History{{newest}, false});
    return protocol::Reply(reply::Deployment{Value::Object{{"name", "app"}}});
  };
  EXPECT_EQ(cli.run({"state", "show-deployment", "-d", "app", "--at", "42"}), 1) << cli.console.printed;
  EXPECT_NE(cli.console.told.find("There is no change 42 of app in dev: its newest is 41."), std::string::npos)
      << cli.console.told;
  const auto asked = [&](const std::string& at) {
    EXPECT_EQ(cli.run({"state", "show-deployment", "-d", "app", "--at", at}), 0) << cli.console.told;
    return *cli.controller.last<request::ShowDeployment>();
  };
  EXPECT_EQ(asked("41").at, 41u);
  EXPECT_EQ(asked("2025-11-29T05:40:23Z").at_time.micros, 1'764'394'823'000'000);
  EXPECT_GT(asked("2h").at_time.micros, 1'764'394'823'000'000);
  for (const char* wrong : {"0", "tomorrow", "-1"}) {
    EXPECT_EQ(cli.run({"state", "show-deployment", "-d", "app", std::string("--at=") + wrong}), 64) << wrong;
  }
}

TEST(StateDiff, ShowsOnlyWhatDiffers) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    reply::Differences found;
    found.deployments = {{.deployment = "app",
                          .left = "qq/app-v1.0",
                          .right = "qq/app-v2.0",
                          .left_sha256 = "a",
                          .right_sha256 = "b",
                          .left_status = "ok",
                          .right_status = "failure",
                          .inputs = {{"who", "Ann", "Bob", true, true}, {"new", "", "x", false, true}},
                          .is_different = true},
                         {.deployment = "only", .left = "qq/app-v1.0", .left_status = "ok", .is_different = true},
                         {.deployment = "same", .left_status = "ok", .right_status = "ok"}};
    return protocol::Reply(std::move(found));
  };
  EXPECT_EQ(cli.run({"state", "diff", "stage", "live"}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed,
            "DEPLOYMENT  stage        live                   INPUT  stage HAS  live HAS\n"
            "app         qq/app-v1.0  qq/app-v2.0 (failure)  who    Ann        Bob\n"
            "                                                new    -          x\n"
            "only        qq/app-v1.0  -\n");
  EXPECT_EQ(cli.run({"state", "diff", "stage", "live", "--detailed-exitcode"}), 2);
  EXPECT_EQ(cli.run({"state", "diff", "stage"}), 64);
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Differences{});
  };
  EXPECT_EQ(cli.run({"state", "diff", "stage", "live", "--detailed-exitcode"}), 0);
  EXPECT_EQ(cli.console.printed, "stage and live run the same.\n");
}

TEST(Hold, WantsAReasonAndIsLifted) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Done{"done"});
  };
  EXPECT_EQ(cli.run({"state", "hold", "-d", "app", "-e", "live"}), 64);
  EXPECT_EQ(cli.run({"state", "hold", "-d", "app", "-e", "live", "--reason", "audit"}), 0) << cli.console.told;
  EXPECT_TRUE(cli.controller.last<request::SetHold>()->is_held);
  EXPECT_EQ(cli.controller.last<request::SetHold>()->reason, "audit");
  EXPECT_EQ(cli.run({"state", "unhold", "-d", "app", "-e", "live"}), 0);
  EXPECT_FALSE(cli.controller.last<request::SetHold>()->is_held);
}

}  // namespace history_commands_testing
}  // namespace escape::cli
