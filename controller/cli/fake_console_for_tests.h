#pragma once

#include <deque>
#include <string>

#include "controller/cli/console.h"

namespace escape::cli {

/// Streams of a test: what was printed, and what will be typed.
class FakeConsole : public Console {
 public:
  void out(std::string_view text) override {
    if (is_full) output_error = Error{ErrorKind::storage, "Couldn't write the output: full.", {}, {}};
    if (!output_error) printed += text;
  }
  void err(std::string_view text) override { told += text; }
  std::optional<std::string> read_line() override {
    if (typed.empty()) return std::nullopt;
    std::string line = typed.front();
    typed.pop_front();
    return line;
  }
  std::optional<std::string> read_secret() override {
    ++secrets;
    return read_line();
  }

  bool is_full = false;  ///< what is printed comes nowhere
  std::string printed;
  std::string told;
  std::deque<std::string> typed;
  int secrets = 0;  ///< how often something was asked for that must not be shown
};

}  // namespace escape::cli
