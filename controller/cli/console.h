#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::cli {

/// The three streams of the program. Results go to `out`, everything else to `err`; prompts go to `out` as the
/// original's do.
class Console {
 public:
  virtual ~Console() = default;
  virtual void out(std::string_view text) = 0;
  virtual void err(std::string_view text) = 0;
  /// The next line of the input without its newline; nothing at its end.
  virtual std::optional<std::string> read_line() = 0;
  /// The same, not shown on the terminal while it is typed.
  virtual std::optional<std::string> read_secret() = 0;

  bool has_input_terminal = false;
  bool has_error_terminal = false;   ///< colours and live lines are allowed on `err`
  std::size_t columns = 80;          ///< of the terminal behind `err`
  bool has_output_terminal = false;  ///< colours are allowed on `out`
  /// Why `out` could not be written. Nothing after it is, so that no hole is in the middle; whoever goes on printing
  /// for long ends when it is set.
  std::optional<Error> output_error{};
};

/// All of `text`, however long the other side takes; 0 or the errno that ended it.
int write_fully(int descriptor, std::string_view text);

/// Descriptors 0, 1 and 2. When nobody reads `out` any more the process ends of SIGPIPE, as other tools do; what can't
/// be written to `err` is dropped, since the work goes on and there is nowhere to tell it. A terminal counts as one
/// unless NO_COLOR (not empty), TERM=dumb or CI=true say otherwise.
class RealConsole : public Console {
 public:
  RealConsole();
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  std::optional<std::string> read_line() override;
  std::optional<std::string> read_secret() override;
};

}  // namespace escape::cli
