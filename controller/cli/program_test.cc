#include "controller/cli/program.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "controller/cli/fake_controller_for_tests.h"
#include "controller/cli/status.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

// Whole commands against a controller that answers from a script.
namespace escape::cli {
namespace program_testing {

namespace request = protocol::request;
namespace reply = protocol::reply;

protocol::LogEntry line(std::string level, std::string text) {
  protocol::LogEntry entry;
  entry.level = std::move(level);
  entry.sections = {"Deploy"};
  entry.text = std::move(text);
  return entry;
}

TEST(Program, SaysWhatIsWrongWithTheCommandLine) {
  struct Case {
    std::vector<std::string> arguments;
    std::string says;
    std::string hint;
  };
  const std::vector<Case> cases{
      {{"deplyo"}, "Error: Unknown command 'deplyo'", "escape help"},
      {{"runn"}, "Error: Unknown command 'runn'", "Did you mean `escape run`?"},
      {{"run", "delpoy"}, "Error: Unknown command 'delpoy'", "Did you mean `escape run deploy`?"},
      {{"run", "deploy", "--enviroment", "x"},
       "Error: Unknown flag '--enviroment' for `escape run deploy`.",
       "Did you mean '--environment'?"},
      {{"run", "promote", "extra"}, "Error: Unknown command 'extra'", "escape run promote --help"},
      {{"run", "deploy", "-e"},
       "Error: The flag '--environment' of `escape run deploy` needs a value.",
       "escape run deploy --help"},
      {{"run", "deploy", "x-v1", "--step-timeout", "abc"}, "Error: --step-timeout: 'abc' is not a duration", "90s"},
      {{"status", "--timeout", "-1s"}, "Error: --timeout: '-1s' is not a duration", ""},
      {{"jobs", "list", "--limit", "0"}, "Error: --limit 0 would list nothing.", ""},
      {{"jobs", "show"}, "Error: `escape jobs show`: JOB is required.", ""},
      {{"jobs", "show", "x"}, "Error: 'x' is not the number of a job.", ""},
      {{"jobs", "retry"}, "Error: `escape jobs retry`: JOB is required.", ""},
      {{"jobs", "resolve", "7", "--reason", "x"}, "Error: Missing --as.", "--as failed"},
      {{"jobs", "resolve", "7", "--as", "good", "--reason", "x"}, "Error: A job can't be resolved as 'good'.", ""},
      {{"jobs", "resolve", "7", "--as", "ok"}, "Error: Missing --reason.", ""},
      {{"jobs", "resolve", "7", "--as", "ok", "--reason", " "}, "Error: Missing --reason.", ""},
      {{"--nope", "status"}, "Error: Unknown flag '--nope' for `escape`.", ""},
      {{"status", "--logger", "xml"}, "Error: Unknown logger type 'xml', expecting 'default' or 'json'.", ""},
      {{"status", "--level", "loud"}, "Error: Unknown log level 'loud'.", ""},
      {{"run", "deploy", "x-v1", "-v", "=y"}, "Error: The value '-v =y' has no name.", ""},
      {{"run", "deploy", "x-v1", "-p", "k8s"}, "Error: The provider '-p k8s' names no deployment.", "-p k8s=NAME"},
      {{"run", "promote", "-d", "x", "-d", "y", "-d", "x", "--to", "live", "--dry-run"},
       "Error: The deployment 'x' is named twice.",
       ""},
      {{"run", "deploy", "aa-v1", "bb-v1", "-d", "both"},
       "Error: One deployment name (-d both) can't hold 2 releases.",
       ""},
      {{"run", "promote", "--to", "live"}, "Error: Missing deployment name.", ""},
      {{"run", "promote", "-d", "x"},
       "Error: Missing target environment. Use '--to' to define your target environment.",
       ""},
      {{"run", "converge", "-e", "Stage"}, "Error: The environment name 'Stage' is not allowed.", ""},
      {{"config", "profile", "api_servr"},
       "Error: 'api_servr' is not a valid field name",
       "Did you mean 'api_server'?"}};
  for (const Case& each : cases) {
    Cli cli;
    EXPECT_EQ(cli.run(each.arguments), 64) << each.says << "\n" << cli.console.told;
    EXPECT_NE(cli.console.told.find(each.says), std::string::npos) << cli.console.told;
    EXPECT_NE(cli.console.told.find(each.hint), std::string::npos) << cli.console.told;
    EXPECT_EQ(cli.console.printed, "");
    EXPECT_TRUE(cli.controller.asked.empty());
  }
}

TEST(Program, SaysInJsonToo) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--logger", "json", "frob"}, {"run", "deploy", "--frob", "--logger=json"}}) {
    Cli cli;
    EXPECT_EQ(cli.run(arguments), 64);
    const Result<Value> told = codec::from_json(cli.console.told);
    ASSERT_TRUE(told) << cli.console.told;
    EXPECT_EQ(*told.value().as_object()->find("kind")->as_string(), "usage");
  }
}

TEST(Program, RefusesTheOriginalsStateFlagsWithTheReason) {
  for (const char* flag : {"--state=x.json", "-sx.json", "-rprj", "--use-profile-state"}) {
    Cli cli;
    EXPECT_EQ(cli.run({"run", "deploy", "app-v1", flag}), 5) << flag;
    EXPECT_NE(cli.console.told.find("refused"), std::string::npos) << cli.console.told;
  }
}

TEST(Program, HelpGoesToStdoutAndIsFine) {
  Cli cli;
  EXPECT_EQ(cli.run({"run", "deploy", "--help"}), 0);
  EXPECT_NE(cli.console.printed.find("--environment"), std::string::npos);
  EXPECT_NE(cli.console.printed.find("Examples:"), std::string::npos);
  EXPECT_EQ(cli.run({"help", "run", "promote"}), 0);
  EXPECT_NE(cli.console.printed.find("--to-deployment"), std::string::npos);
  EXPECT_EQ(cli.run({"run"}), 0);
  EXPECT_NE(cli.console.printed.find("converge"), std::string::npos);
  EXPECT_EQ(cli.run({}), 0);
  EXPECT_NE(cli.console.printed.find("status"), std::string::npos);
  EXPECT_EQ(cli.run({"version"}), 0);
  EXPECT_EQ(cli.console.printed, "Escape v" ESCAPE_VERSION "\n");
  EXPECT_EQ(cli.console.told, "");
  EXPECT_EQ(cli.run({"version", "--nope"}), 64);
  EXPECT_EQ(cli.run({"version", "again"}), 64);
}

