#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace escape::cli {

/// Columns a person can read and a program can cut: headers in capitals, two blanks between, nothing at line ends.
/// Widths count characters, not bytes.
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  /// Cells are shown on one line, without what a terminal would obey: values and reasons are anybody's.
  void add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns a text takes on a terminal: code points without combining marks and variation selectors.
std::size_t width_of(std::string_view text);

}  // namespace escape::cli
