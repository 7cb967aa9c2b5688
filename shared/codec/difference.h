#pragma once

#include <string>
#include <vector>

#include "shared/base/value.h"

namespace escape::codec {

/// What changed from one release's metadata to another's, both as `metadata_to_value` gives them; one line each, in the
/// order of release.json:
///   Change Inputs[0].Default from '1' to '2'
///   Add 'b' to Provides               an element behind the last; of a map: Add 'x' to Metadata["k"]
///   Remove 'b' from Provides
/// Lists are compared by index, maps by key. Elements that are objects go by their id, release_id, name, file or url,
/// other objects and lists by their JSON. Line breaks and control characters of values are escaped. Any JSON is fine.
std::vector<std::string> metadata_differences(const Value& before, const Value& after);

}  // namespace escape::codec
