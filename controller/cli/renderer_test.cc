#include "controller/cli/renderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
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

/// What a person sees of what was written: a terminal so wide, and as high as it needs to be.
std::string seen(const std::string& written, std::size_t columns) {
  std::vector<std::string> lines(1);
  std::size_t row = 0;
  std::size_t column = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::string_view left = std::string_view(written).substr(i);
    if (left.starts_with("\x1b[K")) {
      lines[row].resize(column);
      i += 2;
    } else if (left.starts_with("\x1b[1A")) {
      if (row == 0) return "the cursor leaves the screen";
      lines[--row].resize(column, ' ');
      i += 3;
    } else if (written[i] == '\r') {
      column = 0;
    } else if (written[i] == '\n') {
      if (++row == lines.size()) lines.emplace_back();
      column = 0;
    } else {
      if (column == columns) return "a line wraps: " + lines[row];
      lines[row].resize(std::max(lines[row].size(), column + 1), ' ');
      lines[row][column++] = written[i];
    }
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text.substr(0, text.size() - 1);
}

/// Output of some second; an empty one only looks at the screen.
struct Told {
  int second;
  std::string bytes;
  JobId job = 12;
};

/// What a pipe has got in the end, and what the screen has shown after each second.
struct Shown {
  std::string pipe;
  std::vector<std::string> screens;
};
Shown shown(const std::vector<Told>& all, std::size_t columns = 80) {
  Shown shown;
  Screen pipe;
  Screen terminal;
  Renderer to_pipe = pipe.make();
  Renderer to_terminal = terminal.make({.is_live = true, .columns = columns});
  for (std::size_t i = 0; i < all.size(); ++i) {
    protocol::LogEntry e = output(all[i].bytes, 0, all[i].job);
    e.time = Timestamp{1'000'000'000} + Millis{1'000 * all[i].second};
    to_pipe.show(e);
    to_terminal.show(e);
    to_pipe.refresh();
    if (i + 1 < all.size() && all[i + 1].second == all[i].second) continue;
    to_terminal.refresh();
    shown.screens.push_back(seen(terminal.text, columns));
  }
  to_pipe.finish();
  to_terminal.finish();
  shown.pipe = pipe.text;
  shown.screens.push_back(seen(terminal.text, columns));
  EXPECT_EQ(pipe.text.find('\r'), std::string::npos) << pipe.text;
  return shown;
}

