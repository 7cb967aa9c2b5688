#include "shared/plan/package_files.h"

#include <gtest/gtest.h>

#include "shared/plan/fake_files_for_tests.h"

namespace escape::plan {
namespace package_files_test {

FakeFiles some_files() {
  FakeFiles files;
  for (const char* path :
       {"README.md", "a.txt", "b.txt", "escape.yml", "release.json", ".hidden", "docs/one.md", "docs/two.txt",
        "docs/deep/three.md", "src/main.c", "src/lib/x.c", ".escape/target/old.tgz", ".git/config", "[odd]"}) {
    files.content[path] = "";
  }
  return files;
}

std::string found(FakeFiles files, const std::vector<std::string>& patterns) {
  PackageFiles package(files);
  for (const std::string& pattern : patterns) {
    const Result<> added = package.add_matches(pattern);
    if (!added) return added.error().message;
  }
  std::string names;
  for (const auto& [path, digest] : package.take()) names += (names.empty() ? "" : " ") + path;
  return names;
}

TEST(PackageFiles, Patterns) {
  const std::pair<const char*, const char*> rows[] = {
      {"README.md", "README.md"},
      {"./README.md", "README.md"},
      {"nothing", ""},
      {"*.nothing", ""},
      {"", ""},
      {"*.txt", "a.txt b.txt"},
      {"?.txt", "a.txt b.txt"},
      {"[ab].txt", "a.txt b.txt"},
      {"[!a].txt", "b.txt"},
      {"[a-a].txt", "a.txt"},
      {"\\[odd]", "[odd]"},
      {"docs", "docs/deep/three.md docs/one.md docs/two.txt"},
      {"docs/", "docs/deep/three.md docs/one.md docs/two.txt"},
      {"docs/*", "docs/deep/three.md docs/one.md docs/two.txt"},
      {"docs/*.md", "docs/one.md"},
      {"*/*.md", "docs/one.md"},
      {"**/*.md", "README.md docs/deep/three.md docs/one.md"},
      {"docs/**", "docs/deep/three.md docs/one.md docs/two.txt"},
      {"docs/**/*.md", "docs/deep/three.md docs/one.md"},
      {"src/**/x.c", "src/lib/x.c"},
      {"src/../a.txt", "a.txt"},
      {"a.txt/b", ""},
      {"a.txt/*", ""},
      {".hidden", ".hidden"},
  };
  for (const auto& [pattern, names] : rows) EXPECT_EQ(found(some_files(), {pattern}), names) << pattern;
}

TEST(PackageFiles, OurOwnFoldersAndFilesAreNotTaken) {
  for (const char* pattern : {".", "*", "**"}) {
    EXPECT_EQ(found(some_files(), {pattern}),
              ".hidden README.md [odd] a.txt b.txt docs/deep/three.md docs/one.md docs/two.txt escape.yml src/lib/x.c "
              "src/main.c")
        << pattern;
  }
}

TEST(PackageFiles, NothingOutsideOfTheFolder) {
  for (const char* pattern : {"..", "../x", "docs/../../x", "/etc/passwd"}) {
    EXPECT_EQ(found(some_files(), {pattern}), "The file '" + std::string(pattern) +
                                                  "' is outside of this package's base directory and can't be added.");
  }
}

TEST(PackageFiles, BadPatternsSayWhy) {
  EXPECT_EQ(found(some_files(), {"[a"}), "syntax error in pattern '[a': '[' without ']'");
  EXPECT_EQ(found(some_files(), {"[]"}), "syntax error in pattern '[]': '[' without ']'");
  EXPECT_EQ(found(some_files(), {"["}), "syntax error in pattern '[': '[' without ']'");
  EXPECT_EQ(found(some_files(), {"[!"}), "syntax error in pattern '[!': '[' without ']'");
  EXPECT_EQ(found(some_files(), {"a\\"}), "syntax error in pattern 'a\\': it ends in '\\'");
}

TEST(PackageFiles, LinksAreRefusedWithTheReason) {
  FakeFiles files = some_files();
  files.content["data/real"] = "";
  files.links = {"data/link"};
  for (const char* pattern : {"data", "data/*", "data/link"}) {
    const std::string said = found(files, {pattern});
    EXPECT_TRUE(said.starts_with("The file 'data/link' can't be added: 'data/link' is a symbolic link")) << said;
  }
  EXPECT_EQ(found(files, {"data/real"}), "data/real") << "a link beside is no harm";
  files.links = {"data"};
  EXPECT_TRUE(
      found(files, {"data/real"}).starts_with("The file 'data/real' can't be added: 'data' is a symbolic link"));
}

TEST(PackageFiles, AFolderThatContainsItselfEnds) {
  FakeFiles files;
  std::string path = "d";
  for (int i = 0; i < 200; ++i) path += "/d";
  files.content[path] = "";
  EXPECT_NE(found(files, {"d"}).find("nested deeper than"), std::string::npos);
}

TEST(PackageFiles, MatchesTellsWithoutFiles) {
  EXPECT_TRUE(matches("out/*.sh", "out/run.sh"));
  EXPECT_TRUE(matches("out", "out/run.sh"));
  EXPECT_TRUE(matches("./**/run.sh", "a/b/run.sh"));
  EXPECT_TRUE(matches(".", "run.sh"));
  EXPECT_FALSE(matches("out/*.sh", "run.sh"));
  EXPECT_FALSE(matches("../x", "x"));
  EXPECT_FALSE(matches("out/x", "out"));
}

}  // namespace package_files_test
}  // namespace escape::plan
