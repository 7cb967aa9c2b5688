#include "shared/io/archive_merge.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "shared/io/files.h"
#include "shared/io/member_path.h"

namespace escape::io {
namespace {

Result<Fd> open_subfolder(int folder, const std::string& name, const std::string& shown) {
  Fd found(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (found) return found;
  if (errno == ENOTDIR || errno == ELOOP) {
    return fail(ErrorKind::conflict,
                fmt::format("cannot unpack '{}': a file or a link is in its place", shown_path(shown)));
  }
  return fail(file_error("open", shown_path(shown), errno));
}

Result<> merge(const Fd& from, const Fd& to, const std::string& shown_folder, int depth) {
  if (depth > max_merge_depth) {
    return fail(ErrorKind::bad_data, fmt::format("there are more than {} folders in each other", max_merge_depth));
  }
  TRY(const auto names, list_folder(fmt::format("/proc/self/fd/{}", from.get())));
  for (const std::string& name : names) {
    const std::string shown = join_path(shown_folder, name);
    struct stat status{};
    if (::fstatat(from.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail(file_error("unpack", shown_path(shown), errno));
    }
    if (!S_ISDIR(status.st_mode)) {
      if (::renameat(from.get(), name.c_str(), to.get(), name.c_str()) == 0) continue;
      if (errno == EISDIR) {
        return fail(ErrorKind::conflict,
                    fmt::format("cannot unpack '{}': a folder is in its place", shown_path(shown)));
      }
      return fail(file_error("unpack", shown_path(shown), errno));
    }
    const bool is_new = ::mkdirat(to.get(), name.c_str(), 0755) == 0;
    if (!is_new && errno != EEXIST) return fail(file_error("make the folder", shown_path(shown), errno));
    TRY(const Fd inner_from, open_subfolder(from.get(), name, shown));
    TRY(const Fd inner_to, open_subfolder(to.get(), name, shown));
    if (is_new && ::fchmod(inner_to.get(), status.st_mode & 0777) != 0) {
      return fail(file_error("set the mode of", shown_path(shown), errno));
    }
    TRYV(merge(inner_from, inner_to, shown, depth + 1));
  }
  return ok();
}

}  // namespace

Result<> merge_folder(const std::string& from, const std::string& to) {
  TRY(const Fd source, open_file(from, O_RDONLY | O_DIRECTORY));
  TRY(const Fd target, open_file(to, O_RDONLY | O_DIRECTORY));
  return merge(source, target, "", 0);
}

}  // namespace escape::io
