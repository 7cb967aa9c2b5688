#include "protocol/transport/sockets.h"
#include "shared/base/text.h"

namespace escape::transport {
namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";

// Frames of a ZAP 1.0 request as a ROUTER gets it (RFC 27): who asks, an empty one, then these.
enum Frame : std::size_t {
  route,
  delimiter,
  version,
  request_id,
  domain,
  address,
  identity,
  mechanism,
  curve_key,
  frame_count
};

}  // namespace

Gatekeeper::Gatekeeper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Gatekeeper::~Gatekeeper() { impl_->context->has_gatekeeper = false; }

Result<std::unique_ptr<Gatekeeper>> Gatekeeper::make(Context& context, IsAllowed is_allowed, OnRefused on_refused) {
  auto impl = std::make_unique<Impl>();
  impl->context = &context.impl();
  impl->is_allowed = std::move(is_allowed);
  impl->on_refused = std::move(on_refused);
  try {
    impl->socket = std::make_shared<zmq::socket_t>(context.impl().context, zmq::socket_type::router);
    impl->socket->set(zmq::sockopt::linger, 0);
    // One question for each handshake under way: none may be lost to a full queue.
    impl->socket->set(zmq::sockopt::sndhwm, 0);
    impl->socket->set(zmq::sockopt::rcvhwm, 0);
    impl->socket->bind(zap_endpoint);
  } catch (const zmq::error_t& error) {
    return fail(socket_error("listening on", zap_endpoint, error));
  }
  context.impl().has_gatekeeper = true;
  return std::unique_ptr<Gatekeeper>(new Gatekeeper(std::move(impl)));
}

void Gatekeeper::serve() {
  while (std::optional<std::vector<zmq::message_t>> frames = receive_frames(*impl_->socket)) {
    if (frames->size() <= mechanism) continue;
    const auto text = [&](Frame frame) { return to_bytes((*frames)[frame]); };
    const std::string key = frames->size() == frame_count && text(mechanism) == "CURVE" ? text(curve_key) : "";
    const bool allowed = text(version) == "1.0" && key.size() == 32 && impl_->is_allowed(text(domain), key);
    if (!allowed && impl_->on_refused) impl_->on_refused(text(domain), key, text(address));
    try {
      send_frames(*impl_->socket, {text(route), "", "1.0", text(request_id), allowed ? "200" : "400",
                                   allowed ? "OK" : "this key is not known", allowed ? to_hex(key) : "", ""});
    } catch (const zmq::error_t&) {
      // The connection that asked is gone; nobody waits for the answer.
    }
  }
}

}  // namespace escape::transport
