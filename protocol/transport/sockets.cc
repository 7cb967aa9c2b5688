#include "protocol/transport/sockets.h"

#include <zmq.h>

#include "protocol/messages/envelope.h"
#include "shared/base/check.h"
#include "shared/base/log.h"

namespace escape::transport {
namespace {

// Values and reasons: protocol/README.md, "Socket options".
constexpr int handshake_limit_ms = 10'000;
constexpr int heartbeat_ms = 10'000;
constexpr int heartbeat_limit_ms = 30'000;
constexpr int linger_ms = 1'000;
constexpr int queue_length = 1'000;
constexpr int published_queue_length = 10'000;
constexpr int subscribed_queue_length = 10'000;
constexpr int backlog = 1'024;
/// CURVE adds some bytes to a frame, which must not make the largest legal one illegal.
constexpr std::int64_t largest_frame = static_cast<std::int64_t>(protocol::max_message_bytes) + 1'024;
/// ZMQ_ZAP_ENFORCE_DOMAIN: a draft name that Debian's header hides and Debian's library knows.
constexpr int zap_enforce_domain = 93;

zmq::socket_type type_of(Role role) {
  switch (role) {
    case Role::router:
      return zmq::socket_type::router;
    case Role::publisher:
      return zmq::socket_type::xpub;  // as PUB, and tells who subscribes
    case Role::dealer:
      return zmq::socket_type::dealer;
    case Role::subscriber:
      return zmq::socket_type::sub;
  }
  CHECK(false);
}

}  // namespace

SocketPointer make_socket(Context::Impl& context, Role role) {
  auto socket = std::make_shared<zmq::socket_t>(context.context, type_of(role));
  const bool connects = role == Role::dealer || role == Role::subscriber;
  socket->set(zmq::sockopt::linger, role == Role::dealer ? linger_ms : 0);
  socket->set(zmq::sockopt::sndhwm, role == Role::publisher ? published_queue_length : queue_length);
  socket->set(zmq::sockopt::rcvhwm, role == Role::subscriber ? subscribed_queue_length : queue_length);
  socket->set(zmq::sockopt::maxmsgsize, largest_frame);
  socket->set(zmq::sockopt::handshake_ivl, handshake_limit_ms);
  socket->set(zmq::sockopt::heartbeat_ivl, heartbeat_ms);
  socket->set(zmq::sockopt::heartbeat_timeout, heartbeat_limit_ms);
  socket->set(zmq::sockopt::heartbeat_ttl, heartbeat_limit_ms);
  socket->set(zmq::sockopt::tcp_keepalive, 1);
  socket->set(zmq::sockopt::tcp_keepalive_idle, 60);
  socket->set(zmq::sockopt::tcp_keepalive_intvl, 10);
  socket->set(zmq::sockopt::tcp_keepalive_cnt, 6);
  if (role == Role::router) socket->set(zmq::sockopt::router_mandatory, true);
  // Every subscription is told, not only the first to a topic: each names the key behind it.
  if (role == Role::publisher) socket->set(zmq::sockopt::xpub_verbose, true);
  if (connects) {
    socket->set(zmq::sockopt::immediate, true);
    socket->set(zmq::sockopt::reconnect_ivl, -1);
  } else {
    socket->set(zmq::sockopt::backlog, backlog);
  }
  return socket;
}

void set_curve_server(zmq::socket_t& socket, const KeyPair& keys, const std::string& zap_domain) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key);
  socket.set(zmq::sockopt::zap_domain, zap_domain);
  const int enforce = 1;
  if (zmq_setsockopt(socket.handle(), zap_enforce_domain, &enforce, sizeof enforce) != 0)
    log_debug("libzmq has no ZAP_ENFORCE_DOMAIN; the gatekeeper alone keeps unknown keys out");
}

void set_curve_client(zmq::socket_t& socket, const KeyPair& keys, const std::string& server_key) {
  socket.set(zmq::sockopt::curve_serverkey, server_key);
  socket.set(zmq::sockopt::curve_publickey, keys.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key);
}

void set_address_family(zmq::socket_t& socket, std::string_view endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string_view::npos);
}

bool is_inproc(std::string_view endpoint) { return endpoint.starts_with("inproc://"); }
bool is_tcp(std::string_view endpoint) { return endpoint.starts_with("tcp://"); }

std::optional<std::vector<zmq::message_t>> receive_frames(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  try {
    do {
      zmq::message_t frame;
      if (!socket.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
      frames.push_back(std::move(frame));
    } while (frames.back().more());
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) log_warn("receiving a message failed: {}", error.what());
    return std::nullopt;
  }
  return frames;
}

std::string user_id_of(zmq::message_t& frame) {
  const char* text = zmq_msg_gets(frame.handle(), "User-Id");
  return text ? text : "";
}

std::string to_bytes(const zmq::message_t& frame) { return {static_cast<const char*>(frame.data()), frame.size()}; }

bool any_too_large(const std::vector<std::string>& frames) {
  for (const std::string& frame : frames) {
    if (frame.size() <= protocol::max_message_bytes) continue;
    log_error("a message of {} bytes was not sent: the limit is {}", frame.size(), protocol::max_message_bytes);
    return true;
  }
  return false;
}

bool send_frames(zmq::socket_t& socket, const std::vector<std::string>& frames) {
  CHECK(!frames.empty());
  const auto send_one = [&](std::size_t i) {
    const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    return socket.send(zmq::const_buffer(frames[i].data(), frames[i].size()), more | zmq::send_flags::dontwait)
        .has_value();
  };
  if (!send_one(0)) {
    // A send looks for new connections and freed queues at most once a millisecond; asking for the events always does.
    (void)socket.get(zmq::sockopt::events);
    if (!send_one(0)) return false;
  }
  for (std::size_t i = 1; i < frames.size(); ++i)
    if (!send_one(i)) return false;
  return true;
}

Error socket_error(std::string_view what, std::string_view endpoint, const zmq::error_t& error) {
  const std::string subject = std::string(what) + " '" + std::string(endpoint) + "'";
  switch (error.num()) {
    case EADDRINUSE:
      return {ErrorKind::conflict,
              subject + " failed: the address is in use",
              "Another program listens there; stop it or choose another port.",
              {}};
    case EACCES:
      return {
          ErrorKind::no_permission, subject + " failed: permission denied", "Ports below 1024 need a privilege.", {}};
    case EADDRNOTAVAIL:
    case ENODEV:
      return {ErrorKind::bad_configuration, subject + " failed: this host has no such address", {}, {}};
    case EMFILE:
    case ENFILE:
      return {ErrorKind::temporary,
              subject + " failed: too many open files or sockets",
              "Raise the limit of open files.",
              {}};
    default:
      return {ErrorKind::bad_configuration, subject + " failed: " + error.what(), {}, {}};
  }
}

}  // namespace escape::transport
