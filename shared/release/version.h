#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace escape::release {

/// An exact version: dot-separated non-negative integers, any number of parts, kept as written ("01.0" stays "01.0").
/// Ordered part by part as integers, a missing part below any present one: 0.9 < 0.10 < 1 < 1.0. "1.0" and "01.0" are
/// equal in order but not the same version; `same_text` tells.
class Version {
 public:
  Version() = default;
  /// `0.0.1`, without `v`. Error: bad_data "'x' is not a valid version."; parts above 2^63-1 are refused.
  static Result<Version> parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  const std::vector<std::uint64_t>& parts() const { return parts_; }

  friend std::weak_ordering operator<=>(const Version& a, const Version& b) { return a.parts_ <=> b.parts_; }
  friend bool operator==(const Version& a, const Version& b) { return a.parts_ == b.parts_; }
  friend bool same_text(const Version& a, const Version& b) { return a.text_ == b.text_; }

 private:
  std::string text_;
  std::vector<std::uint64_t> parts_;
};

/// Bytes whose byte order is the order of versions, for keys: each part as a length byte and its big-endian digits, so
/// that a part never sorts by its text. A prefix such as "0.0." becomes a prefix of the keys of all its versions.
std::string sort_key(const Version& version);

/// The version after the highest of `existing` that begins with `prefix` ("0.0." or ""): its first part behind the
/// prefix plus one; `prefix` + "0" when there is none (spec/release-ids-and-versions.md §9).
std::string next_version(std::string_view prefix, const std::vector<Version>& existing);

}  // namespace escape::release
