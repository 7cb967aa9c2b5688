#include "tests/support/terminal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "tests/support/process.h"

namespace escape::testing {

Terminal::Terminal(std::vector<std::string> command, const std::string& folder,
                   const std::vector<std::pair<std::string, std::string>>& environment) {
  winsize size{50, 200, 0, 0};
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ != 0) return;
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (::chdir(folder.c_str()) != 0) ::_exit(126);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(terminal_);
}

void Terminal::type(const std::string& text) {
  ASSERT_EQ(::write(terminal_, text.data(), text.size()), ssize_t(text.size()));
}

bool Terminal::shows(const std::string& part) {
  return read_until([&] { return plain(written_).find(part) != std::string::npos; });
}

bool Terminal::writes(const std::string& part) {
  return read_until([&] { return written_.find(part) != std::string::npos; });
}

int Terminal::wait() {
  if (pid_ <= 0) return -1;
  (void)read_until([] { return false; });
  int status = 0;
  pid_t ended = 0;
  (void)eventually([&] { return (ended = ::waitpid(pid_, &status, WNOHANG)) != 0; });
  if (ended != pid_) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// False at the deadline, or when nobody has the terminal any more.
bool Terminal::read_until(const std::function<bool()>& is_enough) {
  const auto deadline = std::chrono::steady_clock::now() + Seconds(60);
  while (!is_enough()) {
    pollfd ready{terminal_, POLLIN, 0};
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
    if (millis <= 0 || ::poll(&ready, 1, static_cast<int>(millis)) <= 0) return false;
    char buffer[4096];
    const ssize_t count = ::read(terminal_, buffer, sizeof buffer);
    if (count <= 0) return false;
    written_.append(buffer, static_cast<std::size_t>(count));
  }
  return true;
}

std::string Terminal::plain(const std::string& text) {
  std::string kept;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size()) {
      ++i;
      if (text[i] != '[') continue;
      ++i;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    } else if (text[i] == '\n' || static_cast<unsigned char>(text[i]) >= ' ') {
      kept += text[i];
    }
  }
  return kept;
}

}  // namespace escape::testing
