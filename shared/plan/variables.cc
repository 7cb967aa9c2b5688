#include "shared/plan/variables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "shared/base/text.h"
#include "shared/plan/list_text.h"

namespace escape::plan {
namespace {

using release::Variable;
using Words = std::array<std::string_view, 6>;

constexpr std::array<std::string_view, 4> plain_types{"string", "integer", "bool", "list"};
constexpr Words true_words{"true", "yes", "on", "yay", "y", "1"};
constexpr Words false_words{"false", "no", "off", "nay", "n", "0"};

template <class Range>
bool contains(const Range& range, std::string_view word) {
  return std::ranges::find(range, word) != std::ranges::end(range);
}

std::string for_variable(const Variable& variable) { return " for variable '" + variable.id + "'"; }

auto wrong(const Variable& variable, std::string message, std::string hint = {}) {
  return fail(ErrorKind::bad_data, std::move(message) + for_variable(variable), std::move(hint));
}
auto wrong_type(const Variable& variable, std::string_view wanted, const Value& given) {
  return wrong(variable,
               "Expecting '" + std::string(wanted) + "' value, but got '" + std::string(given.type_name()) + "'");
}

/// Whole part of a number; nothing when it does not fit 64 bits.
std::optional<std::int64_t> whole_part(double number) {
  constexpr double limit = 9223372036854775808.0;  // 2^63
  const double whole = std::trunc(number);
  if (!(whole >= -limit && whole < limit)) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

Result<Value> to_string_type(const Variable& variable, const Value& given) {
  if (given.as_string()) return given;
  if (given.as_bool() || given.as_int() || given.as_list()) return Value(to_environment_text(given));
  if (const double* number = given.as_double()) {
    if (const std::optional<std::int64_t> whole = whole_part(*number)) return Value(std::to_string(*whole));
  }
  return wrong_type(variable, "string", given);
}

Result<Value> integer_from_text(const Variable& variable, std::string_view text, const Value& given) {
  std::string_view digits = text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end == digits.data() + digits.size() && error == std::errc::result_out_of_range) {
    return wrong(variable, "The number does not fit 64 bits");
  }
  if (error != std::errc{} || end != digits.data() + digits.size()) return wrong_type(variable, "integer", given);
  return Value(number);
}

Result<Value> to_integer_type(const Variable& variable, const Value& given) {
  if (given.as_int()) return given;
  if (const std::string* text = given.as_string()) return integer_from_text(variable, *text, given);
  if (const double* number = given.as_double()) {
    if (const std::optional<std::int64_t> whole = whole_part(*number)) return Value(*whole);
    return wrong(variable, "The number does not fit 64 bits");
  }
  return wrong_type(variable, "integer", given);
}

Result<Value> to_bool_type(const Variable& variable, const Value& given) {
  if (given.as_bool()) return given;
  if (const std::int64_t* number = given.as_int()) return Value(*number >= 1);
  const std::string* text = given.as_string();
  if (!text) return wrong_type(variable, "bool", given);
  std::string word = *text;
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (contains(true_words, word)) return Value(true);
  if (contains(false_words, word)) return Value(false);
  const std::string shown = variable.sensitive ? "text that is neither" : "'" + *text + "'";
  return wrong(variable, "Expecting 'bool' value, but got " + shown, "Write true or false.");
}

bool has_integers(const Variable& variable) {
  const Value* type = variable.options.find("type");
  return type && type->as_string() && *type->as_string() == "integer";
}

Result<Value> to_list_type(const Variable& variable, const Value& given) {
  Value::List list;
  if (const std::string* text = given.as_string()) {
    if (!text->empty()) {
      Result<Value::List> read = list_from_text(*text);
      if (!read) return wrong(variable, "Expecting 'list' value: " + read.error().message);
      list = std::move(read).value();
    }
  } else if (given.as_list()) {
    list = *given.as_list();
  } else {
    return wrong_type(variable, "list", given);
  }
  const std::string_view wanted = has_integers(variable) ? "integer" : "string";
  for (const Value& item : list) {
    if (item.type_name() == wanted) continue;
    return wrong(variable, "Unexpected '" + std::string(item.type_name()) + "' value in list, expecting '" +
                               std::string(wanted) + "'");
  }
  return Value(std::move(list));
}

Result<Value> to_type(const Variable& variable, const Value& given) {
  if (variable.type == "string") return to_string_type(variable, given);
  if (variable.type == "integer") return to_integer_type(variable, given);
  if (variable.type == "bool") return to_bool_type(variable, given);
  if (variable.type == "list") return to_list_type(variable, given);
  if (release::is_evaluated_type(variable.type)) return to_string_type(variable, given);
  return fail(ErrorKind::bad_data, "Unknown variable type: " + variable.type + for_variable(variable));
}

struct Measure {
  std::int64_t number = 0;
  std::string_view unit;  ///< empty: the value itself
};
std::optional<Measure> measure(const Value& value) {
  if (const std::int64_t* number = value.as_int()) return Measure{*number, ""};
  if (const Value::List* list = value.as_list()) return Measure{static_cast<std::int64_t>(list->size()), " elements"};
  if (const std::string* text = value.as_string()) {
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    return Measure{std::ranges::count_if(*text, begins_character), " characters"};
  }
  return std::nullopt;
}

Result<> check_options(const Variable& variable, const Value& value) {
  const std::optional<Measure> size = measure(value);
  if (!size) return ok();
  const auto limit = [&](std::string_view name) {
    const Value* option = variable.options.find(name);
    return option ? option->as_int() : nullptr;
  };
  const std::string got = variable.sensitive ? "" : ", got " + std::to_string(size->number);
  const std::string unit(size->unit);
  if (const std::int64_t* least = limit("min"); least && size->number < *least) {
    return wrong(variable, "Expecting at least " + std::to_string(*least) + unit + got);
  }
  if (const std::int64_t* most = limit("max"); most && size->number > *most) {
    return wrong(variable, "Expecting at most " + std::to_string(*most) + unit + got);
  }
  return ok();
}

/// An item as the type of the variable (of its elements, for a list). One that does not convert equals nothing.
Value item_as_type(const Variable& variable, const Value& item) {
  Variable element = variable;
  if (element.type == "list") element.type = has_integers(variable) ? "integer" : "string";
  const Result<Value> converted = to_type(element, item);
  return converted ? converted.value() : Value();
}

bool is_allowed(const Variable& variable, const Value::List& items, const Value& value) {
  const auto equals = [&](const Value& item) { return item_as_type(variable, item) == value; };
  return !value.is_null() && std::ranges::any_of(items, equals);
}

Result<> refuse_item(const Variable& variable, const Value& value) {
  const std::string shown = to_environment_text(value);
  if (const std::string* only = variable.items.as_string()) {
    const std::string got = variable.sensitive ? "Unexpected value" : "Unexpected value '" + shown + "'";
    return fail(ErrorKind::bad_data, got + for_variable(variable) + ", only '" + *only + "' is allowed");
  }
  const std::string got = variable.sensitive ? "" : ", got: " + shown + " (" + std::string(value.type_name()) + ")";
  return fail(ErrorKind::bad_data,
              "Expecting one of " + list_to_text(*variable.items.as_list()) + for_variable(variable) + got);
}

Result<> check_items(const Variable& variable, const Value& value) {
  if (variable.items.is_null()) return ok();
  if (!variable.items.as_string() && !variable.items.as_list()) {
    return fail(ErrorKind::bad_data, "Unexpected type '" + std::string(variable.items.type_name()) +
                                         "' for 'items' field of variable '" + variable.id + "'");
  }
  const Value::List items = variable.items.as_list() ? *variable.items.as_list() : Value::List{variable.items};
  const Value::List values = value.as_list() ? *value.as_list() : Value::List{value};
  for (const Value& one : values) {
    if (!is_allowed(variable, items, one)) return refuse_item(variable, one);
  }
  return ok();
}

Result<> check_option_names(const Variable& variable) {
  for (const auto& [name, value] : variable.options) {
    const bool is_limit = (name == "min" || name == "max") && variable.type != "bool";
    const bool is_element_type = name == "type" && variable.type == "list";
    if (!is_limit && !is_element_type) {
      return wrong(variable, "Unknown option '" + name + "' of type '" + variable.type + "'",
                   "Options are min and max (string, integer, list) and type (list).");
    }
    const std::string* element = value.as_string();
    if (is_limit && !value.as_int()) return wrong(variable, "The option '" + name + "' needs a number");
    if (is_element_type && (!element || (*element != "string" && *element != "integer"))) {
      return wrong(variable, "The option 'type' must be 'string' or 'integer'");
    }
  }
  return ok();
}

bool is_identifier_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// `min=1`, `min = 1`, `type=integer`, `flag`.
Result<Value::Member> parse_option(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = trimmed(text.substr(0, equals));
  const auto unreadable = [&] {
    return fail(ErrorKind::bad_data, "Expecting expression key=value, got: " + std::string(trimmed(text)));
  };
  if (name.empty() || !std::ranges::all_of(name, is_identifier_char)) return unreadable();
  if (equals == std::string_view::npos) return Value::Member(name, true);
  const std::string_view written = trimmed(text.substr(equals + 1));
  if (name == "type" && !written.empty() && std::ranges::all_of(written, is_identifier_char)) {
    return Value::Member(name, written);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), number);
  if (written.empty() || error != std::errc{} || end != written.data() + written.size()) return unreadable();
  return Value::Member(name, number);
}

}  // namespace

