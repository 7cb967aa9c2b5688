#include "shared/plan/templates.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace escape::plan {
namespace templates_test {

using Partials = std::map<std::string, std::string>;

Result<std::string> render(std::string_view text, const Value::Object& values, bool escape_html = false,
                           const Partials& partials = {}) {
  return render_template("t.tpl", text, values, escape_html,
                         [&](const std::string& name) -> Result<std::optional<std::string>> {
                           const auto found = partials.find(name);
                           if (found == partials.end()) return std::optional<std::string>();
                           return std::optional<std::string>(found->second);
                         });
}

std::string text_of(const Result<std::string>& result) {
  return result ? result.value() : "error: " + result.error().message;
}

const Value::Object some{
    {"x", "X"},
    {"blank", " \t"},
    {"empty", ""},
    {"zero", 0},
    {"yes", true},
    {"no", false},
    {"nothing", Value()},
    {"list", Value::List{"a", "b"}},
    {"none", Value::List{}},
    {"map", Value::Object{{"k", "v"}, {"in", Value::Object{{"deep", 7}}}}},
    {"users", Value::List{Value::Object{{"name", "ann"}, {"x", "hers"}}, Value::Object{{"name", "bob"}}}},
    {"html", "<a href=\"x\">'&'</a>"},
};

struct Row {
  const char* text;
  const char* result;
};

TEST(Templates, RendersEveryFormOfTag) {
  const Row rows[] = {
      {"", ""},
      {"no tags\n", "no tags\n"},
      {"{{x}}", "X"},
      {"{{ x }}", "X"},
      {"{{\nx\n}}", "X"},
      {"{{{x}}}", "X"},
      {"{{{ x }}}", "X"},
      {"{{& x}}", "X"},
      {"a{{! anything } at all }}b", "ab"},
      {"{{!\n two lines\n}}b", "b"},
      {"{{map.k}} {{map.in.deep}}", "v 7"},
      {"{{yes}} {{no}} {{zero}} {{list}} {{none}} {{map}}", "true false 0 [a b] [] map[in:map[deep:7] k:v]"},
      {"[{{nothing}}]", "[]"},
      {"{{=<% %>=}}<% x %>{{x}}<%={{ }}=%>{{x}}", "X{{x}}X"},
      {"{{=| |=}}|x|", "X"},
      {"{{=<% %>=}}<%{x}%>", "error: Failed to compile template t.tpl: Missing variable \"{x}\""},
      {"}} { } {", "}} { } {"},
      {"  \t ", "  \t "},
      {"a\r\nb\n\n", "a\r\nb\n\n"},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some)), result) << text;
}

TEST(Templates, Sections) {
  const Row rows[] = {
      {"{{#no}}a{{/no}}{{#none}}b{{/none}}{{#blank}}c{{/blank}}{{#empty}}d{{/empty}}{{#absent}}e{{/absent}}", ""},
      {"{{#nothing}}a{{/nothing}}{{^nothing}}b{{/nothing}}", "b"},
      {"{{#yes}}a{{/yes}}{{#zero}}b{{/zero}}{{#x}}c{{/x}}{{#map}}d{{/map}}", "abcd"},
      {"{{^no}}a{{/no}}{{^none}}b{{/none}}{{^blank}}c{{/blank}}{{^absent}}d{{/absent}}{{^a.b}}e{{/a.b}}", "abcde"},
      {"{{^yes}}a{{/yes}}{{^zero}}b{{/zero}}{{^x}}c{{/x}}{{^list}}d{{/list}}", ""},
      {"{{#list}}<{{.}}>{{/list}}", "<a><b>"},
      {"{{#x}}{{.}}{{/x}}{{#zero}}{{.}}{{/zero}}{{#yes}}{{.}}{{/yes}}", "X0true"},
      {"{{#users}}{{name}}:{{x}} {{/users}}", "ann:hers bob:X "},
      {"{{#map}}{{k}}{{#in}}{{deep}}{{k}}{{/in}}{{/map}}", "v7v"},
      {"{{#map.in}}{{deep}}{{/map.in}}", "7"},
      {"{{#list}}{{#list}}{{.}}{{/list}};{{/list}}", "ab;ab;"},
      {"{{#users}}{{^x}}{{name}}{{/x}}{{/users}}", ""},
      {"{{# x }}{{/x}}{{ # x }}1{{/ x }}", "1"},
      // The first word decides where the others are looked up.
      {"{{#users}}[{{map.k}}]{{/users}}", "[v][v]"},
      {"{{#map}}[{{in.k}}]{{/map}}", "[]"},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some)), result) << text;
}

