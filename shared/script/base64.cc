#include "shared/script/base64.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

namespace escape::script {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Error illegal(std::size_t position) {
  return Error{ErrorKind::bad_data, fmt::format("illegal base64 data at input byte {}", position)};
}

bool is_line_break(char c) { return c == '\n' || c == '\r'; }

std::size_t past_line_breaks(std::string_view text, std::size_t position) {
  while (position < text.size() && is_line_break(text[position])) ++position;
  return position;
}

/// The padding that begins at `position` after `digits` digits of the last group ends the text.
Result<> check_padding(std::string_view text, std::size_t position, std::size_t digits) {
  if (digits < 2) return fail(illegal(position));
  for (std::size_t i = digits; i < 4; ++i) {
    position = past_line_breaks(text, position);
    if (position == text.size() || text[position] != '=') return fail(illegal(position));
    ++position;
  }
  position = past_line_breaks(text, position);
  if (position < text.size()) return fail(illegal(position));
  return ok();
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0);
    }
    const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t j = 0; j < 4; ++j) text += j < digits ? alphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t group = 0;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_line_break(text[i])) continue;
    if (text[i] == '=') {
      TRYV(check_padding(text, i, digits));
      group <<= 6 * (4 - digits);
      for (std::size_t j = 0; j + 1 < digits; ++j) bytes += static_cast<char>(group >> (16 - 8 * j) & 255);
      return bytes;
    }
    const std::size_t digit = alphabet.find(text[i]);
    if (digit == std::string_view::npos) return fail(illegal(i));
    group = group << 6 | static_cast<std::uint32_t>(digit);
    if (++digits == 4) {
      for (const int shift : {16, 8, 0}) bytes += static_cast<char>(group >> shift & 255);
      group = 0;
      digits = 0;
    }
  }
  if (digits > 0) return fail(illegal(text.size()));
  return bytes;
}

}  // namespace escape::script
