#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace escape::runner {

/// Everything that a script started, as far as it can be told: its cgroup where there is one (exact), and its process
/// group in the supervisor's session (which whatever calls setsid leaves).
class Scope {
 public:
  /// `cgroup` may be empty.
  Scope(pid_t group, pid_t session, std::string cgroup)
      : group_(group), session_(session), cgroup_(std::move(cgroup)) {}

  /// False only when it is sure that nothing of it runs. Zombies do not count.
  bool lives() const;
  std::vector<pid_t> processes() const;
  /// TERM, and CONT: a stopped process would not see it.
  void ask_to_end() const;
  void kill() const;
  /// Removes the cgroup if nothing lives in it.
  void tidy() const;

 private:
  std::vector<pid_t> members_of_group() const;

  pid_t group_;
  pid_t session_;
  std::string cgroup_;
};

}  // namespace escape::runner
