#pragma once

#include <string>
#include <string_view>

#include "shared/base/ids.h"

namespace escape::controller {

/// Why a script was cut off, so that nobody knows how far it got. Words of rows and events: they never change.
enum class Interruption {
  host_rebooted,    ///< the host has booted anew since the agent took the task
  task_lost,        ///< the agent came back without it: its data folder was lost
  supervisor_lost,  ///< the process that watched the script is gone; the script itself may be running still
  agent_removed,    ///< somebody gave the host up
  command_gone,     ///< the command that ran it in its workspace has gone
};
std::string_view name_of(Interruption why);
/// "the host was rebooted": goes on behind a colon.
std::string text_of(Interruption why);

/// A package that says `idempotent: true` is run again by itself so often after interruptions, and then no more: a
/// script that takes its host down would do so for ever.
inline constexpr Attempt most_attempts = 1 + 3;

}  // namespace escape::controller
