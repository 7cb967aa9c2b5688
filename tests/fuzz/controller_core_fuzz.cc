// The controller's core with an admin, an operator and two agents, all of which say whatever the input says, while
// sessions break, answers of the inventory come late or wrong, time jumps and the controller starts again. Checked
// after every input: what it remembers is what it handed out to be stored, a start from the database gives the same,
// locks and jobs fit, and everything that it says can be read by whoever it is said to.
#include <algorithm>
#include <optional>
#include <variant>

#include "controller/core/core.h"
#include "controller/core/recorder.h"
#include "controller/store/rows.h"
#include "shared/base/check.h"
#include "shared/codec/domain.h"
#include "tests/fuzz/input.h"

namespace escape::controller {
namespace {

using protocol::JobKind;

const std::string admin_key;  // this very process
const std::string operator_key(32, 'o');

std::string agent_key(std::uint64_t agent) { return std::string(32, static_cast<char>('a' + agent)); }
std::string agent_name(std::uint64_t agent) { return "s" + std::to_string(agent); }

release::ReleaseRecord make_release(std::string name, std::string version) {
  release::ReleaseRecord record;
  record.sha256 = "sha-of-" + version;
  record.size = 100;
  record.metadata.name = std::move(name);
  record.metadata.project = "pp";
  record.metadata.version = std::move(version);
  release::Variable who;
  who.id = "who";
  who.fallback = Value("World");
  record.metadata.inputs = {who};
  for (const char* step : {"pre_deploy", "deploy", "smoke", "destroy"}) {
    record.metadata.stages[step].script = std::string(step) + ".sh";
  }
  record.id = release::release_id_of(record.metadata).value();
  return record;
}

class World {
 public:
  /// The life of a controller that has enrolled everybody before. Made once: it costs more than most inputs.
  explicit World(fuzz::Input& input) : World(input, enrolled()) {
    ++replay_.epoch;
    begin();
    for (std::uint64_t agent = 0; agent < 2; ++agent) {
      feed(input::AgentMessage{1 + agent, agent_key(agent), protocol::Hello{}});
    }
  }

