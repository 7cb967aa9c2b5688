#include <netinet/in.h>
#include <sys/socket.h>
#include <zmq.h>

#include <charconv>
#include <cstring>

#include "protocol/transport/sockets.h"

namespace escape::transport {
namespace {

/// libzmq puts the descriptor that a message came through beside it, under a private name (it serves ZMQ_SRCFD).
constexpr const char* descriptor_property = "__fd";

int descriptor_of(zmq::message_t& frame) {
  const char* text = zmq_msg_gets(frame.handle(), descriptor_property);
  if (!text) return -1;
  int descriptor = -1;
  std::from_chars(text, text + std::strlen(text), descriptor);
  return descriptor;
}

/// Address and port at the other end as the kernel writes them; empty when there is none.
std::string remote_end_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return {reinterpret_cast<const char*>(&address), size};
}

}  // namespace

LiveConnections::Known* LiveConnections::note(zmq::message_t& frame, const std::string& key, const std::string& route) {
  const int descriptor = descriptor_of(frame);
  if (descriptor < 0) return nullptr;
  Known& known = by_descriptor_[descriptor];
  const bool is_same =
      known.key == key && (route.empty() ? known.remote_end == remote_end_of(descriptor) : known.route == route);
  if (!is_same) known = {key, route, remote_end_of(descriptor), 0};
  return &known;
}

int LiveConnections::cut(std::string_view key) {
  int count = 0;
  for (auto it = by_descriptor_.begin(); it != by_descriptor_.end();) {
    if (it->second.key != key) {
      ++it;
      continue;
    }
    // The number may have become another connection's since: then that one has another end.
    const bool is_still_it = !it->second.remote_end.empty() && remote_end_of(it->first) == it->second.remote_end;
    if (is_still_it && shutdown(it->first, SHUT_RDWR) == 0) ++count;
    it = by_descriptor_.erase(it);
  }
  return count;
}

}  // namespace escape::transport
