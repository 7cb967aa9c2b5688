#include "agent/runner/outcome.h"

#include <gtest/gtest.h>

#include "shared/io/files.h"

namespace escape::runner::outcome_test {

using protocol::TaskOutcome;

class Outcomes : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("outcome").value();
    request.argv = {"sh", "-c", "./x.sh .escape/outputs.json"};
    offer.step = "deploy";
    offer.deployment = "app";
    offer.time_limit = Millis{2000};
  }
  void TearDown() override { (void)io::remove_all(folder); }
  agent::TaskResult result_of(RunEnd end, int status, const std::string& reason = {}) {
    RunResult run;
    run.end = end;
    run.status = status;
    run.reason = reason;
    return to_task_result(run, request, offer, folder, keys);
  }
  agent::TaskResult with_outputs(const std::string& text) {
    EXPECT_TRUE(io::write_file(folder + "/outputs", keys.seal(text, seal_context(folder, "outputs"))));
    offer.reads_outputs = true;
    return result_of(RunEnd::exited, 0);
  }

  std::string folder;
  RunRequest request;
  protocol::Offer offer;
  const SealKeys keys = SealKeys::make();
};

TEST_F(Outcomes, OfEveryEnd) {
  const std::string failed = "Failed to successfully execute command 'sh -c ./x.sh .escape/outputs.json': ";
  struct Case {
    RunEnd end;
    int status;
    std::string reason;
    TaskOutcome outcome;
    int exit_status;
    std::string message;
  };
  const Case cases[] = {
      {RunEnd::exited, 0, "", TaskOutcome::ok, 0, ""},
      {RunEnd::exited, 3, "", TaskOutcome::failed, 3, failed + "exit status 3"},
      {RunEnd::signalled, 9, "", TaskOutcome::failed, 137, failed + "signal: killed"},
      {RunEnd::timed_out, 143, "", TaskOutcome::timed_out, 143,
       failed + "it ran longer than its time limit of 2.0s and was stopped"},
      {RunEnd::cancelled, 143, "", TaskOutcome::cancelled, 143, failed + "it was cancelled"},
      {RunEnd::not_started, 0, "exec: \"foo\": executable file not found in $PATH", TaskOutcome::not_started, 127,
       failed + "exec: \"foo\": executable file not found in $PATH"},
      {RunEnd::lost, 0, "its supervisor died", TaskOutcome::interrupted, 0, "Interrupted: its supervisor died."},
  };
  for (const Case& one : cases) {
    const agent::TaskResult result = result_of(one.end, one.status, one.reason);
    EXPECT_EQ(result.outcome, one.outcome) << one.message;
    EXPECT_EQ(result.exit_status, one.exit_status) << one.message;
    EXPECT_EQ(result.message, one.message);
  }
}

TEST(Unstarted, SaysToRunItAgainOnlyWhereThatMayHelp) {
  EXPECT_EQ(not_started_result({ErrorKind::unreachable, "no answer", "Check the address.", {}}).message,
            "no answer. Check the address. Run the job again.");
  EXPECT_EQ(not_started_result({ErrorKind::storage, "the disk is full", {}, {}}).message,
            "the disk is full. Run the job again.");
  EXPECT_EQ(not_started_result({ErrorKind::bad_data, "INPUT_a holds a NUL", "Use a file.", {}}).message,
            "INPUT_a holds a NUL. Use a file.");
}

TEST_F(Outcomes, TimeThatWentByBeforeTheScriptIsNamed) {
  request.time_limit = Millis{500};
  EXPECT_TRUE(result_of(RunEnd::timed_out, 143)
                  .message.ends_with(": it ran longer than its time limit of 2.0s (1.5s of it went by before its "
                                     "script started) and was stopped"));
}

TEST_F(Outcomes, WhatCouldNotBeEndedIsNamed) {
  RunResult run;
  run.end = RunEnd::cancelled;
  run.status = 137;
  run.left = {12};
  EXPECT_EQ(to_task_result(run, request, offer, folder, keys).message,
            "Failed to successfully execute command 'sh -c ./x.sh .escape/outputs.json': it was cancelled. Process 12 "
            "could not be ended, even by KILL, and is left on the agent's host.");
  EXPECT_EQ(to_task_result(run, request, offer, folder, keys).outcome, TaskOutcome::cancelled);
  run.left = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_TRUE(
      to_task_result(run, request, offer, folder, keys)
          .message.ends_with("Processes 1, 2, 3, 4, 5, 6, 7, 8 and 2 more could not be ended, even by KILL, and "
                             "are left on the agent's host."));
}

