#include "shared/io/service.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "shared/io/folder_for_tests.h"

namespace escape::io {
namespace service_test {

bool is_readable(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

/// A datagram socket as systemd has one; `name` is a path.
Fd listen_for_datagrams(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.c_str(), name.size());
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return socket;
}

std::string received(const Fd& socket) {
  char buffer[100];
  const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

}  // namespace service_test

using Service = TestFolder;

TEST_F(Service, ASignalMakesTheDescriptorReadable) {
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const Fd signals = signals_as_descriptor({SIGUSR1, SIGUSR2}).value();
  EXPECT_EQ(take_signal(signals), 0);
  ::raise(SIGUSR2);
  EXPECT_TRUE(service_test::is_readable(signals.get()));
  EXPECT_EQ(take_signal(signals), SIGUSR2);
  EXPECT_EQ(take_signal(signals), 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(Service, TheServiceManagerIsTold) {
  const Fd manager = service_test::listen_for_datagrams(in_folder("notify"));
  notify_service_manager("READY=1");
  EXPECT_EQ(service_test::received(manager), "") << "nobody asked for it yet";
  ::setenv("NOTIFY_SOCKET", in_folder("notify").c_str(), 1);
  notify_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(service_test::received(manager), "READY=1");
}

TEST_F(Service, AMissingServiceManagerIsNoFailure) {
  ::setenv("NOTIFY_SOCKET", in_folder("nobody").c_str(), 1);
  notify_service_manager("READY=1");
  ::setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
  notify_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
}

TEST_F(Service, AWakerStaysReadableUntilCleared) {
  Waker waker;
  EXPECT_FALSE(service_test::is_readable(waker.descriptor()));
  waker.wake();
  waker.wake();
  EXPECT_TRUE(service_test::is_readable(waker.descriptor()));
  waker.clear();
  EXPECT_FALSE(service_test::is_readable(waker.descriptor()));
  waker.clear();
}

}  // namespace escape::io
