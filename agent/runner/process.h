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

/// Field 22 of /proc/PID/stat; absent when there is no such process or it is a zombie.
std::optional<std::int64_t> start_time_of(pid_t pid);

/// The mark of this very process.
SupervisorMark mark_of_this_process();

/// A pidfd of exactly that process; empty when it is gone. Readable once the process has ended.
io::Fd open_process(const SupervisorMark& mark);

/// SIGTERM carrying the grace: how long the supervisor waits before it kills. A process that is gone is fine.
void ask_to_stop(const io::Fd& process, Millis grace);
/// The grace of such a signal; SIGTERM from elsewhere carries none.
inline constexpr Millis default_grace{10'000};

/// Frees a child's entry; nothing for processes that are not ours.
void reap(const io::Fd& process);

}  // namespace escape::runner
