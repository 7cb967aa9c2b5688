// The mistakes that people make: each is told what, on what, why and what to do, with the right exit code, and loses
// nothing.

#include <gtest/gtest.h>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class BadInput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster = new Cluster({"test"});
    cluster->write_hello_world();
    ASSERT_EQ(cluster->escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
  }
  static void expect(const std::vector<std::string>& arguments, int exit_status,
                     const std::vector<std::string>& parts) {
    const Ran ran = cluster->escape(arguments);
    EXPECT_EQ(ran.exit_status, exit_status) << ran.all();
    for (const std::string& part : parts)
      EXPECT_TRUE(has(ran.all(), part)) << "'" << part << "' is not in:\n" << ran.all();
  }
  static Cluster* cluster;
};
Cluster* BadInput::cluster = nullptr;

TEST_F(BadInput, UnknownRelease) {
  expect({"run", "deploy", "quickstart/nothing-v1.0", "-e", "test"}, 1, {"quickstart/nothing"});
  expect({"run", "deploy", "quickstart/hello-world-v7", "-e", "test"}, 1, {"quickstart/hello-world-v7"});
}

TEST_F(BadInput, MalformedRelease) {
  expect({"run", "deploy", "name", "-e", "test"}, 65, {"Invalid release format: name."});
}

TEST_F(BadInput, EnvironmentWithoutAgents) {
  expect({"run", "deploy", "quickstart/hello-world-latest", "-e", "nobody"}, 7, {"no agent", "escape agents invite"});
}

TEST_F(BadInput, UnknownFlagAndCommand) {
  expect({"run", "deplyo"}, 64, {"deplyo", "deploy"});
  expect({"run", "deploy", "--nonsense"}, 64, {"--nonsense"});
}

TEST_F(BadInput, PromoteOfWhatIsNotThere) {
  expect({"run", "promote", "-d", "quickstart/none", "-e", "test", "--to", "live", "-f"}, 1,
         {"Deployment quickstart/none was not found in the environment test."});
  expect({"run", "promote", "-e", "test", "--to", "live"}, 64, {"Missing deployment name."});
}

TEST_F(BadInput, UndeclaredInput) {
  expect({"run", "deploy", "quickstart/hello-world-latest", "-e", "test", "-v", "whoo=x"}, 65, {"whoo", "who"});
}

TEST_F(BadInput, VersionTaken) {
  write_text(cluster->workspace() + "/fixed.yml", "name: quickstart/fixed\nversion: 1.0\n");
  ASSERT_EQ(cluster->escape({"run", "release", "--plan", "fixed.yml"}).exit_status, 0);
  expect({"run", "release", "--plan", "fixed.yml", "-f"}, 6, {"1.0", "already exists"});
}

TEST_F(BadInput, FailingScript) {
  write_text(cluster->workspace() + "/fails.sh", "#!/bin/sh\necho on the way\necho it broke >&2\nexit 7\n", 0755);
  write_text(cluster->workspace() + "/fails.yml", "name: quickstart/fails\nversion: 0.@\ndeploy: fails.sh\n");
  ASSERT_EQ(cluster->escape({"run", "release", "--plan", "fails.yml", "--skip-deploy"}).exit_status, 0);
  expect({"run", "deploy", "quickstart/fails-latest", "-e", "test"}, 3, {"exit status 7", "it broke"});
  expect({"status"}, 0, {"fail"});
}

TEST_F(BadInput, OutputsThatAreNotJson) {
  write_text(cluster->workspace() + "/outputs.sh", "#!/bin/sh\necho oops > \"$1\"\n", 0755);
  write_text(cluster->workspace() + "/outputs.yml", "name: quickstart/outputs\nversion: 0.@\ndeploy: outputs.sh\n");
  ASSERT_EQ(cluster->escape({"run", "release", "--plan", "outputs.yml", "--skip-deploy"}).exit_status, 0);
  expect({"run", "deploy", "quickstart/outputs-latest", "-e", "test"}, 3, {"outputs", "JSON"});
}

TEST_F(BadInput, BadPlan) {
  write_text(cluster->workspace() + "/bad.yml", "name: quickstart/bad\nversion: 1.0\ndeplyo: x.sh\n");
  expect({"plan", "preview", "--plan", "bad.yml"}, 65, {"bad.yml", "line 3", "deplyo", "deploy"});
}

TEST_F(BadInput, SecondControllerOnTheSameData) {
  const std::string out = cluster->folder() + "/second-controller";
  Process second(
      cluster->on("controller", {program("escape-controller"), "--config", cluster->folder() + "/controller.yml"}),
      {.output_file = out, .error_file = out});
  EXPECT_EQ(second.wait(), 6) << read_text(out);
  EXPECT_TRUE(has(read_text(out), cluster->folder() + "/controller")) << read_text(out);
}

TEST_F(BadInput, UnreachableController) {
  Cluster other({});
  other.kill_controller();
  const Ran ran = other.escape({"status", "--timeout", "2s"});
  EXPECT_EQ(ran.exit_status, 69) << ran.all();
}

}  // namespace
}  // namespace escape::testing
