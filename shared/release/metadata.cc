#include "shared/release/metadata.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/release/expression.h"

namespace escape::release {
namespace {

/// Members of `other` that change what a deployment does, and what to call them.
struct NotYet {
  std::string_view field;
  std::string_view what;
};
constexpr std::array not_yet{
    NotYet{"depends", "dependencies"}, NotYet{"consumes", "consumers of providers"},
    NotYet{"extends", "extensions"},   NotYet{"templates", "templates"},
    NotYet{"downloads", "downloads"},  NotYet{"errands", "errands"},
};

std::string_view word(Scope scope) { return scope == Scope::build ? "build" : "deploy"; }

bool says_nothing(const Value& value) {
  if (const Value::List* list = value.as_list()) return list->empty();
  if (const Value::Object* object = value.as_object()) return object->empty();
  if (const std::string* text = value.as_string()) return text->empty();
  return value.is_null();
}

bool has_other(const Metadata& metadata, std::string_view field) {
  const Value* value = metadata.other.find(field);
  return value && !says_nothing(*value);
}

bool has_stage(const Metadata& metadata, const std::string& name) {
  const auto stage = metadata.stages.find(name);
  return stage != metadata.stages.end() && !stage->second.empty();
}

auto not_supported(const Metadata& metadata, std::string_view field, std::string_view what) {
  const std::string version = metadata.version.empty() ? "" : "-v" + metadata.version;
  return fail(ErrorKind::refused,
              "The release '" + to_string(application_of(metadata)) + version + "' uses '" + std::string(field) +
                  "' (" + std::string(what) + "), which is not supported by this version of Escape yet",
              "Release it again without '" + std::string(field) + "'.");
}

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

bool in_scope(const Variable& variable, Scope scope) {
  return std::ranges::find(variable.scopes, word(scope)) != variable.scopes.end();
}

std::string step_text(const ExecStage& stage) {
  if (!stage.script.empty()) return stage.script;
  if (!stage.inline_script.empty()) {
    const std::string first_line = stage.inline_script.substr(0, stage.inline_script.find('\n'));
    return "<inline script starting with '" + first_line + "'>";
  }
  std::string text = stage.cmd;
  for (const std::string& arg : stage.args) text += " " + arg;
  return text;
}

ApplicationId application_of(const Metadata& metadata) {
  return {metadata.project.empty() ? "_" : metadata.project, metadata.name};
}

Result<ReleaseId> release_id_of(const Metadata& metadata) {
  TRY(auto version, Version::parse(metadata.version));
  return ReleaseId{application_of(metadata), std::move(version)};
}

Result<> check_variable_id(std::string_view id) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto may_follow = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  const std::string_view name = trimmed(id);
  if (name.empty()) return fail(ErrorKind::bad_data, "Expecting variable string, but got empty string.");
  const std::string message = "Invalid variable format '" + std::string(name) + "'";
  if (!is_letter(name[0]) || !std::ranges::all_of(name, may_follow)) {
    return fail(ErrorKind::bad_data, message, "A variable is letters, digits, '-' or '_', and begins with a letter.");
  }
  constexpr std::string_view kept_for_us = "PREVIOUS_";
  const auto same_letter = [](char a, char b) { return (a >= 'a' && a <= 'z' ? char(a - 'a' + 'A') : a) == b; };
  if (std::ranges::equal(name.substr(0, kept_for_us.size()), kept_for_us, same_letter)) {
    return fail(ErrorKind::bad_data, message + ". Variable is not allowed to start with 'PREVIOUS_'");
  }
  return ok();
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
  TRYV(check_stages(metadata.stages));
  if (is_unresolved(metadata.version)) {
    return fail(ErrorKind::bad_data, "Can't add release with unresolved version");
  }
  return ok();
}

Result<> check_supported(const Metadata& metadata) {
  for (const NotYet& feature : not_yet) {
    if (has_other(metadata, feature.field)) return not_supported(metadata, feature.field, feature.what);
  }
  if (has_other(metadata, "provides")) {
    for (const char* stage : {"activate_provider", "deactivate_provider"}) {
      if (has_stage(metadata, stage)) return not_supported(metadata, stage, "activation of providers");
    }
  }
  for (const std::vector<Variable>* variables : {&metadata.inputs, &metadata.outputs}) {
    for (const Variable& variable : *variables) {
      TRYV(check_has_no_expression(variable));
    }
  }
  for (const auto& [name, stage] : metadata.stages) {
    TRYV(check_has_no_expression(name, stage));
  }
  return ok();
}

}  // namespace escape::release