TEST(Program, OutputThatIsLostIsAFailure) {
  Cli cli;
  cli.console.is_full = true;
  EXPECT_EQ(cli.run({"help"}), 74);
  EXPECT_EQ(cli.console.told, "Error: Couldn't write the output: full.\n");
  EXPECT_EQ(cli.console.printed, "");
  cli.console.output_error.reset();
  EXPECT_EQ(cli.run({"frob"}), 64) << "nothing was to be printed";
}

TEST(Deploy, SubmitsWhatWasTypedAndShowsTheLog) {
  Cli cli;
  cli.controller.log = {line("info", "Running deploy step deploy.sh."), line("success", "Successfully deployed.")};
  EXPECT_EQ(cli.run({"run", "deploy", "quickstart/hello-world-v0.0.1", "-v", "who=Stage", "-estage"}), 0)
      << cli.console.told;
  const auto* submit = cli.controller.last<request::Submit>();
  ASSERT_TRUE(submit);
  EXPECT_EQ(submit->environment, "stage");
  EXPECT_EQ(submit->release, "quickstart/hello-world-v0.0.1");
  EXPECT_EQ(submit->inputs, (Value::Object{{"who", "Stage"}}));
  EXPECT_EQ(submit->workspace, "");
  EXPECT_EQ(cli.console.told, "Deploy: Running deploy step deploy.sh.\nDeploy: ✔️ Successfully deployed.\n");
  EXPECT_EQ(cli.console.printed, "");
}

TEST(State, SetSaysWhatIsDesiredOfOneDeployment) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Done{"Deployment db in environment live is described anew."});
  };
  EXPECT_EQ(cli.run({"state", "set", "-d", "db", "-e", "live", "pp/db-v2", "-v", "size=20", "--unset", "colour"}), 0);
  const auto* asked = cli.controller.last<request::SetDeployment>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->environment, "live");
  EXPECT_EQ(asked->deployment, "db");
  EXPECT_EQ(asked->release, "pp/db-v2");
  EXPECT_EQ(asked->inputs, (Value::Object{{"size", "20"}}));
  EXPECT_EQ(asked->unset, (std::vector<std::string>{"colour"}));
  EXPECT_EQ(cli.console.told, "Deployment db in environment live is described anew.\n");
  EXPECT_EQ(cli.run({"state", "set", "-d", "db", "pp/db-v"}), 65) << cli.console.told;
}

TEST(State, ProvidersAreThoseThatAreUp) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    Value::Object deployments;
    for (const char* status : {"ok", "test_failure", "empty", "failure", "destroy_failure", "destroy_pending",
                               "running_main_destroy_step", "destroy_and_delete_pending"}) {
      const Value::Object deploy{{"provides", Value::List{"kube"}}, {"status", Value::Object{{"status", status}}}};
      deployments.set(std::string("in-") + status, Value::Object{{"stages", Value::Object{{"deploy", deploy}}}});
    }
    const Value::Object stage{{"deployments", deployments}};
    return protocol::Reply(reply::State{Value::Object{{"environments", Value::Object{{"stage", stage}}}}});
  };
  EXPECT_EQ(cli.run({"state", "show-providers", "-e", "stage"}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed, "kube:\n\tin-ok, in-test_failure\n");
}

TEST(State, RequestAsksForWhatTheNextConvergeDoes) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Done{"The destruction of db in environment test is asked for."});
  };
  EXPECT_EQ(cli.run({"state", "request", "destroy", "--delete", "-d", "db", "-e", "test"}), 0) << cli.console.told;
  const auto* asked = cli.controller.last<request::RequestDeployment>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->environment, "test");
  EXPECT_EQ(asked->deployment, "db");
  EXPECT_EQ(asked->action, "destroy");
  EXPECT_TRUE(asked->removes);
  EXPECT_EQ(cli.console.told, "The destruction of db in environment test is asked for.\n");
  EXPECT_EQ(cli.run({"state", "request", "dance", "-d", "db"}), 64);
  EXPECT_EQ(cli.run({"state", "request", "smoke", "--delete", "-d", "db"}), 64);
  EXPECT_EQ(cli.run({"state", "request", "smoke"}), 64);
}

TEST(Deploy, SeveralOneAfterAnotherAndTheFirstFailureEndsIt) {
  Cli cli;
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1", "bb-latest"}), 0);
  EXPECT_EQ(cli.controller.asked.size(), 2u);
  Cli failing;
  failing.controller.end.outcome = protocol::JobOutcome::failed;
  failing.controller.end.error_kind = "failed";
  EXPECT_EQ(failing.run({"run", "deploy", "aa-v1", "bb-latest"}), 3);
  EXPECT_EQ(failing.controller.asked.size(), 1u);
}

TEST(Deploy, TheExitCodeAndMessageComeFromTheJobOnce) {
  Cli cli;
  cli.controller.end.outcome = protocol::JobOutcome::failed;
  cli.controller.end.error_kind = "unknown";
  cli.controller.end.message = "The agent is out of reach.";
  cli.controller.end.hint = "Look at `escape agents list`.";
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1"}), 4);
  EXPECT_EQ(cli.console.told, "Error: The agent is out of reach.\nLook at `escape agents list`.\n");
  // What the log has told already is not told twice.
  cli.controller.end.message = "exit status 1\nlast line";
  cli.controller.end.error_kind = "failed";
  cli.controller.log = {line("error", "Error: exit status 1")};
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1"}), 3);
  EXPECT_EQ(cli.console.told, "Deploy: Error: exit status 1\nLook at `escape agents list`.\n");
}

