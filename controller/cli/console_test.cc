#include "controller/cli/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "shared/io/files.h"

namespace escape::cli {
namespace console_testing {

TEST(Console, WritesAllToAReaderThatIsSlowerThanANonBlockingPipe) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const io::Fd reading(ends[0]);
  io::Fd writing(ends[1]);
  std::string text;
  for (int i = 0; text.size() < 400'000; ++i) text += std::to_string(i) + "\n";

  std::string got;
  std::thread reader([&] {
    pollfd room{.fd = ends[1], .events = POLLOUT, .revents = 0};
    while (::poll(&room, 1, 0) == 1) std::this_thread::yield();  // not before the pipe is full
    char piece[4096];
    pollfd more{.fd = ends[0], .events = POLLIN, .revents = 0};
    while (::poll(&more, 1, -1) == 1) {
      const ssize_t size = ::read(ends[0], piece, sizeof piece);
      if (size <= 0) return;
      got.append(piece, static_cast<std::size_t>(size));
    }
  });
  EXPECT_EQ(write_fully(writing.get(), text), 0);
  writing.reset();
  reader.join();
  EXPECT_EQ(got, text);
}

TEST(Console, SaysWhyItCouldNotWrite) {
  const io::Fd full = io::open_file("/dev/full", O_WRONLY).value();
  EXPECT_EQ(write_fully(full.get(), "text"), ENOSPC);
  const io::Fd unusable = io::open_file("/dev/null", O_RDONLY).value();
  EXPECT_EQ(write_fully(unusable.get(), "text"), EBADF);
}

/// Where SIGPIPE is ignored too.
TEST(ConsoleDeathTest, EndsQuietlyWhenNobodyReadsAnyMore) {
  const auto write_to_nobody = [] {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::signal(SIGPIPE, SIG_IGN);
    RealConsole console;
    console.out("text");
  };
  EXPECT_EXIT(write_to_nobody(), testing::KilledBySignal(SIGPIPE), "^$");
}

}  // namespace console_testing
}  // namespace escape::cli
