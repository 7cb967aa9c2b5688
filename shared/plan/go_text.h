#pragma once

#include <string>

#include "shared/base/value.h"

namespace escape::plan {

/// A value as the original's templates print it: `true`, `12`, `1.5`, `[a b]`, `map[k:v]` with sorted keys; null is
/// nothing. What lies more than `most_nested` deep is "…".
std::string go_text(const Value& value, int most_nested);

}  // namespace escape::plan
