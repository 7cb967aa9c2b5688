#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/io/files.h"

/// Paths below a folder in which others may have put links: what a path names is looked up by the kernel and never lies
/// outside (openat2 with RESOLVE_BENEATH, Linux 5.6). Links that stay below the folder are followed; absolute paths and
/// `..` are refused.
///
/// Thread: any.  Errors: bad_data "'../x' is not a path below the working folder", "'a/b' leads out of the working
/// folder"; those of files.h, which name the path as it was given.
namespace escape::io {

/// Without "." pieces, doubled or trailing slashes. Error: bad_data for absolute paths, "..", control characters and
/// paths that name the folder itself.
Result<std::string> plain_path_beneath(std::string_view path);

/// Where a path below a folder really lies, held open: whatever happens to the names above it meanwhile.
class Place {
 public:
  /// The folder that `path` lies in must be there. not_found when it is not.
  static Result<Place> find(const std::string& root, std::string_view path);
  /// Makes the folders above it. Not synced.
  static Result<Place> make(const std::string& root, std::string_view path);

  /// For the functions of files.h and others that take a path, as long as this lives: "/proc/self/fd/7/name".
  std::string path() const { return of_sibling(name_); }
  std::string of_sibling(std::string_view name) const;
  const std::string& name() const { return name_; }
  int folder() const { return folder_.get(); }

  /// The error with the path as people know it in place of `path()`.
  Error in_words(Error error) const;

 private:
  Place(Fd folder, std::string shown_folder, std::string name)
      : folder_(std::move(folder)), shown_folder_(std::move(shown_folder)), name_(std::move(name)) {}
  Fd folder_;
  std::string shown_folder_;  ///< relative to the root; empty: the root itself
  std::string name_;
};

/// Whether there is something at the path. A link that leads out is an error, one that leads nowhere is nothing.
Result<bool> exists_beneath(const std::string& root, std::string_view path);
/// A regular file, open for reading; an empty Fd when there is none of that name.
Result<Fd> open_file_beneath(const std::string& root, std::string_view path);
/// The content of a regular file; nothing when there is none of that name.
Result<std::optional<std::string>> find_file_beneath(const std::string& root, std::string_view path,
                                                     std::uint64_t max_bytes = 64 << 20);
/// The first path, in byte order, that matches the shell pattern (`*`, `?`, `[…]`, none of them a slash), or nothing.
/// What leads out of the folder matches nothing. Error: as plain_path_beneath.
Result<std::optional<std::string>> find_match_beneath(const std::string& root, std::string_view pattern);

}  // namespace escape::io
