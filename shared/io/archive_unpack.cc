#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "shared/base/check.h"
#include "shared/io/archive.h"
#include "shared/io/archive_merge.h"
#include "shared/io/files.h"
#include "shared/io/member_path.h"

namespace escape::io {
namespace {

constexpr std::size_t copied_piece = 256 << 10;
constexpr std::size_t shown_of_deep_path = 40;
// setuid, setgid and sticky bits of a package are nobody's intention.
constexpr unsigned permission_bits = 0777;
// What is below a folder that its owner may not enter could be neither written nor removed.
constexpr unsigned owner_bits = 0700;

/// What an archive is by its name. `filter` around `format`, and nothing more: each further layer multiplies what a
/// small archive can become.
struct Kind {
  std::string_view ending;
  int filter;
  bool is_zip = false;
  std::string_view shown;
};
constexpr Kind kinds[] = {
    {".tgz", ARCHIVE_FILTER_GZIP, false, "a gzip'd tar archive"},
    {".tar.gz", ARCHIVE_FILTER_GZIP, false, "a gzip'd tar archive"},
    {".tar.zst", ARCHIVE_FILTER_ZSTD, false, "a zstd'd tar archive"},
    {".tar", ARCHIVE_FILTER_NONE, false, "a tar archive"},
    {".zip", ARCHIVE_FILTER_NONE, true, "a zip archive"},
};
constexpr const Kind& package_kind = kinds[0];

Result<const Kind*> kind_of(std::string_view name) {
  for (const Kind& kind : kinds) {
    if (name.ends_with(kind.ending)) return &kind;
  }
  return fail(ErrorKind::bad_data, fmt::format("Can't unpack: unknown archive extension '{}'", shown_path(name)),
              "Known are .tar, .tar.gz, .tgz, .tar.zst and .zip.");
}

struct FreeArchive {
  void operator()(::archive* reader) const { archive_read_free(reader); }
};

struct Member {
  std::string path;  ///< plain
  bool is_file = false;
  unsigned mode = 0;
  std::uint64_t size = 0;
};

Result<> refuse(std::string_view path, std::string_view why) {
  return fail(ErrorKind::bad_data, fmt::format("the entry '{}' {}", shown_path(path), why));
}

class Reader {
 public:
  Reader(const std::string& path, const Kind& kind) : path_(path), kind_(kind), archive_(archive_read_new()) {
    CHECK(archive_ != nullptr);
    if (kind_.filter == ARCHIVE_FILTER_GZIP) CHECK(archive_read_support_filter_gzip(archive_.get()) == ARCHIVE_OK);
    // ARCHIVE_WARN would mean that a program must be started for it.
    if (kind_.filter == ARCHIVE_FILTER_ZSTD) CHECK(archive_read_support_filter_zstd(archive_.get()) == ARCHIVE_OK);
    if (kind_.is_zip) {
      CHECK(archive_read_support_format_zip_seekable(archive_.get()) == ARCHIVE_OK);
    } else {
      CHECK(archive_read_support_format_tar(archive_.get()) == ARCHIVE_OK);
    }
  }
  Result<> open() {
    TRY(file_, open_file(path_, O_RDONLY));
    if (archive_read_open_fd(archive_.get(), file_.get(), copied_piece) != ARCHIVE_OK) return unreadable();
    const int allowed_filters = kind_.filter == ARCHIVE_FILTER_NONE ? 1 : 2;  // and the one that reads the file
    if (archive_filter_code(archive_.get(), 0) != kind_.filter ||
        archive_filter_count(archive_.get()) > allowed_filters) {
      return fail(ErrorKind::bad_data, fmt::format("'{}' is not {}", path_, kind_.shown));
    }
    return ok();
  }
  /// The next regular file or folder, or nothing at the end. Whatever else is in there is bad_data.
  Result<std::optional<Member>> next() {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(archive_.get(), &entry);
    if (code == ARCHIVE_EOF) return std::optional<Member>();
    // ARCHIVE_WARN: a name in another character set, taken as the bytes it is.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return unreadable().error();
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) return fail(ErrorKind::bad_data, fmt::format("'{}' has an entry without a name", path_));
    TRYV(check_type(entry, name));
    TRY(std::string path, plain_member_path(name));
    const bool is_file = archive_entry_filetype(entry) == AE_IFREG;
    const auto size = static_cast<std::uint64_t>(archive_entry_size(entry));
    return std::optional<Member>(
        Member{std::move(path), is_file, archive_entry_perm(entry) & permission_bits, is_file ? size : 0});
  }
  /// The next bytes of the current member into `buffer`; 0 at its end.
  Result<std::size_t> data(std::string& buffer) {
    const la_ssize_t count = archive_read_data(archive_.get(), buffer.data(), buffer.size());
    if (count < 0) return unreadable().error();
    return static_cast<std::size_t>(count);
  }

