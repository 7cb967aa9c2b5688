#include "shared/release/version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace escape::release {
namespace version_test {

Version v(std::string_view text) { return Version::parse(text).value(); }

std::vector<Version> all(std::initializer_list<const char*> texts) {
  std::vector<Version> versions;
  for (const char* text : texts) versions.push_back(v(text));
  return versions;
}

TEST(Version, KeepsTheTextAsWritten) {
  for (const char* text : {"0", "1.10", "1.0.0.0.0.1", "01.002", "9223372036854775807"})
    EXPECT_EQ(v(text).text(), text);
}

TEST(Version, RefusesWhatIsNotNumbersAndDots) {
  for (const char* text : {"", ".", "1.", ".1", "1..0", "v1", "1.0-beta", "1@", "1.@", "1e3", "0x10", " 1", "1 ", "+1",
                           "-1", "9223372036854775808", "99999999999999999999999"}) {
    const Result<Version> parsed = Version::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, "'" + std::string(text) + "' is not a valid version.");
  }
}

TEST(Version, OrderIsPartByPartAndAMissingPartIsLower) {
  const std::vector<Version> ascending = all({"0", "0.0", "0.9", "0.10", "1", "1.0", "1.0.0", "1.0.0.0.1", "1.9",
                                              "1.9.9", "1.10", "2", "255", "256", "65536"});
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << ascending[i].text() << " and " << ascending[j].text();
      EXPECT_EQ(sort_key(ascending[i]) < sort_key(ascending[j]), i < j)
          << ascending[i].text() << " " << ascending[j].text();
    }
  }
}

TEST(Version, EqualInOrderIsNotTheSameText) {
  EXPECT_EQ(v("1.0"), v("01.0"));
  EXPECT_FALSE(same_text(v("1.0"), v("01.0")));
  EXPECT_EQ(sort_key(v("1.0")), sort_key(v("01.00")));
}

TEST(Version, KeysSortAsVersionsDo) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto any_version = [&] {
    std::string text;
    for (std::uint64_t parts = 1 + random() % 4; parts > 0; --parts) {
      if (!text.empty()) text += '.';
      text += std::to_string((random() >> 1) >> random() % 63);
    }
    return v(text);
  };
  for (int i = 0; i < 2000; ++i) {
    const Version a = any_version();
    const Version b = any_version();
    EXPECT_EQ(a < b, sort_key(a) < sort_key(b)) << a.text() << " and " << b.text();
  }
}

TEST(Version, APrefixIsAPrefixOfItsKeys) {
  EXPECT_TRUE(sort_key(v("0.0.7")).starts_with(sort_key(v("0.0"))));
  EXPECT_FALSE(sort_key(v("0.10")).starts_with(sort_key(v("0.1"))));
  EXPECT_FALSE(sort_key(v("256.1")).starts_with(sort_key(v("1"))));
}

TEST(Version, NextIsOneAboveTheHighestOfThePrefix) {
  struct Row {
    std::vector<Version> existing;
    const char* prefix;
    const char* next;
  };
  const std::vector<Version> some = all({"0.1", "0.2", "0.10", "0.9", "1.0", "0.5", "01.0"});
  const std::vector<Version> deep = all({"1.2.3.4", "1.2"});
  const std::vector<Row> rows{
      {{}, "", "0"},
      {{}, "0.0.", "0.0.0"},
      {{}, "abc", "abc0"},
      {all({"0.0.0", "0.0.1"}), "0.0.", "0.0.2"},
      {all({"0.0.1", "0.0.5.1"}), "0.0.", "0.0.6"},
      {all({"0.0.3"}), "", "1"},
      {some, "", "2"},
      {some, "0.", "0.11"},
      {some, "1.", "1.1"},
      {some, "2.", "2.0"},
      {some, "0.1.", "0.1.0"},
      {some, "0", "02"},
      {some, "1", "10"},
      {some, "0.1", "0.11"},
      {deep, "", "2"},
      {deep, "1.", "1.3"},
      {deep, "1.2.", "1.2.4"},
      {deep, "1.2.3.", "1.2.3.5"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(next_version(row.prefix, row.existing), row.next) << "prefix '" << row.prefix << "'";
}

}  // namespace version_test
}  // namespace escape::release
