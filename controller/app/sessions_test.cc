#include "controller/app/sessions.h"

#include <gtest/gtest.h>

namespace escape::controller {
namespace {

const std::string instance(16, 'i');
const transport::Peer peer{"route-1", "key"};

protocol::Header header(std::uint64_t sequence, const std::string& session = std::string(16, 's')) {
  return {.instance = std::string(16, '\0'), .epoch = 0, .session = session, .sequence = sequence};
}

class SessionsTest : public ::testing::Test {
 protected:
  Sessions sessions{instance, 7};
  Sessions::Admitted admit(const protocol::Header& h, bool is_greeting = false) {
    return sessions.admit(Side::agents, peer, h, is_greeting, Instant{1000});
  }
};

TEST_F(SessionsTest, BeginsWithAGreeting) {
  EXPECT_EQ(admit(header(1)).session, nullptr);
  EXPECT_EQ(admit(header(2), true).session, nullptr) << "a greeting is the first message";
  Sessions::Admitted admitted = admit(header(1), true);
  ASSERT_NE(admitted.session, nullptr);
  EXPECT_TRUE(admitted.is_new);
  EXPECT_EQ(admit(header(2)).session, admitted.session);
}

TEST_F(SessionsTest, AMissingOrRepeatedMessageDoesNotFit) {
  admit(header(1), true);
  admit(header(2));
  EXPECT_FALSE(admit(header(2)).reason.empty());
  EXPECT_FALSE(admit(header(4)).reason.empty());
  EXPECT_NE(admit(header(3)).session, nullptr);
}

TEST_F(SessionsTest, ANewGreetingOnTheConnectionReplacesTheSession) {
  const SessionId first = admit(header(1), true).session->id;
  const Sessions::Admitted second = admit(header(1, std::string(16, 't')), true);
  EXPECT_NE(second.session->id, first);
  EXPECT_EQ(sessions.find(first), nullptr);
}

TEST_F(SessionsTest, AMessageForAnotherControllerIsRefused) {
  admit(header(1), true);
  protocol::Header other = header(2);
  other.instance = std::string(16, 'x');
  EXPECT_EQ(admit(other).session, nullptr);
}

TEST_F(SessionsTest, APeerThatHasSeenALaterLifeShowsThatTheDataIsOld) {
  protocol::Header ahead = header(1);
  ahead.instance = instance;
  ahead.epoch = 8;
  const Sessions::Admitted admitted = admit(ahead, true);
  EXPECT_EQ(admitted.session, nullptr);
  EXPECT_TRUE(admitted.is_ahead);
}

TEST_F(SessionsTest, HeadersAreNumberedAndNameThisLife) {
  Session& session = *admit(header(1), true).session;
  EXPECT_EQ(sessions.next_header(session).sequence, 1U);
  const protocol::Header second = sessions.next_header(session);
  EXPECT_EQ(second.sequence, 2U);
  EXPECT_EQ(second.instance, instance);
  EXPECT_EQ(second.epoch, 7U);
  EXPECT_EQ(second.session, session.name);
}

TEST_F(SessionsTest, SilentOnesAreFound) {
  const SessionId id = admit(header(1), true).session->id;
  EXPECT_TRUE(sessions.silent_since(Side::agents, Instant{1000}).empty());
  EXPECT_EQ(sessions.silent_since(Side::agents, Instant{1001}), std::vector{id});
  EXPECT_TRUE(sessions.silent_since(Side::clients, Instant{1001}).empty());
}

}  // namespace
}  // namespace escape::controller
