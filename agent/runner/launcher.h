#pragma once

#include <string>
#include <variant>

#include "agent/runner/files.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::runner {

/// Starts `program` (escape-supervisor) on a task's folder, in a session of its own; it outlives this process. Gives
/// its pidfd, which becomes readable when it has ended. With posix_spawn: this process may be large and have threads.
/// `keys`: what the task's files are sealed with, handed over in a pipe.
Result<io::Fd> launch_supervisor(const std::string& program, const std::string& task_folder, const SealKeys& keys);

/// The same for a script whose supervisor has died: watches it and writes how it ended, starts nothing.
Result<io::Fd> launch_adopter(const std::string& program, const std::string& task_folder, const SealKeys& keys);

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
/// The supervisor is gone, what the script started still runs: `launch_adopter`.
struct Orphaned {};
/// Started, gone, and no result: nothing of it runs any more and nobody knows how far it got.
struct Vanished {
  std::string reason;
};
/// The supervisor is gone, and it is sure that nothing of the script ever ran. It can't be launched again.
struct NeverRan {
  std::string reason;
};
}  // namespace sighting
using Sighting = std::variant<sighting::NotStarted, sighting::Running, sighting::Ended, sighting::Orphaned,
                              sighting::Vanished, sighting::NeverRan>;
Result<Sighting> look_for_run(const std::string& task_folder);

}  // namespace escape::runner
