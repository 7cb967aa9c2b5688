#pragma once

#include <string>
#include <vector>

#include "controller/inventory/catalogue.h"
#include "shared/base/time.h"
#include "shared/base/value.h"
#include "shared/release/version.h"

/// The JSON records of spec/inventory-api.md §4, members in the order in which the original writes them.
namespace escape::http {

Value::Object namespace_view(const inventory::Namespace& value);
Value::Object unit_view(const inventory::Unit& value);
/// Object keyed by name.
Value::Object units_view(const std::vector<inventory::Unit>& units);
Value::List versions_view(const std::vector<release::Version>& versions);
/// RFC 3339 in UTC, whole seconds.
std::string time_view(Timestamp when);

}  // namespace escape::http