TEST(Renderer, StatesAreReplacedOnATerminalAndLeftOutElsewhere) {
  using Screens = std::vector<std::string>;
  struct Row {
    const char* what;
    std::vector<Told> told;
    std::string pipe;
    Screens screens;
  };
  const std::string far = "\x1b[2J\x1b]0;title\x07\x1b[31m5%\x1b[0m\r";
  const Row rows[] = {
      {"a download",
       {{0, "Downloading\n"}, {1, "10%\r"}, {2, "20%\r"}, {3, "Finished\n"}},
       "Deploy: Downloading\nDeploy: Finished\n",
       {"Deploy: Downloading\n", "Deploy: Downloading\nDeploy: 10%", "Deploy: Downloading\nDeploy: 20%",
        "Deploy: Downloading\nDeploy: Finished\n", "Deploy: Downloading\nDeploy: Finished\n"}},
      {"many at once are not played back",
       {{1, "10%\r20%\r"}, {1, "30%\r"}},
       "Deploy: 30%\n",
       {"Deploy: 30%", "Deploy: 30%\n"}},
      {"the newest state is the line when nothing comes over it",
       {{1, "10%\r20%\r\n"}},
       "Deploy: 20%\n",
       {"Deploy: 20%\n", "Deploy: 20%\n"}},
      {"its newline comes later",
       {{1, "10%\r"}, {2, "\n"}},
       "Deploy: 10%\n",
       {"Deploy: 10%", "Deploy: 10%\n", "Deploy: 10%\n"}},
      {"lines of another system",
       {{1, "a\r\n\r\nb\r\n"}},
       "Deploy: a\nDeploy:\nDeploy: b\n",
       {"Deploy: a\nDeploy:\nDeploy: b\n", "Deploy: a\nDeploy:\nDeploy: b\n"}},
      {"the return comes first, as curl does it",
       {{1, "\r 10"}, {2, "\r 20"}, {3, "\r 30\n"}},
       "Deploy:  30\n",
       {"Deploy:  10", "Deploy:  20", "Deploy:  30\n", "Deploy:  30\n"}},
      {"blanks that wipe a bar, as npm does it",
       {{1, "50%\r"}, {2, "   \r\x1b[2K"}, {3, "done\n"}},
       "Deploy: done\n",
       {"Deploy: 50%", "Deploy: 50%", "Deploy: done\n", "Deploy: done\n"}},
      {"a state breaks off", {{1, "50%\r"}}, "Deploy: 50%\n", {"Deploy: 50%", "Deploy: 50%\n"}},
      {"a pipe gets one each ten seconds, the first not at once",
       {{0, "0%\r"}, {9, "9%\r"}, {10, "10%\r"}, {19, "19%\r"}, {21, "21%\r"}, {30, "30%\r"}, {31, "31%\r"}},
       "Deploy: 10%\nDeploy: 21%\nDeploy: 31%\n",
       {"Deploy: 0%", "Deploy: 9%", "Deploy: 10%", "Deploy: 19%", "Deploy: 21%", "Deploy: 30%", "Deploy: 31%",
        "Deploy: 31%\n"}},
      {"what moves the cursor is left out",
       {{0, far}, {10, far}},
       "Deploy: \x1b[31m5%\x1b[0m\n",
       {"Deploy: \x1b[31m5%\x1b[0m", "Deploy: \x1b[31m5%\x1b[0m", "Deploy: \x1b[31m5%\x1b[0m\n"}},
      {"other output moves in above",
       {{1, "10%\r"}, {2, "other\n", 13}, {3, "20%\r"}, {4, "30%\n"}},
       "Deploy: other\nDeploy: 30%\n",
       {"Deploy: 10%", "Deploy: other\nDeploy: 10%", "Deploy: other\nDeploy: 20%", "Deploy: other\nDeploy: 30%\n",
        "Deploy: other\nDeploy: 30%\n"}},
      {"two at once",
       {{1, "a1\r", 12}, {2, "b1\r", 13}, {3, "a2\r", 12}, {4, "c\n", 14}, {5, "a\n", 12}, {6, "b\n", 13}},
       "Deploy: c\nDeploy: a\nDeploy: b\n",
       {"Deploy: a1", "Deploy: a1\nDeploy: b1", "Deploy: a2\nDeploy: b1", "Deploy: c\nDeploy: a2\nDeploy: b1",
        "Deploy: c\nDeploy: a\nDeploy: b1", "Deploy: c\nDeploy: a\nDeploy: b\n", "Deploy: c\nDeploy: a\nDeploy: b\n"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const Shown both = shown(row.told);
    EXPECT_EQ(both.pipe, row.pipe);
    EXPECT_EQ(both.screens, row.screens);
  }
}

/// However two tasks' bytes are cut into entries, and whenever somebody looks: a terminal ends up with what a pipe
/// gets.
TEST(Renderer, WhatComesOfOutputDoesNotDependOnHowItComes) {
  constexpr std::string_view alphabet = "ab  \r\r\n";
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    std::string ordered;  // what each task says by itself
    Screen pipe;
    Screen terminal;
    Renderer to_pipe = pipe.make();
    Renderer to_terminal = terminal.make({.is_live = true, .columns = 30});
    for (std::size_t piece = 0; piece < 40; ++piece) {
      std::string bytes(below(6), ' ');
      for (char& byte : bytes) byte = alphabet[below(alphabet.size())];
      const protocol::LogEntry e = output(bytes, static_cast<std::uint32_t>(below(2)));
      if (e.task == 0) ordered += bytes;
      to_pipe.show(e);
      to_terminal.show(e);
      if (below(2) == 0) to_terminal.refresh();
    }
    to_pipe.finish();
    to_terminal.finish();
    EXPECT_EQ(pipe.text, seen(terminal.text, 30));
    EXPECT_EQ(pipe.text.find('\r'), std::string::npos);

    // One task alone, all at once and byte for byte.
    Screen whole;
    Screen single;
    Renderer at_once = whole.make();
    at_once.show(output(ordered));
    at_once.finish();
    Renderer by_bytes = single.make();
    for (const char byte : ordered) by_bytes.show(output(std::string(1, byte)));
    by_bytes.finish();
    EXPECT_EQ(whole.text, single.text);
  }
}

TEST(Renderer, AStateFitsItsTerminal) {
  const std::vector<Told> told{{1, "[##########          ]  50 %  1.0 of 2.0 MB  host/file\r"}};
  EXPECT_EQ(shown(told, 200).screens[0], "Deploy: [##########          ]  50 %  1.0 of 2.0 MB  host/file");
  EXPECT_EQ(shown(told, 40).screens[0], "Deploy: [##########          ]  50 %  1");
  EXPECT_EQ(shown(told, 5).screens[0], "Depl");
  EXPECT_EQ(shown(told, 1).screens[0], "");
}

TEST(Renderer, MoreStatesThanATerminalHasRowsAreLeftOut) {
  std::vector<Told> told;
  for (JobId job = 1; job <= 20; ++job) told.push_back({1, "x\r", job});
  const std::string screen = shown(told).screens[0];
  EXPECT_EQ(std::count(screen.begin(), screen.end(), '\n') + 1, std::ptrdiff_t(Renderer::most_rows));
}

TEST(Renderer, MessagesMoveInAboveTheStatesOfOtherJobs) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true});
  protocol::LogEntry other = entry("info", {"Smoke"}, "one");
  other.job = 13;
  renderer.show(entry("info", {"Deploy"}, "begins"));
  renderer.show(output("10%\r"));
  renderer.refresh();
  EXPECT_EQ(seen(screen.text, 80), "Deploy: begins\nDeploy: 10%");
  renderer.show(other);
  renderer.refresh();
  EXPECT_EQ(seen(screen.text, 80), "Deploy: begins\nSmoke: one\nDeploy: 10%");
  renderer.show(entry("error", {"Deploy"}, "Error: no"));
  renderer.refresh();
  renderer.finish();
  EXPECT_EQ(seen(screen.text, 80), "Deploy: begins\nSmoke: one\nDeploy: 10%\nDeploy: Error: no\n")
      << "how far it came stands above why it went no further";
}

