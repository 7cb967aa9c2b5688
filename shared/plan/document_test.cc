#include "shared/plan/document.h"

#include <gtest/gtest.h>

namespace escape::plan {
namespace document_test {

TEST(Document, ScalarsAreTypedAndEverythingHasItsLine) {
  const Document document = parse_document("a: 1\nb:\n- 'x'\n- yes\nc: {d: 1.5, e: }\n").value();
  const Value expected(Value::Object{{"a", 1},
                                     {"b", Value(Value::List{Value("x"), Value("yes")})},
                                     {"c", Value(Value::Object{{"d", 1.5}, {"e", nullptr}})}});
  EXPECT_EQ(document.to_value(), expected);
  EXPECT_EQ(document.find("b")->items[1].line, 4);
  EXPECT_EQ(document.find("b")->items[1].text, "yes");
  EXPECT_EQ(document.find("nope"), nullptr);
}

TEST(Document, NumbersLookAsTheyWereWrittenWhereThatIsAskedFor) {
  const Document document =
      parse_document("a: 1\nb: 1.10\nc: [007, 0x1F, '2', -3]\nd: {e: true, f: ~, g: 1e3}\n").value();
  const Value expected(Value::Object{{"a", 1},
                                     {"b", "1.10"},
                                     {"c", Value(Value::List{Value("007"), Value("0x1F"), Value("2"), Value(-3)})},
                                     {"d", Value(Value::Object{{"e", true}, {"f", nullptr}, {"g", "1e3"}})}});
  EXPECT_EQ(document.to_written_value(), expected);
}

TEST(Document, RefusesAliasesMergeKeysAndRepeatedKeys) {
  for (const char* text : {"a: &x 1\nb: *x\n", "a: {<<: {b: 1}}\n", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n"}) {
    EXPECT_FALSE(parse_document(text)) << text;
  }
}

}  // namespace document_test
}  // namespace escape::plan
