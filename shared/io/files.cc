#include "shared/io/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include "shared/base/crypto.h"

namespace escape::io {
namespace {

constexpr std::size_t read_piece = 64 << 10;

std::string_view without_trailing_slashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

/// Unlinks the file unless it was kept: a failed write leaves nothing behind.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// One folder; existing is fine. True when it was made now.
Result<bool> make_folder(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) return true;
  const int reason = errno;
  if (reason == EEXIST && is_folder(path)) return false;
  if (reason == EEXIST) {
    return fail(ErrorKind::conflict,
                fmt::format("cannot make the folder '{}': a file of that name is in the way", path));
  }
  return fail(file_error("make the folder", path, reason));
}

}  // namespace

Error file_error(std::string_view action, std::string_view path, int error_number) {
  const auto error = [&](ErrorKind kind, std::string_view reason, std::string hint = {}) {
    return Error{kind, fmt::format("cannot {} '{}': {}", action, path, reason), std::move(hint), {}};
  };
  switch (error_number) {
    case ENOENT:
      return error(ErrorKind::not_found, "it does not exist");
    case ENOTDIR:
      return error(ErrorKind::not_found, "part of the path is not a folder");
    case EEXIST:
      return error(ErrorKind::conflict, "it exists already");
    case ENOTEMPTY:
      return error(ErrorKind::conflict, "the folder is not empty");
    case EACCES:
    case EPERM:
      return error(ErrorKind::no_permission, "permission denied", "Check the owner and mode of the path.");
    case EROFS:
      return error(ErrorKind::no_permission, "the file system is read-only");
    case ENOSPC:
      return error(ErrorKind::storage, "the disk is full", "Free some space and try again.");
    case EDQUOT:
      return error(ErrorKind::storage, "the disk is full (quota)", "Free some space and try again.");
    case EISDIR:
      return error(ErrorKind::bad_data, "it is a folder");
    case ENAMETOOLONG:
      return error(ErrorKind::bad_data, "the name is too long");
    case ELOOP:
      return error(ErrorKind::bad_data, "too many symbolic links");
    case EMFILE:
    case ENFILE:
      return error(ErrorKind::temporary, "too many open files", "Raise the limit of open files (ulimit -n).");
    default:
      return error(ErrorKind::storage, std::generic_category().message(error_number));
  }
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd> open_file(const std::string& path, int flags, unsigned mode) {
  Fd file(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!file) return fail(file_error((flags & O_ACCMODE) == O_RDONLY ? "read" : "write", path, errno));
  return file;
}

Result<std::size_t> read_some(const Fd& file, char* buffer, std::size_t size, const std::string& path) {
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer, size);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return fail(file_error("read", path, errno));
  }
}

Result<> write_all(const Fd& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return fail(file_error("write", path, errno));
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return ok();
}

Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes) {
  TRY(const Fd file, open_file(path, O_RDONLY));
  std::string content;
  for (;;) {
    const std::size_t size = content.size();
    content.resize(size + read_piece);
    TRY(const std::size_t count, read_some(file, content.data() + size, read_piece, path));
    content.resize(size + count);
    if (content.size() > max_bytes) {
      return fail(ErrorKind::bad_data, fmt::format("cannot read '{}': it is larger than {} bytes", path, max_bytes));
    }
    if (count == 0) return content;
  }
}

std::string temporary_sibling(std::string_view path) {
  return join_path(parent_path(path), fmt::format(".{}.{}.tmp", file_name(path).substr(0, 200), random_hex(6)));
}

Result<> write_file(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = temporary_sibling(path);
  TRY(Fd file, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TemporaryFile cleanup(temporary);
  TRYV(write_all(file, content, path));
  if (::fchmod(file.get(), mode) != 0) return fail(file_error("set the mode of", path, errno));
  TRYV(publish_file(std::move(file), temporary, path));
  cleanup.keep();
  return ok();
}

Result<> rewrite_file(const std::string& path, std::string_view content) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), std::free);
  struct stat status{};
  if (!real || ::stat(real.get(), &status) != 0) return fail(file_error("write", path, errno));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::bad_data, fmt::format("cannot write '{}': it is not a regular file", path));
  }
  return write_file(real.get(), content, status.st_mode & 07777);
}

