#include "controller/cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace escape::cli {
namespace {

/// A descriptor that is closed would be given to the next file that is opened, and our text written into that. What
/// takes its place can't be written to (or read from), which is told like any other failure.
void fill_closed(int descriptor, int unusable_mode) {
  if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) return;
  const int made = ::open("/dev/null", unusable_mode);  // the lowest free one
  if (made < 0 || made == descriptor) return;
  ::dup2(made, descriptor);
  ::close(made);
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

bool wants_plain() {
  const char* terminal = std::getenv("TERM");
  return is_set("NO_COLOR") || is_set("CI") || (terminal && std::string_view(terminal) == "dumb");
}

volatile sig_atomic_t caught_signal = 0;
void catch_signal(int signal) { caught_signal = signal; }

/// The terminal without echo while it lives. A signal that would end the program ends it only once the echo is back:
/// a shell does not always repair its terminal.
class WithoutEcho {
 public:
  WithoutEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    struct sigaction action{};
    action.sa_handler = catch_signal;  // no SA_RESTART: the read ends
    ::sigaction(SIGINT, &action, &interrupt_before_);
    ::sigaction(SIGTERM, &action, &terminate_before_);
    caught_signal = 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_silent_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    is_catching_ = true;
  }
  ~WithoutEcho() {
    if (is_silent_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    if (!is_catching_) return;
    ::sigaction(SIGINT, &interrupt_before_, nullptr);
    ::sigaction(SIGTERM, &terminate_before_, nullptr);
    if (caught_signal != 0) ::raise(caught_signal);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

 private:
  termios before_{};
  struct sigaction interrupt_before_{};
  struct sigaction terminate_before_{};
  bool is_silent_ = false;
  bool is_catching_ = false;
};

}  // namespace

int write_fully(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      // Whoever shares the pipe or terminal made it non-blocking (ssh, node).
      pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (written == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

RealConsole::RealConsole() {
  fill_closed(STDIN_FILENO, O_WRONLY);
  fill_closed(STDOUT_FILENO, O_RDONLY);
  fill_closed(STDERR_FILENO, O_RDONLY);
  const bool plain = wants_plain();
  has_input_terminal = ::isatty(STDIN_FILENO) == 1;
  has_error_terminal = !plain && ::isatty(STDERR_FILENO) == 1;
  has_output_terminal = !plain && ::isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
}

void RealConsole::out(std::string_view text) {
  if (output_error) return;
  const int error = write_fully(STDOUT_FILENO, text);
  if (error == 0) return;
  if (error == EPIPE) {
    // Only where whoever started us has it ignored: end as everybody else does in a pipe whose reader left.
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
  }
  output_error = Error{ErrorKind::storage,
                       std::string("Couldn't write the output, which is not whole: ") + std::strerror(error) + ".",
                       {},
                       {}};
}

void RealConsole::err(std::string_view text) { (void)write_fully(STDERR_FILENO, text); }

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

std::optional<std::string> RealConsole::read_secret() {
  std::optional<std::string> line;
  {
    const WithoutEcho silent;
    line = read_line();
  }
  if (has_input_terminal) err("\n");  // the newline that was typed is not shown either
  return line;
}

}  // namespace escape::cli
