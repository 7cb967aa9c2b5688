#include <zmq.h>

#include <charconv>

#include "protocol/transport/sockets.h"
#include "shared/base/log.h"
#include "shared/base/text.h"

namespace escape::transport {
namespace {

/// First byte of Peer::route: which of a Listener's two sockets it belongs to.
constexpr char tcp_mark = 't';
constexpr char inproc_mark = 'i';

/// A message of ours has four frames; what has many more is not worth keeping.
constexpr std::size_t most_frames = 16;

/// Ids that a ROUTER makes are five bytes after a zero; a peer that chose its own could take another's place.
bool is_generated(const std::string& id) { return id.size() == 5 && id[0] == '\0'; }

int port_of(const zmq::socket_t& socket) {
  const std::string endpoint = socket.get(zmq::sockopt::last_endpoint);
  const std::size_t colon = endpoint.rfind(':');
  int port = 0;
  if (colon != std::string::npos) std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  return port;
}

std::string with_free_port(std::string endpoint) {
  if (endpoint.ends_with(":0")) endpoint.replace(endpoint.size() - 1, 1, "*");
  return endpoint;
}

Result<> check_options(const Context::Impl& context, const Listener::Options& options) {
  if (options.endpoints.empty()) return fail(ErrorKind::bad_configuration, "there is no address to listen on");
  for (const std::string& endpoint : options.endpoints) {
    if (is_inproc(endpoint)) continue;
    if (!is_tcp(endpoint))
      return fail(ErrorKind::bad_configuration, "'" + endpoint + "' is not an address to listen on",
                  "Give 'tcp://HOST:PORT'.");
    if (options.keys.public_key.size() != 32 || options.keys.secret_key.size() != 32 || options.zap_domain.empty())
      return fail(ErrorKind::bad_configuration, "listening on '" + endpoint + "' needs a key pair and a domain");
    if (!context.has_gatekeeper)
      return fail(ErrorKind::internal,
                  "listening on '" + endpoint + "' before there is a gatekeeper would let anybody in");
  }
  return ok();
}

Result<> bind_all(Context::Impl& context, const Listener::Options& options, Role role, Listener::Impl& impl) {
  TRYV(check_options(context, options));
  for (const std::string& endpoint : options.endpoints) {
    try {
      SocketPointer& socket = is_inproc(endpoint) ? impl.inproc : impl.tcp;
      if (!socket) {
        socket = make_socket(context, role);
        if (options.send_queue > 0) socket->set(zmq::sockopt::sndhwm, options.send_queue);
        if (!is_inproc(endpoint)) set_curve_server(*socket, options.keys, options.zap_domain);
      }
      if (!is_inproc(endpoint)) set_address_family(*socket, endpoint);
      socket->bind(with_free_port(endpoint));
      if (!is_inproc(endpoint)) impl.port = port_of(*socket);
    } catch (const zmq::error_t& error) {
      return fail(socket_error("listening on", endpoint, error));
    }
  }
  return ok();
}

/// The message that waits on one socket, or nothing; `was_dropped` tells of one that was not fit to give. `live` is
/// null for inproc.
std::optional<Received> receive_from(zmq::socket_t& socket, LiveConnections* live, bool& was_dropped) {
  was_dropped = false;
  std::optional<std::vector<zmq::message_t>> frames = receive_frames(socket);
  if (!frames) return std::nullopt;
  was_dropped = true;
  const std::string id = to_bytes(frames->front());
  if (frames->size() < 2 || frames->size() > most_frames || !is_generated(id)) return std::nullopt;
  Received received;
  received.peer.route = (live ? tcp_mark : inproc_mark) + id;
  if (live) {
    received.peer.key = from_hex(user_id_of((*frames)[1]));
    if (received.peer.key.size() != 32) return std::nullopt;
    live->note((*frames)[1], received.peer.key, id);
  }
  for (std::size_t i = 1; i < frames->size(); ++i) received.frames.push_back(to_bytes((*frames)[i]));
  was_dropped = false;
  return received;
}

}  // namespace

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::router(Context& context, const Options& options) {
  auto impl = std::make_unique<Impl>();
  TRYV(bind_all(context.impl(), options, Role::router, *impl));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Result<std::unique_ptr<Listener>> Listener::publisher(Context& context, const Options& options) {
  auto impl = std::make_unique<Impl>();
  TRYV(bind_all(context.impl(), options, Role::publisher, *impl));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

int Listener::port() const { return impl_->port; }
std::uint64_t Listener::dropped() const { return impl_->dropped; }

std::optional<Received> Listener::receive() {
  impl_->inproc_first = !impl_->inproc_first;
  for (const bool inproc : {impl_->inproc_first, !impl_->inproc_first}) {
    const SocketPointer& socket = inproc ? impl_->inproc : impl_->tcp;
    bool was_dropped = socket != nullptr;
    while (was_dropped) {
      LiveConnections* live = inproc ? nullptr : &impl_->live;
      if (std::optional<Received> received = receive_from(*socket, live, was_dropped)) return received;
      if (was_dropped) ++impl_->dropped;
    }
  }
  return std::nullopt;
}

SendOutcome Listener::send(const Peer& peer, const std::vector<std::string>& frames) {
  if (any_too_large(frames)) return SendOutcome::too_large;
  const SocketPointer& socket = peer.route.starts_with(inproc_mark) ? impl_->inproc : impl_->tcp;
  if (peer.route.empty() || !socket) return SendOutcome::no_such_peer;
  std::vector<std::string> addressed{peer.route.substr(1)};
  addressed.insert(addressed.end(), frames.begin(), frames.end());
  try {
    return send_frames(*socket, addressed) ? SendOutcome::sent : SendOutcome::queue_full;
  } catch (const zmq::error_t& error) {
    if (error.num() != EHOSTUNREACH) log_warn("sending a message failed: {}", error.what());
    return SendOutcome::no_such_peer;
  }
}

void Listener::publish(const std::vector<std::string>& frames) {
  if (any_too_large(frames)) return;
  for (const SocketPointer& socket : {impl_->tcp, impl_->inproc}) {
    if (!socket) continue;
    try {
      send_frames(*socket, frames);
    } catch (const zmq::error_t& error) {
      log_warn("publishing a message failed: {}", error.what());
    }
  }
}

void Listener::take_subscribers(const std::function<bool(std::string_view key)>& may_listen) {
  if (!impl_->tcp) return;
  while (std::optional<std::vector<zmq::message_t>> frames = receive_frames(*impl_->tcp)) {
    zmq::message_t& asked = frames->front();
    const std::string key = from_hex(user_id_of(asked));
    LiveConnections::Known* known = impl_->live.note(asked, key, {});
    const bool is_greedy = known && ++known->subscriptions > most_subscriptions;
    if (!is_greedy && may_listen(key)) continue;
    if (is_greedy) log_warn("cut a listener of the events: it asked for more than {} topics", most_subscriptions);
    impl_->live.cut(key);
  }
}

int Listener::cut(std::string_view key) { return impl_->live.cut(key); }

}  // namespace escape::transport
