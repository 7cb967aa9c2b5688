#include "controller/app/seen_files.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "shared/io/archive.h"
#include "shared/io/files.h"
#include "shared/plan/package_files.h"
#include "shared/plan/seen_files.h"

namespace escape::controller {
namespace {

using Texts = std::map<std::string, std::string>;

/// The files of a package: what there is says its metadata, what is in them its archive.
class PackagedFiles : public plan::Files {
 public:
  PackagedFiles(const release::ReleaseRecord& record, const std::function<Result<std::string>()>& package)
      : package_(package), top_(release::without_project(record.id) + "/") {
    for (const auto& [path, digest] : record.metadata.files) {
      if (const Result<std::string> clean = plan::clean_path(path)) paths_.insert(clean.value());
    }
    for (const std::string& path : plan::paths_read(record.metadata)) {
      const Result<std::string> clean = plan::clean_path(path);
      if (clean && paths_.contains(clean.value())) wanted_.insert(top_ + clean.value());
    }
  }
  bool exists(const std::string& path) override { return paths_.contains(path) || is_folder(path); }
  bool is_folder(const std::string& path) override {
    if (path.empty()) return true;
    const auto below = paths_.lower_bound(path + "/");
    return below != paths_.end() && below->starts_with(path + "/");
  }
  bool is_link(const std::string&) override { return false; }
  Result<std::vector<std::string>> list(const std::string&) override { return std::vector<std::string>(); }
  Result<std::string> md5(const std::string&) override { return std::string(); }
  Result<std::string> read(const std::string& path, std::size_t) override {
    // All of them in one pass, at the first that is asked for.
    if (!texts_) texts_ = read_all();
    if (!*texts_) return fail(texts_->error());
    const auto text = texts_->value().find(top_ + path);
    if (text != texts_->value().end()) return text->second;
    return fail(ErrorKind::bad_data, "'" + path + "' is named by the release and is not in its package");
  }

 private:
  Result<Texts> read_all() const {
    TRY(const std::string archive, package_());
    return io::read_archive_members(archive, wanted_, plan::most_seen_file_bytes);
  }

  const std::function<Result<std::string>()>& package_;
  std::string top_;
  std::set<std::string> paths_, wanted_;
  std::optional<Result<Texts>> texts_;
};

}  // namespace

release::SeenFiles see_files(const release::ReleaseRecord& record,
                             const std::function<Result<std::string>()>& package) {
  if (plan::paths_read(record.metadata).empty()) return {};
  PackagedFiles files(record, package);
  return plan::see_files(record.metadata, files);
}

release::SeenFiles SeenPackages::see(const release::ReleaseRecord& record,
                                     const std::function<Result<std::string>()>& package) {
  const auto known = by_sha256_.find(record.sha256);
  if (known != by_sha256_.end()) return known->second;
  release::SeenFiles seen = see_files(record, package);
  const auto has_trouble = [](const auto& each) { return !each.second.trouble.empty(); };
  if (seen.empty() || record.sha256.empty() || std::ranges::any_of(seen, has_trouble)) return seen;
  if (by_sha256_.size() == most_packages) by_sha256_.clear();
  return by_sha256_[record.sha256] = std::move(seen);
}

Result<release::ReleaseRecord> SeeingClient::resolve(const release::ReleaseQuery& query) {
  TRY(release::ReleaseRecord record, client_.resolve(query));
  record.seen = seen_.see(record, [&] { return client_.package_file(record, folder_); });
  if (!record.seen.empty()) (void)io::remove_all(folder_);
  return record;
}

}  // namespace escape::controller
