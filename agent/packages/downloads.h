#pragma once

#include <string>

#include "agent/packages/preparation.h"
#include "shared/base/result.h"
#include "shared/release/parts.h"

namespace escape::packages {

/// One download of a plan, or the reason why it is not needed, told (spec/escape-plan.md §10, lifecycle.md §0.2).
/// `dest` appears whole, checked and unpacked, or not at all: a try that fails leaves nothing, and one that a crash cut
/// off is done again.
Result<> download(const std::string& folder, const release::Download& wish, const Preparation& task);

}  // namespace escape::packages
