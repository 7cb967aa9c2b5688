#include <gtest/gtest.h>

#include "shared/script/context_for_tests.h"
#include "shared/script/script.h"

namespace escape::script::evaluate_test {

using testing::outcome_of;
using testing::Row;

TEST(Evaluate, WhatTheDescriptionSays) {
  const Row rows[] = {
      {"$d.nested.x", "3"},
      {"$lst[0:2].join(\"-\")", "\"a-b\""},
      {"$d.l[0].upper()", "\"Q\""},
      {"$str.concat($lst[0], $lst[1:].join(\"+\"))", "\"Hello Worldab+c\""},
      {"$func(a, b) { $a.concat($b) }(\"x\", \"y\")", "\"xy\""},
      {"$func() { \"const\" }()", "\"const\""},
      {"$func(){ 12 }()", "12"},
      {"$func(a) { $a }(\"x\").upper()", "\"X\""},
      {"$func(a) { $func(b) { $a.concat($b) }(\"2\") }(\"1\")", "\"12\""},
      {"$func(str) { $str }(\"shadow\")", "\"shadow\""},
      {"$func(a) { $a } (\"x\")", "\"x\""},
      {"$ str", "\"Hello World\""},
      {"$lst[0] ", "\"a\""},
      {"$str.concat(\"\\n\\t\\\"\\\\\")", "\"Hello World\n\t\"\\\""},
      {"$str.concat( \"a\" , 1 , )", "\"Hello Worlda1\""},
      {"$str.concat(\xC2\xA0\"a\"\xE2\x80\xA8)", "\"Hello Worlda\""},
      {"$__concat(\"a\".upper(), 3.add(4))", "\"A7\""},
      {"$nope", "Field 'nope' was not found (_/my-dep, d, empty, f, ints, lists, lst, n, str, t, v)"},
      {"$d.nope", "Field 'nope' was not found (half, key, l, nested, nothing)"},
      {"$empty.x", "Field 'x' was not found (target collection was empty)"},
      {"$d.nothing", "\"\""},
      {"$d.half", "12"},
      {"$t", "true"},
      {"$lists", "[[\"a\",\"b\",\"c\"],[]]"},
      {"$__concat($nope, $gone)", "Field 'nope' was not found (_/my-dep, d, empty, f, ints, lists, lst, n, str, t, v)"},
      {"$d", "{key:\"value\",nested:{x:3},l:[\"q\",\"r\"],nothing:\"\",half:12}"},
      {"$lst.x", "Expecting function, map or string for apply, but got 'list'"},
      {"$t.x", "Expecting function, map or string for apply, but got 'bool'"},
      {"$n.x", "Expecting function, map or string for apply, but got 'integer'"},
      {"$str.file", "\"/tmp/escape_input_1\""},
      {"$str.upper", "Calling unknown function 'upper' on string"},
      {"$func(a, b) { $a }(\"x\")", "Argument arity mismatch. Expecting 2 arguments, got 1."},
      {"$func(a) { $a }", "A function is no value that a plan can hold (forgot to call it?)"},
      {"$func(a) { $a }.x", "\"x\""},
      {"$func(f) { $func(x) { $f.ignored }(\"dynamic\") }($func(y) { $x })", "\"dynamic\""},
      {"$func(a) { $a }($func(b) { $b }).y", "\"y\""},
      {"$func(a, a) { $a }(\"1\", \"2\")", "\"2\""},
      {"$str.nope()",
       "Field '__nope' was not found (add, and, base64_decode, base64_encode, concat, default, dir_exists, env_lookup, "
       "equals, file_exists, gt, gte, id, if, join, length, list_index, list_slice, lower, lt and 16 more)"},
      {"$__nope()",
       "Field '__nope' was not found (add, and, base64_decode, base64_encode, concat, default, dir_exists, env_lookup, "
       "equals, file_exists, gt, gte, id, if, join, length, list_index, list_slice, lower, lt and 16 more)"},
      {"$str.file()",
       "Field '__file' was not found (add, and, base64_decode, base64_encode, concat, default, dir_exists, env_lookup, "
       "equals, file_exists, gt, gte, id, if, join, length, list_index, list_slice, lower, lt and 16 more)"},
      {"$lst[0][0]", "Expecting list argument in list index call, but got 'string'"},
      {"$lst[0:2][1]", "\"b\""},
      {"$lists[0][1]", "\"b\""},
  };
  for (const Row& row : rows) EXPECT_EQ(outcome_of(row.expression), row.outcome) << row.expression;
}

std::string hint_of(const std::string& text) {
  const Value::Object all = testing::globals();
  const Result<Value> value = evaluate_text(text, {.globals = &all});
  return value ? "no error" : value.error().hint;
}

TEST(Evaluate, SuggestsWhatMayHaveBeenMeant) {
  const Row rows[] = {
      {"$strr", "Did you mean 'str'?"},
      {"$d.nestde", "Did you mean 'nested'?"},
      {"$str.uper()", "Did you mean 'upper'?"},
      {"$str.upper", "A call has parentheses: 'upper(…)'."},
      {"$str.zzz", ""},
      {"$d.zzz", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(hint_of(row.expression), row.outcome) << row.expression;
}

TEST(Evaluate, AnErrorListsNoMoreThanTwentyNames) {
  Value::Object all;
  for (int i = 100; i < 150; ++i) all.set("name" + std::to_string(i), 1);
  const Result<Value> value = evaluate(parse("$x").value(), {.globals = &all});
  ASSERT_FALSE(value);
  EXPECT_TRUE(value.error().message.starts_with("Field 'x' was not found (name100, name101, "));
  EXPECT_TRUE(value.error().message.ends_with("name119 and 30 more)")) << value.error().message;
}

TEST(Evaluate, DataIsLiftedAsTheDescriptionSays) {
  const Value::Object all{{"nothing", nullptr},
                          {"half", -12.9},
                          {"whole", 3.0},
                          {"map", Value::Object{{"list", Value::List{nullptr, 1.5, true, "x"}}}}};
  const std::pair<const char*, Value> rows[] = {
      {"$nothing", ""},
      {"$half", -12},
      {"$whole", 3},
      {"$map.list", Value::List{"", 1, true, "x"}},
      {"$map", Value::Object{{"list", Value::List{"", 1, true, "x"}}}},
      {"$map.list[1].add(1)", 2},
  };
  for (const auto& [text, value] : rows) {
    EXPECT_EQ(evaluate(parse(text).value(), {.globals = &all}).value(), value) << text;
  }
}

TEST(Evaluate, NeedsNoGlobals) {
  EXPECT_EQ(evaluate(parse("$x").value(), {}).error().message, "Field 'x' was not found (target collection was empty)");
  EXPECT_EQ(evaluate(parse("$__upper(\"a\")").value(), {}).value(), Value("A"));
}

TEST(Evaluate, WhatCannotBeLiftedIsAnError) {
  const Value::Object all{{"bytes", Binary{"\x01"}}, {"large", 1e30}, {"list", Value::List{Binary{"\x01"}}}};
  const Row rows[] = {
      {"$bytes", "Unexpected value of type 'binary', expecting text, a number, a list or a map"},
      {"$list", "Unexpected value of type 'binary', expecting text, a number, a list or a map"},
      {"$list[0]", "Unexpected value of type 'binary', expecting text, a number, a list or a map"},
      {"$large", "Number 1e+30 does not fit 64 bits"},
  };
  for (const Row& row : rows) {
    const Result<Value> value = evaluate(parse(row.expression).value(), {.globals = &all});
    ASSERT_FALSE(value) << row.expression;
    EXPECT_EQ(value.error().message, row.outcome);
  }
}

TEST(Evaluate, TextThatIsNoExpressionIsItself) {
  for (const char* text : {"", "$$lit", "$$", "12", " $x", "\"quoted\"", "a {{ $x }}"}) {
    EXPECT_EQ(evaluate_text(text, {}).value(), Value(text));
    EXPECT_EQ(evaluate_to_text(text, {}).value(), text);
  }
}

TEST(Evaluate, ErrorsNameTheText) {
  const Value::Object all = testing::globals();
  const Context context{.globals = &all};
  EXPECT_EQ(evaluate_text("$d.nested.y", context).error().message,
            "Failed to evaluate '$d.nested.y': Field 'y' was not found (x)");
  EXPECT_EQ(evaluate_text("$(", context).error().message,
            "Couldn't parse expression '$(': Expecting identifier, got '('");
  EXPECT_EQ(evaluate_to_text("$d.nested.y", context).error().message,
            "Failed to evaluate '$d.nested.y': Field 'y' was not found (x)");
  for (const char* text : {"$d", "$lst", "$t"}) {
    EXPECT_EQ(evaluate_to_text(text, context).error().message,
              "Expression '" + std::string(text) + "' did not return a string value");
  }
}

TEST(Evaluate, ToTextTakesStringsAndIntegers) {
  const Value::Object all = testing::globals();
  const Context context{.globals = &all};
  EXPECT_EQ(evaluate_to_text("$str", context).value(), "Hello World");
  EXPECT_EQ(evaluate_to_text("$n.add(-13)", context).value(), "-1");
}

TEST(Evaluate, ListsAreEvaluatedElementByElement) {
  const Value::Object all = testing::globals();
  const Context context{.globals = &all};
  const Value given = Value::List{"$v", "$$v", 3, true, nullptr, Value::List{"$n"}, Value::Object{{"k", "$v"}}};
  const Value expected = Value::List{"1.2.3", "$$v", 3, true, nullptr, Value::List{12}, Value::Object{{"k", "$v"}}};
  EXPECT_EQ(evaluate_value(given, context).value(), expected);
  EXPECT_EQ(evaluate_value("$n", context).value(), Value(12));
  EXPECT_EQ(evaluate_value(Value::List{"$v", "$nope"}, context).error().kind, ErrorKind::bad_data);
}

}  // namespace escape::script::evaluate_test