TEST(Deploy, AHostThatDoesNotAnswerIsToldFromAnInventory) {
  Cli cli;
  cli.controller.end.outcome = protocol::JobOutcome::failed;
  cli.controller.end.error_kind = "unreachable";
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1"}), 69) << "it never came to a step";
  cli.controller.end.tasks.emplace_back();
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1"}), 4);
}

TEST(Deploy, WhatTheControllerRefusesIsPrintedWithItsExitCode) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return fail(ErrorKind::no_target, "No agent serves the environment 'stage'.", "escape agents invite -e stage");
  };
  EXPECT_EQ(cli.run({"run", "deploy", "aa-v1", "-e", "stage"}), 7);
  EXPECT_EQ(cli.console.told, "Error: No agent serves the environment 'stage'.\nescape agents invite -e stage\n");
}

struct PromoteCli : Cli {
  reply::Promotion promotion{.release = "quickstart/hello-world-v0.0.1",
                             .sha256 = "abc",
                             .target_release = {},
                             .target_protected = false,
                             .is_downgrade = false,
                             .is_same = false};
  PromoteCli() {
    console.has_input_terminal = true;
    controller.answer = [this](const protocol::Request& asked) -> Result<protocol::Reply> {
      if (std::holds_alternative<request::DescribePromotion>(asked)) return protocol::Reply(promotion);
      return protocol::Reply(reply::JobMade{3});
    };
  }
  int promote(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"run",           "promote", "--deployment", "quickstart/hello-world",
                                       "--environment", "stage",   "--to",         "live"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST(Promote, ShowsAsksAndSubmitsWhatWasShown) {
  PromoteCli cli;
  cli.console.typed = {""};
  EXPECT_EQ(cli.promote(), 0);
  EXPECT_EQ(cli.console.told,
            "Promote: Deployment quickstart/hello-world in environment stage has quickstart/hello-world-v0.0.1.\n"
            "Promote: Deployment quickstart/hello-world in environment live is not present.\n");
  EXPECT_EQ(cli.console.printed,
            "Promote quickstart/hello-world-v0.0.1 from stage (quickstart/hello-world) to live "
            "(quickstart/hello-world)? [Yn]: ");
  const auto* submit = cli.controller.last<request::Submit>();
  ASSERT_TRUE(submit);
  EXPECT_EQ(submit->environment, "live");
  EXPECT_EQ(submit->from_environment, "stage");
  EXPECT_EQ(submit->expected_sha256, "abc");
}

TEST(Promote, ADowngradeIsToldBeforeAnybodyAgrees) {
  PromoteCli cli;
  cli.promotion.target_release = "quickstart/hello-world-v0.0.3";
  cli.promotion.is_downgrade = true;
  cli.console.typed = {"n"};
  EXPECT_EQ(cli.promote(), 0);
  EXPECT_NE(cli.console.told.find("This is a downgrade: quickstart/hello-world-v0.0.3 is newer than "
                                  "quickstart/hello-world-v0.0.1."),
            std::string::npos)
      << cli.console.told;
  EXPECT_FALSE(cli.controller.last<request::Submit>());
}

TEST(Promote, NoMeansNothingHappens) {
  PromoteCli cli;
  cli.console.typed = {"perhaps", "n"};
  EXPECT_EQ(cli.promote(), 0);
  EXPECT_FALSE(cli.controller.last<request::Submit>());
}

TEST(Promote, WithoutATerminalOrAnAnswerItIsRefused) {
  PromoteCli cli;
  EXPECT_EQ(cli.promote(), 5);
  EXPECT_NE(cli.console.told.find("Error: Promoting needs a yes, and the input ended (EOF)."), std::string::npos)
      << cli.console.told << cli.console.printed;
  cli.console.has_input_terminal = false;
  EXPECT_EQ(cli.promote(), 5);
  EXPECT_FALSE(cli.controller.last<request::Submit>());
  EXPECT_EQ(cli.promote({"-f"}), 0);
  EXPECT_TRUE(cli.controller.last<request::Submit>());
}

TEST(Promote, AProtectedEnvironmentWantsTheWholeWord) {
  for (const auto& [answer, goes] :
       std::vector<std::pair<std::string, bool>>{{"", false}, {"y", false}, {"yes", true}}) {
    PromoteCli cli;
    cli.promotion.target_protected = true;
    cli.console.typed = {answer};
    EXPECT_EQ(cli.promote({"--to-deployment", "other"}), 0);
    EXPECT_EQ(cli.controller.last<request::Submit>() != nullptr, goes) << answer;
    EXPECT_NE(cli.console.printed.find("to live (other)? [live is protected: type yes]: "), std::string::npos);
  }
}

TEST(Converge, DryRunShowsAndDoesNothing) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(
        reply::ConvergePlan{{{"a", "deploy", "", "0.0.1", "not deployed"}, {"bb", "none", "1", "1", ""}}});
  };
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--dry-run"}), 0);
  EXPECT_EQ(cli.console.printed,
            "DEPLOYMENT  ACTION  FROM  TO     REASON\n"
            "a           deploy  -     0.0.1  not deployed\n"
            "bb          none    1     1\n");
  EXPECT_FALSE(cli.controller.last<request::Submit>());
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::ConvergePlan{{{"a", "deploy", "", "0.0.1", ""}}, "plan-0123456789abcdef"});
  };
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--dry-run", "--json"}), 0);
  EXPECT_NE(cli.console.printed.find("\"plan\": \"plan-0123456789abcdef\""), std::string::npos) << cli.console.printed;
}

