#include "shared/plan/context.h"

#include <gtest/gtest.h>

namespace escape::plan::context_test {

// The rows of spec/scripting-language.md §4.1.
TEST(ReleaseContext, HasEveryFieldOfARelease) {
  const release::Metadata metadata{.description = "a description",
                                   .license = "a license",
                                   .logo = "a logo",
                                   .name = "app",
                                   .repository = "a repository",
                                   .branch = "a branch",
                                   .git_revision = "a revision",
                                   .revision_message = "a message",
                                   .revision_author = "an author",
                                   .metadata = {{"k", "v"}},
                                   .version = "1.2",
                                   .project = "qq"};
  const std::pair<const char*, Value> rows[] = {
      {"id", "qq/app-v1.2"},
      {"name", "app"},
      {"version", "1.2"},
      {"release", "app-v1.2"},
      {"versionless_release", "qq/app"},
      {"branch", "a branch"},
      {"revision", "a revision"},
      {"repository", "a repository"},
      {"revision_message", "a message"},
      {"revision_author", "an author"},
      {"description", "a description"},
      {"license", "a license"},
      {"logo", "a logo"},
      {"metadata", Value::Object{{"k", "v"}}},
  };
  const Value::Object context = release_context(metadata);
  for (const auto& [key, value] : rows) {
    ASSERT_TRUE(context.contains(key)) << key;
    EXPECT_EQ(*context.find(key), value) << key;
  }
  EXPECT_EQ(context.size(), std::size(rows)) << "and no others";
  EXPECT_FALSE(release_context({.name = "app"}).contains("id")) << "before its version is known";
}

}  // namespace escape::plan::context_test
