#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "shared/base/text.h"
#include "shared/plan/format.h"
#include "shared/plan/plan.h"
#include "shared/plan/remarks.h"
#include "shared/plan/yaml.h"

// Random plans in every style that YAML has, with comments wherever they may stand. ESCAPE_TEST_SEED replays one.
namespace escape::plan {
namespace format_property_test {

class RandomPlan {
 public:
  explicit RandomPlan(std::uint64_t seed) : random_(seed) {}

  std::string make() {
    std::vector<std::string> fields{"name: " + pick({"a/b", "'a/b'", "app", "&n app"}),
                                    "version: " + pick({"1.10", "'1.0'", "0.0.@", "1"})};
    for (const char* name : {"description", "license"}) {
      if (chance(2)) fields.push_back(name + (":" + scalar(0)));
    }
    for (const char* name : {"includes", "generates", "provides"}) {
      if (chance(2)) fields.push_back(name + (":" + list(0, [&](int indent) { return scalar(indent); })));
    }
    if (chance(2)) fields.push_back("metadata:" + map(0, {"one", "'two'", "\"#3\"", "4", "yes"}));
    for (const char* name : {"inputs", "build_inputs", "outputs"}) {
      if (chance(2)) fields.push_back(name + (":" + list(0, [&](int indent) { return variable(indent); })));
    }
    for (const char* name : {"pre_build", "build", "test", "deploy", "smoke"}) {
      if (chance(2)) fields.push_back(name + (":" + (chance(2) ? scalar(0) : step())));
    }
    if (chance(4)) fields.push_back("idempotent: " + pick({"true", "no", "off # really"}));
    if (chance(4)) fields.push_back("skip_unchanged: " + pick({"true", "no", "off # really"}));
    std::ranges::shuffle(fields, random_);
    std::string text = chance(8) ? "\xEF\xBB\xBF" : "";
    if (chance(6)) text += "--- # begin\n";
    for (std::string& field : fields) {
      if (!field.ends_with('\n')) field += '\n';
      text += field + gap(0);
    }
    if (chance(4)) text.pop_back();
    return chance(6) ? with_carriage_returns(text) : text;
  }

  /// The same text with a line or a character put in or taken out.
  std::string mutate(std::string text) {
    static const std::string inserted = "#'\"-:|>[]{},&*! \t\n\r?%@`x1";
    for (int i = number(1, 3); i > 0 && !text.empty(); --i) {
      const auto at = static_cast<std::size_t>(number(0, static_cast<int>(text.size()) - 1));
      if (chance(3)) {
        text.erase(at, 1);
      } else if (chance(2)) {
        text.insert(at, 1, inserted[static_cast<std::size_t>(number(0, static_cast<int>(inserted.size()) - 1))]);
      } else {
        text.insert(text.find('\n', at) == std::string::npos ? 0 : text.find('\n', at) + 1, comment_line());
      }
    }
    return text;
  }

