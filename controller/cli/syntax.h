#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace escape::cli {

class Invocation;

/// What a command does once its flags are known: prints, and gives the exit code of a success. Errors are printed by
/// the caller.
using Action = std::function<Result<int>(Invocation&)>;

/// Flags and arguments of one command, and what it does with them. Only syntax.cc sees CLI11.
///
/// Variables given by reference are written by `parse` and must live as long as the syntax: commands keep them in a
/// shared object that their action holds.
class Syntax {
 public:
  /// `path`: "run deploy"; `summary`: one line.
  Syntax(std::string path, std::string summary);
  ~Syntax();
  Syntax(const Syntax&) = delete;
  Syntax& operator=(const Syntax&) = delete;

  /// `names`: "-f,--force". Takes `--force`, `--force=true`, `--force=false`.
  void flag(std::string_view names, bool& to, std::string_view help);
  /// Given twice, the last wins.
  void option(std::string_view names, std::string& to, std::string_view placeholder, std::string_view help);
  /// May be given many times, one value each.
  void repeated(std::string_view names, std::vector<std::string>& to, std::string_view placeholder,
                std::string_view help);
  void argument(std::string_view name, std::string& to, std::string_view help);
  void required_argument(std::string_view name, std::string& to, std::string_view help);
  void arguments(std::string_view name, std::vector<std::string>& to, std::string_view help);
  /// Understood and told in the same breath why it is refused: better than "unknown flag" for users of the original.
  void refused(std::string_view names, std::string_view why, std::string_view what_to_do, bool takes_value = true);
  /// Shown at the end of the help.
  void example(std::string_view line);
  void action(Action action);

  /// What the command takes, for completion. A placeholder says what a value is, in a word of the help: ENVIRONMENT,
  /// JOB, FILE, `a|b` (controller/cli/completion.cc).
  struct Shape {
    struct Flag {
      std::vector<std::string> names;  ///< "-e", "--environment": the long one last
      std::string placeholder;         ///< empty: it takes no value
      std::string help;
    };
    std::vector<Flag> flags;
    std::vector<std::string> arguments;  ///< placeholders
    bool last_repeats = false;
  };
  const Shape& shape() const;

  struct Parsed {
    Action action;
    std::string help;  ///< not empty: `--help` was asked for, print this instead
  };
  /// Error: usage, with the nearest flag that there is.
  Result<Parsed> parse(const std::vector<std::string>& arguments);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace escape::cli
