#include "agent/runner/process_limits.h"

#include <gtest/gtest.h>

namespace escape::runner::process_limits_test {

using Names = std::vector<std::string>;
constexpr ProcessLimits limits{100, 1000};

class FittingAProcess : public testing::Test {
 protected:
  std::string failure() {
    const auto done = fit_into_process(request, files, limits);
    return done ? "nothing failed" : done.error().message;
  }
  Names lines() { return fit_into_process(request, files, limits).value(); }

  RunRequest request;
  std::vector<protocol::FileToWrite> files;
};

TEST_F(FittingAProcess, WhatFitsIsLeftAlone) {
  request.argv = {"sh", std::string(99, 'x')};
  request.variables = {{"INPUT_a", std::string(100 - 9, 'x')}, {"PATH", "/bin"}};
  EXPECT_EQ(lines(), Names{});
  EXPECT_EQ(request.not_passed, Names{});
}

TEST_F(FittingAProcess, WhatNoVariableCanHoldIsNamed) {
  request.variables = {{"INPUT_a", std::string(92, 'x')}, {"INPUT_b", std::string("x\0y", 3)}, {"INPUT_c", "good"}};
  EXPECT_EQ(failure(), "INPUT_a has 92 bytes, and its value can have 91; INPUT_b holds a NUL, which no variable can");
  EXPECT_EQ(fit_into_process(request, files, limits).error().hint,
            "Let the script read it from a file: with an input {id: a_file, default: $this.inputs.a.file} it finds "
            "the path of one in $INPUT_a_file.");
  request.variables.clear();
  request.argv = {"x", std::string(100, 'x')};
  EXPECT_EQ(failure(), "Argument 1 of its command has 100 bytes, and one can have 99");
  request.argv = {"x", std::string("\0", 1)};
  EXPECT_EQ(failure(), "Argument 1 of its command holds a NUL");
}

TEST_F(FittingAProcess, WhatTheScriptCanDoWithoutIsLeftOutAndSaid) {
  const std::string large(92, 'x');
  request.variables = {{"INPUT_a", large},
                       {"INPUT_PREVIOUS_a", std::string("\0", 1)},
                       {"INPUT_PREVIOUS_OUTPUT_b", std::string(500, 'x')}};
  files = {{"deploy.txt", large}};
  EXPECT_NE(failure(), "nothing failed") << "not a file of a value";
  request.not_passed.clear();
  files.push_back({".escape/inputs/12ab", large});
  EXPECT_EQ(lines(), (Names{"INPUT_PREVIOUS_OUTPUT_b is not set for the script: it has 500 bytes, and its value can "
                            "have 75.\n",
                            "INPUT_PREVIOUS_a is not set for the script: it holds a NUL, which no variable can.\n",
                            "INPUT_a is not set for the script: it has 92 bytes, and its value can have 91. Its value "
                            "is in the file .escape/inputs/12ab.\n"}));
  EXPECT_EQ(request.not_passed, (Names{"INPUT_PREVIOUS_OUTPUT_b", "INPUT_PREVIOUS_a", "INPUT_a"}));
  EXPECT_EQ(request.variables.size(), 3u) << "secrets among them are masked all the same";
}

TEST_F(FittingAProcess, AllTogetherTheyHaveALimit) {
  for (char id = 'a'; id < 'k'; ++id) {
    request.variables[std::string("INPUT_") + id] = std::string(60, 'x');
    request.variables[std::string("INPUT_PREVIOUS_") + id] = std::string(40, 'x');
  }
  request.variables["INPUT_PREVIOUS_a"] += "y";
  EXPECT_EQ(lines().size(), 7u) << "ten inputs of 77 bytes each leave room for three of 66";
  EXPECT_FALSE(request.not_passed.empty());
  EXPECT_EQ(request.not_passed.front(), "INPUT_PREVIOUS_a") << "the largest first";

  request.not_passed.clear();
  for (char id = 'k'; id < 'n'; ++id) request.variables[std::string("INPUT_") + id] = std::string(61, 'x');
  EXPECT_EQ(failure(),
            "Its variables and arguments have 1020 bytes together, and a script can have 1000. The largest: INPUT_k "
            "(61), INPUT_l (61), INPUT_m (61), INPUT_a (60), INPUT_b (60)");
  request.not_passed.clear();
  files = {{".escape/inputs/1", std::string(61, 'x')}};
  EXPECT_EQ(lines().back(),
            "INPUT_k is not set for the script: it is too much: all variables together can have 1000 bytes. Its value "
            "is in the file .escape/inputs/1.\n");
}

TEST(ProcessLimits, OfThisMachineAreSensible) {
  const ProcessLimits real = process_limits();
  EXPECT_GE(real.one, 128u << 10);
  EXPECT_GE(real.all, 120u << 10);
}

}  // namespace escape::runner::process_limits_test
