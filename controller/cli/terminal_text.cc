#include "controller/cli/terminal_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "shared/base/text.h"

namespace escape::cli {
namespace {

constexpr std::string_view end_of_colours = "\x1b[0m";
constexpr char escape_byte = '\x1b';

/// Two columns, or two in some terminals: East Asian wide and fullwidth, and what may be drawn as an emoji (Unicode
/// 15, EastAsianWidth.txt and emoji-data.txt, rounded up to whole blocks).
constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 11> wide{{{0x1100, 0x115F},
                                                                        {0x231A, 0x231B},
                                                                        {0x23E9, 0x23FA},
                                                                        {0x25FD, 0x27BF},
                                                                        {0x2B1B, 0x2B55},
                                                                        {0x2E80, 0xA4CF},
                                                                        {0xA960, 0xA97F},
                                                                        {0xAC00, 0xD7FF},
                                                                        {0xF900, 0xFAFF},
                                                                        {0xFE10, 0xFFEF},
                                                                        {0x1F000, 0x3FFFF}}};

std::size_t columns_of(std::uint32_t character) {
  constexpr std::uint32_t variation_selectors = 0xFE00;
  if (character >= variation_selectors && character <= variation_selectors + 0xF) return 0;
  return std::ranges::any_of(wide,
                             [&](const auto& range) { return character >= range.first && character <= range.second; })
             ? 2
             : 1;
}

/// What begins with an escape byte, up to its end or the text's (ECMA-48: CSI, the strings OSC DCS SOS PM APC, others).
std::string_view take_sequence(std::string_view text) {
  const auto in = [](char c, unsigned char first, unsigned char last) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= first && byte <= last;
  };
  std::size_t end = 1;
  if (end == text.size()) return text;
  const char kind = text[end++];
  if (kind == '[') {
    while (end < text.size() && in(text[end], 0x20, 0x3F)) ++end;
    if (end < text.size() && in(text[end], 0x40, 0x7E)) ++end;
  } else if (std::string_view("]PX^_").find(kind) != std::string_view::npos) {
    while (end < text.size() && text[end] != '\a' && text[end] != escape_byte) ++end;
    if (end < text.size() && text[end] == '\a') return text.substr(0, end + 1);
    if (text.substr(end).starts_with("\x1b\\")) end += 2;
  } else if (in(kind, 0x20, 0x2F)) {
    while (end < text.size() && in(text[end], 0x20, 0x2F)) ++end;
    if (end < text.size() && in(text[end], 0x30, 0x7E)) ++end;
  } else if (!in(kind, 0x30, 0x7E)) {
    return text.substr(0, 1);  // not a sequence: what follows is text
  }
  return text.substr(0, end);
}

/// Only digits and separators: not what asks a terminal for something ("\x1b[>4m").
bool is_colour(std::string_view sequence) {
  if (sequence.size() < 3 || sequence[1] != '[' || sequence.back() != 'm') return false;
  return sequence.substr(2, sequence.size() - 3).find_first_not_of("0123456789;:") == std::string_view::npos;
}

struct Character {
  std::size_t bytes = 1;
  std::uint32_t code = '?';  ///< also of a byte that is not UTF-8
  bool is_valid = false;
};

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (!is_valid_utf8(text.substr(0, bytes))) return {};
  std::uint32_t code = bytes == 1 ? lead : lead & (0x7FU >> bytes);
  for (const char byte : text.substr(1, bytes - 1)) code = code << 6 | (static_cast<unsigned char>(byte) & 0x3FU);
  return {bytes, code, true};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

}  // namespace

std::string fitted(std::string_view text, std::size_t columns) {
  std::string row;
  std::size_t left = columns;
  bool is_coloured = false;
  while (!text.empty()) {
    if (text[0] == escape_byte) {
      const std::string_view sequence = take_sequence(text);
      text.remove_prefix(sequence.size());
      if (!is_colour(sequence)) continue;
      row += sequence;
      is_coloured = sequence != end_of_colours;
      continue;
    }
    const Character character = first_character(text);
    const std::string_view bytes = text.substr(0, character.bytes);
    text.remove_prefix(character.bytes);
    const bool is_tab = character.code == '\t';
    if (is_control(character.code) && !is_tab) continue;
    const std::size_t width = is_tab ? 1 : columns_of(character.code);
    if (width > left) break;
    left -= width;
    if (columns == any_width) {
      row += bytes;
    } else {
      row += is_tab ? " " : character.is_valid ? bytes : "?";
    }
  }
  if (is_coloured) row += end_of_colours;
  return row;
}

bool is_visible(std::string_view text) {
  while (!text.empty()) {
    if (text[0] == escape_byte) {
      text.remove_prefix(take_sequence(text).size());
      continue;
    }
    const Character character = first_character(text);
    if (!is_control(character.code) && character.code != ' ' && columns_of(character.code) > 0) return true;
    text.remove_prefix(character.bytes);
  }
  return false;
}

}  // namespace escape::cli
