#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/core/model.h"
#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// Which values are sensitive is said by the releases that stages are of; until one is known nothing can be.
namespace escape::controller {

/// Stands for a sensitive value, whatever it is and however long.
inline constexpr const char* hidden = "********";

/// The releases that the deployment's stages are of, as far as they are known. Error: storage.
Result<std::vector<release::Metadata>> releases_of(const state::Deployment& deployment, const store::Reader& reader);
/// By the first one's name: a dependency is given the values of whoever is above it, so what one of a family calls
/// sensitive is hidden in all.
Result<std::map<std::string, std::vector<release::Metadata>>> releases_of_families(
    const std::map<std::string, state::Deployment>& deployments, const store::Reader& reader);
void mask_sensitive(state::Deployment& deployment, const std::vector<release::Metadata>& releases);
/// An environment's inputs are those of its deployments: what one of them calls sensitive is hidden.
Result<> mask_sensitive(state::EnvironmentState& whole, const store::Reader& reader);
bool is_sensitive(const std::vector<release::Metadata>& releases, const std::string& variable);

}  // namespace escape::controller
