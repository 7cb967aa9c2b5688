#include "shared/plan/list_text.h"

#include <gtest/gtest.h>

namespace escape::plan {
namespace list_text_test {

TEST(ListText, WritesAndReadsBack) {
  const std::pair<Value::List, const char*> rows[] = {
      {{}, "[]"},
      {{Value("a"), Value("b c")}, R"(["a","b c"])"},
      {{Value(1), Value(-5), Value(true), Value()}, "[1,-5,true,null]"},
      {{Value("\"\\\n\r\t\x01")}, R"(["\"\\\n\r\t\u0001"])"},
      {{Value("<a&b>")}, R"(["\u003ca\u0026b\u003e"])"},
      {{Value("\u2028ä€😀")}, "[\"\\u2028ä€😀\"]"},
      {{Value(""), Value(INT64_MAX)}, R"(["",9223372036854775807])"},
  };
  for (const auto& [list, text] : rows) {
    EXPECT_EQ(list_to_text(list), text);
    const Result<Value::List> back = list_from_text(text);
    ASSERT_TRUE(back) << text << ": " << back.error().message;
    EXPECT_EQ(back.value(), list) << text;
  }
}

TEST(ListText, ReadsWhatOthersWrite) {
  const Value::List two{Value("a"), Value(2)};
  for (const char* text : {"[\"a\",2]", " [ \"a\" , 2 ] ", "[\n\"a\",\n2\n]\n", R"(["\u0061",2])"}) {
    const Result<Value::List> list = list_from_text(text);
    ASSERT_TRUE(list) << text;
    EXPECT_EQ(list.value(), two) << text;
  }
  EXPECT_EQ(list_from_text(R"(["\ud83d\ude00\/"])").value(), Value::List{Value("😀/")});
}

TEST(ListText, RefusesTheRestAndSaysWhere) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "character 1: expected a JSON list, such as [\"a\", \"b\"]"},
      {"a,b", "character 1: expected a JSON list, such as [\"a\", \"b\"]"},
      {"[", "character 2: expected a string or an integer that fits 64 bits"},
      {"[\"a\"", "character 5: expected ',' or ']'"},
      {"[\"a\",]", "character 6: expected a string or an integer that fits 64 bits"},
      {"[\"a\" \"b\"]", "character 6: expected ',' or ']'"},
      {"[\"a]", "character 5: the string does not end, expected '\"'"},
      {"[\"a\"]x", "character 6: expected the end after ']'"},
      {"[1.5]", "character 3: expected ',' or ']'"},
      {"[99999999999999999999]", "character 2: expected a string or an integer that fits 64 bits"},
      {"[{}]", "character 2: expected a string or an integer that fits 64 bits"},
      {"[[]]", "character 2: expected a string or an integer that fits 64 bits"},
      {"[\"\\x\"]", "character 5: unknown escape after '\\'"},
      {"[\"\\u12\"]", "character 5: expected four hex digits"},
      {"[\"\\ud800\"]", "character 9: half of a surrogate pair"},
      {"[\"\\ud800\\u0041\"]", "character 15: half of a surrogate pair"},
      {"[\"\n\"]", "character 4: a control character must be written as \\u00XX"},
      {"[\"\xff\"]", "character 5: the string is not UTF-8"},
  };
  for (const auto& [text, message] : rows) {
    const Result<Value::List> list = list_from_text(text);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().message, message) << text;
  }
}

}  // namespace list_text_test
}  // namespace escape::plan
