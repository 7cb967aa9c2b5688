#include "controller/app/log_limit.h"

#include <gtest/gtest.h>

namespace escape::controller {
namespace log_limit_test {

constexpr Instant at(std::int64_t millis) { return {1'000'000'000 + millis * 1'000}; }

TEST(LogLimit, OneLineAMinuteForEachSubject) {
  LogLimit limit;
  EXPECT_TRUE(limit.is_worth_a_line("a", at(0)));
  EXPECT_FALSE(limit.is_worth_a_line("a", at(59'999)));
  EXPECT_TRUE(limit.is_worth_a_line("b", at(1)));
  EXPECT_TRUE(limit.is_worth_a_line("a", at(60'000)));
  EXPECT_FALSE(limit.is_worth_a_line("a", at(60'001)));
}

TEST(LogLimit, ManySubjectsNeitherFillTheMemoryNorTheLog) {
  LogLimit limit;
  int lines = 0;
  for (int i = 0; i < 100'000; ++i) lines += limit.is_worth_a_line(std::to_string(i), at(i / 10)) ? 1 : 0;
  EXPECT_EQ(lines, static_cast<int>(LogLimit::most_subjects));
  EXPECT_TRUE(limit.is_worth_a_line("new", at(130'000)));
}

}  // namespace log_limit_test
}  // namespace escape::controller
