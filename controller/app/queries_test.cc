#include "controller/app/queries.h"

#include <gtest/gtest.h>

#include "controller/store/rows.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace queries_test {

namespace request = protocol::request;
namespace reply = protocol::reply;

/// What people see of jobs whose outcome is in doubt.
class QueriesTest : public ::testing::Test {
 protected:
  Job& job(JobId number, JobPhase phase, JobOutcome outcome = JobOutcome::none) {
    Job job;
    job.number = number;
    job.phase = phase;
    job.outcome = outcome;
    job.environment = "stage";
    job.deployment = "db";
    return jobs_[number] = job;
  }
  void task(TaskId id, TaskPhase phase) {
    Task task;
    task.id = id;
    task.agent = "s1";
    task.host = "web3";
    task.phase = phase;
    save(task);
    state.tasks[id] = task;
    if (phase != TaskPhase::settled) jobs_.at(id.job).at.push_back(id.index);
  }
  void save(const Change& change) {
    std::vector<store::Write> batch;
    store::append_writes(change, batch, nullptr);
    ASSERT_TRUE(database->commit(batch));
  }
  void save_jobs() {
    for (const auto& [number, job] : jobs_) {
      save(job);
      if (job.phase != JobPhase::settled) state.jobs[number] = job;
    }
  }
  QueryContext context() const {
    return {.reader = *database,
            .state = state,
            .liveness = [](const AgentId&) { return "offline"; },
            .last_seen = [](const AgentId&) { return Timestamp{77}; },
            .resolve = [](const release::ReleaseQuery&) -> Result<release::ReleaseRecord> {
              return fail(ErrorKind::not_found, "no inventory");
            }};
  }
  std::string state_of(JobId number) {
    const auto shown = answer(request::ShowJob{number}, context());
    EXPECT_TRUE(shown);
    return std::get<reply::Job>(shown.value()).job.state;
  }

  std::unique_ptr<store::Database> database = store::make_memory_database();
  State state;
  std::map<JobId, Job> jobs_;
};

TEST_F(QueriesTest, AJobHasAStateInOneWord) {
  job(1, JobPhase::queued);
  job(2, JobPhase::running);
  task({2, 0}, TaskPhase::accepted);
  job(3, JobPhase::running);
  task({3, 0}, TaskPhase::unknown);
  job(4, JobPhase::settled, JobOutcome::interrupted);
  job(5, JobPhase::settled, JobOutcome::ok);
  job(6, JobPhase::running).children = {3, 5};
  job(7, JobPhase::running).children = {3, 2};
  save_jobs();
  const std::pair<JobId, const char*> table[] = {{1, "queued"}, {2, "running"}, {3, "unknown"}, {4, "interrupted"},
                                                 {5, "ok"},     {6, "unknown"}, {7, "running"}};
  for (const auto& [number, word] : table) EXPECT_EQ(state_of(number), word) << number;
  const auto listed = answer(request::ListJobs{}, context());
  ASSERT_TRUE(listed);
  const auto& all = std::get<reply::Jobs>(listed.value()).jobs;
  ASSERT_EQ(all.size(), 7u);
  for (const protocol::JobView& view : all) EXPECT_EQ(view.state, table[view.number - 1].second);
}

TEST_F(QueriesTest, ATaskSaysWhereItIsAndWhenItsAgentWasSeen) {
  job(3, JobPhase::running);
  task({3, 0}, TaskPhase::unknown);
  task({3, 1}, TaskPhase::settled);
  save_jobs();
  const auto shown = answer(request::ShowJob{3}, context());
  ASSERT_TRUE(shown);
  const auto& tasks = std::get<reply::Job>(shown.value()).job.tasks;
  EXPECT_EQ(tasks[0].host, "web3");
  EXPECT_EQ(tasks[0].agent_state, "offline");
  EXPECT_EQ(tasks[0].agent_seen.micros, 77);
  EXPECT_EQ(tasks[1].agent_state, "") << "how its agent is now says nothing of what has ended";
}

