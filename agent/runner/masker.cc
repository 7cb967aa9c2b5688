#include "agent/runner/masker.h"

#include <algorithm>
#include <cctype>

#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::runner {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A shorter piece of base64 is too likely to be something else.
constexpr std::size_t shortest_base64 = 6;
/// Lines of a secret (a PEM key, say) that are shorter than this are not masked alone.
constexpr std::size_t shortest_line = 8;

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

std::string percent_encoded(std::string_view value, std::string_view digits) {
  std::string text;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) {
      text += c;
    } else {
      text += '%';
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }
  return text;
}

std::string json_escaped(const std::string& value) {
  const std::string quoted = codec::to_json(Value(value));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Masker::Masker(const std::vector<std::pair<std::string, std::string>>& secrets) {
  for (const auto& [name, value] : secrets) {
    if (value.size() < shortest_secret) continue;
    const std::string shown = "‹" + name + "›";
    add(value, shown);
    for (const std::string& line : split(value, '\n')) {
      if (line.size() >= shortest_line) add(line, shown);
    }
    add(percent_encoded(value, "0123456789ABCDEF"), shown);
    add(percent_encoded(value, "0123456789abcdef"), shown);
    if (is_valid_utf8(value)) add(json_escaped(value), shown);
    add(to_base64(value), shown);
    add(in_url_alphabet(to_base64(value)), shown);
    for (std::size_t shift = 0; shift < 3; ++shift) {
      const std::string piece = stable_base64(value, shift);
      if (piece.size() < shortest_base64) continue;
      add(piece, shown);
      add(in_url_alphabet(piece), shown);
    }
  }
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.text.size() > b.text.size(); });
}

void Masker::add(const std::string& text, const std::string& shown) {
  const auto is_same = [&](const Pattern& pattern) { return pattern.text == text; };
  if (std::any_of(patterns_.begin(), patterns_.end(), is_same)) return;
  patterns_.push_back({text, shown});
  begins_[static_cast<unsigned char>(text.front())] = true;
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
    bool must_wait = false;
    for (const Pattern& pattern : patterns_) {
      if (rest.starts_with(pattern.text)) {
        found = &pattern;
        break;
      }
      if (!is_end && pattern.text.size() > rest.size() && std::string_view(pattern.text).starts_with(rest)) {
        must_wait = true;
        break;
      }
    }
    if (must_wait) break;
    if (!found) {
      ++at;
      continue;
    }
    out += all.substr(plain_from, at - plain_from);
    out += found->shown;
    at += found->text.size();
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
