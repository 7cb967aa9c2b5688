#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages/envelope.h"
#include "shared/base/crypto.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

/// ZeroMQ sockets with our options (protocol/README.md) and nothing else: no protocol state, no retries. The only
/// folder that sees zmq. Thread: an object belongs to the thread that made it (a Context may be shared by all); no two
/// threads may ask one object.
namespace escape::transport {

/// Whether the installed libzmq may be used: below 4.3.4 a raw TCP connect can starve a CURVE server, and worse. Error:
/// refused, naming the version. Programs call it first thing.
Result<> check_library();

/// Destroyed after all its sockets; then waits for what is still to be sent, at most a second.
class Context {
 public:
  /// One per process; with a libzmq that `check_library` refuses the program ends. A second I/O thread pays above some
  /// hundred connections.
  explicit Context(int io_threads = 1);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Who is at the other end of a message. `key` comes from the CURVE handshake (ZAP User-Id), never from the message;
/// empty only on inproc, whose peer is this very process.
struct Peer {
  std::string
      route;  ///< made here from the ROUTER's generated id: valid for this connection only, unique in its Listener
  std::string key;  ///< 32 bytes
  friend auto operator<=>(const Peer&, const Peer&) = default;
};

struct Received {
  Peer peer;
  std::vector<std::string> frames;
};

/// too_large: a frame above max_message_bytes, which would cost the connection; it was logged and not sent.
enum class SendOutcome { sent, no_such_peer, queue_full, too_large };

/// A bound socket. `tcp://host:port` endpoints are CURVE servers in the ZAP domain given; `inproc://name` ones are
/// plain. Both kinds may be mixed: they are two sockets inside, so that no option of one reaches the other.
class Listener {
 public:
  struct Options {
    std::vector<std::string> endpoints;  ///< "tcp://0.0.0.0:7771" (port 0 or * = any free), "inproc://agents"
    std::string zap_domain;              ///< "agents", "clients", "events"
    KeyPair keys;                        ///< unused when every endpoint is inproc
    int send_queue = 0;                  ///< messages for one slow peer before they are dropped; 0: as README.md says
  };
  /// Error: conflict "… is in use", bad_configuration for an unusable address or key, no_permission for a low port;
  /// internal when a tcp endpoint is asked for before there is a Gatekeeper (without one CURVE would let everybody in).
  static Result<std::unique_ptr<Listener>> router(Context& context, const Options& options);
  static Result<std::unique_ptr<Listener>> publisher(Context& context, const Options& options);
  ~Listener();

  /// Bound tcp port (the real one, of the last tcp endpoint), or 0.
  int port() const;
  /// Router: next waiting message, or nothing. Messages without a usable identity on tcp are dropped and counted.
  std::optional<Received> receive();
  std::uint64_t dropped() const;
  /// Router: to one peer. Never blocks.
  SendOutcome send(const Peer& peer, const std::vector<std::string>& frames);
  /// Publisher: to all subscribers; the first frame is the topic. Never blocks; a subscriber that is too slow loses
  /// messages.
  void publish(const std::vector<std::string>& frames);
  /// Publisher: takes in who has subscribed since; call it when the poller wakes. Subscribers whose key may not listen
  /// any more, or who ask for more than `most_subscriptions`, are cut off.
  void take_subscribers(const std::function<bool(std::string_view key)>& may_listen);
  static constexpr int most_subscriptions = 100;
  /// Ends every TCP connection through which this key has spoken (or subscribed), since ZAP is asked at handshakes
  /// only; what is still queued for it is lost. How many there were.
  int cut(std::string_view key);

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Answers the ZAP questions of every CURVE listener of the context. Make it before the first tcp listener. Polled in
/// the same loop as the listeners; `is_allowed(domain, key)` answers from memory. An unknown key is answered 400
/// (final) and reported to `on_refused`. Asked at handshakes only: a key that is taken away keeps its connection until
/// `Listener::cut`.
class Gatekeeper {
 public:
  using IsAllowed = std::function<bool(std::string_view domain, std::string_view key)>;
  using OnRefused = std::function<void(std::string_view domain, std::string_view key, std::string_view address)>;
  /// Error: conflict when the context has one.
  static Result<std::unique_ptr<Gatekeeper>> make(Context& context, IsAllowed is_allowed, OnRefused on_refused);
  ~Gatekeeper();
  /// Answers everything that waits.
  void serve();

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Gatekeeper(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A DEALER (or SUB) that connects out. One connection per object, never retried inside: to reconnect, make a new one
/// (the caller's jitter, and no message that outlives its session).
class Connection {
 public:
  struct Options {
    std::string endpoint;    ///< "tcp://host:port" or "inproc://agents"
    std::string server_key;  ///< 32 bytes, pinned; unused on inproc
    KeyPair keys;
  };
  /// ready: the handshake has succeeded. refused: the other side does not know our key (ZAP 400). lost: anything else
  /// that ended it, a wrong server key among it. `connecting` has no end of its own: the caller sets one.
  enum class State { connecting, ready, refused, lost };

  /// Errors: bad_configuration for an unusable endpoint or key.
  static Result<std::unique_ptr<Connection>> dealer(Context& context, const Options& options);
  /// Subscribes to topics that begin with one of `prefixes` ("" = all).
  static Result<std::unique_ptr<Connection>> subscriber(Context& context, const Options& options,
                                                        const std::vector<std::string>& prefixes);
  ~Connection();

  /// As the socket monitor tells. inproc is ready at once, even before its listener is there, and never refused or
  /// lost.
  State state();
  /// Next waiting message, or nothing; what came before the connection was lost is still given.
  std::optional<std::vector<std::string>> receive();
  /// False when not connected, the queue is full or a frame is above max_message_bytes: nothing is kept for later. True
  /// is no promise that it arrives.
  bool send(const std::vector<std::string>& frames);

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Waits on sockets and plain descriptors together. What is destroyed drops out by itself; descriptors must be removed.
class Poller {
 public:
  Poller();
  ~Poller();
  void add(Listener& listener);
  void add(Gatekeeper& gatekeeper);
  void add(Connection& connection);  ///< its messages and its monitor
  void add_descriptor(int descriptor);
  void remove(Connection& connection);
  void remove_descriptor(int descriptor);
  /// Returns when anything is readable or the time has passed. Negative: no limit. Which one is found by asking each.
  void wait(Millis at_most);
  /// Of the last wait.
  bool is_readable(int descriptor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "host", "host:port" → "tcp://host:port"; IPv6 in brackets; "*" is any host or port when listening. A name is looked
/// up as IPv4 only; an IPv6 address works as such. Error: usage.
Result<std::string> tcp_endpoint(std::string_view host_and_port, int default_port);
/// "libzmq 4.3.4".
std::string library_version();

}  // namespace escape::transport