TEST(Templates, OnlyTheNewlineRightAfterATagThatOpensIsSwallowed) {
  const Row rows[] = {
      {"a\n{{#yes}}\nb\n{{/yes}}\nc\n", "a\nb\n\nc\n"},
      {"{{#yes}}\r\nb{{/yes}}\r\nc", "b\r\nc"},
      {"{{#yes}}\n\nb{{/yes}}", "\nb"},
      {"{{#yes}} \nb{{/yes}}", " \nb"},
      {"{{^no}}\nb{{/no}}\n", "b\n"},
      {"{{#list}}\n- {{.}}\n{{/list}}\n", "- a\n- b\n\n"},
      {"  {{#yes}}  {{/yes}}  ", "      "},
      {"{{! c }}\nx", "\nx"},
      {"{{x}}\n{{x}}", "X\nX"},
      {"  {{#no}}\n{{/no}}\n", "  \n"},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some)), result) << text;
}

TEST(Templates, AMissingNameIsAnErrorExceptWithinSections) {
  const Row rows[] = {
      {"{{nope}}", "error: Failed to compile template t.tpl: Missing variable \"nope\""},
      {"{{{ nope }}}", "error: Failed to compile template t.tpl: Missing variable \"nope\""},
      {"{{map.nope}}", "error: Failed to compile template t.tpl: Missing variable \"map.nope\""},
      {"{{x.nope}}", "error: Failed to compile template t.tpl: Missing variable \"x.nope\""},
      {"{{.}}", "error: Failed to compile template t.tpl: Missing variable \".\""},
      {"{{X}}", "error: Failed to compile template t.tpl: Missing variable \"X\""},
      {"{{#yes}}[{{nope}}{{{map.nope}}}]{{/yes}}", "[]"},
      {"{{^no}}[{{nope}}]{{/no}}", "[]"},
      {"{{#yes}}{{/yes}}{{nope}}", "error: Failed to compile template t.tpl: Missing variable \"nope\""},
      {"{{#no}}{{nope}}{{/no}}", ""},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some)), result) << text;
}

TEST(Templates, AMissingNameIsFoundAndPerhapsMeant) {
  EXPECT_EQ(render("\n\n{{usres}}", some).error().hint, "It stands in line 3. Did you mean 'users'?");
  EXPECT_EQ(render("{{password}}", some).error().hint,
            "It stands in line 1. The template's 'mapping' in the Escape plan gives it a value.");
}

