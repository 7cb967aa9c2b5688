#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

/// Control groups (v2) of scripts: whatever a script starts stays in its group, also what left its session, so a cancel
/// reaches all of it. No controller is enabled in them. Plain paths: agent and supervisor tell each other these.
namespace escape::runner {

/// Where cgroup v2 is and where this process stands in it, from /proc/self/mountinfo and /proc/self/cgroup.
/// Error: not_found, why there is none to use.
Result<std::string> own_cgroup(std::string_view mountinfo, std::string_view memberships);

/// The folder for all script groups of the agent with this data folder, made now as a child of its own group (systemd:
/// Delegate=yes). Error: not_found or no_permission, why it can't be had.
Result<std::string> make_cgroup_home(const std::string& data_folder);

/// A fresh group "home/name" (or "home/name-2" … when something of an earlier one still lives there).
Result<std::string> make_cgroup(const std::string& home, const std::string& name);

/// Removes the groups in which nothing lives, apart from those of tasks in `keep` ("12.0.1"): their supervisors may be
/// about to use them.
void remove_empty_cgroups(const std::string& home, const std::set<std::string>& keep);

/// Moves the calling process. Only write(2) and friends: fit for a child between fork and exec.
bool enter_cgroup(const std::string& cgroup);
/// False also when the group is gone.
bool has_processes(const std::string& cgroup);
/// Of the group and those below it.
std::vector<pid_t> processes_of(const std::string& cgroup);
/// KILL to all of it, at once (cgroup.kill, Linux 5.14), or frozen and one by one.
void kill_cgroup(const std::string& cgroup);
/// The second way of the two.
void kill_each(const std::string& cgroup);
/// Nothing when something lives in it.
void remove_cgroup(const std::string& cgroup);

}  // namespace escape::runner
