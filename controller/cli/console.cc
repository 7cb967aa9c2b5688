#include "controller/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace escape::cli {
namespace {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads any more: nothing to tell and no one to tell it to
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

bool wants_plain() {
  const char* terminal = std::getenv("TERM");
  return is_set("NO_COLOR") || is_set("CI") || (terminal && std::string_view(terminal) == "dumb");
}

}  // namespace

RealConsole::RealConsole() {
  const bool plain = wants_plain();
  has_input_terminal = ::isatty(STDIN_FILENO) == 1;
  has_error_terminal = !plain && ::isatty(STDERR_FILENO) == 1;
  has_output_terminal = !plain && ::isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
}

void RealConsole::out(std::string_view text) { write_all(STDOUT_FILENO, text); }
void RealConsole::err(std::string_view text) { write_all(STDERR_FILENO, text); }

std::optional<std::string> RealConsole::read_line() {
  std::string line;
  char byte = 0;
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) return std::nullopt;  // Ctrl-C at a question
    if (got <= 0) return line.empty() ? std::nullopt : std::optional(line);
    if (byte == '\n') return line;
    line += byte;
  }
}

}  // namespace escape::cli
