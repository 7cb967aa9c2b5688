// For any expression: it prints and parses to itself, and evaluating it ends. For any text: parsing it ends.

#include <gtest/gtest.h>

#include <cstdlib>

#include "shared/base/text.h"
#include "shared/script/context_for_tests.h"
#include "shared/script/random_expression_for_tests.h"

namespace escape::script::random_test {

/// A seed of this run, or the one in ESCAPE_TEST_SEED to repeat a failure.
std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* given = std::getenv("ESCAPE_TEST_SEED");
    const std::uint64_t one = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("ESCAPE_TEST_SEED=%llu\n", static_cast<unsigned long long>(one));
    return one;
  }();
  return chosen;
}

TEST(RandomExpressions, PrintAndParseToThemselves) {
  testing::RandomExpression random(seed());
  for (int i = 0; i < 5000; ++i) {
    const Expression expression = random.expression();
    const std::string text = print(expression);
    const Result<Expression> parsed = parse(text);
    ASSERT_TRUE(parsed) << parsed.error().message << "\n" << parsed.error().hint;
    ASSERT_TRUE(parsed.value() == expression) << text;
    ASSERT_EQ(print(parsed.value()), text);
  }
}

TEST(RandomExpressions, EndInAValueOrAnError) {
  testing::RandomExpression random(seed() + 1);
  testing::MemoryHost host;
  const Value::Object all = testing::globals();
  int values = 0;
  for (int i = 0; i < 5000; ++i) {
    const Expression expression = random.expression();
    const Result<Value> value = evaluate(expression, {.globals = &all, .host = &host});
    if (value) {
      ++values;
    } else {
      ASSERT_EQ(value.error().kind, ErrorKind::bad_data) << print(expression);
      ASSERT_FALSE(value.error().message.empty()) << print(expression);
    }
    (void)references(expression);
    (void)files_read(expression);
  }
  EXPECT_GT(values, 100) << "hardly any of them got far";
}

TEST(RandomTexts, AreParsedOrRefusedWithAPlace) {
  testing::RandomExpression random(seed() + 2);
  const Value::Object all = testing::globals();
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random.damaged(print(random.expression()));
    const Result<Expression> parsed = parse(text);
    if (!parsed) {
      ASSERT_TRUE(is_valid_utf8(parsed.error().hint)) << text;
      ASSERT_TRUE(parsed.error().hint.ends_with('^')) << text;
      continue;
    }
    const Result<Expression> again = parse(print(parsed.value()));
    ASSERT_TRUE(again) << print(parsed.value());
    ASSERT_TRUE(again.value() == parsed.value()) << text;
    (void)evaluate(parsed.value(), {.globals = &all});
  }
}

}  // namespace escape::script::random_test
