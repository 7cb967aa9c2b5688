#pragma once

#include <cstdint>
#include <string>

#include "shared/base/result.h"

namespace escape::controller {

/// What the program `escape-controller reseal` did.
struct ResealSummary {
  std::string key;         ///< id in hex: what everything is sealed with now
  std::uint64_t rows = 0;  ///< that were sealed anew
};

/// Replaces the key of a stopped controller's secrets: a fresh one is put before those in the key file, unless its
/// first is one already that not everything is sealed with; then every row is sealed with it, and the old bytes leave
/// the disk. Interrupted anywhere, the controller starts as ever and another call goes on. The keys before stay in the
/// file: backups need them. Errors: conflict while a controller runs; not_found; bad_configuration; storage.
Result<ResealSummary> reseal(const std::string& data_folder, const std::string& key_file);

}  // namespace escape::controller
