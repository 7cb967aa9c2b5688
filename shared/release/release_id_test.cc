#include "shared/release/release_id.h"

#include <gtest/gtest.h>

namespace escape::release {
namespace release_id_test {

TEST(ReleaseQuery, ReadsAndPrintsTheCanonicalForm) {
  const std::pair<const char*, const char*> rows[] = {
      {"name-v1.0", "_/name-v1.0"},
      {"name-with-dashes-v1.0", "_/name-with-dashes-v1.0"},
      {"prj/name-v1.0", "prj/name-v1.0"},
      {"_/name-v1.0", "_/name-v1.0"},
      {"name-latest", "_/name-latest"},
      {"name-@", "_/name-latest"},
      {"name-v@", "_/name-latest"},
      {"name-vlatest", "_/name-latest"},
      {"name-v0.@", "_/name-v0.@"},
      {"name-v0.0.0.@", "_/name-v0.0.0.@"},
      {"name:latest", "_/name-latest"},
      {"name:@", "_/name-latest"},
      {"name:v@", "_/name-latest"},
      {"name:v1.0", "_/name-v1.0"},
      {"name:1.0", "_/name-v1.0"},
      {"name:v1.@", "_/name-v1.@"},
      {"name:1.@", "_/name-v1.@"},
      {"name:tag", "_/name:tag"},
      {"name:v", "_/name:v"},
      {"name:v1.x", "_/name:v1.x"},
      {"name:1x", "_/name:1x"},
      {"name:v1@", "_/name:v1@"},
      {"name:x.@", "_/name:x.@"},
      {"name:-1", "_/name:-1"},
      {"name-v01.02", "_/name-v01.02"},
      {"quickstart/hello-world-v0.0.@", "quickstart/hello-world-v0.0.@"},
  };
  for (const auto& [text, canonical] : rows) {
    const Result<ReleaseQuery> parsed = parse_release_query(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(to_string(parsed.value()), canonical) << text;
    EXPECT_EQ(parse_release_query(canonical).value(), parsed.value()) << "the canonical form reads back: " << canonical;
  }
}

TEST(ReleaseQuery, RefusesWithTheKnownMessages) {
  const std::pair<const char*, const char*> rows[] = {
      {"name", "Invalid release format: name."},
      {"v1.0", "Invalid release format: v1.0."},
      {"", "Invalid release format: ''."},
      {"prj/", "Invalid release format: ."},
      {"prj/name", "Invalid release format: name."},
      {"name:a:b", "Invalid release format: name:a:b."},
      {"name:", "Invalid tag '' in release string 'name:'"},
      {"name-foo", "Invalid version string in release ID 'name-foo': 'foo' is not a valid version."},
      {"prj/name-foo", "Invalid version string in release ID 'name-foo': 'foo' is not a valid version."},
      {"name-1.0", "Invalid version string in release ID 'name-1.0': '1.0' is not a valid version."},
      {"name-1.@", "Invalid version string in release ID 'name-1.@': '1.@' is not a valid version."},
      {"name-v", "Invalid version string in release ID 'name-v': 'v' is not a valid version."},
      {"name-", "Invalid version string in release ID 'name-': '' is not a valid version."},
      {"name-v1.", "Invalid version string in release ID 'name-v1.': 'v1.' is not a valid version."},
      {"name-v0.0@", "Invalid version string in release ID 'name-v0.0@': 'v0.0@' is not a valid version."},
      {"name-v@.@", "Invalid version string in release ID 'name-v@.@': 'v@.@' is not a valid version."},
      {"name-v1.0-beta", "Invalid version string in release ID 'name-v1.0-beta': 'beta' is not a valid version."},
      {"/name-v1", "Invalid name ''"},
      {"-v1.0", "Invalid name ''"},
      {"a/b/c-v1.0", "Invalid name 'a'"},
      {"aa/b/c-v1.0", "Invalid name 'b/c'"},
      {"../name-v1.0", "Invalid name '..'"},
      {"Name-v1.0", "Invalid name 'Name'"},
  };
  for (const auto& [text, message] : rows) {
    const Result<ReleaseQuery> parsed = parse_release_query(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
    EXPECT_EQ(parsed.error().kind, ErrorKind::bad_data);
  }
}

TEST(ReleaseId, IsAnExactQuery) {
  const Result<ReleaseId> id = parse_release_id("prj/my-app-v1.0");
  ASSERT_TRUE(id);
  EXPECT_EQ(to_string(id.value()), "prj/my-app-v1.0");
  EXPECT_EQ(without_project(id.value()), "my-app-v1.0");
  for (const char* text : {"app-latest", "app-v1.@", "app:prod"}) EXPECT_FALSE(parse_release_id(text)) << text;
  EXPECT_EQ(parse_release_id("app-latest").error().message, "The release '_/app-latest' needs its version resolved.");
}

TEST(ReleaseId, LeadingZerosMakeAnotherRelease) {
  EXPECT_NE(parse_release_id("app-v1.0").value(), parse_release_id("app-v01.0").value());
}

}  // namespace release_id_test
}  // namespace escape::release