TEST_F(QueriesTest, ADeploymentShowsWhatItsStatusCannotSay) {
  state.environments["stage"].name = "stage";
  const auto cell = [&](JobId of, state::StatusCode code) {
    state::Deployment deployment;
    deployment.environment = "stage";
    deployment.name = "db";
    deployment.stages["deploy"].job = of;
    deployment.stages["deploy"].status.code = code;
    state.deployments[{"stage", "db"}] = deployment;
    const auto listed = answer(request::ListDeployments{}, context());
    EXPECT_TRUE(listed);
    return std::get<reply::Deployments>(listed.value()).cells.at(0).job_state;
  };
  job(1, JobPhase::running);
  task({1, 0}, TaskPhase::unknown);
  job(2, JobPhase::running);
  task({2, 0}, TaskPhase::accepted);
  job(3, JobPhase::settled, JobOutcome::interrupted);
  job(4, JobPhase::settled, JobOutcome::failed);
  save_jobs();
  EXPECT_EQ(cell(1, state::StatusCode::running_main_step), "unknown");
  EXPECT_EQ(cell(2, state::StatusCode::running_main_step), "");
  EXPECT_EQ(cell(3, state::StatusCode::failure), "interrupted");
  EXPECT_EQ(cell(4, state::StatusCode::failure), "");
  EXPECT_EQ(cell(3, state::StatusCode::ok), "") << "somebody has put it right";
}

TEST_F(QueriesTest, ADeploymentSaysWhyItIsNotAsDesired) {
  state.environments["stage"] = {.name = "stage", .inputs = {}, .created_at = {1}};
  const auto add = [&](const std::string& name, state::StatusCode code, const std::string& runs,
                       const std::string& wanted) -> state::Deployment& {
    state::Deployment deployment{.environment = "stage", .name = name, .release = "pp/aa", .inputs = {}};
    if (!wanted.empty()) deployment.desired = state::DesiredRelease{wanted};
    state::StageRecord& stage = deployment.stages["deploy"];
    stage.status.code = code;
    stage.release = {runs, "sha"};
    if (!runs.empty()) stage.last_ok = stage.release;
    return state.deployments[{"stage", name}] = deployment;
  };
  add("as-desired", state::StatusCode::ok, "2", "pp/aa-latest");
  add("behind", state::StatusCode::ok, "1", "pp/aa-latest");
  add("given", state::StatusCode::ok, "2", "pp/aa-latest").inputs = {{"who", "you"}};
  add("new", state::StatusCode::pending, "", "pp/aa-latest");
  add("failed", state::StatusCode::failure, "1", "pp/aa-v1").stages["deploy"].status.try_again_at = {60'000'000};
  add("doomed", state::StatusCode::destroy_pending, "1", "");
  add("by-hand", state::StatusCode::ok, "1", "");
  add("lost", state::StatusCode::ok, "1", "pp/zz-v1");
  QueryContext context = this->context();
  context.now = {50'000'000};
  int asked = 0;
  context.resolve = [&](const release::ReleaseQuery& query) -> Result<release::ReleaseRecord> {
    ++asked;
    if (query.application.name != "aa") return fail(ErrorKind::not_found, "there is no zz");
    release::ReleaseRecord record;
    const std::string version = to_string(query.version) == "v1" ? "1" : "2";
    record.id = release::parse_release_id("pp/aa-v" + version).value();
    record.sha256 = "sha";
    record.metadata.project = "pp";
    record.metadata.name = "aa";
    record.metadata.version = version;
    record.metadata.inputs = {{.id = "who", .fallback = Value("World")}};
    return record;
  };
  for (auto& [key, deployment] : state.deployments) {
    deployment.stages["deploy"].calculated_inputs = {{"who", "World"}};
  }
  const auto shown = answer(request::ListDeployments{}, context);
  ASSERT_TRUE(shown);
  std::map<std::string, std::string> drift;
  for (const auto& cell : std::get<reply::Deployments>(shown.value()).cells) drift[cell.deployment] = cell.drift;
  EXPECT_EQ(drift, (std::map<std::string, std::string>{{"as-desired", ""},
                                                       {"behind", "runs 1, wanted 2"},
                                                       {"given", "inputs changed: who"},
                                                       {"new", "not deployed yet"},
                                                       {"failed", "its status is 'failure'; it will be retried in 10s"},
                                                       {"doomed", "its destruction is asked for"},
                                                       {"by-hand", ""},
                                                       {"lost", "there is no zz"}}));
  EXPECT_EQ(asked, 3) << "each query once";
}

