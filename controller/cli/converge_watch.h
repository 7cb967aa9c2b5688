#pragma once

#include "controller/cli/invocation.h"

namespace escape::cli {

/// Follows an environment, a line for each change of a deployment's state, and begins a converge whenever one has
/// something to do; where the controller does that by itself it only follows. Ends with 0 when everything is as desired
/// (`until_done`), with 130 on Ctrl-C, with `timed_out` after `--timeout`: what has begun goes on.
///
/// A converge that failed is followed by a rest, each twice as long as the one before.
Result<int> watch_converge(Invocation& run, const protocol::request::Submit& converge, bool until_done);

}  // namespace escape::cli
