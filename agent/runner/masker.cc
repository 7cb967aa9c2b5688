#include "agent/runner/masker.h"

#include <algorithm>

#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::runner {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A shorter piece of base64 is too likely to be something else.
constexpr std::size_t shortest_base64 = 6;
/// Lines of a secret (a PEM key, say), and texts within a list, that are shorter than this are not masked alone.
constexpr std::size_t shortest_part = 8;
/// Between two characters of base64: "\r\n".
constexpr std::size_t longest_line_end = 2;

std::string to_base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= have ? base64_alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string in_url_alphabet(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// The characters that a value always gives inside longer base64 text when it begins `shift` bytes behind a group of
/// three: those that share bits with neighbouring bytes are cut off.
std::string stable_base64(std::string_view value, std::size_t shift) {
  const std::string text = to_base64(std::string(shift, '\0') + std::string(value));
  const std::size_t first = (shift * 8 + 5) / 6;
  const std::size_t last = (shift + value.size()) * 8 / 6;
  return text.substr(first, last - first);
}

std::string json_escaped(const std::string& value) {
  const std::string quoted = codec::to_json(Value(value));
  return quoted.substr(1, quoted.size() - 2);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void collect_texts(const Value& value, std::vector<std::string>& texts) {
  if (const std::string* text = value.as_string(); text && text->size() >= shortest_part) texts.push_back(*text);
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) collect_texts(item, texts);
  }
  if (const Value::Object* object = value.as_object()) {
    for (const auto& [key, item] : *object) collect_texts(item, texts);
  }
}

/// Of a variable that is a list or an object, which a script gets as JSON.
std::vector<std::string> texts_within(const std::string& value) {
  std::vector<std::string> texts;
  if (!value.starts_with('[') && !value.starts_with('{')) return texts;
  if (const Result<Value> parsed = codec::from_json(value)) collect_texts(parsed.value(), texts);
  return texts;
}

}  // namespace

Masker::Masker(const std::vector<std::pair<std::string, std::string>>& secrets) {
  for (const auto& [name, value] : secrets) {
    if (value.size() < shortest_secret) continue;
    const std::string shown = "‹" + name + "›";
    add_value(value, shown);
    for (const std::string& text : texts_within(value)) add_value(text, shown);
  }
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.text.size() > b.text.size(); });
}

void Masker::add_value(const std::string& value, const std::string& shown) {
  add(value, shown);
  for (const std::string& line : split(value, '\n')) {
    if (line.size() >= shortest_part) add(line, shown);
  }
  add(value, shown, Form::percent);
  if (is_valid_utf8(value)) add(json_escaped(value), shown);
  add_base64(value, shown);
}

void Masker::add_base64(const std::string& value, const std::string& shown) {
  const auto add_both = [&](const std::string& text) {
    add(text, shown, Form::wrapped);
    add(in_url_alphabet(text), shown, Form::wrapped);
  };
  add_both(to_base64(value));
  for (std::size_t shift = 0; shift < 3; ++shift) {
    const std::string piece = stable_base64(value, shift);
    if (piece.size() >= shortest_base64) add_both(piece);
  }
}

void Masker::add(const std::string& text, const std::string& shown, Form form) {
  const auto is_same = [&](const Pattern& pattern) { return pattern.text == text && pattern.form == form; };
  if (std::any_of(patterns_.begin(), patterns_.end(), is_same)) return;
  patterns_.push_back({text, shown, form});
  begins_[static_cast<unsigned char>(text.front())] = true;
  if (form != Form::percent) return;
  begins_['%'] = true;
  if (text.front() == ' ') begins_['+'] = true;
}

Masker::Match Masker::match(const Pattern& pattern, std::string_view text) {
  constexpr Match none;
  constexpr Match ended{false, true, 0};
  std::size_t at = 0;
  std::size_t line_end = 0;
  for (std::size_t i = 0; i < pattern.text.size();) {
    const char wanted = pattern.text[i];
    if (at == text.size()) return ended;
    const bool is_percent = pattern.form == Form::percent;
    const bool is_line_end = pattern.form == Form::wrapped && i > 0 && (text[at] == '\n' || text[at] == '\r');
    if (is_line_end && ++line_end <= longest_line_end) {
      ++at;
      continue;
    }
    if (is_percent && text[at] == '%') {
      const auto byte = static_cast<unsigned char>(wanted);
      if (at + 1 == text.size()) return ended;
      if (hex_digit(text[at + 1]) != byte >> 4) return none;
      if (at + 2 == text.size()) return ended;
      if (hex_digit(text[at + 2]) != (byte & 15)) return none;
      at += 2;
    } else if (text[at] != wanted && !(is_percent && wanted == ' ' && text[at] == '+')) {
      return none;
    }
    line_end = 0;
    ++at;
    ++i;
  }
  return {true, false, at};
}

std::string Masker::feed(std::string_view bytes) {
  if (patterns_.empty()) return std::string(bytes);
  held_ += bytes;
  return mask(false);
}

std::string Masker::finish() { return mask(true); }

/// Leftmost match, longest first. Where the rest of the buffer could still become a longer match it waits for more.
std::string Masker::mask(bool is_end) {
  std::string out;
  std::size_t at = 0;
  std::size_t plain_from = 0;
  const std::string_view all = held_;
  while (at < all.size()) {
    if (!begins_[static_cast<unsigned char>(all[at])]) {
      ++at;
      continue;
    }
    const std::string_view rest = all.substr(at);
    const Pattern* found = nullptr;
    Match matched;
    bool must_wait = false;
    for (const Pattern& pattern : patterns_) {
      matched = match(pattern, rest);
      if (matched.is_whole) found = &pattern;
      must_wait = matched.may_become && !is_end;
      if (found || must_wait) break;
    }
    if (must_wait) break;
    if (!found) {
      ++at;
      continue;
    }
    out += all.substr(plain_from, at - plain_from);
    out += found->shown;
    at += matched.size;
    plain_from = at;
  }
  out += all.substr(plain_from, at - plain_from);
  held_.erase(0, at);
  return out;
}

std::string masked(std::string_view text, const std::vector<std::pair<std::string, std::string>>& secrets) {
  Masker masker(secrets);
  std::string out = masker.feed(text);
  return out + masker.finish();
}

}  // namespace escape::runner
