#pragma once

#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::cli {

/// What a `run release` in this folder has reached, for the next one: which number it took and, once its package is
/// made, which package is still to be published. In `.escape/release.json`, written before each of the two; gone after
/// a release that ended well. Whoever reads or writes it holds `.escape/release.lock`.
struct UnfinishedRelease {
  std::string application;  ///< "project/name"
  std::string asked;        ///< "0.0.@"
  std::string options;      ///< digest of the flags that say what is done: with others it is done anew
  std::string holder;       ///< for whom the inventory reserved the number
  std::string version;
  std::string trial;           ///< environment of a trial that was not removed yet
  std::string package_sha256;  ///< empty: not packaged yet
  Value::Object metadata;      ///< release.json of that package
};

/// Absent too when it cannot be read: then everything is done anew.
std::optional<UnfinishedRelease> find_unfinished(const std::string& folder);
Result<> keep_unfinished(const std::string& folder, const UnfinishedRelease& release);
void forget_unfinished(const std::string& folder);

}  // namespace escape::cli
