#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/release/metadata.h"

namespace escape::runner {

/// Path of the outputs file, relative to the working folder: the last argument of `script` stages (spec/variables.md
/// §8).
inline constexpr const char* outputs_file = ".escape/outputs.json";

/// The process that a stage becomes (spec/escape-plan.md §3).
struct Command {
  std::vector<std::string> argv;
  std::string inline_script{};  ///< text to be written to the file that `argv` names; empty: none
};
/// `folder` is the working folder; `inline_path` where an inline script's text will lie. A script file gets its execute
/// bits. Errors: not_found "Referenced deploy script 'x.sh' does not exist"; bad_data for an empty stage.
Result<Command> make_command(const release::ExecStage& stage, std::string_view step, const std::string& folder,
                             const std::string& inline_path);

/// "Failed to successfully execute command 'sh -c ./x.sh .escape/outputs.json': exit status 1".
std::string failure_text(const std::vector<std::string>& argv, std::string_view why);

/// What execve needs for `name` in the PATH of the script's own environment: with a slash it is taken from `folder`.
/// Error: not_found `exec: "foo": executable file not found in $PATH`, no_permission.
Result<std::string> find_program(const std::string& name, const std::string& path, const std::string& folder);

}  // namespace escape::runner
