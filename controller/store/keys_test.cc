#include "controller/store/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "controller/store/store.h"

namespace escape::store {

TEST(Keys, NumbersSortAsNumbersAndAreReadBack) {
  const std::vector<std::uint64_t> numbers{0, 1, 255, 256, 65535, 65536, 1ull << 32, 1ull << 63, UINT64_MAX};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(parse_u64(u64_key(numbers[i])), numbers[i]);
    if (i > 0) {
      EXPECT_LT(u64_key(numbers[i - 1]), u64_key(numbers[i]));
      EXPECT_GT(newest_first("p", numbers[i - 1]), newest_first("p", numbers[i]));
    }
    EXPECT_EQ(job_of_index_key(newest_first(jobs_of_deployment("a", "b"), numbers[i])), numbers[i]);
  }
  EXPECT_EQ(parse_u32(u32_key(77)), 77u);
  EXPECT_EQ(parse_u32(u64_key(77)), std::nullopt);
  EXPECT_EQ(parse_u64(""), std::nullopt);
  EXPECT_EQ(job_of_index_key("short"), std::nullopt);
}

TEST(Keys, PlacesOfEachRowAreAsDrawn) {
  using namespace std::string_literals;
  EXPECT_EQ(job_key('j', 258), "j\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(task_key({1, 2}), "\0\0\0\0\0\0\0\1\0\0\0\2"s);
  EXPECT_EQ(log_key(1, 2), "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"s);
  EXPECT_EQ(deployment_key({"e", "d"}), "e\0\1d"s);
  EXPECT_EQ(request_key("ann", "id"), "ann\0\1id"s);
  EXPECT_EQ(newest_first(jobs_of_deployment("e", "d"), 1), "de\0\1d\0\1\xff\xff\xff\xff\xff\xff\xff\xfe"s);
  EXPECT_EQ(newest_first(jobs_of_environment("e"), 1), "ee\0\1\xff\xff\xff\xff\xff\xff\xff\xfe"s);
}

TEST(Keys, TextNeverRunsIntoWhatFollows) {
  using namespace std::string_literals;
  std::vector<std::string> texts{"", "a", "ab", "b", "\0"s, "a\0"s, "a\0\1"s, "a\0\xff"s, "a\0b"s, "\xff"s};
  std::sort(texts.begin(), texts.end());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < texts.size(); ++j) {
      EXPECT_EQ(text_key(texts[i]) < text_key(texts[j]), i < j) << i << " " << j;
      EXPECT_EQ(text_key(texts[j]).starts_with(text_key(texts[i])), i == j) << i << " " << j;
    }
  }
}

TEST(Keys, EndOfPrefixIsAboveEveryKeyOfIt) {
  using namespace std::string_literals;
  EXPECT_EQ(end_of_prefix("ab"), "ac");
  EXPECT_EQ(end_of_prefix("a\xff\xff"), "b");
  EXPECT_EQ(end_of_prefix("\xff\xff"), "");
  EXPECT_EQ(end_of_prefix(""), "");
  EXPECT_EQ(end_of_prefix("a\0"s), "a\1"s);
}

}  // namespace escape::store
