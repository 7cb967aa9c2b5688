#include "shared/plan/plan_fields.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "shared/base/text.h"
#include "shared/plan/plan.h"

namespace escape::plan {
namespace plan_fields_test {

TEST(PlanFields, AreThoseThatParsePlanKnows) {
  // Its error names all of them when none is near.
  const std::string message = parse_plan("zzzzzzzzzzzz: 1\n", "escape.yml").error().message;
  const std::string before = "expected one of ";
  std::vector<std::string> known = split(message.substr(message.find(before) + before.size()), ',');
  for (std::string& name : known) name = trimmed(name);
  std::vector<std::string> ours = field_names();
  std::ranges::sort(known);
  std::ranges::sort(ours);
  EXPECT_EQ(ours, known);
}

TEST(PlanFields, EmptyValuesAreAPlan) {
  std::string text;
  for (const PlanField& field : plan_fields()) text += std::string(field.name) + ": " + std::string(field.empty) + "\n";
  EXPECT_TRUE(parse_plan(text, "escape.yml")) << parse_plan(text, "escape.yml").error().message;
}

TEST(ReadField, GivesTextAsWrittenAndTheRestAsValues) {
  const std::string text =
      "name:  a/b\nversion: 1.10\nmetadata: {n: 1, v: 1.10, b: true, z: , s: '1'}\nincludes: [x, 007]\n"
      "build: {inline: \"a\\nb\\n\"}\ndescription: |\n  two\n  lines\nlicense:\n";
  struct Case {
    const char* field;
    Value expected;
  };
  const std::vector<Case> cases{
      {"name", "a/b"},
      {"version", "1.10"},
      {"description", "two\nlines"},
      {"license", ""},
      {"logo", ""},
      {"provides", Value::List{}},
      {"errands", Value::Object{}},
      {"idempotent", "false"},
      {"skip_unchanged", "false"},
      {"includes", Value::List{"x", "007"}},
      {"build", Value::Object{{"inline", "a\nb\n"}}},
      {"metadata", Value::Object{{"n", 1}, {"v", "1.10"}, {"b", true}, {"z", nullptr}, {"s", "1"}}},
  };
  for (const Case& each : cases) {
    const Result<Value> value = read_field(text, "escape.yml", each.field);
    ASSERT_TRUE(value) << each.field;
    EXPECT_EQ(value.value(), each.expected) << each.field;
  }
}

TEST(ReadField, SaysWhichFieldsThereAre) {
  const Result<Value> value = read_field("name: a\n", "escape.yml", "verison");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().kind, ErrorKind::usage);
  EXPECT_EQ(value.error().message, "The plan has no field 'verison'.");
  EXPECT_TRUE(value.error().hint.starts_with("Did you mean 'version'? The fields are name, version, description, "))
      << value.error().hint;
}

TEST(ReadField, SaysWhatIsWrongWithThePlan) {
  EXPECT_EQ(read_field("vresion: a\n", "p.yml", "name").error().message,
            "Couldn't parse Escape plan 'p.yml': line 1, column 1: unknown field 'vresion', expected 'version'");
  EXPECT_EQ(read_field("[a]\n", "p.yml", "name").error().message,
            "Couldn't parse Escape plan 'p.yml': line 1, column 1: the plan is a list, expected fields such as "
            "'name: my-app'");
}

}  // namespace plan_fields_test
}  // namespace escape::plan