  void step() {
    switch (input_.below(12)) {
      case 0:
      case 1:
        hear_agent(likely_agent_message());
        break;
      case 2:
        hear_agent_bytes();
        break;
      case 3:
      case 4:
        ask(likely_request());
        break;
      case 5:
        ask_bytes();
        break;
      case 6:
        answer_query();
        break;
      case 7:
        pass(Micros{static_cast<std::int64_t>(input_.number(2)) * 10'000});
        break;
      case 8:
        pass(wake_at_ && *wake_at_ > now_.steady ? *wake_at_ - now_.steady : Micros{0});
        break;
      case 9:
        feed(input::SessionGone{1 + input_.below(16)});
        break;
      case 10:
        restart();
        break;
      case 11:
        feed(input::Resumed{});
        break;
    }
  }

 private:
  World(fuzz::Input& input, State state) : input_(input), replay_(std::move(state)), last_event_(replay_.last_event) {
    std::vector<store::Write> batch;
    append_all(replay_.environments, batch);
    append_all(replay_.agents, batch);
    append_all(replay_.principals, batch);
    append_all(replay_.invitations, batch);
    append_all(replay_.answered, batch);
    CHECK(disk_->commit(batch).has_value());
  }

  template <class Rows>
  static void append_all(const Rows& rows, std::vector<store::Write>& batch) {
    for (const auto& [key, row] : rows) store::append_writes(row, batch, nullptr);
  }

  static const State& enrolled() {
    static const State state = [] {
      fuzz::Input nothing(nullptr, 0);
      State fresh;
      fresh.instance = std::string(16, 'i');
      fresh.epoch = 1;
      World world(nothing, fresh);
      world.begin();
      world.enrol();
      State done = world.core_->state();
      done.last_event = 0;  // the events themselves are not carried over
      return done;
    }();
    return state;
  }

  void begin() {
    CHECK(disk_->commit(store::start_writes(replay_)).has_value());
    core_ = std::make_unique<Core>(replay_, Settings{});
    feed(input::Started{});
  }

  /// As people do it; the keys are the wrong ones only in what the input says later.
  void enrol() {
    protocol::request::Invite invite;
    invite.environment = "stage";
    for (std::uint64_t agent = 0; agent < 2; ++agent) {
      invite.role = "agent";
      invite.key = std::string(32, static_cast<char>('0' + agent));
      feed(input::ClientMessage{0, admin_key, next_id(), invite});
      protocol::Join join;
      join.name = agent_name(agent);
      join.public_key = agent_key(agent);
      feed(input::AgentMessage{++last_session_, invite.key, join});
    }
    invite.role = "operator";
    invite.name = "ann";
    invite.environments = {"stage"};
    invite.key = std::string(32, '9');
    feed(input::ClientMessage{0, admin_key, next_id(), invite});
    feed(input::ClientMessage{0, invite.key, next_id(), protocol::request::Enrol{"ann", operator_key}});
    CHECK(core_->state().agents.size() == 2 && core_->state().principals.size() == 1);
  }

  std::string next_id() { return "r" + std::to_string(++last_request_); }
  TaskId any_task() { return {1 + input_.below(4), static_cast<std::uint32_t>(input_.below(4))}; }
  Attempt any_attempt() { return 1 + static_cast<Attempt>(input_.below(3)); }

  protocol::FromAgent likely_agent_message() {
    switch (input_.below(6)) {
      case 0: {
        protocol::Hello hello;
        hello.host.boot_id = input_.below(4) == 0 ? "boot-2" : "boot-1";
        hello.placement = input_.below(8) == 0 ? "workspace" : "environment";
        for (std::uint64_t left = input_.below(3); left > 0; --left) {
          const auto phase = static_cast<protocol::AgentTaskPhase>(input_.below(3));
          hello.holds.push_back({any_task(), any_attempt(), phase, input_.any_number()});
        }
        return hello;
      }
      case 1:
        return protocol::Accepted{any_task(), any_attempt()};
      case 2:
        return protocol::Declined{any_task(), any_attempt(), "no"};
      case 3: {
        const TaskId task = any_task();
        return protocol::Output{task, any_attempt(), input_.any_number(), Binary{std::string(input_.take(5))}};
      }
      case 4: {
        protocol::Finished finished;
        finished.task = any_task();
        finished.attempt = any_attempt();
        finished.outcome = static_cast<protocol::TaskOutcome>(input_.below(6));
        finished.tail_offset = input_.any_number();
        finished.tail.bytes = input_.take(5);
        finished.output_bytes = finished.tail_offset + finished.tail.bytes.size();
        if (finished.output_bytes < finished.tail_offset) return protocol::Ping{};
        return finished;
      }
      default:
        return input_.below(2) == 0 ? protocol::FromAgent(protocol::Ping{}) : protocol::Bye{};
    }
  }

  void hear_agent(const protocol::FromAgent& message) {
    const std::uint64_t who = input_.below(4);  // two are persons, whose processes run jobs of a workspace
    const std::string key = who < 2 ? agent_key(who) : who == 2 ? operator_key : admin_key;
    const SessionId session = std::holds_alternative<protocol::Hello>(message) ? 1 + input_.below(16) : 1 + who;
    feed(input::AgentMessage{session, key, message});
  }

  void hear_agent_bytes() {
    const std::string_view type = input_.line();
    const Result<protocol::FromAgent> message = protocol::decode_from_agent(type, input_.text());
    if (message) hear_agent(message.value());
  }

  protocol::Request likely_request() {
    switch (input_.below(8)) {
      case 0:
      case 1: {
        protocol::request::Submit submit;
        submit.kind = static_cast<JobKind>(input_.below(9));
        submit.environment = "stage";
        submit.release = input_.below(2) == 0 ? "pp/aa-latest" : "pp/bb-v1";
        submit.deployment = input_.below(2) == 0 ? "" : "greeter";
        submit.from_environment = "stage";
        if (submit.kind == JobKind::promote) submit.release.clear();  // whatever the source runs
        submit.refresh = input_.below(2) == 0;
        submit.back_to = input_.below(3) == 0 ? input_.below(40) : 0;
        if (submit.kind == JobKind::promote && input_.below(3) == 0) {
          submit.deployment.clear();
          submit.together = {"greeter", "pp/aa"};
        }
        if (input_.below(6) == 0) submit.plan = "plan-0123456789abcdef";
        if (input_.below(4) == 0) {
          submit.workspace = "/work";
          submit.metadata = codec::metadata_to_value(make_release("aa", "1").metadata);
        }
        return submit;
      }
      case 2:
        return protocol::request::CancelJob{1 + input_.below(4)};
      case 3:
        return protocol::request::RetryJob{1 + input_.below(4)};
      case 4: {
        protocol::request::ResolveJob resolve;
        resolve.job = 1 + input_.below(4);
        resolve.is_ok = input_.below(2) == 0;
        resolve.reason = "because";
        return resolve;
      }
      case 5: {
        protocol::request::ApplyEnvironment apply;
        apply.environment = "stage";
        apply.deployments = {{.deployment = "greeter", .release = "pp/aa-latest", .inputs = {}}};
        return apply;
      }
      case 6:
        return protocol::request::RemoveAgent{agent_name(input_.below(2))};
      default:
        if (input_.below(2) == 0) return likely_import();
        if (input_.below(2) == 0) {
          return protocol::request::SetHold{"stage", "greeter", input_.below(2) == 0, "because"};
        }
        return protocol::request::CreateDeployment{"stage", "greeter", "pp/aa-v1", {}};
    }
  }

  protocol::Request likely_import() {
    state::EnvironmentState stage{{.name = "stage"}, {}};
    for (const char* name : {"greeter", "greeter:db"}) {
      state::Deployment& row = stage.deployments[name];
      row.environment = "stage";
      row.name = name;
      row.release = "pp/aa";
      state::StageRecord& record = row.stages["deploy"];
      record.release.version = "1";
      record.status.code = static_cast<state::StatusCode>(input_.below(16));
    }
    protocol::request::ImportState import;
    import.state = codec::project_to_state_json("team", {stage});
    import.replace = input_.below(4) != 0;
    return import;
  }

  void ask(protocol::Request request) {
    // Reads are answered from the store, elsewhere.
    if (!protocol::changes_something(request)) return;
    input::ClientMessage message{0, input_.below(4) == 0 ? operator_key : admin_key, next_id(), std::move(request)};
    if (input_.below(8) == 0) message.request_id = "r101";  // again, or another under the same id
    if (const auto* retry = std::get_if<protocol::request::RetryJob>(&message.request)) {
      message.past = find_past(retry->job);
    }
    if (const auto* submit = std::get_if<protocol::request::Submit>(&message.request)) {
      const auto history = store::list_history(*disk_, {submit->environment, submit->deployment}, 0, 100);
      CHECK(history.has_value());
      message.history = history.value();
    }
    const std::size_t before = replies_;
    feed(std::move(message));
    CHECK(replies_ == before + 1);
  }

  std::optional<PastJob> find_past(JobId number) const {
    const auto found = store::find_job(*disk_, number);
    CHECK(found.has_value());
    if (!found.value() || found.value()->phase != JobPhase::settled) return std::nullopt;
    PastJob past{*found.value(), {}};
    for (const JobId child : past.job.children) {
      const auto row = store::find_job(*disk_, child);
      if (row && row.value()) past.children.push_back(*row.value());
    }
    return past;
  }

  void ask_bytes() {
    const std::string_view type = input_.line();
    const Result<protocol::FromClient> message = protocol::decode_from_client(type, input_.text());
    if (!message) return;
    if (const auto* asked = std::get_if<protocol::ClientRequest>(&message.value())) ask(asked->request);
  }

  void answer_query() {
    if (queries_.empty()) return;
    const Effects::Resolve query = queries_.front();
    queries_.erase(queries_.begin());
    if (input_.below(4) == 0) {
      feed(input::Resolved{query.job, fail(ErrorKind::not_found, "there is no such release")});
      return;
    }
    std::vector<release::ReleaseRecord> records;
    if (query.query) {
      records.push_back(make_release(query.query->application.name, input_.below(2) == 0 ? "1" : "2"));
      release::Metadata& metadata = records.front().metadata;
      if (input_.below(4) == 0) metadata.stages.clear();
      if (input_.below(4) == 0) metadata.idempotent = true;
      add_relations(metadata);
    }
    // Sometimes without what was asked for, or with what it needs in turn left out.
    for (const std::string& id : query.also) {
      if (input_.below(8) == 0) continue;
      if (const Result<release::ReleaseId> exact = release::parse_release_id(id)) {
        records.push_back(make_release(exact.value().application.name, exact.value().version.text()));
        records.back().metadata.provides = {"kube"};
      }
    }
    feed(input::Resolved{query.job, std::move(records)});
  }

  /// What leads to other deployments.
  void add_relations(release::Metadata& metadata) {
    if (input_.below(4) == 0) metadata.provides = {"kube"};
    if (input_.below(4) == 0) metadata.extends = {"pp/part-v1"};
    if (input_.below(4) == 0) metadata.consumes = {{.name = "kube", .variable = "kube"}};
    if (input_.below(3) != 0) return;
    release::Dependency dependency{.release_id = "pp/dep-v" + std::to_string(1 + input_.below(2))};
    dependency.variable = "dep";
    dependency.deploy_mapping = {{"who", input_.below(2) == 0 ? "$this.inputs.who" : "$other.outputs.url"}};
    metadata.depends = {dependency};
    if (input_.below(3) != 0) return;
    dependency.variable = "other";
    dependency.deploy_mapping = {{"who", "$dep.deployment"}};
    if (input_.below(2) == 0) dependency.consumes = {{"kube", "$dep.deployment"}};
    metadata.depends.push_back(dependency);
  }

  void pass(Micros time) {
    now_.wall = now_.wall + time;
    now_.steady = now_.steady + time;
    feed(input::Tick{});
    CHECK(!wake_at_ || *wake_at_ > now_.steady);
  }

  void restart() {
    Result<State> state = store::load_state(*disk_);
    CHECK(state.has_value());
    CHECK(state.value() == replay_);
    ++replay_.epoch;
    queries_.clear();
    begin();
  }

  void feed(Input input) {
    const Effects effects = core_->on(input, now_);
    wake_at_ = effects.wake_at;
    std::vector<store::Write> batch;
    for (const Change& change : effects.changes) {
      if (const auto* event = std::get_if<protocol::EventView>(&change)) CHECK(event->sequence == ++last_event_);
      if (const auto* job = std::get_if<Job>(&change)) check_not_settled(*job);
      apply(replay_, change);
      store::append_writes(change, batch, nullptr);
    }
    CHECK(disk_->commit(batch).has_value());
    for (const Effects::ToAgentSession& out : effects.to_agents) check_readable(out.message);
    for (const Effects::ToClientSession& out : effects.to_clients) check_readable(out.reply);
    replies_ += effects.to_clients.size();
    queries_.insert(queries_.end(), effects.resolve.begin(), effects.resolve.end());
    check();
  }

  void check_not_settled(const Job& job) const {
    const auto stored = store::find_job(*disk_, job.number);
    CHECK(stored.has_value());
    CHECK(!stored.value() || stored.value()->phase != JobPhase::settled);
  }
  static void check_readable(const protocol::ToAgent& message) {
    const protocol::TypedBody typed = protocol::encode(message);
    CHECK(protocol::decode_to_agent(typed.type, typed.body).has_value());
  }
  static void check_readable(const protocol::ClientReply& reply) {
    const protocol::TypedBody typed = protocol::encode(protocol::ToClient(reply));
    CHECK(protocol::decode_to_client(typed.type, typed.body).has_value());
  }

  void check() const {
    const State& state = core_->state();
    CHECK(state == replay_);
    for (const auto& [key, lock] : state.locks) {
      CHECK(state.jobs.contains(lock.holder) && state.jobs.at(lock.holder).phase == JobPhase::running);
      for (const JobId waiting : lock.waiting) CHECK(state.jobs.at(waiting).phase == JobPhase::queued);
    }
    for (const auto& [number, job] : state.jobs) check_job(state, job);
    for (const auto& [key, deployment] : state.deployments) {
      for (const auto& [name, stage] : deployment.stages) {
        CHECK(!state::is_running(stage.status.code) || state.jobs.contains(stage.job));
      }
    }
  }

  void check_job(const State& state, const Job& job) const {
    CHECK(job.phase != JobPhase::settled);
    const auto lock = state.locks.find({job.environment, job.kind == JobKind::converge ? "" : job.deployment});
    CHECK(lock != state.locks.end());
    const bool waits = std::ranges::find(lock->second.waiting, job.number) != lock->second.waiting.end();
    CHECK(waits == (job.phase == JobPhase::queued));
    CHECK(waits || lock->second.holder == job.number);
    if (job.phase != JobPhase::running || job.kind == JobKind::converge) return;
    if (job.task_count == 0) return;  // its releases are being looked up
    CHECK(!job.at.empty());
    for (const std::uint32_t index : job.at) {
      const auto task = state.tasks.find({job.number, index});
      CHECK(task != state.tasks.end());
      const TaskPhase phase = task->second.phase;
      CHECK(phase != TaskPhase::settled && phase != TaskPhase::skipped);
      CHECK(wake_at_ || phase == TaskPhase::accepted || phase == TaskPhase::unknown);
    }
  }

  fuzz::Input& input_;
  Now now_{Timestamp{1'800'000'000'000'000}, Instant{1'000'000'000}};
  std::unique_ptr<store::Database> disk_ = store::make_memory_database();
  State replay_;
  std::unique_ptr<Core> core_;
  std::optional<Instant> wake_at_;
  std::vector<Effects::Resolve> queries_;
  SessionId last_session_ = 100;
  int last_request_ = 100;
  std::size_t replies_ = 0;
  EventSequence last_event_;
};

}  // namespace
}  // namespace escape::controller

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  escape::controller::World world(input);
  constexpr int most_steps = 200;  // of some hundred microseconds each
  for (int steps = 0; steps < most_steps && !input.is_empty(); ++steps) world.step();
  return 0;
}
