#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/release/release_id.h"

/// What an inventory's HTTP answers mean to people (spec/release-ids-and-versions.md §13). Pure.
namespace escape::inventory {

/// What a 404 says is not there.
enum class Missing { other, project, application, release };

/// What was asked, for messages.
struct Asked {
  std::string what;  ///< "Couldn't list projects"
  Missing missing = Missing::other;
  release::ApplicationId application{};
  std::string release{};  ///< "app-v1.0", "project/app-latest"
};

/// Kinds: 400 bad_data (conflict for "already exists"), 401 and 403 refused, 404 not_found, 409 conflict, 5xx
/// temporary.
Error http_error(const Asked& asked, std::string_view url, int status, std::string_view body);
Error unreachable(const Asked& asked, std::string_view url, Error reason);

/// A path segment or query value.
std::string percent_encoded(std::string_view text);

}  // namespace escape::inventory
