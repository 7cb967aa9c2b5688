#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::release {

enum class Scope { build, deploy };
std::string_view name_of(Scope scope);  ///< "build", "deploy"
/// Scopes as text, as plans and metadata hold them.
bool has_scope(const std::vector<std::string>& scopes, Scope scope);

/// A declared input or output (spec/variables.md §2).
struct Variable {
  std::string id;
  std::string type = "string";      ///< string, integer, bool, list, secret; version, project, environment, deployment
  std::optional<Value> fallback{};  ///< `default`; absent = required
  std::string description{};
  std::string friendly{};
  bool visible = true;
  Value::Object options{};
  bool sensitive = false;
  Value items{};  ///< null, or the allowed values
  bool eval_before_dependencies = true;
  std::vector<std::string> scopes{"build", "deploy"};
  friend bool operator==(const Variable&, const Variable&) = default;
};
bool in_scope(const Variable& variable, Scope scope);
/// Whether its value is never shown: `sensitive`, or of type `secret`.
bool is_secret(const Variable& variable);
/// `version`, `project`, `environment`, `deployment`: the value is always that of `$this.<type>`.
bool is_evaluated_type(std::string_view type);

/// "Invalid variable format '1foo'": a letter, then letters, digits, `-`, `_`; outer blanks do not count; not
/// `PREVIOUS_…`.
Result<> check_variable_id(std::string_view id);

}  // namespace escape::release
