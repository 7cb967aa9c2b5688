#pragma once

#include <string>

#include "agent/runner/files.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::runner {

/// Starts the script in a process group of its own (its id is the group's) and in a cgroup of its own if the request
/// has a home for them, stdin from /dev/null, stdout and stderr both into `output`, signals as a fresh process has
/// them. The caller reaps it, and must be without threads: the child writes a file before it becomes the script.
///
/// The child dies with its parent until it has left its ScriptProcess in the task's folder. So when a supervisor is
/// gone and there is none, nothing of the script ever ran. Errors: not_found, no_permission, failed: why the program
/// could not be started.
Result<ScriptProcess> start_child(const RunRequest& request, const std::string& task_folder, const io::Fd& output);

}  // namespace escape::runner
