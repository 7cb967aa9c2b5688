#pragma once

#include <string>
#include <variant>

#include "agent/runner/files.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::runner {

/// Starts `program` (escape-supervisor) on a task's folder, in a session of its own; it outlives this process. Gives
/// its pidfd, which becomes readable when it has ended. With posix_spawn: this process may be large and have threads.
Result<io::Fd> launch_supervisor(const std::string& program, const std::string& task_folder);

/// Beside the running program ("…/bin/../libexec/escape/escape-supervisor"), or in the folder above it.
std::string default_supervisor_path();

/// What the files of a task's folder and the host's processes say about its script.
namespace sighting {
/// Nothing was started: the supervisor may be launched (also again).
struct NotStarted {};
struct Running {
  io::Fd process;
};
struct Ended {
  RunResult result;
};
/// Started, gone, and no result: nobody knows how far it got.
struct Vanished {
  std::string reason;
};
}  // namespace sighting
using Sighting = std::variant<sighting::NotStarted, sighting::Running, sighting::Ended, sighting::Vanished>;
Result<Sighting> look_for_run(const std::string& task_folder);

}  // namespace escape::runner
