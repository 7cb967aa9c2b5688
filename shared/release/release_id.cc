#include "shared/release/release_id.h"

namespace escape::release {
namespace {

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

Result<> check_names(const ApplicationId& application) {
  TRYV(check_project_name(application.project));
  return check_package_name(application.name);
}

/// `name:query`. `text` has no project.
Result<ReleaseQuery> parse_colon_form(std::string_view text, std::size_t colon) {
  const std::string_view query = text.substr(colon + 1);
  if (query.find(':') != std::string_view::npos) {
    return fail(ErrorKind::bad_data, "Invalid release format: " + std::string(text) + ".");
  }
  if (query.empty()) return fail(ErrorKind::bad_data, "Invalid tag '' in release string " + in_quotes(text));
  TRY(auto version, parse_version_query(query));
  return ReleaseQuery{{"_", std::string(text.substr(0, colon))}, std::move(version)};
}

/// `name-v1.0`, `name-latest` …: split at the last dash. What looks like a tag is refused here.
Result<ReleaseQuery> parse_dash_form(std::string_view text) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos) {
    return fail(ErrorKind::bad_data, "Invalid release format: " + std::string(text) + ".",
                "Write name-v1.0, name-v1.@, name-latest or name:tag.");
  }
  const std::string_view written = text.substr(dash + 1);
  ReleaseQuery query{{"_", std::string(text.substr(0, dash))}, Latest{}};
  if (written == "vlatest") return query;
  Result<VersionQuery> version = parse_version_query(written);
  const bool has_v = written.starts_with('v') || written == "latest" || written == "@";
  if (!version || !has_v || std::holds_alternative<Tag>(version.value())) {
    return fail(ErrorKind::bad_data,
                "Invalid version string in release ID " + in_quotes(text) + ": " + in_quotes(written) +
                    " is not a valid version.",
                "Write name-v1.0, name-v1.@, name-latest or name:tag.");
  }
  query.version = std::move(version).value();
  return query;
}

}  // namespace

std::string to_string(const ApplicationId& id) { return (id.project.empty() ? "_" : id.project) + "/" + id.name; }

std::string to_string(const ReleaseId& id) { return to_string(id.application) + "-v" + id.version.text(); }

std::string without_project(const ReleaseId& id) { return id.application.name + "-v" + id.version.text(); }

std::string to_string(const ReleaseQuery& query) {
  const char separator = std::holds_alternative<Tag>(query.version) ? ':' : '-';
  return to_string(query.application) + separator + to_string(query.version);
}

Result<ReleaseQuery> parse_release_query(std::string_view text) {
  if (text.empty()) {
    return fail(ErrorKind::bad_data, "Invalid release format: ''.",
                "Write [project/]name-v1.0, name-v1.@, name-latest or name:tag.");
  }
  std::string_view rest = text;
  std::string project = "_";
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    project = text.substr(0, slash);
    rest = text.substr(slash + 1);
  }
  const std::size_t colon = rest.find(':');
  TRY(auto query, colon == std::string_view::npos ? parse_dash_form(rest) : parse_colon_form(rest, colon));
  query.application.project = std::move(project);
  TRYV(check_names(query.application));
  return query;
}

Result<ReleaseId> parse_release_id(std::string_view text) {
  TRY(auto query, parse_release_query(text));
  const Exact* exact = std::get_if<Exact>(&query.version);
  if (!exact) {
    return fail(ErrorKind::bad_data, "The release '" + to_string(query) + "' needs its version resolved.",
                "Name one exact version, such as " + to_string(query.application) + "-v1.0.");
  }
  return ReleaseId{std::move(query.application), exact->version};
}

}  // namespace escape::release
