#include <gtest/gtest.h>

#include "protocol/transport/transport.h"

namespace escape::transport {
namespace address_test {

TEST(TcpEndpoint, CompletesAnAddress) {
  const std::pair<const char*, const char*> cases[] = {
      {"localhost", "tcp://localhost:7771"},
      {"10.0.0.1:99", "tcp://10.0.0.1:99"},
      {"[::1]", "tcp://[::1]:7771"},
      {"[fe80::1%eth0]:1", "tcp://[fe80::1%eth0]:1"},
      {"*:0", "tcp://*:0"},
      {"*", "tcp://*:7771"},
      {"host_a:*", "tcp://host_a:*"},
      {"h:65535", "tcp://h:65535"},
  };
  for (const auto& [text, endpoint] : cases) {
    const Result<std::string> result = tcp_endpoint(text, 7771);
    ASSERT_TRUE(result.has_value()) << text;
    EXPECT_EQ(result.value(), endpoint);
  }
}

TEST(TcpEndpoint, RefusesWhatIsNoAddress) {
  for (const std::string text : {"", ":1", "[]:1", "[::1", "[::1]x", "[::1]1", "::1", "a:b", "a:", "a:-1", "a:65536",
                                 "a:+1", "a:1:2", "tcp://a:1", "a b:1", "a;b:1", "a/b:1"}) {
    const Result<std::string> result = tcp_endpoint(text, 7771);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().kind, ErrorKind::usage);
    EXPECT_TRUE(result.error().message.starts_with("'" + text + "' is not an address: ")) << result.error().message;
  }
  EXPECT_FALSE(tcp_endpoint(std::string(300, 'a'), 1).has_value());
}

}  // namespace address_test
}  // namespace escape::transport