struct WatchCli : Cli {
  int rounds = 0;
  bool is_automatic = false;
  WatchCli() {
    controller.answer = [this](const protocol::Request& asked) -> Result<protocol::Reply> {
      if (std::holds_alternative<request::ListEnvironments>(asked)) {
        reply::EnvironmentView stage{.name = "stage", .inputs = {}};
        stage.converge.is_automatic = is_automatic;
        return protocol::Reply(reply::Environments{{stage}});
      }
      if (std::holds_alternative<request::ListDeployments>(asked)) {
        const bool is_there = ++rounds > 2;
        protocol::DeploymentCell db;
        db.environment = "stage";
        db.deployment = "db";
        db.version = is_there ? "2" : "1";
        db.status = rounds == 2 ? "running_main_step" : "ok";
        if (rounds == 1) db.drift = "runs 1, wanted 2";
        return protocol::Reply(reply::Deployments{{db}, {"stage"}, {}, {}});
      }
      if (std::holds_alternative<request::PlanConverge>(asked)) {
        const std::string action = rounds == 1 ? "deploy" : "none";
        return protocol::Reply(reply::ConvergePlan{{{"db", action, "1", "2", ""}}});
      }
      if (std::holds_alternative<request::ListJobs>(asked)) return protocol::Reply(reply::Jobs{});
      if (std::holds_alternative<request::ShowJob>(asked)) {
        protocol::JobView job;
        job.number = 12;
        job.phase = rounds > 2 ? protocol::JobPhase::settled : protocol::JobPhase::running;
        job.outcome = protocol::JobOutcome::ok;
        return protocol::Reply(reply::Job{job});
      }
      return protocol::Reply(reply::JobMade{12});
    };
  }
  /// What was printed, without the times.
  std::string lines() const {
    std::string text;
    for (std::size_t at = 0; at < console.printed.size();) {
      const std::size_t end = console.printed.find('\n', at) + 1;
      text += console.printed.substr(at + 10, end - at - 10);
      at = end;
    }
    return text;
  }
};

TEST(Converge, WatchConvergesAndTellsEachChangeUntilAllIsAsDesired) {
  WatchCli cli;
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--watch", "--until-done"}), 0) << cli.console.told;
  EXPECT_EQ(cli.lines(), "db  v1 ok * runs 1, wanted 2\ndb  v1 running\ndb  v2 ok\n");
  EXPECT_EQ(cli.console.told,
            "Converging stage whenever it is not as desired; Ctrl-C ends it.\nJob 12 converges stage.\n"
            "The environment stage is as desired.\n");
  ASSERT_TRUE(cli.controller.last<request::Submit>());
  EXPECT_EQ(cli.controller.last<request::Submit>()->kind, protocol::JobKind::converge);
}

TEST(Converge, WatchEndsWithCtrlCAndWithItsTimeout) {
  WatchCli cli;
  const auto inner = cli.controller.answer;
  bool was_pressed = false;
  cli.controller.answer = [&](const protocol::Request& asked) {
    if (cli.rounds == 3 && !was_pressed) was_pressed = std::raise(SIGINT) == 0;
    return inner(asked);
  };
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--watch"}), 130) << cli.console.told;
  WatchCli late;
  EXPECT_EQ(late.run({"run", "converge", "-e", "stage", "--watch", "--timeout", "1ms"}), 0) << late.console.told;
  EXPECT_NE(late.console.told.find("Watched stage for 1ms. What has begun goes on.\n"), std::string::npos)
      << late.console.told;
  WatchCli unfinished;
  const auto answer = unfinished.controller.answer;
  unfinished.controller.answer = [&](const protocol::Request& asked) -> Result<protocol::Reply> {
    if (!std::holds_alternative<request::PlanConverge>(asked)) return answer(asked);
    return protocol::Reply(reply::ConvergePlan{{{"db", "wait", "1", "2", ""}}});
  };
  EXPECT_EQ(unfinished.run({"run", "converge", "-e", "stage", "--watch", "--until-done", "--timeout", "1ms"}), 124)
      << unfinished.console.told;
}

/// It failed before, and again between two looks.
TEST(Converge, WatchTellsAFailureLikeTheOneBefore) {
  WatchCli cli;
  const auto inner = cli.controller.answer;
  cli.controller.answer = [&](const protocol::Request& asked) -> Result<protocol::Reply> {
    if (!std::holds_alternative<request::ListDeployments>(asked)) return inner(asked);
    if (++cli.rounds == 4) std::raise(SIGINT);
    protocol::DeploymentCell db;
    db.environment = "stage";
    db.deployment = "db";
    db.version = "1";
    db.status = "failure";
    db.job = cli.rounds < 3 ? 1 : 2;
    return protocol::Reply(reply::Deployments{{db}, {"stage"}, {}, {}});
  };
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--watch"}), 130) << cli.console.told;
  EXPECT_EQ(cli.lines(), "db  v1 failure\ndb  v1 failure\n");
}

TEST(Converge, WatchRefusesWhatMakesNoSense) {
  WatchCli cli;
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--until-done"}), 64);
  EXPECT_EQ(cli.run({"run", "converge", "-e", "stage", "--watch", "--dry-run"}), 64);
  EXPECT_EQ(cli.run({"run", "converge", "-e", "live", "--watch"}), 1) << cli.console.told;
}

protocol::DeploymentCell cell(std::string environment, std::string deployment, std::string version, std::string status,
                              std::string attempted = "", std::string agent_state = "online") {
  protocol::DeploymentCell c;
  c.environment = std::move(environment);
  c.deployment = std::move(deployment);
  c.version = std::move(version);
  c.attempted = std::move(attempted);
  c.status = std::move(status);
  c.agent_state = std::move(agent_state);
  return c;
}

