#pragma once

#include <optional>
#include <string>

#include "controller/cli/wiring.h"
#include "shared/base/result.h"

namespace escape::cli {

/// What a stage of a deployment holds, as far as a command must know it to act on it.
struct RecordedStage {
  std::string version;
  bool is_workspace = false;  ///< unreleased files were run: their folder is needed to run more of them
  std::string folder{};       ///< that folder, when it is known
};

/// Absent: nothing is there (never run, or destroyed).
struct RecordedStages {
  std::optional<RecordedStage> build;
  std::optional<RecordedStage> deploy;
};

/// Error: not_found when there is no such deployment.
Result<RecordedStages> read_recorded_stages(Link& link, const std::string& environment, const std::string& deployment);

}  // namespace escape::cli
