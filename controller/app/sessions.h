#pragma once

#include <map>
#include <optional>
#include <string>

#include "controller/core/core.h"
#include "protocol/messages/envelope.h"
#include "protocol/transport/transport.h"
#include "shared/base/time.h"

namespace escape::controller {

enum class Side { agents, clients };

/// One live connection of an agent or a client, as the controller numbers it.
struct Session {
  SessionId id = 0;
  Side side = Side::clients;
  transport::Peer peer;
  std::string name;            ///< the peer's 16-byte session id, echoed in every header
  std::uint64_t received = 0;  ///< sequence of the last message taken
  std::uint64_t sent = 0;
  Instant last_heard{};
};

/// The accepting side of protocol sessions: which connection a message belongs to and whether it is the next one of it.
///
/// A session begins with a greeting (hello, join) of sequence 1 and ends by silence, by a newer greeting on the same
/// connection, or when a message does not fit; the peer is then told to greet again, which is how it notices a restart.
///
/// Thread: the controller loop.  Durable: no.
class Sessions {
 public:
  Sessions(std::string instance, Epoch epoch) : instance_(std::move(instance)), epoch_(epoch) {}

  struct Admitted {
    Session* session = nullptr;  ///< null: refuse with `reason`
    bool is_new = false;
    bool is_ahead = false;  ///< the peer has seen a later life of this controller: this data folder is an old copy
    std::string reason{};
  };
  Admitted admit(Side side, const transport::Peer& peer, const protocol::Header& header, bool is_greeting, Instant now);
  Session* find(SessionId id);
  void remove(SessionId id);
  /// All of a side: they are told to greet again when they speak next.
  void remove_all(Side side);
  /// A higher one begins: open sessions notice by it.
  void raise_epoch(Epoch epoch) { epoch_ = epoch; }
  /// Sessions of a side not heard of since `before`.
  std::vector<SessionId> silent_since(Side side, Instant before) const;
  protocol::Header next_header(Session& session) const;
  /// For a refusal to a peer that has no session.
  protocol::Header bare_header(const protocol::Header& theirs) const;

 private:
  std::string instance_;
  Epoch epoch_;
  SessionId last_ = 0;
  std::map<SessionId, Session> sessions_;
  std::map<std::pair<Side, std::string>, SessionId> by_route_;
};

}  // namespace escape::controller
