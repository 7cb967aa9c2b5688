#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace escape {

/// A named moment at which a test may let this process die (tests/process/README.md lists them all). In a build with
/// the CMake option ESCAPE_FAULT_POINTS, ESCAPE_FAULT="name[:n][@FILE]" in the environment means SIGKILL to oneself at
/// the n-th pass (default 1); FILE is made first, and when it is there already nothing happens, so that the restarted
/// process lives. In every other build it does nothing at all.
///
/// Thread: any one; passes are not counted across threads.
void fault_point(std::string_view name);

/// Whether this build has them.
bool has_fault_points();

/// "ESCAPE_FAULT=…", for a child whose environment is made from nothing; empty in builds without.
std::vector<std::string> fault_environment();

}  // namespace escape
