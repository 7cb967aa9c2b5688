#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/release/metadata.h"
#include "shared/release/release_id.h"

/// Where releases live: the index (rows in store::Table::inventory) and the packages (files). A release is visible to
/// queries only once its package is stored, synced and its SHA-256 recorded in the same row; then it never changes.
namespace escape::inventory {

/// A tag and the version that it points to.
struct TaggedVersion {
  std::string tag;
  std::string version;
  friend bool operator==(const TaggedVersion&, const TaggedVersion&) = default;
};
/// What setting a tag did. Both are empty when the inventory does not say (the original's).
struct TagMove {
  std::string from;  ///< empty: the tag is new
  std::string to;
};

/// A registered release, visible (`sha256` set) or still waiting for its package.
struct Entry {
  release::Metadata metadata;
  std::string sha256;
  std::uint64_t size = 0;
  Timestamp registered_at{};
  std::string uploaded_by;
  std::uint64_t downloads = 0;
  bool is_visible() const { return !sha256.empty(); }
};

/// The index as pure functions over a reader: reads answer at once, writes return the rows to commit. One writer at a
/// time (the controller loop, or the holder of a directory's lock). Messages: spec/inventory-semantics.md §5.1.
class Index {
 public:
  /// `place` is how messages call it: "the local inventory at /home/me/.config/escape/.inventory".
  explicit Index(const store::Reader& reader, std::string place = "the inventory")
      : reader_(reader), place_(std::move(place)) {}

  Result<std::vector<std::string>> projects() const;
  /// not_found when the project has no visible application.
  Result<std::vector<std::string>> applications(std::string_view project) const;
  /// Visible versions, lowest first; of versions equal in order ("1.0", "01.0") the one that became visible first.
  /// Empty for an application that is not there.
  Result<std::vector<release::Version>> versions(const release::ApplicationId& application) const;
  Result<std::optional<Entry>> find(const release::ReleaseId& id) const;  ///< visible or not
  /// latest and prefix are one seek. not_found says what was looked for and what there is.
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) const;
  /// The visible version below, in the order of `versions`; for diff and `previous`.
  Result<std::optional<release::Version>> previous(const release::ReleaseId& id) const;
  /// Counts visible, waiting and reserved versions, so two publishers never get the same. `prefix` is not checked, as
  /// in the original ("abc" gives "abc0"). Error: bad_data when the numbers behind the prefix are used up.
  Result<std::string> next_version(const release::ApplicationId& application, std::string_view prefix) const;

  /// Takes the next version for `holder` for `reserved_for`; the same holder and prefix get the same number again until
  /// something is registered under it.
  Result<std::pair<std::string, std::vector<store::Write>>> reserve(const release::ApplicationId& application,
                                                                    std::string_view prefix, std::string_view holder,
                                                                    Timestamp now) const;
  /// Registers a release that waits for its package. Repeating it with the same metadata is fine while it waits;
  /// anything is a conflict once it is visible, and another metadata while the first is younger than `pending_for`
  /// ("Release app-v1.0 already exists").
  Result<std::vector<store::Write>> add(const release::Metadata& metadata, std::string_view project_of_url,
                                        std::string_view by, Timestamp now) const;
  /// Makes it visible. Repeating with the same digest is fine (no writes); another digest is a conflict.
  Result<std::vector<store::Write>> complete(const release::ReleaseId& id, std::string_view sha256,
                                             std::uint64_t size) const;
  /// `add` and `complete` in one batch, for a package that is already stored. Repeating with the same digest is fine.
  Result<std::vector<store::Write>> publish(const release::Metadata& metadata, std::string_view project_of_url,
                                            std::string_view by, Timestamp now, std::string_view sha256,
                                            std::uint64_t size) const;
  /// Moves or sets a tag to what `target` resolves to.
  Result<std::vector<store::Write>> tag(const release::ReleaseQuery& target, std::string_view tag) const;
  /// What `tag` will do.
  Result<TagMove> move_of(const release::ReleaseQuery& target, std::string_view tag) const;
  /// By name. not_found when there is no such application.
  Result<std::vector<TaggedVersion>> tags(const release::ApplicationId& application) const;
  /// not_found, with the tags that there are.
  Result<std::vector<store::Write>> remove_tag(const release::ApplicationId& application, std::string_view tag) const;
  Result<std::vector<store::Write>> count_download(const release::ReleaseId& id, std::uint64_t count = 1) const;

  static constexpr Millis pending_for{15 * 60 * 1000};
  static constexpr Millis reserved_for{24 * 3600 * 1000};

