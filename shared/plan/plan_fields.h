#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/plan/yaml.h"

/// A plan as its file says it, field by field: for tools that show or rewrite a plan, whatever this version makes of
/// it.
namespace escape::plan {

struct PlanField {
  std::string_view name;
  std::string_view empty;    ///< how a value that says nothing is written: `""`, `[]`, `{}`
  bool is_optional = false;  ///< not written where a plan does not have it: the original does not know it
};
/// All fields in the order of spec/escape-plan.md §12.
std::span<const PlanField> plan_fields();
std::vector<std::string> field_names();

/// Nothing, an empty text, list or map.
bool says_nothing(const yaml::Node& value);

/// The map of a plan's text; nothing for an empty file. Only the names of fields are checked. Errors: bad_data
/// "Couldn't parse Escape plan '<file_name>': line 3, column 5: …, expected …".
Result<yaml::Node> read_fields(std::string_view text, std::string_view file_name);

/// One field: text as written without blanks around it, lists and maps with what is in them; within those, booleans and
/// whole numbers are such, everything else is text (`1.10` stays `1.10`). A field that is not there is empty. Errors:
/// of read_fields; usage for a name that is no field, with the nearest.
Result<Value> read_field(std::string_view text, std::string_view file_name, std::string_view field);

}  // namespace escape::plan
