#include "agent/runner/scope.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "agent/runner/cgroup.h"
#include "agent/runner/process.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

/// Through a pidfd, and only if it is still in the cgroup after that was opened: the id may have gone to another.
void signal_member(const std::string& cgroup, pid_t pid, int number) {
  const io::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process && contains(processes_of(cgroup), pid)) {
    (void)::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0);
  }
}

}  // namespace

bool Scope::lives() const {
  if (!cgroup_.empty() && has_processes(cgroup_)) return true;
  // One look at all processes can miss a child whose parent ends meanwhile; two in a row can't both.
  return !members_of_group().empty() || !members_of_group().empty();
}

std::vector<pid_t> Scope::processes() const {
  std::vector<pid_t> all = members_of_group();
  if (cgroup_.empty()) return all;
  for (const pid_t pid : processes_of(cgroup_)) {
    if (!contains(all, pid)) all.push_back(pid);
  }
  return all;
}

void Scope::ask_to_end() const {
  const std::vector<pid_t> in_group = members_of_group();
  if (!in_group.empty()) {
    (void)::kill(-group_, SIGTERM);
    (void)::kill(-group_, SIGCONT);
  }
  if (cgroup_.empty()) return;
  for (const pid_t pid : processes_of(cgroup_)) {
    if (contains(in_group, pid)) continue;
    signal_member(cgroup_, pid, SIGTERM);
    signal_member(cgroup_, pid, SIGCONT);
  }
}

void Scope::kill() const {
  if (!cgroup_.empty()) kill_cgroup(cgroup_);
  if (!members_of_group().empty()) (void)::kill(-group_, SIGKILL);
}

void Scope::tidy() const {
  if (!cgroup_.empty()) remove_cgroup(cgroup_);
}

/// The session is looked at too: after the group has ended its id may belong to a stranger's.
std::vector<pid_t> Scope::members_of_group() const {
  std::vector<pid_t> members;
  if (::kill(-group_, 0) != 0 && errno == ESRCH) return members;
  const Result<std::vector<std::string>> names = io::list_folder("/proc");
  if (!names) return {group_};  // cannot be told: something may live
  for (const std::string& name : names.value()) {
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{} || pid <= 0) continue;
    const std::optional<ProcessState> state = state_of(pid);
    if (state && state->group == group_ && state->session == session_) members.push_back(pid);
  }
  return members;
}

}  // namespace escape::runner
