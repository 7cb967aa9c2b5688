#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "protocol/transport/transport.h"
#include "shared/base/crypto.h"
#include "shared/base/result.h"

/// What the files of this folder share; nobody else may include it.
namespace escape::transport {

/// Shared, so that a Poller can see that a socket has gone.
using SocketPointer = std::shared_ptr<zmq::socket_t>;

/// Which key speaks through which TCP connection, so that those of one key can be ended: libzmq has no call for it, but
/// tells the descriptor, and a connection that was shut down beneath it is cleaned up like any other that ended. No
/// larger than the process has descriptors: a new connection takes the place of the one whose number it got.
class LiveConnections {
 public:
  struct Known {
    std::string key;
    std::string route;
    std::string remote_end;  ///< tells the connection from a later one with the same descriptor
    int subscriptions = 0;
  };
  /// A message of `key` has come. `route` names the connection where there is one (ROUTER). Null: not over TCP.
  Known* note(zmq::message_t& frame, const std::string& key, const std::string& route);
  /// How many were ended.
  int cut(std::string_view key);

 private:
  std::map<int, Known> by_descriptor_;
};

struct Context::Impl {
  explicit Impl(int io_threads) : context(io_threads) {}
  zmq::context_t context;
  bool has_gatekeeper = false;
};

struct Listener::Impl {
  SocketPointer tcp;     ///< CURVE server; null without a tcp endpoint
  SocketPointer inproc;  ///< plain; null without an inproc endpoint
  int port = 0;
  std::uint64_t dropped = 0;
  LiveConnections live;
  bool inproc_first = false;  ///< whose turn it is, so that neither starves the other
};

struct Gatekeeper::Impl {
  Context::Impl* context = nullptr;
  SocketPointer socket;
  IsAllowed is_allowed;
  OnRefused on_refused;
};

struct Connection::Impl {
  ~Impl();
  void drain_monitor();
  SocketPointer socket;
  SocketPointer monitor;  ///< null on inproc
  State state = State::connecting;
};

enum class Role { router, publisher, dealer, subscriber };

/// A socket with every option that does not depend on its endpoint. Throws zmq::error_t.
SocketPointer make_socket(Context::Impl& context, Role role);
void set_curve_server(zmq::socket_t& socket, const KeyPair& keys, const std::string& zap_domain);
void set_curve_client(zmq::socket_t& socket, const KeyPair& keys, const std::string& server_key);
/// IPv6 sockets fail on hosts without IPv6, so only endpoints that need them get them.
void set_address_family(zmq::socket_t& socket, std::string_view endpoint);
bool is_inproc(std::string_view endpoint);
bool is_tcp(std::string_view endpoint);

/// All frames of the next message, or nothing.
std::optional<std::vector<zmq::message_t>> receive_frames(zmq::socket_t& socket);
/// The ZAP User-Id that came with a frame (a key in hex); empty when there is none.
std::string user_id_of(zmq::message_t& frame);
std::string to_bytes(const zmq::message_t& frame);
bool any_too_large(const std::vector<std::string>& frames);
/// Sends without blocking; false when it would block. Throws zmq::error_t for the rest.
bool send_frames(zmq::socket_t& socket, const std::vector<std::string>& frames);

Error socket_error(std::string_view what, std::string_view endpoint, const zmq::error_t& error);

}  // namespace escape::transport
