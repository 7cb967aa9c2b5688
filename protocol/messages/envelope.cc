#include "protocol/messages/envelope.h"

#include "shared/base/check.h"

namespace escape::protocol {
namespace {

constexpr std::size_t id_bytes = 16;
constexpr std::size_t header_bytes = 56;
constexpr std::size_t max_type_bytes = 32;

void append_u64(std::string& to, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 0xff));
}

std::uint64_t read_u64(std::string_view from) {
  std::uint64_t value = 0;
  for (const char byte : from.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void append_id(std::string& to, const std::string& id) {
  CHECK(id.empty() || id.size() == id_bytes);
  to.append(id.empty() ? std::string(id_bytes, '\0') : id);
}

bool is_type_word(std::string_view text) {
  if (text.empty() || text.size() > max_type_bytes) return false;
  for (const char c : text)
    if (c != '_' && (c < 'a' || c > 'z')) return false;
  return true;
}

}  // namespace

std::vector<std::string> to_frames(const Envelope& envelope) {
  std::string header;
  header.reserve(header_bytes);
  append_id(header, envelope.header.instance);
  append_u64(header, envelope.header.epoch);
  append_id(header, envelope.header.session);
  append_u64(header, envelope.header.sequence);
  append_u64(header, envelope.header.reserved);
  return {std::string(wire_magic), envelope.type, std::move(header), envelope.body};
}

Result<Envelope> from_frames(const std::vector<std::string>& frames) {
  if (frames.size() != 4)
    return fail(ErrorKind::bad_data,
                "a message has " + std::to_string(frames.size()) + " frames where 4 were expected");
  if (frames[0] != wire_magic)
    return fail(ErrorKind::bad_data, "a message does not begin with '" + std::string(wire_magic) + "'",
                "The other side does not speak this version of Escape's protocol.");
  if (!is_type_word(frames[1])) return fail(ErrorKind::bad_data, "a message's type is not a word of a to z and '_'");
  if (frames[2].size() != header_bytes)
    return fail(ErrorKind::bad_data, "the header of a '" + frames[1] + "' message has " +
                                         std::to_string(frames[2].size()) + " bytes where 56 were expected");
  if (frames[3].size() > max_message_bytes)
    return fail(ErrorKind::bad_data, "the body of a '" + frames[1] + "' message has " +
                                         std::to_string(frames[3].size()) + " bytes, more than the limit of " +
                                         std::to_string(max_message_bytes));
  const std::string& header = frames[2];
  const std::string_view bytes = header;
  return Envelope{Header{header.substr(0, 16), read_u64(bytes.substr(16)), header.substr(24, 16),
                         read_u64(bytes.substr(40)), read_u64(bytes.substr(48))},
                  frames[1], frames[3]};
}

}  // namespace escape::protocol
