#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace escape::testing {

using Seconds = std::chrono::seconds;

/// A program started by a test, its output in files. Killed (with its whole process group) when destroyed.
class Process {
 public:
  struct Options {
    std::string folder{};                              ///< working folder; empty: as the test's
    std::map<std::string, std::string> environment{};  ///< added to the test's own
    std::string output_file;                           ///< stdout
    std::string error_file;                            ///< stderr
    std::string input{};                               ///< typed into stdin, then end of file
  };
  Process() = default;
  Process(const std::vector<std::string>& command, const Options& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  bool is_running();
  void send_signal(int signal);
  /// kill -9 and waits until it is gone.
  void kill_hard();
  /// Exit status (128 + signal when a signal ended it), or -1 when it still runs after `limit`.
  int wait(Seconds limit = Seconds(60));
  /// The same without looking at intervals and without a limit: for measuring.
  int wait_blocking();

 private:
  void reap(bool block);
  pid_t pid_ = -1;
  int status_ = -1;
};

/// Waits until the condition holds, looking again whenever 20 ms have passed; false at the deadline.
template <class Condition>
bool eventually(Condition condition, Seconds limit = Seconds(30));

void pause_before_next_look();

template <class Condition>
bool eventually(Condition condition, Seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    pause_before_next_look();
  }
  return true;
}

std::string read_text(const std::string& path);  ///< empty when there is no such file
void write_text(const std::string& path, const std::string& text, unsigned mode = 0644);
int count_lines(const std::string& path);
std::string make_folder();  ///< fresh, under TMPDIR

}  // namespace escape::testing