TEST(Status, ShowsDeploymentsDownAndEnvironmentsAcross) {
  const reply::Deployments all{{cell("test", "quickstart/hello-world", "0.0.2", "ok"),
                                cell("live", "quickstart/hello-world", "0.0.1", "ok", "", "offline"),
                                cell("test", "db", "1", "failure", "2"), cell("live", "db", "", "failure", "2"),
                                cell("stage", "db", "1", "running_main_step"), cell("live", "x", "", "empty")},
                               {"test", "stage", "live"},
                               {},
                               {}};
  EXPECT_EQ(status_matrix(all, false),
            "DEPLOYMENT              test             stage       live\n"
            "db                      v1 (v2 failure)  v1 running  v2 failure\n"
            "quickstart/hello-world  v0.0.2 ok        -           v0.0.1 ok, offline\n"
            "x                       -                -           -\n");
  EXPECT_NE(status_matrix(all, true).find("\x1b[31mfailure\x1b[0m"), std::string::npos);
  reply::Deployments drifted{{cell("test", "db", "1", "ok"), cell("test", "web", "3", "ok")}, {"test"}, {}, {}};
  drifted.cells[0].drift = "runs 1, wanted 2";
  EXPECT_EQ(status_matrix(drifted, false),
            "DEPLOYMENT  test\n"
            "db          v1 ok *\n"
            "web         v3 ok\n"
            "\n"
            "* not as desired:\n"
            "  db in test: runs 1, wanted 2\n");
  protocol::DeploymentCell doubtful = cell("test", "db", "1", "running_main_step", "2", "offline");
  doubtful.job_state = "unknown";
  EXPECT_EQ(status_cell(doubtful), "v1 (v2 unknown), offline");
  doubtful.status = "failure";
  doubtful.job_state = "interrupted";
  EXPECT_EQ(status_cell(doubtful), "v1 (v2 interrupted), offline");
  EXPECT_TRUE(status_matrix({}, false).starts_with("Nothing is deployed."));
}

TEST(Status, JsonHoldsEverythingAndAnEmbeddedAgentIsNeverAway) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Deployments{{cell("test", "db", "1", "ok", "", "offline")}, {"test"}, {}, {}});
  };
  EXPECT_EQ(cli.run({"status", "--json"}), 0);
  EXPECT_NE(cli.console.printed.find("\"status\": \"ok\""), std::string::npos) << cli.console.printed;
  EXPECT_EQ(cli.console.printed.find("offline"), std::string::npos) << cli.console.printed;
}

TEST(Profiles, AnotherOneIsNotRemembered) {
  const std::string folder = io::make_temporary_folder("escape-cli-profiles").value();
  const std::string file = folder + "/config.yml";
  const auto run = [&](std::vector<std::string> arguments) {
    Cli cli;
    arguments.insert(arguments.end(), {"-c", file});
    EXPECT_EQ(cli.run(arguments), 0) << cli.console.told;
    return cli.console.printed;
  };
  ASSERT_TRUE(io::write_file(file, ""));
  EXPECT_EQ(run({"config", "active-profile"}), "default\n");
  EXPECT_EQ(io::read_file(file).value(), "") << "a reading command wrote the configuration";
  EXPECT_EQ(run({"config", "create-profile", "team"}), "Profile 'team' has been created.\n");
  EXPECT_EQ(run({"config", "create-profile", "third", "--profile", "team"}), "Profile 'third' has been created.\n");
  EXPECT_EQ(run({"config", "active-profile"}), "default\n");
  EXPECT_EQ(run({"config", "active-profile", "--profile", "team"}), "team\n");
  EXPECT_EQ(run({"config", "list-profiles"}), "default\nteam\nthird\n");
  EXPECT_EQ(run({"config", "set-profile", "team"}), "Profile has been set\n");
  EXPECT_EQ(run({"config", "active-profile", "--json"}), "\"team\"\n");
  Cli cli;
  EXPECT_EQ(cli.run({"config", "set-profile", "nope", "-c", file}), 78);
  ASSERT_TRUE(io::remove_all(folder));
}

TEST(Plan, InitWritesOnceAndChecksTheName) {
  const std::string folder = io::make_temporary_folder("escape-cli-plan").value();
  const std::string file = folder + "/escape.yml";
  Cli cli;
  EXPECT_EQ(cli.run({"plan", "init", "-n", "quickstart/hello-world", "-o", file}), 0) << cli.console.told;
  EXPECT_TRUE(io::read_file(file).value().starts_with("name: quickstart/hello-world\nversion: 0.0.@\n"));
  EXPECT_EQ(cli.run({"plan", "init", "-n", "quickstart/hello-world", "-o", file}), 6);
  EXPECT_EQ(cli.console.told, "Error: '" + file + "' already exists. Use --force / -f to overwrite.\n");
  EXPECT_EQ(cli.run({"plan", "init", "-o", file}), 64);
  EXPECT_EQ(cli.run({"plan", "init", "-n", "X", "-o", folder + "/x"}), 65);
  EXPECT_EQ(cli.run({"plan", "get", "name", "--plan", file}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed, "quickstart/hello-world\n");
  EXPECT_EQ(cli.run({"plan", "get", "name", "--plan", folder + "/none.yml"}), 1);
  EXPECT_NE(cli.console.told.find("Escape plan '" + folder +
                                  "/none.yml' was not found. Use 'escape plan init' to create it."),
            std::string::npos)
      << cli.console.told;
  EXPECT_EQ(cli.run({"plan", "get", "name", "--plan", folder}), 65);
  EXPECT_EQ(cli.console.told, "Error: Couldn't read Escape plan '" + folder + "': is a directory\n");
  EXPECT_EQ(cli.run({"plan", "fmt", "--plan", file}), 0) << cli.console.told;
  EXPECT_EQ(cli.run({"plan", "get", "includes", "--plan", file}), 0);
  EXPECT_EQ(cli.console.printed, "[\n   \"README.md\"\n]\n");
  ASSERT_TRUE(io::remove_all(folder));
}

/// A folder with one plan.
struct PlanCli : Cli {
  std::string folder = io::make_temporary_folder("escape-cli-plan").value();
  std::string plan = folder + "/escape.yml";
  explicit PlanCli(const std::string& text) { EXPECT_TRUE(io::write_file(plan, text, 0640)); }
  ~PlanCli() { EXPECT_TRUE(io::remove_all(folder)); }
  std::string written() const { return io::read_file(plan).value(); }
  int run_plan(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "plan");
    arguments.insert(arguments.end(), {"--plan", plan});
    return run(arguments);
  }
};

