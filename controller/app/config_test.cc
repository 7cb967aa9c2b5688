#include "controller/app/config.h"

#include <gtest/gtest.h>

namespace escape::controller {
namespace {

TEST(ControllerConfig, AnEmptyFileIsEnough) {
  for (const char* text : {"", "# nothing\n", "---\n"}) {
    Result<Config> config = parse_config(text, "controller.yml");
    ASSERT_TRUE(config) << text;
    EXPECT_EQ(config.value().data, "/var/lib/escape");
    EXPECT_TRUE(to_options(config.value()));
  }
}

TEST(ControllerConfig, EverySettingIsTaken) {
  Result<Config> config = parse_config(
      "data: /tmp/x\nagents: 127.0.0.1:1\nclients: '[::1]:2'\nevents: 127.0.0.1:3\nhttp: 127.0.0.1:4\naddress: "
      "host.example\n"
      "open_writes: true\ninventory_url: http://i:1\nheartbeat: 500ms\nagent_wait: 2m\nstep_time_limit: "
      "1h30m\nlog_level: debug\ngreetings_per_second: 20\nsecrets_key: /etc/x.key\n",
      "c.yml");
  ASSERT_TRUE(config) << describe(config.error());
  EXPECT_EQ(config.value().settings.heartbeat, Millis{500});
  EXPECT_EQ(config.value().settings.agent_wait, Millis{120'000});
  EXPECT_EQ(config.value().settings.step_time_limit, Millis{5'400'000});
  EXPECT_EQ(config.value().log_level, LogLevel::debug);
  Result<ServerOptions> options = to_options(config.value());
  ASSERT_TRUE(options) << describe(options.error());
  EXPECT_EQ(options.value().agent_endpoints, std::vector<std::string>{"tcp://127.0.0.1:1"});
  EXPECT_EQ(options.value().http->address, "127.0.0.1");
  EXPECT_EQ(options.value().http->port, 4);
  EXPECT_TRUE(options.value().http->open_writes);
  EXPECT_EQ(options.value().settings.inventory_url, "http://i:1");
  EXPECT_EQ(options.value().secrets_key, "/etc/x.key");
  EXPECT_EQ(options.value().admission.per_second, 20);
  EXPECT_EQ(options.value().admission.at_once, 20);
}

TEST(ControllerConfig, AnyHostAndAnyPortAreWrittenAsStars) {
  Result<Config> config = parse_config("http: \"*:*\"\n", "c.yml");
  ASSERT_TRUE(config) << describe(config.error());
  Result<ServerOptions> options = to_options(config.value());
  ASSERT_TRUE(options) << describe(options.error());
  EXPECT_EQ(options.value().http->address, "0.0.0.0");
  EXPECT_EQ(options.value().http->port, 0);
}

TEST(ControllerConfig, ANumberIsNoAddress) {
  Config config;
  config.agents = "99999";
  const Result<ServerOptions> options = to_options(config);
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().kind, ErrorKind::bad_configuration);
  EXPECT_EQ(options.error().message, "The setting 'agents': '99999' is a number, not an address.");
}

TEST(ControllerConfig, MistakesAreNamedWithFileAndLine) {
  const std::pair<const char*, const char*> rows[] = {
      {"data: /x\nagentz: 1\n", "c.yml, line 2: 'agentz' is not a setting"},
      {"heartbeat: soon\n", "c.yml, line 1: 'heartbeat': expected a duration such as 10s or 1h30m"},
      {"heartbeat: 0s\n", "c.yml, line 1: 'heartbeat': expected a duration above zero"},
      {"open_writes: maybe\n", "c.yml, line 1: 'open_writes': expected true or false"},
      {"greetings_per_second: 0\n", "c.yml, line 1: 'greetings_per_second': expected a number from 1 to 100000"},
      {"greetings_per_second: many\n", "c.yml, line 1: 'greetings_per_second': expected a number from 1 to 100000"},
      {"data: [a]\n", "c.yml, line 1: 'data': expected text"},
      {"- a\n", "c.yml, line 1: expected settings such as 'data: /var/lib/escape'"},
      {"data: a\ndata: b\n",
       "c.yml: line 2, column 1: the key 'data' is there already in line 1, expected each key once"},
  };
  for (const auto& [text, message] : rows) {
    Result<Config> config = parse_config(text, "c.yml");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().kind, ErrorKind::bad_configuration) << text;
    EXPECT_EQ(describe(config.error()), message);
  }
}

}  // namespace
}  // namespace escape::controller
