#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace escape::testing {

/// A terminal of 200 columns with a program in it, and what that has written.
class Terminal {
 public:
  Terminal(std::vector<std::string> command, const std::string& folder,
           const std::vector<std::pair<std::string, std::string>>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text);
  /// Whether that is written from now on, before the deadline; what moves a cursor does not count.
  bool shows(const std::string& part);
  /// The same, byte for byte.
  bool writes(const std::string& part);
  void forget() { written_.clear(); }
  std::string seen() const { return plain(written_); }
  const std::string& written() const { return written_; }
  /// The exit status of the program, once it has ended and all that it wrote is read; -1 at the deadline, or when a
  /// signal ended it.
  int wait();

 private:
  bool read_until(const std::function<bool()>& is_enough);
  static std::string plain(const std::string& text);

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string written_;
};

}  // namespace escape::testing
