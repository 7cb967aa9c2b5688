#pragma once

#include <functional>
#include <optional>
#include <string>

#include "controller/cli/wiring.h"
#include "shared/base/ids.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

/// How a command asks the one that works in the workspace to cancel a job: a file named after it in
/// `.escape/state/cancel`, answered by a file beside it. Files, because a path to a socket may be longer than one
/// takes.
namespace escape::embedded {

std::string cancel_folder(const std::string& workspace);

/// Of the command that works, which holds the workspace's lock: answers until `stop` is readable. What was asked of a
/// command before is thrown away; whoever waits asks again.
///
/// Thread: its own, with a link of its own.
void answer_cancel_requests(const std::string& workspace, cli::Link& link, int stop);

/// Asks, and waits for the answer. Absent: nobody works there any more, or `limit` has passed in vain.
Result<std::optional<protocol::Reply>> ask_to_cancel(const std::string& workspace, JobId job, Millis limit,
                                                     const std::function<bool()>& is_worked_in);

}  // namespace escape::embedded
