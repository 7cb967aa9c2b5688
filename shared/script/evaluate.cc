#include <fmt/core.h>

#include "shared/script/evaluation.h"
#include "shared/script/script.h"
#include "shared/script/unicode.h"
#include "shared/script/values.h"

namespace escape::script {
namespace {

constexpr std::size_t quoted_text_bytes = 200;

Result<Value> value_at(const Value& given, const Context& context, int depth) {
  if (const auto* text = given.as_string()) return evaluate_text(*text, context);
  const auto* list = given.as_list();
  if (!list) return given;
  if (depth == limits::value_depth) {
    return fail(ErrorKind::bad_data, fmt::format("A list holds lists more than {} levels deep", limits::value_depth));
  }
  Value::List values;
  values.reserve(list->size());
  for (const Value& element : *list) {
    TRY(Value value, value_at(element, context, depth + 1));
    values.push_back(std::move(value));
  }
  return Value(std::move(values));
}

}  // namespace

bool is_expression(std::string_view text) { return text.starts_with('$') && !text.starts_with("$$"); }

Result<Value> evaluate(const Expression& expression, const Context& context) {
  Evaluation evaluation(context);
  const Evaluated<Operand> operand = evaluation.value_of(expression.root());
  if (operand) return to_value(operand.value());
  Error error = operand.error();
  if (error.kind == missing) error.kind = ErrorKind::bad_data;
  return fail(std::move(error));
}

Result<Value> evaluate_text(std::string_view text, const Context& context) {
  if (!is_expression(text)) return Value(text);
  TRY(const Expression expression, parse(text));
  Result<Value> value = evaluate(expression, context);
  if (value) return value;
  Error error = std::move(value).error();
  error.message.insert(0, fmt::format("Failed to evaluate '{}': ", excerpt(text, quoted_text_bytes)));
  return fail(std::move(error));
}

Result<std::string> evaluate_to_text(std::string_view text, const Context& context) {
  if (!is_expression(text)) return std::string(text);
  TRY(const Value value, evaluate_text(text, context));
  if (const auto* result = value.as_string()) return *result;
  if (const auto* number = value.as_int()) return std::to_string(*number);
  return fail(ErrorKind::bad_data,
              fmt::format("Expression '{}' did not return a string value", excerpt(text, quoted_text_bytes)),
              fmt::format("Its value is a {}.", value.as_object() ? "map" : value.type_name()));
}

Result<Value> evaluate_value(const Value& text_or_list, const Context& context) {
  return value_at(text_or_list, context, 0);
}

}  // namespace escape::script
