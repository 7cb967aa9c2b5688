#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/base/seal.h"

/// Files of keys that values are sealed with: one key a line in base64url, mode 0600.
namespace escape::io {

/// Errors: not_found; no_permission; bad_data naming file and line.
Result<SealKeys> read_key_file(const std::string& path);
/// On the disk when it returns.
Result<> write_key_file(const std::string& path, const SealKeys& keys);

}  // namespace escape::io
