#include "shared/release/query.h"

#include "shared/base/overloaded.h"

namespace escape::release {

Result<VersionQuery> parse_version_query(std::string_view text) {
  if (text.empty()) return fail(ErrorKind::bad_data, "Empty version query");
  if (text == "latest" || text == "@" || text == "v@") return VersionQuery{Latest{}};
  std::string_view number = text;
  if (number.starts_with('v')) number.remove_prefix(1);
  if (number.ends_with(".@")) {
    number.remove_suffix(1);
    if (Version::parse(number.substr(0, number.size() - 1))) return VersionQuery{Prefix{std::string(number)}};
  } else if (Result<Version> version = Version::parse(number)) {
    return VersionQuery{Exact{std::move(version).value()}};
  }
  return VersionQuery{Tag{std::string(text)}};
}

std::string to_string(const VersionQuery& query) {
  return std::visit(overloaded{
                        [](const Latest&) { return std::string("latest"); },
                        [](const Prefix& prefix) { return "v" + prefix.prefix + "@"; },
                        [](const Exact& exact) { return "v" + exact.version.text(); },
                        [](const Tag& tag) { return tag.name; },
                    },
                    query);
}

}  // namespace escape::release
