#include "controller/core/reconcile.h"

#include <gmock/gmock.h>

#include <array>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace reconcile_test {

using enum Verdict;
using protocol::AgentTaskPhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The table of PROTOCOL.md, "Reconcile": columns are what the agent holds.
struct Row {
  OurTask ours;
  std::array<Verdict, 4> wanted;    ///< nothing, accepted, running, finished
  std::array<Verdict, 4> stopping;  ///< the same when somebody asked for the cancellation
};
constexpr std::array table{
    Row{OurTask::none, {nothing, forget, forget, forget}, {nothing, forget, forget, forget}},
    Row{OurTask::ended, {nothing, forget, forget, forget}, {nothing, forget, forget, forget}},
    Row{OurTask::stopped, {nothing, stop, stop, forget}, {nothing, stop, stop, forget}},
    Row{OurTask::stray, {late_lost, late_unstarted, late, late}, {late_lost, late_unstarted, stop, late}},
    Row{OurTask::elsewhere, {nothing, forget, forget, forget}, {nothing, forget, forget, forget}},
    Row{OurTask::earlier, {nothing, forget, forget, forget}, {nothing, forget, forget, forget}},
    Row{OurTask::later, {nothing, forget, forget, forget}, {nothing, forget, forget, forget}},
    Row{OurTask::planned, {offer, forget, forget, forget}, {give_up, forget, forget, forget}},
    Row{OurTask::offered, {offer, adopt, adopt, adopt}, {give_up, adopt_and_stop, adopt_and_stop, adopt}},
    Row{OurTask::accepted, {interrupt, adopt, adopt, adopt}, {interrupt, adopt_and_stop, adopt_and_stop, adopt}},
};
constexpr std::array<std::optional<AgentTaskPhase>, 4> columns{std::nullopt, AgentTaskPhase::accepted,
                                                               AgentTaskPhase::running, AgentTaskPhase::finished};

TEST(Reconcile, is_this_table) {
  ASSERT_EQ(table.size(), static_cast<std::size_t>(OurTask::accepted) + 1) << "a row for each";
  for (std::size_t i = 0; i < table.size(); ++i) {
    ASSERT_EQ(static_cast<std::size_t>(table[i].ours), i);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      EXPECT_EQ(compare(table[i].ours, columns[column], false), table[i].wanted[column]) << i << " × " << column;
      EXPECT_EQ(compare(table[i].ours, columns[column], true), table[i].stopping[column]) << i << " × " << column;
    }
  }
}

TEST(Reconcile, cuts_off_a_running_script_only_for_a_person_and_never_starts_one_twice) {
  for (const Row& row : table) {
    const bool was_cancelled = row.ours == OurTask::stopped;
    EXPECT_TRUE(was_cancelled || (row.wanted[2] != stop && row.wanted[2] != adopt_and_stop));
    for (std::size_t column = 1; column < columns.size(); ++column) {
      EXPECT_NE(row.wanted[column], offer);
      EXPECT_NE(row.stopping[column], offer);
    }
  }
  EXPECT_NE(compare(OurTask::accepted, std::nullopt, false), offer) << "it may have run";
}

const std::string app = "pp/app-v1.0";

/// The same table where it counts: a core with an agent whose journal was made so.
struct ReconcileTest : ::testing::Test {
  ReconcileTest() {
    h.releases[app] = make_release(app);
    agent = &h.enrol("s1", "stage");
    agent->finishes_at_once = false;
  }
  const protocol::Welcome& welcome() {
    for (auto message = agent->heard.rbegin(); message != agent->heard.rend(); ++message) {
      if (const auto* found = std::get_if<protocol::Welcome>(&*message)) return *found;
    }
    static const protocol::Welcome none;
    return none;
  }
  /// The agent greets holding exactly that, and is deaf to what follows.
  void greet_with(std::vector<protocol::HeldTask> holds) {
    agent->is_deaf = true;
    protocol::Hello hello = agent->hello();
    hello.holds = std::move(holds);
    agent->session = ++h.last_session;
    h.connected[agent->session] = agent;
    h.feed(input::AgentMessage{agent->session, agent->key, hello});
  }
  TaskPhase phase(JobId job) { return h.state().tasks.at({job, 1}).phase; }
  std::size_t offers() {
    return static_cast<std::size_t>(std::ranges::count_if(
        agent->heard, [](const auto& message) { return std::holds_alternative<protocol::Offer>(message); }));
  }

  Harness h;
  ScriptedAgent* agent;
};

constexpr std::array phases{AgentTaskPhase::accepted, AgentTaskPhase::running, AgentTaskPhase::finished};

