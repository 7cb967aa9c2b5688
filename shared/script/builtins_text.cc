#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "shared/script/base64.h"
#include "shared/script/builtins.h"
#include "shared/script/unicode.h"

/// Texts. A result that grows past limits::result_bytes is cut short here and refused by Memory::text.
namespace escape::script::builtins {
namespace {

bool is_too_large(const std::string& text) { return text.size() > limits::result_bytes; }

/// Where the next match of `old` is at or after `position`; of an empty `old` the next gap between characters.
std::size_t next_match(std::string_view text, std::string_view old, std::size_t position, bool is_first) {
  if (!old.empty()) return text.find(old, position);
  if (is_first) return 0;
  if (position >= text.size()) return std::string_view::npos;
  return position + character_length(text.substr(position));
}

std::string replaced(std::string_view text, std::string_view old, std::string_view with, std::int64_t times) {
  std::string result;
  std::size_t position = 0;
  for (std::int64_t done = 0; done != times && !is_too_large(result); ++done) {
    const std::size_t match = next_match(text, old, position, done == 0);
    if (match == std::string_view::npos) break;
    result += text.substr(position, match - position);
    result += with;
    position = match + old.size();
  }
  return result += text.substr(position);
}

/// A search may compare all of `wanted` at every place, some 32 bytes at a time.
Evaluated<> pay_for_search(std::string_view text, std::string_view wanted, Memory& memory) {
  constexpr std::size_t bytes_at_once = 32;
  return memory.pay(text.size() / bytes_at_once * wanted.size());
}

Evaluated<Operand> list_of(const std::vector<std::string_view>& pieces, Memory& memory) {
  TRY(const std::span<Operand> list, memory.operands(pieces.size()));
  std::ranges::copy(pieces, list.begin());
  return Operand(MadeList{list.data(), list.size()});
}

Evaluated<Operand> mapped(const Invocation& call, char* (*write)(std::string_view, char*)) {
  TRY(const std::string_view text, call.text(0));
  char* const begin = call.memory().characters(text.size());
  if (!begin) return fail(Memory::no_room(text.size()));
  return Operand(std::string_view(begin, write(text, begin)));
}

}  // namespace

Evaluated<Operand> concat(const Invocation& call) {
  // 1. How long it becomes at most, so that it is written once, where it stays.
  std::size_t longest = 0;
  for (std::size_t i = 0; i < call.count(); ++i) {
    const std::size_t room = call[i].as_bool() ? no_text : text_room(call[i]);
    if (room == no_text) {
      return fail(ErrorKind::bad_data, fmt::format("Can't concatenate value of type {}", type_name(call[i])));
    }
    longest += room;
  }
  if (!call.memory().spend(longest)) return fail(Memory::too_many_steps());
  // 2. All of it.
  char* const begin = call.memory().characters(longest);
  if (!begin) return fail(Memory::no_room(longest));
  char* end = begin;
  for (std::size_t i = 0; i < call.count(); ++i) end = write_text(call[i], end);
  return Operand(std::string_view(begin, end));
}

Evaluated<Operand> lower(const Invocation& call) { return mapped(call, write_lower); }
Evaluated<Operand> upper(const Invocation& call) { return mapped(call, write_upper); }
// The original gives every letter title case, not the first of each word: for the letters we know, upper case.
Evaluated<Operand> title(const Invocation& call) { return upper(call); }

Evaluated<Operand> split(const Invocation& call) {
  TRY(std::string_view text, call.text(0));
  TRY(const std::string_view separator, call.text(1));
  TRYV(pay_for_search(text, separator, call.memory()));
  std::vector<std::string_view> pieces;
  if (separator.empty()) {
    for (; !text.empty(); text.remove_prefix(pieces.back().size())) {
      pieces.push_back(text.substr(0, character_length(text)));
    }
    return list_of(pieces, call.memory());
  }
  for (;;) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return list_of(pieces, call.memory());
    text.remove_prefix(end + separator.size());
  }
}

Evaluated<Operand> join(const Invocation& call) {
  TRY(const ListView list, call.list(0));
  TRY(const std::string_view separator, call.text(1));
  std::string result;
  for (std::size_t i = 0; i < list.size() && !is_too_large(result); ++i) {
    TRY(const Operand element, list.at(i));
    const auto* text = element.as_text();
    if (!text) {
      return fail(ErrorKind::bad_data,
                  fmt::format("Expecting string value in list in call to join, but got {}", type_name(element)));
    }
    TRYV(call.memory().pay(text->size() + separator.size()));
    if (i > 0) result += separator;
    result += *text;
  }
  return call.memory().text(result);
}

Evaluated<Operand> replace(const Invocation& call) {
  TRY(const std::string_view text, call.text(0));
  TRY(const std::string_view old, call.text(1));
  TRY(const std::string_view with, call.text(2));
  TRY(const std::int64_t times, call.integer(3));
  TRYV(pay_for_search(text, old, call.memory()));
  return call.memory().text(replaced(text, old, with, times));
}

Evaluated<Operand> trim(const Invocation& call) {
  TRY(const std::string_view text, call.text(0));
  return Operand(without_blanks(text));
}

Evaluated<Operand> base64_encode(const Invocation& call) {
  TRY(const std::string_view text, call.text(0));
  return call.memory().text(to_base64(text.substr(0, limits::result_bytes + 1)));
}

Evaluated<Operand> base64_decode(const Invocation& call) {
  TRY(const std::string_view text, call.text(0));
  const Result<std::string> bytes = from_base64(text);
  if (!bytes) {
    return fail(ErrorKind::bad_data, fmt::format("Error in call to base64_decode: {}", bytes.error().message));
  }
  return call.memory().text(bytes.value());
}

}  // namespace escape::script::builtins
