#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "controller/store/store.h"
#include "shared/release/version.h"

/// Walks over the rows of keys.h that are sorted by version ("v/" and "k/").
namespace escape::inventory {

/// Calls `visit` for each version with a key in [from, to) until it returns false. Empty `to`: all keys beginning with
/// `from`.
Result<> each_version(const store::Reader& reader, const std::string& from, const std::string& to,
                      store::Reader::Order order, const std::function<bool(release::Version)>& visit);

/// Whether the prefix stands for whole parts ("" or "0.0."), so that its versions are neighbours in key order.
bool is_whole_prefix(std::string_view prefix);

/// The highest version whose text begins with a whole prefix: one seek, unless versions with leading zeros are in the
/// way.
Result<std::optional<release::Version>> highest_version(const store::Reader& reader, const std::string& rows,
                                                        std::string_view prefix);

}  // namespace escape::inventory
