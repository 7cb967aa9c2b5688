#include "tests/simulation/network.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/overloaded.h"

namespace escape::simulation {
namespace {

/// Messages travel as values; every so many-th goes through its bytes, which is what costs.
constexpr std::uint64_t through_wire_every = 16;

template <class Message>
concept OfTask = requires(const Message& m) {
  m.task.job;
  m.attempt;
};

template <class Message>
Summary of_task(std::string_view word, const Message& message) {
  if constexpr (OfTask<Message>) {
    return {word, message.task.job, message.task.index * 100ULL + message.attempt};
  } else {
    return {word};
  }
}

std::string_view word_of_agent(const protocol::FromAgent& message) {
  constexpr std::string_view words[] = {"join", "hello", "ping", "accepted", "declined", "output", "finished", "bye"};
  static_assert(std::size(words) == std::variant_size_v<protocol::FromAgent>);
  return words[message.index()];
}

std::string_view word_to_agent(const protocol::ToAgent& message) {
  constexpr std::string_view words[] = {"joined", "welcome",    "refused",          "pong",
                                        "offer",  "output_ack", "result_committed", "cancel"};
  static_assert(std::size(words) == std::variant_size_v<protocol::ToAgent>);
  return words[message.index()];
}

Summary of_reply(const protocol::Reply& reply) {
  if (const auto* made = std::get_if<protocol::reply::JobMade>(&reply)) return {"job_made", made->job};
  if (std::holds_alternative<protocol::reply::Failed>(reply)) return {"failed"};
  return {"reply", reply.index()};
}

}  // namespace

Summary summarize(const Body& body) {
  return std::visit(overloaded{
                        [](const protocol::FromAgent& m) {
                          return std::visit([&](const auto& one) { return of_task(word_of_agent(m), one); }, m);
                        },
                        [](const protocol::ToAgent& m) {
                          return std::visit([&](const auto& one) { return of_task(word_to_agent(m), one); }, m);
                        },
                        [](const protocol::FromClient& m) {
                          const auto* asked = std::get_if<protocol::ClientRequest>(&m);
                          return asked ? Summary{protocol::word_of(asked->request)} : Summary{"ping"};
                        },
                        [](const protocol::ToClient& m) {
                          const auto* reply = std::get_if<protocol::ClientReply>(&m);
                          return reply ? of_reply(reply->reply) : Summary{m.index() == 1 ? "pong" : "refused"};
                        },
                    },
                    body);
}

Result<Body> through_the_wire(const Body& body) {
  return std::visit(overloaded{
                        [](const protocol::FromAgent& m) -> Result<Body> {
                          const protocol::TypedBody typed = protocol::encode(m);
                          TRY(protocol::FromAgent read, protocol::decode_from_agent(typed.type, typed.body));
                          return Body(std::move(read));
                        },
                        [](const protocol::ToAgent& m) -> Result<Body> {
                          const protocol::TypedBody typed = protocol::encode(m);
                          TRY(protocol::ToAgent read, protocol::decode_to_agent(typed.type, typed.body));
                          return Body(std::move(read));
                        },
                        [](const protocol::FromClient& m) -> Result<Body> {
                          const protocol::TypedBody typed = protocol::encode(m);
                          TRY(protocol::FromClient read, protocol::decode_from_client(typed.type, typed.body));
                          return Body(std::move(read));
                        },
                        [](const protocol::ToClient& m) -> Result<Body> {
                          const protocol::TypedBody typed = protocol::encode(m);
                          TRY(protocol::ToClient read, protocol::decode_to_client(typed.type, typed.body));
                          return Body(std::move(read));
                        },
                    },
                    body);
}

Micros Network::latency(int machine) {
  Micros base = random_.between(100us, 1500us);
  if (troubles_[machine].slow > 0) base += random_.between(50ms, 4s);
  return base;
}

void Network::listen(Listener* listener, bool is_silent_break) {
  for (auto& [id, connection] : connections_) {
    if (connection.listener != listener_ || !connection.dialer_open) continue;
    connection.listener_open = false;
    if (!is_silent_break) tell_lost(id);
  }
  listener_ = listener;
}

/// The dialing side learns that the other end is gone, if that can reach it.
void Network::tell_lost(ConnectionId id) {
  const Connection& connection = connections_.at(id);
  if (troubles_[connection.machine].blocked_from > 0) return;
  world_.after(latency(connection.machine), [this, id] {
    auto found = connections_.find(id);
    if (found == connections_.end() || !std::exchange(found->second.dialer_open, false)) return;
    found->second.dialer->on_lost(id);
  });
}

ConnectionId Network::connect(int machine, std::string domain, std::string key, Dialer* dialer) {
  const ConnectionId id = ++last_;
  connections_[id] = {machine, std::move(domain), std::move(key), dialer, nullptr, true, false, {}, {}};
  world_.after(latency(machine) + latency(machine), [this, id] {
    auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.dialer_open) return;
    Connection& connection = found->second;
    const LinkTrouble& trouble = troubles_[connection.machine];
    if (trouble.blocked_to > 0 || trouble.blocked_from > 0) return;
    if (!listener_) {
      connection.dialer_open = false;
      return connection.dialer->on_lost(id);
    }
    if (!listener_->may_connect(connection.domain, connection.key)) {
      connection.dialer_open = false;
      return connection.dialer->on_refused(id);
    }
    connection.listener = listener_;
    connection.listener_open = true;
    connection.dialer->on_ready(id);
  });
  return id;
}