TEST(PlanFmt, PrintsAndOverwritesThePlan) {
  PlanCli cli("version: 1.10 # why\nname: a/b\n");
  EXPECT_EQ(cli.run_plan({"fmt"}), 0) << cli.console.told;
  EXPECT_TRUE(cli.written().starts_with("name: a/b\n\nversion: 1.10 # why\n\ndescription: \"\"\n\n")) << cli.written();
  EXPECT_EQ(cli.console.printed, cli.written());
  EXPECT_EQ(cli.console.told, "");
  const std::string once = cli.written();
  EXPECT_EQ(cli.run_plan({"fmt"}), 0);
  EXPECT_EQ(cli.written(), once);
  EXPECT_EQ(cli.console.printed, once);
}

TEST(PlanFmt, CheckChangesNothing) {
  const std::string text = "version: 1\nname: a/b\n";
  PlanCli cli(text);
  EXPECT_EQ(cli.run_plan({"fmt", "--check"}), 1);
  EXPECT_EQ(cli.console.printed, "");
  EXPECT_EQ(cli.console.told, "'" + cli.plan + "' is not in its form.\n");
  EXPECT_EQ(cli.written(), text);
  EXPECT_EQ(cli.run_plan({"minify"}), 0);
  EXPECT_EQ(cli.run_plan({"minify", "--check"}), 0);
  EXPECT_EQ(cli.console.printed + cli.console.told, "");
}

TEST(PlanFmt, LeavesAPlanThatCannotBeReadAsItIs) {
  const std::string text = "nmae: a/b # mine\n";
  PlanCli cli(text);
  EXPECT_EQ(cli.run_plan({"fmt"}), 65);
  EXPECT_NE(cli.console.told.find("Couldn't parse Escape plan '" + cli.plan + "': line 1, column 1: unknown field"),
            std::string::npos)
      << cli.console.told;
  EXPECT_EQ(cli.console.printed, "");
  EXPECT_EQ(cli.written(), text);
  EXPECT_EQ(cli.run({"plan", "fmt", "--plan", cli.folder + "/none.yml"}), 1);
  EXPECT_EQ(cli.run({"plan", "fmt", "--plan", cli.folder}), 65);
}

TEST(PlanMinify, LeavesOnlyWhatSaysSomething) {
  PlanCli cli("# mine\nversion: 1\n\ninputs: []\nname: a/b\n");
  EXPECT_EQ(cli.run_plan({"minify"}), 0) << cli.console.told;
  EXPECT_EQ(cli.written(), "name: a/b\nversion: 1\n");
  EXPECT_EQ(cli.console.printed, cli.written());
}

TEST(PlanGet, TextAsWrittenTheRestAsJson) {
  PlanCli cli("name: a/b\nversion: 1.10\ninputs: [{id: x, default: 2}]\n");
  EXPECT_EQ(cli.run_plan({"get", "version"}), 0);
  EXPECT_EQ(cli.console.printed, "1.10\n");
  EXPECT_EQ(cli.run_plan({"get", "version", "--json"}), 0);
  EXPECT_EQ(cli.console.printed, "\"1.10\"\n");
  EXPECT_EQ(cli.run_plan({"get", "logo"}), 0);
  EXPECT_EQ(cli.console.printed, "\n");
  EXPECT_EQ(cli.run_plan({"get", "inputs"}), 0);
  EXPECT_EQ(cli.console.printed, "[\n   {\n      \"id\": \"x\",\n      \"default\": 2\n   }\n]\n");
  EXPECT_EQ(cli.run_plan({"get", "verison"}), 64);
  EXPECT_NE(cli.console.told.find("Did you mean 'version'? The fields are name, "), std::string::npos)
      << cli.console.told;
}

TEST(Environments, ApplySendsWhatTheFileSays) {
  const std::string folder = io::make_temporary_folder("escape-cli-apply").value();
  const std::string file = folder + "/stage.yml";
  ASSERT_TRUE(io::write_file(file, "environment: stage\ndeployments:\n  a: {release: aa-latest, inputs: {n: 1}}\n"));
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Done{"Done."});
  };
  EXPECT_EQ(cli.run({"environments", "apply", "-f", file}), 0) << cli.console.told;
  const auto* apply = cli.controller.last<request::ApplyEnvironment>();
  ASSERT_TRUE(apply);
  EXPECT_EQ(apply->deployments.at(0).inputs, (Value::Object{{"n", 1}}));
  EXPECT_EQ(cli.run({"environments", "apply", "-f", folder + "/none"}), 1);
  ASSERT_TRUE(io::remove_all(folder));
}

TEST(Jobs, ListAndAttachAndCancel) {
  Cli cli;
  protocol::JobView job;
  job.number = 7;
  job.environment = "stage";
  job.deployment = "db";
  job.phase = protocol::JobPhase::settled;
  job.outcome = protocol::JobOutcome::failed;
  job.message = "no\nmore";
  cli.controller.answer = [&](const protocol::Request& asked) -> Result<protocol::Reply> {
    if (std::holds_alternative<request::ListJobs>(asked)) return protocol::Reply(reply::Jobs{{job}, true});
    if (std::holds_alternative<request::CancelJob>(asked)) return protocol::Reply(reply::Done{});
    return protocol::Reply(reply::Job{job});
  };
  EXPECT_EQ(cli.run({"jobs", "list", "--active", "-e", "stage"}), 0);
  EXPECT_NE(cli.console.printed.find("7    deploy  stage db  -        failed"), std::string::npos)
      << cli.console.printed;
  EXPECT_EQ(cli.console.told, "There are older ones: --before 7\n");
  EXPECT_TRUE(cli.controller.last<request::ListJobs>()->active_only);
  EXPECT_EQ(cli.run({"jobs", "show", "7", "--json"}), 0);
  EXPECT_NE(cli.console.printed.find("\"outcome\": \"failed\""), std::string::npos);
  EXPECT_EQ(cli.run({"jobs", "cancel", "7"}), 0);
  EXPECT_EQ(cli.controller.last<request::CancelJob>()->job, 7u);
  cli.controller.end.outcome = protocol::JobOutcome::cancelled;
  EXPECT_EQ(cli.run({"jobs", "attach", "7"}), 3);
}