TEST_F(ReconcileTest, what_was_never_made_or_has_ended_is_forgotten_in_every_phase) {
  const JobId ended = h.deploy(app);
  h.finish(*agent, ended);
  for (const AgentTaskPhase held : phases) {
    greet_with({{{ended, 1}, 1, held, 0}, {{77, 1}, 1, held, 0}});
    EXPECT_THAT(welcome().forget, ElementsAre(TaskId{ended, 1}, TaskId{77, 1}));
    EXPECT_THAT(welcome().cancel, IsEmpty()) << "a script is never cut off for a disagreement";
  }
}

TEST_F(ReconcileTest, a_step_that_is_over_in_a_job_that_goes_on_is_forgotten) {
  h.releases[app] = make_release(app, {"pre_deploy", "deploy"});
  const JobId job = h.deploy(app);
  h.finish(*agent, job);
  ASSERT_EQ(phase(job), TaskPhase::accepted) << "the second step";
  greet_with({{{job, 0}, 1, AgentTaskPhase::finished, 0}, {{job, 1}, 1, AgentTaskPhase::running, 0}});
  EXPECT_THAT(welcome().forget, ElementsAre(TaskId{job, 0}));
  EXPECT_EQ(phase(job), TaskPhase::accepted);
}

TEST_F(ReconcileTest, what_was_offered_is_adopted_in_every_phase_and_offered_again_when_not_held) {
  for (const AgentTaskPhase held : phases) {
    agent->is_deaf = true;
    const JobId job = h.deploy(app);
    ASSERT_EQ(phase(job), TaskPhase::offered);
    greet_with({{{job, 1}, 1, held, 0}});
    EXPECT_EQ(phase(job), TaskPhase::accepted);
    EXPECT_THAT(welcome().forget, IsEmpty());
    EXPECT_THAT(welcome().cancel, IsEmpty());
    h.feed(input::AgentMessage{agent->session, agent->key, protocol::Declined{{job, 1}, 1, "enough"}});
  }
  agent->is_deaf = true;
  const JobId job = h.deploy(app);
  const std::size_t before = offers();
  greet_with({});
  EXPECT_EQ(offers(), before + 1);
  EXPECT_EQ(phase(job), TaskPhase::offered);
}

TEST_F(ReconcileTest, what_was_accepted_is_adopted_in_every_phase_also_when_it_was_unknown) {
  const JobId job = h.deploy(app);
  for (const AgentTaskPhase held : phases) {
    greet_with({{{job, 1}, 1, held, 0}});
    EXPECT_EQ(phase(job), TaskPhase::accepted);
    h.tick(100s);
    EXPECT_EQ(phase(job), TaskPhase::unknown);
    greet_with({{{job, 1}, 1, held, 0}});
    EXPECT_EQ(phase(job), TaskPhase::accepted);
    EXPECT_EQ(h.last_event("task.returned")->job, job);
  }
}

TEST_F(ReconcileTest, other_attempts_and_other_agents_tasks_are_forgotten) {
  const JobId job = h.deploy(app);
  ScriptedAgent* first = agent;
  agent = &h.enrol("s2", "stage");
  greet_with({{{job, 1}, 1, AgentTaskPhase::running, 0}});
  EXPECT_THAT(welcome().forget, ElementsAre(TaskId{job, 1})) << "bound to s1";
  EXPECT_EQ(phase(job), TaskPhase::accepted);
  agent = first;
  greet_with({{{job, 1}, 2, AgentTaskPhase::running, 0}});
  EXPECT_THAT(welcome().forget, ElementsAre(TaskId{job, 1})) << "an attempt that nobody made";
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted) << "and ours is not among what it holds";
}

TEST_F(ReconcileTest, a_cancellation_is_told_in_every_phase_that_can_be_stopped) {
  for (const AgentTaskPhase held : phases) {
    agent->is_deaf = false;
    const JobId job = h.deploy(app);
    h.disconnect(*agent);
    h.ask(protocol::request::CancelJob{job});
    greet_with({{{job, 1}, 1, held, 0}});
    const bool is_finished = held == AgentTaskPhase::finished;
    EXPECT_EQ(welcome().cancel, is_finished ? std::vector<TaskId>{} : (std::vector<TaskId>{{job, 1}}));
    greet_with({});
    EXPECT_NE(h.job(job).outcome, JobOutcome::none) << "it is lost";
  }
}

TEST_F(ReconcileTest, a_cancelled_offer_that_never_came_ends_as_cancelled) {
  agent->is_deaf = true;
  const JobId job = h.deploy(app);
  h.disconnect(*agent);
  h.ask(protocol::request::CancelJob{job});
  greet_with({});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
}

TEST_F(ReconcileTest, an_unknown_task_of_a_restarted_controller_stays_so_told) {
  const JobId job = h.deploy(app);
  h.tick(100s);
  const std::string told = h.job(job).message;
  h.restart();
  h.tick(h.settings.agent_wait + 10s);
  EXPECT_EQ(phase(job), TaskPhase::unknown);
  EXPECT_EQ(h.job(job).message, told) << "not that somebody waits a while";
}

}  // namespace reconcile_test
}  // namespace escape::controller::testing
