#pragma once

#include <map>
#include <string>

#include "protocol/messages/agent.h"

namespace escape::runner {

/// The environment of a script. From below: the base, the task's variables, and what is the agent's to say (ESCAPE_*,
/// PYTHONUNBUFFERED, PATH), so a task cannot change which programs its script finds.
///
/// `own`: this process's environment. `inherit`: all of it is the base, as the original did (workspaces, embedded).
/// Otherwise the base is clean: PATH, HOME, USER, LANG, TMPDIR of the agent, TERM=dumb.
std::map<std::string, std::string> script_environment(const protocol::Offer& offer,
                                                      const std::map<std::string, std::string>& own, bool inherit);

/// This process's environment.
std::map<std::string, std::string> own_environment();
/// "linux"; "amd64", "arm64" … as ESCAPE_PLATFORM and ESCAPE_ARCH show them.
std::string platform_name();
std::string arch_name();

}  // namespace escape::runner
