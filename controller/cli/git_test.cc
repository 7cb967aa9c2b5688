#include "controller/cli/git.h"

#include <gtest/gtest.h>

#include "shared/io/files.h"

namespace escape::cli {
namespace git_testing {

struct GitFactsTest : ::testing::Test {
  std::string folder = io::make_temporary_folder("escape-cli-git-facts").value();
  ~GitFactsTest() { EXPECT_TRUE(io::remove_all(folder)); }
  std::string git(const std::vector<std::string>& arguments) {
    const Result<std::string> done = run_git(folder, arguments);
    EXPECT_TRUE(done) << done.error().message;
    return done ? done.value() : "";
  }
  void commit(const std::string& message) {
    git({"-c", "user.name=Ann B", "-c", "user.email=ann@example.org", "commit", "-q", "--allow-empty", "-m", message});
  }
};

// The git step of spec/escape-plan.md §11. The original stops at the first command that fails, so that without a remote
// it knows neither author nor message.
TEST_F(GitFactsTest, AreWhatGitKnows) {
  EXPECT_EQ(read_git_facts(folder).revision, "") << "no repository";
  git({"init", "-q", "-b", "trunk"});
  EXPECT_EQ(read_git_facts(folder).revision, "") << "no commit";
  commit("One\n\n  and why  \n");
  plan::GitFacts facts = read_git_facts(folder);
  EXPECT_EQ(facts.revision + "\n", git({"rev-parse", "HEAD"}));
  EXPECT_EQ(facts.branch, "trunk");
  EXPECT_EQ(facts.author, "Ann B <ann@example.org>");
  EXPECT_EQ(facts.message, "One\nand why");
  EXPECT_EQ(facts.repository, "");
  git({"remote", "add", "origin", "https://host/x.git"});
  ASSERT_TRUE(io::make_folders(folder + "/below"));
  facts = read_git_facts(folder + "/below");
  EXPECT_EQ(facts.repository, "https://host/x.git");
  EXPECT_EQ(facts.branch, "trunk");
}

}  // namespace git_testing
}  // namespace escape::cli
