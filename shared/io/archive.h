#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

/// Package archives: gzip'd tar, the same bytes for the same files (spec/release-ids-and-versions.md §12.2). Thread:
/// any.
namespace escape::io {

struct ArchiveEntry {
  std::string path;    ///< inside the archive, below the top folder: "deploy.sh", "conf/app.ini"
  std::string source;  ///< file on disk; empty: `content` counts
  std::string content{};
  unsigned mode = 0644;  ///< used with `content`; files keep their permission bits
};
/// Writes `target` (replaced atomically, synced): entries sorted by path, each as "<top>/<path>", owner 0/0, fixed
/// times.
Result<> pack_archive(const std::string& target, const std::string& top, std::vector<ArchiveEntry> entries);

/// Against archives that grow without end when they are opened; packages come nowhere near.
struct UnpackLimits {
  std::uint64_t max_bytes = 16ull << 30;
  std::uint64_t max_entries = 1'000'000;
};
/// Unpacks below `folder` (made if missing), without the top folder `top`, which every entry must have. Only regular
/// files and folders; links, devices, absolute paths, `..`, entries outside `top` and duplicates of a file are bad_data
/// naming the entry, and nothing is left behind. Modes are kept (no setuid).
Result<> unpack_archive(const std::string& archive, const std::string& top, const std::string& folder,
                        const UnpackLimits& limits = {});

/// Whether `unpack_over` knows what to do with a file of that name: .tar, .tar.gz, .tgz, .tar.zst, .zip. Error:
/// bad_data "Can't unpack: unknown archive extension 'b.txt'".
Result<> check_archive_name(std::string_view name);
/// Unpacks an archive of any of these kinds (`name` says which) into a folder that has files already. A file of the
/// same path is replaced at once, whole; folders are kept. Refused as in `unpack_archive`, but a path may come again
/// (the last one counts). Nothing is written through a link that lies in the folder. All of it is unpacked beside first
/// (".NAME.unpacking" in the folder), so that an archive that is refused or too large changes nothing; what a crash
/// leaves of that goes with the next try. Not synced. Error: bad_data, conflict (a folder where a file belongs, or the
/// reverse), cancelled, storage.
Result<> unpack_over(const std::string& archive, std::string_view name, const std::string& folder,
                     const UnpackLimits& limits = {}, const std::function<bool()>& is_cancelled = {});

/// The bytes of several members in one pass, by their paths with the top folder; those that are not there are left out,
/// and of those above `max_bytes` only the first `max_bytes` + 1 are read. bad_data as below.
Result<std::map<std::string, std::string>> read_archive_members(const std::string& archive,
                                                                const std::set<std::string>& paths,
                                                                std::uint64_t max_bytes);

/// One member's bytes, `path` with its top folder ("hello-v1.0/release.json"); not_found when it is not there, bad_data
/// when the archive is not a gzip'd tar.
Result<std::string> read_archive_member(const std::string& archive, const std::string& path,
                                        std::uint64_t max_bytes = 16 << 20);

}  // namespace escape::io
