#include "shared/release/expression.h"

namespace escape::release {
namespace {

auto refuse(std::string_view where, std::string_view text) {
  return fail(ErrorKind::refused,
              "The expression '" + std::string(text) + "' in " + std::string(where) +
                  " is not supported by this version of Escape yet",
              "Write the value itself; text that begins with '$' is an expression.");
}

}  // namespace

bool is_expression(std::string_view text) { return text.starts_with('$') && !text.starts_with("$$"); }

const std::string* find_expression(const Value& value) {
  if (const std::string* text = value.as_string()) return is_expression(*text) ? text : nullptr;
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) {
      const std::string* text = item.as_string();
      if (text && is_expression(*text)) return text;
    }
  }
  return nullptr;
}

Result<> check_has_no_expression(const Variable& variable) {
  if (is_evaluated_type(variable.type)) {
    return fail(ErrorKind::refused,
                "The type '" + variable.type + "' of variable '" + variable.id +
                    "' is not supported by this version of Escape yet",
                "Give the variable 'type: string' and a value.");
  }
  const std::string of_variable = " field of variable '" + variable.id + "'";
  if (variable.fallback) {
    if (const std::string* text = find_expression(*variable.fallback))
      return refuse("the default" + of_variable, *text);
  }
  if (const std::string* text = find_expression(variable.items)) return refuse("the items" + of_variable, *text);
  return ok();
}

Result<> check_has_no_expression(std::string_view stage_name, const ExecStage& stage) {
  const std::string of_stage = " of the '" + std::string(stage_name) + "' field";
  if (is_expression(stage.cmd)) return refuse("cmd" + of_stage, stage.cmd);
  if (is_expression(stage.script)) return refuse("script" + of_stage, stage.script);
  for (const std::string& arg : stage.args) {
    if (is_expression(arg)) return refuse("args" + of_stage, arg);
  }
  return ok();
}

}  // namespace escape::release
