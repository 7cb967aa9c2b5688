#include <fmt/core.h>

#include "controller/app/server_impl.h"
#include "controller/events/cdevents.h"
#include "protocol/messages/describe.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

// A removed peer hears why before its connections end.
constexpr Millis last_words{1'000};
constexpr Millis beacon_interval{1'000};

reply::Failed too_large_answer() {
  return failure(
      {ErrorKind::failed,
       fmt::format("The answer is larger than the {} MiB of one message.", protocol::max_message_bytes >> 20),
       "Ask for less: one environment, or a smaller --limit.",
       {}});
}

}  // namespace

protocol::reply::Failed failure(const Error& error) {
  return {std::string(kind_name(error.kind)), describe(error), error.hint};
}

void Server::Impl::send_out(Now now) {
  for (const Effects::ToAgentSession& out : turn.to_agents) send_to_agent(out.session, out.message);
  for (Effects::ToClientSession& out : turn.to_clients) send_to_client(out.session, std::move(out.reply));
  for (SessionId id : turn.close) sessions->remove(id);
  std::vector<protocol::EventView> events;
  for (const Change& change : turn.changes) {
    if (const auto* event = std::get_if<protocol::EventView>(&change)) events.push_back(*event);
    if (const auto* gone = std::get_if<RemovedPrincipal>(&change)) {
      inventory->revoke_tokens(gone->name);
      removed.try_emplace(gone->key, now.steady + last_words);
    }
    if (const auto* gone = std::get_if<RemovedAgent>(&change)) removed.try_emplace(gone->key, now.steady + last_words);
  }
  publish(events);
}

/// ZAP is asked at handshakes only, so a key that was taken away would keep what it has. One that was enrolled again
/// meanwhile loses its connections too, and comes back.
void Server::Impl::cut_removed(Now now) {
  for (auto it = removed.begin(); it != removed.end();) {
    if (now.steady < it->second) {
      ++it;
      continue;
    }
    const std::string key = it->first;
    it = removed.erase(it);
    int ended = agents->cut(key) + clients->cut(key);
    if (publisher) ended += publisher->cut(key);
    if (ended > 0) log_info("ended {} connections of the removed key {}", ended, fingerprint(key));
  }
}

/// A connection that was silent when its key was removed shows itself by its next message.
void Server::Impl::watch_key(std::string_view domain, const std::string& key, Now now) {
  if (!key.empty() && !core->is_allowed(domain, key)) removed.try_emplace(key, now.steady + last_words);
}

void Server::Impl::send_to_agent(SessionId id, const protocol::ToAgent& message) {
  Session* session = sessions->find(id);
  if (!session) return;
  protocol::TypedBody typed = [&] {
    const auto* offer = std::get_if<protocol::Offer>(&message);
    if (!offer) return protocol::encode(message);
    protocol::Offer placed = *offer;
    if (placed.package.workspace.empty()) placed.package.path = inventory->package_path(placed.package);
    for (protocol::PackagePart& part : placed.parts) part.package.path = inventory->package_path(part.package);
    return protocol::encode(protocol::ToAgent(std::move(placed)));
  }();
  const protocol::Envelope envelope{sessions->next_header(*session), std::move(typed.type), std::move(typed.body)};
  switch (agents->send(session->peer, protocol::to_frames(envelope))) {
    case transport::SendOutcome::sent:
    case transport::SendOutcome::queue_full:  // the gap in the numbers makes the agent greet again
      return;
    case transport::SendOutcome::no_such_peer:
      sessions->remove(id);
      waiting.push_back(input::SessionGone{id});
      return;
    case transport::SendOutcome::too_large:
      --session->sent;
      if (const auto* offer = std::get_if<protocol::Offer>(&message)) {
        // It can never leave: without an answer its job would wait for ever.
        waiting.push_back(input::AgentMessage{
            id, session->peer.key,
            protocol::Declined{offer->task, offer->attempt, "its variables are larger than a message may be"}});
      }
      return;
  }
}

void Server::Impl::send_to_client(SessionId id, const protocol::ToClient& message) {
  Session* session = sessions->find(id);
  if (!session) return;
  protocol::TypedBody typed = protocol::encode(message);
  const protocol::Envelope envelope{sessions->next_header(*session), std::move(typed.type), std::move(typed.body)};
  switch (clients->send(session->peer, protocol::to_frames(envelope))) {
    case transport::SendOutcome::sent:
    case transport::SendOutcome::queue_full:  // the gap in the numbers makes the client greet and ask again
      return;
    case transport::SendOutcome::no_such_peer:
      followers.detach(id);
      sessions->remove(id);
      return;
    case transport::SendOutcome::too_large:
      --session->sent;
      if (const auto* answered = std::get_if<protocol::ClientReply>(&message)) {
        send_to_client(id, protocol::ClientReply{answered->id, too_large_answer()});
      }
      return;
  }
}

QueryContext Server::Impl::query_context(Now now) const {
  return {.reader = *database,
          .state = core->state(),
          .liveness = [this](const AgentId& agent) { return core->liveness(agent); },
          .last_seen = [this](const AgentId& agent) { return core->last_seen(agent); },
          .resolve = resolver(),
          .now = now.wall,
          .read_only = trouble ? std::optional<Error>(trouble->refusal()) : std::nullopt,
          .is_embedded = options.settings.is_embedded};
}

void Server::Impl::answer_reads(Now now) {
  if (reads.empty()) return;
  const QueryContext context = query_context(now);
  for (Read& read : std::exchange(reads, {})) {
    if (!sessions->find(read.session)) continue;
    if (const auto* attach = std::get_if<request::Attach>(&read.request.request)) {
      Result<> attached = ok();
      if (const Principal* principal = core->principal_of(sessions->find(read.session)->peer.key)) {
        attached = check_allowed(*principal, read.request.request);
        if (attached) attached = followers.attach(read.session, read.request.id, *attach, context);
      } else {
        attached = fail(ErrorKind::refused, "This key is not enrolled.");
      }
      if (!attached) send_to_client(read.session, protocol::ClientReply{read.request.id, failure(attached.error())});
      continue;
    }
    protocol::Reply answered = answer_one(read, context);
    send_to_client(read.session, protocol::ClientReply{read.request.id, std::move(answered)});
  }
}

protocol::Reply Server::Impl::answer_one(const Read& read, const QueryContext& context) {
  const std::string& key = sessions->find(read.session)->peer.key;
  const Principal* principal = core->principal_of(key);
  if (!principal) return failure({ErrorKind::refused, "This key is not enrolled.", "Ask for an invitation.", {}});
  if (std::holds_alternative<request::Hello>(read.request.request)) {
    return reply::Hello{.controller_version = ESCAPE_VERSION,
                        .principal = principal->name,
                        .role = principal->role,
                        .agents_port = agents->port(),
                        .events_port = publisher ? publisher->port() : 0,
                        .http_port = inventory->http_port(),
                        .inventory_url = options.settings.inventory_url,
                        .newest_event = core->state().last_event,
                        .heartbeat_millis = static_cast<int>(options.settings.heartbeat.count())};
  }
  if (std::holds_alternative<request::Detach>(read.request.request)) {
    followers.detach(read.session);
    return reply::Done{};
  }
  if (Result<> allowed = check_allowed(*principal, read.request.request); !allowed) return failure(allowed.error());
  if (std::holds_alternative<request::InventoryToken>(read.request.request)) {
    return inventory->issue_token(principal->name, context.now);
  }
  Result<protocol::Reply> answered = answer(read.request.request, context);
  return answered ? std::move(answered).value() : protocol::Reply(failure(answered.error()));
}

void Server::Impl::pump_followers(Now now) {
  if (followers.empty()) return;
  const auto may_read = [this](SessionId id) {
    const Session* session = sessions->find(id);
    return session && core->principal_of(session->peer.key);
  };
  for (Followers::Outgoing& each : followers.pump(query_context(now), may_read)) {
    send_to_client(each.session, std::move(each.reply));
  }
}

void Server::Impl::publish(const std::vector<protocol::EventView>& events) {
  if (!publisher) return;
  for (const protocol::EventView& event : events) {
    publisher->publish({events::topic_of(event), events::sequence_frame(event.sequence),
                        std::string(events::cloud_event_type),
                        events::to_cloud_event(event, "escape://" + to_hex(core->state().instance)),
                        codec::to_msgpack(codec::encode(event))});
  }
}

void Server::Impl::publish_beacon(Now now) {
  if (!publisher || now.steady < beacon_at) return;
  publisher->publish({"beacon", events::sequence_frame(core->state().last_event)});
  beacon_at = now.steady + beacon_interval;
}

}  // namespace escape::controller
