#include "shared/plan/format.h"

#include <gtest/gtest.h>

#include "shared/base/text.h"
#include "shared/plan/plan_fields.h"

namespace escape::plan {
namespace format_test {

/// The formatted plan without the fields that say nothing and have no comment, and the blank line before each of them.
std::string said(const std::string& text) {
  const Result<std::string> formatted = format(text, "escape.yml", FormatStyle::full);
  EXPECT_TRUE(formatted) << describe(formatted.error());
  if (!formatted) return {};
  std::string kept;
  bool is_blank = false;
  for (const std::string& line : split(formatted.value(), '\n')) {
    bool is_empty_field = false;
    for (const PlanField& field : plan_fields()) {
      is_empty_field |= line == std::string(field.name) + ": " + std::string(field.empty);
    }
    if (!line.empty() && !is_empty_field) kept += (is_blank && !kept.empty() ? "\n" : "") + line + "\n";
    is_blank = line.empty() || is_empty_field;
  }
  return kept;
}

TEST(Format, WritesEveryFieldInOrder) {
  EXPECT_EQ(format("build: ./x.sh\nversion: 1.10\nname: a/b\n", "escape.yml", FormatStyle::full).value(),
            R"(name: a/b

version: 1.10

description: ""

license: ""

logo: ""

extends: []

depends: []

consumes: []

build_consumes: []

deploy_consumes: []

provides: []

inputs: []

build_inputs: []

deploy_inputs: []

outputs: []

build_outputs: []

deploy_outputs: []

metadata: {}

includes: []

generates: []

errands: {}

downloads: []

templates: []

build_templates: []

deploy_templates: []

pre_build: ""

build: ./x.sh

post_build: ""

test: ""

pre_deploy: ""

deploy: ""

post_deploy: ""

smoke: ""

pre_destroy: ""

destroy: ""

post_destroy: ""

activate_provider: ""

deactivate_provider: ""
)");
}

struct Case {
  const char* name;
  std::string text;
  std::string expected;
};

TEST(Format, ValuesInOneForm) {
  const std::vector<Case> cases{
      {"flow to block", "includes: [a, 'b c', []]\nmetadata: {x: 1, y: {}}\n",
       "metadata:\n  x: 1\n  y: {}\n\nincludes:\n- a\n- b c\n- []\n"},
      {"indented lists", "inputs:\n    -   id: a\n        items:\n          - 1\n    - b\n",
       "inputs:\n- id: a\n  items:\n  - 1\n- b\n"},
      {"lists in lists and maps in lists", "inputs:\n- - - a\n    - b\n  - c: {d: [e]}\n",
       "inputs:\n- - - a\n    - b\n  - c:\n      d:\n      - e\n"},
      {"the order of keys stays", "inputs:\n- {type: string, id: z, default: a}\n",
       "inputs:\n- type: string\n  id: z\n  default: a\n"},
      {"plain stays plain", "metadata: {a: 1.10, b: 007, c: no, d: 0x1f, e: ~, f: 1:30, g: TRUE}\n",
       "metadata:\n  a: 1.10\n  b: 007\n  c: no\n  d: 0x1f\n  e: null\n  f: 1:30\n  g: TRUE\n"},
      {"text that looks like something else keeps quotes",
       "includes: ['1.10', 'no', 'Y', '~', '', '0x1f', '1:30', '.5', '-1', '.inf', '2020-01-01', '=', '<<']\n",
       "includes:\n- \"1.10\"\n- \"no\"\n- \"Y\"\n- \"~\"\n- \"\"\n- \"0x1f\"\n- \"1:30\"\n- \".5\"\n- \"-1\"\n- "
       "\".inf\"\n- "
       "\"2020-01-01\"\n- \"=\"\n- \"<<\"\n"},
      {"quotes where the text needs them",
       "includes: ['a: b', 'a #b', ' a', 'a ', 'a:', '#a', '- a', '&a', '*a', '!a', '[a', '{a', '@a', '`a', '%a', "
       "'---']\n",
       "includes:\n- \"a: b\"\n- \"a #b\"\n- \" a\"\n- \"a \"\n- \"a:\"\n- \"#a\"\n- \"- a\"\n- \"&a\"\n- \"*a\"\n- "
       "\"!a\"\n- \"[a\"\n- \"{a\"\n- \"@a\"\n- \"`a\"\n- \"%a\"\n- \"---\"\n"},
      {"no quotes where it does not",
       "includes: ['a#b', 'http://x', '$this.x', \"it's\", 'a, b]', './x', '--flag', ünï]\n",
       "includes:\n- a#b\n- http://x\n- $this.x\n- it's\n- a, b]\n- ./x\n- --flag\n- ünï\n"},
      {"single quotes save escapes", "includes: ['\"a\"', '\\: b', '\"it''s\": \\']\n",
       "includes:\n- '\"a\"'\n- '\\: b'\n- \"\\\"it's\\\": \\\\\"\n"},
      {"hidden characters are shown", "includes: [\"a\\tb\", \"\\x01\\e\", \"\\u2028\\u0085\\ufeff\", \"\\r\"]\n",
       "includes:\n- \"a\\tb\"\n- \"\\x01\\x1b\"\n- \"\\u2028\\u0085\\ufeff\"\n- \"\\x0d\"\n"},
      {"several lines as a block", "build: \"a\\nb\\n\"\ntest: \"a\\n\\n  b\"\nincludes: [\"a\\nb\"]\n",
       "includes:\n- |-\n  a\n  b\n\nbuild: |\n  a\n  b\n\ntest: |-\n  a\n\n    b\n"},
      {"a block that begins with blanks", "build: \"  a\\nb\\n\"\n", "build: |2\n    a\n  b\n"},
      {"folded text", "build: >\n  ls\n  -al\n\n  x\n", "build: |\n  ls -al\n  x\n"},
      {"what a block can't hold", "build: \"a\\n\\n\"\ntest: \"a\\r\\nb\"\ndeploy: \"\\n\"\nsmoke: \"a\\n \"\n",
       "build: \"a\\n\\n\"\n\ntest: \"a\\x0d\\nb\"\n\ndeploy: \"\\n\"\n\nsmoke: \"a\\n \"\n"},
      {"merge keys are expanded", "metadata: &m {a: 1}\nbuild:\n  # first\n  <<: {cmd: ls}  # all\n  args: [a]\n",
       "metadata:\n  a: 1\n\nbuild: # all\n  # first\n  args:\n  - a\n  cmd: ls\n"},
      {"aliases are expanded", "inputs:\n- &a {id: x}\n- *a\noutputs: [*a]\n",
       "inputs:\n- id: x\n- id: x\n\noutputs:\n- id: x\n"},
      {"tags that say what is there anyway", "description: !!str 1\ninputs: !!seq [!!int 2]\n",
       "description: \"1\"\n\ninputs:\n- 2\n"},
      {"carriage returns, byte order mark, no end", "\xEF\xBB\xBFname: a\r\nbuild: |\r\n  x\r\n\r\n  y\r\n",
       "name: a\n\nbuild: |\n  x\n\n  y\n"},
      {"idempotent only where a plan says it", "idempotent: yes\n", "idempotent: yes\n"},
      {"keys that need quotes", "metadata: {'a: b': 1, \"1\": 2, 'no': 3, n: 4}\n",
       "metadata:\n  \"a: b\": 1\n  \"1\": 2\n  \"no\": 3\n  n: 4\n"},
  };
  for (const Case& each : cases) {
    std::string expected;
    bool is_blank = false;
    for (const std::string& line : split(each.expected, '\n')) {  // as `said` leaves it: blank lines within are gone
      if (!line.empty()) expected += (is_blank ? "\n" : "") + line + "\n";
      is_blank = line.empty();
    }
    EXPECT_EQ(said(each.text), expected) << each.name;
  }
}

TEST(Format, CommentsStayWhereTheyBelong) {
  const std::vector<Case> cases{
      {"before and behind", "# why\nname: a # what\nversion: 1 # 2\n", "# why\nname: a # what\n\nversion: 1 # 2\n"},
      {"they move with their field", "test: y\n# of build\nbuild: x # here\n# of name\nname: a\n",
       "# of name\nname: a\n\n# of build\nbuild: x # here\n\ntest: y\n"},
      {"the top stays at the top", "# The shop\n# of team web\nversion: 1\nname: a\n",
       "# The shop\n# of team web\n\nname: a\n\nversion: 1\n"},
      {"of the file, at both ends", "# License\n\n# of build\nbuild: x\nname: a\n\n# vim: ft=yaml\n",
       "# License\n\nname: a\n\n# of build\nbuild: x\n\n# vim: ft=yaml\n"},
      {"in lists", "inputs: # all\n# first\n- a # A\n# second\n- id: b # B\n  # third\n  default: c\n# d\n\nname: x\n",
       "name: x\n\ninputs: # all\n# first\n- a # A\n# second\n- id: b # B\n  # third\n  default: c\n# d\n"},
      {"deeper than what follows", "deploy:\n  script: a\n  # more of deploy\nname: x\n",
       "name: x\n\ndeploy:\n  script: a\n  # more of deploy\n"},
      {"behind a dash", "inputs:\n- # one\n  id: a\n-   # two\n  # three\n  b\n",
       "inputs:\n# one\n- id: a\n# two\n# three\n- b\n"},
      {"behind a dash with an anchor", "inputs:\n- &x # one\n  id: a\n", "inputs:\n# one\n- id: a\n"},
      {"behind brackets", "includes: [a, b] # all\ninputs:\n- {id: c} # one\n",
       "inputs:\n# one\n- id: c\n\nincludes: # all\n- a\n- b\n"},
      {"within brackets", "includes: [ # list\n  a, # A\n  # before b\n  b\n  # end\n] # all\n",
       "# all\nincludes: # list\n- a # A\n# before b\n- b\n# end\n"},
      {"of an empty list", "provides: [\n  # none yet\n]\n", "# none yet\n"},
      {"of an empty field", "# soon\nbuild: # nothing\nname: x\n", "# soon\n\nname: x\n\nbuild: \"\" # nothing\n"},
      {"of an element that is nothing", "includes:\n- a\n# none\n-  # here\n- b\n",
       "includes:\n- a\n# none\n- null # here\n- b\n"},
      {"at the head of a block", "build: | # script\n  # of the script\n  x\n# after\n\nname: a\n",
       "name: a\n\nbuild: | # script\n  # of the script\n  x\n# after\n"},
      {"between key and value", "build:\n  # why\n  x.sh # how\n", "# why\nbuild: x.sh # how\n"},
      {"two behind one", "build: # why\n  x.sh # how\n", "# how\nbuild: x.sh # why\n"},
      {"of an alias", "inputs:\n- &a {id: x} # one\n# again\n- *a # two\n",
       "inputs:\n# one\n- id: x\n# again\n# two\n- id: x\n"},
      {"only comments", "# a\n\n# b\n", "# a\n\n# b\n"},
  };
  for (const Case& each : cases) EXPECT_EQ(said(each.text), each.expected) << each.name;
}

TEST(Format, KeepsBlankLinesInListsAndScripts) {
  const std::string text =
      format("inputs:\n- a\n\n\n- b\nbuild:\n  inline: |\n    x\n\n\n    y\n", "p", FormatStyle::full).value();
  EXPECT_NE(text.find("\ninputs:\n- a\n\n- b\n\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nbuild:\n  inline: |\n    x\n\n\n    y\n\n"), std::string::npos) << text;
}

TEST(Format, MinifiedHasOnlyWhatSaysSomething) {
  EXPECT_EQ(format("# a\nversion: 1 # b\n\nname: x\ndescription:\nincludes: []\nmetadata: {}\nlogo: ''\n"
                   "inputs:\n\n- {id: a}\n\n# c\n- b\nbuild: |\n  x\n\n  y\n# d\n",
                   "p", FormatStyle::minified)
                .value(),
            "name: x\nversion: 1\ninputs:\n- id: a\n- b\nbuild: |\n  x\n\n  y\n");
  EXPECT_EQ(format("", "p", FormatStyle::minified).value(), "");
}

TEST(Format, RefusesWhatIsNoPlan) {
  const std::vector<Case> cases{
      {"unknown field", "name: a\nbiuld: x\n",
       "Couldn't parse Escape plan 'p.yml': line 2, column 1: unknown field 'biuld', expected 'build'"},
      {"no map", "- a\n",
       "Couldn't parse Escape plan 'p.yml': line 1, column 1: the plan is a list, expected fields such as 'name: "
       "my-app'"},
  };
  for (const Case& each : cases) {
    const Result<std::string> formatted = format(each.text, "p.yml", FormatStyle::full);
    ASSERT_FALSE(formatted) << each.name;
    EXPECT_EQ(formatted.error().message, each.expected) << each.name;
  }
  EXPECT_FALSE(format("name: [\n", "p.yml", FormatStyle::full));
  EXPECT_FALSE(format("name: a\n---\nname: b\n", "p.yml", FormatStyle::full));
}

TEST(Format, LargeFilesTakeTheirTimeOnlyOnce) {
  std::string comments;
  while (comments.size() < 500'000) comments += "# c\n";
  EXPECT_TRUE(format(comments + "name: a\n", "p", FormatStyle::full));
  std::string brackets = "includes: [";
  for (int i = 0; i < 10'000; ++i) brackets += "[a]#c\n,";
  EXPECT_TRUE(format(brackets + "]\n", "p", FormatStyle::full));
  std::string keys = "metadata:\n";
  for (int i = 0; i < 10'000; ++i) keys += " k" + std::to_string(i) + ": v # c\n # d\n";
  EXPECT_TRUE(format(keys, "p", FormatStyle::full));
}

}  // namespace format_test
}  // namespace escape::plan
