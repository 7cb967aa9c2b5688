#include "controller/cli/renderer.h"

#include <gtest/gtest.h>

namespace escape::cli {
namespace renderer_testing {

struct Screen {
  std::string text;
  Renderer make(Renderer::Style style = {}) {
    return Renderer(std::move(style), [this](std::string_view piece) { text += piece; });
  }
};

protocol::LogEntry entry(std::string level, std::vector<std::string> sections, std::string text) {
  protocol::LogEntry e;
  e.job = 12;
  e.level = std::move(level);
  e.sections = std::move(sections);
  e.text = std::move(text);
  return e;
}

protocol::LogEntry output(std::string bytes, std::uint32_t task = 0, JobId job = 12) {
  protocol::LogEntry e = entry("output", {"Deploy"}, "");
  e.job = job;
  e.task = task;
  e.attempt = 1;
  e.bytes = Binary{std::move(bytes)};
  return e;
}

TEST(Renderer, ShowsTheDeployOfTheWalkThrough) {
  Screen screen;
  Renderer renderer = screen.make();
  renderer.show(entry("info", {"Deploy"}, "Running deploy step deploy.sh."));
  renderer.show(output("Hello Sta"));
  renderer.show(output("ge!\n"));
  renderer.show(entry("success", {"Deploy"}, "Successfully deployed quickstart/hello-world-v0.0.1."));
  renderer.finish();
  EXPECT_EQ(screen.text,
            "Deploy: Running deploy step deploy.sh.\n"
            "Deploy: Hello Stage!\n"
            "Deploy: ✔️ Successfully deployed quickstart/hello-world-v0.0.1.\n");
}

TEST(Renderer, AnUnfinishedLineComesBeforeWhatIsToldAfterIt) {
  Screen screen;
  Renderer renderer = screen.make();
  renderer.show(output("no newline"));
  renderer.show(output("another job's", 0, 13));
  renderer.show(entry("success", {"Deploy"}, "Done."));
  EXPECT_EQ(screen.text, "Deploy: no newline\nDeploy: ✔️ Done.\n");
  renderer.finish();
  EXPECT_EQ(screen.text, "Deploy: no newline\nDeploy: ✔️ Done.\nDeploy: another job's\n");
}

TEST(Renderer, OnATerminalACarriageReturnKeepsThePrefix) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true});
  renderer.show(output("10%\r20%\r\n"));
  EXPECT_EQ(screen.text, "Deploy: 10%\r\x1b[KDeploy: 20%\n");
  Screen pipe;
  pipe.make().show(output("10%\r20%\r\n"));
  EXPECT_EQ(pipe.text, "Deploy: 10%\r20%\n");
}

TEST(Renderer, IndentsTwoBlanksForEachSectionBelowTheFirst) {
  Screen screen;
  Renderer renderer = screen.make({.outer = {"Promote"}});
  renderer.say("info", {}, "Promoting.");
  renderer.show(entry("info", {"Deploy"}, "Starting."));
  renderer.show(entry("error", {"Deploy", "Dependency _/x-v1"}, "Error: no"));
  EXPECT_EQ(screen.text, "Promote: Promoting.\n  Deploy: Starting.\n    Dependency _/x-v1: Error: no\n");
}

TEST(Renderer, NoSectionNoPrefix) {
  Screen screen;
  screen.make().show(entry("info", {}, "hello"));
  EXPECT_EQ(screen.text, "hello\n");
}

TEST(Renderer, AssemblesLinesForEachTask) {
  Screen screen;
  Renderer renderer = screen.make();
  renderer.show(output("one ", 0, 1));
  renderer.show(output("two ", 0, 2));
  renderer.show(output("a\n", 0, 1));
  renderer.show(output("b\r\n\n  c\n", 0, 2));
  EXPECT_EQ(screen.text, "Deploy: one a\nDeploy: two b\nDeploy:\nDeploy:   c\n");
}

