#include "protocol/messages/envelope.h"

#include <gtest/gtest.h>

namespace escape::protocol {
namespace envelope_test {

Envelope sample() {
  return {Header{.instance = "instance-16bytes", .epoch = 7, .session = "session--16bytes", .sequence = ~0ull},
          "output_ack", std::string("\x80\0", 2)};
}

TEST(Envelope, SurvivesFrames) {
  const Result<Envelope> back = from_frames(to_frames(sample()));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back.value(), sample());
}

TEST(Envelope, HasAHeaderOf56BytesInNetworkOrder) {
  const std::vector<std::string> frames = to_frames(sample());
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[0], "ESC1");
  EXPECT_EQ(frames[2], "instance-16bytes" + std::string("\0\0\0\0\0\0\0\7", 8) + "session--16bytes" +
                           std::string(8, '\xff') + std::string(8, '\0'));
}

TEST(Envelope, SendsAnEmptyIdAsZeros) {
  Envelope envelope = sample();
  envelope.header.instance.clear();
  EXPECT_EQ(from_frames(to_frames(envelope)).value().header.instance, std::string(16, '\0'));
}

TEST(Envelope, RefusesWhatIsNotOne) {
  const std::string header(56, 'h');
  const struct {
    std::vector<std::string> frames;
    const char* says;
  } cases[] = {
      {{}, "0 frames"},
      {{"ESC1", "ping", header}, "3 frames"},
      {{"ESC1", "ping", header, "", ""}, "5 frames"},
      {{"ESC2", "ping", header, ""}, "does not begin with 'ESC1'"},
      {{"", "ping", header, ""}, "does not begin with 'ESC1'"},
      {{"ESC1", "", header, ""}, "type is not a word"},
      {{"ESC1", "Ping", header, ""}, "type is not a word"},
      {{"ESC1", "ping\n", header, ""}, "type is not a word"},
      {{"ESC1", std::string(33, 'a'), header, ""}, "type is not a word"},
      {{"ESC1", "ping", header.substr(1), ""}, "has 55 bytes"},
      {{"ESC1", "ping", header + "h", ""}, "has 57 bytes"},
      {{"ESC1", "ping", header, std::string(max_message_bytes + 1, 'b')}, "more than the limit"},
  };
  for (const auto& [frames, says] : cases) {
    const Result<Envelope> envelope = from_frames(frames);
    ASSERT_FALSE(envelope.has_value()) << says;
    EXPECT_EQ(envelope.error().kind, ErrorKind::bad_data);
    EXPECT_NE(envelope.error().message.find(says), std::string::npos) << envelope.error().message;
  }
}

}  // namespace envelope_test
}  // namespace escape::protocol