TEST(Jobs, ShowSaysWhyAJobIsUnknownAndWhatToDo) {
  Cli cli;
  protocol::JobView job;
  job.number = 7;
  job.environment = "stage";
  job.deployment = "db";
  job.phase = protocol::JobPhase::running;
  job.state = "unknown";
  job.message = "Agent s1 is out of reach.";
  job.hint = "`escape jobs resolve 7 …`";
  protocol::TaskView task;
  task.task = {7, 1};
  task.attempt = 2;
  task.step = "deploy";
  task.agent = "s1";
  task.host = "web3";
  task.phase = protocol::TaskPhase::unknown;
  task.agent_state = "offline";
  task.agent_seen = {1'800'000'000'000'000};
  task.started_at = {1'800'000'000'000'000};
  task.reported_at = {1'800'000'060'000'000};
  task.output_bytes = 42;
  job.tasks = {task};
  cli.controller.answer = [&](const protocol::Request& asked) -> Result<protocol::Reply> {
    if (std::holds_alternative<request::ListJobs>(asked)) return protocol::Reply(reply::Jobs{{job}, false});
    return protocol::Reply(reply::Job{job});
  };
  EXPECT_EQ(cli.run({"jobs", "list"}), 0);
  EXPECT_NE(cli.console.printed.find("unknown"), std::string::npos) << cli.console.printed;
  EXPECT_EQ(cli.run({"jobs", "show", "7"}), 0);
  for (const char* part :
       {"Job 7: deploy, unknown\n", "  Why: Agent s1 is out of reach.\n", "  Step: deploy, attempt 2\n",
        "  Agent: s1 on host web3, offline, last seen 2027-01-15 08:00:00 UTC (",
        "  Last evidence: the agent took it at 2027-01-15 08:00:00 UTC; 42 bytes of output; last report at 2027-01-15 "
        "08:01:00 UTC\n",
        "  Next: `escape jobs resolve 7 …`\n"}) {
    EXPECT_NE(cli.console.printed.find(part), std::string::npos) << part << "\n" << cli.console.printed;
  }
  job.state = "interrupted";
  job.retry_of = 5;
  job.resolved_by = "ann";
  job.resolved_because = "gone";
  EXPECT_EQ(cli.run({"jobs", "show", "7"}), 0);
  for (const char* part :
       {"Job 7: deploy, interrupted\n", "  Runs again: job 5\n", "  Settled by hand: by ann: gone\n"})
    EXPECT_NE(cli.console.printed.find(part), std::string::npos) << part << "\n" << cli.console.printed;
}

TEST(Jobs, RetryMakesAJobAndFollowsIt) {
  Cli cli;
  cli.controller.end.outcome = protocol::JobOutcome::interrupted;
  cli.controller.end.error_kind = "unknown";
  cli.controller.end.message = "Step deploy was interrupted.";
  EXPECT_EQ(cli.run({"jobs", "retry", "7"}), 4);
  EXPECT_EQ(cli.controller.last<request::RetryJob>()->job, 7u);
  EXPECT_NE(cli.console.told.find("Job 12 runs job 7 again.\n"), std::string::npos) << cli.console.told;
  EXPECT_NE(cli.console.told.find("Step deploy was interrupted."), std::string::npos) << cli.console.told;
}

TEST(Jobs, ResolveNeedsAnEndAndAReason) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return protocol::Reply(reply::Done{"Job 7 is settled as ok."});
  };
  EXPECT_EQ(cli.run({"jobs", "resolve", "7", "--as", "ok", "--reason", "gone for good"}), 0);
  EXPECT_EQ(cli.console.told, "Job 7 is settled as ok.\n");
  const auto* asked = cli.controller.last<request::ResolveJob>();
  EXPECT_EQ(asked->job, 7u);
  EXPECT_TRUE(asked->is_ok);
  EXPECT_EQ(asked->reason, "gone for good");
  EXPECT_EQ(cli.run({"jobs", "resolve", "7", "--as", "failed", "--reason", "x"}), 0);
  EXPECT_FALSE(cli.controller.last<request::ResolveJob>()->is_ok);
}

TEST(Agents, AnEmbeddedControllerInvitesNobody) {
  Cli cli;
  EXPECT_EQ(cli.run({"agents", "invite", "-e", "stage"}), 5);
  EXPECT_NE(cli.console.told.find("there is nobody to invite"), std::string::npos);
}

TEST(Errors, AreJsonForTheJsonLogger) {
  Cli cli;
  cli.controller.answer = [](const protocol::Request&) -> Result<protocol::Reply> {
    return fail(ErrorKind::temporary, "busy", "again");
  };
  EXPECT_EQ(cli.run({"status", "--logger", "json"}), 75);
  EXPECT_NE(cli.console.told.find(R"("level":"error","message":"busy","kind":"temporary","hint":"again"})"),
            std::string::npos)
      << cli.console.told;
}

TEST(Tag, MovesAreToldAndTagsAreListedAndRemoved) {
  Cli cli;
  EXPECT_EQ(cli.run({"tag", "prj/app-v1.0", "stable"}), 0);
  EXPECT_EQ(cli.console.printed + cli.console.told, "");
  EXPECT_EQ(cli.run({"tag", "prj/app-v1.0", "stable"}), 0);
  EXPECT_EQ(cli.console.printed + cli.console.told, "");
  EXPECT_EQ(cli.run({"tag", "prj/app-v2.0", "stable"}), 0);
  EXPECT_EQ(cli.console.told, "The tag 'stable' of prj/app moved from v1.0 to v2.0.\n");
  EXPECT_EQ(cli.console.printed, "");
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "prj", "-a", "app", "--tags"}), 0);
  EXPECT_EQ(cli.console.printed, "stable v2.0\n");
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "prj", "-a", "app", "--tags", "--json"}), 0);
  EXPECT_EQ(cli.console.printed, "{\n   \"stable\": \"v2.0\"\n}\n");
  EXPECT_EQ(cli.run({"tag", "--remove", "prj/app", "stable"}), 0);
  EXPECT_EQ(cli.run({"tag", "--remove", "prj/app", "stable"}), 1);
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "prj", "-a", "app", "--tags"}), 0);
  EXPECT_EQ(cli.console.printed, "Inventory returned 0 results.\n");
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "prj", "--tags"}), 64);
  EXPECT_EQ(cli.run({"tag", "prj/app-v2.0"}), 64);
  EXPECT_EQ(cli.run({"tag", "--remove", "prj/app"}), 64);
  EXPECT_EQ(cli.run({"tag", "--remove", "prj/app-v1.0", "x"}), 65);
}

