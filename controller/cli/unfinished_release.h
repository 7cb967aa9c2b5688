#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::cli {

/// The environment in which a release was tried, from before it is made until it is removed.
struct UnfinishedTrial {
  std::string environment;
  std::string deployment;
  std::string controller;  ///< "host:port" of the one that has it; empty: this workspace's own
  /// What is tried there, as it was compiled: its own destroy steps undo it, whatever the plan is by then. Empty: they
  /// are not to run.
  Value::Object metadata;
};

/// What a `run release` in this folder has reached, for the next one: which number it took and, once its package is
/// made, which package is still to be published; and the trials that could not be removed. In `.escape/release.json`,
/// written before each of these. Whoever reads or writes it holds `.escape/release.lock`.
struct UnfinishedRelease {
  std::string application;  ///< "project/name"; empty: only trials are left
  std::string asked;        ///< "0.0.@"
  std::string options;      ///< digest of the flags that say what is done: with others it is done anew
  std::string holder;       ///< for whom the inventory reserved the number
  std::string version;
  std::string package_sha256;  ///< empty: not packaged yet
  Value::Object metadata;      ///< release.json of that package
  std::vector<UnfinishedTrial> trials;
};

/// Absent too when it cannot be read: then everything is done anew.
std::optional<UnfinishedRelease> find_unfinished(const std::string& folder);
Result<> keep_unfinished(const std::string& folder, const UnfinishedRelease& release);
/// After a release that ended well. What is left of trials stays written down; without any the file goes.
Result<> forget_unfinished(const std::string& folder, std::vector<UnfinishedTrial> trials);

}  // namespace escape::cli
