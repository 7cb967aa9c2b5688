#include <fmt/core.h>

#include <compare>
#include <string>
#include <utility>

#include "shared/script/builtins.h"
#include "shared/script/values.h"

/// Comparing, logic, numbers and lists.
namespace escape::script::builtins {
namespace {

/// What two integers or two texts are to each other. Texts by their bytes.
Evaluated<std::strong_ordering> order(const Invocation& call) {
  const auto* a = call[0].as_integer();
  const auto* b = call[1].as_integer();
  if (a && b) return *a <=> *b;
  if (call[0].as_text() && call[1].as_text()) {
    TRY(const std::string_view left, call.text(0));
    TRY(const std::string_view right, call.text(1));
    return left <=> right;
  }
  return fail(ErrorKind::bad_data,
              fmt::format("Expecting integer arguments in {} call, but got '{}' and '{}'", call.name(),
                          type_name(call[0]), type_name(call[1])),
              "Two integers or two strings can be compared.");
}

Evaluated<std::pair<bool, bool>> truths(const Invocation& call) {
  const bool* a = call[0].as_bool();
  const bool* b = call[1].as_bool();
  if (a && b) return std::pair(*a, *b);
  return fail(ErrorKind::bad_data, fmt::format("Expecting bool arguments in {} call, but got '{}' and '{}'",
                                               call.name(), type_name(call[0]), type_name(call[1])));
}

Error no_list(std::string_view what, const Operand& operand) {
  return Error{ErrorKind::bad_data,
               fmt::format("Expecting list argument in list {} call, but got '{}'", what, type_name(operand))};
}
Error no_integer(std::string_view what, const Operand& operand) {
  return Error{ErrorKind::bad_data,
               fmt::format("Expecting integer argument in list {} call, but got '{}'", what, type_name(operand))};
}

}  // namespace

Evaluated<Operand> id(const Invocation& call) { return call[0]; }

Evaluated<Operand> equals(const Invocation& call) {
  TRY(const bool same, are_equal(call[0], call[1], call.memory()));
  return Operand(same);
}
Evaluated<Operand> not_equals(const Invocation& call) {
  TRY(const bool same, are_equal(call[0], call[1], call.memory()));
  return Operand(!same);
}

Evaluated<Operand> logical_not(const Invocation& call) {
  if (const bool* truth = call[0].as_bool()) return Operand(!*truth);
  return fail(ErrorKind::bad_data,
              fmt::format("Expecting bool argument in not call, but got '{}'", type_name(call[0])));
}
Evaluated<Operand> logical_and(const Invocation& call) {
  TRY(const auto both, truths(call));
  return Operand(both.first && both.second);
}
Evaluated<Operand> logical_or(const Invocation& call) {
  TRY(const auto both, truths(call));
  return Operand(both.first || both.second);
}

Evaluated<Operand> lt(const Invocation& call) {
  TRY(const auto is, order(call));
  return Operand(is < 0);
}
Evaluated<Operand> lte(const Invocation& call) {
  TRY(const auto is, order(call));
  return Operand(is <= 0);
}
Evaluated<Operand> gt(const Invocation& call) {
  TRY(const auto is, order(call));
  return Operand(is > 0);
}
Evaluated<Operand> gte(const Invocation& call) {
  TRY(const auto is, order(call));
  return Operand(is >= 0);
}

Evaluated<Operand> add(const Invocation& call) {
  TRY(const std::int64_t a, call.integer(0));
  TRY(const std::int64_t b, call.integer(1));
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return fail(ErrorKind::bad_data, fmt::format("The sum of {} and {} does not fit 64 bits", a, b));
  }
  return Operand(sum);
}

Evaluated<Operand> length(const Invocation& call) {
  if (const auto* text = call[0].as_text()) return Operand(static_cast<std::int64_t>(text->size()));
  if (const auto list = ListView::of(call[0])) return Operand(static_cast<std::int64_t>(list->size()));
  return fail(ErrorKind::bad_data,
              fmt::format("Expecting list or string argument in length call, but got '{}'", type_name(call[0])));
}

Evaluated<Operand> list_index(const Invocation& call) { return index_of(call[0], call[1]); }
Evaluated<Operand> list_slice(const Invocation& call) {
  return slice_of(call[0], call[1], call.count() > 2 ? &call[2] : nullptr);
}

Evaluated<Operand> index_of(const Operand& operand, const Operand& index) {
  const auto list = ListView::of(operand);
  if (!list) return fail(no_list("index", operand));
  const auto* i = index.as_integer();
  if (!i) return fail(no_integer("index", index));
  if (*i >= 0 && static_cast<std::uint64_t>(*i) < list->size()) return list->at(static_cast<std::size_t>(*i));
  // An element that is not there yet may have a default; a negative index never means one.
  return fail(*i < 0 ? ErrorKind::bad_data : missing,
              fmt::format("Index '{}' out of range (len: {})", *i, list->size()));
}

Evaluated<Operand> slice_of(const Operand& operand, const Operand& from, const Operand* to) {
  const auto list = ListView::of(operand);
  if (!list) return fail(no_list("slice", operand));
  const auto* begin = from.as_integer();
  if (!begin) return fail(no_integer("slice", from));
  if (to && !to->as_integer()) return fail(no_integer("slice", *to));
  const auto size = static_cast<std::int64_t>(list->size());
  std::int64_t end = to ? *to->as_integer() : size;
  if (end < 0) end += size;
  if (*begin < 0 || *begin > end || end > size) {
    return fail(ErrorKind::bad_data, fmt::format("Slice [{}:{}] out of range (len: {})", *begin,
                                                 to ? std::to_string(*to->as_integer()) : "", size));
  }
  return list->part(static_cast<std::size_t>(*begin), static_cast<std::size_t>(end));
}

}  // namespace escape::script::builtins
