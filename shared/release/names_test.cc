#include <gtest/gtest.h>

#include "shared/release/release_id.h"

namespace escape::release {
namespace names_test {

using Check = Result<> (*)(std::string_view);

void expect_accepted(Check check, std::initializer_list<const char*> names) {
  for (const char* name : names) EXPECT_TRUE(check(name)) << "'" << name << "'";
}
void expect_refused(Check check, std::initializer_list<const char*> names, std::string_view before,
                    std::string_view after) {
  for (const char* name : names) {
    const Result<> result = check(name);
    ASSERT_FALSE(result) << "'" << name << "'";
    EXPECT_EQ(result.error().message, std::string(before) + name + std::string(after));
  }
}

TEST(Names, OfPackages) {
  expect_accepted(check_package_name, {"ab", "my-app", "my_app", "a1", "version", "bool", "hello-world"});
  expect_refused(check_package_name, {"", "a", "A", "PRJ", "1a", "-ab", "_", "_a", "a b", "a/b", "a.b", "ä-b", "ab\n"},
                 "Invalid name '", "'");
  expect_refused(check_package_name, {"this", "string", "integer", "list", "dict", "func"}, "The name '",
                 "' is a protected variable.");
}

TEST(Names, OfProjects) {
  expect_accepted(check_project_name, {"_", "prj", "quickstart"});
  expect_refused(check_project_name, {"", "p", "PRJ", "__"}, "Invalid name '", "'");
}

TEST(Names, OfEnvironments) {
  expect_accepted(check_environment_name, {"dev", "d", "stage-1", "pr_17"});
  expect_refused(check_environment_name, {"", "Dev", "1dev", "_dev", "de/v"}, "The environment name '",
                 "' is not allowed. Expected a string matching /^[a-z]+[a-z0-9-_]*$/");
}

TEST(Names, OfDeployments) {
  expect_accepted(check_deployment_name, {"quickstart/hello-world", "_/app", "A", "_", "web1"});
  expect_refused(check_deployment_name, {"", "1bad", "/x", "-x", "a:b", "a b"}, "The deployment name '",
                 "' is not allowed. Expected a string matching /^[a-zA-Z_]+[a-zA-Z0-9-_/]*$/");
}

}  // namespace names_test
}  // namespace escape::release