TEST_F(QueriesTest, SensitiveValuesAreHidden) {
  Job deploy;
  deploy.number = 1;
  deploy.phase = JobPhase::settled;
  save(deploy);
  release::Metadata metadata;
  metadata.project = "pp";
  metadata.name = "aa";
  metadata.version = "1";
  metadata.inputs.resize(2);
  metadata.inputs[0].id = "password";
  metadata.inputs[0].sensitive = true;
  metadata.inputs[1].id = "user";
  metadata.outputs.resize(1);
  metadata.outputs[0].id = "token";
  metadata.outputs[0].sensitive = true;
  save(JobPlan{1, codec::metadata_to_value(metadata)});
  const Value::Object inputs{{"password", "hunter2"}, {"user", "ann"}};
  state.environments["stage"] = {.name = "stage", .inputs = inputs, .created_at = {}};
  state::Deployment deployment{.environment = "stage", .name = "db", .inputs = inputs};
  deployment.stages["deploy"] = {
      .inputs = inputs, .calculated_inputs = inputs, .calculated_outputs = {{"token", "hunter2"}}, .job = 1};
  state.deployments[{"stage", "db"}] = deployment;
  // Below it: given everything that its parent has, and declaring nothing of it.
  state::Deployment below{.environment = "stage", .name = "db:disk", .release = "pp/disk", .inputs = {}};
  below.stages["deploy"] = {.inputs = inputs, .release = {"1", ""}, .job = 1};
  state.deployments[{"stage", "db:disk"}] = below;

  const Value shown =
      std::get<reply::Deployment>(answer(request::ShowDeployment{"stage", "db"}, context()).value()).deployment;
  const Value disk =
      std::get<reply::Deployment>(answer(request::ShowDeployment{"stage", "db:disk"}, context()).value()).deployment;
  const Value exported = std::get<reply::State>(answer(request::ExportState{}, context()).value()).state;
  const auto listed = std::get<reply::Environments>(answer(request::ListEnvironments{}, context()).value());
  const std::pair<const char*, std::string> all[] = {{"shown", codec::to_json(shown)},
                                                     {"below", codec::to_json(disk)},
                                                     {"exported", codec::to_json(exported)},
                                                     {"listed", codec::to_json(listed.environments.at(0).inputs)}};
  for (const auto& [name, text] : all) {
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << name << text;
    EXPECT_NE(text.find("********"), std::string::npos) << name << text;
    EXPECT_NE(text.find("ann"), std::string::npos) << name << text;
  }
}

/// A default, a mapping or a script has put it into a value that nobody calls sensitive, here or at a consumer.
TEST_F(QueriesTest, ASecretIsHiddenWhereverItCameTo) {
  release::Metadata metadata;
  metadata.project = "pp";
  metadata.name = "aa";
  metadata.version = "1";
  metadata.inputs.resize(1);
  metadata.inputs[0].id = "password";
  metadata.inputs[0].type = "secret";
  for (const JobId number : {1, 2}) {
    Job deploy;
    deploy.number = number;
    deploy.phase = JobPhase::settled;
    save(deploy);
    save(JobPlan{number, codec::metadata_to_value(metadata)});
    metadata.inputs.clear();  // the consumer's release knows of none
  }
  state.environments["stage"] = {.name = "stage", .inputs = {}, .created_at = {}};
  state::Deployment provider{.environment = "stage", .name = "db", .inputs = {}};
  provider.stages["deploy"] = {.calculated_inputs = {{"password", "hunter2"}, {"plain", "hunter2"}, {"user", "ann"}},
                               .calculated_outputs = {{"url", "postgres://ann:hunter2@db"}},
                               .job = 1};
  state.deployments[{"stage", "db"}] = provider;
  state::Deployment consumer{.environment = "stage", .name = "web", .inputs = {}};
  consumer.stages["deploy"] = {.calculated_inputs = {{"urls", Value::List{"postgres://ann:hunter2@db"}}, {"me", "ann"}},
                               .job = 2};
  consumer.stages["deploy"].providers = {{"db", "db"}};
  state.deployments[{"stage", "web"}] = consumer;
  const auto shown = [&](const std::string& name) {
    return codec::to_json(
        std::get<reply::Deployment>(answer(request::ShowDeployment{"stage", name}, context()).value()).deployment);
  };
  const std::string exported =
      codec::to_json(std::get<reply::State>(answer(request::ExportState{}, context()).value()).state);
  for (const std::string& text : {shown("db"), shown("web"), exported}) {
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_NE(text.find("ann"), std::string::npos) << text;
  }
}

