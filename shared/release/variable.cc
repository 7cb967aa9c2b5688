#include "shared/release/variable.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape::release {

std::string_view name_of(Scope scope) { return scope == Scope::build ? "build" : "deploy"; }

bool has_scope(const std::vector<std::string>& scopes, Scope scope) {
  return std::ranges::find(scopes, name_of(scope)) != scopes.end();
}

bool in_scope(const Variable& variable, Scope scope) { return has_scope(variable.scopes, scope); }

bool is_secret(const Variable& variable) { return variable.sensitive || variable.type == "secret"; }

bool is_evaluated_type(std::string_view type) {
  return type == "version" || type == "project" || type == "environment" || type == "deployment";
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

}  // namespace escape::release
