#include "protocol/session/token.h"

#include <gtest/gtest.h>

#include "shared/base/crypto.h"

namespace escape::protocol {
namespace token_test {

InvitationToken sample() { return {std::string(32, '\xa1'), std::string(32, '\xb2'), "controller.example:7771"}; }

TEST(InvitationToken, SurvivesBeingText) {
  for (const char* address : {"controller.example:7771", "10.0.0.1:1", "[fe80::1%eth0]:65535"}) {
    InvitationToken token = sample();
    token.address = address;
    const Result<InvitationToken> back = parse_token("  " + to_text(token) + "\n");
    ASSERT_TRUE(back.has_value()) << describe(back.error());
    EXPECT_EQ(back.value(), token);
  }
}

TEST(InvitationToken, IsWrittenAsItAlwaysWas) {
  EXPECT_EQ(to_text({std::string(32, '\0'), std::string(32, '\xff'), "a:1"}),
            "ESC1-AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA__________________________________________9hOjHIH-ly");
}

TEST(InvitationToken, AnyPartMissingOrChangedShows) {
  const std::string text = to_text(sample());
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(parse_token(text.substr(0, length)).has_value()) << length;
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_token(changed).has_value()) << at;
  }
}

TEST(InvitationToken, RefusesWhatIsNone) {
  InvitationToken no_address = sample();
  no_address.address = "no-port";
  InvitationToken control_bytes = sample();
  control_bytes.address = "host\x1b:1";
  const std::pair<std::string, const char*> cases[] = {
      {"", "does not begin with 'ESC1-'"},
      {"hello", "does not begin with 'ESC1-'"},
      {"ESC2-AAAA", "does not begin with 'ESC1-'"},
      {"ESC1-", "too short"},
      {"ESC1-!!!!", "characters that no token has"},
      {"ESC1-" + to_base64url(std::string(100, 'x')), "missing or changed"},
      {"ESC1-" + std::string(5'000, 'A'), "too long"},
      {to_text(no_address), "names no address"},
      {to_text(control_bytes), "names no address"},
  };
  for (const auto& [text, says] : cases) {
    const Result<InvitationToken> token = parse_token(text);
    ASSERT_FALSE(token.has_value()) << text;
    EXPECT_EQ(token.error().kind, ErrorKind::usage);
    EXPECT_TRUE(token.error().message.starts_with("That is not an invitation token: ")) << token.error().message;
    EXPECT_NE(token.error().message.find(says), std::string::npos) << token.error().message;
    EXPECT_FALSE(token.error().hint.empty());
  }
}

}  // namespace token_test
}  // namespace escape::protocol