TEST_F(Outcomes, OutputsAreTypedJson) {
  const agent::TaskResult result = with_outputs(R"({"url":"http://x","port":8080,"hosts":["a","b"]})");
  EXPECT_EQ(result.outcome, TaskOutcome::ok);
  EXPECT_TRUE(result.has_outputs);
  EXPECT_EQ(*result.outputs.find("port"), Value(8080));
  EXPECT_EQ(*result.outputs.find("hosts"), Value(Value::List{"a", "b"}));
}

TEST_F(Outcomes, OutputsThatAnEarlierSupervisorLeftInClearAreRead) {
  ASSERT_TRUE(io::write_file(folder + "/outputs.json", R"({"a":"b"})"));
  offer.reads_outputs = true;
  EXPECT_EQ(*result_of(RunEnd::exited, 0).outputs.find("a"), Value("b"));
}

TEST_F(Outcomes, OutputsThatDoNotOpenFailTheStep) {
  with_outputs(R"({"a":"b"})");
  std::string bytes = io::read_file(folder + "/outputs").value();
  bytes.back() ^= 1;
  ASSERT_TRUE(io::write_file(folder + "/outputs", bytes));
  const agent::TaskResult result = result_of(RunEnd::exited, 0);
  EXPECT_EQ(result.outcome, TaskOutcome::failed);
  EXPECT_NE(result.message.find("damaged"), std::string::npos) << result.message;
}

TEST_F(Outcomes, AnEmptyOrMissingFileHasNone) {
  EXPECT_FALSE(with_outputs("").has_outputs);
  ASSERT_TRUE(io::remove_all(folder + "/outputs"));
  const agent::TaskResult result = result_of(RunEnd::exited, 0);
  EXPECT_EQ(result.outcome, TaskOutcome::ok);
  EXPECT_FALSE(result.has_outputs);
}

TEST_F(Outcomes, OutputsThatCannotBeReadFailTheStepWithTheReason) {
  const std::pair<std::string, std::string> cases[] = {
      {"not json", "is not JSON"},
      {"[1]", "holds a list, not an object"},
      {std::string(max_outputs_bytes + 1, ' '), "larger than 1 MiB"},
      {"{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}", "nested more than 48 levels deep"}};
  for (const auto& [text, reason] : cases) {
    const agent::TaskResult result = with_outputs(text);
    EXPECT_EQ(result.outcome, TaskOutcome::failed) << reason;
    EXPECT_NE(result.message.find(reason), std::string::npos) << result.message;
    EXPECT_NE(result.message.find(".escape/outputs.json"), std::string::npos) << result.message;
  }
}

TEST_F(Outcomes, AFailedStepsOutputsAreNotRead) {
  with_outputs(R"({"a":"b"})");
  EXPECT_FALSE(result_of(RunEnd::exited, 1).has_outputs);
}

TEST_F(Outcomes, MessagesAreMasked) {
  request.argv = {"login", "hunter2!"};
  request.variables = {{"INPUT_password", "hunter2!"}};
  request.secret_variables = {"INPUT_password"};
  EXPECT_EQ(result_of(RunEnd::exited, 1).message,
            "Failed to successfully execute command 'login ‹INPUT_password›': exit status 1");
}

TEST_F(Outcomes, LostOutputIsSaid) {
  RunResult run;
  run.end = RunEnd::exited;
  run.output_bytes = 10;
  run.output_error = "the disk is full";
  const agent::TaskResult result = to_task_result(run, request, offer, folder, keys);
  EXPECT_EQ(result.outcome, TaskOutcome::ok);
  EXPECT_EQ(result.message, "Output behind byte 10 is lost: the disk is full");
}

TEST_F(Outcomes, TheOutputsFileIsMadeBeforeTheStep) {
  offer.writes_outputs_file = true;
  offer.outputs_before = {{"a", "b"}};
  ASSERT_TRUE(prepare_outputs_file(folder, offer));
  EXPECT_EQ(io::read_file(folder + "/.escape/outputs.json").value(), R"({"a":"b"})");
  offer.writes_outputs_file = false;
  offer.outputs_before = {};
  ASSERT_TRUE(prepare_outputs_file(folder, offer));
  EXPECT_EQ(io::read_file(folder + "/.escape/outputs.json").value(), R"({"a":"b"})") << "other steps leave it alone";
}

TEST_F(Outcomes, OnlyAPlainFileIsCopied) {
  EXPECT_TRUE(copy_outputs_file(folder + "/none", folder, keys));
  EXPECT_FALSE(copy_outputs_file(folder, folder, keys));
}

}  // namespace escape::runner::outcome_test
