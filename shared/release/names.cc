#include <algorithm>
#include <array>

#include "shared/release/release_id.h"

namespace escape::release {
namespace {

/// Names of the `$` language, which a package would hide.
constexpr std::array<std::string_view, 6> protected_names{"this", "string", "integer", "list", "dict", "func"};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_name_char(char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '_'; }
bool is_deployment_char(char c) { return is_lower_name_char(c) || is_upper(c) || c == '/'; }

Result<> refuse_name(std::string_view what, std::string_view name, std::string_view rule) {
  return fail(ErrorKind::bad_data, "The " + std::string(what) + " name '" + std::string(name) +
                                       "' is not allowed. Expected a string matching /" + std::string(rule) + "/");
}

}  // namespace

Result<> check_package_name(std::string_view name) {
  if (name.size() < 2 || !is_lower(name[0]) || !std::ranges::all_of(name, is_lower_name_char)) {
    return fail(ErrorKind::bad_data, "Invalid name '" + std::string(name) + "'",
                "A name is two or more lower-case letters, digits, '-' or '_', and begins with a letter.");
  }
  if (std::ranges::find(protected_names, name) != protected_names.end()) {
    return fail(ErrorKind::bad_data, "The name '" + std::string(name) + "' is a protected variable.",
                "Choose another name: this one has a meaning in expressions.");
  }
  return ok();
}

Result<> check_project_name(std::string_view name) {
  if (name == "_") return ok();
  return check_package_name(name);
}

Result<> check_environment_name(std::string_view name) {
  if (!name.empty() && is_lower(name[0]) && std::ranges::all_of(name, is_lower_name_char)) return ok();
  return refuse_name("environment", name, "^[a-z]+[a-z0-9-_]*$");
}

Result<> check_deployment_name(std::string_view name) {
  const auto may_begin = [](char c) { return is_lower(c) || is_upper(c) || c == '_'; };
  if (!name.empty() && may_begin(name[0]) && std::ranges::all_of(name, is_deployment_char)) return ok();
  return refuse_name("deployment", name, "^[a-zA-Z_]+[a-zA-Z0-9-_/]*$");
}

}  // namespace escape::release
