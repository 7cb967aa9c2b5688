// Hostile plans end in an error: no crash, no long wait, no large memory.

#include "shared/script/limits.h"

#include <gtest/gtest.h>

#include "shared/script/context_for_tests.h"
#include "shared/script/script.h"

namespace escape::script::limits_test {

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

/// So many calls of a function with that body, each of which is given the value of the one before as $x.
std::string doubled(std::string_view body, int times, const std::string& first) {
  std::string all = first;
  for (; times > 0; --times) all = "$func(x) { " + std::string(body) + " }(" + all + ")";
  return all;
}

TEST(Limits, DepthOfTheText) {
  const std::pair<const char*, const char*> brackets[] = {
      {"$x.id(", ")"}, {"[", "]"}, {"{\"k\": ", "}"}, {"$\"{{ ", " }}\""}, {"$func(){ ", " }()"}, {"$[", "]"}};
  for (const auto& [open, close] : brackets) {
    for (const std::size_t depth : {1000U, 20000U}) {
      const std::string text = "$__id(" + repeated(open, depth) + "1" + repeated(close, depth) + ")";
      const Result<Expression> parsed = parse(text);
      ASSERT_FALSE(parsed) << open;
      const bool is_said = parsed.error().message.find("nested deeper than 100") != std::string::npos ||
                           parsed.error().message.find("longer than 262144 bytes") != std::string::npos;
      EXPECT_TRUE(is_said) << parsed.error().message;
      EXPECT_FALSE(parse("$__id(" + repeated(open, depth))) << open;
    }
    const std::string deepest = "$__id(" + repeated(open, 90) + "1" + repeated(close, 90) + ")";
    EXPECT_TRUE(parse(deepest)) << open;
    (void)testing::outcome_of(deepest);
  }
}

TEST(Limits, LengthOfTheText) {
  EXPECT_EQ(parse("$" + std::string(limits::text_bytes, 'x')).error().message.substr(200),
            std::string("Couldn't parse expression '$" + std::string(199, 'x') + "…': it is longer than 262144 bytes")
                .substr(200));
}

TEST(Limits, LongChainsAreNoDepth) {
  const Result<Expression> parsed = parse("$x" + repeated(".id()", 50000));
  ASSERT_TRUE(parsed);
  const Value::Object all{{"x", "y"}};
  EXPECT_EQ(evaluate(parsed.value(), {.globals = &all}).value(), Value("y"));
  EXPECT_EQ(print(parsed.value()).size(), 2U + 5U * 50000U);
}

TEST(Limits, AFunctionThatCallsItself) {
  for (const char* text : {"$func(a) { $a.x }($func(b) { $a.x })", "$func(a) { $a.x }($func(b) { [$a.x, $a.x] })",
                           "$func(a) { $a.x.default(\"y\") }($func(b) { $a.x })"}) {
    const Result<Value> value = evaluate(parse(text).value(), {});
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().message, "The expression is evaluated more than 200 levels deep");
    EXPECT_EQ(value.error().hint, "Does a function call itself?");
  }
}

TEST(Limits, WorkThatDoublesAtEachLevel) {
  // Two to the power of forty calls of the innermost.
  std::string text = "$__id(true)";
  for (int i = 0; i < 40; ++i) text = "$func(f) { $f.x.and($f.x) }($func(y) { " + text + " })";
  const Result<Expression> parsed = parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Result<Value> value = evaluate(parsed.value(), {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "The expression takes more than 1000000 steps");
}

TEST(Limits, SizeOfAResult) {
  const std::string texts[] = {
      doubled("$x.concat($x)", 40, "\"0123456789\""),
      doubled("$x.replace(\"\", $x, -1)", 40, "\"0123456789\""),
      doubled("$[$x, $x]", 40, "\"0123456789\""),
      doubled("${\"a\": $x, \"b\": $x}", 40, "\"0123456789\""),
      doubled("$\"{{ $x }}{{ $x }}\"", 40, "\"0123456789\""),
      doubled("$x.split(\"\").join($x)", 40, "\"0123456789\""),
      doubled("$x.base64_encode()", 90, "\"0123456789\""),
  };
  for (const std::string& text : texts) {
    const Result<Expression> parsed = parse(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    const Result<Value> value = evaluate(parsed.value(), {});
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().message, "A result is larger than 1048576 bytes") << text;
  }
}

TEST(Limits, ComparingListsThatDouble) {
  const std::string text = doubled("$[$x, $x]", 60, "1");
  const Result<Value> value = evaluate(parse("$func(a, b) { $a.equals($b) }(" + text + ", " + text + ")").value(), {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "The expression takes more than 1000000 steps");
}

TEST(Limits, SearchesThatCompareMuchEverywhere) {
  const std::string a = doubled("$x.concat($x)", 14, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
  const std::string text =
      "$func(a) { $func(b) { [" + repeated("$a.replace($b, \"\", -1), ", 1000) + "] }($a.concat(\"b\")) }(" + a + ")";
  const Result<Value> value = evaluate(parse(text).value(), {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "The expression takes more than 1000000 steps");
}

TEST(Limits, AllThatIsMade) {
  const std::string text = "$func(a) { [" + repeated("$a.concat(\"x\").length(), ", 100) + "] }(" +
                           doubled("$x.concat($x)", 19, "\"a\"") + ")";
  const Result<Value> value = evaluate(parse(text).value(), {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "The expression makes more than 16777216 bytes of values");
}

TEST(Limits, LargeInputsPassThrough) {
  const Value::Object all{{"large", std::string(3U << 20, 'x')}, {"list", Value::List(100000, Value("x"))}};
  const Context context{.globals = &all};
  EXPECT_EQ(evaluate(parse("$large").value(), context).value().as_string()->size(), 3U << 20);
  EXPECT_EQ(evaluate(parse("$list[1:]").value(), context).value().as_list()->size(), 99999U);
  EXPECT_EQ(evaluate(parse("$large.length()").value(), context).value(), Value(3 << 20));
  EXPECT_EQ(evaluate(parse("$[$large, $large]").value(), context).error().message,
            "A result is larger than 1048576 bytes");
}

TEST(Limits, ManyDefaultsAmongManyKeys) {
  Value::Object keys;
  for (int i = 0; i < 5000; ++i) keys.append("some-longer-name-" + std::to_string(i), i);
  const Value::Object all{{"keys", keys}};
  const std::string text = "$[" + repeated("$keys.some-longer-name.default(1), ", 5000) + "]";
  const Result<Value> value = evaluate(parse(text).value(), {.globals = &all});
  EXPECT_FALSE(value);
  EXPECT_EQ(value.error().message, "The expression takes more than 1000000 steps");
}

}  // namespace escape::script::limits_test
