#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"
#include "shared/state/status.h"

/// Steps of one job that are independent run at the same time: their order, failures, cancellations, and agents that
/// go.
namespace escape::controller::testing {
namespace advance_test {

using protocol::TaskOutcome;
using protocol::request::Submit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Names = std::set<std::string>;

/// app needs db, cache and web; web is given the address of db.
struct AdvanceTest : ::testing::Test {
  AdvanceTest() {
    agent = &h.enrol("stage-1", "stage");
    agent->finishes_at_once = false;
    for (const std::string name : {"db", "cache", "web"})
      add("qq/" + name + "-v1", {"pre_deploy", "deploy", "destroy"});
    release("db").outputs = {{.id = "url", .fallback = Value("db:5432")}};
    release("web").inputs = {{.id = "url", .fallback = Value("none")}};
    add("qq/app-v1", {"deploy", "destroy"});
    for (const std::string name : {"web", "db", "cache"}) depend(name);
    release("app").depends[0].deploy_mapping = {{"url", "$db.outputs.url"}};
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = make_release(id, steps);
  }
  release::Metadata& release(const std::string& name) { return h.releases.at("qq/" + name + "-v1").metadata; }
  void depend(const std::string& name) {
    release("app").depends.push_back({.release_id = "qq/" + name + "-v1", .variable = name});
  }
  JobId deploy() { return h.deploy("qq/app-v1"); }
  JobId destroy() {
    Submit asked;
    asked.kind = JobKind::destroy;
    asked.environment = "stage";
    asked.deployment = "qq/app";
    return h.submit(asked);
  }
  void finish(const std::string& name, TaskOutcome how = TaskOutcome::ok) { h.finish(*agent, "qq/" + name, how); }
  Names running() const { return agent->running(); }
  void come_back() {
    h.restart();
    h.connect(*agent);
  }
  std::string status(const std::string& name) const { return h.status("qq/" + name); }
  void lose_agent() {
    h.disconnect(*agent);
    h.tick(10min);
  }
  void provide() {
    release::ReleaseRecord& cluster = add("qq/cluster-v1", {"activate_provider", "deactivate_provider"});
    cluster.metadata.provides = {"kube"};
    h.deploy("qq/cluster-v1");
    for (const std::string name : {"db", "cache"}) release(name).consumes = {{.name = "kube", .variable = "kube"}};
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(AdvanceTest, independent_ones_run_at_the_same_time_also_after_a_restart) {
  const JobId job = deploy();
  EXPECT_EQ(running(), (Names{"qq/app:db pre_deploy", "qq/app:cache pre_deploy"}));
  come_back();
  EXPECT_EQ(running(), (Names{"qq/app:db pre_deploy", "qq/app:cache pre_deploy"}));
  finish("app:cache pre_deploy");
  EXPECT_EQ(running(), (Names{"qq/app:db pre_deploy", "qq/app:cache deploy"}));
  finish("app:db pre_deploy");
  finish("app:db deploy");
  EXPECT_EQ(running(), (Names{"qq/app:web pre_deploy", "qq/app:cache deploy"}));
  come_back();
  finish("app:cache deploy");
  EXPECT_EQ(status("app:cache"), "ok");
  EXPECT_EQ(running(), Names{"qq/app:web pre_deploy"}) << "its parent waits for all of them";
  finish("app:web pre_deploy");
  finish("app:web deploy");
  EXPECT_EQ(running(), Names{"qq/app deploy"});
  finish("app deploy");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  for (const auto& [task, count] : agent->starts) EXPECT_EQ(count, 1);
  EXPECT_EQ(agent->offers[4].variables.at("INPUT_url"), "db:5432");
}

TEST_F(AdvanceTest, they_are_destroyed_at_the_same_time_behind_what_was_given_something_of_them) {
  agent->finishes_at_once = true;
  deploy();
  agent->finishes_at_once = false;
  const JobId job = destroy();
  EXPECT_EQ(running(), Names{"qq/app destroy"});
  finish("app destroy");
  EXPECT_EQ(running(), (Names{"qq/app:web destroy", "qq/app:cache destroy"}));
  come_back();
  finish("app:web destroy");
  EXPECT_EQ(running(), (Names{"qq/app:db destroy", "qq/app:cache destroy"}));
  finish("app:db destroy");
  finish("app:cache destroy");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  EXPECT_EQ(status("app"), "empty");
  EXPECT_EQ(h.state().deployments.size(), 1u);
}

TEST_F(AdvanceTest, what_an_earlier_destruction_left_empty_goes_with_the_rest) {
  agent->finishes_at_once = true;
  deploy();
  agent->finishes_at_once = false;
  const JobId job = destroy();
  finish("app destroy");
  finish("app:cache destroy");
  finish("app:web destroy", TaskOutcome::failed);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(status("app:cache"), "empty");
  agent->finishes_at_once = true;
  EXPECT_EQ(h.job(destroy()).outcome, JobOutcome::ok);
  EXPECT_EQ(h.state().deployments.size(), 1u);
}

TEST_F(AdvanceTest, one_behind_an_input_of_the_parent_that_is_made_of_another_waits_for_it) {
  release("app").inputs = {{.id = "where", .fallback = Value("$db.outputs.url"), .eval_before_dependencies = false},
                           {.id = "url", .fallback = Value("$this.inputs.where.upper()")}};
  release("app").depends[0].deploy_mapping = {{"url", "$this.inputs.url"}};
  // What it never asks for is no edge: the compiler maps every input of the parent.
  release("app").depends[2].deploy_mapping = {{"url", "$this.inputs.url"}};
  std::swap(release("app").depends[0], release("app").depends[1]);
  deploy();
  EXPECT_EQ(running(), (Names{"qq/app:db pre_deploy", "qq/app:cache pre_deploy"}));
  finish("app:db pre_deploy");
  finish("app:db deploy");
  finish("app:web pre_deploy");
  EXPECT_EQ(agent->offers.back().variables.at("INPUT_url"), "DB:5432");
}

TEST_F(AdvanceTest, what_looks_up_any_name_waits_for_all_before_it) {
  release("app").depends[0].deploy_mapping = {{"url", "$__env_lookup(\"$\").db.outputs.url"}};
  std::swap(release("app").depends[0], release("app").depends[2]);  // cache, db, web
  deploy();
  EXPECT_FALSE(running().contains("qq/app:web pre_deploy"));
}

TEST_F(AdvanceTest, a_provider_is_used_by_one_of_them_at_a_time) {
  agent->finishes_at_once = true;
  provide();
  agent->finishes_at_once = false;
  const JobId job = deploy();
  EXPECT_EQ(running(), Names{"qq/cluster activate_provider"});
  for (int step = 0; step < 20 && h.state().jobs.contains(job); ++step) {
    const Names now = running();
    EXPECT_FALSE(now.contains("qq/app:db deploy") && now.contains("qq/app:cache deploy"));
    for (const std::string& name : now) h.finish(*agent, name);
  }
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  std::vector<std::string> of_cluster;
  for (const protocol::Offer& offer : agent->offers) {
    if (offer.deployment == "qq/cluster") of_cluster.push_back(offer.step);
  }
  EXPECT_THAT(of_cluster,
              ElementsAre("activate_provider", "deactivate_provider", "activate_provider", "deactivate_provider"));
}

TEST_F(AdvanceTest, beside_a_failure_what_has_begun_goes_on_to_its_end_and_nothing_else_begins) {
  const JobId job = deploy();
  finish("app:db pre_deploy", TaskOutcome::failed);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  EXPECT_THAT(h.job(job).message, HasSubstr("Step pre_deploy of qq/app:db has failed; what runs beside it goes on to "
                                            "its end: pre_deploy of qq/app:cache"));
  EXPECT_EQ(status("app:db"), "failure");
  EXPECT_EQ(status("app"), "failure") << "told at once";
  EXPECT_EQ(running(), Names{"qq/app:cache pre_deploy"});
  come_back();
  finish("app:cache pre_deploy");
  EXPECT_EQ(running(), Names{"qq/app:cache deploy"}) << "no half of it is left behind";
  finish("app:cache deploy");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(h.job(job).message, HasSubstr("Failed to successfully execute command './deploy.sh'"));
  EXPECT_EQ(status("app:cache"), "ok");
  EXPECT_FALSE(h.state().deployments.at({"stage", "qq/app:web"}).stages.contains("deploy")) << "never begun";
  EXPECT_TRUE(h.state().locks.empty());
  agent->finishes_at_once = true;
  EXPECT_EQ(h.job(deploy()).outcome, JobOutcome::ok);
}

TEST_F(AdvanceTest, two_failures_are_both_told_and_the_first_one_is_the_jobs) {
  const JobId job = deploy();
  finish("app:db pre_deploy", TaskOutcome::failed);
  finish("app:cache pre_deploy", TaskOutcome::timed_out);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(h.job(job).message, HasSubstr("exit status 1"));
  EXPECT_EQ(status("app:cache"), "failure");
  EXPECT_THAT(h.stage("qq/app:cache").status.data, HasSubstr("ran longer than its limit"));
  EXPECT_THAT(h.stage("qq/app").status.data, HasSubstr("exit status 1"));
}

TEST_F(AdvanceTest, that_one_was_cut_off_is_what_a_person_is_told) {
  const JobId job = deploy();
  finish("app:db pre_deploy", TaskOutcome::failed);
  finish("app:cache pre_deploy", TaskOutcome::interrupted);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_TRUE(h.stage("qq/app").status.is_cut_off);
  EXPECT_TRUE(h.stage("qq/app:cache").status.is_cut_off);
  EXPECT_FALSE(h.stage("qq/app:db").status.is_cut_off);
}

TEST_F(AdvanceTest, a_reboot_cuts_all_of_them_off) {
  const JobId job = deploy();
  h.disconnect(*agent);
  agent->boot_id = "boot-2";
  for (const auto& [task, held] : std::map(agent->journal)) agent->finish(task, TaskOutcome::interrupted);
  h.connect(*agent);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_TRUE(h.stage("qq/app:cache").status.is_cut_off);
  EXPECT_TRUE(h.stage("qq/app:db").status.is_cut_off);
}

TEST_F(AdvanceTest, what_is_idempotent_is_run_again_with_the_files_that_its_values_name) {
  release("db").idempotent = true;
  release("db").inputs = {{.id = "conf", .fallback = Value("$__concat(\"a\", \"b\").file")}};
  deploy();
  ASSERT_FALSE(agent->offers[0].files.empty() && agent->offers[1].files.empty());
  h.disconnect(*agent);
  agent->boot_id = "boot-2";
  for (const auto& [task, held] : std::map(agent->journal)) agent->finish(task, TaskOutcome::interrupted);
  h.connect(*agent);
  EXPECT_EQ(running(), Names{"qq/app:db pre_deploy"});
  EXPECT_EQ(agent->offers.back().attempt, 2u);
  EXPECT_EQ(agent->offers.back().files.size(), 1u);
}

TEST_F(AdvanceTest, a_cancellation_stops_all_of_them) {
  const JobId job = deploy();
  finish("app:cache pre_deploy");
  agent->is_deaf = true;  // the agent takes its time
  const protocol::Reply reply = h.ask(protocol::request::CancelJob{job});
  EXPECT_THAT(std::get<protocol::reply::Done>(reply).text,
              HasSubstr("steps pre_deploy of qq/app:db, deploy of qq/app:cache on agent stage-1 are told to stop"));
  agent->is_deaf = false;
  finish("app:db pre_deploy", TaskOutcome::cancelled);
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  come_back();  // where the other one is told again
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
  EXPECT_THAT(running(), IsEmpty());
  EXPECT_EQ(status("app:cache"), "failure");
}

TEST_F(AdvanceTest, what_goes_on_beside_a_failure_can_be_cancelled) {
  const JobId job = deploy();
  finish("app:db pre_deploy", TaskOutcome::failed);
  h.ask(protocol::request::CancelJob{job});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_THAT(running(), IsEmpty());
}

TEST_F(AdvanceTest, a_cancellation_that_comes_during_the_last_step_of_one_leaves_the_rest) {
  const JobId job = deploy();
  finish("app:cache pre_deploy");
  agent->is_deaf = true;
  h.ask(protocol::request::CancelJob{job});
  agent->is_deaf = false;
  finish("app:cache deploy");
  finish("app:db pre_deploy");
  EXPECT_EQ(h.job(job).outcome, JobOutcome::cancelled);
  EXPECT_EQ(status("app:cache"), "ok");
  EXPECT_EQ(status("app:db"), "failure");
}

TEST_F(AdvanceTest, all_that_an_agent_out_of_reach_has_is_settled_by_one_word) {
  const JobId job = deploy();
  lose_agent();
  EXPECT_TRUE(is_unknown(h.job(job), h.state()));
  h.ask(protocol::request::ResolveJob{.job = job, .is_ok = false, .reason = "burnt"});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(status("app:cache"), "failure");
  EXPECT_EQ(h.state().agents.at("stage-1").strays.size(), 2u);
  EXPECT_EQ(std::ranges::count(h.events, "job.resolved", &protocol::EventView::kind), 1);
  EXPECT_EQ(*h.last_event("job.resolved")->data.find("step"),
            Value("pre_deploy of qq/app:db, pre_deploy of qq/app:cache"));
  h.connect(*agent);
  EXPECT_TRUE(h.told("task.late"));
}

TEST_F(AdvanceTest, settled_as_ok_all_of_it_is_taken_as_done) {
  agent->finishes_at_once = true;
  deploy();  // what outputs they had stays
  agent->finishes_at_once = false;
  const JobId job = deploy();
  finish("app:db pre_deploy");
  lose_agent();
  h.ask(protocol::request::ResolveJob{.job = job, .is_ok = true, .reason = "looked"});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
  for (const std::string name : {"app", "app:db", "app:cache", "app:web"}) EXPECT_EQ(status(name), "ok") << name;
  const std::vector<std::string> texts = h.log_texts(job);
  EXPECT_THAT(texts, ::testing::Contains("Deploy: Not run: pre_deploy, deploy, deploy, deploy."));
}

TEST_F(AdvanceTest, a_word_for_what_is_beside_a_failure_does_not_make_the_job_good) {
  const JobId job = deploy();
  finish("app:db pre_deploy", TaskOutcome::failed);
  lose_agent();
  const protocol::Reply reply =
      h.ask(protocol::request::ResolveJob{.job = job, .is_ok = true, .reason = "the cache is there"});
  EXPECT_THAT(
      std::get<protocol::reply::Done>(reply).text,
      HasSubstr("Job 1 had failed before, and ends as that; step pre_deploy of qq/app:cache is settled as ok."));
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(status("app:cache"), "ok");
  EXPECT_EQ(status("app"), "failure");
}

TEST_F(AdvanceTest, a_word_for_a_deactivation_does_not_make_the_job_good) {
  agent->finishes_at_once = true;
  provide();
  agent->finishes_at_once = false;
  release("app").depends = {release("app").depends[1]};
  const JobId job = deploy();
  finish("cluster activate_provider");
  finish("app:db pre_deploy", TaskOutcome::failed);
  EXPECT_EQ(running(), Names{"qq/cluster deactivate_provider"});
  lose_agent();
  h.ask(protocol::request::ResolveJob{.job = job, .is_ok = true, .reason = "looked"});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(status("app:db"), "failure");
}

TEST_F(AdvanceTest, a_removed_agent_takes_all_of_them_along) {
  h.enrol("stage-2", "stage");
  const JobId job = deploy();
  lose_agent();
  h.ask(protocol::request::RemoveAgent{"stage-1"});
  EXPECT_EQ(h.job(job).outcome, JobOutcome::interrupted);
  EXPECT_THAT(h.agents.at("stage-2")->offers, IsEmpty());
}

TEST_F(AdvanceTest, steps_that_wait_for_an_agent_end_with_the_first_of_them) {
  h.disconnect(*agent);
  const JobId job = deploy();
  EXPECT_EQ(h.job(job).phase, JobPhase::running);
  h.tick(10min);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::failed);
  EXPECT_EQ(h.job(job).error_kind, "unreachable");
  EXPECT_EQ(status("app:cache"), "failure");
  const JobId other = deploy();
  h.ask(protocol::request::CancelJob{other});
  EXPECT_EQ(h.job(other).outcome, JobOutcome::cancelled);
}

TEST_F(AdvanceTest, each_has_the_values_of_its_own_last_run) {
  agent->finishes_at_once = true;
  release("db").inputs = {{.id = "size", .fallback = Value("1")}};
  release("cache").inputs = {{.id = "size", .fallback = Value("2")}};
  deploy();
  agent->finishes_at_once = false;
  agent->offers.clear();
  deploy();
  finish("app:db pre_deploy");
  finish("app:cache pre_deploy");
  std::map<std::string, std::string> previous;
  for (const protocol::Offer& offer : agent->offers) {
    if (offer.step == "deploy") previous[offer.deployment] = offer.variables.at("INPUT_PREVIOUS_size");
  }
  EXPECT_EQ(previous, (std::map<std::string, std::string>{{"qq/app:cache", "2"}, {"qq/app:db", "1"}}));
}

TEST_F(AdvanceTest, no_more_than_ten_at_once) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "part" + std::to_string(i);
    add("qq/" + name + "-v1", {"deploy"});
    depend(name);
  }
  const JobId job = deploy();
  std::size_t most = 0;
  for (int step = 0; step < 100 && h.state().jobs.contains(job); ++step) {
    const Names now = running();
    most = std::max(most, now.size());
    h.finish(*agent, *now.begin());
  }
  EXPECT_EQ(most, 10u);
  EXPECT_EQ(h.job(job).outcome, JobOutcome::ok) << h.job(job).message;
}

TEST_F(AdvanceTest, what_is_said_of_one_is_said_in_its_section) {
  const JobId job = deploy();
  finish("app:cache pre_deploy");
  finish("app:db pre_deploy");
  EXPECT_THAT(h.log_texts(job), ::testing::IsSupersetOf({
                                    "Deploy: Dependency qq/cache-v1: Deploying dependency qq/cache-v1.",
                                    "Deploy: Dependency qq/db-v1: Deploying dependency qq/db-v1.",
                                    "Deploy: Dependency qq/cache-v1: Hello World!\n",
                                    "Deploy: Dependency qq/db-v1: Hello World!\n",
                                }));
}

}  // namespace advance_test
}  // namespace escape::controller::testing
