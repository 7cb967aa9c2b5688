#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

/// Files with the durability that is asked for. Paths are plain strings; every error names path and reason (ENOSPC is
/// ErrorKind::storage "… the disk is full", EACCES is no_permission, ENOENT is not_found).
namespace escape::io {

/// "cannot <action> '<path>': <reason>" with the kind that belongs to the errno: the one place where an errno becomes
/// an Error.
Error file_error(std::string_view action, std::string_view path, int error_number);

/// An owned descriptor, close-on-exec.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

/// open(2), always close-on-exec.
Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0644);
/// One read(2), repeated when a signal came; 0 at the end. `path` is for the message.
Result<std::size_t> read_some(const Fd& file, char* buffer, std::size_t size, const std::string& path);
/// All of it, or the error that stopped it.
Result<> write_all(const Fd& file, std::string_view bytes, const std::string& path);

/// bad_data when the file is larger than `max_bytes`.
Result<std::string> read_file(const std::string& path, std::uint64_t max_bytes = 64 << 20);
/// Readers see the old or the new content, never half; on the disk when it returns (temporary name, fsync, rename,
/// fsync of the folder). `mode` as given, whatever the umask.
Result<> write_file(const std::string& path, std::string_view content, unsigned mode = 0644);
/// `write_file` over a file that is there: its mode stays, and of a link the file behind it is written. bad_data for
/// what is no regular file.
Result<> rewrite_file(const std::string& path, std::string_view content);
/// A fresh hidden name in the folder of `path`, for what becomes `path` when it is whole.
std::string temporary_sibling(std::string_view path);
/// The second half of `write_file`, for content that was written piece by piece: fsync, rename, fsync of the folder.
Result<> publish_file(Fd file, const std::string& temporary, const std::string& path);
/// Creates missing parents, durably; existing is fine. `mode` is cut by the umask.
Result<> make_folders(const std::string& path, unsigned mode = 0755);
Result<> sync_folder(const std::string& path);
/// Removes a file or a whole tree; missing is fine. Never follows links.
Result<> remove_all(const std::string& path);
/// Replaces `to` if it exists. On the disk only after `sync_folder`.
Result<> rename(const std::string& from, const std::string& to);
/// The folder `from` takes the place `to`, which never misses in between; what was there is at `from` afterwards. Both
/// on one file system. On the disk only after `sync_folder`.
Result<> replace_folder(const std::string& from, const std::string& to);
/// Both follow links.
bool exists(const std::string& path);
bool is_folder(const std::string& path);
Result<std::uint64_t> file_size(const std::string& path);
/// Names in a folder, sorted, without "." and "..". not_found when there is no such folder.
Result<std::vector<std::string>> list_folder(const std::string& path);
/// Against the current folder, without ".", ".." and trailing slashes; the file system is not asked.
std::string absolute_path(std::string_view path);
/// "folder/name"; `name` is always taken as below `folder`, even with a leading slash. An empty folder gives `name`.
std::string join_path(std::string_view folder, std::string_view name);
/// "." for a bare name, "/" for "/".
std::string parent_path(std::string_view path);
std::string file_name(std::string_view path);
/// A fresh folder under TMPDIR, mode 0700.
Result<std::string> make_temporary_folder(std::string_view prefix);
/// Folder of the running program ("/usr/bin"), through /proc/self/exe.
std::string program_folder();
/// $HOME, else the user database.
std::string home_folder();

/// flock on a file that is made if missing. Released when destroyed or when the process ends.
class FileLock {
 public:
  /// conflict when somebody else holds it; what they wrote with `describe` is in the message.
  static Result<FileLock> try_exclusive(const std::string& path);
  /// Waits for it.
  static Result<FileLock> exclusive(const std::string& path);
  /// Leaves a line (at most 500 bytes) in the lock file for whoever waits ("pid 12: escape run deploy …").
  void describe(std::string_view who);
  /// What the holder wrote, or empty.
  static std::string holder(const std::string& path);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace escape::io
