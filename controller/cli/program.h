#pragma once

#include <string>
#include <vector>

#include "controller/cli/console.h"
#include "controller/cli/wiring.h"

namespace escape::cli {

/// `run` with its streams given. `arguments`: without the program's name. `argv`: what the full program is started
/// with, or null when there is none (tests).
int run_command(const std::vector<std::string>& arguments, const Wiring& wiring, Console& console, char** argv);

/// "Error: TEXT" and the hint below it; JSON with `--logger json`.
void print_error(Console& console, const Error& error, bool as_json);

}  // namespace escape::cli
