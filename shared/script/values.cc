#include "shared/script/values.h"

#include <fmt/core.h>

namespace escape::script {
namespace {

Error too_deep() {
  return Error{ErrorKind::bad_data,
               fmt::format("A value holds lists or maps more than {} levels deep", limits::value_depth)};
}

class Comparison {
 public:
  explicit Comparison(Memory& memory) : memory_(memory) {}

  Evaluated<bool> are_equal(const Operand& a, const Operand& b, int depth) {
    if (depth > limits::value_depth) return fail(too_deep());
    TRYV(memory_.pay());
    if (const auto* text = a.as_text()) {
      const auto* other = b.as_text();
      if (!other) return false;
      TRYV(memory_.pay(text->size()));
      return *text == *other;
    }
    if (const auto* number = a.as_integer()) return b.as_integer() && *number == *b.as_integer();
    if (const auto* truth = a.as_bool()) return b.as_bool() && *truth == *b.as_bool();
    if (const auto list = ListView::of(a)) {
      const auto other = ListView::of(b);
      return other ? same_lists(*list, *other, depth + 1) : Evaluated<bool>(false);
    }
    if (const auto map = MapView::of(a)) {
      const auto other = MapView::of(b);
      return other ? same_maps(*map, *other, depth + 1) : Evaluated<bool>(false);
    }
    return false;
  }

 private:
  Evaluated<bool> same_lists(const ListView& a, const ListView& b, int depth) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      TRY(const Operand left, a.at(i));
      TRY(const Operand right, b.at(i));
      TRY(const bool same, are_equal(left, right, depth));
      if (!same) return false;
    }
    return true;
  }

  Evaluated<bool> same_maps(const MapView& a, const MapView& b, int depth) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      TRYV(memory_.pay(a.key(i).size() + b.size() * sizeof(Entry)));
      bool is_there = true;
      TRY(const Operand right, b.find(a.key(i), [&] {
        is_there = false;
        return Evaluated<Operand>(Operand());
      }));
      if (!is_there) return false;
      TRY(const Operand left, a.at(i));
      TRY(const bool same, are_equal(left, right, depth));
      if (!same) return false;
    }
    return true;
  }

  Memory& memory_;
};

/// Counts what it copies: lists that an expression makes may hold one text, or one list, a great many times.
class Copy {
 public:
  explicit Copy(std::size_t most_bytes) : bytes_left_(most_bytes) {}

  Result<Value> of(const Operand& operand, int depth) {
    if (depth > limits::value_depth) return fail(too_deep());
    if (const auto* text = operand.as_text()) {
      TRYV(count(text->size()));
      return Value(*text);
    }
    if (const auto* number = operand.as_integer()) return Value(*number);
    if (const auto* truth = operand.as_bool()) return Value(*truth);
    if (const auto list = ListView::of(operand)) return list_of(*list, depth + 1);
    if (const auto map = MapView::of(operand)) return map_of(*map, depth + 1);
    return fail(ErrorKind::bad_data, "A function is no value that a plan can hold (forgot to call it?)");
  }

 private:
  Result<Value> list_of(const ListView& list, int depth) {
    TRYV(count(list.size() * sizeof(Value)));
    Value::List values;
    values.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      TRY(const Operand element, list.at(i));
      TRY(Value value, of(element, depth));
      values.push_back(std::move(value));
    }
    return Value(std::move(values));
  }

  Result<Value> map_of(const MapView& map, int depth) {
    TRYV(count(map.size() * sizeof(Value::Member)));
    Value::Object object;
    for (std::size_t i = 0; i < map.size(); ++i) {
      TRYV(count(map.key(i).size()));
      TRY(const Operand member, map.at(i));
      TRY(Value value, of(member, depth));
      object.append(std::string(map.key(i)), std::move(value));
    }
    return Value(std::move(object));
  }

  Evaluated<> count(std::size_t bytes) {
    if (bytes > bytes_left_) {
      return fail(ErrorKind::bad_data, fmt::format("A result is larger than {} bytes", limits::result_bytes));
    }
    bytes_left_ -= bytes;
    return ok();
  }

  std::size_t bytes_left_;
};

bool is_made(const Operand& operand) {
  return std::holds_alternative<MadeList>(operand.held) || std::holds_alternative<MadeMap>(operand.held);
}

}  // namespace

Evaluated<bool> are_equal(const Operand& a, const Operand& b, Memory& memory) {
  return Comparison(memory).are_equal(a, b, 0);
}

Result<Value> to_value(const Operand& operand) {
  if (const auto* text = operand.as_text()) return Result<Value>(std::in_place_type<Value>, *text);
  // Texts that were made are small enough already; given ones are as large as they are.
  return Copy(is_made(operand) ? limits::result_bytes : SIZE_MAX).of(operand, 0);
}

}  // namespace escape::script