Result<Value> convert(const Variable& variable, const Value& given) {
  TRY(auto value, to_type(variable, given));
  TRYV(check_options(variable, value));
  TRYV(check_items(variable, value));
  return value;
}

bool has_expression(const Value& value) {
  if (const std::string* text = value.as_string()) return script::is_expression(*text);
  const Value::List* list = value.as_list();
  const auto is_one = [](const Value& item) { return item.as_string() && script::is_expression(*item.as_string()); };
  return list && std::ranges::any_of(*list, is_one);
}

Result<Value> value_of(const Variable& variable, const Value* given, const script::Context& context, std::string hint) {
  if (release::is_evaluated_type(variable.type)) {
    Result<Value> evaluated = script::evaluate_text("$this." + variable.type, context);
    if (!evaluated) return fail(std::move(evaluated).error().in("Variable '" + variable.id + "'"));
    return convert(variable, evaluated.value());
  }
  Variable definite = variable;
  if (has_expression(variable.items)) {
    Result<Value> items = script::evaluate_value(variable.items, context);
    if (!items) {
      Error error = std::move(items).error();
      error.message = "In items field of variable '" + variable.id + "': " + error.message;
      return fail(std::move(error));
    }
    definite.items = std::move(items).value();
  }
  if (given) return convert(definite, *given);
  if (!variable.fallback) {
    return fail(ErrorKind::bad_data, "Missing value for variable '" + variable.id + "'", std::move(hint));
  }
  if (!has_expression(*variable.fallback)) return convert(definite, *variable.fallback);
  Result<Value> fallback = script::evaluate_value(*variable.fallback, context);
  if (fallback) return convert(definite, fallback.value());
  Error error = std::move(fallback).error();
  error.message = "Couldn't run expression in default field of variable '" + variable.id + "': " + error.message;
  return fail(std::move(error));
}

