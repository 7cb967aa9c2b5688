#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controller/cli/invocation.h"
#include "shared/release/metadata.h"
#include "shared/release/release_id.h"

namespace escape::cli {

/// A release that is wanted in a folder, and how messages call it.
struct WantedRelease {
  release::ReleaseQuery query;
  std::string shown;
};

/// Unpacks releases below `folder`, each with all that it depends on and extends, for `pull` and `deps fetch`
/// (spec/release-ids-and-versions.md §12.1). README.md draws the folders.
///
/// Every release is found, checked against its digest and unpacked beside before the first one takes its place; each
/// folder is replaced whole. `say(level, text)` tells the progress.
///
/// Errors: those of the inventory; bad_data for packages that are not what was registered, and for releases that need
/// themselves; storage.
Result<> fetch_releases(Invocation& run, const std::string& folder, const std::vector<WantedRelease>& wanted,
                        const std::function<void(std::string_view level, const std::string& text)>& say);

/// What a release needs: its extensions first, because their scripts are called by where they lie.
Result<std::vector<WantedRelease>> needs_of(const release::Metadata& metadata);

}  // namespace escape::cli
