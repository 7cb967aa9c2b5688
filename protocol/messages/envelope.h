#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/result.h"

namespace escape::protocol {

/// First frame of every message: protocol family and wire version (PROTOCOL.md). Never changes meaning.
inline constexpr std::string_view wire_magic = "ESC1";

/// Limits on one message, enforced before decoding (and by ZMQ_MAXMSGSIZE on every socket).
inline constexpr std::size_t max_message_bytes = 4 << 20;

/// What frames every body. On the wire: magic | type word | header (56 bytes, big-endian) | body (msgpack map).
struct Header {
  std::string instance;        ///< 16 bytes: which controller this session is with; zeros before Welcome
  Epoch epoch = 0;             ///< of that controller; 0 before Welcome
  std::string session;         ///< 16 bytes, random, made by the side that connects, new for every connection
  std::uint64_t sequence = 0;  ///< 1, 2, 3 … per session and direction: a gap or repeat shows
  std::uint64_t reserved = 0;
  friend bool operator==(const Header&, const Header&) = default;
};

/// A message on its way: `type` is the word of one of the structs in agent.h or client.h.
struct Envelope {
  Header header;
  std::string type;
  std::string body;  ///< msgpack map
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// Four frames, without any routing id. Ids are 16 bytes or empty, which is sent as zeros.
std::vector<std::string> to_frames(const Envelope& envelope);
/// Total on any frames; bad_data names what is wrong.
Result<Envelope> from_frames(const std::vector<std::string>& frames);

}  // namespace escape::protocol
