#include "shared/base/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>

#include "shared/base/check.h"

namespace escape {

/// Puts both variables of systemd and the quiet default logger back.
class Log : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("JOURNAL_STREAM");
  }
  void TearDown() override {
    unsetenv("JOURNAL_STREAM");
    set_up_logging("escape", LogLevel::warn);
  }
  static std::string written(LogLevel threshold, const std::function<void()>& act) {
    testing::internal::CaptureStderr();
    set_up_logging("escape-agent", threshold);
    act();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, LinesCarryTimeLevelAndProgram) {
  const std::string line = written(LogLevel::info, [] { log_info("joined as {}", "stage-1"); });
  EXPECT_NE(line.find("Z info escape-agent: joined as stage-1\n"), std::string::npos) << line;
  EXPECT_EQ(line[4], '-');
  EXPECT_EQ(line[10], 'T');
}

TEST_F(Log, BelowTheThresholdNothingIsWritten) {
  EXPECT_EQ(written(LogLevel::warn,
                    [] {
                      log_info("quiet");
                      log_debug("quiet");
                    }),
            "");
  EXPECT_NE(written(LogLevel::warn, [] { log_warn("loud"); }), "");
  EXPECT_NE(written(LogLevel::debug, [] { log_debug("loud"); }), "");
}

TEST_F(Log, UnderSystemdLinesCarryThePriority) {
  setenv("JOURNAL_STREAM", "8:12345", 1);
  const std::string lines = written(LogLevel::debug, [] {
    log_debug("d");
    log_info("i");
    log_warn("w");
    log_error("e");
  });
  EXPECT_EQ(lines, "<7>d\n<6>i\n<4>w\n<3>e\n");
}

TEST_F(Log, AMessageIsAlwaysOneLineAndItsBracesAreText) {
  setenv("JOURNAL_STREAM", "8:12345", 1);
  EXPECT_EQ(written(LogLevel::info, [] { log(LogLevel::info, "a\n<0>b\x1b[2J {} %v"); }),
            "<6>a\\n<0>b\\x1b[2J {} %v\n");
}

TEST_F(Log, LevelsHaveWords) {
  EXPECT_EQ(parse_log_level("debug").value(), LogLevel::debug);
  EXPECT_EQ(parse_log_level("info").value(), LogLevel::info);
  EXPECT_EQ(parse_log_level("warn").value(), LogLevel::warn);
  EXPECT_EQ(parse_log_level("error").value(), LogLevel::error);
  EXPECT_EQ(parse_log_level("loud").error().kind, ErrorKind::bad_configuration);
}

TEST(CheckDeathTest, ABrokenConditionIsSaidAndAborts) {
  const int rows = 2;
  CHECK(rows == 2);
  EXPECT_DEATH(CHECK(rows == 3), "bug: 'rows == 3' does not hold at .*log_test.cc");
}

}  // namespace escape