TEST(Templates, RefusesWhatDoesNotCloseAndSaysWhere) {
  const Row rows[] = {
      {"{{x", "line 1: unmatched open tag"},
      {"a\nb {{x}\n}", "line 2: unmatched open tag"},
      {"{{{x}}", "line 1: unmatched open tag"},
      {"{{! c", "line 1: unmatched open tag"},
      {"{{", "line 1: unmatched open tag"},
      {"{{{", "line 1: unmatched open tag"},
      {"\n{{/x}}", "line 2: unmatched close tag"},
      {"{{#x}}{{/x}}{{/x}}", "line 1: unmatched close tag"},
      {"{{}}", "line 1: empty tag"},
      {"{{ }}", "line 1: empty tag"},
      {"{{{ }}}", "line 1: empty tag"},
      {"{{#}}", "line 1: empty tag"},
      {"{{& }}", "line 1: empty tag"},
      {"{{>}}", "line 1: empty tag"},
      {"a\n{{#x}}\n\n", "line 2: Section x has no closing tag"},
      {"{{#x}}{{#y}}{{/y}}", "line 1: Section x has no closing tag"},
      {"{{#x}}\n{{^y}}\n{{/x}}", "line 3: interleaved closing tag: x"},
      {"{{#x}}{{/y}}", "line 1: interleaved closing tag: y"},
      {"{{=<% %>}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
      {"{{=}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
      {"{{=<%=}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
      {"{{= =}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
      {"{{=a b c=}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
      {"{{=a= b=}}", "line 1: invalid delimiters, expected such as {{=<% %>=}}"},
  };
  for (const auto& [text, message] : rows) {
    EXPECT_EQ(text_of(render(text, some)), fmt::format("error: Failed to compile template t.tpl: {}", message)) << text;
  }
}

TEST(Templates, EscapesForHtmlOnlyWhenAskedTo) {
  const Row rows[] = {
      {"{{html}}", "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;"},
      {"{{{html}}}", "<a href=\"x\">'&'</a>"},
      {"{{&html}}", "<a href=\"x\">'&'</a>"},
      {"<{{x}}>", "<X>"},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some, true)), result) << text;
  EXPECT_EQ(text_of(render("{{html}}", some)), "<a href=\"x\">'&'</a>");
  EXPECT_EQ(text_of(render("{{l}}", {{"l", Value::List{"<", "&"}}}, true)), "[&lt; &amp;]");
}

TEST(Templates, PrintsValuesAsTheOriginalDid) {
  const std::pair<Value, const char*> rows[] = {
      {Value(-12), "-12"},
      {Value(1.5), "1.5"},
      {Value(3.0), "3"},
      {Value(1e20), "100000000000000000000"},
      {Value(1e21), "1e+21"},
      {Value(0.0001), "0.0001"},
      {Value(0.00001), "1e-05"},
      {Value(true), "true"},
      {Value::List{Value::List{1, 2}, "a", false}, "[[1 2] a false]"},
      {Value::Object{{"b", 1}, {"a", Value::List{}}}, "map[a:[] b:1]"},
      {Value::Object{}, "map[]"},
      {Value(Binary{"raw"}), "raw"},
  };
  for (const auto& [value, text] : rows) EXPECT_EQ(text_of(render("{{v}}", {{"v", value}})), text);
}

TEST(Templates, Partials) {
  const Partials partials{{"plain", "<{{x}}>\n"},
                          {"a.mustache", "mustache"},
                          {"b.stache", "stache"},
                          {"both", "first"},
                          {"both.mustache", "second"},
                          {"item", "{{name}}{{nope}};"},
                          {"strict", "{{nope}}"},
                          {"broken", "\n{{#x}}"},
                          {"delimiters", "{{=<% %>=}}<%x%>"},
                          {"tree", "({{#map}}{{k}}{{>leaf}}{{/map}})"},
                          {"leaf", "leaf of {{in.deep}}"},
                          {"loop", "{{>loop}}"}};
  const Row rows[] = {
      {"a{{>plain}}b", "a<X>\nb"},
      {"{{> a }}{{>b}}{{>both}}", "mustachestachefirst"},
      {"[{{>absent}}]", "[]"},
      {"{{#users}}{{>item}}{{/users}}", "ann;bob;"},
      {"{{>delimiters}}{{x}}", "XX"},
      {"{{>tree}}", "(vleaf of 7)"},
      {"{{#no}}{{>broken}}{{/no}}", ""},
      {"{{>strict}}", "error: Failed to compile template t.tpl: Missing variable \"nope\""},
      {"{{#yes}}[{{>strict}}]{{/yes}}", "[]"},
      {"{{>broken}}",
       "error: Failed to compile template t.tpl: partial 'broken': line 2: Section x has no closing tag"},
      {"{{>loop}}", "error: Failed to compile template t.tpl: partials nest more than 10 deep: 'loop'"},
  };
  for (const auto& [text, result] : rows) EXPECT_EQ(text_of(render(text, some, false, partials)), result) << text;
}

TEST(Templates, APartialIsAskedForOnceAndItsErrorIsTold) {
  int asked = 0;
  const auto once = [&](const std::string& name) -> Result<std::optional<std::string>> {
    if (name == "secret") return fail(ErrorKind::no_permission, "Couldn't read 'secret'");
    ++asked;
    return std::optional<std::string>("p");
  };
  EXPECT_EQ(text_of(render_template("t", "{{#list}}{{>p}}{{/list}}{{>p}}", some, false, once)), "ppp");
  EXPECT_EQ(asked, 1);
  const Result<std::string> refused = render_template("t", "{{>secret}}", some, false, once);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::no_permission);
  EXPECT_EQ(refused.error().message, "Failed to compile template t: Couldn't read 'secret'");
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Templates, HostileOnesEndInAnError) {
  const Value::Object lists{{"l", Value::List(1000, Value(1))}, {"big", std::string(1 << 20, 'x')}};
  const Partials twice{{"a", "{{>b}}{{>b}}"},
                       {"b", "{{>c}}{{>c}}"},
                       {"c", repeated("{{#l}}{{/l}}", 1000)},
                       {"huge", std::string((1 << 20) + 1, 'x')}};
  const std::pair<std::string, const char*> rows[] = {
      {repeated("{{#l}}", 33), "line 1: sections nest more than 32 deep"},
      {repeated("{{#l}}", 100'000), "line 1: sections nest more than 32 deep"},
      {repeated("{{^l}}", 100'000), "line 1: sections nest more than 32 deep"},
      {repeated("{{#l}}", 3) + ".." + repeated("{{/l}}", 3), "takes too long: sections and partials repeat too much"},
      {repeated("{{#l}}", 30) + repeated("{{/l}}", 30), "takes too long: sections and partials repeat too much"},
      {repeated("{{>a}}", 100), "takes too long: sections and partials repeat too much"},
      {repeated("{{big}}", 17), "makes more than 16777216 bytes"},
      {"{{#l}}{{big}}{{/l}}", "makes more than 16777216 bytes"},
      {repeated("{{l}}", 20'001), "line 1: more than 20000 tags and texts"},
      {std::string((1 << 20) + 1, ' '), "longer than 1048576 bytes"},
      {"{{>huge}}", "partial 'huge': longer than 1048576 bytes"},
  };
  for (const auto& [text, message] : rows) {
    EXPECT_EQ(text_of(render(text, lists, false, twice)),
              fmt::format("error: Failed to compile template t.tpl: {}", message))
        << text.substr(0, 60);
  }
}

TEST(Templates, AValueThatIsTooDeepIsCut) {
  Value deep("core");
  for (int i = 0; i < 500; ++i) {
    Value::List around;
    around.push_back(std::move(deep));
    deep = Value(std::move(around));
  }
  EXPECT_EQ(text_of(render("{{deep}}", {{"deep", std::move(deep)}})), repeated("[", 100) + "…" + repeated("]", 100));
}

/// Builds a template beside what it must become.
class Pair {
 public:
  explicit Pair(std::mt19937& random) : random_(random) {}
  std::string text, result;

  void grow(int depth, const std::string& item) {
    for (int parts = pick(4); parts > 0; --parts) {
      switch (depth == 0 ? pick(3) : pick(6)) {
        case 0:
          add_text();
          break;
        case 1:
          text += "{{ x }}", result += "X";
          break;
        case 2:
          text += "{{! no }}";
          break;
        case 3:
          section("{{#list}}", "{{/list}}", {"a", "b"}, depth);
          break;
        case 4:
          section("{{^no}}", "{{/no}}", {item}, depth);
          break;
        case 5:
          section("{{#no}}", "{{/no}}", {}, depth);
          break;
      }
    }
    if (!item.empty()) text += "{{.}}", result += item;
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  void add_text() {
    // Never a newline first: right after an opening tag it would be swallowed.
    static const char* words[] = {"t", " ", " \n", "{", "}", "-\r\n", "é", "<&>\"'", "\\", "=", ".\t"};
    const char* word = words[pick(std::size(words))];
    // Braces beside a tag would belong to it.
    const bool brace = *word == '{' || *word == '}';
    text += word, result += word;
    if (brace) text += "|", result += "|";
  }

  void section(const char* open, const char* close, const std::vector<std::string>& items, int depth) {
    text += open;
    if (pick(3) == 0) text += "\n";
    const auto seed = random_();
    std::string body;
    std::mt19937 same(static_cast<unsigned>(seed));
    Pair first(same);
    first.grow(depth - 1, items.empty() ? "" : items[0]);
    body = first.text;
    for (const std::string& item : items) {
      std::mt19937 again(static_cast<unsigned>(seed));
      Pair each(again);
      each.grow(depth - 1, item);
      result += each.result;
    }
    text += body + close;
  }

  std::mt19937& random_;
};

TEST(Templates, AnyNestingOfSectionsRendersAsItWasBuilt) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    Pair pair(random);
    pair.grow(3, "");
    EXPECT_EQ(text_of(render(pair.text, some)), pair.result) << "seed " << seed << ": " << pair.text;
  }
}

TEST(Templates, TextWithoutTagsStaysAsItIs) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (unsigned i = random() % 200; i > 0; --i) text += static_cast<char>(random());
    for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{")) text[at] = ' ';
    EXPECT_EQ(text_of(render(text, some, true)), text) << "seed " << seed;
  }
}

}  // namespace templates_test
}  // namespace escape::plan
