#include "controller/store/rows.h"

#include <gtest/gtest.h>

#include "controller/store/keys.h"
#include "controller/store/row_codec.h"
#include "controller/store/row_fields.h"

namespace escape::store {
namespace rows_test {

using namespace controller;

/// How many members an aggregate has, counted by the compiler: a member that is added to core/model.h and not to
/// row_fields.h would be lost at the next start.
struct Anything {
  template <class T>
  operator T() const;
};
/// std::optional takes Anything in two ways, which is ambiguous: it needs a value of its own.
template <class Row, class... Given>
constexpr std::size_t member_count() {
  if constexpr (requires { Row{std::declval<Given>()..., std::declval<Anything>()}; }) {
    return member_count<Row, Given..., Anything>();
  } else if constexpr (requires { Row{std::declval<Given>()..., std::nullopt}; }) {
    return member_count<Row, Given..., std::nullopt_t>();
  } else {
    return sizeof...(Given);
  }
}

template <class Row>
std::size_t stored_count() {
  const Value fields = codec::encode(Row{});
  return fields.as_object()->size();
}

void commit(Database& database, const std::vector<Change>& changes) {
  std::vector<Write> batch;
  for (const Change& change : changes) append_writes(change, batch, database.seal_keys());
  ASSERT_TRUE(database.commit(batch));
}

State load(const Reader& reader) {
  Result<State> state = load_state(reader);
  if (!state) ADD_FAILURE() << state.error().message;
  return state ? std::move(state).value() : State{};
}

std::string raw_key(char fill) { return std::string("\0\xff", 2) + std::string(30, fill); }

Job job(JobId number, std::string environment, std::string deployment, JobPhase phase = JobPhase::running) {
  Job job;
  job.number = number;
  job.phase = phase;
  job.environment = std::move(environment);
  job.deployment = std::move(deployment);
  return job;
}

Job full_job() {
  Job j = job(7, "prod", "main");
  j.kind = JobKind::promote;
  j.outcome = JobOutcome::cancelled;
  j.error_kind = "failed";
  j.message = "m";
  j.hint = "h";
  j.release_query = "p/a-latest";
  j.release = "p/a-v1";
  j.sha256 = "ab";
  j.size = 5ull << 33;
  j.from_environment = "stage";
  j.from_deployment = "main";
  j.expected_sha256 = "cd";
  j.inputs = {{"who", Value::List{1, "x", 1.0}}};
  j.refresh = true;
  j.step_time_limit = Millis{90};
  j.workspace = "/w";
  j.stages = {"build", "deploy"};
  j.principal = "ann";
  j.workspace_key = raw_key('w');
  j.parent = 3;
  j.children = {8, 9};
  j.cancel_requested = true;
  j.cancelled_by = "bob";
  j.current = 1;
  j.ahead = {3};
  j.at = {1, 2};
  j.task_count = 2;
  j.log_entries = 77;
  j.created_at = {1};
  j.started_at = {2};
  j.settled_at = {3};
  j.previous_variables = {{"INPUT_PREVIOUS_who", "y"}};
  j.previous_below = {{"a:db", {{"INPUT_PREVIOUS_size", "3"}}}};
  j.tried = 4;
  j.is_automatic = true;
  j.removes_deployment = true;
  j.failed_deployments = {"a", "b"};
  j.retry_of = 6;
  j.redo = {{5, JobKind::smoke, "d", "p/a-v1", "ef", {4}}};
  j.resolved_by = "cyd";
  j.resolved_because = "it burnt down";
  j.back_to = 41;
  j.given = {{"who", "Ann"}};
  j.given_files = {{".escape/inputs/1", "text"}};
  j.unchanged = {1, 2};
  j.skipped = {2};
  j.reason = "it eats memory";
  j.plan = "plan-0123456789abcdef";
  j.with_inputs = {"who"};
  j.is_let_go = true;
  j.failure = Failure{"failed", "it failed", "look", true, {0, 2}};
  return j;
}

Task full_task() {
  Task t;
  t.id = {7, 1};
  t.attempt = 2;
  t.stage = "deploy";
  t.step = "pre_deploy";
  t.agent = "agent-1";
  t.phase = TaskPhase::unknown;
  t.was_sent = true;
  t.outcome = TaskOutcome::interrupted;
  t.exit_status = 137;
  t.message = "m";
  t.outputs = {{"o", 1}};
  t.has_outputs = true;
  t.output_bytes = 99;
  t.variables = {{"INPUT_who", "x"}};
  t.outputs_before = {{"b", nullptr}};
  t.started_at = {4};
  t.ended_at = {5};
  t.last_output = "last words";
  t.host = "web3";
  t.boot_id = "boot";
  t.reported_at = {12};
  t.interruption = "host_rebooted";
  return t;
}

state::Deployment full_deployment() {
  state::Deployment d{"prod",    "_/main", "_/app", {{"x", 1}}, {}, state::DesiredRelease{"_/app-latest"},
                      "agent-1", {},       {},      true};
  d.hold = state::Hold{"audit", "ann", {8}, 7};
  d.revision = 42;
  d.stages["deploy"].release = {"1.0", "ab"};
  d.stages["deploy"].last_ok = state::DeployedRelease{"0.9", "cd"};
  d.stages["deploy"].status = {state::StatusCode::running_main_step, {6}, "ann", "d", {7}, 2, true};
  return d;
}

Agent agent(std::string name) {
  Agent a{std::move(name),
          raw_key('a'),
          "prod",
          {{"disk", "ssd"}},
          {"host", "boot", "machine", "1", "linux", "amd64"},
          {8},
          {9},
          "two hosts",
          -5,
          true,
          {{{7, 1}, 2, "prod", "main", "deploy", true, true}}};
  return a;
}

protocol::LogEntry entry(std::uint64_t sequence, std::size_t size = 3) {
  protocol::LogEntry e;
  e.sequence = sequence;
  e.job = 8;
  e.time = {10};
  e.level = "output";
  e.sections = {"Promote", "Deploy"};
  e.text = "t";
  e.task = 1;
  e.attempt = 2;
  e.offset = 4;
  e.bytes = Binary{std::string(size, '\xfe')};
  return e;
}

protocol::EventView event(EventSequence sequence) {
  return {sequence, {11}, "job.settled", "ann", "prod", "main", 7, {{"k", "v"}}};
}

TEST(Rows, AJobOfTheTimeWhenItWasAtOneStepOnlyIsAtThat) {
  const std::unique_ptr<Database> db = make_memory_database();
  Job job = full_job();
  job.at.clear();
  job.ahead.clear();
  job.log_entries = 0;
  commit(*db, {job, full_task()});
  EXPECT_EQ(load(*db).jobs.at(7).at, std::vector<std::uint32_t>{1});
}

TEST(Rows, EveryChangeComesBackFromLoadState) {
  const std::unique_ptr<Database> db = make_memory_database();
  State fresh = load(*db);
  EXPECT_EQ(fresh.instance, "");
  EXPECT_EQ(fresh.last_job, 0u);
  EXPECT_EQ(fresh.last_event, 0u);
  fresh.instance = std::string("\0\x01\xff", 3) + std::string(13, 'i');
  fresh.epoch = 5;
  ASSERT_TRUE(db->commit(start_writes(fresh)));

  const state::Environment environment{"prod", {{"a", 1}}, true, true, {12}, 41, {true, Millis{90'000}}};
  const Principal principal{"ann", raw_key('p'), "operator", {"prod", "stage"}, {13}};
  const Invitation invitation{raw_key('i'), "n",   "agent", "prod",       {"e"},
                              {{"l", "v"}}, "ann", {14},    raw_key('u'), "used"};
  const Lock lock{{"prod", "_/main"}, 7, {15}, {8, 9}};
  const AnsweredRequest answered{"ann", "id-1", Value::Object{{"type", "job_made"}, {"bytes", Binary{"\xff"}}}, {16}};
  const JobPlan plan{7, Value::Object{{"name", "app"}}};
  commit(*db, {environment, full_deployment(), full_job(), plan, full_task(), agent("agent-1"), principal, invitation,
               lock, answered, LogLine{7, entry(77)}, event(1), event(2)});

  const State state = load(*db);
  EXPECT_EQ(state.instance, fresh.instance);
  EXPECT_EQ(state.epoch, 5u);
  EXPECT_EQ(state.last_job, 7u);
  EXPECT_EQ(state.last_event, 2u);
  ASSERT_EQ(state.environments.size(), 1u);
  EXPECT_EQ(state.environments.at("prod"), environment);
  ASSERT_EQ(state.deployments.size(), 1u);
  EXPECT_EQ(state.deployments.at({"prod", "_/main"}), full_deployment());
  ASSERT_EQ(state.jobs.size(), 1u);
  EXPECT_EQ(state.jobs.at(7), full_job());
  ASSERT_EQ(state.plans.size(), 1u);
  EXPECT_EQ(state.plans.at(7), plan);
  ASSERT_EQ(state.tasks.size(), 1u);
  EXPECT_EQ(state.tasks.at({7, 1}), full_task());
  ASSERT_EQ(state.agents.size(), 1u);
  EXPECT_EQ(state.agents.at("agent-1"), agent("agent-1"));
  ASSERT_EQ(state.principals.size(), 1u);
  EXPECT_EQ(state.principals.at("ann"), principal);
  ASSERT_EQ(state.invitations.size(), 1u);
  EXPECT_EQ(state.invitations.at(raw_key('i')), invitation);
  ASSERT_EQ(state.locks.size(), 1u);
  EXPECT_EQ(state.locks.at({"prod", "_/main"}), lock);
  ASSERT_EQ(state.answered.size(), 1u);
  EXPECT_EQ(state.answered.at({"ann", "id-1"}), answered);
  EXPECT_EQ(codec::encode(read_log(*db, 7, 1, 10, 1000).value()), codec::encode(std::vector{entry(77)}));
  EXPECT_EQ(codec::encode(read_events(*db, 0, 10).value()), codec::encode(std::vector{event(1), event(2)}));

  commit(*db, {RemovedEnvironment{"prod"}, RemovedDeployment{{"prod", "_/main"}}, RemovedAgent{"agent-1"},
               RemovedPrincipal{"ann"}, RemovedInvitation{raw_key('i')}, RemovedLock{{"prod", "_/main"}}});
  const State emptied = load(*db);
  EXPECT_TRUE(emptied.environments.empty());
  EXPECT_TRUE(emptied.deployments.empty());
  EXPECT_TRUE(emptied.agents.empty());
  EXPECT_TRUE(emptied.principals.empty());
  EXPECT_TRUE(emptied.invitations.empty());
  EXPECT_TRUE(emptied.locks.empty());
  EXPECT_EQ(emptied.jobs.size(), 1u);
}

TEST(Rows, TheHistoryOfADeploymentAndOfThoseBelowIt) {
  const std::unique_ptr<Database> db = make_memory_database();
  const auto change = [](EventSequence sequence, std::string name) {
    DeploymentChange one{sequence,         {static_cast<std::int64_t>(sequence)}, "upgraded", "ann", 7, 3, "why",
                         full_deployment()};
    one.deployment.name = std::move(name);
    one.deployment.revision = sequence;
    return one;
  };
  commit(*db, {change(1, "app"), change(2, "app:db"), change(5, "app"), change(6, "app:db:disk"), change(7, "app2"),
               change(8, "app:db"), RemovedDeployment{{"prod", "app"}}});
  const std::vector<DeploymentChange> all = list_history(*db, {"prod", "app"}, 0, 10).value();
  ASSERT_EQ(all.size(), 2u) << "also of one that is gone";
  EXPECT_EQ(all[0], change(5, "app"));
  EXPECT_EQ(all[1], change(1, "app"));
  EXPECT_EQ(list_history(*db, {"prod", "app"}, 5, 10).value().size(), 1u);
  EXPECT_EQ(list_history(*db, {"prod", "app"}, 0, 1).value().size(), 1u);
  EXPECT_TRUE(list_history(*db, {"other", "app"}, 0, 10).value().empty());
  const auto sequences = [&](EventSequence at, Timestamp at_time) {
    std::map<std::string, EventSequence> found;
    const auto past = find_past_deployments(*db, {"prod", "app"}, at, at_time).value();
    for (const auto& [name, one] : past) found[name] = one.sequence;
    return found;
  };
  using Found = std::map<std::string, EventSequence>;
  EXPECT_EQ(sequences(7, {}), (Found{{"app", 5}, {"app:db", 2}, {"app:db:disk", 6}}));
  EXPECT_EQ(sequences(1, {}), (Found{{"app", 1}}));
  EXPECT_EQ(sequences(0, {5}), (Found{{"app", 5}, {"app:db", 2}}));
  EXPECT_EQ(sequences(UINT64_MAX, {}), (Found{{"app", 5}, {"app:db", 8}, {"app:db:disk", 6}}));
  EXPECT_TRUE(load(*db).deployments.empty()) << "no part of what is held in memory";
}

TEST(Rows, EveryMemberOfTheModelIsStored) {
  EXPECT_EQ(stored_count<state::Hold>(), member_count<state::Hold>());
  // The deployment's own fields lie among its others.
  EXPECT_EQ(stored_count<DeploymentChange>(), member_count<DeploymentChange>() - 1 + member_count<state::Deployment>());

  EXPECT_EQ(stored_count<Job>(), member_count<Job>());
  EXPECT_EQ(stored_count<JobPlan>(), member_count<JobPlan>());
  EXPECT_EQ(stored_count<Task>(), member_count<Task>());
  EXPECT_EQ(stored_count<Agent>(), member_count<Agent>());
  EXPECT_EQ(stored_count<Redo>(), member_count<Redo>());
  EXPECT_EQ(stored_count<StrayTask>(), member_count<StrayTask>());
  EXPECT_EQ(stored_count<Principal>(), member_count<Principal>());
  EXPECT_EQ(stored_count<Invitation>(), member_count<Invitation>());
  EXPECT_EQ(stored_count<Lock>(), member_count<Lock>());
  EXPECT_EQ(stored_count<AnsweredRequest>(), member_count<AnsweredRequest>());
  EXPECT_EQ(stored_count<state::Environment>(), member_count<state::Environment>());
  EXPECT_EQ(stored_count<state::ConvergePolicy>(), member_count<state::ConvergePolicy>());
  EXPECT_EQ(stored_count<state::Deployment>(), member_count<state::Deployment>());
  EXPECT_EQ(stored_count<state::StageRecord>(), member_count<state::StageRecord>());
  EXPECT_EQ(stored_count<state::Status>(), member_count<state::Status>());
  EXPECT_EQ(stored_count<protocol::LogEntry>(), member_count<protocol::LogEntry>());
  EXPECT_EQ(stored_count<protocol::EventView>(), member_count<protocol::EventView>());
}

TEST(Rows, ARowReplacesTheOneOfTheSameKey) {
  const std::unique_ptr<Database> db = make_memory_database();
  Agent changed = agent("agent-1");
  commit(*db, {agent("agent-1"), agent("agent-2")});
  changed.environment = "stage";
  commit(*db, {changed});
  const State state = load(*db);
  ASSERT_EQ(state.agents.size(), 2u);
  EXPECT_EQ(state.agents.at("agent-1").environment, "stage");
  EXPECT_EQ(state.agents.at("agent-2").environment, "prod");
}

TEST(Rows, OnlyUnsettledJobsAreLoadedButAllAreFound) {
  const std::unique_ptr<Database> db = make_memory_database();
  Task task;
  task.id = {1, 0};
  commit(*db, {job(1, "e", "d", JobPhase::queued), JobPlan{1, 1}, task, job(2, "e", "d")});
  EXPECT_EQ(load(*db).jobs.size(), 2u);
  EXPECT_EQ(load(*db).tasks.size(), 1u);
  commit(*db, {job(1, "e", "d", JobPhase::settled)});
  const State state = load(*db);
  EXPECT_FALSE(state.jobs.contains(1));
  EXPECT_TRUE(state.jobs.contains(2));
  EXPECT_TRUE(state.tasks.empty());
  EXPECT_TRUE(state.plans.empty());
  EXPECT_EQ(state.last_job, 2u);
  EXPECT_EQ(find_job(*db, 1).value().value().phase, JobPhase::settled);
  EXPECT_EQ(load_tasks(*db, 1).value().size(), 1u);
  EXPECT_FALSE(find_job(*db, 3).value());
  EXPECT_EQ(find_plan(*db, 1).value().value().metadata, Value(1));
  EXPECT_FALSE(find_plan(*db, 2).value());
}

TEST(Rows, TasksOfAJobComeInOrder) {
  const std::unique_ptr<Database> db = make_memory_database();
  for (const std::uint32_t index : {300u, 2u, 0u, 1u}) {
    Task task;
    task.id = {5, index};
    Task other;
    other.id = {index % 2 == 0 ? JobId{4} : JobId{6}, index};
    commit(*db, {task, other});
  }
  std::vector<std::uint32_t> found;
  const std::vector<Task> tasks = load_tasks(*db, 5).value();
  for (const Task& task : tasks) found.push_back(task.id.index);
  EXPECT_EQ(found, (std::vector<std::uint32_t>{0, 1, 2, 300}));
}

TEST(Rows, JobsAreListedNewestFirstByPlace) {
  const std::unique_ptr<Database> db = make_memory_database();
  for (JobId number = 1; number <= 12; ++number) {
    // 1 prod/a, 2 prod/ab, 3 stage/a, 4 prod/a …
    const char* environment = number % 3 == 0 ? "stage" : "prod";
    commit(*db, {job(number, environment, number % 3 == 2 ? "ab" : "a", JobPhase::settled)});
  }
  const auto numbers = [&](std::string_view environment, std::string_view deployment, JobId before, int limit) {
    std::vector<JobId> all;
    const std::vector<Job> jobs = list_jobs(*db, environment, deployment, before, limit).value();
    for (const Job& job : jobs) all.push_back(job.number);
    return all;
  };
  using Numbers = std::vector<JobId>;
  EXPECT_EQ(numbers("", "", 0, 3), (Numbers{12, 11, 10}));
  EXPECT_EQ(numbers("", "", 10, 3), (Numbers{9, 8, 7}));
  EXPECT_EQ(numbers("", "", 2, 3), (Numbers{1}));
  EXPECT_EQ(numbers("", "", 1, 3), (Numbers{}));
  EXPECT_EQ(numbers("", "", 0, 0), (Numbers{}));
  EXPECT_EQ(numbers("prod", "", 0, 100), (Numbers{11, 10, 8, 7, 5, 4, 2, 1}));
  EXPECT_EQ(numbers("prod", "", 7, 2), (Numbers{5, 4}));
  EXPECT_EQ(numbers("prod", "a", 0, 100), (Numbers{10, 7, 4, 1}));
  EXPECT_EQ(numbers("prod", "a", 10, 2), (Numbers{7, 4}));
  EXPECT_EQ(numbers("prod", "a", 1, 2), (Numbers{}));
  EXPECT_EQ(numbers("prod", "ab", 0, 100), (Numbers{11, 8, 5, 2}));
  EXPECT_EQ(numbers("stage", "a", 0, 100), (Numbers{12, 9, 6, 3}));
  EXPECT_EQ(numbers("", "ab", 0, 2), (Numbers{11, 8}));
  EXPECT_EQ(numbers("none", "", 0, 2), (Numbers{}));
  commit(*db, {job(1, "prod", "moved", JobPhase::settled)});
  EXPECT_EQ(numbers("prod", "a", 0, 100), (Numbers{10, 7, 4}));
  EXPECT_EQ(numbers("prod", "moved", 0, 100), (Numbers{1}));
}

TEST(Rows, ALogIsReadInPieces) {
  const std::unique_ptr<Database> db = make_memory_database();
  for (std::uint64_t i = 1; i <= 300; ++i)
    commit(*db, {LogLine{7, entry(i, 10)}, LogLine{6, entry(i)}, LogLine{8, entry(i)}});
  const auto read = [&](std::uint64_t from, int limit, std::size_t bytes) {
    return read_log(*db, 7, from, limit, bytes).value();
  };
  EXPECT_EQ(read(1, 1000, SIZE_MAX).size(), 300u);
  EXPECT_EQ(read(299, 1000, SIZE_MAX).size(), 2u);
  EXPECT_EQ(read(301, 1000, SIZE_MAX).size(), 0u);
  EXPECT_EQ(read(1, 5, SIZE_MAX).size(), 5u);
  EXPECT_EQ(read(256, 5, SIZE_MAX).front().sequence, 256u);
  EXPECT_EQ(read(1, 1000, 1).size(), 1u);   // always one, so that a reader gets on
  EXPECT_EQ(read(1, 1000, 23).size(), 3u);  // 11 bytes each
  EXPECT_EQ(read(1, 0, SIZE_MAX).size(), 0u);
}

TEST(Rows, EventsAreReadAboveASequence) {
  const std::unique_ptr<Database> db = make_memory_database();
  EXPECT_EQ(newest_event(*db).value(), 0u);
  for (EventSequence i = 1; i <= 300; ++i) commit(*db, {event(i)});
  EXPECT_EQ(newest_event(*db).value(), 300u);
  EXPECT_EQ(read_events(*db, 0, 1000).value().size(), 300u);
  EXPECT_EQ(read_events(*db, 255, 1).value().front().sequence, 256u);
  EXPECT_TRUE(read_events(*db, 300, 10).value().empty());
  EXPECT_TRUE(read_events(*db, UINT64_MAX, 10).value().empty());
}

TEST(Rows, AnswersAreRemovedOneByOne) {
  const std::unique_ptr<Database> db = make_memory_database();
  commit(*db, {AnsweredRequest{"ann", "old", 1, {10}}, AnsweredRequest{"ann", "new", 2, {20}},
               AnsweredRequest{"bob", "old", 3, {19}}});
  commit(*db, {RemovedAnswer{"ann", "old"}, RemovedAnswer{"bob", "old"}});
  const State state = load(*db);
  ASSERT_EQ(state.answered.size(), 1u);
  EXPECT_TRUE(state.answered.contains({"ann", "new"}));
}

TEST(Rows, TheDeepestValueThatMayArriveCanBeStored) {
  Value deep = 1;
  for (std::size_t i = 0; i < codec::max_depth; ++i) deep = Value::List{deep};
  ASSERT_TRUE(codec::from_msgpack(codec::to_msgpack(deep)));
  state::Deployment d = full_deployment();
  d.stages["deploy"].inputs = {{"deep", deep}};
  const std::unique_ptr<Database> db = make_memory_database();
  commit(*db, {d});
  EXPECT_EQ(load(*db).deployments.at({"prod", "_/main"}), d);
}

TEST(Rows, ARowHasItsVersionFirstAndItsFieldsInPlainMsgpack) {
  EXPECT_EQ(
      codec::to_json(codec::from_msgpack(to_row(Lock{{"e", "d"}, 1, {2}, {3}}, Table::locks, "e", nullptr)).value()),
      R"({"v":1,"of":{"environment":"e","deployment":"d"},"holder":1,"since":2,"waiting":[3]})");
}

TEST(Rows, UnreadableRowsAreNamed) {
  const auto error_of = [](const Write& write) {
    const std::unique_ptr<Database> db = make_memory_database();
    EXPECT_TRUE(db->commit({write}));
    const Result<State> state = load_state(*db);
    return state ? Error{ErrorKind::internal, "loaded", {}, {}} : state.error();
  };
  const auto row = [](Value value) { return codec::to_msgpack(value); };
  using O = Value::Object;
  const Error damaged = error_of({Table::agents, "a1", "\xc1"});
  EXPECT_EQ(damaged.kind, ErrorKind::storage);
  EXPECT_NE(damaged.message.find("agents 6131"), std::string::npos) << damaged.message;
  const Error newer = error_of({Table::agents, "a1", row(O{{"v", 2}})});
  EXPECT_EQ(newer.kind, ErrorKind::bad_data);
  EXPECT_NE(newer.message.find("newer version"), std::string::npos);
  EXPECT_EQ(error_of({Table::locks, "a", row(O{{"holder", 1}})}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::locks, "a", row(O{{"v", 1}, {"holder", "x"}})}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::locks, "a", row(Value::List{})}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::jobs, job_key(job_prefix::live, 4), ""}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::jobs, "l?", ""}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::events, "short", ""}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::meta, std::string(meta_key::instance), "short"}).kind, ErrorKind::storage);
  EXPECT_EQ(error_of({Table::meta, std::string(meta_key::epoch), "x"}).kind, ErrorKind::storage);
}

}  // namespace rows_test
}  // namespace escape::store
