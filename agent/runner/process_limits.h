#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/runner/files.h"
#include "protocol/messages/agent.h"
#include "shared/base/result.h"

/// What the kernel hands to a new process (execve(2), "Limits on size of arguments and environment").
namespace escape::runner {

struct ProcessLimits {
  std::size_t one = 0;  ///< bytes of one argument or one "NAME=value", with its end
  std::size_t all = 0;  ///< bytes of all of them together, with a pointer each
};
ProcessLimits process_limits();

/// Makes the request one that can be started. Names in `not_passed` what the script has to do without: values of the
/// run before (INPUT_PREVIOUS_…), and values that it has as a file as well (`text.file`). Returns a line for each.
///
/// Error: bad_data with the names of the variables, when others are too large or hold a NUL, and what to do.
Result<std::vector<std::string>> fit_into_process(RunRequest& request, const std::vector<protocol::FileToWrite>& files,
                                                  const ProcessLimits& limits);

}  // namespace escape::runner
