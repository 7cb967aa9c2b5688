#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/core.h"
#include "controller/core/secret_texts.h"
#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// Which values are sensitive is said by the releases that stages are of.
namespace escape::controller {

/// What a family of deployments, one with those below it, is released as.
struct FamilyReleases {
  std::vector<release::Metadata> known;
  bool is_complete = true;  ///< otherwise nobody can tell which values are sensitive, and all are hidden
  SecretTexts secrets{};    ///< values of what they call sensitive: hidden wherever they came to
};
bool is_sensitive(const FamilyReleases& releases, const std::string& variable);

/// Finds the releases that stages are of: in the plan of the job that wrote them, and of what was imported, which no
/// job wrote, in the inventory. For one answer: it asks the inventory once for each. Errors: storage.
class ReleaseFinder {
 public:
  ReleaseFinder(const store::Reader& reader, ResolveRelease resolve) : reader_(reader), resolve_(std::move(resolve)) {}
  Result<> add_releases(const state::Deployment& deployment, FamilyReleases& to);
  /// By the first one's name: a dependency is given the values of whoever is above it, so what one of a family calls
  /// sensitive is hidden in all. Values go from providers to whoever consumes them: all of `deployments` know the
  /// secrets of all.
  Result<std::map<std::string, FamilyReleases>> of_families(
      const std::map<std::string, state::Deployment>& deployments);

 private:
  Result<std::optional<release::Metadata>> find_planned(const state::Deployment& deployment,
                                                        const state::StageRecord& stage) const;
  const std::optional<release::ReleaseRecord>& find_in_inventory(const std::string& release);

  const store::Reader& reader_;
  ResolveRelease resolve_;
  std::map<std::string, std::optional<release::ReleaseRecord>> asked_;
};

/// Those of the deployment's family, of the families that provide for it, and of those that provide for them.
std::map<std::string, state::Deployment> with_providers(const State& state, const std::string& environment,
                                                        const std::string& root);

void mask_sensitive(state::Deployment& deployment, const FamilyReleases& releases);
/// An environment's inputs are those of its deployments: what one of them calls sensitive is hidden.
Result<> mask_sensitive(state::EnvironmentState& whole, ReleaseFinder& finder);

}  // namespace escape::controller
