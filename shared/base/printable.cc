#include "shared/base/printable.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape {
namespace {

/// Bytes of the character at the start of `text`; 0: none.
std::size_t character_size(std::string_view text) {
  constexpr std::size_t longest_character = 4;
  for (std::size_t size = 1; size <= std::min(longest_character, text.size()); ++size) {
    if (is_valid_utf8(text.substr(0, size))) return size;
  }
  return 0;
}

bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  return character.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const bool is_shown = size > 0 && !is_control(text.substr(0, size));
    shown += is_shown ? text.substr(0, size) : "?";
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

}  // namespace escape
