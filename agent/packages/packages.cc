#include "agent/packages/packages.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/io/archive.h"
#include "shared/io/beneath.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/release/release_id.h"

namespace escape::packages {
namespace {

/// Disk constants.
constexpr const char* packages_name = "packages";
constexpr const char* deployments_name = "deployments";
constexpr std::string_view marker_ending = ".complete";
constexpr std::string_view unpacking_ending = ".unpacking";
constexpr std::string_view old_ending = ".old";
/// In a part's folder, and says what it is a part of: it comes and goes with the folder, at once.
constexpr std::string_view part_marker = ".escape-part";

constexpr unsigned private_folder = 0700;
constexpr std::size_t digest_length = 64;
constexpr std::size_t shown_digest = 12;
/// File systems allow 255 bytes; endings need some.
constexpr std::size_t longest_component = 180;

std::string marker_of(const std::string& folder) { return folder + std::string(marker_ending); }

bool is_digest(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == digest_length && std::all_of(text.begin(), text.end(), is_hex);
}

Result<> check_source(const protocol::PackageSource& source) {
  if (is_digest(source.sha256)) return ok();
  return fail(ErrorKind::bad_data,
              "The task names no usable SHA-256 for the package of '" + source.release + "', so it can't be verified.",
              "Release it again into an inventory that records digests.");
}

std::int64_t age_rank(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Result<> stop_when_cancelled(const Packages::Request& request) {
  if (request.is_cancelled && request.is_cancelled()) return fail(ErrorKind::cancelled, "The task was cancelled.");
  return ok();
}

std::string marker_text(const protocol::PackageSource& source) { return source.release + " " + source.sha256 + "\n"; }

/// Something is where a part belongs. An unpacked package may be replaced; what else lies there is somebody's work.
Result<> check_replaceable(const std::string& path, const std::string& shown) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return ok();
  if (S_ISDIR(status.st_mode)) {
    TRY(const std::vector<std::string> names, io::list_folder(path));
    const auto has = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
    if (names.empty() || has(part_marker) || has("release.json")) return ok();
  }
  return fail(ErrorKind::conflict, "'" + shown + "' is in the place of a package and is not one.", "Move it away.");
}

std::string joined_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + (path.starts_with('/') ? "" : "/") + std::string(path);
}

}  // namespace

