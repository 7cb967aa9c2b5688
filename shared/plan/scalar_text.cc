#include "shared/plan/scalar_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace escape::plan::yaml {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Characters that some readers take for line breaks or drop: U+0080 to U+009F, U+2028, U+2029, U+FEFF.
std::size_t hidden_sequence(std::string_view text) {
  if (text.size() >= 2 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0) return 2;
  if (text.starts_with("\xE2\x80\xA8") || text.starts_with("\xE2\x80\xA9") || text.starts_with("\xEF\xBB\xBF"))
    return 3;
  return 0;
}

bool has_hidden(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80 && hidden_sequence(text.substr(i)) > 0) return true;
  }
  return false;
}

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// What some YAML reads as something else than text, in whatever letter case: rather too much than too little.
bool looks_like_other(std::string_view text) {
  static constexpr std::array<std::string_view, 13> words{"null", "true", "false", "yes", "no", "on", "off",
                                                          "y",    "n",    "~",     "=",   "<<", "-"};
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (text.empty() || std::ranges::find(words, lower) != words.end()) return true;
  std::string_view number = lower;
  if (number[0] == '+' || number[0] == '-') number.remove_prefix(1);
  if (number.starts_with('.')) number.remove_prefix(1);
  if (number == "inf" || number == "nan") return true;
  return !number.empty() && is_digit(number[0]);
}

/// Whether the text without quotes is one plain scalar, in a block map or list, of YAML 1.1 and 1.2.
bool fits_plain(std::string_view text) {
  if (text.empty() || is_blank(text.front()) || is_blank(text.back())) return false;
  if (std::ranges::any_of(text, is_control) || has_hidden(text)) return false;
  if (contains(",[]{}#&*!|>'\"%@`", text.substr(0, 1))) return false;
  if (contains("-?:", text.substr(0, 1)) && (text.size() == 1 || is_blank(text[1]))) return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  return !contains(text, ": ") && !contains(text, " #") && !text.ends_with(':');
}

std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(sequence[i])); };
  if (sequence.size() == 2) return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
}

std::string in_double_quotes(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (is_control(c)) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else if (const std::size_t hidden = hidden_sequence(text.substr(i)); hidden > 0) {
      quoted += fmt::format("\\u{:04x}", code_point(text.substr(i, hidden)));
      i += hidden - 1;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string in_quotes(std::string_view text) {
  const bool reads_better_single = (contains(text, "\"") || contains(text, "\\")) && !contains(text, "'");
  const bool needs_escapes = std::ranges::any_of(text, is_control) || has_hidden(text);
  return reads_better_single && !needs_escapes ? "'" + std::string(text) + "'" : in_double_quotes(text);
}

}  // namespace

std::string scalar_on_line(const Node& scalar) {
  const bool means_other = scalar.is_plain ? is_null_word(scalar.text) : looks_like_other(scalar.text);
  return !means_other && fits_plain(scalar.text) ? scalar.text : in_quotes(scalar.text);
}

bool fits_block(std::string_view text) {
  if (!contains(text, "\n") || has_hidden(text)) return false;
  if (std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\n' && c != '\t'; })) return false;
  // The last line must hold something: how many line breaks follow it is then `|` or `|-`.
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::string_view last_line = text.substr(text.rfind('\n') + 1);
  return !std::ranges::all_of(last_line, is_blank);
}

std::string block_head(std::string_view text) {
  std::string head = "|";
  // Readers find the indentation by the first line, which is no help when that line is blank or begins with one.
  if (is_blank(text.front()) || text.front() == '\n') head += '2';
  return text.ends_with('\n') ? head : head + '-';
}

}  // namespace escape::plan::yaml
