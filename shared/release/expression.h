#pragma once

#include <string_view>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/metadata.h"

/// Where a release's metadata asks for the `$` language, which this version does not evaluate yet. Taking such text
/// literally would do something else than what its author wrote, so it is found and refused, in plans and in releases
/// made elsewhere.
namespace escape::release {

/// Begins with `$` but not with `$$`. (`$$text` stays `$$text`, as in the original.)
bool is_expression(std::string_view text);
/// The first expression in a value or, for a list, in its elements; nullptr without one.
const std::string* find_expression(const Value& value);

/// Error refused "… is not supported by this version of Escape yet", naming the variable and its type, `default` or
/// `items`.
Result<> check_has_no_expression(const Variable& variable);
/// The same for cmd, args and script of a stage. Inline scripts are shell text and never evaluated.
Result<> check_has_no_expression(std::string_view stage_name, const ExecStage& stage);

}  // namespace escape::release
