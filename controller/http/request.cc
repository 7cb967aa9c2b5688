#include "controller/http/request.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape::http {
namespace {

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] == '%') {
      const std::string byte = from_hex(text.substr(i + 1, std::min<std::size_t>(2, text.size() - i - 1)));
      if (byte.size() != 1 || byte[0] == '\0') return std::nullopt;
      decoded += byte;
      i += 2;
    } else if (text[i] == '\0') {
      return std::nullopt;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Target> parse_target(std::string_view raw) {
  Target target;
  const std::size_t question = raw.find('?');
  auto path = percent_decoded(raw.substr(0, question), false);
  if (!path) return std::nullopt;
  target.path = std::move(*path);
  if (question == std::string_view::npos) return target;
  target.raw_query = raw.substr(question + 1);
  for (const std::string& piece : split(target.raw_query, '&')) {
    const std::size_t equals = piece.find('=');
    auto key = percent_decoded(std::string_view(piece).substr(0, equals), true);
    auto value = equals == std::string::npos ? std::optional(std::string())
                                             : percent_decoded(std::string_view(piece).substr(equals + 1), true);
    if (key && value) target.query.emplace(std::move(*key), std::move(*value));
  }
  return target;
}

std::string cleaned_path(std::string_view path) {
  std::vector<std::string> kept;
  for (std::string& piece : split(path, '/')) {
    if (piece == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!piece.empty() && piece != ".") {
      kept.push_back(std::move(piece));
    }
  }
  std::string cleaned = "/" + join(kept, "/");
  if (path.ends_with('/') && cleaned.size() > 1) cleaned += '/';
  return cleaned;
}

std::string percent_encoded_path(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
        std::string_view("-_.~@:/").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += "%" + to_hex(std::string_view(&c, 1));
    }
  }
  return encoded;
}

std::optional<BasicCredentials> parse_basic(std::string_view header) {
  constexpr std::string_view scheme = "Basic ";
  if (!header.starts_with(scheme)) return std::nullopt;
  // The URL alphabet without padding is what the base library reads; the standard one differs in two letters.
  std::string encoded(trimmed(header.substr(scheme.size())));
  while (encoded.ends_with('=')) encoded.pop_back();
  std::ranges::replace(encoded, '+', '-');
  std::ranges::replace(encoded, '/', '_');
  const Result<std::string> decoded = from_base64url(encoded);
  if (!decoded) return std::nullopt;
  const std::size_t colon = decoded.value().find(':');
  if (colon == std::string::npos) return std::nullopt;
  return BasicCredentials{decoded.value().substr(0, colon), decoded.value().substr(colon + 1)};
}

ByteRange parse_range(std::string_view header, std::uint64_t size) {
  using Kind = ByteRange::Kind;
  const ByteRange whole{Kind::whole, 0, size};
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return whole;
  const std::string_view range = trimmed(header.substr(unit.size()));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos || range.find(',') != std::string_view::npos) return whole;
  const auto first = parse_number(range.substr(0, dash));
  const auto last = parse_number(range.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return whole;
    if (*last == 0 || size == 0) return {Kind::unsatisfiable, 0, 0};
    const std::uint64_t length = std::min(*last, size);
    return {Kind::part, size - length, length};
  }
  const bool is_open = dash + 1 == range.size();
  if (!first || (!last && !is_open) || (last && *last < *first)) return whole;
  if (*first >= size) return {Kind::unsatisfiable, 0, 0};
  const std::uint64_t end = is_open ? size - 1 : std::min(*last, size - 1);
  return {Kind::part, *first, end - *first + 1};
}

}  // namespace escape::http
