#include "shared/io/beneath.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shared/base/text.h"
#include "shared/io/member_path.h"

namespace escape::io {
namespace {

/// What the kernel takes, less our endings.
constexpr std::size_t longest_path = 4000;
/// A race with a rename somewhere below: the kernel asks to try again.
constexpr int most_tries = 100;

Fd open_beneath(int folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0;; ++tries) {
    Fd file(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
    const bool is_to_repeat = !file && (errno == EAGAIN || errno == EINTR) && tries < most_tries;
    if (!is_to_repeat) return file;
  }
}

Error open_error(std::string_view action, std::string_view path, int reason) {
  if (reason == EXDEV) {
    return {ErrorKind::bad_data, fmt::format("'{}' leads out of the working folder", shown_path(path)), {}, {}};
  }
  return file_error(action, shown_path(path), reason);
}

Result<Fd> open_root(const std::string& root) { return open_file(root, O_PATH | O_DIRECTORY); }

std::string fd_path(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

bool is_pattern(std::string_view piece) { return piece.find_first_of("*?[\\") != std::string_view::npos; }

Result<std::optional<std::string>> find_match(const Fd& root, const std::string& found,
                                              const std::vector<std::string>& pieces, std::size_t at) {
  if (at == pieces.size()) {
    if (open_beneath(root.get(), found, O_PATH)) return std::optional(found);
    return std::optional<std::string>();
  }
  const auto below = [&](const std::string& name) { return found.empty() ? name : found + "/" + name; };
  if (!is_pattern(pieces[at])) return find_match(root, below(pieces[at]), pieces, at + 1);
  const Fd folder = open_beneath(root.get(), found.empty() ? "." : found, O_PATH | O_DIRECTORY);
  if (!folder) return std::optional<std::string>();
  TRY(const std::vector<std::string> names, list_folder(fd_path(folder.get())));
  for (const std::string& name : names) {
    if (::fnmatch(pieces[at].c_str(), name.c_str(), 0) != 0) continue;
    TRY(std::optional<std::string> match, find_match(root, below(name), pieces, at + 1));
    if (match) return match;
  }
  return std::optional<std::string>();
}

/// The folder that the path lies in, and the path's last piece.
std::pair<std::string, std::string> split_last(const std::string& plain) {
  const std::size_t slash = plain.rfind('/');
  if (slash == std::string::npos) return {"", plain};
  return {plain.substr(0, slash), plain.substr(slash + 1)};
}

}  // namespace

Result<std::string> plain_path_beneath(std::string_view path) {
  Result<std::string> plain = plain_member_path(path);
  if (plain && !plain.value().empty() && plain.value().size() <= longest_path) return plain;
  return fail(ErrorKind::bad_data, fmt::format("'{}' is not a path below the working folder", shown_path(path)),
              "Write it relative to the package's folder, without '..'.");
}

Result<Place> Place::find(const std::string& root, std::string_view path) {
  TRY(const std::string plain, plain_path_beneath(path));
  TRY(Fd folder, open_root(root));
  auto [above, name] = split_last(plain);
  if (!above.empty()) {
    Fd found = open_beneath(folder.get(), above, O_PATH | O_DIRECTORY);
    if (!found) return fail(open_error("open", above, errno));
    folder = std::move(found);
  }
  return Place(std::move(folder), std::move(above), std::move(name));
}

Result<Place> Place::make(const std::string& root, std::string_view path) {
  TRY(const std::string plain, plain_path_beneath(path));
  TRY(const Fd top, open_root(root));
  auto [above, name] = split_last(plain);
  TRY(Fd folder, open_root(root));
  for (std::size_t end = 0; !above.empty() && end != std::string::npos;) {
    const std::size_t begin = end == 0 ? 0 : end + 1;
    end = above.find('/', begin);
    const std::string so_far = above.substr(0, end);
    Fd found = open_beneath(top.get(), so_far, O_PATH | O_DIRECTORY);
    if (!found && errno == ENOENT) {
      const std::string piece = above.substr(begin, end == std::string::npos ? end : end - begin);
      if (::mkdirat(folder.get(), piece.c_str(), 0755) != 0 && errno != EEXIST) {
        return fail(open_error("make the folder", so_far, errno));
      }
      found = open_beneath(top.get(), so_far, O_PATH | O_DIRECTORY);
    }
    if (!found) return fail(open_error("make the folder", so_far, errno));
    folder = std::move(found);
  }
  return Place(std::move(folder), std::move(above), std::move(name));
}

std::string Place::of_sibling(std::string_view name) const { return join_path(fd_path(folder_.get()), name); }

Error Place::in_words(Error error) const {
  const std::string real = fd_path(folder_.get()) + "/";
  const std::string shown = shown_folder_.empty() ? "" : shown_path(shown_folder_) + "/";
  for (std::size_t at = 0; (at = error.message.find(real, at)) != std::string::npos; at += shown.size()) {
    error.message.replace(at, real.size(), shown);
  }
  return error;
}

Result<bool> exists_beneath(const std::string& root, std::string_view path) {
  TRY(const std::string plain, plain_path_beneath(path));
  TRY(const Fd top, open_root(root));
  if (open_beneath(top.get(), plain, O_PATH)) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail(open_error("look at", plain, errno));
}

Result<Fd> open_file_beneath(const std::string& root, std::string_view path) {
  TRY(const std::string plain, plain_path_beneath(path));
  TRY(const Fd top, open_root(root));
  // Not blocking: a pipe of that name would wait for its writer.
  Fd file = open_beneath(top.get(), plain, O_RDONLY | O_NONBLOCK);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return Fd();
  if (!file) return fail(open_error("read", plain, errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(file_error("read", shown_path(plain), errno));
  if (S_ISDIR(status.st_mode)) return fail(file_error("read", shown_path(plain), EISDIR));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::bad_data, fmt::format("cannot read '{}': it is not a regular file", shown_path(plain)));
  }
  return file;
}

Result<std::optional<std::string>> find_file_beneath(const std::string& root, std::string_view path,
                                                     std::uint64_t max_bytes) {
  TRY(const std::string plain, plain_path_beneath(path));
  TRY(const Fd file, open_file_beneath(root, plain));
  if (!file) return std::optional<std::string>();
  std::string content;
  constexpr std::size_t piece = 64 << 10;
  for (;;) {
    const std::size_t size = content.size();
    content.resize(size + piece);
    TRY(const std::size_t count, read_some(file, content.data() + size, piece, plain));
    content.resize(size + count);
    if (count == 0) return std::optional(std::move(content));
    if (content.size() > max_bytes) {
      return fail(ErrorKind::bad_data,
                  fmt::format("cannot read '{}': it is larger than {} bytes", shown_path(plain), max_bytes));
    }
  }
}

Result<std::optional<std::string>> find_match_beneath(const std::string& root, std::string_view pattern) {
  TRY(const std::string plain, plain_path_beneath(pattern));
  TRY(const Fd top, open_root(root));
  return find_match(top, "", split(plain, '/'), 0);
}

}  // namespace escape::io