 private:
  Result<std::optional<std::string>> find_version(const release::ReleaseQuery& query) const;
  Result<std::vector<store::Write>> completed(Entry entry, std::string_view sha256, std::uint64_t size) const;
  Error not_found(const release::ReleaseQuery& query) const;

  const store::Reader& reader_;
  std::string place_;
};

/// Package files by digest under `folder` ("<folder>/ab/abcdef….tgz"): written to a temporary name, synced, renamed,
/// folder synced. Thread: any.
class PackageFolder {
 public:
  explicit PackageFolder(std::string folder);
  std::string path_of(std::string_view sha256) const;
  /// A new upload: bytes are appended and hashed; `finish` makes the file durable and gives its digest and size.
  /// Destroyed unfinished, it leaves nothing. Errors: storage (disk full: says how much was needed).
  class Upload {
   public:
    virtual ~Upload() = default;
    virtual Result<> append(std::string_view bytes) = 0;
    /// Where the bytes are until `finish`: to look inside before they count.
    virtual const std::string& path() const = 0;
    /// Of all bytes so far; nothing may be appended after it.
    virtual const std::string& sha256() = 0;
    struct Stored {
      std::string sha256;
      std::uint64_t size = 0;
      std::string path;
    };
    virtual Result<Stored> finish() = 0;
  };
  Result<std::unique_ptr<Upload>> begin() const;
  /// What a killed program left half written. Only for whoever holds the inventory's lock, before the first upload.
  Result<> remove_leftovers() const;

 private:
  std::string folder_;
};

/// What an upload must be: a gzip'd tar whose "<name>-v<version>/release.json" parses and names the same release.
/// Error: bad_data saying what does not fit.
Result<> check_package(const std::string& file, const release::ReleaseId& id);
/// Whether the file is the record's package. Error: bad_data "The package of … has the digest …, expected …".
Result<> check_digest(const std::string& file, const release::ReleaseRecord& record);

/// What `escape` and the job engine ask of an inventory, wherever it is. Thread: one.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<std::vector<std::string>> projects() = 0;
  virtual Result<std::vector<std::string>> applications(std::string_view project) = 0;
  virtual Result<std::vector<release::Version>> versions(const release::ApplicationId& application) = 0;
  /// Metadata, size and digest. The original inventory has no digest to give: then `sha256` is empty.
  virtual Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) = 0;
  virtual Result<std::string> next_version(const release::ApplicationId& application, std::string_view prefix) = 0;
  /// Against an inventory that cannot reserve (the original) it is next_version.
  virtual Result<std::string> reserve(const release::ApplicationId& application, std::string_view prefix,
                                      std::string_view holder) = 0;
  /// Register and upload; visible when it returns. Repeating the same is fine.
  virtual Result<> publish(const release::Metadata& metadata, const std::string& package_file) = 0;
  virtual Result<TagMove> tag(const release::ReleaseQuery& target, std::string_view tag) = 0;
  /// By name. Error: refused when the inventory cannot tell (the original's).
  virtual Result<std::vector<TaggedVersion>> tags(const release::ApplicationId& application) = 0;
  virtual Result<> remove_tag(const release::ApplicationId& application, std::string_view tag) = 0;
  /// Where an agent on this machine or elsewhere gets the package: an absolute file path or an URL path
  /// ("/api/v1/inventory/p/units/n/versions/v1.0/download").
  virtual std::string package_path(const release::ReleaseRecord& record) = 0;
  /// The package as a file of this machine, its size and digest checked where the record has them; downloaded into
  /// `cache` when it is elsewhere. Errors: bad_data for another package than the record's, and those of `io::download`.
  virtual Result<std::string> package_file(const release::ReleaseRecord& record, const std::string& cache) = 0;
  /// The base URL that `package_path` is relative to; empty when that is a file path.
  virtual std::string base_url() = 0;
};

/// The user's own inventory in a folder, shared by all workspaces: index/ (RocksDB, opened for each call), packages/,
/// and lock, which writers hold (escape-inventory for as long as it serves the folder). Reading never waits for a
/// writer.
Result<std::unique_ptr<Client>> open_directory(const std::string& folder);

struct HttpOptions {
  std::string url;                 ///< "http://host:7770"
  std::string token{};             ///< X-Escape-Token
  std::string user{}, password{};  ///< basic auth
  bool insecure_skip_verify = false;
};
/// Over HTTP, ours or the original's. Texts: spec/release-ids-and-versions.md §13.
std::unique_ptr<Client> connect_http(HttpOptions options);

}  // namespace escape::inventory
