#include "controller/core/harness_for_tests.h"

#include <gtest/gtest.h>

#include "controller/core/engine.h"
#include "shared/state/status.h"

namespace escape::controller::testing {

std::string test_key(std::string_view name) {
  std::string key(name);
  key.resize(32, '.');
  return key;
}

release::ReleaseRecord make_release(const std::string& id, const std::vector<std::string>& steps) {
  release::ReleaseRecord record;
  record.id = release::parse_release_id(id).value();
  record.sha256 = "sha-of-" + id;
  record.size = 100;
  record.metadata.name = record.id.application.name;
  record.metadata.project = record.id.application.project;
  record.metadata.version = record.id.version.text();
  release::Variable who;
  who.id = "who";
  who.fallback = Value("World");
  record.metadata.inputs = {who};
  for (const std::string& step : steps) record.metadata.stages[step].script = step + ".sh";
  return record;
}

protocol::Hello ScriptedAgent::hello() const {
  protocol::Hello hello;
  hello.host.hostname = name;
  hello.host.boot_id = boot_id;
  hello.placement = placement;
  hello.labels = labels;
  hello.abilities = abilities;
  for (const auto& [task, held] : journal) {
    const auto phase = held.is_finished ? protocol::AgentTaskPhase::finished : protocol::AgentTaskPhase::running;
    hello.holds.push_back({task, held.attempt, phase, held.result.output_bytes});
  }
  return hello;
}

std::map<TaskId, std::string> ScriptedAgent::under_way() const {
  std::map<TaskId, std::string> names;
  for (const auto& [task, held] : journal) {
    if (!held.is_finished) names.emplace(task, held.name);
  }
  return names;
}

std::set<std::string> ScriptedAgent::running() const {
  std::set<std::string> names;
  for (const auto& [task, name] : under_way()) names.insert(name);
  return names;
}

protocol::Finished ScriptedAgent::finish(TaskId task, protocol::TaskOutcome how) {
  Held& held = journal.at(task);
  if (held.is_finished) return held.result;
  held.is_finished = true;
  protocol::Finished& result = held.result;
  result.task = task;
  result.attempt = held.attempt;
  result.outcome = how;
  result.exit_status = how == protocol::TaskOutcome::failed ? 1 : 0;
  if (how == protocol::TaskOutcome::failed) {
    result.message = "Failed to successfully execute command './deploy.sh': exit status 1";
  }
  result.outputs = outputs;
  result.has_outputs = !outputs.empty();
  result.tail = Binary{output};
  result.output_bytes = output.size();
  return result;
}

std::vector<protocol::FromAgent> ScriptedAgent::take(const protocol::ToAgent& message) {
  heard.push_back(message);
  if (is_deaf) return {};
  std::vector<protocol::FromAgent> answers;
  if (const auto* offer = std::get_if<protocol::Offer>(&message)) {
    offers.push_back(*offer);
    beside.push_back(under_way());
    if (never_to_run.contains(offer->task)) return {protocol::Declined{offer->task, offer->attempt, "already settled"}};
    auto known = journal.find(offer->task);
    if (known != journal.end() && known->second.attempt < offer->attempt) {
      if (!known->second.is_finished) return {protocol::Declined{offer->task, offer->attempt, "an attempt still runs"}};
      journal.erase(known);
      known = journal.end();
    }
    if (known == journal.end()) {
      // A result that was committed and forgotten is not asked for again: the controller knows it.
      journal[offer->task] = {offer->attempt, false, {}, offer->deployment + " " + offer->step};
      ++starts[{offer->task, offer->attempt}];
    }
    answers.push_back(protocol::Accepted{offer->task, offer->attempt});
    if (finishes_at_once) finish(offer->task, outcome);
    if (journal.at(offer->task).is_finished) answers.push_back(journal.at(offer->task).result);
  }
  if (const auto* committed = std::get_if<protocol::ResultCommitted>(&message)) {
    auto known = journal.find(committed->task);
    if (known != journal.end() && known->second.attempt == committed->attempt) journal.erase(known);
  }
  const auto stop = [&](TaskId task) {
    if (journal.contains(task)) answers.push_back(finish(task, protocol::TaskOutcome::cancelled));
  };
  if (const auto* cancel = std::get_if<protocol::Cancel>(&message)) {
    stop(cancel->task);
    if (answers.empty()) {
      never_to_run.insert(cancel->task);
      answers.push_back(protocol::Declined{cancel->task, cancel->attempt, "not held by this agent"});
    }
  }
  if (const auto* welcome = std::get_if<protocol::Welcome>(&message)) {
    for (TaskId task : welcome->forget) journal.erase(task);
    for (TaskId task : welcome->cancel) stop(task);
    for (const auto& [task, held] : journal) {
      if (held.is_finished) answers.push_back(held.result);
    }
  }
  return answers;
}

Harness::Harness(Settings s) : settings(std::move(s)) {
  replay.instance = std::string(16, 'i');
  replay.epoch = 1;
  core = std::make_unique<Core>(replay, settings);
  feed(input::Started{});
}

void Harness::feed(Input input) {
  on_their_way.push_back(std::move(input));
  settle_all();
}

void Harness::settle_all() {
  while (!on_their_way.empty()) {
    const Input input = std::move(on_their_way.front());
    on_their_way.pop_front();
    last = core->on(input, now);
    carry_out();
    check();
  }
}

void Harness::carry_out() {
  rows_written += last.changes.size();
  for (const Change& change : last.changes) {
    apply(replay, change);
    if (const auto* row = std::get_if<state::Deployment>(&change)) ++deployments_written[{row->environment, row->name}];
    if (const auto* event = std::get_if<protocol::EventView>(&change)) events.push_back(*event);
    if (const auto* line = std::get_if<LogLine>(&change)) logs[line->root].push_back(line->entry);
    if (const auto* row = std::get_if<Job>(&change)) {
      EXPECT_FALSE(settled.contains(row->number)) << "job " << row->number << " changes after it has settled";
      if (row->phase == JobPhase::settled) settled[row->number] = *row;
    }
    if (const auto* row = std::get_if<Task>(&change)) settled_tasks[row->id] = *row;
    if (const auto* row = std::get_if<DeploymentChange>(&change)) {
      history[{row->deployment.environment, row->deployment.name}].push_back(*row);
    }
  }
  for (const Effects::ToClientSession& out : last.to_clients) replies.push_back(out.reply);
  for (const Effects::ToAgentSession& out : last.to_agents) {
    if (holds_back) {
      held_back.push_back({out.session, out.message});
      continue;
    }
    auto agent = connected.find(out.session);
    if (agent == connected.end()) continue;
    for (protocol::FromAgent& answer : agent->second->take(out.message)) {
      on_their_way.push_back(input::AgentMessage{out.session, agent->second->key, std::move(answer)});
    }
  }
  for (SessionId closed : last.close) {
    auto agent = connected.find(closed);
    if (agent == connected.end()) continue;
    if (agent->second->session == closed) agent->second->session = 0;
    connected.erase(agent);
  }
  for (const Effects::Resolve& query : last.resolve) {
    if (!answers_queries) {
      queries.push_back(query);
      continue;
    }
    const auto find = [&](const release::ReleaseQuery& one) -> Result<release::ReleaseRecord> {
      auto found = releases.find(to_string(one));
      if (found != releases.end()) return found->second;
      return fail(ErrorKind::not_found, to_string(one) + " could not be found");
    };
    on_their_way.push_back(input::Resolved{query.job, resolve_all(query.query, query.also, find)});
  }
}

void Harness::check() {
  const State& s = core->state();
  ASSERT_EQ(replay.jobs, s.jobs);
  ASSERT_EQ(replay.tasks, s.tasks);
  ASSERT_EQ(replay.deployments, s.deployments);
  ASSERT_TRUE(replay == s) << "what was committed is not what the core remembers";
  for (const auto& [key, lock] : s.locks) {
    ASSERT_TRUE(s.jobs.contains(lock.holder)) << "a lock without a living holder: " << key.deployment;
    ASSERT_EQ(s.jobs.at(lock.holder).phase, JobPhase::running);
    for (JobId waiting : lock.waiting) ASSERT_EQ(s.jobs.at(waiting).phase, JobPhase::queued);
  }
  for (const auto& [number, job] : s.jobs) {
    ASSERT_NE(job.phase, JobPhase::settled);
    if (is_set(job)) {
      ASSERT_EQ(job.phase, JobPhase::running);
      continue;
    }
    const Lock& lock = s.locks.at({job.environment, job.kind == JobKind::converge ? "" : job.deployment});
    const bool waits = std::ranges::find(lock.waiting, number) != lock.waiting.end();
    ASSERT_EQ(waits, job.phase == JobPhase::queued) << "job " << number;
    ASSERT_TRUE(waits || lock.holder == number) << "job " << number;
    if (job.phase != JobPhase::running || job.kind == JobKind::converge || job.task_count == 0) continue;
    ASSERT_FALSE(job.at.empty()) << "job " << number << " runs and nothing is being worked on";
    for (const std::uint32_t index : job.at) {
      ASSERT_TRUE(s.tasks.contains({number, index})) << "job " << number;
      const TaskPhase phase = s.tasks.at({number, index}).phase;
      ASSERT_TRUE(phase != TaskPhase::settled && phase != TaskPhase::skipped) << "job " << number;
      ASSERT_TRUE(last.wake_at || phase == TaskPhase::accepted || phase == TaskPhase::unknown)
          << "nobody will look again";
    }
    for (const auto& [task, row] : s.tasks) {
      if (task.job != number || row.phase == TaskPhase::planned) continue;
      const bool is_over = row.phase == TaskPhase::settled || row.phase == TaskPhase::skipped;
      ASSERT_TRUE(is_over || std::ranges::find(job.at, task.index) != job.at.end()) << "nobody looks after it";
    }
  }
  for (const auto& [key, deployment] : s.deployments) {
    for (const auto& [name, stage] : deployment.stages) {
      ASSERT_TRUE(!state::is_running(stage.status.code) || s.jobs.contains(stage.job)) << key.deployment;
    }
  }
  for (const auto& [root, entries] : logs) {
    for (std::size_t& i = log_checked_[root]; i < entries.size(); ++i) {
      ASSERT_EQ(entries[i].sequence, i + 1) << "log of job " << root;
    }
  }
  for (std::size_t& i = events_checked_; i < events.size(); ++i) ASSERT_EQ(events[i].sequence, i + 1);
}

void Harness::tick(Micros later) {
  now.wall = now.wall + later;
  now.steady = now.steady + later;
  feed(input::Tick{});
}

void Harness::restart() {
  on_their_way.clear();
  queries.clear();
  held_back.clear();
  connected.clear();
  for (auto& [name, agent] : agents) agent->session = 0;
  ++replay.epoch;
  core = std::make_unique<Core>(replay, settings);
  feed(input::Started{});
}

ScriptedAgent& Harness::enrol(const std::string& name, const std::string& environment, bool connects) {
  protocol::request::Invite invite;
  invite.role = "agent";
  invite.environment = environment;
  invite.key = test_key("invitation of " + name);
  ask(invite);
  protocol::Join join;
  join.name = name;
  join.public_key = test_key(name);
  feed(input::AgentMessage{++last_session, invite.key, join});
  auto& agent = agents[name];
  agent = std::make_unique<ScriptedAgent>();
  agent->name = name;
  agent->key = test_key(name);
  if (connects) connect(*agent);
  return *agent;
}

void Harness::connect(ScriptedAgent& agent) {
  agent.session = ++last_session;
  connected[agent.session] = &agent;
  feed(input::AgentMessage{agent.session, agent.key, agent.hello()});
}

void Harness::disconnect(ScriptedAgent& agent) {
  const SessionId session = std::exchange(agent.session, 0);
  connected.erase(session);
  feed(input::SessionGone{session});
}

protocol::Reply Harness::ask(protocol::Request request, std::string id, std::string_view key) {
  if (id.empty()) id = "request-" + std::to_string(++last_request);
  const std::size_t before = replies.size();
  feed(client_message(key, id, std::move(request)));
  EXPECT_EQ(replies.size(), before + 1);
  return replies.at(before).reply;
}

Input Harness::client_message(std::string_view key, std::string id, protocol::Request request) const {
  input::ClientMessage message{0, std::string(key), std::move(id), std::move(request)};
  if (const auto* state = std::get_if<protocol::request::ImportState>(&message.request)) {
    message.digests = find_digests(*state, [this](const release::ReleaseId& id) -> Result<std::string> {
      auto found = releases.find(to_string(id));
      if (found == releases.end()) return fail(ErrorKind::not_found, "there is no such release");
      return found->second.sha256;
    });
  }
  const auto* retry = std::get_if<protocol::request::RetryJob>(&message.request);
  if (retry && settled.contains(retry->job)) {
    message.past = PastJob{settled.at(retry->job), {}};
    for (JobId child : message.past->job.children) {
      if (settled.contains(child)) message.past->children.push_back(settled.at(child));
    }
  }
  const auto of = [&](const DeploymentKey& key) {
    auto found = history.find(key);
    return found == history.end() ? std::vector<DeploymentChange>() : found->second;
  };
  if (const auto* asked = std::get_if<protocol::request::Submit>(&message.request)) {
    message.history = of({asked->environment, asked->deployment});
    std::ranges::reverse(message.history);
  }
  return message;
}

JobId Harness::submit(protocol::request::Submit asked) {
  const protocol::Reply reply = ask(std::move(asked));
  if (const auto* failed = std::get_if<protocol::reply::Failed>(&reply)) {
    ADD_FAILURE() << failed->message;
    return 0;
  }
  return std::get<protocol::reply::JobMade>(reply).job;
}

JobId Harness::deploy(const std::string& release, const std::string& environment) {
  protocol::request::Submit asked;
  asked.environment = environment;
  asked.release = release;
  return submit(asked);
}

protocol::reply::Failed Harness::refusal(protocol::Request request) {
  const State before = core->state();
  const protocol::Reply reply = ask(std::move(request));
  EXPECT_TRUE(core->state() == before) << "a refused request changed something";
  const auto* failed = std::get_if<protocol::reply::Failed>(&reply);
  EXPECT_NE(failed, nullptr);
  return failed ? *failed : protocol::reply::Failed{};
}

void Harness::finish(ScriptedAgent& agent, JobId number, protocol::TaskOutcome how) {
  for (const auto& [task, held] : std::map(agent.journal)) {
    if (task.job != number || held.is_finished) continue;
    const protocol::Finished result = agent.finish(task, how);
    if (agent.session != 0) feed(input::AgentMessage{agent.session, agent.key, result});
  }
}

void Harness::finish(ScriptedAgent& agent, const std::string& name, protocol::TaskOutcome how) {
  for (const auto& [task, held] : std::map(agent.journal)) {
    if (held.name != name || held.is_finished) continue;
    const protocol::Finished result = agent.finish(task, how);
    if (agent.session != 0) feed(input::AgentMessage{agent.session, agent.key, result});
    return;
  }
  ADD_FAILURE() << name << " does not run";
}

Job Harness::job(JobId number) const {
  if (auto found = settled.find(number); found != settled.end()) return found->second;
  return core->state().jobs.at(number);
}

const state::StageRecord& Harness::stage(const std::string& deployment, const std::string& environment,
                                         const std::string& stage) const {
  return core->state().deployments.at({environment, deployment}).stages.at(stage);
}

std::string Harness::status(const std::string& deployment, const std::string& environment) const {
  return std::string(name_of(stage(deployment, environment).status.code));
}

std::vector<std::string> Harness::log_texts(JobId root) const {
  std::vector<std::string> texts;
  auto found = logs.find(root);
  if (found == logs.end()) return texts;
  for (const protocol::LogEntry& entry : found->second) {
    std::string line;
    for (const std::string& section : entry.sections) line += section + ": ";
    texts.push_back(line + (entry.level == "output" ? entry.bytes.bytes : entry.text));
  }
  return texts;
}

std::string Harness::output(JobId root) const {
  std::string bytes;
  if (auto found = logs.find(root); found != logs.end()) {
    for (const protocol::LogEntry& entry : found->second) bytes += entry.bytes.bytes;
  }
  return bytes;
}

const protocol::EventView* Harness::last_event(std::string_view kind) const {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->kind == kind) return &*event;
  }
  return nullptr;
}

bool Harness::told(std::string_view kind) const {
  return std::ranges::any_of(events, [&](const auto& event) { return event.kind == kind; });
}

}  // namespace escape::controller::testing
