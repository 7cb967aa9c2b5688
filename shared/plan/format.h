#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::plan {

enum class FormatStyle {
  full,     ///< every known field, empty ones too, with a blank line between; comments stay
  minified  ///< only what says something, without comments and blank lines
};

/// The plan in one form: fields in the order of `plan_fields`, lists and maps in blocks, aliases expanded. It reads as
/// the same plan, and formatted again it is the same text. Only YAML and the names of fields need to be right. Errors:
/// bad_data "Couldn't parse Escape plan '<file_name>': …".
Result<std::string> format(std::string_view text, std::string_view file_name, FormatStyle style);

}  // namespace escape::plan
