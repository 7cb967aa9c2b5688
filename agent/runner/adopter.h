#pragma once

#include <string>

namespace escape::runner {

/// Watches a script whose supervisor has died: the life of `escape-supervisor --adopt`. It never starts anything.
///
/// 1. Be the only one (flock on the script's process file). 2. Wait until nothing lives of what the script started;
/// meanwhile a cancel and the time limit end it as its supervisor would have. 3. Write the result: cancelled, timed
/// out, or lost, since nobody saw how it ended. What it prints is lost: its pipe went with the supervisor.
///
/// When the script's own process has ended and others of it still live at the time limit, they are named and left: a
/// script may start a service. Returns the exit status of the program.
int adopt(const std::string& task_folder);

}  // namespace escape::runner
