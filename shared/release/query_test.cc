#include "shared/release/query.h"

#include <gtest/gtest.h>

namespace escape::release {
namespace query_test {

TEST(VersionQuery, ReadsTheFourKindsAndPrintsThem) {
  struct Row {
    const char* text;
    VersionQuery query;
    const char* printed;
  };
  const auto exact = [](const char* text) { return Exact{Version::parse(text).value()}; };
  const Row rows[] = {
      {"latest", Latest{}, "latest"},
      {"@", Latest{}, "latest"},
      {"v@", Latest{}, "latest"},
      {"v1.0", exact("1.0"), "v1.0"},
      {"1.0", exact("1.0"), "v1.0"},
      {"1", exact("1"), "v1"},
      {"01", exact("01"), "v01"},
      {"v1.@", Prefix{"1."}, "v1.@"},
      {"1.@", Prefix{"1."}, "v1.@"},
      {"0.0.@", Prefix{"0.0."}, "v0.0.@"},
      {"prod", Tag{"prod"}, "prod"},
      {"vlatest", Tag{"vlatest"}, "vlatest"},
      {"99999999999999999999", Tag{"99999999999999999999"}, "99999999999999999999"},
  };
  for (const Row& row : rows) {
    const Result<VersionQuery> parsed = parse_version_query(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed.value(), row.query) << row.text;
    EXPECT_EQ(to_string(parsed.value()), row.printed);
  }
}

TEST(VersionQuery, AnythingElseIsATag) {
  for (const char* text : {"v", "vx", "1x", "1@", "1.", "v1..0", "v1.0.x", "@.@", ".@", "v.@", "0.0@"}) {
    const Result<VersionQuery> parsed = parse_version_query(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed.value(), VersionQuery(Tag{text})) << text;
  }
}

TEST(VersionQuery, EmptyIsAnError) {
  const Result<VersionQuery> parsed = parse_version_query("");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "Empty version query");
}

}  // namespace query_test
}  // namespace escape::release
