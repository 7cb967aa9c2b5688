#include "shared/script/operand.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "shared/base/overloaded.h"

namespace escape::script {
namespace {

constexpr std::size_t longest_integer = 20;
constexpr std::size_t longest_bool = 5;
constexpr double past_64_bits = 9223372036854775808.0;  // 2^63

}  // namespace

std::string_view type_name(const Operand& operand) {
  static constexpr std::string_view names[] = {"string", "integer", "bool", "list", "list", "map", "map", "lambda"};
  static_assert(std::size(names) == std::variant_size_v<decltype(Operand::held)>);
  return names[operand.held.index()];
}

std::size_t scalar_room(const Operand& operand) {
  if (operand.as_integer()) return longest_integer;
  if (operand.as_bool()) return longest_bool;
  return no_text;
}

char* write_scalar(const Operand& operand, char* to) {
  if (const auto* number = operand.as_integer()) return std::to_chars(to, to + longest_integer, *number).ptr;
  const auto* truth = operand.as_bool();
  const std::string_view word = !truth ? "" : *truth ? "true" : "false";
  return to + word.copy(to, word.size());
}

bool lift_plain(const Value& value, Operand& operand) {
  if (const auto* text = value.as_string()) {
    operand = std::string_view(*text);
  } else if (const auto* object = value.as_object()) {
    operand = object;
  } else if (const auto* number = value.as_int()) {
    operand = *number;
  } else if (const auto* truth = value.as_bool()) {
    operand = *truth;
  } else if (const auto* list = value.as_list()) {
    operand = GivenList{list->data(), list->size()};
  } else {
    return false;
  }
  return true;
}

Evaluated<Operand> lift(const Value& value) {
  Operand plain;
  if (lift_plain(value, plain)) return plain;
  if (value.is_null()) return Operand(std::string_view());
  if (const auto* number = value.as_double()) {
    if (*number >= -past_64_bits && *number < past_64_bits) return Operand(static_cast<std::int64_t>(*number));
    return fail(ErrorKind::bad_data, fmt::format("Number {} does not fit 64 bits", *number));
  }
  return fail(
      ErrorKind::bad_data,
      fmt::format("Unexpected value of type '{}', expecting text, a number, a list or a map", value.type_name()));
}

std::optional<ListView> ListView::of(const Operand& operand) {
  ListView view;
  if (const auto* given = std::get_if<GivenList>(&operand.held)) {
    view.given_ = *given;
  } else if (const auto* made = std::get_if<MadeList>(&operand.held)) {
    view.made_ = *made;
  } else {
    return std::nullopt;
  }
  return view;
}

Operand ListView::part(std::size_t begin, std::size_t end) const {
  if (given_) return GivenList{given_->first + begin, end - begin};
  return MadeList{made_.first + begin, end - begin};
}

std::optional<MapView> MapView::of(const Operand& operand) {
  MapView view;
  if (const auto* given = std::get_if<const Value::Object*>(&operand.held)) {
    view.given_ = *given;
  } else if (const auto* made = std::get_if<MadeMap>(&operand.held)) {
    view.made_ = *made;
  } else {
    return std::nullopt;
  }
  return view;
}

std::string_view MapView::key(std::size_t i) const {
  return given_ ? std::string_view((given_->begin() + static_cast<std::ptrdiff_t>(i))->first) : made_.first[i].key;
}

Evaluated<Operand> MapView::at(std::size_t i) const {
  if (given_) return lift((given_->begin() + static_cast<std::ptrdiff_t>(i))->second);
  return made_.first[i].value;
}

const Operand* MapView::find_made(std::string_view key) const {
  for (std::size_t i = 0; i < made_.size; ++i) {
    if (made_.first[i].key == key) return &made_.first[i].value;
  }
  return nullptr;
}

}  // namespace escape::script
