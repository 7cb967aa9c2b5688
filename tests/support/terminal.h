#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace escape::testing {

/// A terminal with a program in it. What it writes is kept without the sequences that move a cursor.
class Terminal {
 public:
  Terminal(std::vector<std::string> command, const std::string& folder,
           const std::vector<std::pair<std::string, std::string>>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text);
  /// Whether that is written from now on, before the deadline.
  bool shows(const std::string& part);
  void forget() { written_.clear(); }
  std::string seen() const { return plain(written_); }

 private:
  static std::string plain(const std::string& text);

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string written_;
};

}  // namespace escape::testing