Result<> check_declaration(const Variable& variable) {
  if (!contains(plain_types, variable.type) && !release::is_evaluated_type(variable.type)) {
    return fail(ErrorKind::bad_data, "Unknown variable type: " + variable.type + for_variable(variable),
                "The types are string, secret, integer, bool, list, version, project, environment and deployment.");
  }
  TRYV(check_option_names(variable));
  for (const std::string& scope : variable.scopes) {
    if (scope == "build" || scope == "deploy") continue;
    return wrong(variable, "Unknown scope '" + scope + "'. Expecting 'build' or 'deploy'");
  }
  if (const Value::List* items = variable.items.as_list()) {
    if (items->empty()) return wrong(variable, "The list 'items' is empty, so that no value would be allowed");
    for (const Value& item : *items) {
      if (has_expression(item) || !item_as_type(variable, item).is_null()) continue;
      return wrong(variable, "The list 'items' has a value of type '" + std::string(item.type_name()) +
                                 "', which is never a '" + variable.type + "'");
    }
  } else if (!variable.items.is_null() && !variable.items.as_string()) {
    return check_items(variable, Value());
  }
  if (!variable.fallback || has_expression(*variable.fallback) || has_expression(variable.items)) return ok();
  const Result<Value> fallback = convert(variable, *variable.fallback);
  if (fallback) return ok();
  Error error = fallback.error();
  error.message = "In default field: " + error.message;
  return fail(std::move(error));
}

Result<TypeText> parse_type(std::string_view text) {
  TypeText type;
  const std::string_view whole = trimmed(text);
  const std::size_t open = whole.find('[');
  if (open == std::string_view::npos || !whole.ends_with(']')) {
    type.type = whole;
    return type;
  }
  type.type = trimmed(whole.substr(0, open));
  const std::string_view inside = trimmed(whole.substr(open + 1, whole.size() - open - 2));
  if (inside.empty()) return type;
  for (const std::string& piece : split(inside, ',')) {
    TRY(auto option, parse_option(piece));
    type.options.set(option.first, std::move(option.second));
  }
  return type;
}

std::string to_environment_text(const Value& value) {
  if (const std::string* text = value.as_string()) return *text;
  if (const bool* boolean = value.as_bool()) return *boolean ? "1" : "0";
  if (const std::int64_t* number = value.as_int()) return std::to_string(*number);
  if (const Value::List* list = value.as_list()) return list_to_text(*list);
  if (const double* number = value.as_double()) {
    const std::optional<std::int64_t> whole = whole_part(*number);
    return whole ? std::to_string(*whole) : std::string();
  }
  return {};
}

}  // namespace escape::plan
