#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/release/query.h"

namespace escape::release {

/// `project/name`: which application.
struct ApplicationId {
  std::string project;  ///< "_" when none was given
  std::string name;
  friend auto operator<=>(const ApplicationId&, const ApplicationId&) = default;
};
std::string to_string(const ApplicationId& id);  ///< "project/name", "_/name"

/// An exact release: `project/name-vVERSION`.
struct ReleaseId {
  ApplicationId application;
  Version version;
  friend bool operator==(const ReleaseId& a, const ReleaseId& b) {
    return a.application == b.application && same_text(a.version, b.version);
  }
};
std::string to_string(const ReleaseId& id);        ///< "project/name-v1.0"
std::string without_project(const ReleaseId& id);  ///< "name-v1.0": file stem and top folder of the archive

/// What a person writes: `[project/]name-v1.0`, `-latest`, `-v0.0.@`, `name:tag` …
struct ReleaseQuery {
  ApplicationId application;
  VersionQuery version;
  friend bool operator==(const ReleaseQuery&, const ReleaseQuery&) = default;
};
/// Errors are bad_data with the texts of spec/release-ids-and-versions.md §3.2. Names are checked too (§5), which the
/// original left to later.
Result<ReleaseQuery> parse_release_query(std::string_view text);
/// The same, and it must be exact.
Result<ReleaseId> parse_release_id(std::string_view text);
std::string to_string(const ReleaseQuery& query);  ///< "project/name-latest", "project/name:tag"

/// Rules and messages of spec/release-ids-and-versions.md §5.
Result<> check_package_name(std::string_view name);
Result<> check_project_name(std::string_view name);
Result<> check_environment_name(std::string_view name);
Result<> check_deployment_name(std::string_view name);

}  // namespace escape::release
