#include "shared/io/service.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "shared/base/check.h"

namespace escape::io {

Result<Fd> signals_as_descriptor(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int blocked = ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Fd descriptor(blocked == 0 ? ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1);
  if (!descriptor) {
    const int reason = blocked == 0 ? errno : blocked;
    return fail(ErrorKind::internal, fmt::format("cannot watch signals: {}", std::generic_category().message(reason)));
  }
  return descriptor;
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit wanted{limit.rlim_max, limit.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &wanted) == 0 ? wanted.rlim_cur : limit.rlim_cur;
}

int take_signal(const Fd& signals) {
  signalfd_siginfo info{};
  const ssize_t count = ::read(signals.get(), &info, sizeof info);
  return count == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

void notify_service_manager(std::string_view state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name == nullptr || *name == '\0' || std::strlen(name) >= sizeof address.sun_path) return;
  const std::size_t length = std::strlen(name);
  std::memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = '\0';  // Linux' abstract names start with a zero byte
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  // Nothing to be done when it fails: systemd then acts on what it does not hear.
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

Waker::Waker() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CHECK(fd_); }

void Waker::wake() {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full: readable all the same.
  [[maybe_unused]] const ssize_t count = ::write(fd_.get(), &one, sizeof one);
}

void Waker::clear() {
  std::uint64_t waiting = 0;
  [[maybe_unused]] const ssize_t count = ::read(fd_.get(), &waiting, sizeof waiting);
}

}  // namespace escape::io
