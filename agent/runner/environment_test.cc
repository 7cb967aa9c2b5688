#include "agent/runner/environment.h"

#include <gtest/gtest.h>

namespace escape::runner::environment_test {

const std::map<std::string, std::string> own{
    {"PATH", "/bin"}, {"HOME", "/root"}, {"AWS_SECRET", "s"}, {"TERM", "xterm"}};

protocol::Offer offer() {
  protocol::Offer offer;
  offer.environment = "stage";
  offer.deployment = "app";
  offer.variables = {{"INPUT_a", "A"}, {"PATH", "/evil"}, {"ESCAPE_ARCH", "pdp11"}};
  return offer;
}

TEST(ScriptEnvironment, EnrolledAgentsGiveACleanOne) {
  const auto all = script_environment(offer(), own, false);
  EXPECT_EQ(all.at("PATH"), "/bin");
  EXPECT_EQ(all.at("HOME"), "/root");
  EXPECT_EQ(all.at("TERM"), "dumb");
  EXPECT_EQ(all.at("INPUT_a"), "A");
  EXPECT_EQ(all.at("ESCAPE_PLATFORM"), "linux");
  EXPECT_EQ(all.at("ESCAPE_ARCH"), arch_name());
  EXPECT_EQ(all.at("ESCAPE_ENVIRONMENT"), "stage");
  EXPECT_EQ(all.at("ESCAPE_DEPLOYMENT"), "app");
  EXPECT_EQ(all.at("PYTHONUNBUFFERED"), "1");
  EXPECT_FALSE(all.contains("AWS_SECRET"));
}

TEST(ScriptEnvironment, WorkspacesInheritTheCallers) {
  const auto all = script_environment(offer(), own, true);
  EXPECT_EQ(all.at("AWS_SECRET"), "s");
  EXPECT_EQ(all.at("TERM"), "xterm");
  EXPECT_EQ(all.at("PATH"), "/bin");
}

TEST(ScriptEnvironment, ThereIsAlwaysAPath) { EXPECT_FALSE(script_environment(offer(), {}, false).at("PATH").empty()); }

}  // namespace escape::runner::environment_test
