#include "agent/core/core.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace escape::agent::core_test {

using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

constexpr TaskKey key{{7, 0}, 1};

Now at(std::int64_t seconds) {
  return {Timestamp{1'000'000'000 + seconds * 1'000'000}, Instant{1'000'000 + seconds * 1'000'000}};
}

protocol::Offer offer_of(const TaskKey& of) {
  protocol::Offer offer;
  offer.task = of.task;
  offer.attempt = of.attempt;
  offer.environment = "stage";
  offer.deployment = "app";
  offer.step = "deploy";
  return offer;
}

TaskResult result_of(TaskOutcome outcome, std::uint64_t output_bytes) {
  TaskResult result;
  result.outcome = outcome;
  result.output_bytes = output_bytes;
  return result;
}

/// Messages, journal writes and actions as short words, in the order in which they are carried out.
std::string words(const Effects& effects) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  for (const JournalWrite& write : effects.journal) {
    if (std::holds_alternative<journal_write::KeepOffer>(write)) add("keep-offer");
    if (const auto* keep = std::get_if<journal_write::KeepResult>(&write)) {
      add("keep-result:" + std::string(name_of(keep->result.outcome)));
    }
    if (std::holds_alternative<journal_write::Settle>(write)) add("settle");
  }
  for (const Outgoing& outgoing : effects.messages) {
    if (const auto* one = std::get_if<send::Message>(&outgoing)) {
      if (std::holds_alternative<protocol::Accepted>(one->message)) add("Accepted");
      if (const auto* declined = std::get_if<protocol::Declined>(&one->message))
        add("Declined(" + declined->reason + ")");
    }
    if (const auto* output = std::get_if<send::Output>(&outgoing)) {
      add("Output[" + std::to_string(output->offset) + "+" + std::to_string(output->length) + "]");
    }
    if (const auto* finished = std::get_if<send::Finished>(&outgoing)) {
      add("Finished[" + std::to_string(finished->tail_offset) + "]");
    }
  }
  for (std::size_t i = 0; i < effects.prepare.size(); ++i) add("prepare");
  for (std::size_t i = 0; i < effects.start.size(); ++i) add("start");
  for (const Effects::Stop& stop : effects.stop) add("stop:" + std::to_string(stop.grace.count()));
  return text;
}

class AgentCore : public testing::Test {
 protected:
  std::string on(const Input& input, std::int64_t seconds = 0) {
    last = core.on(input, at(seconds));
    return words(last);
  }
  std::string hear(protocol::ToAgent message, std::int64_t seconds = 0) {
    return on(input::FromController{std::move(message)}, seconds);
  }
  std::string ack(std::uint64_t offset, std::uint64_t credit, std::int64_t seconds = 0) {
    return hear(protocol::OutputAck{key.task, key.attempt, offset, credit}, seconds);
  }
  void open() { hear(protocol::Welcome{}); }
  void run() {
    open();
    hear(offer_of(key));
    on(input::Prepared{key, "/folder"});
  }
  void finish(std::uint64_t output_bytes) {
    run();
    on(input::Ended{key, result_of(TaskOutcome::ok, output_bytes)});
  }

  Core core{Settings{}, Recovered{}};
  Effects last;
};

/// What a Welcome means for a task that is held (PROTOCOL.md, "Reconcile").
TEST(AgentCoreReconcile, IsThisTable) {
  struct Row {
    AgentTaskPhase phase;
    bool is_forgotten, is_cancelled;
    std::string does;
    bool is_held_after;
  };
  const Row table[] = {
      {AgentTaskPhase::accepted, false, false, "", true},
      {AgentTaskPhase::accepted, false, true, "keep-result:cancelled Finished[0]", true},
      {AgentTaskPhase::accepted, true, false, "settle", false},
      {AgentTaskPhase::accepted, true, true, "settle", false},
      {AgentTaskPhase::running, false, false, "", true},
      {AgentTaskPhase::running, false, true, "stop:10000", true},
      {AgentTaskPhase::running, true, false, "", true},  // to its end, and then dropped
      {AgentTaskPhase::running, true, true, "", true},
      {AgentTaskPhase::finished, false, false, "Finished[0]", true},
      {AgentTaskPhase::finished, false, true, "Finished[0]", true},
      {AgentTaskPhase::finished, true, false, "settle", false},
      {AgentTaskPhase::finished, true, true, "settle", false},
  };
  for (const Row& row : table) {
    RecoveredTask task{offer_of(key), row.phase, 0, {}};
    if (row.phase == AgentTaskPhase::finished) task.result = result_of(TaskOutcome::ok, 0);
    Core core{Settings{}, {{task}, {}}};
    ASSERT_EQ(core.holds().size(), 1u);
    EXPECT_EQ(core.holds().front().phase, row.phase) << "the greeting names it";
    protocol::Welcome welcome;
    if (row.is_forgotten) welcome.forget = {key.task};
    if (row.is_cancelled) welcome.cancel = {key.task};
    const std::string what = std::string(name_of(row.phase)) + (row.is_forgotten ? " forgotten" : "") +
                             (row.is_cancelled ? " cancelled" : "");
    EXPECT_EQ(words(core.on(input::FromController{welcome}, at(0))), row.does) << what;
    EXPECT_EQ(core.find(key) != nullptr, row.is_held_after) << what;
    if (row.phase != AgentTaskPhase::running) continue;
    const std::string end = words(core.on(input::Ended{key, result_of(TaskOutcome::ok, 0)}, at(1)));
    EXPECT_EQ(end, row.is_forgotten ? "settle" : "keep-result:ok Finished[0]") << what;
  }
}

TEST_F(AgentCore, TheTimeLimitIsThatOfPreparationAndScriptTogether) {
  open();
  protocol::Offer offer = offer_of(key);
  offer.time_limit = Millis{10'000};
  hear(offer);
  ASSERT_TRUE(last.wake_at);
  EXPECT_EQ(*last.wake_at, at(10).steady);
  EXPECT_EQ(on(input::Prepared{key, "/folder"}, 4), "start");
  EXPECT_EQ(last.start.front().time_limit, Millis{6'000});
  EXPECT_FALSE(last.wake_at) << "the rest is its supervisor's to watch";

  const TaskKey other{{8, 0}, 1};
  offer.task = other.task;
  hear(offer);
  EXPECT_EQ(on(input::Tick{{{other, "downloading 'U' to 'd'"}}}, 9), "");
  on(input::SessionClosed{}, 9);
  EXPECT_EQ(on(input::Tick{{{other, "downloading 'U' to 'd'"}}}, 10), "keep-result:timed_out") << "heard or not";
  EXPECT_EQ(core.find(other)->result->message,
            "its time was over while it was downloading 'U' to 'd', before its script was started");
  EXPECT_EQ(on(input::Prepared{other, "/folder"}, 11), "") << "too late";

  open();
  hear(protocol::ResultCommitted{other.task, other.attempt});
  offer.task = {9, 0};
  hear(offer, 20);
  EXPECT_EQ(on(input::Prepared{{{9, 0}, 1}, "/folder"}, 30), "keep-result:timed_out Finished[0]");
  EXPECT_FALSE(last.wake_at && *last.wake_at <= at(30).steady) << "or it would be woken for ever";
}

TEST_F(AgentCore, ARestartedPreparationHasTheWholeTimeAgain) {
  protocol::Offer offer = offer_of(key);
  offer.time_limit = Millis{10'000};
  core = Core{Settings{}, {{{offer, AgentTaskPhase::accepted, 0, {}}}, {}}};
  on(input::Started{}, 100);
  EXPECT_FALSE(last.wake_at) << "not begun";
  EXPECT_EQ(hear(protocol::Welcome{}, 200), "prepare");
  EXPECT_EQ(*last.wake_at, at(210).steady);
}

TEST_F(AgentCore, AnOfferIsKeptBeforeItIsAnsweredAndThenPrepared) {
  open();
  EXPECT_EQ(hear(offer_of(key)), "keep-offer Accepted prepare");
  EXPECT_EQ(core.find(key)->phase, AgentTaskPhase::accepted);
  EXPECT_EQ(on(input::Prepared{key, "/folder"}), "start");
  EXPECT_EQ(last.start.front().folder, "/folder");
}

TEST_F(AgentCore, ARepeatedOfferIsAcceptedAgainAndNeverStartedAgain) {
  open();
  hear(offer_of(key));
  EXPECT_EQ(hear(offer_of(key)), "Accepted");
  on(input::Prepared{key, "/folder"});
  EXPECT_EQ(hear(offer_of(key)), "Accepted");
  EXPECT_EQ(on(input::Prepared{key, "/folder"}), "");
  EXPECT_EQ(last.ignored, "prepared a task that does not wait for it");
  on(input::Ended{key, result_of(TaskOutcome::ok, 0)});
  EXPECT_EQ(hear(offer_of(key)), "Accepted Finished[0]");
  hear(protocol::ResultCommitted{key.task, key.attempt});
  EXPECT_EQ(hear(offer_of(key)), "Declined(already settled)");
}

TEST_F(AgentCore, AShortScriptNeedsOneMessageForOutputAndResult) {
  run();
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::ok, 11)}), "keep-result:ok Finished[0]");
  EXPECT_EQ(hear(protocol::ResultCommitted{key.task, key.attempt}), "settle");
  EXPECT_EQ(core.held_count(), 0u);
}

TEST_F(AgentCore, OutputIsStreamedWithinTheCreditAndTheResultWaitsForIt) {
  run();
  EXPECT_EQ(ack(0, 100), "");
  EXPECT_EQ(on(input::OutputGrew{key, 250}), "Output[0+100]");
  EXPECT_EQ(on(input::OutputGrew{key, 260}), "") << "the credit is used up";
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::ok, 260)}), "keep-result:ok");
  EXPECT_EQ(ack(100, 100), "") << "the tail would not fit into the credit";
  EXPECT_EQ(ack(100, 160), "Finished[100]");
}

