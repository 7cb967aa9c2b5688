#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "shared/base/value.h"
#include "shared/script/evaluated.h"

namespace escape::script {

namespace syntax {
struct Lambda;
}

struct Operand;
struct Entry;

/// A list: either a part of one in the globals, or one that the evaluation made.
struct GivenList {
  const Value* first = nullptr;
  std::size_t size = 0;
};
struct MadeList {
  const Operand* first = nullptr;
  std::size_t size = 0;
};
struct MadeMap {
  const Entry* first = nullptr;
  std::size_t size = 0;
};

/// What an evaluation works with. Owns nothing, so that looking up, passing and slicing copy nothing: texts and lists
/// belong to the globals, to the expression or to the evaluation's memory, which all outlive it.
struct Operand {
  std::variant<std::string_view, std::int64_t, bool, GivenList, MadeList, const Value::Object*, MadeMap,
               const syntax::Lambda*>
      held;

  Operand() = default;
  Operand(std::string_view text) : held(text) {}
  Operand(std::int64_t number) : held(number) {}
  Operand(bool truth) : held(truth) {}
  Operand(const char*) = delete;  // would become a bool
  Operand(GivenList list) : held(list) {}
  Operand(MadeList list) : held(list) {}
  Operand(const Value::Object* map) : held(map) {}
  Operand(MadeMap map) : held(map) {}
  Operand(const syntax::Lambda* lambda) : held(lambda) {}

  const std::string_view* as_text() const { return std::get_if<std::string_view>(&held); }
  const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&held); }
  const bool* as_bool() const { return std::get_if<bool>(&held); }
  const syntax::Lambda* as_lambda() const {
    const auto* lambda = std::get_if<const syntax::Lambda*>(&held);
    return lambda ? *lambda : nullptr;
  }
};

struct Entry {
  std::string_view key;
  Operand value;
};

/// "string", "integer", "bool", "list", "map", "lambda": for messages.
std::string_view type_name(const Operand& operand);
/// Of lists, maps and functions, which can't be put into a text.
constexpr std::size_t no_text = static_cast<std::size_t>(-1);
std::size_t scalar_room(const Operand& operand);
char* write_scalar(const Operand& operand, char* to);
/// How many bytes `write_text` needs at most, or `no_text`.
inline std::size_t text_room(const Operand& operand) {
  const auto* text = operand.as_text();
  return text ? text->size() : scalar_room(operand);
}
/// Within a text: a text itself, a number, `true` or `false`. Gives the end.
inline char* write_text(const Operand& operand, char* to) {
  const auto* text = operand.as_text();
  return text ? to + text->copy(to, text->size()) : write_scalar(operand, to);
}
/// A value of the globals as an operand: null is "", a number its integer part. Error: bytes, a number beyond 64 bits.
Evaluated<Operand> lift(const Value& value);
/// The same of what can always be lifted: text, an integer, a bool, a list, a map. False: ask `lift`.
bool lift_plain(const Value& value, Operand& operand);

/// Both sorts of list by one name.
class ListView {
 public:
  /// Nothing when it is no list.
  static std::optional<ListView> of(const Operand& operand);
  std::size_t size() const { return given_ ? given_->size : made_.size; }
  Evaluated<Operand> at(std::size_t i) const {
    return given_ ? lift(given_->first[i]) : Evaluated<Operand>(made_.first[i]);
  }
  /// `begin <= end <= size()`.
  Operand part(std::size_t begin, std::size_t end) const;

 private:
  std::optional<GivenList> given_;
  MadeList made_;
};

/// Both sorts of map by one name.
class MapView {
 public:
  static std::optional<MapView> of(const Operand& operand);
  std::size_t size() const { return given_ ? given_->size() : made_.size; }
  std::string_view key(std::size_t i) const;
  Evaluated<Operand> at(std::size_t i) const;
  /// The value of that key, or what `otherwise()` returns when there is none.
  template <class Otherwise>
  Evaluated<Operand> find(std::string_view key, const Otherwise& otherwise) const {
    if (given_) {
      const Value* value = given_->find(key);
      return value ? lift(*value) : otherwise();
    }
    const Operand* value = find_made(key);
    return value ? Evaluated<Operand>(*value) : otherwise();
  }

 private:
  const Operand* find_made(std::string_view key) const;

  const Value::Object* given_ = nullptr;
  MadeMap made_;
};

}  // namespace escape::script
