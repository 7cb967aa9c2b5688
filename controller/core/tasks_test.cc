#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace tasks_test {

using protocol::TaskOutcome;
using ::testing::HasSubstr;

const std::string app = "pp/app-v1.0";

protocol::Finished ended_well(TaskId task) {
  protocol::Finished finished;
  finished.task = task;
  finished.attempt = 1;
  finished.outcome = TaskOutcome::ok;
  return finished;
}

struct TasksTest : ::testing::Test {
  TasksTest() {
    h.releases[app] = make_release(app);
    agent = &h.enrol("s1", "stage");
    agent->finishes_at_once = false;
  }
  template <class M>
  int count(const ScriptedAgent& of) {
    return static_cast<int>(
        std::ranges::count_if(of.heard, [](const auto& m) { return std::holds_alternative<M>(m); }));
  }
  void say(protocol::FromAgent message) { h.feed(input::AgentMessage{agent->session, agent->key, std::move(message)}); }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(TasksTest, an_offer_is_repeated_until_it_is_accepted) {
  agent->is_deaf = true;
  h.deploy(app);
  h.tick(h.settings.resend_offer);
  h.feed(input::AgentMessage{agent->session, agent->key, protocol::Ping{}});
  h.tick(h.settings.resend_offer);
  EXPECT_EQ(count<protocol::Offer>(*agent), 3);
  say(protocol::Accepted{{1, 1}, 1});
  h.tick(h.settings.resend_offer);
  EXPECT_EQ(count<protocol::Offer>(*agent), 3);
  say(protocol::Accepted{{1, 1}, 1});
  EXPECT_EQ(h.last.ignored, "accepted already");
}

TEST_F(TasksTest, output_is_taken_without_gaps_or_repeats) {
  const JobId job = h.deploy(app);
  const TaskId task{job, 1};
  const auto output = [&](std::uint64_t offset, std::string bytes) {
    say(protocol::Output{task, 1, offset, Binary{std::move(bytes)}});
    return std::get<protocol::OutputAck>(agent->heard.back()).offset;
  };
  EXPECT_EQ(output(0, "abc"), 3u);
  EXPECT_EQ(output(0, "abc"), 3u) << "repeat";
  EXPECT_EQ(output(2, "cde"), 5u) << "overlap";
  EXPECT_EQ(output(7, "hi"), 5u) << "gap";
  protocol::Finished finished = ended_well(task);
  finished.output_bytes = 9;
  finished.tail_offset = 7;
  finished.tail = Binary{"hi"};
  say(finished);
  EXPECT_EQ(std::get<protocol::OutputAck>(agent->heard.back()).offset, 5u) << "a result waits for its output";
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  finished.tail_offset = 4;
  finished.tail = Binary{"efghi"};
  say(finished);
  EXPECT_TRUE(std::holds_alternative<protocol::ResultCommitted>(agent->heard.back()));
  EXPECT_EQ(h.output(job), "abcdefghi");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  say(finished);
  EXPECT_TRUE(std::holds_alternative<protocol::ResultCommitted>(agent->heard.back())) << "told again";
  EXPECT_EQ(h.output(job), "abcdefghi");
}

TEST_F(TasksTest, a_result_of_nobodys_task_is_forgotten_only_when_the_job_is_known) {
  h.deploy(app);
  protocol::Finished future = ended_well({99, 0});
  say(future);
  EXPECT_TRUE(h.last.to_agents.empty());
  ScriptedAgent& other = h.enrol("s2", "stage");
  protocol::Finished foreign = ended_well({1, 1});
  h.feed(input::AgentMessage{other.session, other.key, foreign});
  EXPECT_THAT(h.last.ignored, HasSubstr("bound to another agent"));
  EXPECT_EQ(h.job(1).phase, JobPhase::running);
}

TEST_F(TasksTest, each_outcome_has_its_own_words) {
  struct Row {
    TaskOutcome outcome;
    std::string kind, words;
  };
  for (const Row& row : {Row{TaskOutcome::timed_out, "failed", "ran longer than its limit of 1h"},
                         Row{TaskOutcome::not_started, "failed", "was not started"},
                         Row{TaskOutcome::interrupted, "unknown", "nobody knows how far it got"},
                         Row{TaskOutcome::cancelled, "failed", "was stopped on its host"}}) {
    const JobId job = h.deploy(app);
    h.finish(*agent, job, row.outcome);
    EXPECT_EQ(h.job(job).error_kind, row.kind);
    EXPECT_THAT(h.job(job).message, HasSubstr(row.words));
    EXPECT_EQ(h.status("pp/app"), "failure");
  }
}

TEST_F(TasksTest, a_declined_offer_fails_the_job) {
  agent->is_deaf = true;
  const JobId job = h.deploy(app);
  say(protocol::Declined{{job, 1}, 1, "the disk is full"});
  EXPECT_EQ(h.job(job).message, "Step deploy on agent s1 was not started: the disk is full");
}

TEST_F(TasksTest, declining_an_accepted_task_means_that_it_is_lost) {
  const JobId job = h.deploy(app);
  say(protocol::Declined{{job, 1}, 1, "not held by this agent"});
  EXPECT_EQ(h.job(job).error_kind, "unknown");
}

TEST_F(TasksTest, cancelling_stops_the_script_and_says_who_did) {
  const JobId job = h.deploy(app);
  agent->is_deaf = true;
  const auto reply = std::get<protocol::reply::Done>(h.ask(protocol::request::CancelJob{job}));
  EXPECT_EQ(reply.text, "Job 1 is being cancelled: step deploy on agent s1 is told to stop.");
  EXPECT_EQ(count<protocol::Cancel>(*agent), 1);
  h.tick(h.settings.resend_offer);
  EXPECT_EQ(count<protocol::Cancel>(*agent), 2) << "told again";
  h.finish(*agent, job, TaskOutcome::cancelled);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
  EXPECT_EQ(h.job(job).message, "Cancelled by local during step deploy.");
  EXPECT_EQ(h.status("pp/app"), "failure");
  EXPECT_EQ(std::get<protocol::reply::Failed>(h.ask(protocol::request::CancelJob{job})).message,
            "Job 1 has already ended.");
  EXPECT_EQ(std::get<protocol::reply::Failed>(h.ask(protocol::request::CancelJob{77})).kind, "not_found");
}

TEST_F(TasksTest, cancelling_what_never_left_settles_at_once) {
  const JobId first = h.deploy(app);
  const JobId queued = h.deploy(app);
  h.ask(protocol::request::CancelJob{queued});
  EXPECT_EQ(h.job(queued).outcome, JobOutcome::cancelled);
  EXPECT_TRUE(h.state().locks.at({"stage", "pp/app"}).waiting.empty());
  h.finish(*agent, first);
  h.disconnect(*agent);
  const JobId waiting = h.deploy(app);
  h.ask(protocol::request::CancelJob{waiting});
  EXPECT_EQ(h.job(waiting).outcome, JobOutcome::cancelled);
  h.answers_queries = false;
  const JobId resolving = h.deploy(app);
  h.ask(protocol::request::CancelJob{resolving});
  EXPECT_EQ(h.job(resolving).outcome, JobOutcome::cancelled);
  h.feed(input::Resolved{resolving, std::vector{h.releases[app]}});
  EXPECT_EQ(h.last.ignored, "the job that asked has ended");
}

TEST_F(TasksTest, a_cancellation_reaches_an_agent_that_was_away) {
  const JobId job = h.deploy(app);
  h.disconnect(*agent);
  const auto reply = std::get<protocol::reply::Done>(h.ask(protocol::request::CancelJob{job}));
  EXPECT_THAT(reply.text, HasSubstr("when agent s1 returns"));
  h.connect(*agent);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
}

}  // namespace tasks_test
}  // namespace escape::controller::testing
