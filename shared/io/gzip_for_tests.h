#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace escape::io {

inline std::string little_endian(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, number >>= 8) text += static_cast<char>(number & 0xFF);
  return text;
}

inline std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
  }
  return ~crc;
}

/// gzip without compression: blocks that are stored as they are.
inline std::string gzipped(std::string_view bytes) {
  constexpr std::size_t largest_block = 0xFFFF;
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const std::uint32_t crc = crc32(bytes);
  const auto whole = static_cast<std::uint32_t>(bytes.size());
  do {
    const std::string_view block = bytes.substr(0, largest_block);
    bytes.remove_prefix(block.size());
    const auto size = static_cast<std::uint32_t>(block.size());
    out += bytes.empty() ? '\1' : '\0';
    out += little_endian(size, 2) + little_endian(~size, 2);
    out += block;
  } while (!bytes.empty());
  return out + little_endian(crc, 4) + little_endian(whole, 4);
}

}  // namespace escape::io
