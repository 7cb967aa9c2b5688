#include "agent/app/runs.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <variant>

#include "agent/runner/process_limits.h"

namespace escape::agent::runs_test {

constexpr int deadline_millis = 30'000;

class AgentRuns : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("runs").value();
    work = folder + "/work";
    ASSERT_TRUE(io::make_folders(work));
    journal = journal::Journal::open(folder + "/data").value();
    runs = std::make_unique<Runs>(Runs::Options{ESCAPE_TEST_SUPERVISOR, false}, *journal);
    offer.task = {1, 0};
    offer.step = "deploy";
    offer.deployment = "app";
    ASSERT_TRUE(journal->keep_offer(offer));
  }
  void TearDown() override {
    runs.reset();
    journal.reset();
    (void)io::remove_all(folder);
  }
  /// Collects until the script has ended.
  TaskResult wait_for_end() {
    for (;;) {
      for (Input& input : runs->collect()) {
        if (auto* ended = std::get_if<input::Ended>(&input)) return ended->result;
        if (auto* grew = std::get_if<input::OutputGrew>(&input)) seen = grew->bytes;
      }
      std::vector<pollfd> all;
      for (const int descriptor : runs->descriptors()) all.push_back({descriptor, POLLIN, 0});
      if (::poll(all.data(), all.size(), deadline_millis) < 1) {
        ADD_FAILURE() << "the script does not end";
        return {};
      }
    }
  }
  void start(const std::string& script) {
    offer.run.inline_script = script;
    runs->start(offer, work, Millis{0});
  }

  std::string folder, work;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Runs> runs;
  protocol::Offer offer;
  std::uint64_t seen = 0;
};

TEST_F(AgentRuns, AScriptWithInputsAndOutputs) {
  offer.variables = {{"INPUT_who", "Stage"}};
  offer.writes_outputs_file = true;
  offer.outputs_before = {{"a", "b"}};
  offer.reads_outputs = true;
  start("cat .escape/outputs.json; echo \" Hello $INPUT_who!\"; echo '{\"url\":\"x\"}' > .escape/outputs.json");
  const TaskResult result = wait_for_end();
  EXPECT_EQ(result.outcome, protocol::TaskOutcome::ok) << result.message;
  EXPECT_EQ(*result.outputs.find("url"), Value("x"));
  EXPECT_EQ(journal->read_output(key_of(offer), 0, 100).value(), "{\"a\":\"b\"} Hello Stage!\n");
  EXPECT_EQ(result.output_bytes, 23u);
  EXPECT_FALSE(io::exists(work + "/.escape/outputs.json")) << "values are in it";
}

/// Nobody is left to do it but the agent.
TEST_F(AgentRuns, TheOutputsFileOfATaskThatVanishedIsRemoved) {
  ASSERT_EQ(::system(("mkfifo '" + work + "/ready'").c_str()), 0);
  offer.writes_outputs_file = true;
  offer.outputs_before = {{"a", "b"}};
  start("echo $$ > ready; exec sleep 1000");
  const pid_t script = std::stoi(io::read_file(work + "/ready").value());
  EXPECT_TRUE(io::exists(work + "/.escape/outputs.json"));
  runs.reset();
  const std::string task = journal->folder_of(key_of(offer));
  ASSERT_EQ(::kill(static_cast<pid_t>(runner::find_supervisor_mark(task).value()->pid), SIGKILL), 0);
  ASSERT_EQ(::kill(script, SIGKILL), 0);
  runs = std::make_unique<Runs>(Runs::Options{ESCAPE_TEST_SUPERVISOR, false}, *journal);
  EXPECT_EQ(runs->recover(offer).value(), protocol::AgentTaskPhase::running);
  EXPECT_EQ(wait_for_end().outcome, protocol::TaskOutcome::interrupted);
  EXPECT_FALSE(io::exists(work + "/.escape/outputs.json"));
}

