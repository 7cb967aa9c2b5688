#include "controller/events/event_ids.h"

#include <cstdint>

#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape::events {
namespace {

/// 8 bytes of BLAKE2b.
std::string hash(std::string_view text) {
  std::string digits = fingerprint(text);
  std::erase(digits, '-');
  return from_hex(digits);
}

std::string big_endian(std::uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

/// `bytes` are 16; the bits of version and variant are overwritten.
std::string to_uuid(std::string bytes, int version) {
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | version << 4);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = to_hex(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

}  // namespace

std::string event_id(std::string_view source, EventSequence sequence) {
  return to_uuid(hash(source) + big_endian(sequence), 8);
}

std::string chain_id(std::string_view source, JobId job) {
  const std::string name = std::string(source) + " job " + std::to_string(job);
  return to_uuid(hash(name) + hash(name + " again"), 4);
}

std::string padded(EventSequence sequence) {
  const std::string digits = std::to_string(sequence);
  return std::string(20 - digits.size(), '0') + digits;
}

}  // namespace escape::events