 private:
  int number(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  bool chance(int one_in) { return number(1, one_in) == 1; }
  std::string pick(const std::vector<std::string>& all) {
    return all[static_cast<std::size_t>(number(0, static_cast<int>(all.size()) - 1))];
  }
  static std::string pad(int width) { return std::string(static_cast<std::size_t>(width), ' '); }

  std::string comment() {
    return "# " + std::to_string(++comments_) + pick({"", " it's", " \"x", " [a", " key: value", "#"});
  }
  std::string comment_line() { return pad(number(0, 7)) + comment() + "\n"; }
  /// Behind a value.
  std::string end() { return (chance(4) ? pick({" ", "  ", "\t"}) + comment() : std::string()) + "\n"; }
  std::string gap(int indent) {
    std::string lines;
    while (chance(3)) lines += chance(3) ? "\n" : chance(2) ? pad(indent) + comment() + "\n" : comment_line();
    return lines;
  }

  /// Behind "key:" or "-" at `indent`, with the line break.
  std::string scalar(int indent) {
    const std::string in = pad(indent + number(1, 4));
    switch (number(0, 9)) {
      case 0:
        return " " +
               pick({"\"x # y\"", "\"\\n\"", "\"\"", "\"a\\n b\\n\"", "\" a\"", "\"\\u2028 \\x01\"", "\"1.10\"",
                     "\"no\"", "\"a: b\"", "\"\\\\\""}) +
               end();
      case 1:
        return " " +
               pick(
                   {"'it''s # 1'", "''", "'null'", "'0x1'", "' '", "'\"'", "'- x'", "'1:30'", "'2020-01-01'", "'.5'"}) +
               end();
      case 2:
        return std::string(" |") + pick({"", "-"}) + end() + block(in);
      case 3:
        return std::string(" >") + pick({"", "-"}) + end() + block(in);
      case 4:
        return " first" + std::string(chance(2) ? "\n" : "\n\n") + in + pick({"second", "- second", "\"second", "#"}) +
               end();
      case 5:
        return " \"first\n" + in + "# second\n\n" + in + "third\"" + end();
      case 6:
        return end() + gap(indent + 1) + in + word() + end();
      case 7:
        anchors_.push_back("a" + std::to_string(anchors_.size()));
        return " &" + anchors_.back() + " " + word() + end();
      case 8:
        return anchors_.empty() ? end() : " *" + pick(anchors_) + end();
      default:
        return " " + word() + end();
    }
  }

  std::string word() {
    return pick({"x", "1", "1.10", "007", "no", "~", "null", "true", "./run.sh a b", "a#b", "a,b]", "--flag",
                 "http://x/#y", "$x", "it's \"q\"", "ünï", "-1", ".x", "a: b"});
  }

  std::string block(const std::string& in) {
    std::string text;
    for (int i = number(1, 4); i > 0; --i)
      text += chance(4) ? pick({"\n", in + "  \n"})
                        : in + pick({"echo # no comment", "  deeper", "\ttab", "x: y", "- 'z", "# first"}) + "\n";
    return text + in + "last\n" + (chance(4) ? "\n" : "");
  }

  template <class Element>
  std::string list(int indent, Element element) {
    if (chance(6)) return " []" + end();
    if (chance(5)) return flow(indent);
    const int dashes = indent + (chance(2) ? 2 : 0);
    std::string text = (chance(6) ? " &l" + std::to_string(++comments_) : "") + end();
    for (int i = number(1, 3); i > 0; --i) text += gap(dashes) + pad(dashes) + "-" + element(dashes);
    return text + gap(dashes);
  }

  std::string flow(int indent) {
    const std::string in = "\n" + pad(indent + number(1, 5));
    std::string text = " [";
    for (int i = number(0, 3); i > 0; --i) {
      if (chance(4)) text += " " + comment() + in;
      text += pick({"x", "'#'", "\"a, b\"", "y z", "1"});
      if (chance(4)) text += pick({"", " " + comment()}) + in;
      text += ",";
      if (chance(4)) text += pick({"", " " + comment()}) + in;
    }
    return text + pick({"]", " ]"}) + end();
  }

  std::string map(int indent, const std::vector<std::string>& keys) {
    if (chance(6)) return " {}" + end();
    if (chance(6))
      return " {one: x, 'two': \"#\"," + (chance(2) ? " " + comment() + "\n   " : std::string()) + " \"c\":d}" + end();
    const int in = indent + number(1, 4);
    std::string text = end();
    const std::string merge =
        gap(in) + pad(in) + "<<: " + pick({"{}", "{merged: 1}", "[{merged: 'x # y'}, {more: x}]"}) + end();
    const int merges = number(0, 7);  // before the keys, behind them, or mostly not at all
    if (merges == 0) text += merge;
    for (const std::string& key : keys) {
      if (chance(3))
        text +=
            gap(in) + pad(in) + pick({"", "", "", "&k" + std::to_string(++comments_) + " "}) + key + ":" + scalar(in);
    }
    if (merges == 1) text += merge;
    return text + gap(in);
  }

  std::string variable(int dashes) {
    const std::string id = "v" + std::to_string(++comments_);
    if (chance(4)) return " " + id + end();
    if (chance(5)) return " {id: " + id + ", default: '#'}" + end();
    const std::string begin = chance(4) ? end() + gap(dashes + 2) + pad(dashes + 2) : " ";
    const std::string in = pad(dashes + 2);
    std::string text = begin + "id: " + id + end();
    if (chance(2)) text += gap(dashes + 2) + in + "default:" + scalar(dashes + 2);
    if (chance(2)) text += gap(dashes + 2) + in + "description:" + scalar(dashes + 2);
    if (chance(3)) text += in + "visible: " + pick({"no", "true", "False"}) + end();
    if (chance(3))
      text += in + "scopes:" + pick({" [build, deploy]" + end(), end() + in + "- build" + end(), " deploy" + end()});
    return text + gap(dashes + 2);
  }

  std::string step() {
    if (chance(3)) return " {inline: \"a\\n\\nb # c\\n\"}" + end();
    return end() + gap(2) + "  inline:" + scalar(2) + gap(2);
  }

  static std::string with_carriage_returns(const std::string& text) { return join(split(text, '\n'), "\r\n"); }

  std::mt19937_64 random_;
  std::vector<std::string> anchors_;
  int comments_ = 0;
};

/// Steps without a text are the same as no steps.
std::map<std::string, StageText> said(const Plan& plan) {
  std::map<std::string, StageText> stages;
  for (const auto& [name, stage] : plan.stages) {
    if (!stage.stage.empty() || (stage.text && !stage.text->empty())) stages.emplace(name, stage);
  }
  return stages;
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.description, b.description);
  EXPECT_EQ(a.license, b.license);
  EXPECT_EQ(a.logo, b.logo);
  EXPECT_EQ(a.includes, b.includes);
  EXPECT_EQ(a.generates, b.generates);
  EXPECT_EQ(a.metadata, b.metadata);
  EXPECT_TRUE(a.inputs == b.inputs);
  EXPECT_TRUE(a.outputs == b.outputs);
  EXPECT_TRUE(said(a) == said(b));
  EXPECT_EQ(a.idempotent, b.idempotent);
  EXPECT_EQ(a.skip_unchanged, b.skip_unchanged);
}

std::vector<std::string> comments_of(std::string_view text) {
  std::vector<std::string> comments;
  for (const yaml::Remark& remark : yaml::find_remarks(text).remarks) {
    if (!remark.text.empty()) comments.push_back(remark.text);
  }
  std::ranges::sort(comments);
  return comments;
}

/// What holds of any text; whether it is one that can be formatted.
bool check_one(const std::string& text) {
  const Result<std::string> full = format(text, "p", FormatStyle::full);
  const Result<std::string> minified = format(text, "p", FormatStyle::minified);
  EXPECT_EQ(full.has_value(), minified.has_value());
  if (!full || !minified) {
    EXPECT_EQ(full.error().kind, ErrorKind::bad_data) << describe(full.error()) << "\n" << text;
    return false;
  }
  const Result<std::string> again = format(full.value(), "p", FormatStyle::full);
  EXPECT_TRUE(again && again.value() == full.value()) << text << "\n--- formatted\n"
                                                      << full.value() << "\n--- again\n"
                                                      << (again ? again.value() : describe(again.error()));
  EXPECT_EQ(format(minified.value(), "p", FormatStyle::minified).value(), minified.value()) << text;
  EXPECT_EQ(comments_of(full.value()), comments_of(text)) << text;
  EXPECT_TRUE(comments_of(minified.value()).empty()) << minified.value();
  if (const Result<Plan> plan = parse_plan(text, "p")) {
    for (const std::string& formatted : {full.value(), minified.value()}) {
      const Result<Plan> after = parse_plan(formatted, "p");
      EXPECT_TRUE(after) << describe(after.error()) << "\n" << text << "\n--- formatted\n" << formatted;
      if (after) expect_same(plan.value(), after.value());
    }
  }
  return true;
}

TEST(FormatProperty, KeepsEveryPlanItsCommentsAndItself) {
  constexpr int rounds = 300;
  const char* given = std::getenv("ESCAPE_TEST_SEED");
  const std::uint64_t base = given ? std::stoull(given) : std::random_device{}();
  int formatted = 0;
  int parsed = 0;
  for (int round = 0; round < (given ? 1 : rounds); ++round) {
    const std::uint64_t seed = base + static_cast<std::uint64_t>(round);
    SCOPED_TRACE("replay with ESCAPE_TEST_SEED=" + std::to_string(seed));
    RandomPlan random(seed);
    const std::string text = random.make();
    formatted += check_one(text);
    parsed += parse_plan(text, "p").has_value();
    check_one(random.mutate(text));
    if (HasFailure()) return;
  }
  if (!given) {
    EXPECT_GT(formatted, rounds / 3) << "the random plans are hardly ever YAML";
    EXPECT_GT(parsed, rounds / 10) << "the random plans are hardly ever plans";
  }
}

}  // namespace format_property_test
}  // namespace escape::plan
