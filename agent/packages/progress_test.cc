#include "agent/packages/progress.h"

#include <gtest/gtest.h>

#include <limits>

namespace escape::packages::progress_test {

/// How often something told within that time, at a callback each `step`.
int count_told(Millis time, Millis step = Millis{10}) {
  const Instant begun{5};
  Pace pace(begun);
  int told = 0;
  for (Millis passed{0}; passed <= time; passed += step) told += pace.is_due(begun + passed) ? 1 : 0;
  return told;
}

TEST(Pace, EachSecondThenEachTwelveThenEachMinute) {
  EXPECT_EQ(count_told(Millis{999}), 0);
  EXPECT_EQ(count_told(Millis{1'000}), 1);
  EXPECT_EQ(count_told(Millis{60'000}), 60);
  EXPECT_EQ(count_told(Millis{71'990}), 60);
  EXPECT_EQ(count_told(Millis{72'000}), 61);
  EXPECT_EQ(count_told(Millis{3'600'000}), 60 + 295);
  EXPECT_EQ(count_told(Millis{3'660'000}), 60 + 295 + 1);
}

/// The bound that README.md gives.
TEST(Pace, ADayTakesLessThanAQuarterOfAMegabyte) {
  const int told = count_told(Millis{24 * 3'600'000}, Millis{1'000});
  EXPECT_EQ(told, 1735);
  EXPECT_LT(static_cast<std::size_t>(told) * longest_state, 250'000u);
}

TEST(Pace, WhatCameLateIsNotMadeUpFor) {
  Pace pace(Instant{0});
  EXPECT_TRUE(pace.is_due(Instant{30'000'000}));
  EXPECT_FALSE(pace.is_due(Instant{30'900'000}));
  EXPECT_TRUE(pace.is_due(Instant{31'000'000}));
}

TEST(ProgressText, TellsShareSizesAndName) {
  struct Row {
    Progress progress;
    const char* text;
  };
  const Row rows[] = {
      {{.bytes = 12'345'678, .whole = 30'800'000}, "[########            ]  40 %  12.3 of 30.8 MB  host/x"},
      {{.bytes = 0, .whole = 999}, "[                    ]   0 %  0.0 of 1.0 kB  host/x"},
      {{.bytes = 999'999, .whole = 1'000'000}, "[################### ]  99 %  1.0 of 1.0 MB  host/x"},
      {{.bytes = 1'500'000'000, .whole = 1'500'000'000}, "[####################] 100 %  1.5 of 1.5 GB  host/x"},
      {{.bytes = 2'000, .whole = 1'000}, "[####################] 100 %  2.0 of 1.0 kB  host/x"},
      {{.bytes = 2'000, .whole = 0}, "[###                 ]  2.0 kB  host/x"},
      {{.bytes = 2'000'000, .whole = 0, .told = 17}, "[                 ###]  2.0 MB  host/x"},
      {{.bytes = 2'000'000, .whole = 0, .told = 18}, "[###                 ]  2.0 MB  host/x"},
  };
  for (const Row& row : rows) EXPECT_EQ(to_text(row.progress, "host/x"), row.text);
}

TEST(ProgressText, IsBoundedWhateverAServerSays) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::string name = short_name("http://" + std::string(1000, 'h') + "/" + std::string(1000, 'f'));
  EXPECT_LT(to_text({.bytes = most, .whole = most}, name).size(), longest_state);
  EXPECT_LT(to_text({.bytes = most, .whole = 1}, name).size(), longest_state);
  EXPECT_LT(to_text({.bytes = most, .whole = 0, .told = most}, name).size(), longest_state);
}

TEST(ShortName, IsHostAndFile) {
  const std::string long_name = "https://host/" + std::string(56, 'x') + "ääääää";
  const std::pair<std::string, std::string> rows[] = {
      {"https://example.com/a/b/tool.tgz", "example.com/tool.tgz"},
      {"http://127.0.0.1:8080/file?token=abc#part", "127.0.0.1:8080/file"},
      {"https://example.com/a/?to=/etc/passwd", "example.com"},
      {"https://example.com", "example.com"},
      {"https://example.com?x=/y", "example.com"},
      {"https://me:p@ss@example.com/x", "example.com/x"},
      {"https://example.com/\x1b[2Jx\x7f\xc2\x85", "example.com/?[2Jx??"},
      {"no scheme", "no scheme"},
      {"", ""},
      {long_name, "host/" + std::string(56, 'x') + "…"},
  };
  for (const auto& [url, name] : rows) EXPECT_EQ(short_name(url), name) << url;
}

}  // namespace escape::packages::progress_test
