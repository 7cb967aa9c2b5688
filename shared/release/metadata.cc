#include "shared/release/metadata.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape::release {
namespace {

Result<> check_api_version(int version) {
  if (version >= 1 && version <= api_version) return ok();
  return fail(ErrorKind::bad_data,
              "The release metadata is compiled with a version of Escape targetting API version v" +
                  std::to_string(version) + ", but this build supports up to v" + std::to_string(api_version));
}

/// `latest`, `@` and `1.@` are told apart from nonsense: a plan may say them, a release may not.
bool is_unresolved(std::string_view version) {
  if (version == "latest" || version == "@") return true;
  if (!version.ends_with(".@")) return false;
  return Version::parse(version.substr(0, version.size() - 2)).has_value();
}

Result<> check_version(std::string_view version) {
  if (is_unresolved(version) || Version::parse(version)) return ok();
  return fail(ErrorKind::bad_data, "Invalid version string '" + std::string(version) + "'.");
}

Result<> check_variables(const std::vector<Variable>& variables) {
  for (const Variable& variable : variables) {
    if (trimmed(variable.id).empty()) return fail(ErrorKind::bad_data, "Variable object is missing an 'id'");
    TRYV(check_variable_id(variable.id));
  }
  return ok();
}

Result<> check_stages(const std::map<std::string, ExecStage>& stages) {
  for (const auto& [name, stage] : stages) {
    const int set = !stage.cmd.empty() + !stage.inline_script.empty() + !stage.script.empty();
    if (set <= 1) continue;
    return fail(ErrorKind::bad_data,
                "Found a problem in the '" + name +
                    "' field: More than one field is set. Please specify only one of script, cmd or "
                    "inline.");
  }
  return ok();
}

}  // namespace

std::string_view name_of(SeenFile::Kind kind) {
  static constexpr std::string_view names[] = {"absent", "file", "folder"};
  return names[static_cast<std::size_t>(kind)];
}

bool parse_enum(std::string_view text, SeenFile::Kind& to) {
  for (const SeenFile::Kind kind : {SeenFile::Kind::absent, SeenFile::Kind::file, SeenFile::Kind::folder}) {
    if (name_of(kind) != text) continue;
    to = kind;
    return true;
  }
  return false;
}

ApplicationId application_of(const Metadata& metadata) {
  return {metadata.project.empty() ? "_" : metadata.project, metadata.name};
}

Result<ReleaseId> release_id_of(const Metadata& metadata) {
  TRY(auto version, Version::parse(metadata.version));
  return ReleaseId{application_of(metadata), std::move(version)};
}

Result<> check_metadata(const Metadata& metadata) {
  if (metadata.name.empty()) return fail(ErrorKind::bad_data, "Missing name field in release metadata");
  TRYV(check_package_name(metadata.name));
  if (metadata.version.empty()) return fail(ErrorKind::bad_data, "Missing version field in release metadata");
  TRYV(check_project_name(application_of(metadata).project));
  TRYV(check_api_version(metadata.api_version));
  TRYV(check_version(metadata.version));
  TRYV(check_variables(metadata.inputs));
  TRYV(check_variables(metadata.outputs));
  for (const Dependency& dependency : metadata.depends) {
    TRYV(check_dependency(dependency));
  }
  for (const Consumer& consumer : metadata.consumes) {
    if (consumer.name.empty()) return fail(ErrorKind::bad_data, "Missing name for Consumer");
  }
  for (const Download& download : metadata.downloads) {
    TRYV(check_download(download));
  }
  for (const std::string& extension : metadata.extends) {
    TRYV(parse_reference(extension));
  }
  TRYV(check_stages(metadata.stages));
  if (is_unresolved(metadata.version)) {
    return fail(ErrorKind::bad_data, "Can't add release with unresolved version");
  }
  return ok();
}

}  // namespace escape::release
