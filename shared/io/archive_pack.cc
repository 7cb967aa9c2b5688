#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "shared/base/check.h"
#include "shared/io/archive.h"
#include "shared/io/files.h"
#include "shared/io/member_path.h"

namespace escape::io {
namespace {

constexpr std::size_t copied_piece = 256 << 10;
constexpr unsigned permission_bits = 0777;

struct FreeArchive {
  void operator()(::archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

/// A gzip'd tar written to a descriptor; equal calls give equal bytes.
class Writer {
 public:
  Writer(const Fd& file, const std::string& target) : target_(target), archive_(archive_write_new()) {
    CHECK(archive_ != nullptr);
    // GNU tar's format takes names of any length as the bytes they are; pax would translate them by the process'
    // locale.
    CHECK(archive_write_set_format_gnutar(archive_.get()) == ARCHIVE_OK);
    CHECK(archive_write_add_filter_gzip(archive_.get()) == ARCHIVE_OK);
    CHECK(archive_write_set_options(archive_.get(), "gzip:!timestamp") == ARCHIVE_OK);
    is_open_ = archive_write_open_fd(archive_.get(), file.get()) == ARCHIVE_OK;
  }
  Result<> begin(const std::string& path, unsigned mode, std::uint64_t size) {
    if (!is_open_) return failure();
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), static_cast<__LA_MODE_T>(mode & permission_bits));
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) return failure();
    return ok();
  }
  Result<> data(std::string_view bytes) {
    while (!bytes.empty()) {
      const la_ssize_t count = archive_write_data(archive_.get(), bytes.data(), bytes.size());
      if (count <= 0) return failure();
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return ok();
  }
  Result<> close() {
    if (archive_write_close(archive_.get()) != ARCHIVE_OK) return failure();
    return ok();
  }

 private:
  /// libarchive keeps the errno of the write(2) that failed; its own complaints have no errno of the system.
  Result<> failure() const {
    const int reason = archive_errno(archive_.get());
    if (reason > 0) return fail(file_error("write", target_, reason));
    const char* text = archive_error_string(archive_.get());
    return fail(ErrorKind::internal,
                fmt::format("cannot write '{}': {}", target_, text != nullptr ? text : "no reason given"));
  }

  std::string target_;
  std::unique_ptr<::archive, FreeArchive> archive_;
  bool is_open_ = false;
};

struct Source {
  Fd file;
  std::uint64_t size = 0;
  unsigned mode = 0;
};

/// Follows links. O_NONBLOCK: a FIFO among the sources is refused instead of waited for.
Result<Source> open_source(const std::string& path) {
  TRY(Fd file, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(file_error("read", path, errno));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::bad_data, fmt::format("cannot pack '{}': it is not a regular file", path),
                "Packages hold regular files, and links to them, only.");
  }
  return Source{std::move(file), static_cast<std::uint64_t>(status.st_size), status.st_mode};
}

Result<> copy_source(Writer& writer, const Source& source, const std::string& path, std::string& buffer) {
  std::uint64_t copied = 0;
  for (;;) {
    TRY(const std::size_t count, read_some(source.file, buffer.data(), buffer.size(), path));
    copied += count;
    if (copied > source.size || (count == 0 && copied < source.size)) {
      return fail(ErrorKind::conflict, fmt::format("cannot pack '{}': its size changed while it was read", path),
                  "Try again when nothing writes to it.");
    }
    if (count == 0) return ok();
    TRYV(writer.data({buffer.data(), count}));
  }
}

/// Sorted, every path plain and unique, and none inside another.
Result<> put_in_order(std::vector<ArchiveEntry>& entries) {
  for (ArchiveEntry& entry : entries) {
    TRY(std::string plain, plain_member_path(entry.path));
    if (plain.empty()) return fail(ErrorKind::bad_data, fmt::format("the entry '{}' has no file name", entry.path));
    entry.path = std::move(plain);
  }
  std::ranges::sort(entries, {}, &ArchiveEntry::path);
  std::set<std::string_view> seen;
  for (const ArchiveEntry& entry : entries) {
    if (!seen.insert(entry.path).second) {
      return fail(ErrorKind::bad_data, fmt::format("the entry '{}' comes twice", entry.path));
    }
  }
  for (const std::string_view path : seen) {
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
      if (!seen.contains(path.substr(0, slash))) continue;
      return fail(ErrorKind::bad_data,
                  fmt::format("the entry '{}' lies inside the file '{}'", path, path.substr(0, slash)));
    }
  }
  return ok();
}

Result<> write_entries(const Fd& file, const std::string& target, const std::string& top,
                       const std::vector<ArchiveEntry>& entries) {
  Writer writer(file, target);
  std::string buffer(copied_piece, '\0');
  for (const ArchiveEntry& entry : entries) {
    const std::string path = join_path(top, entry.path);
    if (entry.source.empty()) {
      TRYV(writer.begin(path, entry.mode, entry.content.size()));
      TRYV(writer.data(entry.content));
    } else {
      TRY(const Source source, open_source(entry.source));
      TRYV(writer.begin(path, source.mode, source.size));
      TRYV(copy_source(writer, source, entry.source, buffer));
    }
  }
  return writer.close();
}

}  // namespace

Result<> pack_archive(const std::string& target, const std::string& top, std::vector<ArchiveEntry> entries) {
  TRY(const std::string plain_top, plain_member_path(top));
  if (plain_top.empty())
    return fail(ErrorKind::bad_data, fmt::format("'{}' cannot be the top folder of a package", top));
  TRYV(put_in_order(entries));
  const std::string temporary = temporary_sibling(target);
  TRY(Fd file, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644));
  const auto packed = [&]() -> Result<> {
    TRYV(write_entries(file, target, plain_top, entries));
    return publish_file(std::move(file), temporary, target);
  }();
  if (!packed) ::unlink(temporary.c_str());
  return packed;
}

}  // namespace escape::io
