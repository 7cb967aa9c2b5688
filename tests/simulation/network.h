#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "protocol/messages/envelope.h"
#include "tests/simulation/world.h"

namespace escape::simulation {

using Body = std::variant<protocol::FromAgent, protocol::ToAgent, protocol::FromClient, protocol::ToClient>;
struct Packet {
  protocol::Header header;
  Body body;
};
/// "offer 12.0.1": for the trace, with the numbers that go into its hash.
struct Summary {
  std::string_view word;
  std::uint64_t a = 0, b = 0;
};
Summary summarize(const Body& body);
/// The message as it comes out of its bytes again; an error when it does not.
Result<Body> through_the_wire(const Body& body);

using ConnectionId = std::uint64_t;

/// The side that connects. Called only while the process that opened the connection lives.
class Dialer {
 public:
  virtual ~Dialer() = default;
  virtual void on_ready(ConnectionId connection) = 0;
  virtual void on_refused(ConnectionId connection) = 0;
  virtual void on_lost(ConnectionId connection) = 0;
  virtual void on_packet(ConnectionId connection, const Packet& packet) = 0;
};

/// The side that listens.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual bool may_connect(std::string_view domain, const std::string& key) = 0;
  virtual void on_packet(ConnectionId connection, const Packet& packet) = 0;
};

/// What is wrong with the way between one machine and the controller, as the sum of the faults that are on.
struct LinkTrouble {
  int blocked_to = 0;                  ///< towards the controller
  int blocked_from = 0;                ///< from it
  int drop = 0, repeat = 0, swap = 0;  ///< permille of packets, under the sessions: a gap or repeat ends the session
  int slow = 0;                        ///< how many faults slow it down
};

/// Connections of machines to the one address of the controller: in order and whole unless a fault says otherwise.
class Network {
 public:
  explicit Network(World& world) : world_(world), random_(world.stream("network")) {}

  /// Who listens at the controller's address; nullptr: nobody. Connections of the one before break.
  void listen(Listener* listener, bool is_silent_break);
  bool is_listening(const Listener* listener) const { return listener_ == listener; }

  ConnectionId connect(int machine, std::string domain, std::string key, Dialer* dialer);
  void send_up(ConnectionId connection, Packet packet);
  /// False when the connection is gone as far as the controller's machine knows.
  bool send_down(ConnectionId connection, Packet packet);
  /// The dialing side closes; the other one only notices when it sends.
  void close(ConnectionId connection);
  /// A broken pipe between: both sides notice.
  void cut(int machine);
  /// The machine's process or power is gone. `is_silent`: nothing tells the controller.
  void drop_machine(int machine, bool is_silent);
  const std::string& key_of(ConnectionId connection) const { return connections_.at(connection).key; }
  int machine_of(ConnectionId connection) const { return connections_.at(connection).machine; }
  void forget_closed();

  LinkTrouble& trouble(int machine) { return troubles_[machine]; }
  std::uint64_t carried() const { return carried_; }

 private:
  struct Connection {
    int machine = 0;
    std::string domain, key;
    Dialer* dialer = nullptr;
    Listener* listener = nullptr;
    bool dialer_open = true, listener_open = false;
    Instant last_up{}, last_down{};
  };
  Micros latency(int machine);
  void carry(ConnectionId connection, bool is_up, std::shared_ptr<const Packet> packet);
  void deliver(ConnectionId connection, bool is_up, const Packet& packet);
  void tell_lost(ConnectionId connection);

  World& world_;
  Random random_;
  Listener* listener_ = nullptr;
  ConnectionId last_ = 0;
  std::map<ConnectionId, Connection> connections_;
  std::map<int, LinkTrouble> troubles_;
  std::uint64_t carried_ = 0;
};

}  // namespace escape::simulation
