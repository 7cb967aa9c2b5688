#pragma once

#include <string>

#include "shared/base/result.h"

namespace escape::io {

/// Folders in each other: each level holds two descriptors of a process that has other things to do.
inline constexpr int max_merge_depth = 100;

/// Moves what is in `from` (regular files and folders, nobody else knows it) into `to`, which may have files: each file
/// replaces one of its name at once, folders are kept and filled. Never goes through a link in `to`: one in the place
/// of a folder is refused, one in the place of a file is replaced. Error: conflict, bad_data (too deep), storage.
Result<> merge_folder(const std::string& from, const std::string& to);

}  // namespace escape::io
