// One message as a peer sends it: its word, a newline, 56 bytes of header, its body. Whatever can be decoded, in any of
// the four directions, is written as it was read.
#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "protocol/messages/envelope.h"
#include "shared/base/check.h"
#include "tests/fuzz/input.h"

namespace escape::protocol {
namespace {

template <class Message>
void check_direction(Result<Message> (*decode)(std::string_view, std::string_view), std::string_view type,
                     std::string_view body) {
  const Result<Message> decoded = decode(type, body);
  if (!decoded) {
    CHECK(decoded.error().kind == ErrorKind::bad_data);
    CHECK(!decoded.error().message.empty());
    return;
  }
  const TypedBody written = encode(decoded.value());
  CHECK(written.type == type);
  const Result<Message> again = decode(written.type, written.body);
  CHECK(again.has_value());
  CHECK(again.value().index() == decoded.value().index());
  CHECK(encode(again.value()).body == written.body);
}

void check_envelope(const std::vector<std::string>& frames) {
  const Result<Envelope> envelope = from_frames(frames);
  if (!envelope) {
    CHECK(envelope.error().kind == ErrorKind::bad_data);
    return;
  }
  CHECK(to_frames(envelope.value()) == frames);
}

}  // namespace
}  // namespace escape::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape::protocol;
  escape::fuzz::Input input(data, size);
  const std::string type(input.line());
  const std::string header(input.take(56));
  const std::string body(input.rest());
  check_envelope({std::string(wire_magic), type, header, body});
  check_envelope({header, type, body});
  check_direction<FromAgent>(decode_from_agent, type, body);
  check_direction<ToAgent>(decode_to_agent, type, body);
  check_direction<FromClient>(decode_from_client, type, body);
  check_direction<ToClient>(decode_to_client, type, body);
  return 0;
}