TEST_F(AgentRuns, AMissingScriptOrSupervisorEndsTheTask) {
  offer.run.script = "nope.sh";
  runs->start(offer, work, Millis{0});
  EXPECT_EQ(wait_for_end().message.substr(0, 51), "Referenced deploy script 'nope.sh' does not exist. ");
  Runs broken({"/no/such/supervisor", false}, *journal);
  offer.run.script.clear();
  offer.run.inline_script = "true";
  broken.start(offer, work, Millis{0});
  const std::vector<Input> happened = broken.collect();
  ASSERT_EQ(happened.size(), 1u);
  EXPECT_EQ(std::get<input::Ended>(happened[0]).result.outcome, protocol::TaskOutcome::not_started);
}

TEST_F(AgentRuns, WhatNoProcessCanTakeIsRefusedByName) {
  offer.variables = {{"INPUT_who", std::string(200'000, 'x')}};
  start("touch ran");
  TaskResult result = wait_for_end();
  EXPECT_EQ(result.outcome, protocol::TaskOutcome::not_started);
  EXPECT_TRUE(result.message.starts_with("INPUT_who has 200000 bytes, ")) << result.message;
  EXPECT_NE(result.message.find("$this.inputs.who.file"), std::string::npos) << result.message;
  EXPECT_EQ(result.message.find("again"), std::string::npos) << result.message;
  offer.variables = {{"INPUT_who", std::string("be\0hind", 7)}};
  start("touch ran");
  EXPECT_TRUE(wait_for_end().message.starts_with("INPUT_who holds a NUL"));
  EXPECT_FALSE(io::exists(work + "/ran"));
}

TEST_F(AgentRuns, TooLargeAValueOfTheRunBeforeIsLeftOutAndMasked) {
  const std::string large(200'000, 's');
  offer.variables = {{"INPUT_who", "now"}, {"INPUT_PREVIOUS_who", large}};
  offer.secret_variables = {"INPUT_PREVIOUS_who"};
  ASSERT_TRUE(io::write_file(work + "/large", large));
  start("echo \"$INPUT_who ${INPUT_PREVIOUS_who-none}\"; cat large");
  const TaskResult result = wait_for_end();
  EXPECT_EQ(result.outcome, protocol::TaskOutcome::ok) << result.message;
  const std::string output = journal->read_output(key_of(offer), 0, 300'000).value();
  EXPECT_TRUE(output.starts_with("INPUT_PREVIOUS_who is not set for the script: it has 200000 bytes, ")) << output;
  EXPECT_TRUE(output.ends_with("\nnow none\n‹INPUT_PREVIOUS_who›")) << output;
}

/// The largest that pass: our arithmetic is the kernel's.
TEST_F(AgentRuns, WhatIsJustNotTooLargeIsStarted) {
  const runner::ProcessLimits limits = runner::process_limits();
  const std::string one(limits.one - std::string("INPUT_a00=").size() - 1, 'x');
  for (std::size_t i = 10; i < 10 + limits.all / (limits.one + 8); ++i) {
    offer.variables["INPUT_a" + std::to_string(i)] = one;
  }
  start("exit 0");
  TaskResult result = wait_for_end();
  if (result.outcome == protocol::TaskOutcome::not_started) {  // the rest of the environment did not fit
    EXPECT_TRUE(result.message.starts_with("Its variables and arguments have ")) << result.message;
    offer.variables.erase("INPUT_a10");
    start("exit 0");
    result = wait_for_end();
  }
  EXPECT_EQ(result.outcome, protocol::TaskOutcome::ok) << result.message;
}

/// A supervisor that breaks leaves its reason.
TEST_F(AgentRuns, WhatABrokenSupervisorSaidIsTold) {
  const std::string broken = folder + "/broken";
  ASSERT_TRUE(io::write_file(broken, "#!/bin/sh\necho the library is missing >&2\nkill -9 $$\n", 0755));
  runs = std::make_unique<Runs>(Runs::Options{broken, false}, *journal);
  start("true");
  const TaskResult result = wait_for_end();
  EXPECT_EQ(result.outcome, protocol::TaskOutcome::not_started);
  EXPECT_NE(result.message.find("signal 9"), std::string::npos) << result.message;
  EXPECT_EQ(io::read_file(journal->folder_of(key_of(offer)) + "/supervisor.log").value(),
            "the library is missing\nit ended with signal 9 (Killed)\n");
}

/// Its supervisor killed, a script is the task's still: the task is not over, and not started again, while it runs.
TEST_F(AgentRuns, AScriptWithoutSupervisorIsWatchedAndCanBeCancelled) {
  ASSERT_EQ(::system(("mkfifo '" + work + "/ready'").c_str()), 0);
  for (const bool is_cancelled : {false, true}) {
    start("echo run >> runs; echo $$ > ready; exec sleep 1000");
    const pid_t script = std::stoi(io::read_file(work + "/ready").value());
    const std::string task = journal->folder_of(key_of(offer));
    ASSERT_EQ(::kill(static_cast<pid_t>(runner::find_supervisor_mark(task).value()->pid), SIGKILL), 0);
    if (is_cancelled) {
      runs->stop(key_of(offer), Millis{1000});  // to the dead one: it must not get lost
    } else {
      runs = std::make_unique<Runs>(Runs::Options{ESCAPE_TEST_SUPERVISOR, false}, *journal);
      EXPECT_EQ(runs->recover(offer).value(), protocol::AgentTaskPhase::running);
      ASSERT_EQ(::kill(script, SIGKILL), 0);
    }
    const TaskResult result = wait_for_end();
    EXPECT_EQ(result.outcome, is_cancelled ? protocol::TaskOutcome::cancelled : protocol::TaskOutcome::interrupted);
    EXPECT_NE(result.message.find("supervisor died"), std::string::npos) << result.message;
    runs->forget(key_of(offer));
    ++offer.attempt;
    ASSERT_TRUE(journal->keep_offer(offer));
  }
  EXPECT_EQ(io::read_file(work + "/runs").value(), "run\nrun\n");
}

TEST_F(AgentRuns, StopCancels) {
  start("sleep 1000");
  runs->stop(key_of(offer), Millis{100});
  EXPECT_EQ(wait_for_end().outcome, protocol::TaskOutcome::cancelled);
}

TEST_F(AgentRuns, AnotherLifeFindsARunningAndAnEndedScript) {
  EXPECT_EQ(runs->recover(offer).value(), protocol::AgentTaskPhase::accepted);
  ASSERT_EQ(::system(("mkfifo '" + work + "/go'").c_str()), 0);
  start("cat go");
  runs = std::make_unique<Runs>(Runs::Options{ESCAPE_TEST_SUPERVISOR, false}, *journal);
  // The supervisor may not have made its mark yet; then the task counts as accepted and is launched again, and starts
  // once.
  if (runs->recover(offer).value() == protocol::AgentTaskPhase::accepted) runs->start(offer, work, Millis{0});
  ASSERT_TRUE(io::write_file(folder + "/text", "once\n"));
  ASSERT_EQ(::system(("cat '" + folder + "/text' > '" + work + "/go'").c_str()), 0);
  EXPECT_EQ(wait_for_end().outcome, protocol::TaskOutcome::ok);
  EXPECT_EQ(seen, 5u);

  runs = std::make_unique<Runs>(Runs::Options{ESCAPE_TEST_SUPERVISOR, false}, *journal);
  EXPECT_EQ(runs->recover(offer).value(), protocol::AgentTaskPhase::running);
  const TaskResult again = wait_for_end();
  EXPECT_EQ(again.outcome, protocol::TaskOutcome::ok);
  EXPECT_EQ(again.output_bytes, 5u);
}

}  // namespace escape::agent::runs_test
