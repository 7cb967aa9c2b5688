#pragma once

#include <sys/types.h>

#include "agent/runner/files.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::runner {

/// Starts the script in a process group of its own (its id is the group's), stdin from /dev/null, stdout and stderr
/// both into `output`, signals as a fresh process has them. The caller reaps it. Errors: not_found, no_permission,
/// failed: why the program could not be started.
Result<pid_t> start_child(const RunRequest& request, const io::Fd& output);

}  // namespace escape::runner