TEST(Renderer, ShowsALastLineWithoutNewlineAtTheEnd) {
  Screen screen;
  Renderer renderer = screen.make();
  renderer.show(output("no newline"));
  EXPECT_EQ(screen.text, "");
  renderer.finish();
  EXPECT_EQ(screen.text, "Deploy: no newline\n");
}

TEST(Renderer, VeryLongLinesStayOneLine) {
  Screen screen;
  Renderer renderer = screen.make();
  const std::string chunk(Renderer::held_back, 'x');
  for (int i = 0; i < 5; ++i) renderer.show(output(chunk));
  renderer.show(output("end\n"));
  EXPECT_EQ(screen.text, "Deploy: " + chunk + chunk + chunk + chunk + chunk + "end\n");
}

TEST(Renderer, AnotherEntryBreaksAnUnfinishedLine) {
  Screen screen;
  Renderer renderer = screen.make();
  const std::string chunk(Renderer::held_back, 'x');
  renderer.show(output(chunk, 0));
  renderer.show(entry("warn", {"Deploy"}, "slow"));
  renderer.show(output("rest\n", 0));
  EXPECT_EQ(screen.text, "Deploy: " + chunk + "\nDeploy: slow\nDeploy: rest\n");
}

TEST(Renderer, HidesWhatIsBelowTheLevel) {
  Screen screen;
  Renderer renderer = screen.make({.threshold = LogThreshold::success});
  renderer.show(entry("debug", {}, "a"));
  renderer.show(entry("info", {}, "b"));
  renderer.show(output("c\n"));
  renderer.show(entry("success", {}, "d"));
  renderer.show(entry("error", {}, "e"));
  renderer.finish();
  EXPECT_EQ(screen.text, "✔️ d\ne\n");
  EXPECT_TRUE(renderer.has_told("e"));
  EXPECT_FALSE(renderer.has_told(""));
}

TEST(Renderer, ColoursOnlyWhenAsked) {
  Screen screen;
  Renderer renderer = screen.make({.is_colourful = true});
  renderer.show(entry("success", {"Deploy"}, "done"));
  renderer.show(entry("error", {"Deploy"}, "bad"));
  EXPECT_EQ(screen.text, "Deploy: \x1b[32m✔️ done\x1b[0m\nDeploy: \x1b[31mbad\x1b[0m\n");
}

TEST(Renderer, LiveLinesOverwriteWithinASectionAndNeverOutput) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true});
  renderer.show(entry("info", {"Deploy"}, "one"));
  renderer.show(entry("info", {"Deploy"}, "two"));
  renderer.show(output("out\n"));
  renderer.show(entry("info", {"Smoke tests"}, "three"));
  renderer.finish();
  EXPECT_EQ(screen.text, "Deploy: one\r\x1b[KDeploy: two\nDeploy: out\nSmoke tests: three\n");
}

TEST(Renderer, JsonIsOneObjectPerLine) {
  Screen screen;
  Renderer renderer = screen.make({.is_json = true, .outer = {"Release"}});
  protocol::LogEntry e = entry("info", {"Build"}, "Starting \"build\".");
  e.sequence = 3;
  renderer.show(e);
  renderer.show(output("a\nb"));
  renderer.finish();
  EXPECT_NE(
      screen.text.find(
          R"("message":"Starting \"build\".","log_sections":["Release","Build"],"is_output":false,"job":12,"sequence":3})"),
      std::string::npos)
      << screen.text;
  EXPECT_EQ(std::count(screen.text.begin(), screen.text.end(), '\n'), 3);
}

TEST(Renderer, RefusesUnknownLevels) {
  EXPECT_EQ(parse_threshold("warn").value(), LogThreshold::warn);
  EXPECT_EQ(parse_threshold("wran").error().kind, ErrorKind::usage);
}

}  // namespace renderer_testing
}  // namespace escape::cli
