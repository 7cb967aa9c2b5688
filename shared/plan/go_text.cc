#include "shared/plan/go_text.h"

#include <charconv>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

namespace escape::plan {
namespace {

/// Shortest digits that give the number back, with an exponent below 1e-4 and from 1e21 on.
/// Source: the documentation of Go's fmt, verb %v of a float64.
std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  const double size = std::fabs(number);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e21);
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {digits, end.ptr};
}

void append(const Value& value, int most_nested, std::string& text) {
  if (const bool* flag = value.as_bool()) {
    text += *flag ? "true" : "false";
  } else if (const std::int64_t* integer = value.as_int()) {
    text += std::to_string(*integer);
  } else if (const double* number = value.as_double()) {
    text += number_text(*number);
  } else if (const std::string* string = value.as_string()) {
    text += *string;
  } else if (const Binary* binary = value.as_binary()) {
    text += binary->bytes;
  } else if (!value.is_null() && most_nested == 0) {
    text += "…";
  } else if (const Value::List* list = value.as_list()) {
    std::string_view before = "[";
    for (const Value& element : *list) {
      text += std::exchange(before, " ");
      append(element, most_nested - 1, text);
    }
    text += list->empty() ? "[]" : "]";
  } else if (const Value::Object* object = value.as_object()) {
    std::map<std::string_view, const Value*> sorted;
    for (const auto& [key, member] : *object) sorted[key] = &member;
    std::string_view before = "map[";
    for (const auto& [key, member] : sorted) {
      text += std::exchange(before, " ");
      text += key;
      text += ':';
      append(*member, most_nested - 1, text);
    }
    text += sorted.empty() ? "map[]" : "]";
  }
}

}  // namespace

std::string go_text(const Value& value, int most_nested) {
  std::string text;
  append(value, most_nested, text);
  return text;
}

}  // namespace escape::plan
