#include "shared/script/unicode.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape::script {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t length = 1;
  bool is_valid = false;
};

/// The first character of a text that is not empty.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (!is_valid_utf8(text.substr(0, length))) return {lead, 1, false};
  char32_t code = lead & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3F);
  return {code, length, true};
}

/// Only codes below U+0800: the case mappings know no others.
char* write(char32_t code, char* to) {
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else {
    *to++ = static_cast<char>(0xC0 | code >> 6);
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  }
  return to;
}

bool is_blank(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

std::size_t trailing_blank(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const Character last = first_of(text.substr(text.size() - length));
    if (last.is_valid && last.length == length) return is_blank(last.code) ? length : 0;
  }
  return 0;
}

bool within(char32_t code, char32_t first, char32_t last) { return code >= first && code <= last; }
bool is_even(char32_t code) { return code % 2 == 0; }

/// Blocks where capitals have even numbers and each small letter follows its own; `odd` blocks the other way round.
bool in_even_block(char32_t code) {
  return within(code, 0x100, 0x12F) || within(code, 0x132, 0x137) || within(code, 0x14A, 0x177) ||
         within(code, 0x460, 0x481) || within(code, 0x48A, 0x4BF) || within(code, 0x4D0, 0x52F) ||
         within(code, 0x3D8, 0x3EF) || within(code, 0x370, 0x373) || within(code, 0x376, 0x377);
}
bool in_odd_block(char32_t code) {
  return within(code, 0x139, 0x148) || within(code, 0x179, 0x17E) || within(code, 0x4C1, 0x4CE);
}

struct Pair {
  char32_t small;
  char32_t capital;
};
/// Letters that follow no rule of their block.
constexpr Pair pairs[] = {{0xFF, 0x178},  {0x3AC, 0x386}, {0x3CC, 0x38C}, {0x3D7, 0x3CF}, {0x3F2, 0x3F9},
                          {0x3F3, 0x37F}, {0x3F8, 0x3F7}, {0x3FB, 0x3FA}, {0x4CF, 0x4C0}};
/// Micro sign, dotless i, long s, final sigma, other shapes of Greek letters.
constexpr Pair only_up[] = {{0xB5, 0x39C},  {0x131, 'I'},   {0x17F, 'S'},   {0x3C2, 0x3A3},
                            {0x3D0, 0x392}, {0x3D1, 0x398}, {0x3D5, 0x3A6}, {0x3D6, 0x3A0},
                            {0x3F0, 0x39A}, {0x3F1, 0x3A1}, {0x3F5, 0x395}};
/// I with a dot, capital theta symbol.
constexpr Pair only_down[] = {{'i', 0x130}, {0x3B8, 0x3F4}};

/// `first` to `last` are the ASCII letters that change.
template <char first, char last, char32_t (*mapping)(char32_t)>
char* write_mapped(std::string_view text, char* to) {
  while (!text.empty()) {
    const char c = text[0];
    if (static_cast<unsigned char>(c) < 0x80) {
      *to++ = c >= first && c <= last ? static_cast<char>(c ^ 0x20) : c;
      text.remove_prefix(1);
      continue;
    }
    const Character character = first_of(text);
    const char32_t code = character.is_valid ? mapping(character.code) : character.code;
    to = code == character.code ? std::ranges::copy(text.substr(0, character.length), to).out : write(code, to);
    text.remove_prefix(character.length);
  }
  return to;
}

}  // namespace

std::size_t character_length(std::string_view text) { return text.empty() ? 0 : first_of(text).length; }

std::size_t leading_blanks(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Character first = first_of(text.substr(length));
    if (!first.is_valid || !is_blank(first.code)) break;
    length += first.length;
  }
  return length;
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(leading_blanks(text));
  while (const std::size_t length = trailing_blank(text)) text.remove_suffix(length);
  return text;
}

char32_t upper(char32_t letter) {
  if (within(letter, 'a', 'z')) return letter - 32;
  if (letter < 0x80) return letter;
  if (within(letter, 0xE0, 0xFE) && letter != 0xF7) return letter - 32;
  if (within(letter, 0x37B, 0x37D)) return letter + 130;
  if (within(letter, 0x3AD, 0x3AF)) return letter - 37;
  if (within(letter, 0x3B1, 0x3CB) && letter != 0x3C2) return letter - 32;
  if (within(letter, 0x3CD, 0x3CE)) return letter - 63;
  if (within(letter, 0x430, 0x44F)) return letter - 32;
  if (within(letter, 0x450, 0x45F)) return letter - 80;
  if (in_even_block(letter) && !is_even(letter)) return letter - 1;
  if (in_odd_block(letter) && is_even(letter)) return letter - 1;
  for (const Pair& pair : pairs) {
    if (pair.small == letter) return pair.capital;
  }
  for (const Pair& pair : only_up) {
    if (pair.small == letter) return pair.capital;
  }
  return letter;
}

char32_t lower(char32_t letter) {
  if (within(letter, 'A', 'Z')) return letter + 32;
  if (letter < 0x80) return letter;
  if (within(letter, 0xC0, 0xDE) && letter != 0xD7) return letter + 32;
  if (within(letter, 0x388, 0x38A)) return letter + 37;
  if (within(letter, 0x391, 0x3AB) && letter != 0x3A2) return letter + 32;
  if (within(letter, 0x38E, 0x38F)) return letter + 63;
  if (within(letter, 0x3FD, 0x3FF)) return letter - 130;
  if (within(letter, 0x410, 0x42F)) return letter + 32;
  if (within(letter, 0x400, 0x40F)) return letter + 80;
  if (in_even_block(letter) && is_even(letter)) return letter + 1;
  if (in_odd_block(letter) && !is_even(letter)) return letter + 1;
  for (const Pair& pair : pairs) {
    if (pair.capital == letter) return pair.small;
  }
  for (const Pair& pair : only_down) {
    if (pair.capital == letter) return pair.small;
  }
  return letter;
}

char* write_upper(std::string_view text, char* to) { return write_mapped<'a', 'z', upper>(text, to); }
char* write_lower(std::string_view text, char* to) { return write_mapped<'A', 'Z', lower>(text, to); }

std::string excerpt(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = 0;
  while (end + character_length(text.substr(end)) <= most) end += character_length(text.substr(end));
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace escape::script
