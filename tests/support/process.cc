#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace escape::testing {
namespace {

[[noreturn]] void run_child(const std::vector<std::string>& command, const Process::Options& options,
                            const std::vector<std::string>& environment, int input) {
  setpgid(0, 0);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
  const int out = open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int err = open(options.error_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(input, 0);
  dup2(out, 1);
  dup2(err, 2);
  for (int fd = 3; fd < 256; ++fd) close(fd);
  std::vector<char*> arguments, variables;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  execvpe(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    if (!added.contains(text.substr(0, text.find('=')))) merged.push_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const Options& options) {
  const std::vector<std::string> environment = merged_environment(options.environment);
  int input[2];
  if (pipe2(input, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) run_child(command, options, environment, input[0]);
  setpgid(pid_, pid_);
  close(input[0]);
  if (!options.input.empty() && write(input[1], options.input.data(), options.input.size()) < 0) {
    throw std::runtime_error("writing to the program's stdin failed");
  }
  close(input[1]);
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && is_running()) kill_hard();
}

void Process::reap(bool block) {
  if (pid_ <= 0 || status_ >= 0) return;
  int status = 0;
  if (waitpid(pid_, &status, block ? 0 : WNOHANG) == pid_) {
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

bool Process::is_running() {
  reap(false);
  return pid_ > 0 && status_ < 0;
}

void Process::send_signal(int signal) {
  if (is_running()) ::kill(pid_, signal);
}

void Process::kill_hard() {
  send_signal(SIGKILL);
  reap(true);
}

int Process::wait(Seconds limit) {
  return eventually([&] { return !is_running(); }, limit) ? status_ : -1;
}

int Process::wait_blocking() {
  reap(true);
  return status_;
}

void pause_before_next_look() { poll(nullptr, 0, 20); }

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text, unsigned mode) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), mode);
}

int count_lines(const std::string& path) {
  const std::string text = read_text(path);
  return static_cast<int>(std::ranges::count(text, '\n'));
}

std::string make_folder() {
  const char* base = std::getenv("TMPDIR");
  std::string pattern = std::string(base ? base : "/tmp") + "/escape-test.XXXXXX";
  if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  return pattern;
}

}  // namespace escape::testing
