#include "controller/cli/terminal_text.h"

#include <gtest/gtest.h>

namespace escape::cli {
namespace terminal_text_testing {

TEST(Fitted, KeepsWhatATerminalShows) {
  struct Row {
    std::string text;
    std::size_t columns;
    std::string fitted;
  };
  const Row rows[] = {
      {"hello", 10, "hello"},
      {"hello", 5, "hello"},
      {"hello", 3, "hel"},
      {"hello", 0, ""},
      {"", 5, ""},
      {"a\tb\x01\x7f\b\r\n\xc2\x9b"
       "c",
       20, "a bc"},
      {"a\tb\x01", any_width, "a\tb"},
      {"\x1b[31mred\x1b[0m", 2, "\x1b[31mre\x1b[0m"},
      {"\x1b[31mred\x1b[0m", any_width, "\x1b[31mred\x1b[0m"},
      {"\x1b[38;5;1mred", any_width, "\x1b[38;5;1mred\x1b[0m"},
      {"\x1b[2J\x1b[1;1H\x1b[?25la\x1b[>4mb", any_width, "ab"},
      {"\x1b]0;title\x07"
       "a\x1b]8;;http://x\x1b\\b\x1bP1q\x1b\\c",
       any_width, "abc"},
      {"\x1b"
       "7a\x1b(Bb\x1b#8c",
       any_width, "abc"},
      {"a\x1b[31", any_width, "a"},
      {"a\x1b", any_width, "a"},
      {"a\x1b]0;b", any_width, "a"},
      {"a\x1b\x1b[2Jb", any_width, "ab"},
      {"a\xff\xe2\x94", 20, "a???"},
      {"a\xff\xe2\x94", any_width, "a\xff\xe2\x94"},
      {"█▒⠋", 2, "█▒"},
      {"日本", 3, "日"},
      {"🚀🚀", 3, "🚀"},
      {"✔️ok", 3, "✔️o"},
      {"é", 1, "é"},
  };
  for (const Row& row : rows) EXPECT_EQ(fitted(row.text, row.columns), row.fitted) << row.text << " " << row.columns;
}

TEST(IsVisible, IsFalseForWhatOnlyMoves) {
  for (const char* text : {"", "  ", "\t", "\x1b[K", "\x1b[2K  \x1b[1G", "\x1b[31m", "\xEF\xB8\x8F"}) {
    EXPECT_FALSE(is_visible(text)) << text;
  }
  for (const char* text : {"a", "  .", "\x1b[31m#\x1b[0m", "\xff", "⠋"}) EXPECT_TRUE(is_visible(text)) << text;
}

}  // namespace terminal_text_testing
}  // namespace escape::cli
