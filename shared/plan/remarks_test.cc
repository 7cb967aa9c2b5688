#include "shared/plan/remarks.h"

#include <gtest/gtest.h>

#include "shared/plan/yaml.h"

namespace escape::plan::yaml {
namespace remarks_test {

/// "2:5 # text" for a line of its own, "2:5+ # text" behind something, "3" for a blank line.
std::vector<std::string> shown(std::string_view text) {
  std::vector<std::string> lines;
  for (const Remark& remark : find_remarks(text).remarks) {
    std::string line = std::to_string(remark.place.line);
    if (!remark.text.empty()) {
      line += ":" + std::to_string(remark.place.column) + (remark.is_trailing ? "+ " : " ") + remark.text;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Remarks, TellsCommentsFromText) {
  struct Case {
    const char* name;
    std::string text;
    std::vector<std::string> expected;
  };
  const std::vector<Case> cases{
      {"line of its own", "# one\na: b\n  # two  \n", {"1:1 # one", "3:3 # two"}},
      {"behind a value", "a: b # c\n", {"1:6+ # c"}},
      {"behind a key alone", "a: # c\n  b\n", {"1:4+ # c"}},
      {"behind a dash alone", "a:\n- # c\n  b: 1\n", {"2:3 # c"}},
      {"within plain text", "a: b#c http://x/#y\n", {}},
      {"behind a tab", "a: b\t# c\n", {"1:6+ # c"}},
      {"in double quotes", "a: \"x # y \\\" # z\" # c\n", {"1:19+ # c"}},
      {"in single quotes", "a: 'x # y '' # z' # c\n", {"1:19+ # c"}},
      {"quotes over lines", "a: \"x\n  # y\n\n  z\" # c\n", {"4:6+ # c"}},
      {"quotes within plain text", "a: it's # c\nb: '# d'\n", {"1:9+ # c"}},
      {"plain text over lines", "a: x\n\n  \"y # c\nb: z\n", {"3:6+ # c"}},
      {"dashes within plain text", "a: x\n  - 'y # c\nb: 'z # z'\n", {"2:8+ # c"}},
      {"dashes are no plain text", "a:\n- x\n- 'y # z'\n", {}},
      {"no space behind a bracket or a quote", "a: [b]#c\nd: \"e\"#f\n", {"1:7+ #c", "2:7+ #f"}},
      {"within brackets",
       "a: [b, # c\n  # d\n  'e # f', g#h,# i\n] # j\n",
       {"1:8+ # c", "2:3 # d", "3:16+ # i", "4:3+ # j"}},
      {"braces", "a: {b: 'x # y', \"c\":\"d # e\"} # f\n", {"1:30+ # f"}},
      {"literal block", "a: | # c\n  # text\n\n  text # text\n# d\n", {"1:6+ # c", "5:1 # d"}},
      {"folded block with a digit", "a:\n  b: >-2\n      x\n     # y\n   # z\n", {"5:4 # z"}},
      {"block in a list", "a:\n- |\n  # text\n # c\n- - |\n    # text\n  # d\n", {"4:2 # c", "7:3 # d"}},
      {"block of a key in a list",
       "a:\n- b: |\n    # text\n   # c\n  d: |-\n   # text\n  # e\n",
       {"4:4 # c", "7:3 # e"}},
      {"block behind tag and anchor", "a: &x !!str |\n # text\n", {}},
      {"block with its head on the next line", "a:\n  |\n # text\n# c\n", {"4:1 # c"}},
      {"block below a key with an anchor", "a:\n  &x b: |\n    # text\n  # c\n", {"4:3 # c"}},
      {"empty block", "a: |\n# c\nb: |\n\n# d\n", {"2:1 # c", "4", "5:1 # d"}},
      {"block at the end without a line break", "a: |\n  # text", {}},
      {"carriage returns", "a: b # c\r\n\r\nd: |\r\n  # text\r\n# e\r\n", {"1:6+ # c", "2", "5:1 # e"}},
      {"a carriage return alone is text", "a: b\r# c\n", {}},
      {"byte order mark", "\xEF\xBB\xBF# c\na: b\n", {"1:1 # c"}},
      {"document marker", "--- # c\na: b\n... # d\n", {"1:5 # c", "3:5 # d"}},
      {"marker before braces", "--- {a: \"x # y\"}\n", {}},
      {"blank lines", "\na: b\n \t\n\nc: d\n", {"1", "3", "4"}},
      {"blank lines within plain text are none", "a: b\n\n  c\n\nd: e\n", {"4"}},
      {"explicit keys", "? a # c\n: |\n # text\n", {"1:5+ # c"}},
      {"aliases", "a: &x b # c\nd: *x # e\n", {"1:9+ # c", "2:7+ # e"}},
      {"no line break at the end", "a: b # c", {"1:6+ # c"}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(shown(each.text), each.expected) << each.name;
    EXPECT_TRUE(read(each.text)) << each.name << ": " << read(each.text).error().message;
  }
}

TEST(Remarks, GivesTheExtentOfBrackets) {
  const Remarks found = find_remarks("a: [b, {c: d},\n  e]\n");
  ASSERT_EQ(found.flows.size(), 2u);
  EXPECT_EQ(found.flows[0].open, (Place{1, 8}));
  EXPECT_EQ(found.flows[0].close, (Place{1, 13}));
  EXPECT_EQ(found.flows[1].open, (Place{1, 4}));
  EXPECT_EQ(found.flows[1].close, (Place{2, 4}));
}

TEST(Remarks, AnyTextEndsWell) {
  for (const char* text :
       {"", "#", "]}", "[{", "\"", "'", "\"\\", "'''", "|", "a: |9", "&", "*", "!", "- - ? :", "\xEF\xBB\xBF"}) {
    find_remarks(text);
  }
}

}  // namespace remarks_test
}  // namespace escape::plan::yaml
