#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "agent/runner/files.h"
#include "shared/base/result.h"
#include "shared/io/files.h"

/// Processes by an identity that is not reused: (boot, id, start time). Linux only.
namespace escape::runner {

/// /proc/sys/kernel/random/boot_id: changes with every boot of the host.
std::string boot_id();

/// What /proc/PID/stat tells of a living process.
struct ProcessState {
  pid_t group = 0;
  pid_t session = 0;
  std::int64_t start_time = 0;  ///< clock ticks since boot
};
/// Absent when there is no such process or it is a zombie.
std::optional<ProcessState> state_of(pid_t pid);
std::optional<std::int64_t> start_time_of(pid_t pid);

/// The mark of this very process.
SupervisorMark mark_of_this_process();

/// A pidfd of exactly that process; empty when it is gone. Readable once the process has ended.
io::Fd open_process(const SupervisorMark& mark);

/// SIGTERM carrying the grace: how long the supervisor waits before it kills. A process that is gone is fine.
void ask_to_stop(const io::Fd& process, Millis grace);
/// The grace of such a signal; SIGTERM from elsewhere carries none.
inline constexpr Millis default_grace{10'000};

/// For a supervisor's first moments: a session of its own, no descriptor above stderr, deaf to a terminal's signals.
void leave_the_agent();
/// Where SIGTERM arrives from now on. It was blocked before this program began (launcher.cc), so that one that came
/// early waits here.
io::Fd catch_stop_signal();
/// The grace of the next stop that has arrived, or empty.
std::optional<Millis> take_stop(const io::Fd& signals);

/// Frees a child's entry and tells how it ended ("exit status 1", "signal 9 (Killed)"); empty for processes that are
/// not ours.
std::string reap(const io::Fd& process);

}  // namespace escape::runner
