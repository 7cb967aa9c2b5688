#pragma once

#include <cstdint>
#include <string>

#include "shared/base/result.h"

/// The file `progress` of a database's folder: the newest commit that is known to be on the disk, and its complement.
namespace escape::store {

/// In place, synced: a torn line is of a later sequence than the one before, and is passed over.
Result<> write_progress(const std::string& folder, std::uint64_t sequence);
/// What the file says; 0 when it says nothing.
std::uint64_t read_progress(const std::string& folder);
/// Error: storage when the log ends, at `sequence`, before what the file says, or said (`noted`).
Result<> check_progress(const std::string& folder, std::uint64_t sequence);
Result<> check_progress(const std::string& folder, std::uint64_t sequence, std::uint64_t noted);

Error damaged_log(const std::string& folder, const std::string& how);

}  // namespace escape::store