 private:
  static Result<> check_type(archive_entry* entry, const char* name) {
    if (archive_entry_hardlink(entry) != nullptr) return refuse(name, "is a hard link");
    if (archive_entry_filetype(entry) == AE_IFLNK) return refuse(name, "is a symbolic link");
    if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR) {
      return refuse(name, "is neither a regular file nor a folder");
    }
    if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0) return refuse(name, "has no size");
    return ok();
  }
  Result<> unreadable() const {
    const char* text = archive_error_string(archive_.get());
    return fail(ErrorKind::bad_data,
                fmt::format("cannot read the archive '{}': {}", path_, text != nullptr ? text : "it is damaged"));
  }

  std::string path_;
  const Kind& kind_;
  Fd file_;
  std::unique_ptr<::archive, FreeArchive> archive_;
};

/// Writes members below a folder that nobody else knows yet. There are no links in it, so no path leads out.
class Unpacker {
 public:
  struct Wishes {
    std::string top{};            ///< every member lies below it, and it is left out; empty: members may lie anywhere
    int max_depth = 0;            ///< folders in each other; 0: as many as the file system takes
    bool takes_the_last = false;  ///< of several files of one path; else they are refused
    UnpackLimits limits{};
    std::function<bool()> is_cancelled{};
  };
  Unpacker(Reader& reader, std::string folder, Wishes wishes)
      : reader_(reader),
        top_(wishes.top),
        folder_(std::move(folder)),
        limits_(wishes.limits),
        wishes_(std::move(wishes)),
        buffer_(copied_piece, '\0') {}

  Result<> run() {
    for (;;) {
      TRY(const std::optional<Member> member, reader_.next());
      if (!member) return ok();
      if (++entries_ > limits_.max_entries) {
        return fail(ErrorKind::bad_data, fmt::format("the archive has more than {} entries", limits_.max_entries));
      }
      TRYV(unpack(*member));
    }
  }

 private:
  Result<> unpack(const Member& member) {
    TRYV(stop_when_cancelled());
    if (member.path == top_ || member.path.empty()) {
      if (member.is_file) return refuse(member.path, "is a file where a folder belongs");
      return ok();
    }
    if (!top_.empty() && !member.path.starts_with(top_ + "/")) {
      return refuse(member.path, fmt::format("is outside of '{}'", top_));
    }
    if (wishes_.max_depth > 0 && std::ranges::count(member.path, '/') > wishes_.max_depth) {
      return refuse(member.path.substr(0, shown_of_deep_path) + "…",
                    fmt::format("lies in more than {} folders", wishes_.max_depth));
    }
    const std::string path = join_path(folder_, member.path.substr(top_.empty() ? 0 : top_.size() + 1));
    if (!member.is_file) return make_member_folder(member, path);
    TRYV(make_parents(member, path));
    return unpack_file(member, path);
  }

  Result<> make_parents(const Member& member, const std::string& path) {
    for (std::size_t slash = path.find('/', folder_.size() + 1); slash != path.npos;
         slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (::mkdir(part.c_str(), 0755) == 0) continue;
      if (errno != EEXIST) return failed(member, part, errno);
    }
    return ok();
  }

  Result<> make_member_folder(const Member& member, const std::string& path) {
    TRYV(make_parents(member, path + "/"));
    if (::chmod(path.c_str(), member.mode | owner_bits) != 0) return failed(member, path, errno);
    if (!is_folder(path)) return refuse(member.path, "comes twice, as a file and as a folder");
    return ok();
  }

  Result<> unpack_file(const Member& member, const std::string& path) {
    if (wishes_.takes_the_last) ::unlink(path.c_str());
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return failed(member, path, errno);
    // Said in the header, so that a bomb is refused before it is written; counted as well, because a header may lie.
    if (member.size > limits_.max_bytes - bytes_) return too_large();
    for (;;) {
      TRY(const std::size_t count, reader_.data(buffer_));
      if (count == 0) break;
      bytes_ += count;
      if (bytes_ > limits_.max_bytes) return too_large();
      TRYV(stop_when_cancelled());
      TRYV(write_all(file, {buffer_.data(), count}, path));
    }
    if (::fchmod(file.get(), member.mode) != 0) return failed(member, path, errno);
    return ok();
  }

  Result<> stop_when_cancelled() const {
    if (wishes_.is_cancelled && wishes_.is_cancelled())
      return fail(ErrorKind::cancelled, "the unpacking was cancelled");
    return ok();
  }
  Result<> too_large() const {
    return fail(ErrorKind::bad_data, fmt::format("the archive unpacks to more than {} bytes", limits_.max_bytes));
  }

