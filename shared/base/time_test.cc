#include "shared/base/time.h"

#include <gtest/gtest.h>

#include <random>

namespace escape {
namespace time_test {

struct Row {
  const char* text;
  std::int64_t micros;
};

}  // namespace time_test

TEST(Time, ReadsRfc3339) {
  for (const time_test::Row& row : {
           time_test::Row{"1970-01-01T00:00:00Z", 0},
           {"1970-01-01T00:00:00.000001Z", 1},
           {"2026-11-23T10:20:30.123456Z", 1795429230123456},
           {"2026-11-23T10:20:30.123456789Z", 1795429230123456},
           {"2026-11-23T10:20:30.1Z", 1795429230100000},
           {"2026-11-23t10:20:30z", 1795429230000000},
           {"2026-11-23 10:20:30Z", 1795429230000000},
           {"2026-11-23T11:20:30+01:00", 1795429230000000},
           {"2026-11-23T04:50:30-05:30", 1795429230000000},
           {"2024-02-29T00:00:00Z", 1709164800000000},
           {"2016-12-31T23:59:60Z", 1483228800000000},
           {"1969-12-31T23:59:59.5Z", -500000},
           {"0001-01-01T00:00:00Z", -62135596800000000},
           {"9999-12-31T23:59:59Z", 253402300799000000},
       }) {
    const auto when = parse_rfc3339(row.text);
    ASSERT_TRUE(when) << row.text;
    EXPECT_EQ(when.value().micros, row.micros) << row.text;
  }
}

TEST(Time, RefusesWhatIsNotRfc3339) {
  for (const char* text :
       {"", "2026", "2026-11-23", "2026-11-23T10:20:30", "2026-11-23T10:20:30.Z", "2026-11-23T10:20:30.1234567890Z",
        "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z", "2026-11-23T24:00:00Z",
        "2026-11-23T10:60:00Z", "2026-11-23T10:20:61Z", "2026-11-23T10:20:30+1:00", "2026-11-23T10:20:30+24:00",
        "2026-11-23T10:20:30Z ", "26-11-23T10:20:30Z", "+026-11-23T10:20:30Z", "2026-11-23T10:20:30Zx"}) {
    const auto when = parse_rfc3339(text);
    ASSERT_FALSE(when) << text;
    EXPECT_EQ(when.error().kind, ErrorKind::bad_data);
    EXPECT_FALSE(when.error().hint.empty());
  }
}

TEST(Time, WhatIsWrittenReadsBack) {
  EXPECT_EQ(to_rfc3339({1795429230123456}), "2026-11-23T10:20:30.123456Z");
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999999Z");
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> any(-62135596800000000, 253402300799999999);
  for (int i = 0; i < 1000; ++i) {
    const Timestamp when{any(random)};
    const auto back = parse_rfc3339(to_rfc3339(when));
    ASSERT_TRUE(back) << to_rfc3339(when);
    EXPECT_EQ(back.value(), when);
  }
}

TEST(Time, ReadsDurations) {
  for (const time_test::Row& row : {time_test::Row{"90s", 90'000},
                                    {"1h30m", 5'400'000},
                                    {"250ms", 250},
                                    {"0s", 0},
                                    {"1m1ms", 60'001},
                                    {"1s1s", 2000}}) {
    const auto duration = parse_duration(row.text);
    ASSERT_TRUE(duration) << row.text;
    EXPECT_EQ(duration.value().count(), row.micros) << row.text;
  }
  for (const char* text : {"", "1", "s", "1 s", "-1s", "1.5s", "1d", "1h30", "99999999999999999999h", "1000000000001ms",
                           "1000000000000ms1ms", "300000000h"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().kind, ErrorKind::bad_data);
  }
}

TEST(Time, ShortTextsAreForPeople) {
  for (const time_test::Row& row : {
           time_test::Row{"0us", 0},
           {"999us", 999},
           {"140ms", 140'500},
           {"3.2s", 3'299'999},
           {"45s", 45'000'000},
           {"1m", 60'000'000},
           {"1m5s", 65'000'000},
           {"12m", 725'000'000},
           {"1h", 3'600'000'000},
           {"5h20m", 19'200'000'000},
           {"3d", 260'000'000'000},
           {"-3.2s", -3'200'000},
       }) {
    EXPECT_EQ(to_short_text(Micros{row.micros}), row.text);
  }
}

TEST(Time, ClocksAreRead) {
  const Now first = read_clocks();
  const Now second = read_clocks();
  EXPECT_GE(second.steady, first.steady);
  EXPECT_GT(first.wall.micros, parse_rfc3339("2020-01-01T00:00:00Z").value().micros);
}

}  // namespace escape
