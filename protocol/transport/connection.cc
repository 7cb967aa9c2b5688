#include <zmq.h>

#include <atomic>
#include <cstring>

#include "protocol/transport/sockets.h"
#include "shared/base/log.h"

namespace escape::transport {
namespace {

constexpr int watched_events = ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

std::string fresh_monitor_endpoint() {
  static std::atomic<std::uint64_t> count{0};
  return "inproc://escape-monitor-" + std::to_string(++count);
}

/// Made before the connect, so that no event is missed.
SocketPointer make_monitor(Context::Impl& context, zmq::socket_t& of) {
  const std::string endpoint = fresh_monitor_endpoint();
  if (zmq_socket_monitor(of.handle(), endpoint.c_str(), watched_events) != 0) throw zmq::error_t();
  auto monitor = std::make_shared<zmq::socket_t>(context.context, zmq::socket_type::pair);
  monitor->set(zmq::sockopt::linger, 0);
  monitor->connect(endpoint);
  return monitor;
}

Result<> check_options(const Connection::Options& options) {
  if (is_inproc(options.endpoint)) return ok();
  if (!is_tcp(options.endpoint))
    return fail(ErrorKind::bad_configuration, "'" + options.endpoint + "' is not an address to connect to",
                "Give 'tcp://HOST:PORT'.");
  if (options.server_key.size() != 32 || options.keys.public_key.size() != 32 || options.keys.secret_key.size() != 32)
    return fail(ErrorKind::bad_configuration,
                "connecting to '" + options.endpoint + "' needs the controller's key and a key pair of 32 bytes each");
  return ok();
}

Result<> connect(Context::Impl& context, const Connection::Options& options, Role role,
                 const std::vector<std::string>& prefixes, Connection::Impl& impl) {
  TRYV(check_options(options));
  try {
    impl.socket = make_socket(context, role);
    for (const std::string& prefix : prefixes) impl.socket->set(zmq::sockopt::subscribe, prefix);
    if (is_inproc(options.endpoint)) {
      impl.state = Connection::State::ready;
    } else {
      set_curve_client(*impl.socket, options.keys, options.server_key);
      set_address_family(*impl.socket, options.endpoint);
      impl.monitor = make_monitor(context, *impl.socket);
    }
    impl.socket->connect(options.endpoint);
  } catch (const zmq::error_t& error) {
    return fail(socket_error("connecting to", options.endpoint, error));
  }
  return ok();
}

}  // namespace

/// The monitor is stopped before its reader goes: libzmq would wait for a reader for ever.
Connection::Impl::~Impl() {
  if (monitor) zmq_socket_monitor(socket->handle(), nullptr, 0);
  monitor.reset();
}

void Connection::Impl::drain_monitor() {
  while (monitor) {
    const std::optional<std::vector<zmq::message_t>> frames = receive_frames(*monitor);
    if (!frames) return;
    std::uint16_t event = 0;
    if (frames->front().size() < sizeof event) continue;
    std::memcpy(&event, frames->front().data(), sizeof event);
    if (state == State::refused || state == State::lost) continue;
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      state = State::ready;
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      state = State::refused;
    } else {
      state = State::lost;
    }
  }
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::dealer(Context& context, const Options& options) {
  auto impl = std::make_unique<Impl>();
  TRYV(connect(context.impl(), options, Role::dealer, {}, *impl));
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

Result<std::unique_ptr<Connection>> Connection::subscriber(Context& context, const Options& options,
                                                           const std::vector<std::string>& prefixes) {
  auto impl = std::make_unique<Impl>();
  TRYV(connect(context.impl(), options, Role::subscriber, prefixes, *impl));
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

Connection::State Connection::state() {
  impl_->drain_monitor();
  return impl_->state;
}

std::optional<std::vector<std::string>> Connection::receive() {
  // Here too, so that a poll user who only receives does not wake for the same event for ever.
  impl_->drain_monitor();
  const std::optional<std::vector<zmq::message_t>> frames = receive_frames(*impl_->socket);
  if (!frames) return std::nullopt;
  std::vector<std::string> bytes;
  for (const zmq::message_t& frame : *frames) bytes.push_back(to_bytes(frame));
  return bytes;
}

bool Connection::send(const std::vector<std::string>& frames) {
  // The monitor knows of a loss before the socket does.
  if (state() != State::ready || any_too_large(frames)) return false;
  try {
    return send_frames(*impl_->socket, frames);
  } catch (const zmq::error_t& error) {
    log_warn("sending a message failed: {}", error.what());
    return false;
  }
}

}  // namespace escape::transport
