#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "protocol/messages/agent.h"
#include "shared/base/result.h"
#include "shared/io/http_client.h"

namespace escape::packages {

/// Turns a task's package into a folder with its files: from the cache or the inventory, verified against the digest
/// *of the task*, unpacked once per deployment and release.
///
/// Nothing is unpacked whose size and SHA-256 were not just checked; a folder is used only when its marker says that it
/// is complete. README.md draws the folders. Of a task in a workspace the working folder is the workspace.
///
/// Thread: any; two calls for one package or one folder wait for each other.  Durable: the cache and the marker are
/// synced. Errors: not_found, unreachable (the inventory), bad_data (digest, archive), storage (disk full), cancelled.
class Packages {
 public:
  using Download = std::function<Result<>(const io::Download&)>;

  /// From the inventory. `download` is a parameter for tests; programs pass `io::download`.
  Packages(std::string data_folder, Download download);

  struct Request {
    std::string environment;
    std::string deployment;
    protocol::PackageSource source;
    /// The inventory's base URL; empty when `source.path` names a file of this machine.
    std::string base_url;
    std::function<bool()> is_cancelled{};
  };
  /// The working folder, or nothing when `prepare` has work to do or somebody is in there. Never waits.
  std::optional<std::string> find_ready(const Request& request);
  using Fill = std::function<Result<>(const std::string& folder)>;
  /// The working folder, made if need be, and then filled while nobody else prepares it. May take long.
  Result<std::string> prepare(const Request& request, const Fill& fill = {});
  /// Another package, whole, in its folder below the working folder; one that is there already stays. Within a Fill of
  /// the same request. Error: conflict when something else is in that place.
  Result<> add_part(const Request& request, const std::string& folder, const protocol::PackagePart& part);

  /// "DATA/packages/<sha256>.tgz".
  std::string cache_path(std::string_view sha256) const;
  /// "DATA/deployments/<environment>/<deployment>/name-v1.0-<first 12 of the digest>", or the workspace.
  Result<std::string> working_folder(const Request& request) const;

  /// Working folders kept per deployment: the one in use and two to look at.
  static constexpr std::size_t kept_folders = 3;

 private:
  class Turn;
  bool is_complete(const std::string& folder) const;
  Result<> make_working_folder(const Request& request, const std::string& folder);
  Result<std::string> verified_archive(const Request& request);
  Result<> fetch(const Request& request, const std::string& file);
  void remove_old(const std::string& deployment_folder, const std::string& current);

  std::string data_folder_;
  Download download_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<std::string> busy_;  ///< paths that some thread works on
};

/// A name as one path component: everything but letters, digits, `-`, `_` and inner dots as %XX; long ones end in a
/// digest.
std::string path_component(std::string_view name);

/// Size, then SHA-256. Error: bad_data "The package of … has the digest …, expected …".
Result<> verify_package(const std::string& file, const protocol::PackageSource& source);

}  // namespace escape::packages
