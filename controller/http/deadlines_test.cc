#include "controller/http/connections.h"
#include "controller/http/running_server_for_tests.h"

namespace escape::http {
namespace deadlines_test {

TEST(Deadlines, OnlyTheOverdueAreCut) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  ConnectionDeadlines deadlines;
  deadlines.opened(&pair, pair[0], Instant{100});
  char byte = 0;
  deadlines.cut_overdue(Instant{99});
  EXPECT_EQ(::read(pair[1], &byte, 1), -1) << "still open, nothing to read";
  deadlines.set(&pair, std::nullopt);
  deadlines.cut_overdue(Instant{200});
  EXPECT_EQ(::read(pair[1], &byte, 1), -1);
  deadlines.set(&pair, Instant{150});
  deadlines.cut_overdue(Instant{200});
  EXPECT_EQ(::read(pair[1], &byte, 1), 0) << "cut";
  deadlines.closed(&pair);
  deadlines.cut_overdue(Instant{300});
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(Deadlines, AHeadThatNeverEndsIsCut) {
  http::testing::RunningServer server([](ServerOptions& options) { options.head_limit = Millis(100); });
  const int raw = server.connect();
  // Another byte every time the server has not answered for a while: silence alone would never end it.
  const std::string head = "GET /health HTTP/1.1\r\nX-Slow: ";
  ASSERT_EQ(::write(raw, head.data(), head.size()), static_cast<ssize_t>(head.size()));
  const Instant deadline = read_clocks().steady + Millis(20'000);
  bool is_cut = false;
  while (!is_cut && read_clocks().steady < deadline) {
    pollfd ready{raw, POLLIN, 0};
    ::poll(&ready, 1, 50);
    char byte = 0;
    is_cut = ready.revents != 0 && ::read(raw, &byte, 1) <= 0;
    if (!is_cut && ::send(raw, "x", 1, MSG_NOSIGNAL) < 0) is_cut = true;
  }
  EXPECT_TRUE(is_cut);
  ::close(raw);
}

}  // namespace deadlines_test
}  // namespace escape::http
