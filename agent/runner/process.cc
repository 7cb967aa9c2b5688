#include "agent/runner/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "shared/base/text.h"

namespace escape::runner {

std::string boot_id() {
  Result<std::string> text = io::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trimmed(text.value())) : std::string{};
}

/// The name in field 2 may hold anything, so the fields are counted from behind its closing bracket (proc(5)).
std::optional<ProcessState> state_of(pid_t pid) {
  const Result<std::string> text = io::read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  const std::size_t bracket = text.value().rfind(')');
  if (bracket == std::string::npos || bracket + 2 >= text.value().size()) return std::nullopt;
  const std::vector<std::string> fields = split(std::string_view(text.value()).substr(bracket + 2), ' ');
  constexpr std::size_t first_field = 3;
  constexpr std::size_t state_field = 3 - first_field;
  constexpr std::size_t start_field = 22 - first_field;
  if (fields.size() <= start_field || fields[state_field] == "Z" || fields[state_field] == "X") return std::nullopt;
  const auto number = [&](std::size_t field, auto& to) {
    const std::string& digits = fields[field - first_field];
    return std::from_chars(digits.data(), digits.data() + digits.size(), to).ec == std::errc{};
  };
  ProcessState state;
  if (!number(5, state.group) || !number(6, state.session) || !number(22, state.start_time)) return std::nullopt;
  return state;
}

std::optional<std::int64_t> start_time_of(pid_t pid) {
  const std::optional<ProcessState> state = state_of(pid);
  return state ? std::optional(state->start_time) : std::nullopt;
}

SupervisorMark mark_of_this_process() {
  return {::getpid(), start_time_of(::getpid()).value_or(0), boot_id(), supervisor_format};
}

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

void leave_the_agent() {
  (void)::setsid();
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  (void)::syscall(SYS_close_range, 3u, ~0u, 0u);
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGQUIT}) ::signal(number, SIG_IGN);
}

io::Fd catch_stop_signal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return io::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::optional<Millis> take_stop(const io::Fd& signals) {
  signalfd_siginfo info{};
  while (::read(signals.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGTERM) return info.ssi_code == SI_QUEUE ? Millis(info.ssi_int) : default_grace;
  }
  return std::nullopt;
}

std::string reap(const io::Fd& process) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return {};
  if (info.si_code == CLD_EXITED) return "exit status " + std::to_string(info.si_status);
  return "signal " + std::to_string(info.si_status) + " (" + ::strsignal(info.si_status) + ")";
}

}  // namespace escape::runner