/// Held while a thread works on a path; others that want the same one wait.
class Packages::Turn {
 public:
  Turn(Packages& packages, std::string path) : packages_(packages), path_(std::move(path)) {
    std::unique_lock lock(packages_.mutex_);
    packages_.freed_.wait(lock, [&] { return !packages_.busy_.contains(path_); });
    packages_.busy_.insert(path_);
  }
  ~Turn() {
    {
      const std::lock_guard lock(packages_.mutex_);
      packages_.busy_.erase(path_);
    }
    packages_.freed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Packages& packages_;
  std::string path_;
};

Packages::Packages(std::string data_folder, Download download)
    : data_folder_(std::move(data_folder)), download_(std::move(download)) {}

std::string Packages::cache_path(std::string_view sha256) const {
  return io::join_path(io::join_path(data_folder_, packages_name), std::string(sha256) + ".tgz");
}

Result<std::string> Packages::working_folder(const Request& request) const {
  if (!request.source.workspace.empty()) return request.source.workspace;
  TRYV(check_source(request.source));
  TRY(const release::ReleaseId id, release::parse_release_id(request.source.release));
  std::string folder = io::join_path(data_folder_, deployments_name);
  folder = io::join_path(folder, path_component(request.environment));
  folder = io::join_path(folder, path_component(request.deployment));
  return io::join_path(
      folder, path_component(release::without_project(id)) + "-" + request.source.sha256.substr(0, shown_digest));
}

bool Packages::is_complete(const std::string& folder) const {
  return io::exists(marker_of(folder)) && io::is_folder(folder);
}

std::optional<std::string> Packages::find_ready(const Request& request) {
  Result<std::string> folder = working_folder(request);
  if (!folder) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (busy_.contains(folder.value())) return std::nullopt;  // such as by a task that was cancelled just now
  if (request.source.workspace.empty() && !is_complete(folder.value())) return std::nullopt;
  return std::move(folder).value();
}

Result<std::string> Packages::prepare(const Request& request, const Fill& fill) {
  TRY(const std::string folder, working_folder(request));
  const Turn turn(*this, folder);
  if (request.source.workspace.empty() && !is_complete(folder)) {
    TRYV(make_working_folder(request, folder));
  }
  TRYV(stop_when_cancelled(request));
  if (fill) {
    TRYV(fill(folder));
  }
  return folder;
}

/// 1. Get the archive and verify it. 2. Unpack beside, rename, mark. 3. Remove old ones.
Result<> Packages::make_working_folder(const Request& request, const std::string& folder) {
  TRY(const release::ReleaseId id, release::parse_release_id(request.source.release));
  TRY(const std::string archive, verified_archive(request));
  TRYV(stop_when_cancelled(request));
  const std::string unpacking = folder + std::string(unpacking_ending);
  TRYV(io::make_folders(io::parent_path(folder), private_folder));
  TRYV(io::remove_all(unpacking));
  Result<> unpacked = io::unpack_archive(archive, release::without_project(id), unpacking);
  if (!unpacked) {
    (void)io::remove_all(unpacking);
    return fail(std::move(unpacked).error().in("unpacking the package of '" + request.source.release + "'"));
  }
  TRYV(io::make_folders(unpacking));  // a package without any file
  TRYV(io::remove_all(folder));
  TRYV(io::rename(unpacking, folder));
  TRYV(io::write_file(marker_of(folder), marker_text(request.source)));
  remove_old(io::parent_path(folder), folder);
  return ok();
}

Result<> Packages::add_part(const Request& request, const std::string& folder, const protocol::PackagePart& part) {
  TRYV(check_source(part.package));
  TRY(const release::ReleaseId id, release::parse_release_id(part.package.release));
  TRY(const std::string path, io::plain_path_beneath(part.folder));
  const std::string text = marker_text(part.package);
  TRY(const std::optional<std::string> found, io::find_file_beneath(folder, io::join_path(path, part_marker)));
  if (found == text) return ok();
  Request its_own = request;
  its_own.source = part.package;
  TRY(const std::string archive, verified_archive(its_own));
  TRYV(stop_when_cancelled(request));
  TRY(const io::Place place, io::Place::make(folder, path));
  const auto unpack = [&]() -> Result<> {
    TRYV(check_replaceable(place.path(), path));
    const std::string unpacking = place.of_sibling("." + place.name() + std::string(unpacking_ending));
    const std::string old = place.of_sibling("." + place.name() + std::string(old_ending));
    TRYV(io::remove_all(unpacking));
    TRYV(io::remove_all(old));
    Result<> unpacked = io::unpack_archive(archive, release::without_project(id), unpacking);
    if (unpacked) unpacked = io::make_folders(unpacking);  // a package without any file
    if (unpacked) unpacked = io::write_file(io::join_path(unpacking, part_marker), text);
    if (!unpacked) {
      (void)io::remove_all(unpacking);
      return unpacked;
    }
    if (io::exists(place.path())) {
      TRYV(io::rename(place.path(), old));
    }
    TRYV(io::rename(unpacking, place.path()));
    return io::remove_all(old);
  };
  Result<> unpacked = unpack();
  if (unpacked) return ok();
  return fail(
      place.in_words(std::move(unpacked).error()).in("unpacking the package of '" + part.package.release + "'"));
}

Result<std::string> Packages::verified_archive(const Request& request) {
  if (request.base_url.empty()) {
    TRYV(verify_package(request.source.path, request.source));
    return request.source.path;
  }
  std::string file = cache_path(request.source.sha256);
  const Turn turn(*this, file);
  if (io::exists(file)) {
    if (verify_package(file, request.source)) return file;
    TRYV(io::remove_all(file));  // the disk changed it
  }
  TRYV(io::make_folders(io::parent_path(file), private_folder));
  TRYV(fetch(request, file));
  return file;
}

/// The part file stays after a broken connection, so the next try goes on with it; what proves wrong is removed, and
/// so is what filled the disk: the result of the task needs room too.
Result<> Packages::fetch(const Request& request, const std::string& file) {
  const std::string part = file + ".part";
  io::Download download;
  download.url = joined_url(request.base_url, request.source.path);
  download.file = part;
  download.expected_size = request.source.size;
  download.is_cancelled = request.is_cancelled;
  Result<> done = download_(download);
  if (!done) {
    const ErrorKind kind = done.error().kind;
    if (kind == ErrorKind::bad_data || kind == ErrorKind::storage) (void)io::remove_all(part);
    return fail(std::move(done).error().in("downloading the package of '" + request.source.release + "'"));
  }
  Result<> verified = verify_package(part, request.source);
  if (!verified) {
    (void)io::remove_all(part);
    return verified;
  }
  TRYV(io::rename(part, file));
  return io::sync_folder(io::parent_path(file));
}

void Packages::remove_old(const std::string& deployment_folder, const std::string& current) {
  Result<std::vector<std::string>> names = io::list_folder(deployment_folder);
  if (!names) return;
  std::vector<std::pair<std::int64_t, std::string>> complete;
  for (const std::string& name : names.value()) {
    if (!name.ends_with(marker_ending)) continue;
    const std::string marker = io::join_path(deployment_folder, name);
    const std::string folder = marker.substr(0, marker.size() - marker_ending.size());
    if (folder != current) complete.emplace_back(age_rank(marker), folder);
  }
  std::sort(complete.rbegin(), complete.rend());
  for (std::size_t i = kept_folders - 1; i < complete.size(); ++i) {
    (void)io::remove_all(marker_of(complete[i].second));  // first: without its marker a half-removed folder is not used
    (void)io::remove_all(complete[i].second);
  }
}

std::string path_component(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const bool is_plain = std::isalnum(byte) || byte == '-' || byte == '_' || (byte == '.' && i > 0);
    if (is_plain) {
      text += name[i];
    } else {
      text += '%';
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }
  if (text.empty()) return "%";
  if (text.size() <= longest_component) return text;
  return text.substr(0, longest_component - shown_digest - 1) + "%" + io::sha256_of(name).substr(0, shown_digest);
}

Result<> verify_package(const std::string& file, const protocol::PackageSource& source) {
  TRYV(check_source(source));
  const std::string again = "Nothing was unpacked. Check the inventory's copy; a correct one is taken at the next try.";
  TRY(const std::uint64_t size, io::file_size(file));
  if (source.size != 0 && size != source.size) {
    return fail(ErrorKind::bad_data,
                "The package of '" + source.release + "' has " + std::to_string(size) + " bytes, expected " +
                    std::to_string(source.size) + ".",
                again);
  }
  TRY(const std::string digest, io::sha256_of_file(file));
  if (digest == source.sha256) return ok();
  return fail(ErrorKind::bad_data,
              "The package of '" + source.release + "' has the digest " + digest + ", expected " + source.sha256 + ".",
              again);
}

}  // namespace escape::packages