void Network::send_up(ConnectionId id, Packet packet) {
  auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.dialer_open) return;
  carry(id, true, std::make_shared<const Packet>(std::move(packet)));
}

bool Network::send_down(ConnectionId id, Packet packet) {
  auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.listener_open) return false;
  carry(id, false, std::make_shared<const Packet>(std::move(packet)));
  return true;
}

void Network::carry(ConnectionId id, bool is_up, std::shared_ptr<const Packet> packet) {
  if (++carried_ % through_wire_every == 0) {
    Result<Body> read = through_the_wire(packet->body);
    if (!read) {
      return world_.fail("a message survives the wire",
                         fmt::format("{}: {}", summarize(packet->body).word, describe(read.error())));
    }
    packet = std::make_shared<const Packet>(Packet{packet->header, std::move(read).value()});
  }
  Connection& connection = connections_.at(id);
  const LinkTrouble& trouble = troubles_[connection.machine];
  if ((is_up ? trouble.blocked_to : trouble.blocked_from) > 0) return;
  if (random_.permille(trouble.drop)) {
    world_.note("network", "dropped", [&] { return std::string(summarize(packet->body).word); }, id);
    return;
  }
  const int copies = random_.permille(trouble.repeat) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    Instant at = world_.now() + latency(connection.machine);
    Instant& last = is_up ? connection.last_up : connection.last_down;
    if (!random_.permille(trouble.swap)) last = at = std::max(at, last);
    world_.after(at - world_.now(), [this, id, is_up, packet] { deliver(id, is_up, *packet); });
  }
}

void Network::deliver(ConnectionId id, bool is_up, const Packet& packet) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const LinkTrouble& trouble = troubles_[connection.machine];
  if ((is_up ? trouble.blocked_to : trouble.blocked_from) > 0) return;
  if (is_up && connection.listener_open && connection.listener == listener_) connection.listener->on_packet(id, packet);
  if (!is_up && connection.dialer_open) connection.dialer->on_packet(id, packet);
}

void Network::close(ConnectionId id) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  found->second.dialer_open = false;
  if (troubles_[found->second.machine].blocked_to > 0) return;
  // What was sent before still arrives.
  const Instant at = std::max(world_.now(), found->second.last_up) + 1ms;
  world_.after(at - world_.now(), [this, id] { connections_.erase(id); });
}

void Network::cut(int machine) {
  for (auto& [id, connection] : connections_) {
    if (connection.machine != machine || !connection.dialer_open) continue;
    connection.listener_open = false;
    tell_lost(id);
  }
}

void Network::drop_machine(int machine, bool is_silent) {
  for (auto& [id, connection] : connections_) {
    if (connection.machine != machine) continue;
    connection.dialer_open = false;
    if (!is_silent && troubles_[machine].blocked_to == 0) connection.listener_open = false;
  }
}

void Network::forget_closed() {
  std::erase_if(connections_, [](const auto& one) { return !one.second.dialer_open && !one.second.listener_open; });
}

}  // namespace escape::simulation
