#include "tests/simulation/client_node.h"

#include <fmt/core.h>

namespace escape::simulation {

namespace request = protocol::request;
namespace reply = protocol::reply;

ClientNode::ClientNode(World& world, Network& network, std::string client_name, int machine)
    : name(std::move(client_name)),
      world_(world),
      network_(network),
      machine_(machine),
      session_({.world = &world,
                .network = &network,
                .machine = machine,
                .domain = "clients",
                .wake = [this] { wake(); },
                .make_greeting = [this] { return greeting(); },
                .make_ping = [] { return Body(protocol::FromClient(protocol::Ping{})); },
                .on_closed =
                    [this] {
                      for (Asked& asked : queue_) asked.was_sent = false;
                    }},
               world.stream("session", static_cast<std::uint64_t>(machine))),
      random_(world.stream("client", static_cast<std::uint64_t>(machine))) {
  session_.name = name;
  lose_identity();
}

void ClientNode::lose_identity() {
  kill();
  is_enrolled_ = false;
  key_ = fmt::format("{} key {}", name, ++identities_);
  key_.resize(32, '.');
}

std::string ClientNode::new_id() { return fmt::format("{}-{}", name, ++ids_); }

void ClientNode::enrol(std::string invitation) {
  invitation_ = std::move(invitation);
  start();
}

void ClientNode::start() {
  ++life_;
  is_up_ = true;
  turn_is_due_ = false;
  session_.renew();
  if (!seen_instance_.empty()) session_.remember(seen_instance_, seen_epoch_);
  session_.set_key(is_enrolled_ ? key_ : invitation_);
  wake();
}

void ClientNode::kill() {
  if (!is_up_) return;
  ++life_;
  is_up_ = false;
  queue_.clear();
  alarm_.clear();
  network_.drop_machine(machine_, false);
  world_.note(name, "client is killed");
}

Body ClientNode::greeting() {
  greeting_id_ = new_id();
  if (is_enrolled_) return protocol::FromClient(protocol::ClientRequest{greeting_id_, request::Hello{"simulated"}});
  return protocol::FromClient(protocol::ClientRequest{greeting_id_, request::Enrol{name, key_}});
}

void ClientNode::ask(protocol::Request asked, Answered answered) {
  if (!is_up_) return;
  queue_.push_back({new_id(), std::move(asked), std::move(answered)});
  wake();
}

void ClientNode::wake() {
  if (!is_up_ || std::exchange(turn_is_due_, true)) return;
  world_.after(20us, [this, life = life_] {
    if (life != life_) return;
    turn_is_due_ = false;
    turn();
  });
}

void ClientNode::turn() {
  const int life = life_;
  while (std::optional<Packet> packet = session_.receive()) {
    const auto* message = std::get_if<protocol::ToClient>(&packet->body);
    if (!message) continue;
    if (std::holds_alternative<protocol::Refused>(*message)) {
      session_.drop("refused");
      break;
    }
    if (const auto* answered = std::get_if<protocol::ClientReply>(message)) on_reply(*answered, *packet);
    if (life != life_) return;
  }
  session_.act();
  if (session_.is_open() && !queue_.empty() && !queue_.front().was_sent) {
    queue_.front().was_sent = true;
    session_.send(protocol::FromClient(protocol::ClientRequest{queue_.front().id, queue_.front().request}));
  }
  alarm_.set(world_, std::max(session_.wake_at(), world_.now() + 1us), [this] { wake(); });
}

void ClientNode::on_reply(const protocol::ClientReply& answered, const Packet& packet) {
  const Summary summary = summarize(packet.body);
  world_.note(name, summary.word, [&] { return fmt::format("{} {}", summary.a, answered.id); }, summary.a);
  if (answered.id == greeting_id_ && !session_.is_open()) {
    if (std::holds_alternative<reply::Enrolled>(answered.reply)) {
      is_enrolled_ = true;
      session_.drop("enrolled");
      network_.drop_machine(machine_, false);
      return start();
    }
    const auto* hello = std::get_if<reply::Hello>(&answered.reply);
    if (!hello) return session_.drop("greeting refused");
    if (packet.header.epoch < seen_epoch_) {
      world_.fail("an older life of the controller is refused", name);
    }
    session_.on_welcome(Millis{hello->heartbeat_millis}, 3, packet);
    seen_instance_ = packet.header.instance;
    seen_epoch_ = packet.header.epoch;
    return;
  }
  if (queue_.empty() || queue_.front().id != answered.id) return;
  const Asked asked = std::move(queue_.front());
  queue_.pop_front();
  if (asked.answered) asked.answered(answered.reply);
  if (!queue_.empty()) wake();
}

}  // namespace escape::simulation
