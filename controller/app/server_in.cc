#include <fmt/core.h>

#include "controller/app/server_impl.h"
#include "protocol/messages/describe.h"
#include "shared/base/fault_point.h"
#include "shared/base/log.h"
#include "shared/base/overloaded.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;

// A turn takes at most this many messages, so that a flood on one socket cannot keep the others from their turn.
constexpr int messages_per_turn = 1000;
// Of one socket, so that a flood of large messages does not stand in memory before it is decided on.
constexpr std::size_t bytes_per_turn = 16 << 20;

bool is_greeting(const protocol::FromAgent& message) {
  return std::holds_alternative<protocol::Hello>(message) || std::holds_alternative<protocol::Join>(message);
}

bool is_greeting(const protocol::FromClient& message) {
  const auto* asked = std::get_if<protocol::ClientRequest>(&message);
  return asked && (std::holds_alternative<request::Hello>(asked->request) ||
                   std::holds_alternative<request::Enrol>(asked->request));
}

std::size_t size_of(const transport::Received& received) {
  std::size_t bytes = 0;
  for (const std::string& frame : received.frames) bytes += frame.size();
  return bytes;
}

}  // namespace

/// Once a minute for each key, however much of it comes.
void Server::Impl::complain(std::string_view socket, const transport::Peer& peer, const Error& error, Now now) {
  if (!malformed.is_worth_a_line(peer.key, now.steady)) return;
  log_warn("refused a message on the {} socket, of the key {}: {}", socket, fingerprint(peer.key), describe(error));
}

/// The moments of a task's life at which tests let this process die: "controller.before_commit_offer" …
void Server::Impl::pass_fault_points(std::string_view moment) const {
  if (!has_fault_points()) return;
  for (const Effects::ToAgentSession& out : turn.to_agents) {
    if (std::holds_alternative<protocol::Offer>(out.message)) fault_point(fmt::format("{}_offer", moment));
    if (std::holds_alternative<protocol::ResultCommitted>(out.message)) fault_point(fmt::format("{}_result", moment));
  }
}

void Server::Impl::collect_agents(Now now) {
  std::size_t bytes = 0;
  for (int taken = 0; taken < messages_per_turn && bytes < bytes_per_turn; ++taken) {
    std::optional<transport::Received> received = agents->receive();
    if (!received) return;
    bytes += size_of(*received);
    watch_key("agents", received->peer.key, now);
    Result<protocol::Envelope> envelope = protocol::from_frames(received->frames);
    if (!envelope) {
      complain("agents", received->peer, envelope.error(), now);
      continue;
    }
    Result<protocol::FromAgent> message = protocol::decode_from_agent(envelope.value().type, envelope.value().body);
    const protocol::Header& header = envelope.value().header;
    if (!message) {
      complain("agents", received->peer, message.error(), now);
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::bad_data, describe(message.error()));
      continue;
    }
    if (trouble) {
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary, describe(trouble->refusal()));
      continue;
    }
    const bool greets = is_greeting(message.value());
    if (const std::optional<Millis> wait = greets ? admission.ask(received->peer.key, now.steady) : std::nullopt) {
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary,
             "the controller takes on other agents just now", *wait);
      continue;
    }
    Sessions::Admitted admitted = sessions->admit(Side::agents, received->peer, header, greets, now.steady);
    if (!admitted.session) {
      if (admitted.is_ahead && malformed.is_worth_a_line("ahead", now.steady))
        log_error("an agent has seen a later life of this controller: is this data folder a copy?");
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary, admitted.reason);
      continue;
    }
    if (std::holds_alternative<protocol::Accepted>(message.value())) fault_point("controller.after_collect_accepted");
    if (std::holds_alternative<protocol::Finished>(message.value())) fault_point("controller.after_collect_result");
    waiting.push_back(input::AgentMessage{admitted.session->id, received->peer.key, std::move(message).value()});
  }
}

void Server::Impl::collect_clients(Now now) {
  std::size_t bytes = 0;
  for (int taken = 0; taken < messages_per_turn && bytes < bytes_per_turn; ++taken) {
    std::optional<transport::Received> received = clients->receive();
    if (!received) return;
    bytes += size_of(*received);
    watch_key("clients", received->peer.key, now);
    Result<protocol::Envelope> envelope = protocol::from_frames(received->frames);
    if (!envelope) {
      complain("clients", received->peer, envelope.error(), now);
      continue;
    }
    Result<protocol::FromClient> message = protocol::decode_from_client(envelope.value().type, envelope.value().body);
    const protocol::Header& header = envelope.value().header;
    if (!message) {
      complain("clients", received->peer, message.error(), now);
      refuse(*clients, Side::clients, received->peer, header, ErrorKind::bad_data, describe(message.error()));
      continue;
    }
    Sessions::Admitted admitted =
        sessions->admit(Side::clients, received->peer, header, is_greeting(message.value()), now.steady);
    if (!admitted.session) {
      refuse(*clients, Side::clients, received->peer, header, ErrorKind::temporary, admitted.reason);
      continue;
    }
    on_client(*admitted.session, std::move(message).value(), now);
  }
}

void Server::Impl::on_client(Session& session, protocol::FromClient message, Now now) {
  std::visit(overloaded{
                 [&](protocol::ClientRequest& asked) {
                   if (trouble && protocol::changes_something(asked.request)) {
                     refuse_change(session, std::move(asked), now);
                   } else if (protocol::changes_something(asked.request)) {
                     waiting.push_back(input::ClientMessage{session.id, session.peer.key, std::move(asked.id),
                                                            std::move(asked.request)});
                   } else {
                     reads.push_back({session.id, std::move(asked)});
                   }
                 },
                 [&](protocol::ClientCredit& credit) { followers.add_credit(session.id, credit.batches); },
                 [&](protocol::Ping&) { send_to_client(session.id, protocol::Pong{}); },
             },
             message);
}

void Server::Impl::refuse(transport::Listener& listener, Side side, const transport::Peer& peer,
                          const protocol::Header& header, ErrorKind kind, std::string reason, Millis retry_after) {
  protocol::Refused refused{std::string(kind_name(kind)), std::move(reason), false, retry_after};
  protocol::TypedBody typed = side == Side::agents ? protocol::encode(protocol::ToAgent(std::move(refused)))
                                                   : protocol::encode(protocol::ToClient(std::move(refused)));
  const protocol::Envelope envelope{sessions->bare_header(header), std::move(typed.type), std::move(typed.body)};
  // A peer that is gone again needs no answer.
  (void)listener.send(peer, protocol::to_frames(envelope));
}

}  // namespace escape::controller
