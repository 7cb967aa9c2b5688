#include <zmq.h>

#include <algorithm>
#include <climits>

#include "protocol/transport/sockets.h"
#include "shared/base/check.h"

namespace escape::transport {

/// zmq_poll and not ZMQ_FD, whose edge is easily missed.
struct Poller::Impl {
  std::vector<std::weak_ptr<zmq::socket_t>> sockets;
  std::vector<int> descriptors;
  std::vector<int> readable;

  void add(const SocketPointer& socket) {
    if (socket) sockets.push_back(socket);
  }
  void remove(const SocketPointer& socket) {
    std::erase_if(sockets, [&](const auto& known) { return known.expired() || known.lock() == socket; });
  }
};

Poller::Poller() : impl_(std::make_unique<Impl>()) {}
Poller::~Poller() = default;

void Poller::add(Listener& listener) {
  impl_->add(listener.impl().tcp);
  impl_->add(listener.impl().inproc);
}
void Poller::add(Gatekeeper& gatekeeper) { impl_->add(gatekeeper.impl().socket); }
void Poller::add(Connection& connection) {
  impl_->add(connection.impl().socket);
  impl_->add(connection.impl().monitor);
}
void Poller::add_descriptor(int descriptor) { impl_->descriptors.push_back(descriptor); }
void Poller::remove(Connection& connection) {
  impl_->remove(connection.impl().socket);
  if (connection.impl().monitor) impl_->remove(connection.impl().monitor);
}
void Poller::remove_descriptor(int descriptor) { std::erase(impl_->descriptors, descriptor); }

void Poller::wait(Millis at_most) {
  std::vector<zmq_pollitem_t> items;
  for (const int descriptor : impl_->descriptors) items.push_back({nullptr, descriptor, ZMQ_POLLIN, 0});
  std::erase_if(impl_->sockets, [](const auto& known) { return known.expired(); });
  for (const auto& known : impl_->sockets) items.push_back({known.lock()->handle(), 0, ZMQ_POLLIN, 0});
  const long limit = at_most.count() < 0 ? -1 : static_cast<long>(std::min<std::int64_t>(at_most.count(), INT_MAX));
  impl_->readable.clear();
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), limit);
  CHECK(ready >= 0 || zmq_errno() == EINTR);
  if (ready <= 0) return;
  for (std::size_t i = 0; i < impl_->descriptors.size(); ++i) {
    if (items[i].revents != 0) impl_->readable.push_back(items[i].fd);
  }
}

bool Poller::is_readable(int descriptor) const {
  return std::ranges::find(impl_->readable, descriptor) != impl_->readable.end();
}

}  // namespace escape::transport
