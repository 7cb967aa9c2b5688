#include <zmq.h>

#include <tuple>

#include "protocol/transport/sockets.h"
#include "shared/base/check.h"
#include "shared/base/log.h"

namespace escape::transport {

std::string library_version() {
  const auto [major, minor, patch] = zmq::version();
  return "libzmq " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

Result<> check_library() {
  if (zmq::version() < std::tuple(4, 3, 4))
    return fail(ErrorKind::refused, library_version() + " is too old: hostile peers can stop it",
                "Install libzmq 4.3.4 or newer.");
  if (!zmq_has("curve"))
    return fail(ErrorKind::refused, library_version() + " was built without CURVE", "Install a libzmq with libsodium.");
  return ok();
}

Context::Context(int io_threads) {
  const Result<> usable = check_library();
  if (!usable) log_error("{}", describe(usable.error()));
  CHECK(usable.has_value());
  impl_ = std::make_unique<Impl>(io_threads);
  impl_->context.set(zmq::ctxopt::blocky, 0);
}

Context::~Context() = default;

}  // namespace escape::transport