/// No job wrote what was imported: its release says which values are sensitive, and while nobody knows it all may be.
TEST_F(QueriesTest, OfAnImportedDeploymentTheReleaseIsAskedFor) {
  const Value::Object inputs{{"password", "hunter2"}, {"user", "ann"}};
  state.environments["stage"] = {.name = "stage", .inputs = inputs, .created_at = {}};
  state::Deployment deployment{.environment = "stage", .name = "db", .release = "pp/aa", .inputs = inputs};
  deployment.stages["deploy"] = {.inputs = inputs, .calculated_inputs = inputs, .calculated_outputs = {{"token", "x"}}};
  deployment.stages["deploy"].release = {.version = "1", .sha256 = "", .lacks_digest = true};
  state.deployments[{"stage", "db"}] = deployment;
  state::Deployment below{.environment = "stage", .name = "db:disk", .release = "pp/aa", .inputs = {}};
  below.stages["deploy"] = deployment.stages["deploy"];
  state.deployments[{"stage", "db:disk"}] = below;
  const auto all = [&](const QueryContext& context) {
    return codec::to_json(std::get<reply::Deployment>(answer(request::ShowDeployment{"stage", "db"}, context).value())
                              .deployment) +
           codec::to_json(std::get<reply::State>(answer(request::ExportState{}, context).value()).state) +
           codec::to_json(std::get<reply::Environments>(answer(request::ListEnvironments{}, context).value())
                              .environments.at(0)
                              .inputs);
  };
  const std::string unknown = all(context());
  EXPECT_EQ(unknown.find("hunter2"), std::string::npos) << unknown;
  EXPECT_EQ(unknown.find("ann"), std::string::npos) << unknown;
  int lookups = 0;
  QueryContext known = context();
  known.resolve = [&](const release::ReleaseQuery& query) -> Result<release::ReleaseRecord> {
    ++lookups;
    release::ReleaseRecord record;
    record.sha256 = "abc";
    record.metadata.project = "pp";
    record.metadata.name = "aa";
    record.metadata.version = "1";
    record.metadata.inputs.resize(2);
    record.metadata.inputs[0].id = "password";
    record.metadata.inputs[0].sensitive = true;
    record.metadata.inputs[1].id = "user";
    EXPECT_EQ(to_string(query), "pp/aa-v1");
    record.id = release::release_id_of(record.metadata).value();
    return record;
  };
  const std::string shown = all(known);
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("ann"), std::string::npos) << shown;
  EXPECT_EQ(lookups, 3) << "once for each answer";
  for (auto& [key, row] : state.deployments) row.stages["deploy"].release = {.version = "1", .sha256 = "other"};
  EXPECT_EQ(all(known).find("ann"), std::string::npos) << "another package says nothing of it";
}

TEST_F(QueriesTest, APastJobComesWithItsChildrenAlsoFromTheTurnThatSettledIt) {
  job(1, JobPhase::running);
  job(2, JobPhase::settled, JobOutcome::failed);
  save_jobs();
  EXPECT_FALSE(find_past(1, *database, {}).value()) << "it has not settled";
  EXPECT_FALSE(find_past(9, *database, {}).value());
  Job settled = jobs_[1];
  settled.phase = JobPhase::settled;
  settled.children = {2, 8};
  const std::vector<Change> uncommitted{jobs_[1], settled};
  const std::optional<PastJob> past = find_past(1, *database, uncommitted).value();
  ASSERT_TRUE(past);
  ASSERT_EQ(past->children.size(), 1u);
  EXPECT_EQ(past->children[0].number, 2u);
}

}  // namespace queries_test
}  // namespace escape::controller
