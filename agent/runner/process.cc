#include "agent/runner/process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "shared/base/text.h"

namespace escape::runner {

std::string boot_id() {
  Result<std::string> text = io::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trimmed(text.value())) : std::string{};
}

/// The name in field 2 may hold anything, so the fields are counted from behind its closing bracket (proc(5)).
std::optional<std::int64_t> start_time_of(pid_t pid) {
  const Result<std::string> text = io::read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  const std::size_t bracket = text.value().rfind(')');
  if (bracket == std::string::npos || bracket + 2 >= text.value().size()) return std::nullopt;
  const std::vector<std::string> fields = split(std::string_view(text.value()).substr(bracket + 2), ' ');
  constexpr std::size_t state_field = 0;
  constexpr std::size_t start_field = 22 - 3;
  if (fields.size() <= start_field || fields[state_field] == "Z" || fields[state_field] == "X") return std::nullopt;
  const std::string& digits = fields[start_field];
  std::int64_t ticks = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), ticks).ec != std::errc{}) return std::nullopt;
  return ticks;
}

SupervisorMark mark_of_this_process() { return {::getpid(), start_time_of(::getpid()).value_or(0), boot_id()}; }

io::Fd open_process(const SupervisorMark& mark) {
  if (mark.pid <= 0 || mark.boot_id != boot_id()) return {};
  const auto pid = static_cast<pid_t>(mark.pid);
  io::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Looked up after opening: a process that took over the id since then would show another start time.
  if (process && start_time_of(pid) != mark.start_time) return {};
  return process;
}

void ask_to_stop(const io::Fd& process, Millis grace) {
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int =
      static_cast<int>(std::clamp<std::int64_t>(grace.count(), 0, std::numeric_limits<int>::max()));
  (void)::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, &info, 0);
}

void reap(const io::Fd& process) {
  siginfo_t info{};
  (void)::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED | WNOHANG);
}

}  // namespace escape::runner