Result<> publish_file(Fd file, const std::string& temporary, const std::string& path) {
  if (::fsync(file.get()) != 0) return fail(file_error("write", path, errno));
  file.reset();
  TRYV(rename(temporary, path));
  return sync_folder(parent_path(path));
}

Result<> make_folders(const std::string& path, unsigned mode) {
  const std::string whole(without_trailing_slashes(path));
  if (is_folder(whole)) return ok();
  for (std::size_t end = whole.find('/', 1);; end = whole.find('/', end + 1)) {
    const std::string part = whole.substr(0, end);
    if (!part.ends_with('/')) {
      TRY(const bool is_new, make_folder(part, mode));
      if (is_new) {
        TRYV(sync_folder(parent_path(part)));
      }
    }
    if (end == std::string::npos) return ok();
  }
}

Result<> sync_folder(const std::string& path) {
  TRY(const Fd folder, open_file(path, O_RDONLY | O_DIRECTORY));
  // EINVAL: a file system that has nothing to sync for folders.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) return fail(file_error("sync the folder", path, errno));
  return ok();
}

Result<> remove_all(const std::string& path) {
  std::error_code reason;
  std::filesystem::remove_all(std::string(without_trailing_slashes(path)), reason);
  if (reason && reason.value() != ENOENT) return fail(file_error("remove", path, reason.value()));
  return ok();
}

Result<> rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(file_error(fmt::format("rename '{}' to", from), to, errno));
  return ok();
}

Result<> replace_folder(const std::string& from, const std::string& to) {
  if (!exists(to)) return rename(from, to);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return ok();
  if (errno != EINVAL && errno != ENOSYS) {
    return fail(file_error(fmt::format("exchange '{}' with", from), to, errno));
  }
  // A file system that cannot exchange (NFS): for a moment nothing is there.
  const std::string aside = temporary_sibling(from);
  TRYV(rename(to, aside));
  if (Result<> placed = rename(from, to); !placed) {
    TRYV(rename(aside, to));
    return placed;
  }
  return rename(aside, from);
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<std::uint64_t> file_size(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail(file_error("read the size of", path, errno));
  if (S_ISDIR(status.st_mode)) return fail(file_error("read the size of", path, EISDIR));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return fail(file_error("list the folder", path, errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(file_error("list the folder", path, errno));
  std::ranges::sort(names);
  return names;
}

std::string absolute_path(std::string_view path) {
  std::error_code reason;
  const std::filesystem::path absolute = std::filesystem::absolute(path, reason);
  // The current folder may be gone; then the path cannot be told better than as it was given.
  const std::string text = reason ? std::string(path) : absolute.lexically_normal().string();
  return std::string(without_trailing_slashes(text));
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  while (name.starts_with('/')) name.remove_prefix(1);
  folder = without_trailing_slashes(folder);
  if (name.empty()) return std::string(folder);
  return folder == "/" ? fmt::format("/{}", name) : fmt::format("{}/{}", folder, name);
}

std::string parent_path(std::string_view path) {
  path = without_trailing_slashes(path);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(without_trailing_slashes(path.substr(0, std::max<std::size_t>(slash, 1))));
}

std::string file_name(std::string_view path) {
  path = without_trailing_slashes(path);
  return std::string(path == "/" ? path : path.substr(path.rfind('/') + 1));
}

Result<std::string> make_temporary_folder(std::string_view prefix) {
  const char* root = std::getenv("TMPDIR");
  std::string path = join_path(root != nullptr && *root != '\0' ? root : "/tmp", fmt::format("{}XXXXXX", prefix));
  if (::mkdtemp(path.data()) == nullptr) return fail(file_error("make the temporary folder", path, errno));
  return path;
}

std::string program_folder() {
  std::error_code reason;
  return std::filesystem::read_symlink("/proc/self/exe", reason).parent_path().string();
}

std::string home_folder() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return home;
  std::string buffer(16 << 10, '\0');
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "/";
  return found->pw_dir;
}

}  // namespace escape::io
