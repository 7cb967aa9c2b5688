#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/value.h"

/// Lists of strings and integers as JSON text: how a list reaches a script's environment and comes back from it. Only
/// this corner of JSON, because `shared/plan` lies below `shared/codec`.
namespace escape::plan {

/// Compact JSON; text escaped as the original does (`<`, `>`, `&` as \u003c …). Booleans are written, anything else as
/// null.
std::string list_to_text(const Value::List& list);
/// A JSON array of strings, integers and booleans. Error: bad_data "character 3: …"; never echoes the text, which may
/// be secret.
Result<Value::List> list_from_text(std::string_view text);

}  // namespace escape::plan
