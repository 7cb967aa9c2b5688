#pragma once

#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

namespace escape::cli {

/// Waits for a lock that another command holds, as long as `--timeout` says. Error: timed_out, naming who holds it.
Result<io::FileLock> wait_for_lock(const std::string& path, std::optional<Millis> limit);

}  // namespace escape::cli
