#include "shared/script/reader.h"

#include <fmt/core.h>

#include <charconv>

#include "shared/script/syntax.h"
#include "shared/script/unicode.h"

namespace escape::script {
namespace {

constexpr std::size_t quoted_bytes = 80;
// What a caret line shows of a long line on either side of the place.
constexpr std::size_t columns_before = 40;
constexpr std::size_t columns_after = 30;

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); text.remove_prefix(character_length(text))) ++count;
  return count;
}

/// One column for each character: tabs and other control characters would move the caret.
std::string printable(std::string_view text) {
  std::string line;
  for (; !text.empty(); text.remove_prefix(character_length(text))) {
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x20 || byte == 0x7F) {
      line += ' ';
    } else if (byte >= 0x80 && character_length(text) == 1) {
      line += '?';
    } else {
      line += text.substr(0, character_length(text));
    }
  }
  return line;
}

/// The last `count` characters; cut where a character begins.
std::string_view last_characters(std::string_view text, std::size_t count) {
  const std::size_t most_bytes = count * 4;
  if (text.size() > most_bytes) text.remove_prefix(text.size() - most_bytes);
  for (std::size_t there = characters(text); there > count; --there) text.remove_prefix(character_length(text));
  return text;
}

}  // namespace

bool Reader::take(std::string_view word) {
  if (!follows(word)) return false;
  position_ += word.size();
  return true;
}

bool Reader::take_word(std::string_view word) {
  if (!follows(word)) return false;
  const std::size_t end = position_ + word.size();
  if (end < text_.size() && syntax::is_word(text_[end])) return false;
  position_ = end;
  return true;
}

void Reader::skip_blanks() { position_ += leading_blanks(rest()); }

void Reader::skip_spaces() {
  while (peek() == ' ') ++position_;
}

Result<std::string> Reader::identifier() {
  skip_spaces();
  if (!syntax::is_letter(peek())) {
    return fail(error(fmt::format("Expecting identifier, got '{}'", quoted_rest(rest()))));
  }
  const std::size_t begin = position_;
  while (syntax::is_word(peek())) ++position_;
  return std::string(text_.substr(begin, position_ - begin));
}

Result<std::int64_t> Reader::integer() {
  skip_spaces();
  const std::size_t begin = position_;
  take("-");
  if (!syntax::is_digit(peek())) {
    position_ = begin;
    return fail(error("Expecting digit"));
  }
  while (syntax::is_digit(peek())) ++position_;
  const std::string_view digits = text_.substr(begin, position_ - begin);
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc()) {
    return fail(error_at(begin, fmt::format("Integer '{}' does not fit 64 bits", quoted_rest(digits))));
  }
  return number;
}

Result<char> Reader::escaped(std::string_view allowed) {
  const std::size_t place = position_ - 1;
  const char c = peek();
  if (at_end() || allowed.find(c) == std::string_view::npos) {
    if (at_end()) return fail(error("Expecting '\"'"));
    return fail(error_at(place, fmt::format("Unexpected escape character '{}' in '{}'",
                                            static_cast<int>(static_cast<unsigned char>(c)), quoted_rest(rest()))));
  }
  ++position_;
  return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

Result<std::string> Reader::string_tail() {
  std::string text;
  while (!at_end()) {
    const char c = text_[position_++];
    if (c == '"') return text;
    if (c == '\\') {
      TRY(const char escape, escaped("nt\"\\"));
      text += escape;
    } else {
      text += c;
    }
  }
  return fail(error("Expecting '\"'"));
}

Result<std::string> Reader::template_text() {
  std::string text;
  while (!at_end() && peek() != '"' && !follows("{{")) {
    const char c = text_[position_++];
    if (c == '\\') {
      TRY(const char escape, escaped("nt\"\\{"));
      text += escape;
    } else {
      text += c;
    }
  }
  if (at_end()) return fail(error("Expecting '\"'"));
  return text;
}

Error Reader::error_at(std::size_t position, std::string reason) {
  error_position_ = position;
  return Error{ErrorKind::bad_data, std::move(reason)};
}

std::string quoted_rest(std::string_view rest) { return excerpt(rest, quoted_bytes); }

std::string pointed_at(std::string_view text, std::size_t position) {
  std::string_view before = text.substr(0, position);
  std::string_view after = text.substr(position);
  const std::size_t line_begin = before.rfind('\n');
  if (line_begin != std::string_view::npos) before.remove_prefix(line_begin + 1);
  after = after.substr(0, after.find('\n'));

  const std::string_view shown = last_characters(before, columns_before);
  std::string line = shown.size() < before.size() ? "…" : "";
  line += printable(shown);
  const std::string caret = std::string(characters(line), ' ') + '^';
  line += printable(excerpt(after, columns_after));
  return line + '\n' + caret;
}

}  // namespace escape::script