  /// What the archive itself brought about is its fault; the rest is the disk's.
  static Result<> failed(const Member& member, const std::string& path, int reason) {
    if (reason == EEXIST) return refuse(member.path, "comes twice");
    if (reason == ENOTDIR) return refuse(member.path, "lies inside a file");
    if (reason == ENAMETOOLONG) return refuse(member.path, "has a name that is too long");
    return fail(file_error("unpack", path, reason));
  }

  Reader& reader_;
  std::string top_;
  std::string folder_;
  UnpackLimits limits_;
  Wishes wishes_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
};

Result<> unpack_into_new(const std::string& archive, const Kind& kind, const std::string& folder,
                         Unpacker::Wishes wishes) {
  Reader reader(archive, kind);
  TRYV(reader.open());
  if (::mkdir(folder.c_str(), 0755) != 0) return fail(file_error("make the folder", folder, errno));
  return Unpacker(reader, folder, std::move(wishes)).run();
}

Result<> unpack_and_rename(const std::string& archive, const std::string& top, const std::string& temporary,
                           const std::string& folder, const UnpackLimits& limits) {
  auto unpacked = unpack_into_new(archive, package_kind, temporary, {.top = top, .limits = limits});
  if (!unpacked) return std::move(unpacked).error().in(fmt::format("unpacking '{}'", archive));
  // rename(2) replaces an empty folder and refuses any other.
  if (::rename(temporary.c_str(), folder.c_str()) != 0) return fail(file_error("unpack into", folder, errno));
  return ok();
}

}  // namespace

Result<> unpack_archive(const std::string& archive, const std::string& top, const std::string& folder,
                        const UnpackLimits& limits) {
  TRY(const std::string plain_top, plain_member_path(top));
  if (plain_top.empty())
    return fail(ErrorKind::bad_data, fmt::format("'{}' cannot be the top folder of a package", top));
  TRYV(make_folders(parent_path(folder)));
  const std::string temporary = temporary_sibling(folder);
  auto unpacked = unpack_and_rename(archive, plain_top, temporary, folder, limits);
  if (!unpacked) {
    // The first error is the one to tell; what cannot be removed stays under a hidden name.
    (void)remove_all(temporary);
  }
  return unpacked;
}

Result<> check_archive_name(std::string_view name) {
  TRYV(kind_of(name));
  return ok();
}

Result<> unpack_over(const std::string& archive, std::string_view name, const std::string& folder,
                     const UnpackLimits& limits, const std::function<bool()>& is_cancelled) {
  TRY(const Kind* kind, kind_of(name));
  const std::string beside = join_path(folder, fmt::format(".{}.unpacking", file_name(name).substr(0, 200)));
  TRYV(remove_all(beside));
  Result<> unpacked = unpack_into_new(
      archive, *kind, beside,
      {.max_depth = max_merge_depth, .takes_the_last = true, .limits = limits, .is_cancelled = is_cancelled});
  if (unpacked) unpacked = merge_folder(beside, folder);
  // The first error is the one to tell.
  (void)remove_all(beside);
  return unpacked;
}

namespace {

/// At most one byte more than `max_bytes`: enough to tell that there is more.
Result<std::string> bytes_of_member(Reader& reader, std::uint64_t max_bytes) {
  std::string content;
  std::string buffer(copied_piece, '\0');
  while (content.size() <= max_bytes) {
    TRY(const std::size_t count, reader.data(buffer));
    if (count == 0) return content;
    content.append(buffer, 0, count);
  }
  content.resize(max_bytes + 1);
  return content;
}

}  // namespace

Result<std::map<std::string, std::string>> read_archive_members(const std::string& archive,
                                                                const std::set<std::string>& paths,
                                                                std::uint64_t max_bytes) {
  std::map<std::string, std::string> contents;
  Reader reader(archive, package_kind);
  TRYV(reader.open());
  while (contents.size() < paths.size()) {
    TRY(const std::optional<Member> member, reader.next());
    if (!member) break;
    if (!member->is_file || !paths.contains(member->path)) continue;
    TRY(contents[member->path], bytes_of_member(reader, max_bytes));
  }
  return contents;
}

Result<std::string> read_archive_member(const std::string& archive, const std::string& path, std::uint64_t max_bytes) {
  TRY(const std::string wanted, plain_member_path(path));
  TRY(auto contents, read_archive_members(archive, {wanted}, max_bytes));
  if (contents.empty()) {
    return fail(ErrorKind::not_found, fmt::format("there is no '{}' in the archive '{}'", shown_path(path), archive));
  }
  std::string& content = contents.begin()->second;
  if (content.size() > max_bytes) return refuse(path, fmt::format("is larger than {} bytes", max_bytes)).error();
  return std::move(content);
}

}  // namespace escape::io
