#include <gtest/gtest.h>

#include <chrono>

#include "shared/codec/codec.h"
#include "shared/codec/random_value_for_tests.h"

namespace escape::codec {
namespace json_test {

std::string why_refused(std::string_view text) {
  const Result<Value> value = from_json(text);
  if (value) return "accepted as " + to_json(value.value());
  EXPECT_EQ(value.error().kind, ErrorKind::bad_data);
  return value.error().message;
}

}  // namespace json_test

TEST(Json, RandomValuesComeBackInBothStyles) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
  RandomValue random(seed);
  for (int i = 0; i < 3000; ++i) {
    const Value value = random.make(false);
    for (const JsonStyle style : {JsonStyle::compact, JsonStyle::indented}) {
      const std::string text = to_json(value, style);
      const Result<Value> back = from_json(text);
      ASSERT_TRUE(back) << back.error().message << "\n" << text;
      ASSERT_EQ(back.value(), value) << text;
    }
  }
}

TEST(Json, DamagedTextIsRefusedOrReadButNeverCrashes) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
  RandomValue random(seed);
  for (int i = 0; i < 3000; ++i) {
    std::string text = to_json(random.make(false));
    text[random.below(text.size())] = static_cast<char>(random.below(256));
    if (random.below(2) == 0) text.resize(random.below(text.size() + 1));
    if (const Result<Value> value = from_json(text)) {
      ASSERT_TRUE(from_json(to_json(value.value())));
    } else {
      ASSERT_EQ(value.error().message.rfind("line ", 0), 0u) << value.error().message;
    }
  }
}

TEST(Json, IsWrittenAsTheOriginalDoes) {
  EXPECT_EQ(to_json(Value::Object{{"b", 1}, {"a", Value::List{true, nullptr, "x"}}}), R"({"b":1,"a":[true,null,"x"]})");
  EXPECT_EQ(to_json(Value::Object{{"b", Value::Object{}}, {"a", Value::List{1, Value::List{}}}}, JsonStyle::indented),
            "{\n   \"b\": {},\n   \"a\": [\n      1,\n      []\n   ]\n}");
  EXPECT_EQ(to_json("<a href=\"x\">&\\"), R"("\u003ca href=\"x\"\u003e\u0026\\")");
  EXPECT_EQ(to_json("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")");
  EXPECT_EQ(to_json("\n\r\t\b\f\x1f\x7f"), "\"\\n\\r\\t\\u0008\\u000c\\u001f\x7f\"");
  EXPECT_EQ(to_json(Binary{std::string("\xff\xfe\xfd", 3)}), "\"__79\"");
}

TEST(Json, BytesThatAreNoUtf8AreReplaced) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(to_json("a\xFFz"), "\"a" + mark + "z\"");
  EXPECT_EQ(to_json("\xC0\xAF"), "\"" + mark + mark + "\"");             // overlong
  EXPECT_EQ(to_json("\xED\xA0\x80"), "\"" + mark + mark + mark + "\"");  // surrogate
  EXPECT_EQ(to_json("\xF4\x90\x80\x80"), "\"" + mark + mark + mark + mark + "\"");
  EXPECT_EQ(to_json("\xE2\x82"), "\"" + mark + mark + "\"");  // cut short
  EXPECT_EQ(to_json("€😀"), "\"€😀\"");
}

TEST(Json, NumbersKeepTheirValueAndType) {
  EXPECT_EQ(to_json(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(to_json(0.1), "0.1");
  EXPECT_EQ(to_json(3.0), "3.0");
  EXPECT_EQ(to_json(1e22), "1e+22");
  EXPECT_EQ(to_json(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(from_json("9223372036854775807").value(), Value(INT64_MAX));
  EXPECT_EQ(from_json("-9223372036854775808").value(), Value(INT64_MIN));
  EXPECT_EQ(from_json("1.0").value(), Value(1.0));
  EXPECT_EQ(from_json("1e2").value(), Value(100.0));
  using json_test::why_refused;
  EXPECT_NE(why_refused("9223372036854775808").find("does not fit in 64 bits"), std::string::npos);
  EXPECT_NE(why_refused("-9223372036854775809").find("does not fit in 64 bits"), std::string::npos);
  EXPECT_NE(why_refused("123456789012345678901234567890").find("does not fit in 64 bits"), std::string::npos);
  EXPECT_NE(why_refused("1e999").find("too large"), std::string::npos) << why_refused("1e999");
}

TEST(Json, RefusalsNameThePlace) {
  using json_test::why_refused;
  using namespace std::string_literals;
  const std::pair<std::string, std::string> rows[] = {
      {"", "line 1, column 1: "},
      {"{\n  \"a\": 1,\n  \"b\": x\n}", "line 3, column 8: "},
      {"{\"a\":1,\n\"a\":2}", "line 2, column 6: the key 'a' occurs twice"},
      {"[1,]", "line 1, column 4: "},
      {"[1] 2", "line 1, column 5: "},
      {"'a'", "line 1, column 1: "},
      {"// no\n1", "line 1, column 1: "},
      {"{}\0{}"s, "line 1, column 3: a NUL byte"},
      {"\"\xff\"", "line 1, column 2: "},
      {"\"\\ud800\"", "line 1, column 8: "},
      {"{\"a\" 1}", "line 1, column 7: "},
  };
  for (const auto& [text, expected] : rows) {
    EXPECT_EQ(why_refused(text).rfind(expected, 0), 0u) << text << "\n" << why_refused(text);
  }
}

TEST(Json, RefusalsDoNotRepeatWhatMayBeSecret) {
  EXPECT_EQ(json_test::why_refused("{\"password\": \"hunter2").find("hunter2"), std::string::npos);
  EXPECT_EQ(json_test::why_refused("{\"password\": hunter2}").find("hunter2"), std::string::npos);
}

TEST(Json, DepthIsBounded) {
  const std::string deep(200 << 10, '[');
  EXPECT_NE(json_test::why_refused(deep).find("nested more than 64 levels deep"), std::string::npos);
  EXPECT_NE(json_test::why_refused(deep).find("column 65"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(json_test::why_refused(objects).find("nested more than 64 levels deep"), std::string::npos);
  EXPECT_TRUE(from_json(std::string(max_depth, '[') + std::string(max_depth, ']')));
}

TEST(Json, ManyKeysAreNotQuadratic) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(from_json(text + "}"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));  // quadratic takes minutes
}

}  // namespace escape::codec