TEST(Renderer, NothingIsDrawnTwice) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true});
  renderer.show(output("10%\r"));
  renderer.refresh();
  const std::string once = screen.text;
  renderer.show(output("10%\r"));
  renderer.refresh();
  EXPECT_EQ(screen.text, once);
}

TEST(Renderer, AReplayShowsOnlyWhatCameOfALine) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true, .is_replay = true});
  for (int percent = 0; percent < 100; ++percent) {
    protocol::LogEntry e = output(std::to_string(percent) + "%\r");
    e.time = Timestamp{} + Millis{1'000 * percent};
    renderer.show(e);
    renderer.refresh();
  }
  EXPECT_EQ(screen.text, "");
  renderer.show(output("Finished\n99%\r"));
  renderer.finish();
  EXPECT_EQ(screen.text, "Deploy: Finished\nDeploy: 99%\n");
}

TEST(Renderer, StatesAsJsonAreLikeThoseOfAPipe) {
  Screen screen;
  Renderer renderer = screen.make({.is_live = true, .is_json = true});
  for (int second = 0; second < 25; ++second) {
    protocol::LogEntry e = output(std::to_string(second) + "\r");
    e.time = Timestamp{} + Millis{1'000 * second};
    e.sequence = static_cast<std::uint64_t>(second) + 1;
    renderer.show(e);
    renderer.refresh();
  }
  renderer.show(output("Finished\r\n"));
  renderer.finish();
  EXPECT_EQ(screen.text.find('\r'), std::string::npos);
  EXPECT_EQ(screen.text.find("\\r"), std::string::npos) << screen.text;
  EXPECT_EQ(std::count(screen.text.begin(), screen.text.end(), '\n'), 3) << screen.text;
  EXPECT_NE(screen.text.find(R"("timestamp":"1970-01-01T00:00:20.000000Z","level":"info","message":"20",)"),
            std::string::npos)
      << screen.text;
  EXPECT_NE(screen.text.find(R"("sequence":21)"), std::string::npos) << screen.text;
  EXPECT_NE(screen.text.find(R"("message":"Finished",)"), std::string::npos) << screen.text;
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
