#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "shared/base/result.h"
#include "shared/release/version.h"

namespace escape::release {

struct Latest {
  friend bool operator==(const Latest&, const Latest&) = default;
};
/// `v0.0.@`: the highest version that begins with `prefix` ("0.0.").
struct Prefix {
  std::string prefix;
  friend bool operator==(const Prefix&, const Prefix&) = default;
};
struct Exact {
  Version version;
  friend bool operator==(const Exact& a, const Exact& b) { return same_text(a.version, b.version); }
};
struct Tag {
  std::string name;
  friend bool operator==(const Tag&, const Tag&) = default;
};

/// What may stand where a version is asked for (spec/release-ids-and-versions.md §7).
using VersionQuery = std::variant<Latest, Prefix, Exact, Tag>;

/// Error: bad_data "Empty version query". Anything that is not a version or prefix is a tag.
Result<VersionQuery> parse_version_query(std::string_view text);
/// "latest", "v0.0.@", "v1.0" or the tag.
std::string to_string(const VersionQuery& query);

}  // namespace escape::release
