#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/session/client_session.h"
#include "tests/simulation/network.h"

namespace escape::simulation {

/// What agent/app/session.cc and the CLI's link do around `protocol::ClientSession`, on the simulated network: the real
/// session decides; this connects, numbers, checks and reconnects.
///
/// Packets wait in `mail` until the owner's turn, as in a socket.
class SimSession : public Dialer {
 public:
  struct Wiring {
    World* world = nullptr;
    Network* network = nullptr;
    int machine = 0;
    std::string domain;
    std::function<void()> wake;  ///< something is to be done in the owner's turn
    std::function<Body()> make_greeting;
    std::function<Body()> make_ping;
    std::function<void()> on_closed;
  };
  SimSession(Wiring wiring, Random random) : wiring_(std::move(wiring)), random_(random) { renew(); }

  void set_key(std::string key) { key_ = std::move(key); }
  /// A new process: nothing is remembered.
  void renew();
  void remember(const std::string& instance, Epoch epoch) { state_.remember(instance, epoch); }
  Epoch epoch() const { return state_.epoch(); }
  bool is_open() const { return state_.state() == protocol::ClientSession::State::open; }
  bool is_greeting() const { return state_.state() == protocol::ClientSession::State::greeting; }

  /// Messages that belong to this session, in order; a packet that does not ends it (and what comes after is dropped).
  std::optional<Packet> receive();
  void on_welcome(Millis heartbeat, int missed_beats, const Packet& packet);
  /// Connects, greets, pings, gives up: what is due.
  void act();
  void send(Body body);
  void drop(std::string_view why);
  Instant wake_at() const { return state_.wake_at(); }

  void on_ready(ConnectionId connection) override;
  void on_refused(ConnectionId connection) override;
  void on_lost(ConnectionId connection) override;
  void on_packet(ConnectionId connection, const Packet& packet) override;

  std::string name;  ///< for the trace

 private:
  enum class Link { none, connecting, ready, refused, lost };
  void watch();

  Wiring wiring_;
  Random random_;
  std::string key_;
  protocol::ClientSession state_{protocol::ClientSession::Limits{}};
  ConnectionId connection_ = 0;
  Link link_ = Link::none;
  std::vector<Packet> mail_;
  std::size_t read_ = 0;
};

}  // namespace escape::simulation
