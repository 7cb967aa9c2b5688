#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "controller/inventory/inventory.h"
#include "shared/base/result.h"
#include "shared/release/metadata.h"

namespace escape::controller {

/// What the expressions of a release read of its package (shared/plan/seen_files.h). `package` gives the archive as a
/// file of this machine; it is asked only when one of the files must be opened.
///
/// An archive that cannot be had or read is no error here: it is the trouble of each file that lies in it.
release::SeenFiles see_files(const release::ReleaseRecord& record, const std::function<Result<std::string>()>& package);

/// The same, and remembers what it saw of the last packages: a converge asks for all of an environment again and again,
/// on the controller's loop. Thread: one.
class SeenPackages {
 public:
  release::SeenFiles see(const release::ReleaseRecord& record, const std::function<Result<std::string>()>& package);

 private:
  /// Each at most plan::most_seen_bytes: 16 MiB.
  static constexpr std::size_t most_packages = 32;
  std::map<std::string, release::SeenFiles> by_sha256_;
};

/// Resolves releases of somebody else's inventory, each with what its expressions read. A package that is elsewhere is
/// fetched into `folder` for that and removed again: agents have caches of their own. Thread: one.
class SeeingClient {
 public:
  SeeingClient(inventory::Client& client, std::string folder) : client_(client), folder_(std::move(folder)) {}
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query);

 private:
  inventory::Client& client_;
  std::string folder_;
  SeenPackages seen_;
};

}  // namespace escape::controller
