#pragma once

#include <string>
#include <vector>

#include "controller/cli/syntax.h"
#include "shared/base/time.h"

namespace escape::cli {

/// Flags that many commands share (spec/cli.md §1.2).
struct CommonFlags {
  std::string plan = "escape.yml";
  std::string environment = "dev";
  std::string deployment;
  std::vector<std::string> values;
  std::vector<std::string> providers;
  std::string step_timeout;
  bool as_json = false;
};

void add_plan(Syntax& syntax, CommonFlags& flags);
void add_environment(Syntax& syntax, CommonFlags& flags);
void add_deployment(Syntax& syntax, CommonFlags& flags);
void add_values(Syntax& syntax, CommonFlags& flags);
void add_step_timeout(Syntax& syntax, CommonFlags& flags);
void add_json(Syntax& syntax, bool& to);
/// `-s`, `--use-profile-state` and `-r` of the original: understood, and refused with where the state is now.
void refuse_state_files(Syntax& syntax);

struct GlobalFlags;
/// Those that every command takes.
void add_global_flags(Syntax& syntax, GlobalFlags& globals);

Result<> check_environment(const std::string& name);
/// Error: usage "'x' is not `what`."
Result<std::uint64_t> number_of(const std::string& text, std::string_view what);
/// A flag that must be a duration. Error: usage, naming the flag.
Result<Millis> duration_of_flag(std::string_view flag, const std::string& text);
/// 0 when the flag was not given. Error: usage.
Result<Millis> step_limit(const CommonFlags& flags);

}  // namespace escape::cli
