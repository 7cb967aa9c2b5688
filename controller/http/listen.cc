#include "controller/http/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace escape::http {
namespace {

/// Connections that the kernel keeps for us while we are busy.
constexpr int backlog = 1024;

Error bind_error(const std::string& where, int number) {
  const std::string what = "Couldn't listen on " + where + ": " + std::strerror(number);
  if (number == EADDRINUSE) return {ErrorKind::conflict, what, "Another program uses this port: choose another one."};
  if (number == EACCES) return {ErrorKind::no_permission, what, "Ports below 1024 need the right to use them."};
  return {ErrorKind::bad_configuration, what, "Give an address of this machine."};
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const bool is_ipv6 = address.ss_family == AF_INET6;
  return ntohs(is_ipv6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                       : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

}  // namespace

Result<Listener> listen_on(const std::string& address, int port) {
  const std::string where = address + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return fail(ErrorKind::bad_configuration, "Couldn't listen on " + where + ": " + ::gai_strerror(error),
                "Give an address of this machine.");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  io::Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail(bind_error(where, errno));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket.get(), backlog) != 0) {
    return fail(bind_error(where, errno));
  }
  const int actual = port_of(socket.get());
  return Listener{std::move(socket), actual};
}

}  // namespace escape::http
