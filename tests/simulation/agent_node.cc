#include "tests/simulation/agent_node.h"

#include <fmt/core.h>

#include "shared/base/mutant.h"
#include "shared/base/overloaded.h"

namespace escape::simulation {

using namespace agent;
using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

AgentNode::AgentNode(Parts parts, Host& host, int machine)
    : parts_(parts),
      host_(host),
      machine_(machine),
      random_(parts.world->stream("agent", static_cast<std::uint64_t>(machine))),
      session_({.world = parts.world,
                .network = parts.network,
                .machine = machine,
                .domain = "agents",
                .wake = [this] { wake(); },
                .make_greeting = [this] { return greeting(); },
                .make_ping = [] { return Body(protocol::FromAgent(protocol::Ping{})); },
                .on_closed =
                    [this] {
                      ++session_number_;
                      if (core_) inputs_.push_back(input::SessionClosed{});
                    }},
               parts.world->stream("session", static_cast<std::uint64_t>(machine))) {
  session_.name = host.name;
}

Body AgentNode::greeting() {
  protocol::HostFacts facts;
  facts.hostname = host_.name;
  facts.machine_id = host_.machine_id;
  facts.boot_id = host_.boot_id;
  if (is_joining()) {
    protocol::Join join;
    join.name = host_.name;
    join.public_key = host_.pending_key;
    join.host = facts;
    return protocol::FromAgent(join);
  }
  return protocol::FromAgent(
      protocol::Hello{facts, "environment", {}, core_->holds(), {}, {}, {std::string(protocol::ability_prepare)}});
}

void AgentNode::start() {
  ++life_;
  is_up_ = true;
  session_.renew();
  inputs_.clear();
  watched_.clear();
  pending_.reset();
  core_wake_at_.reset();
  is_writing_ = turn_is_due_ = false;
  frozen_until_ = {};
  crash_at_write_.reset();
  host_.on_progress = [this, life = life_] {
    if (life == life_) wake();
  };
  parts_.world->note(host_.name, is_joining() ? "joins" : "starts");
  if (is_joining()) {
    core_.reset();
    session_.set_key(host_.invitation);
    return wake();
  }
  session_.set_key(host_.key);
  if (!host_.seen_instance.empty()) session_.remember(host_.seen_instance, host_.seen_epoch);
  std::vector<TaskKey> to_watch;
  core_.emplace(agent::Settings{}, host_.find_all(to_watch));
  for (const TaskKey& key : to_watch) watched_[key] = 0;
  inputs_.push_back(input::Started{});
  wake();
}

void AgentNode::kill(bool is_power_loss) {
  if (!is_up_) return;
  ++life_;
  is_up_ = false;
  core_.reset();
  host_.on_progress = nullptr;
  alarm_.clear();
  parts_.network->drop_machine(machine_, is_power_loss);
  parts_.world->note(host_.name, "agent is killed");
}

void AgentNode::die() {
  kill(false);
  on_died();
}

void AgentNode::stop() {
  if (!is_up_) return;
  if (session_.is_open()) session_.send(protocol::FromAgent(protocol::Bye{}));
  session_.drop("stopped");
  kill(false);
}

void AgentNode::freeze(Micros duration) {
  frozen_until_ = std::max(frozen_until_, parts_.world->now() + duration);
  parts_.world->after(duration, [this, life = life_] {
    if (life == life_) wake();
  });
}

void AgentNode::wake() {
  if (!is_up_ || std::exchange(turn_is_due_, true)) return;
  parts_.world->after(20us, [this, life = life_] {
    if (life != life_) return;
    turn_is_due_ = false;
    if (!is_writing_) turn();
  });
}

void AgentNode::turn() {
  if (parts_.world->now() < frozen_until_) return;
  const int life = life_;
  receive();
  if (life != life_ || !is_up_) return;
  collect_runs();
  const Instant now = parts_.world->now();
  if (core_ && core_wake_at_ && now >= *core_wake_at_) {
    core_wake_at_.reset();
    inputs_.push_back(input::Tick{});
  }
  session_.act();
  work_off();
  if (life == life_) arm();
}

void AgentNode::arm() {
  Instant next = session_.wake_at();
  if (core_wake_at_) next = std::min(next, *core_wake_at_);
  alarm_.set(*parts_.world, std::max(next, parts_.world->now() + 1us), [this] { wake(); });
}

void AgentNode::receive() {
  const int life = life_;
  while (std::optional<Packet> packet = session_.receive()) {
    const auto* message = std::get_if<protocol::ToAgent>(&packet->body);
    if (!message) continue;
    const Summary summary = summarize(packet->body);
    parts_.world->note(
        host_.name, summary.word, [&] { return fmt::format("{}.{}", summary.a, summary.b); }, summary.a, summary.b,
        packet->header.sequence);
    if (const auto* refused = std::get_if<protocol::Refused>(message)) {
      session_.drop("refused: " + refused->message);
      return;
    }
    if (const auto* joined = std::get_if<protocol::Joined>(message)) {
      if (is_joining()) on_joined(*joined);
      if (life != life_) return;
      continue;
    }
    if (const auto* welcome = std::get_if<protocol::Welcome>(message); welcome && core_) on_welcome(*welcome, *packet);
    if (core_ && session_.is_open()) on_message(*message);
  }
}

/// The identity is stored; the next process uses it (agent/app/join.cc).
void AgentNode::on_joined(const protocol::Joined& joined) {
  host_.agent = joined.agent;
  host_.key = host_.pending_key;
  host_.invitation.clear();
  session_.drop("joined");
  parts_.network->drop_machine(machine_, false);
  start();
}

void AgentNode::on_welcome(const protocol::Welcome& welcome, const Packet& packet) {
  if (session_.is_open()) return;
  session_.on_welcome(welcome.heartbeat, welcome.missed_beats, packet);
  if (packet.header.epoch < host_.highest_epoch) {
    parts_.world->fail("an older life of the controller is refused",
                       fmt::format("{} took epoch {} after {}", host_.name, packet.header.epoch, host_.highest_epoch));
  }
  host_.highest_epoch = std::max(host_.highest_epoch, packet.header.epoch);
  if (is_mutant("forget_the_epoch")) return;
  host_.seen_instance = packet.header.instance;
  host_.seen_epoch = packet.header.epoch;
}

/// The session hands its messages over in order and once; with the fault "unruly" it does not, since a core must bear
/// any message late, twice or never.
void AgentNode::on_message(const protocol::ToAgent& message) {
  const bool is_greeting = std::holds_alternative<protocol::Welcome>(message);
  if (unruly > 0 && !is_greeting) {
    const std::uint64_t luck = random_.below(8);
    if (luck == 0) return parts_.world->note(host_.name, "loses it");
    if (luck <= 2) {
      parts_.world->after(random_.between(1ms, 12s), [this, message, life = life_, session = session_number_] {
        if (life != life_ || session != session_number_ || !core_) return;
        const Summary summary = summarize(message);
        parts_.world->note(host_.name, "late", [&] { return std::string(summary.word); }, summary.a, summary.b);
        inputs_.push_back(input::FromController{message});
        wake();
      });
      if (luck == 1) return;
    }
  }
  inputs_.push_back(input::FromController{message});
}

void AgentNode::collect_runs() {
  if (!core_) return;
  std::vector<TaskKey> ended;
  for (auto& [key, seen] : watched_) {
    const std::uint64_t bytes = host_.output_bytes(key);
    if (bytes > seen) {
      seen = bytes;
      inputs_.push_back(input::OutputGrew{key, bytes});
    }
    if (!host_.supervisor_lives(key)) ended.push_back(key);
  }
  for (const TaskKey& key : ended) look_again(key);
}

void AgentNode::look_again(const TaskKey& key) {
  const Host::Sighting seen = host_.look(key);
  switch (seen.kind) {
    case Host::Sighting::Kind::running:
      return;
    case Host::Sighting::Kind::not_started: {
      watched_.erase(key);
      TaskResult result;
      result.outcome = TaskOutcome::not_started;
      result.message = "The supervisor ended before it started the script";
      inputs_.push_back(input::Ended{key, result});
      return;
    }
    case Host::Sighting::Kind::ended:
    case Host::Sighting::Kind::vanished:
      watched_.erase(key);
      inputs_.push_back(input::Ended{key, seen.result});
  }
}

void AgentNode::work_off() {
  while (core_ && !is_writing_ && !inputs_.empty()) {
    const Input input = std::move(inputs_.front());
    inputs_.pop_front();
    Effects effects = core_->on(input, host_.clock.read());
    core_wake_at_ = effects.wake_at;
    carry_out(std::move(effects));
    if (!is_up_) return;
  }
}

void AgentNode::carry_out(Effects effects) {
  if (is_mutant("send_before_the_journal")) {
    for (Outgoing& outgoing : effects.messages) say(std::move(outgoing));
    effects.messages.clear();
  }
  pending_ = std::move(effects);
  if (pending_->journal.empty()) {
    Effects done = std::move(*std::exchange(pending_, std::nullopt));
    return act(done);
  }
  is_writing_ = true;
  parts_.world->after(host_.latency(), [this, life = life_] {
    if (life == life_) write_next();
  });
}

void AgentNode::write_next() {
  if (crash_at_write_ && !*crash_at_write_) return die();
  const JournalWrite one = pending_->journal.front();
  const Result<> written = write(one);
  if (crash_at_write_) return die();
  const auto again = [&](Micros delay) {
    parts_.world->after(delay, [this, life = life_] {
      if (life == life_) write_next();
    });
  };
  if (!written) {
    const auto* offer = std::get_if<journal_write::KeepOffer>(&one);
    if (!offer) return again(1s);
    is_writing_ = false;
    pending_.reset();
    inputs_.push_front(input::NotKept{key_of(offer->offer), describe(written.error())});
    return wake();
  }
  pending_->journal.erase(pending_->journal.begin());
  if (!pending_->journal.empty()) return again(host_.latency());
  is_writing_ = false;
  Effects done = std::move(*std::exchange(pending_, std::nullopt));
  act(done);
  wake();
}

Result<> AgentNode::write(const JournalWrite& one) {
  return std::visit(overloaded{
                        [&](const journal_write::KeepOffer& keep) { return host_.keep_offer(keep.offer); },
                        [&](const journal_write::KeepResult& keep) { return host_.keep_result(keep.key, keep.result); },
                        [&](const journal_write::Settle& settle) {
                          watched_.erase(settle.key);
                          return host_.settle(settle.key);
                        },
                    },
                    one);
}

void AgentNode::act(Effects& effects) {
  for (Outgoing& outgoing : effects.messages) say(std::move(outgoing));
  for (const TaskKey& key : effects.prepare) prepare(key);
  for (const Effects::Start& start : effects.start) {
    if (!core_->find(start.key)) continue;
    host_.launch(start.key);
    watched_.emplace(start.key, 0);
  }
  for (const Effects::Stop& stop : effects.stop) host_.stop(stop.key, stop.grace);
}

void AgentNode::prepare(const TaskKey& key) {
  const Held* task = core_->find(key);
  if (!task || task->phase != AgentTaskPhase::accepted) return;
  const bool is_ready = random_.once_in(2);
  const Micros fetch = is_ready ? 100us : random_.between(5ms, 400ms);
  parts_.world->after(fetch, [this, key, is_ready, life = life_] {
    if (life != life_ || !core_) return;
    if (parts_.inventory->broken > 0 && !is_ready) {
      TaskResult result;
      result.outcome = TaskOutcome::not_started;
      result.message = "The package can't be fetched.";
      inputs_.push_back(input::Ended{key, result});
    } else {
      inputs_.push_back(input::Prepared{key, "/folder"});
    }
    wake();
  });
}

/// What leaves tells only what is on the disk.
void AgentNode::say(Outgoing outgoing) {
  const auto broken = [&](const TaskKey& key, std::string_view what) {
    parts_.world->fail("nothing is sent before it is durable",
                       fmt::format("{} {} by {}", what, to_string(key), host_.name));
  };
  std::visit(overloaded{
                 [&](const send::Message& one) {
                   auto folder = host_.folders.find(one.key);
                   const bool is_kept = folder != host_.folders.end() && folder->second.offer_is_synced;
                   if (std::holds_alternative<protocol::Accepted>(one.message) && !is_kept) broken(one.key, "accepted");
                   if (std::holds_alternative<protocol::Declined>(one.message)) {
                     if (is_kept) broken(one.key, "declined");
                     parts_.checks->on_agent_declines(one.key);
                   }
                   session_.send(one.message);
                 },
                 [&](const send::Output& output) { send_output(output); },
                 [&](const send::Finished& finished) {
                   auto folder = host_.folders.find(finished.key);
                   if (folder == host_.folders.end() || !folder->second.finished_is_synced) {
                     broken(finished.key, "finished");
                   }
                   send_finished(finished);
                 },
             },
             outgoing);
}

std::string AgentNode::output(const TaskKey& key, std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t end = std::min(offset + length, host_.output_bytes(key));
  std::string bytes;
  bytes.reserve(end > offset ? end - offset : 0);
  for (std::uint64_t at = offset; at < end; ++at) bytes.push_back(Checks::output_byte(key, at));
  return bytes;
}

void AgentNode::send_output(const send::Output& output) {
  session_.send(protocol::FromAgent(protocol::Output{output.key.task, output.key.attempt, output.offset,
                                                     Binary{this->output(output.key, output.offset, output.length)}}));
}

void AgentNode::send_finished(const send::Finished& finished) {
  const Held* task = core_->find(finished.key);
  if (!task || !task->result) return;
  const TaskResult& result = *task->result;
  protocol::Finished message;
  message.task = finished.key.task;
  message.attempt = finished.key.attempt;
  message.outcome = result.outcome;
  message.exit_status = result.exit_status;
  message.message = result.message;
  message.outputs = result.outputs;
  message.has_outputs = result.has_outputs;
  message.tail_offset = finished.tail_offset;
  if (!is_mutant("drop_the_tail")) {
    message.tail = Binary{output(finished.key, finished.tail_offset, result.output_bytes - finished.tail_offset)};
  }
  message.output_bytes = finished.tail_offset + message.tail.bytes.size();
  message.duration_micros = result.duration_micros;
  session_.send(protocol::FromAgent(message));
}

}  // namespace escape::simulation
