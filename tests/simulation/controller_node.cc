#include "tests/simulation/controller_node.h"

#include <fmt/core.h>

#include <algorithm>
#include <ranges>

#include "shared/base/mutant.h"
#include "shared/base/overloaded.h"

namespace escape::simulation {

using namespace controller;
namespace request = protocol::request;
namespace reply = protocol::reply;

namespace {

bool is_greeting(const protocol::FromAgent& message) {
  return std::holds_alternative<protocol::Hello>(message) || std::holds_alternative<protocol::Join>(message);
}

bool is_greeting(const protocol::FromClient& message) {
  const auto* asked = std::get_if<protocol::ClientRequest>(&message);
  return asked && (std::holds_alternative<request::Hello>(asked->request) ||
                   std::holds_alternative<request::Enrol>(asked->request));
}

reply::Failed failure(const Error& error) { return {std::string(kind_name(error.kind)), describe(error), error.hint}; }

}  // namespace

Result<release::ReleaseRecord> Inventory::resolve(const release::ReleaseQuery& query) const {
  if (broken > 0) return fail(ErrorKind::unreachable, "The inventory does not answer.");
  auto found = releases.find(to_string(query));
  if (found == releases.end()) return fail(ErrorKind::not_found, to_string(query) + " could not be found");
  return found->second;
}

std::string ControllerNode::first_invitation() {
  std::string key = "invitation of the administrator";
  key.resize(32, '.');
  return key;
}

void ControllerNode::start() {
  ++life_;
  World& world = *parts_.world;
  Result<State> loaded = store::load_state(disk_.database());
  if (!loaded) return world.fail("durable state can be read", describe(loaded.error()));
  State state = std::move(loaded).value();
  if (disk_.is_full()) {
    world.note(name_, "can't start: disk full");
    return on_died();
  }
  parts_.checks->check_memory(state, disk_.truth(), "after a restart");
  const bool is_new = state.instance.empty();
  if (is_new) state.instance = "simulated-contro";
  ++state.epoch;
  disk_.truth().state.instance = state.instance;
  disk_.truth().state.epoch = state.epoch;
  disk_.sync(store::start_writes(state), {});
  world.note(name_, "starts", [&] { return fmt::format("epoch {}", state.epoch); }, state.epoch);
  sessions_ = std::make_unique<Sessions>(state.instance, state.epoch);
  const bool has_admin = !state.principals.empty() || !state.invitations.empty();
  core_ = std::make_unique<Core>(std::move(state), Settings{});
  inbox_.clear();
  reads_.clear();
  waiting_.clear();
  turn_ = {};
  batch_.clear();
  wake_at_.reset();
  is_committing_ = turn_is_due_ = false;
  frozen_until_ = {};
  crash_point_.reset();
  waiting_.push_back(input::Started{});
  if (!has_admin) {
    request::Invite invite;
    invite.name = "admin";
    invite.role = "admin";
    invite.key = first_invitation();
    waiting_.push_back(input::ClientMessage{0, "", "first administrator", invite});
  }
  parts_.network->listen(this, true);
  wake();
}

void ControllerNode::kill(bool is_power_loss) {
  if (!is_up()) return;
  ++life_;
  if (is_power_loss) {
    disk_.lose_power();
  } else {
    disk_.keep_all();
  }
  core_.reset();
  sessions_.reset();
  alarm_.clear();
  if (parts_.network->is_listening(this)) parts_.network->listen(nullptr, is_power_loss);
  parts_.world->note(name_, is_power_loss ? "loses power" : "is killed");
}

void ControllerNode::freeze(Micros duration) {
  frozen_until_ = std::max(frozen_until_, parts_.world->now() + duration);
  parts_.world->after(duration, [this, life = life_] {
    if (life == life_) wake();
  });
}

bool ControllerNode::may_connect(std::string_view domain, const std::string& key) {
  return is_up() && core_->is_allowed(domain, key);
}

void ControllerNode::on_packet(ConnectionId connection, const Packet& packet) {
  if (!is_up()) return;
  inbox_.push_back({connection, parts_.network->key_of(connection), packet});
  if (!is_committing_) wake();
}

void ControllerNode::wake() {
  if (std::exchange(turn_is_due_, true)) return;
  parts_.world->after(20us, [this, life = life_] {
    if (life != life_) return;
    turn_is_due_ = false;
    if (!is_committing_) turn();
  });
}

void ControllerNode::turn() {
  if (!is_up() || parts_.world->now() < frozen_until_) return;
  collect();
  for (const Input& input : std::exchange(waiting_, {})) decide(input);
  if (wake_at_ && *wake_at_ <= now().steady) decide(input::Tick{});
  commit();
}

void ControllerNode::collect() {
  for (const Waiting& got : std::exchange(inbox_, {})) admit(got);
}

void ControllerNode::admit(const Waiting& got) {
  const std::string& key = got.key;
  const transport::Peer peer{std::to_string(got.connection), key};
  const auto refuse = [&](const std::string& reason) {
    protocol::Refused refused{std::string(kind_name(ErrorKind::temporary)), reason, false};
    parts_.world->note(name_, "refuses", [&] { return reason; }, got.connection);
    Body body = std::holds_alternative<protocol::FromAgent>(got.packet.body) ? Body(protocol::ToAgent(refused))
                                                                             : Body(protocol::ToClient(refused));
    parts_.network->send_down(got.connection, {sessions_->bare_header(got.packet.header), std::move(body)});
  };
  const auto admitted_by = [&](Side side, bool greets) {
    return sessions_->admit(side, peer, got.packet.header, greets, now().steady);
  };
  if (const auto* message = std::get_if<protocol::FromAgent>(&got.packet.body)) {
    const Sessions::Admitted admitted = admitted_by(Side::agents, is_greeting(*message));
    if (!admitted.session) return refuse(admitted.reason);
    const Summary summary = summarize(got.packet.body);
    parts_.world->note(
        name_, summary.word,
        [&] { return fmt::format("{}.{} session {}", summary.a, summary.b, admitted.session->id); }, summary.a,
        summary.b, admitted.session->id);
    give(input::AgentMessage{admitted.session->id, key, *message}, !is_greeting(*message));
    return;
  }
  const auto* message = std::get_if<protocol::FromClient>(&got.packet.body);
  if (!message) return;
  const Sessions::Admitted admitted = admitted_by(Side::clients, is_greeting(*message));
  if (!admitted.session) return refuse(admitted.reason);
  if (const auto* asked = std::get_if<protocol::ClientRequest>(message)) {
    parts_.world->note(name_, protocol::word_of(asked->request), [&] { return asked->id; }, admitted.session->id);
    if (protocol::changes_something(asked->request)) {
      give(input::ClientMessage{admitted.session->id, key, asked->id, asked->request}, false);
      if (unruly > 0 && random_.once_in(4)) {  // a repeat under the same id is always allowed
        give(input::ClientMessage{admitted.session->id, key, asked->id, asked->request}, false);
      }
    } else {
      reads_.push_back({admitted.session->id, *asked});
    }
  } else {
    send_to_client(admitted.session->id, protocol::Pong{});
  }
}

void ControllerNode::give(Input input, bool may_be_unruly) {
  if (unruly > 0 && may_be_unruly) {
    const std::uint64_t luck = random_.below(8);
    if (luck == 0) return parts_.world->note(name_, "loses it");
    if (luck <= 2) {
      parts_.world->after(random_.between(1ms, 12s), [this, input, life = life_] {
        if (life != life_) return;
        parts_.world->note(name_, "late");
        waiting_.push_back(input);
        if (!is_committing_) wake();
      });
      if (luck == 1) return;
    }
  }
  waiting_.push_back(std::move(input));
}

/// What the core needs of the disk, as the real controller looks it up.
Input ControllerNode::looked_up(Input input) {
  auto* asked = std::get_if<input::ClientMessage>(&input);
  const auto* submit = asked ? std::get_if<request::Submit>(&asked->request) : nullptr;
  if (!submit || submit->kind != protocol::JobKind::rollback) return input;
  auto history = store::list_history(disk_.database(), turn_.changes, {submit->environment, submit->deployment},
                                     rollback_looks_back);
  CHECK(history.has_value());
  asked->history = std::move(history).value();
  return input;
}

void ControllerNode::decide(const Input& given) {
  const Input input = looked_up(given);
  Effects effects = core_->on(input, now());
  if (!effects.ignored.empty()) parts_.world->note(name_, "ignores", [&] { return effects.ignored; });
  std::ranges::move(effects.changes, std::back_inserter(turn_.changes));
  std::ranges::move(effects.to_agents, std::back_inserter(turn_.to_agents));
  std::ranges::move(effects.to_clients, std::back_inserter(turn_.to_clients));
  std::ranges::move(effects.resolve, std::back_inserter(turn_.resolve));
  std::ranges::move(effects.close, std::back_inserter(turn_.close));
  wake_at_ = effects.wake_at;
}

bool ControllerNode::dies_here(CrashPoint point) {
  if (crash_point_ != point) return false;
  crash_point_.reset();
  kill(random_.once_in(2));
  on_died();
  return true;
}

void ControllerNode::commit() {
  if (turn_.changes.empty()) return committed();
  if (is_mutant("send_before_commit")) send_out();
  if (disk_.is_full()) {  // memory is ahead of the disk: the process must end
    parts_.world->note(name_, "can't commit: disk full");
    kill(false);
    return on_died();
  }
  for (const Change& change : turn_.changes) store::append_writes(change, batch_, nullptr);
  if (dies_here(CrashPoint::batch_lost)) return;
  is_committing_ = true;
  parts_.world->after(disk_.latency(random_), [this, life = life_] {
    if (life != life_) return;
    is_committing_ = false;
    if (is_mutant("skip_the_sync")) {
      disk_.write_unsynced(batch_, turn_.changes);
    } else if (is_mutant("commit_events_apart")) {
      const auto is_event = [](const Change& change) { return std::holds_alternative<protocol::EventView>(change); };
      std::vector<Change> events, others;
      for (const Change& change : turn_.changes) (is_event(change) ? events : others).push_back(change);
      std::vector<store::Write> event_rows, other_rows;
      for (const Change& change : others) store::append_writes(change, other_rows, nullptr);
      for (const Change& change : events) store::append_writes(change, event_rows, nullptr);
      disk_.sync(other_rows, others);
      if (dies_here(CrashPoint::batch_kept)) return;
      disk_.sync(event_rows, events);
    } else {
      disk_.sync(batch_, turn_.changes);
    }
    parts_.world->note(
        name_, "commits", [&] { return fmt::format("{} changes", turn_.changes.size()); }, turn_.changes.size(),
        disk_.truth().state.last_event);
    batch_.clear();
    for (const Change& change : turn_.changes) {
      if (const auto* row = std::get_if<Task>(&change)) parts_.checks->check_outcome(*row);
    }
    if (dies_here(CrashPoint::batch_kept) || dies_here(CrashPoint::before_send)) return;
    committed();
  });
}

void ControllerNode::committed() {
  if (!turn_.changes.empty() && ++commits_ % 16 == 0 && !is_mutant("skip_the_sync")) {
    parts_.checks->check_memory(core_->state(), disk_.truth(), "after a commit");
  }
  const int life = life_;
  if (!is_mutant("send_before_commit") || turn_.changes.empty()) send_out();
  if (life != life_) return;
  answer_reads();
  for (Effects::Resolve& resolve : std::exchange(turn_.resolve, {})) {
    waiting_.push_back(input::Resolved{
        resolve.job, resolve_all(resolve.query, resolve.also, [this](const release::ReleaseQuery& query) {
          return parts_.inventory->resolve(query);
        })});
  }
  turn_ = {};
  if (!waiting_.empty() || !inbox_.empty()) wake();
  if (wake_at_) alarm_.set(*parts_.world, *wake_at_, [this] { wake(); });
}

void ControllerNode::send_out() {
  const std::size_t all = turn_.to_agents.size() + turn_.to_clients.size();
  std::size_t sent = 0;
  const auto is_middle = [&] { return ++sent * 2 > all && dies_here(CrashPoint::in_the_middle_of_sending); };
  for (const Effects::ToAgentSession& out : turn_.to_agents) {
    send_to_agent(out.session, out.message);
    if (is_middle()) return;
  }
  for (const Effects::ToClientSession& out : turn_.to_clients) {
    send_to_client(out.session, out.reply);
    if (is_middle()) return;
  }
  for (SessionId id : turn_.close) sessions_->remove(id);
}

void ControllerNode::send_to_agent(SessionId id, const protocol::ToAgent& message) {
  Session* session = sessions_->find(id);
  if (!session) return;
  AgentId agent;
  for (const auto& [name, row] : core_->state().agents) {
    if (row.key == session->peer.key) agent = name;
  }
  parts_.checks->on_controller_says(agent, message, disk_.truth());
  const ConnectionId connection = std::stoull(session->peer.route);
  const Summary summary = summarize(message);
  parts_.world->note(
      name_, "says", [&] { return fmt::format("{} {}.{} to {}", summary.word, summary.a, summary.b, agent); },
      summary.a, summary.b, id);
  if (parts_.network->send_down(connection, {sessions_->next_header(*session), message})) return;
  sessions_->remove(id);
  waiting_.push_back(input::SessionGone{id});
}

void ControllerNode::send_to_client(SessionId id, const protocol::ToClient& message) {
  Session* session = sessions_->find(id);
  if (!session) return;
  if (const auto* answered = std::get_if<protocol::ClientReply>(&message)) {
    const Principal* who = core_->principal_of(session->peer.key);
    parts_.checks->on_controller_replies(who ? who->name : "", answered->id, answered->reply, disk_.truth());
    const Summary summary = summarize(message);
    parts_.world->note(
        name_, "replies", [&] { return fmt::format("{} {} to {}", summary.word, summary.a, answered->id); }, summary.a,
        id);
  }
  const ConnectionId connection = std::stoull(session->peer.route);
  if (!parts_.network->send_down(connection, {sessions_->next_header(*session), message})) sessions_->remove(id);
}

void ControllerNode::answer_reads() {
  for (const Read& read : std::exchange(reads_, {})) {
    if (sessions_->find(read.session))
      send_to_client(read.session, protocol::ClientReply{read.request.id, answer(read)});
  }
}

protocol::Reply ControllerNode::answer(const Read& read) const {
  const Principal* principal = core_->principal_of(sessions_->find(read.session)->peer.key);
  if (!principal) return failure({ErrorKind::refused, "This key is not enrolled.", {}, {}});
  if (std::holds_alternative<request::Hello>(read.request.request)) {
    return reply::Hello{.controller_version = "simulated",
                        .principal = principal->name,
                        .role = principal->role,
                        .inventory_url = {},
                        .newest_event = core_->state().last_event};
  }
  if (Result<> allowed = check_allowed(*principal, read.request.request); !allowed) return failure(allowed.error());
  const auto* show = std::get_if<request::ShowJob>(&read.request.request);
  if (!show) return failure({ErrorKind::usage, "Not simulated.", {}, {}});
  Result<std::optional<Job>> job = store::find_job(disk_.database(), show->job);
  if (!job) return failure(job.error());
  if (!job.value()) return failure({ErrorKind::not_found, fmt::format("There is no job {}.", show->job), {}, {}});
  reply::Job shown;
  shown.job.number = job.value()->number;
  shown.job.phase = job.value()->phase;
  shown.job.outcome = job.value()->outcome;
  return shown;
}

}  // namespace escape::simulation
