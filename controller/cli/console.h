#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

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
};

/// Descriptors 0, 1 and 2. A terminal counts as one unless NO_COLOR (not empty), TERM=dumb or CI=true say otherwise.
class RealConsole : public Console {
 public:
  RealConsole();
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  std::optional<std::string> read_line() override;
  std::optional<std::string> read_secret() override;
};

}  // namespace escape::cli