/// A state file in a folder of its own, and a controller that takes it.
struct ImportCli : Cli {
  std::string folder = io::make_temporary_folder("escape-cli-import").value();
  std::string file = folder + "/escape_state.json";
  ImportCli() {
    EXPECT_TRUE(io::write_file(file, R"({"name":"team","environments":{"prod":{"inputs":{"a":"1"}},"dev":{}}})"));
    controller.answer = [](const protocol::Request& asked) -> Result<protocol::Reply> {
      const auto& import = std::get<request::ImportState>(asked);
      reply::Imported imported;
      imported.deployments = {{"prod", "main", "proj/parent-v1.0", "ok", 2, import.replace}};
      imported.unknown_releases = {"proj/parent-v1.0"};
      imported.remarks = {"The stage '' of main in prod is left out."};
      imported.dry_run = import.dry_run;
      return protocol::Reply(imported);
    };
  }
  ~ImportCli() { EXPECT_TRUE(io::remove_all(folder)); }
};

TEST(StateImport, SendsTheFileAndTellsWhatCameIn) {
  ImportCli cli;
  EXPECT_EQ(cli.run({"state", "import", cli.file}), 0) << cli.console.told;
  const auto* asked = cli.controller.last<request::ImportState>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(codec::to_json(asked->state), R"({"name":"team","environments":{"prod":{"inputs":{"a":"1"}},"dev":{}}})");
  EXPECT_EQ(asked->environment, "");
  EXPECT_FALSE(asked->dry_run || asked->replace);
  EXPECT_EQ(cli.console.printed,
            "ENVIRONMENT  DEPLOYMENT  RELEASE           STATUS  BELOW\n"
            "prod         main        proj/parent-v1.0  ok      2\n");
  EXPECT_EQ(cli.console.told,
            "The stage '' of main in prod is left out.\n"
            "Not in the inventory, so their digests are not known: proj/parent-v1.0.\n"
            "Smoke tests, destroying, errands and promotion need them there, under these versions; until then all "
            "values of their deployments are shown as ********.\n"
            "Imported 1 deployment with 2 below it.\n");
}

TEST(StateImport, OneEnvironmentAloneIsSent) {
  ImportCli cli;
  EXPECT_EQ(cli.run({"state", "import", cli.file, "-e", "prod", "--dry-run", "--replace"}), 0) << cli.console.told;
  const auto* asked = cli.controller.last<request::ImportState>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(codec::to_json(asked->state), R"({"name":"team","environments":{"prod":{"inputs":{"a":"1"}}}})");
  EXPECT_EQ(asked->environment, "prod");
  EXPECT_TRUE(asked->dry_run && asked->replace);
  EXPECT_TRUE(cli.console.told.ends_with(
      "Would import 1 deployment with 2 below it, 1 in the place of what is there; nothing was changed.\n"));
  EXPECT_EQ(cli.run({"state", "import", cli.file, "--json"}), 0);
  EXPECT_TRUE(codec::from_json(cli.console.printed)) << cli.console.printed;
}

TEST(StateImport, RefusesWhatItCannotRead) {
  ImportCli cli;
  EXPECT_EQ(cli.run({"state", "import"}), 64);
  EXPECT_EQ(cli.run({"state", "import", cli.folder + "/none.json"}), 1);
  EXPECT_EQ(cli.run({"state", "import", cli.file, "-e", "stage"}), 1);
  EXPECT_NE(cli.console.told.find("There is no environment 'stage' in "), std::string::npos) << cli.console.told;
  EXPECT_EQ(cli.run({"state", "import", cli.file, "-e", "Stage"}), 64);
  ASSERT_TRUE(io::write_file(cli.file, R"({"name":)"));
  EXPECT_EQ(cli.run({"state", "import", cli.file}), 65);
  EXPECT_NE(cli.console.told.find("escape_state.json: line 1"), std::string::npos) << cli.console.told;
  EXPECT_TRUE(cli.controller.asked.empty());
}

/// `-c FILE` and `--profile` name what must be there, but for those who make it.
TEST(Program, AConfigurationThatIsNamedMustBeThere) {
  Cli cli;
  const std::string missing = cli.home + "/none.yml";
  EXPECT_EQ(cli.run({"run", "deploy", "xx-v1", "-c", missing}), 78);
  EXPECT_EQ(cli.console.told.substr(0, cli.console.told.find('\n')),
            "Error: The configuration file '" + missing + "' does not exist.");
  EXPECT_TRUE(cli.controller.asked.empty());
  EXPECT_EQ(cli.run({"run", "deploy", "xx-v1", "--profile", "none"}), 78);
  EXPECT_NE(cli.console.told.find(cli.home + "/config.yml"), std::string::npos) << cli.console.told;
  EXPECT_TRUE(cli.controller.asked.empty());
  EXPECT_EQ(cli.run({"config", "set-profile", "default", "-c", missing}), 78);
  EXPECT_EQ(cli.run({"config", "create-profile", "team", "-c", missing}), 0) << cli.console.told;
  EXPECT_EQ(cli.run({"config", "set-profile", "team", "-c", missing}), 0) << cli.console.told;
}

}  // namespace program_testing
}  // namespace escape::cli
