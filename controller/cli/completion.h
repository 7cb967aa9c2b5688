#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/cli/invocation.h"

namespace escape::cli {

/// The hidden command that the scripts of `escape completion` ask: `escape __complete -- WORDS…`, the words typed
/// behind `escape`, the last one up to the cursor (perhaps empty).
inline constexpr std::string_view complete_command = "__complete";

/// What could stand at the place of the last word: one line each, "word TAB what it is". A line ":files" means that the
/// shell's own completion of file names belongs there.
///
/// Never says what is wrong and never waits: names that do not come within the budget are left out. Only words without
/// anything that a shell reads are given, whatever names the controller or the inventory tell.
std::vector<std::string> completions(Invocation& run, const std::vector<std::string>& words);

/// The script for "bash", "zsh" or "fish". Error: usage.
Result<std::string> completion_script(std::string_view shell);

}  // namespace escape::cli
