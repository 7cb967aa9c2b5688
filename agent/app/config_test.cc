#include "agent/app/config.h"

#include <gtest/gtest.h>

namespace escape::agent::config_test {

TEST(AgentConfig, EverythingHasADefault) {
  const Config config = parse_config("", "agent.yml").value();
  EXPECT_EQ(config.data_folder, "/var/lib/escape-agent");
  EXPECT_EQ(config.log_level, LogLevel::info);
}

TEST(AgentConfig, ReadsItsSettings) {
  const Config config =
      parse_config("data: /srv/agent\ncontroller: host:7771\nlabels: {role: web, zone: '1'}\nlog_level: debug\n",
                   "agent.yml")
          .value();
  EXPECT_EQ(config.data_folder, "/srv/agent");
  EXPECT_EQ(config.controller, "host:7771");
  EXPECT_EQ(config.labels, (std::map<std::string, std::string>{{"role", "web"}, {"zone", "1"}}));
  EXPECT_EQ(config.log_level, LogLevel::debug);
}

TEST(AgentConfig, MistakesNameFileLineAndWhatWasExpected) {
  const std::pair<std::string, std::string> cases[] = {
      {"data: /srv\nlable: {a: b}\n", "agent.yml, line 2"},
      {"data: [a]\n", "a folder for 'data'"},
      {"labels: web\n", "names and values"},
      {"\n\nlog_level: loud\n", "line 3"},
      {"data: a\ndata: b\n", "line 2"},
      {"a: [\n", "line"},
      {"- a\n", "expected settings"},
  };
  for (const auto& [text, expected] : cases) {
    const Result<Config> config = parse_config(text, "agent.yml");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().kind, ErrorKind::bad_configuration);
    EXPECT_NE(config.error().message.find(expected), std::string::npos) << config.error().message;
    EXPECT_TRUE(config.error().message.starts_with("agent.yml, ")) << config.error().message;
  }
  EXPECT_NE(parse_config("lable: {}\n", "agent.yml").error().hint.find("'labels'"), std::string::npos);
}

TEST(AgentConfig, AMissingFileIsNamed) {
  EXPECT_EQ(load_config("/no/such/agent.yml").error().kind, ErrorKind::not_found);
}

}  // namespace escape::agent::config_test
