#include "controller/app/sessions.h"

#include <algorithm>

#include "shared/base/mutant.h"

namespace escape::controller {
namespace {

bool is_unset(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char byte) { return byte == '\0'; });
}

}  // namespace

Sessions::Admitted Sessions::admit(Side side, const transport::Peer& peer, const protocol::Header& header,
                                   bool is_greeting, Instant now) {
  if (header.instance == instance_ && header.epoch > epoch_ && !is_mutant("accept_a_lower_epoch")) {
    return {.is_ahead = true, .reason = "this controller's data is older than what you have seen of it"};
  }
  const auto key = std::pair{side, peer.route};
  auto known = by_route_.find(key);
  if (known != by_route_.end()) {
    Session& session = sessions_.at(known->second);
    if (session.name == header.session) {
      if (header.sequence != session.received + 1)
        return {.reason = "a message of this session is missing or repeated"};
      if (!is_unset(header.instance) && (header.instance != instance_ || header.epoch > epoch_)) {
        return {.reason = "the message is for another controller"};
      }
      session.received = header.sequence;
      session.last_heard = now;
      return {.session = &session, .is_new = false};
    }
    remove(known->second);
  }
  if (!is_greeting || header.sequence != 1) return {.reason = "no session is open here: greet first"};
  Session session{
      .id = ++last_, .side = side, .peer = peer, .name = header.session, .received = 1, .sent = 0, .last_heard = now};
  by_route_[key] = session.id;
  Session& stored = sessions_.emplace(session.id, std::move(session)).first->second;
  return {.session = &stored, .is_new = true};
}

Session* Sessions::find(SessionId id) {
  auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

void Sessions::remove(SessionId id) {
  auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto route = by_route_.find({found->second.side, found->second.peer.route});
  if (route != by_route_.end() && route->second == id) by_route_.erase(route);
  sessions_.erase(found);
}

void Sessions::remove_all(Side side) {
  std::erase_if(by_route_, [&](const auto& route) { return route.first.first == side; });
  std::erase_if(sessions_, [&](const auto& session) { return session.second.side == side; });
}

std::vector<SessionId> Sessions::silent_since(Side side, Instant before) const {
  std::vector<SessionId> silent;
  for (const auto& [id, session] : sessions_) {
    if (session.side == side && session.last_heard < before) silent.push_back(id);
  }
  return silent;
}

protocol::Header Sessions::next_header(Session& session) const {
  return {.instance = instance_, .epoch = epoch_, .session = session.name, .sequence = ++session.sent};
}

protocol::Header Sessions::bare_header(const protocol::Header& theirs) const {
  return {.instance = instance_, .epoch = epoch_, .session = theirs.session, .sequence = 0};
}

}  // namespace escape::controller
