#include "shared/base/fault_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace escape::fault_point_test {

/// What a process does that has this fault and passes there `passes` times.
void pass(const char* fault, int passes) {
  ::setenv("ESCAPE_FAULT", fault, 1);
  for (int i = 0; i < passes; ++i) fault_point("here");
  std::_Exit(0);
}

TEST(FaultPoint, KillsAtTheNamedPassOrNeverInABuildWithout) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto lives = ::testing::ExitedWithCode(0);
  EXPECT_EXIT(pass("elsewhere", 3), lives, "");
  EXPECT_EXIT(pass("here:4", 3), lives, "");
  if (has_fault_points()) {
    EXPECT_EXIT(pass("here", 1), ::testing::KilledBySignal(SIGKILL), "");
    EXPECT_EXIT(pass("here:3", 3), ::testing::KilledBySignal(SIGKILL), "");
  } else {
    EXPECT_EXIT(pass("here", 1), lives, "");
  }
}

TEST(FaultPoint, ItsFileLetsItHappenOnce) {
  if (!has_fault_points()) {
    std::puts("built without fault points: there is nothing to happen");
    return;
  }
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  // The statement runs in another process, which the name must survive.
  const std::string file = ::testing::TempDir() + "fault-" + std::to_string(::getuid());
  ::unlink(file.c_str());
  EXPECT_EXIT(pass(("here@" + file).c_str(), 1), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(
      {
        ::setenv("ESCAPE_FAULT", ("here@" + file).c_str(), 1);
        if (::access(file.c_str(), F_OK) == 0) fault_point("here");
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  ::unlink(file.c_str());
}

}  // namespace escape::fault_point_test
