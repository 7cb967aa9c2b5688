#pragma once

#include "shared/base/result.h"
#include "shared/release/metadata.h"

namespace escape::inventory {

/// The parts of `release.json` that name other releases and files: depends, extends, consumes, downloads. They are kept
/// as they came; here only their shape is checked, so that nothing enters the inventory that cannot be read later.
/// Messages: spec/inventory-semantics.md §5.1, 8 to 10.
Result<> check_relations(const release::Metadata& metadata);

}  // namespace escape::inventory
