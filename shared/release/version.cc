#include "shared/release/version.h"

#include <charconv>
#include <limits>
#include <optional>

#include "shared/base/text.h"

namespace escape::release {
namespace {

std::optional<std::uint64_t> parse_part(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return number;
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
  Version version;
  for (const std::string& piece : split(text, '.')) {
    const std::optional<std::uint64_t> part = parse_part(piece);
    if (!part) return fail(ErrorKind::bad_data, "'" + std::string(text) + "' is not a valid version.");
    version.parts_.push_back(*part);
  }
  version.text_ = text;
  return version;
}

std::string sort_key(const Version& version) {
  std::string key;
  for (const std::uint64_t part : version.parts()) {
    std::string digits;
    for (int shift = 56; shift >= 0; shift -= 8) {
      const auto byte = static_cast<char>((part >> shift) & 0xFF);
      if (byte != 0 || !digits.empty() || shift == 0) digits += byte;
    }
    key += static_cast<char>(digits.size());
    key += digits;
  }
  return key;
}

std::string next_version(std::string_view prefix, const std::vector<Version>& existing) {
  std::uint64_t next = 0;
  for (const Version& version : existing) {
    std::string_view rest = version.text();
    if (!rest.starts_with(prefix)) continue;
    rest.remove_prefix(prefix.size());
    // A rest that begins with a dot or is empty (the prefix ended inside a part) ranks below every number.
    const std::optional<std::uint64_t> first = parse_part(rest.substr(0, rest.find('.')));
    if (first && *first + 1 > next) next = *first + 1;
  }
  return std::string(prefix) + std::to_string(next);
}

}  // namespace escape::release