TEST_F(AgentCore, LongOutputGoesInChunks) {
  run();
  EXPECT_EQ(on(input::OutputGrew{key, 150'000}), "Output[0+65536] Output[65536+65536] Output[131072+18928]");
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::ok, 150'010)}), "keep-result:ok Finished[150000]");
}

TEST_F(AgentCore, AnAcknowledgementInTheMiddleDoesNotRewindWhatIsUnderWay) {
  run();
  on(input::OutputGrew{key, 150'000});
  EXPECT_EQ(ack(65'536, 1 << 20), "");
  EXPECT_EQ(ack(131'072, 1 << 20), "");
  EXPECT_EQ(core.find(key)->sent, 150'000u);
}

TEST_F(AgentCore, TheControllerMayRewindTheCursor) {
  run();
  on(input::OutputGrew{key, 1000});
  ack(1000, 1 << 20);
  EXPECT_EQ(ack(400, 1 << 20), "Output[400+600]") << "below what was acknowledged";
  EXPECT_EQ(ack(400, 1 << 20, 2), "Output[400+600]") << "the same again: there is a gap";
  EXPECT_EQ(ack(400, 1 << 20, 2), "") << "but once in a while only";
  EXPECT_EQ(ack(5000, 1 << 20), "") << "more than there is counts as all";
  EXPECT_EQ(core.find(key)->acked, 1000u);
}

TEST_F(AgentCore, WhatIsNotAcknowledgedIsSentAgainAfterFiveSeconds) {
  run();
  on(input::OutputGrew{key, 100}, 0);
  ASSERT_TRUE(last.wake_at);
  EXPECT_EQ(*last.wake_at, at(5).steady);
  EXPECT_EQ(on(input::Tick{}, 4), "");
  EXPECT_EQ(on(input::Tick{}, 5), "Output[0+100]");
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::ok, 100)}, 6), "keep-result:ok Finished[100]");
  EXPECT_EQ(on(input::Tick{}, 11), "Finished[0]") << "with all that is unacknowledged as its tail";
  ack(100, 1 << 20, 11);
  EXPECT_EQ(on(input::Tick{}, 30), "Finished[100]");
}

TEST_F(AgentCore, NothingIsSentWithoutASessionAndEverythingAfterWelcome) {
  run();
  on(input::SessionClosed{});
  EXPECT_EQ(on(input::OutputGrew{key, 70'000}), "");
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::failed, 70'000)}), "keep-result:failed");
  EXPECT_FALSE(last.wake_at);
  EXPECT_EQ(on(input::Tick{}, 100), "");
  EXPECT_EQ(hear(protocol::Welcome{}, 100), "Output[0+65536] Finished[65536]");
}

TEST_F(AgentCore, CancelBeforeTheStartNeverStarts) {
  open();
  hear(offer_of(key));
  EXPECT_EQ(hear(protocol::Cancel{key.task, key.attempt}), "keep-result:cancelled Finished[0]");
  EXPECT_EQ(on(input::Prepared{key, "/folder"}), "");
  EXPECT_EQ(hear(protocol::Cancel{key.task, key.attempt}), "Finished[0]") << "a repeat gets the same answer";
}

TEST_F(AgentCore, CancelWhileRunningStopsTheScript) {
  run();
  EXPECT_EQ(hear(protocol::Cancel{key.task, key.attempt, Millis{1500}}), "stop:1500");
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::cancelled, 0)}), "keep-result:cancelled Finished[0]");
}

TEST_F(AgentCore, CancelOfAnUnknownTaskKeepsItsLateOfferFromRunning) {
  open();
  EXPECT_EQ(hear(protocol::Cancel{key.task, key.attempt}), "settle Declined(not held by this agent)");
  EXPECT_EQ(hear(offer_of(key)), "Declined(already settled)");
  EXPECT_EQ(hear(protocol::Cancel{key.task, key.attempt}), "Declined(not held by this agent)");
}

TEST_F(AgentCore, WelcomeForgetsAndCancels) {
  const TaskKey second{{8, 0}, 1};
  const TaskKey third{{9, 0}, 1};
  finish(0);
  hear(offer_of(second));
  hear(offer_of(third));
  on(input::Prepared{third, "/folder"});
  protocol::Welcome welcome;
  welcome.forget = {key.task};
  welcome.cancel = {second.task, third.task};
  EXPECT_EQ(hear(welcome), "settle keep-result:cancelled Finished[0] stop:10000");
  EXPECT_EQ(core.find(key), nullptr);
}

TEST_F(AgentCore, AForgottenScriptRunsToItsEndAndIsDropped) {
  run();
  protocol::Welcome welcome;
  welcome.forget = {key.task};
  EXPECT_EQ(hear(welcome), "");
  EXPECT_EQ(on(input::OutputGrew{key, 10}), "");
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::ok, 10)}), "settle");
}

TEST_F(AgentCore, ALaterAttemptSettlesFinishedEarlierOnesButNotRunningOnes) {
  const TaskKey second{key.task, 2};
  run();
  EXPECT_EQ(hear(offer_of(second)), "Declined(attempt 1 still runs)");
  on(input::Ended{key, result_of(TaskOutcome::interrupted, 0)});
  EXPECT_EQ(hear(offer_of(second)), "settle keep-offer Accepted prepare");
  EXPECT_EQ(hear(offer_of(key)), "Declined(already settled)");
}

TEST_F(AgentCore, AnEarlierAttemptIsDeclinedOnceALaterOneIsKnown) {
  const TaskKey second{key.task, 2};
  open();
  hear(offer_of(second));
  EXPECT_EQ(hear(offer_of(key)), "Declined(attempt 2 is held)");
  on(input::Prepared{second, "/folder"});
  on(input::Ended{second, result_of(TaskOutcome::ok, 0)});
  hear(protocol::ResultCommitted{second.task, second.attempt});
  EXPECT_EQ(hear(offer_of(key)), "Declined(a later attempt is already settled)");
}

TEST_F(AgentCore, AnOfferThatCannotBeKeptIsDeclinedForGood) {
  open();
  hear(offer_of(key));
  EXPECT_EQ(on(input::NotKept{key, "the disk is full"}), "Declined(the disk is full)");
  EXPECT_EQ(on(input::Prepared{key, "/folder"}), "");
  EXPECT_EQ(hear(offer_of(key)), "Declined(already settled)");
}

TEST_F(AgentCore, AResultOfATaskThatHasNoneIsNotCommitted) {
  run();
  EXPECT_EQ(hear(protocol::ResultCommitted{key.task, key.attempt}), "");
  EXPECT_NE(core.find(key), nullptr);
}

TEST_F(AgentCore, AResultIsKeptOnce) {
  finish(0);
  EXPECT_EQ(on(input::Ended{key, result_of(TaskOutcome::failed, 0)}), "");
  EXPECT_EQ(core.find(key)->result->outcome, TaskOutcome::ok);
}

TEST_F(AgentCore, HoldsTellsPhaseAndOutput) {
  run();
  on(input::OutputGrew{key, 42});
  const std::vector<protocol::HeldTask> expected{{key.task, 1, AgentTaskPhase::running, 42}};
  EXPECT_EQ(core.holds(), expected);
}

/// What the preparation tells is the head of the output.
TEST_F(AgentCore, OutputBeforeTheScriptLeavesAtOnceAndIsKeptByACancel) {
  open();
  hear(offer_of(key));
  EXPECT_EQ(on(input::OutputGrew{key, 40}), "Output[0+40]");
  EXPECT_EQ(on(input::Prepared{key, "/folder"}), "start");
  EXPECT_EQ(on(input::OutputGrew{key, 50}), "Output[40+10]");

  const TaskKey second{{8, 0}, 1};
  hear(offer_of(second));
  on(input::OutputGrew{second, 40});
  EXPECT_EQ(hear(protocol::Cancel{second.task, second.attempt, Millis{10}}), "keep-result:cancelled Finished[40]");
  EXPECT_EQ(core.find(second)->result->output_bytes, 40u);
}

TEST(AgentCoreRecovery, GoesOnWithWhatTheJournalHeld) {
  const TaskKey accepted{{1, 0}, 1};
  const TaskKey running{{2, 0}, 1};
  const TaskKey finished{{3, 0}, 1};
  Recovered recovered;
  recovered.tasks.push_back({offer_of(accepted), AgentTaskPhase::accepted, 0, {}});
  recovered.tasks.push_back({offer_of(running), AgentTaskPhase::running, 5, {}});
  recovered.tasks.push_back({offer_of(finished), AgentTaskPhase::finished, 9, result_of(TaskOutcome::ok, 9)});
  recovered.settled = {TaskKey{{4, 0}, 1}};
  Core core(Settings{}, recovered);
  EXPECT_EQ(words(core.on(input::Started{}, at(0))), "") << "an accepted task may have been given up since";
  EXPECT_EQ(words(core.on(input::FromController{protocol::Welcome{}}, at(0))), "Output[0+5] Finished[0] prepare");
  EXPECT_EQ(words(core.on(input::FromController{protocol::Welcome{}}, at(0))), "Output[0+5] Finished[0]");
  EXPECT_EQ(words(core.on(input::FromController{offer_of({{4, 0}, 1})}, at(0))), "Declined(already settled)");
  EXPECT_EQ(words(core.on(input::Prepared{running, "/folder"}, at(0))), "") << "it runs already";
}

TEST(AgentCoreRecovery, WhatWasGivenUpMeanwhileIsNeverStarted) {
  const TaskKey cancelled{{1, 0}, 1}, forgotten{{2, 0}, 1};
  Recovered recovered;
  recovered.tasks.push_back({offer_of(cancelled), AgentTaskPhase::accepted, 0, {}});
  recovered.tasks.push_back({offer_of(forgotten), AgentTaskPhase::accepted, 0, {}});
  Core core(Settings{}, recovered);
  EXPECT_EQ(words(core.on(input::Started{}, at(0))), "");
  protocol::Welcome welcome;
  welcome.cancel = {cancelled.task};
  welcome.forget = {forgotten.task};
  EXPECT_EQ(words(core.on(input::FromController{welcome}, at(0))), "keep-result:cancelled settle Finished[0]");
}

// The files of a task that was cancelled by one Welcome are not fetched after the next.
TEST(AgentCoreRecovery, WhatEndedUnstartedIsNotPreparedLater) {
  Recovered recovered;
  recovered.tasks.push_back({offer_of(key), AgentTaskPhase::accepted, 0, {}});
  Core core(Settings{}, recovered);
  core.on(input::Started{}, at(0));
  protocol::Welcome cancelling;
  cancelling.cancel = {key.task};
  EXPECT_EQ(words(core.on(input::FromController{cancelling}, at(0))), "keep-result:cancelled Finished[0]");
  EXPECT_EQ(words(core.on(input::FromController{protocol::Welcome{}}, at(1))), "Finished[0]");
}

TEST(AgentCorePlacement, TasksRunWhereTheyBelong) {
  struct Case {
    bool is_inproc;
    std::string placement, own_workspace, offered_workspace, expected;
    std::string of_workspace{};  ///< the package is a release
  };
  const Case cases[] = {
      {false, "environment", "", "", "keep-offer Accepted prepare"},
      {false, "environment", "", "/w", "Declined(this agent runs released packages only, not workspaces)"},
      {false, "workspace", "/w", "/w", "keep-offer Accepted prepare"},
      {false, "workspace", "/w", "/x", "Declined(this process runs tasks of the workspace '/w' only)"},
      {false, "workspace", "/w", "", "Declined(this process runs tasks of its own workspace only)"},
      {false, "workspace", "/w", "", "keep-offer Accepted prepare", "/w"},
      {false, "workspace", "/w", "", "Declined(this process runs tasks of the workspace '/w' only)", "/x"},
      {false, "environment", "", "", "Declined(this agent runs released packages only, not workspaces)", "/w"},
      {true, "environment", "", "/x", "keep-offer Accepted prepare"},
  };
  for (const Case& one : cases) {
    Settings settings;
    settings.is_inproc = one.is_inproc;
    settings.placement = one.placement;
    settings.workspace = one.own_workspace;
    Core core(settings, Recovered{});
    protocol::Offer offer = offer_of(key);
    offer.package.workspace = one.offered_workspace;
    offer.workspace = one.of_workspace;
    EXPECT_EQ(words(core.on(input::FromController{offer}, at(0))), one.expected)
        << one.placement << one.offered_workspace;
  }
}

TEST(AgentTaskKey, TextAndBack) {
  EXPECT_EQ(to_string(TaskKey{{12, 3}, 2}), "12.3.2");
  EXPECT_EQ(parse_task_key("12.3.2"), (TaskKey{{12, 3}, 2}));
  for (const char* bad :
       {"", "12", "12.3", "12.3.", "1.2.3.4", "a.b.c", "-1.0.1", "01.0.1", "1.0.1 ", "1.99999999999.1"}) {
    EXPECT_FALSE(parse_task_key(bad)) << bad;
  }
}

}  // namespace escape::agent::core_test
