#include "controller/core/interruption.h"

#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

namespace escape::controller::testing {
namespace interruption_test {

using protocol::TaskOutcome;
using ::testing::Contains;
using ::testing::HasSubstr;

const std::string app = "pp/app-v1.0";

struct InterruptionTest : ::testing::Test {
  InterruptionTest() {
    h.releases[app] = make_release(app);
    agent = &h.enrol("s1", "stage");
    agent->finishes_at_once = false;
  }
  void is_idempotent() { h.releases[app].metadata.idempotent = true; }
  /// The agent finds its script gone, as it does after a reboot.
  void reboot(JobId job) {
    h.disconnect(*agent);
    agent->boot_id += "+";
    for (auto& [task, held] : agent->journal) {
      if (task.job == job) agent->finish(task, TaskOutcome::interrupted);
    }
    h.connect(*agent);
  }
  void lose_data() {
    h.disconnect(*agent);
    agent->journal.clear();
    h.connect(*agent);
  }
  std::string text_of_last(std::string_view kind, std::string_view field) {
    const protocol::EventView* event = h.last_event(kind);
    const Value* value = event ? event->data.find(field) : nullptr;
    return value && value->as_string() ? *value->as_string() : std::string();
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(InterruptionTest, a_reboot_ends_the_job_as_interrupted_and_says_so) {
  const JobId job = h.deploy(app);
  EXPECT_EQ(h.state().tasks.at({job, 1}).host, "s1");
  const JobId next = h.deploy(app);
  reboot(job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_EQ(h.job(job).error_kind, "unknown");
  EXPECT_EQ(h.job(job).message,
            "Step deploy on agent s1 was interrupted, and nobody knows how far it got: the host was rebooted");
  EXPECT_THAT(h.job(job).hint, HasSubstr("escape jobs retry 1"));
  EXPECT_EQ(text_of_last("task.finished", "interruption"), "host_rebooted");
  EXPECT_EQ(h.job(next).phase, JobPhase::running) << "the lock went on to the next";
  h.finish(*agent, next, TaskOutcome::failed);
  EXPECT_EQ(h.status("pp/app"), "failure");
}

TEST_F(InterruptionTest, its_deployment_is_a_failure_with_the_reason) {
  const JobId job = h.deploy(app);
  reboot(job);
  EXPECT_EQ(h.status("pp/app"), "failure");
  EXPECT_THAT(h.stage("pp/app").status.data, HasSubstr("the host was rebooted"));
  EXPECT_TRUE(h.state().locks.empty());
}

TEST_F(InterruptionTest, lost_data_are_told_from_a_reboot) {
  const JobId job = h.deploy(app);
  lose_data();
  EXPECT_THAT(h.job(job).message, HasSubstr("the agent's data folder was lost"));
  EXPECT_EQ(text_of_last("task.finished", "interruption"), "task_lost");
  const JobId other = h.deploy(app);
  agent->boot_id = "another";
  lose_data();
  EXPECT_THAT(h.job(other).message, HasSubstr("the host was rebooted"));
}

TEST_F(InterruptionTest, a_killed_supervisor_is_neither) {
  is_idempotent();
  const JobId job = h.deploy(app);
  h.finish(*agent, job, TaskOutcome::interrupted);
  EXPECT_EQ(text_of_last("task.finished", "interruption"), "supervisor_lost");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted) << "the script may be running still: never again by itself";
}

TEST_F(InterruptionTest, a_package_that_says_nothing_is_never_run_again) {
  const JobId job = h.deploy(app);
  lose_data();
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_EQ(agent->offers.size(), 1u);
}

TEST_F(InterruptionTest, an_idempotent_package_is_run_again_as_a_new_attempt_on_the_same_agent) {
  is_idempotent();
  h.enrol("s2", "stage");
  const JobId job = h.deploy(app);
  reboot(job);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  const Task& task = h.state().tasks.at({job, 1});
  EXPECT_EQ(task.attempt, 2u);
  EXPECT_EQ(task.agent, "s1");
  EXPECT_EQ(h.agents["s2"]->offers.size(), 0u);
  EXPECT_EQ(text_of_last("task.retried", "reason"), "host_rebooted");
  EXPECT_THAT(h.log_texts(job), Contains(HasSubstr("is run again: attempt 2 of 4")));
  h.finish(*agent, job);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok);
  EXPECT_EQ(agent->starts.size(), 2u);
  for (const auto& [attempt, count] : agent->starts) EXPECT_EQ(count, 1);
}

TEST_F(InterruptionTest, it_is_run_again_three_times_and_then_no_more) {
  is_idempotent();
  const JobId job = h.deploy(app);
  for (int i = 0; i < 10 && h.job(job).phase != JobPhase::settled; ++i) i % 2 == 0 ? reboot(job) : lose_data();
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_EQ(agent->starts.size(), 4u);
}

TEST_F(InterruptionTest, output_of_a_later_attempt_begins_anew) {
  is_idempotent();
  const JobId job = h.deploy(app);
  const protocol::Output first{{job, 1}, 1, 0, Binary{"first"}};
  h.feed(input::AgentMessage{agent->session, agent->key, first});
  lose_data();
  EXPECT_EQ(h.state().tasks.at({job, 1}).output_bytes, 0u);
  h.finish(*agent, job);
  EXPECT_EQ(h.output(job), "firstHello World!\n");
  h.feed(input::AgentMessage{agent->session, agent->key, first});
  EXPECT_EQ(h.output(job), "firstHello World!\n");
}

TEST_F(InterruptionTest, what_is_unknown_or_cancelled_is_never_run_again) {
  is_idempotent();
  const JobId unknown = h.deploy(app);
  h.tick(100s);
  EXPECT_EQ(h.state().tasks.at({unknown, 1}).phase, TaskPhase::unknown);
  h.tick(3600s);
  EXPECT_EQ(h.state().tasks.at({unknown, 1}).attempt, 1u);
  h.ask(protocol::request::CancelJob{unknown});
  lose_data();
  EXPECT_EQ(h.job(unknown).phase, JobPhase::settled);
  EXPECT_EQ(agent->starts.size(), 1u);
}

TEST_F(InterruptionTest, a_task_that_waited_through_the_reboot_belongs_to_the_new_boot) {
  const JobId job = h.deploy(app);
  h.disconnect(*agent);
  agent->boot_id = "boot-2";
  protocol::Hello hello = agent->hello();
  hello.holds = {{{job, 1}, 1, protocol::AgentTaskPhase::accepted, 0}};
  agent->session = ++h.last_session;
  h.connected[agent->session] = agent;
  h.feed(input::AgentMessage{agent->session, agent->key, hello});
  h.finish(*agent, job, TaskOutcome::interrupted);
  EXPECT_EQ(text_of_last("task.finished", "interruption"), "supervisor_lost");
}

}  // namespace interruption_test
}  // namespace escape::controller::testing
