#include <gtest/gtest.h>

#include "shared/script/context_for_tests.h"
#include "shared/script/script.h"

namespace escape::script::parser_test {

std::string reason_of(const std::string& text) {
  const Result<Expression> parsed = parse(text);
  if (parsed) return "parsed as " + print(parsed.value());
  const std::string prefix = "Couldn't parse expression '" + text + "': ";
  EXPECT_EQ(parsed.error().kind, ErrorKind::bad_data) << text;
  EXPECT_TRUE(parsed.error().message.starts_with(prefix)) << parsed.error().message;
  return parsed.error().message.substr(std::min(prefix.size(), parsed.error().message.size()));
}

TEST(Parser, SaysWhatItExpected) {
  const testing::Row rows[] = {
      {"$12", "Expecting identifier, got '12'"},
      {"$_x", "Expecting identifier, got '_x'"},
      {"$-x", "Expecting identifier, got '-x'"},
      {"$.x", "Expecting identifier, got '.x'"},
      {"$", "Expecting identifier, got ''"},
      {"$str.", "Expecting identifier, got ''"},
      {"$$x", "Expecting identifier, got '$x'"},
      {"$str.12", "Expecting identifier, got '12'"},
      {"$str ", "Invalid expression, unexpected ' '"},
      {"$str.upper()extra", "Invalid expression, unexpected 'extra'"},
      {"$func (a) { $a }", "Invalid expression, unexpected ' (a) { $a }'"},
      {"$a($a)", "Invalid expression, unexpected '($a)'"},
      {"$__upper (\"a\")", "Expecting '(', got ' (\"a\")'"},
      {"$__upper", "Expecting '(', got ''"},
      {"$___x()", "Expecting identifier, got '_x()'"},
      {"text", "Expecting expression starting with '$' or '\"' or '[0-9\\-]', got: 'text'"},
      {"$str.concat(", "Failed to parse function call to __concat: Expecting ')', got EOF in ("},
      {"$str.concat(\"a\"", "Failed to parse function call to __concat: Expecting ')', got EOF in (\"a\""},
      {"$str.concat(\"a\" \"b\")",
       "Failed to parse function call to __concat: Expecting ',' or ')', but got: \"\"b\")\" in \"(\"a\" \"b\")\""},
      {"$str.concat(foo)",
       "Failed to parse function call to __concat: Couldn't parse function argument: Expecting expression starting "
       "with '$' or '\"' or '[0-9\\-]', got: 'foo)'"},
      {"$str.concat(trueish)",
       "Failed to parse function call to __concat: Couldn't parse function argument: Expecting expression starting "
       "with '$' or '\"' or '[0-9\\-]', got: 'trueish)'"},
      {"$str.concat(,)",
       "Failed to parse function call to __concat: Couldn't parse function argument: Expecting expression starting "
       "with '$' or '\"' or '[0-9\\-]', got: ',)'"},
      {"$str.concat(\"a",
       "Failed to parse function call to __concat: Couldn't parse function argument: Expecting '\"'"},
      {"$str.concat(\"\\q\")",
       "Failed to parse function call to __concat: Couldn't parse function argument: Unexpected escape character "
       "'113' in 'q\")'"},
      {"$str.concat(\"\\{\")",
       "Failed to parse function call to __concat: Couldn't parse function argument: Unexpected escape character "
       "'123' in '{\")'"},
      {"$str.concat(-)",
       "Failed to parse function call to __concat: Couldn't parse function argument: Expecting digit"},
      {"$n.add(99999999999999999999)",
       "Failed to parse function call to __add: Couldn't parse function argument: Integer '99999999999999999999' does "
       "not fit 64 bits"},
      {"$func(1) { $a }", "Couldn't parse lambda argument: 1) Expecting identifier, got '1) { $a }'"},
      {"$func(a, ) { $a }", "Couldn't parse lambda argument: 2) Expecting identifier, got ') { $a }'"},
      {"$func(a b) { $a }", "Expecting ',' or ')', got 'b) { $a }'"},
      {"$func(a) $a", "Expecting '{', got '$a'"},
      {"$func(a) { $a", "Expecting '}', got ''"},
      {"$func(a) { a }",
       "Couldn't parse lambda body: Expecting expression starting with '$' or '\"' or '[0-9\\-]', got: 'a }'."},
      {"$func(a) { $a }(", "Failed to parse function call to func: Expecting ')', got EOF in ("},
      {"$func(a) { $a }(1)(2)", "Invalid expression, unexpected '(2)'"},
      {"$lst[x]", "Couldn't parse '[x]': Expecting digit"},
      {"$lst[:]", "Couldn't parse '[:]': Expecting digit"},
      {"$lst[]", "Couldn't parse '[]': Expecting digit"},
      {"$lst[1:x]", "Couldn't parse '[1:x]': Expecting digit"},
      {"$lst[1", "Expecting ']' or ':', got: ''"},
      {"$lst[1;", "Expecting ']' or ':', got: ';'"},
      {"$lst[1:2", "Expecting ']', got ''"},
      {"$lst[9223372036854775808]",
       "Couldn't parse '[9223372036854775808]': Integer '9223372036854775808' does not fit 64 bits"},
      {"$[1", "Expecting ']', got EOF in [1"},
      {"$[1 2]", "Expecting ',' or ']', but got: \"2]\" in \"[1 2]\""},
      {"$[a]", "Couldn't parse list element: Expecting expression starting with '$' or '\"' or '[0-9\\-]', got: 'a]'"},
      {"${a}", "Expecting '\"' or '}', got 'a}'"},
      {"${\"a\" 1}", "Expecting ':', got '1}'"},
      {"${\"a\": 1 2}", "Expecting ',' or '}', got '2}'"},
      {"${\"a\": 1, \"a\": 2}", "Key 'a' is given twice"},
      {"$\"{{ $x }\"", "Expecting '}}', got '}\"'"},
      {"$\"{{ }}\"", "Expecting expression starting with '$' or '\"' or '[0-9\\-]', got: '}}\"'"},
      {"$\"open", "Expecting '\"'"},
      {"$\"{{ $x }}", "Expecting '\"'"},
      {"$\"\\", "Expecting '\"'"},
  };
  for (const auto& row : rows) EXPECT_EQ(reason_of(row.expression), row.outcome) << row.expression;
}

TEST(Parser, PointsAtThePlace) {
  const testing::Row rows[] = {
      {"$this.versio(", "$this.versio(\n             ^"},
      {"$str.concat(\"a\" \"b\")", "$str.concat(\"a\" \"b\")\n                ^"},
      {"$str.concat(\"é\", foo)", "$str.concat(\"é\", foo)\n                 ^"},
      {"$str.concat(\"\\q\")", "$str.concat(\"\\q\")\n             ^"},
      {"$func(a) {\n\t$a.concat(foo)\n}", " $a.concat(foo)\n           ^"},
      {"$str.concat(\"a\",\n", "\n^"},
      {"$str.\xFF", "$str.?\n     ^"},
      {"$a.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff.!gggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj",
       "…cccccccccddddddddddeeeeeeeeeeffffffffff.!gggggggggghhhhhhhhhhiiiiiiiii…\n"
       "                                         ^"},
  };
  for (const auto& row : rows) {
    const Result<Expression> parsed = parse(row.expression);
    ASSERT_FALSE(parsed) << row.expression;
    EXPECT_EQ(parsed.error().hint, row.outcome) << parsed.error().hint;
  }
}

TEST(Parser, LongTextsAreQuotedInPart) {
  const Result<Expression> parsed = parse("$str" + std::string(5000, ' '));
  ASSERT_FALSE(parsed);
  EXPECT_LT(parsed.error().message.size(), 400U);
  EXPECT_TRUE(parsed.error().message.ends_with("…'")) << parsed.error().message;
  EXPECT_LT(parsed.error().hint.size(), 200U);
}

TEST(Printer, WritesTheCanonicalText) {
  const testing::Row rows[] = {
      {"$ str", "$str"},
      {"$this.inputs.who.upper()", "$this.inputs.who.upper()"},
      {"$__concat( $a ,\"b\" , -3, )", "$__concat($a, \"b\", -3)"},
      {"$__ concat()", "$__concat()"},
      {"$str. upper()", "$str.upper()"},
      {"$lst[:2]", "$lst[0:2]"},
      {"$lst[ 1 : ]", "$lst[1:]"},
      {"$lst[0] ", "$lst[0]"},
      {"$lst[0] [0] .x", "$lst[0][0].x"},
      {"$func( a,b ){$a}  (\"x\",2)", "$func(a, b) { $a }(\"x\", 2)"},
      {"$func() { \"x\" }", "$func() { \"x\" }"},
      {"$func.x", "$func.x"},
      {"$x.concat(\"\\n\\t\\\"\\\\\")", "$x.concat(\"\\n\\t\\\"\\\\\")"},
      {"$x.concat(\"\t\n\")", "$x.concat(\"\\t\\n\")"},
      {"$[\"str\"]", "$str"},
      {"$[\"_/my-dep\"].version", "$[\"_/my-dep\"].version"},
      {"$[\"a\",]", "$[\"a\",]"},
      {"$[\"a\",\"b\"]", "$[\"a\", \"b\"]"},
      {"$[$a]", "$[$a]"},
      {"$[ ]", "$[]"},
      {"$[\"a\".upper()]", "$[\"a\".upper()]"},
      {"$x.id($[\"a\"], [\"a\"], [\"a\",], $[\"a\",], true)", "$x.id($a, [\"a\"], [\"a\"], [\"a\"], true)"},
      {"${\"k\" : [1,{}], \"l\":false,}", "${\"k\": [1, {}], \"l\": false}"},
      {"$true", "$true"},
      {"$\"a{{$x}}b\"", "$\"a{{ $x }}b\""},
      {"$\"{a}\\{{ {\"", "$\"{a}\\{{ \\{\""},
      {"$\"{{{\"k\":1}}}}\"", "$\"{{ {\"k\": 1} }}}\""},
  };
  for (const auto& row : rows) {
    const Result<Expression> parsed = parse(row.expression);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(print(parsed.value()), row.outcome);
    const Result<Expression> again = parse(print(parsed.value()));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again.value() == parsed.value()) << row.expression;
  }
}

TEST(Expression, IsTextWithOneDollar) {
  EXPECT_TRUE(is_expression("$x"));
  EXPECT_TRUE(is_expression("$"));
  for (const char* text : {"", "$$", "$$x", " $x", "12", "\"quoted\"", "{{ x }}"}) EXPECT_FALSE(is_expression(text));
}

}  // namespace escape::script::parser_test
