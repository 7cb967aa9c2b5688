#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::io {
namespace {

constexpr std::size_t max_description = 500;

/// Is the locked file still the one that others find under its name? Somebody may have removed the folder meanwhile.
bool is_current(const Fd& file, const std::string& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(file.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

int lock(const Fd& file, int operation) {
  for (;;) {
    if (::flock(file.get(), operation) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/// The locked file, or nothing when somebody else holds it and `operation` says not to wait.
Result<std::optional<Fd>> open_and_lock(const std::string& path, int operation) {
  for (;;) {
    TRY(Fd file, open_file(path, O_RDWR | O_CREAT, 0644));
    const int reason = lock(file, operation);
    if (reason == EWOULDBLOCK) return std::optional<Fd>();
    if (reason != 0) return fail(file_error("lock", path, reason));
    if (!is_current(file, path)) continue;
    // What an earlier holder said of itself is no longer true.
    if (::ftruncate(file.get(), 0) != 0) return fail(file_error("write", path, errno));
    return std::optional<Fd>(std::move(file));
  }
}

}  // namespace

Result<FileLock> FileLock::try_exclusive(const std::string& path) {
  TRY(std::optional<Fd> file, open_and_lock(path, LOCK_EX | LOCK_NB));
  if (file) return FileLock(std::move(*file));
  const std::string who = holder(path);
  return fail(ErrorKind::conflict,
              fmt::format("'{}' is locked by {}", path, who.empty() ? std::string("another process") : who),
              "Wait until it is done, or stop it.");
}

Result<FileLock> FileLock::exclusive(const std::string& path) {
  TRY(std::optional<Fd> file, open_and_lock(path, LOCK_EX));
  return FileLock(std::move(*file));
}

void FileLock::describe(std::string_view who) {
  const std::string line = std::string(who.substr(0, max_description)) + "\n";
  // A description is a courtesy: the lock holds without it.
  if (::ftruncate(fd_.get(), 0) == 0) [[maybe_unused]]
    const ssize_t count = ::pwrite(fd_.get(), line.data(), line.size(), 0);
}

std::string FileLock::holder(const std::string& path) {
  const auto text = read_file(path, max_description * 2);
  if (!text) return {};
  return std::string(trimmed(split(text.value(), '\n').front()));
}

}  // namespace escape::io
