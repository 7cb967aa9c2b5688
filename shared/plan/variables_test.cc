#include "shared/plan/variables.h"

#include <gtest/gtest.h>

namespace escape::plan {
namespace variables_test {

using release::Variable;

Variable of(std::string type_text) {
  TypeText type = parse_type(type_text).value();
  return Variable{.id = "foo", .type = std::move(type.type), .options = std::move(type.options)};
}
Value list(std::initializer_list<Value> items) { return Value(Value::List(items)); }

struct Accepted {
  const char* type;
  Value given;
  Value result;
};
struct Refused {
  const char* type;
  Value given;
  const char* message;
};

TEST(Variables, AreConvertedToTheirType) {
  const Accepted rows[] = {
      {"string", "a", "a"},
      {"string", "", ""},
      {"string", 12, "12"},
      {"string", 12.9, "12"},
      {"string", true, "1"},
      {"string", false, "0"},
      {"string", list({1, "a"}), "[1,\"a\"]"},
      {"integer", -12, -12},
      {"integer", "-12", -12},
      {"integer", "+12", 12},
      {"integer", 12.9, 12},
      {"integer", -12.9, -12},
      {"bool", true, true},
      {"bool", "true", true},
      {"bool", "True", true},
      {"bool", "YES", true},
      {"bool", "on", true},
      {"bool", "yay", true},
      {"bool", "1", true},
      {"bool", "false", false},
      {"bool", "no", false},
      {"bool", "Off", false},
      {"bool", "0", false},
      {"bool", 1, true},
      {"bool", 2, true},
      {"bool", 0, false},
      {"bool", -1, false},
      {"list", "", list({})},
      {"list", "[]", list({})},
      {"list", "[\"a\",\"b\"]", list({"a", "b"})},
      {"list", list({"a"}), list({"a"})},
      {"list[type=integer]", list({1, 2}), list({1, 2})},
      {"list[type=integer]", "[1,2]", list({1, 2})},
  };
  for (const Accepted& row : rows) {
    const Result<Value> value = convert(of(row.type), row.given);
    ASSERT_TRUE(value) << row.type << ": " << value.error().message;
    EXPECT_EQ(value.value(), row.result) << row.type;
  }
}

TEST(Variables, WhatTheTypeDoesNotTakeIsAnErrorNotAGuess) {
  const Refused rows[] = {
      {"string", nullptr, "Expecting 'string' value, but got 'null' for variable 'foo'"},
      {"string", Value::Object{{"a", 1}}, "Expecting 'string' value, but got 'object' for variable 'foo'"},
      {"integer", "12.0", "Expecting 'integer' value, but got 'string' for variable 'foo'"},
      {"integer", " 12", "Expecting 'integer' value, but got 'string' for variable 'foo'"},
      {"integer", "", "Expecting 'integer' value, but got 'string' for variable 'foo'"},
      {"integer", "+-1", "Expecting 'integer' value, but got 'string' for variable 'foo'"},
      {"integer", true, "Expecting 'integer' value, but got 'bool' for variable 'foo'"},
      {"integer", nullptr, "Expecting 'integer' value, but got 'null' for variable 'foo'"},
      {"integer", "9223372036854775808", "The number does not fit 64 bits for variable 'foo'"},
      {"integer", 1e300, "The number does not fit 64 bits for variable 'foo'"},
      {"bool", "banana", "Expecting 'bool' value, but got 'banana' for variable 'foo'"},
      {"bool", "", "Expecting 'bool' value, but got '' for variable 'foo'"},
      {"bool", 1.0, "Expecting 'bool' value, but got 'number' for variable 'foo'"},
      {"list", "a,b",
       "Expecting 'list' value: character 1: expected a JSON list, such as [\"a\", \"b\"] for variable 'foo'"},
      {"list", 12, "Expecting 'list' value, but got 'integer' for variable 'foo'"},
      {"list", list({true}), "Unexpected 'bool' value in list, expecting 'string' for variable 'foo'"},
      {"list", list({"a", nullptr}), "Unexpected 'null' value in list, expecting 'string' for variable 'foo'"},
      {"list", list({Value::Object{}}), "Unexpected 'object' value in list, expecting 'string' for variable 'foo'"},
      {"list", list({list({"x"})}), "Unexpected 'list' value in list, expecting 'string' for variable 'foo'"},
      {"list", list({"a", 1}), "Unexpected 'integer' value in list, expecting 'string' for variable 'foo'"},
      {"list", "[1]", "Unexpected 'integer' value in list, expecting 'string' for variable 'foo'"},
      {"list[type=integer]", list({"a"}), "Unexpected 'string' value in list, expecting 'integer' for variable 'foo'"},
      {"dict", "a", "Unknown variable type: dict for variable 'foo'"},
      {"string[min=1]", "", "Expecting at least 1 characters, got 0 for variable 'foo'"},
      {"string[max=2]", "abc", "Expecting at most 2 characters, got 3 for variable 'foo'"},
      {"integer[min=1,max=3]", 0, "Expecting at least 1, got 0 for variable 'foo'"},
      {"integer[min=1,max=3]", "4", "Expecting at most 3, got 4 for variable 'foo'"},
      {"list[max=1]", list({"a", "b"}), "Expecting at most 1 elements, got 2 for variable 'foo'"},
  };
  for (const Refused& row : rows) {
    const Result<Value> value = convert(of(row.type), row.given);
    ASSERT_FALSE(value) << row.message;
    EXPECT_EQ(value.error().message, row.message);
  }
}

TEST(Variables, OptionsAreEnforcedAndLengthIsInCharacters) {
  EXPECT_TRUE(convert(of("string[min=2,max=2]"), "ä€"));
  EXPECT_TRUE(convert(of("integer[min=-5]"), -5));
  EXPECT_TRUE(convert(of("list[min=1]"), list({"a"})));
}

TEST(Variables, ItemsAreTheAllowedValues) {
  struct Row {
    const char* type;
    Value items;
    Value given;
    const char* message;  ///< nullptr: allowed
  };
  const Row rows[] = {
      {"string", list({"a", "b"}), "a", nullptr},
      {"string", list({"a", "b"}), "c", "Expecting one of [\"a\",\"b\"] for variable 'foo', got: c (string)"},
      {"string", "a", "a", nullptr},
      {"string", "a", "b", "Unexpected value 'b' for variable 'foo', only 'a' is allowed"},
      {"string", list({}), "a", "Expecting one of [] for variable 'foo', got: a (string)"},
      {"integer", list({1, 2}), "2", nullptr},
      {"integer", list({1.0, 2.0}), 2, nullptr},
      {"integer", list({1, 2}), 3, "Expecting one of [1,2] for variable 'foo', got: 3 (integer)"},
      {"string", list({1, 2}), "1", nullptr},
      {"list", list({"a", "b"}), list({"a", "b", "a"}), nullptr},
      {"list", list({"a", "b"}), list({"a", "c"}),
       "Expecting one of [\"a\",\"b\"] for variable 'foo', got: c (string)"},
      {"string", Value(5), "a", "Unexpected type 'integer' for 'items' field of variable 'foo'"},
  };
  for (const Row& row : rows) {
    Variable variable = of(row.type);
    variable.items = row.items;
    const Result<Value> value = convert(variable, row.given);
    EXPECT_EQ(value.has_value(), row.message == nullptr);
    if (!value && row.message) {
      EXPECT_EQ(value.error().message, row.message);
    }
  }
}

TEST(Variables, ASensitiveValueIsNeverShown) {
  for (const char* type : {"bool", "integer", "list", "string[max=1]"}) {
    Variable variable = of(type);
    variable.sensitive = true;
    const Result<Value> value = convert(variable, "hunter2");
    ASSERT_FALSE(value) << type;
    EXPECT_EQ(value.error().message.find("hunter2"), std::string::npos) << value.error().message;
  }
  Variable variable = of("string");
  variable.sensitive = true;
  variable.items = list({"a"});
  EXPECT_EQ(convert(variable, "hunter2").error().message.find("hunter2"), std::string::npos);
}

TEST(Variables, DeclarationsAreCheckedBeforeAnythingRuns) {
  EXPECT_TRUE(check_declaration(of("string[min=1,max=2]")));
  EXPECT_TRUE(check_declaration(of("list[type=integer]")));
  const std::pair<Variable, const char*> rows[] = {
      {of("dict"), "Unknown variable type: dict for variable 'foo'"},
      {of("client"), "Unknown variable type: client for variable 'foo'"},
      {of("String"), "Unknown variable type: String for variable 'foo'"},
      {of("string[size=1]"), "Unknown option 'size' of type 'string' for variable 'foo'"},
      {of("bool[min=1]"), "Unknown option 'min' of type 'bool' for variable 'foo'"},
      {of("string[min]"), "The option 'min' needs a number for variable 'foo'"},
      {of("list[type]"), "The option 'type' must be 'string' or 'integer' for variable 'foo'"},
      {of("list[type=1]"), "The option 'type' must be 'string' or 'integer' for variable 'foo'"},
      {Variable{.id = "foo", .scopes = {"bla"}},
       "Unknown scope 'bla'. Expecting 'build' or 'deploy' for variable 'foo'"},
      {Variable{.id = "foo", .items = Value(Value::List{})},
       "The list 'items' is empty, so that no value would be allowed for variable 'foo'"},
      {Variable{.id = "foo", .type = "integer", .items = list({1, "x"})},
       "The list 'items' has a value of type 'string', which is never a 'integer' for variable 'foo'"},
      {Variable{.id = "foo", .items = Value(3)}, "Unexpected type 'integer' for 'items' field of variable 'foo'"},
      {Variable{.id = "foo", .type = "integer", .fallback = Value("x")},
       "In default field: Expecting 'integer' value, but got 'string' for variable 'foo'"},
      {Variable{.id = "foo", .type = "bool", .fallback = Value("banana")},
       "In default field: Expecting 'bool' value, but got 'banana' for variable 'foo'"},
  };
  for (const auto& [variable, message] : rows) {
    const Result<> checked = check_declaration(variable);
    ASSERT_FALSE(checked) << message;
    EXPECT_EQ(checked.error().message, message);
  }
}

TEST(Variables, TypeTextHasOptions) {
  const TypeText type = parse_type(" string[ min = 1 , max=20, flag ] ").value();
  EXPECT_EQ(type.type, "string");
  EXPECT_EQ(type.options, (Value::Object{{"min", 1}, {"max", 20}, {"flag", true}}));
  EXPECT_TRUE(parse_type("string[]").value().options.empty());
  EXPECT_EQ(parse_type("string[min=1").value().type, "string[min=1") << "no option list: an unknown type";
  for (const char* text : {"string[min=x]", "string[=1]", "string[min=]", "string[min=1 max=2]", "string[,]"}) {
    const Result<TypeText> parsed = parse_type(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().message.starts_with("Expecting expression key=value, got: ")) << parsed.error().message;
  }
}

TEST(Variables, TextForTheEnvironmentOfAScript) {
  EXPECT_EQ(to_environment_text("a"), "a");
  EXPECT_EQ(to_environment_text(true), "1");
  EXPECT_EQ(to_environment_text(false), "0");
  EXPECT_EQ(to_environment_text(-3), "-3");
  EXPECT_EQ(to_environment_text(list({"a", "b"})), "[\"a\",\"b\"]");
}

}  // namespace variables_test
TEST(ValueOf, TakesWhatIsGivenElseTheDefaultElseTheRelease) {
  const Value::Object globals{
      {"this",
       Value::Object{{"version", "1.2"}, {"environment", "stage"}, {"inputs", Value::Object{{"who", "World"}}}}}};
  const script::Context context{&globals, nullptr, 0};
  release::Variable variable{.id = "foo", .fallback = Value("$this.inputs.who.upper()")};
  EXPECT_EQ(value_of(variable, nullptr, context).value(), Value("WORLD"));
  const Value given("x");
  EXPECT_EQ(value_of(variable, &given, context).value(), given);
  const Value dollar("$this.version");
  EXPECT_EQ(value_of(variable, &dollar, context).value(), dollar) << "only its author writes expressions";
  variable.fallback = Value(Value::List{"a", "$this.version", 3});
  EXPECT_EQ(value_of(variable, nullptr, context).value(), Value(R"(["a","1.2",3])"));
  variable.type = "environment";
  EXPECT_EQ(value_of(variable, &given, context).value(), Value("stage")) << "what is given does not count";
}

// Rows of spec/variables.md §3 to §5 that are about defaults and items.
TEST(ValueOf, DefaultsAndItemsAreEvaluatedAndConverted) {
  const Value::Object self{
      {"version", "1.2"}, {"project", "escape"},           {"environment", "stage"}, {"deployment", "_/a"},
      {"n", 12},          {"all", Value::List{"x", "1.2"}}};
  const Value::Object globals{{"this", self}};
  const script::Context context{&globals, nullptr, 0};
  struct Row {
    const char* type;
    std::optional<Value> fallback;
    std::optional<Value> given;
    Value items;
    Value result;
    const char* message;  ///< nullptr: `result` counts
  };
  const Row rows[] = {
      {"string", 12.7, {}, {}, "12", nullptr},
      {"string", 12, {}, {}, "12", nullptr},
      {"string", true, {}, {}, "1", nullptr},
      {"string", false, {}, {}, "0", nullptr},
      {"integer", "12", {}, {}, 12, nullptr},
      {"integer", "$this.n", {}, {}, 12, nullptr},
      {"string", "$this.n", {}, {}, "12", nullptr},
      {"bool", true, {}, {}, true, nullptr},
      {"list", "$this.all", {}, {}, Value::List{"x", "1.2"}, nullptr},
      {"list", Value::List{"$this.version", "y"}, {}, {}, Value::List{"1.2", "y"}, nullptr},
      {"string", "$$kept", {}, {}, "$$kept", nullptr},
      {"string", "default", "", {}, "", nullptr},
      {"string", "default", Value(), {}, {}, "Expecting 'string' value, but got 'null' for variable 'foo'"},
      {"version", {}, {}, {}, "1.2", nullptr},
      {"project", {}, {}, {}, "escape", nullptr},
      {"environment", {}, "given", {}, "stage", nullptr},
      {"deployment", "default", {}, {}, "_/a", nullptr},
      {"string", {}, "1.2", "$this.version", "1.2", nullptr},
      {"string", {}, "1.2", "$this.all", "1.2", nullptr},
      {"string", {}, "1.3", "$this.all", {}, "Expecting one of [\"x\",\"1.2\"] for variable 'foo', got: 1.3 (string)"},
      {"string", {}, "1.2", Value::List{"x", "$this.version"}, "1.2", nullptr},
      {"string", "y", {}, Value::List{"x"}, {}, "Expecting one of [\"x\"] for variable 'foo', got: y (string)"},
      {"string", {}, "x", Value::List{}, {}, "Expecting one of [] for variable 'foo', got: x (string)"},
  };
  for (const Row& row : rows) {
    release::Variable variable{.id = "foo", .type = row.type, .fallback = row.fallback, .items = row.items};
    const Result<Value> value = value_of(variable, row.given ? &*row.given : nullptr, context);
    if (row.message) {
      ASSERT_FALSE(value) << row.message;
      EXPECT_EQ(value.error().message, row.message);
    } else {
      ASSERT_TRUE(value) << row.type << ": " << value.error().message;
      EXPECT_EQ(value.value(), row.result) << row.type;
    }
  }
}

TEST(ValueOf, SaysWhichVariableAndWhy) {
  const Value::Object globals{{"this", Value::Object{{"version", "1.2"}}}};
  const script::Context context{&globals, nullptr, 0};
  release::Variable variable{.id = "foo"};
  EXPECT_EQ(value_of(variable, nullptr, context).error().message, "Missing value for variable 'foo'");
  variable.fallback = Value("$this.nope");
  const std::string message = value_of(variable, nullptr, context).error().message;
  EXPECT_TRUE(message.starts_with("Couldn't run expression in default field of variable 'foo': ")) << message;
  EXPECT_NE(message.find("Field 'nope' was not found"), std::string::npos) << message;
  variable.items = Value("$this.version");
  const Value given("1.3");
  EXPECT_EQ(value_of(variable, &given, context).error().message,
            "Unexpected value '1.3' for variable 'foo', only '1.2' is allowed");
  variable.items = Value("$nope");
  EXPECT_TRUE(value_of(variable, &given, context).error().message.starts_with("In items field of variable 'foo': "));
}

}  // namespace escape::plan
