// One expression of the `$` language. What is parsed prints to a text that is the same expression, and that text is the
// only one; evaluating it with values and files of every kind ends, twice in the same way.
#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/script/context_for_tests.h"
#include "shared/script/limits.h"
#include "shared/script/script.h"
#include "tests/fuzz/input.h"

namespace escape::script {
namespace {

void check_error(const Error& error) {
  CHECK(error.kind == ErrorKind::bad_data);
  CHECK(!error.message.empty());
}

void check_print(const Expression& expression) {
  const std::string text = print(expression);
  if (text.size() > limits::text_bytes) return;
  const Result<Expression> again = parse(text);
  CHECK(again.has_value());
  CHECK(again.value() == expression);
  CHECK(print(again.value()) == text);
}

void check_references(const Expression& expression) {
  for (const std::vector<std::string>& path : references(expression)) CHECK(!path.empty());
  (void)files_read(expression);
}

void check_evaluate(const Expression& expression) {
  static const Value::Object globals = testing::globals();
  testing::MemoryHost host;
  const Context context{.globals = &globals, .host = &host, .now_seconds = 1'795'400'000};
  const Result<Value> value = evaluate(expression, context);
  const Result<Value> again = evaluate(expression, context);
  CHECK(value.has_value() == again.has_value());
  if (!value) {
    CHECK(value.error().message == again.error().message);
    return check_error(value.error());
  }
  CHECK(value.value() == again.value());
  (void)codec::to_json(value.value());
}

void check(std::string_view text) {
  const Result<Expression> parsed = parse(text);
  if (!parsed) {
    check_error(parsed.error());
    CHECK(is_valid_utf8(parsed.error().hint));
    CHECK(parsed.error().hint.ends_with('^'));
  } else {
    check_print(parsed.value());
    check_references(parsed.value());
    check_evaluate(parsed.value());
  }
  // A text of a plan, which need not be an expression.
  const Value::Object none;
  const Result<std::string> plain = evaluate_to_text(text, {.globals = &none});
  if (!plain) return check_error(plain.error());
  CHECK(is_expression(text) || plain.value() == text);
}

}  // namespace
}  // namespace escape::script

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  escape::script::check(input.rest());
  return 0;
}
