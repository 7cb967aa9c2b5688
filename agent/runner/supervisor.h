#pragma once

#include <string>

namespace escape::runner {

/// Runs the script of a task's folder to its end and writes down how it ended. The whole life of `escape-supervisor`.
///
/// 1. Become a session leader, drop foreign descriptors, take the agent's keys from stdin. 2. Make the start mark; if
/// there is one, another supervisor has the task: end. 3. Start the script. 4. Append its masked output as it is
/// read. 5. At the time limit, or when the agent asks (SIGTERM): TERM to the script's process group, KILL after the
/// grace. 6. The script has ended: read on until the pipe is closed, two seconds at most (a background process may keep
/// it). 7. Sync the output, seal what the script left as its outputs, remove that file, write the result (synced).
///
/// Returns the exit status of the program: 0 also when another supervisor has the task.
int supervise(const std::string& task_folder);

}  // namespace escape::runner
