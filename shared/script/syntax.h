#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shared/script/limits.h"

/// The tree of an expression. A node is a primary and the chain of what is done to it, kept flat, so that only
/// expressions within expressions nest (at most limits::nesting): walking a tree recurses that deep and no deeper.
namespace escape::script {

struct Builtin;

namespace syntax {

// What holds nodes is compared in syntax.cc: clang 19 recurses without end over defaulted comparisons that need each
// other.
struct Node;

/// `$name`, or `$["any name"]`.
struct Lookup {
  std::string name;
  friend bool operator==(const Lookup&, const Lookup&) = default;
};
/// `$__upper(…)`. The built-in is found when the call is parsed; null is an unknown one, which fails when evaluated.
struct Call {
  std::string function;  ///< without the underscores
  const Builtin* builtin = nullptr;
  std::vector<Node> arguments;
  friend bool operator==(const Call&, const Call&);
};
/// `$func(a, b) { body }`, called at once when arguments follow.
struct Lambda {
  std::vector<std::string> parameters;
  std::vector<Node> body;  ///< exactly one
  std::optional<std::vector<Node>> arguments;
  friend bool operator==(const Lambda&, const Lambda&);
};
struct Text {
  std::string text;
  friend bool operator==(const Text&, const Text&) = default;
};
struct Integer {
  std::int64_t number = 0;
  friend bool operator==(const Integer&, const Integer&) = default;
};
struct Boolean {
  bool truth = false;
  friend bool operator==(const Boolean&, const Boolean&) = default;
};
struct List {
  std::vector<Node> elements;
  friend bool operator==(const List&, const List&);
};
/// Keys are different from each other; as many values.
struct Map {
  std::vector<std::string> keys;
  std::vector<Node> values;
  friend bool operator==(const Map&, const Map&);
};
/// `$"text {{ hole }} text"`: one text more than holes, in turn.
struct Template {
  std::vector<std::string> texts;
  std::vector<Node> holes;
  friend bool operator==(const Template&, const Template&);
};
using Primary = std::variant<Lookup, Call, Lambda, Text, Integer, Boolean, List, Map, Template>;

/// `.name`
struct Field {
  std::string name;
  friend bool operator==(const Field&, const Field&) = default;
};
/// `.upper(…)`: the call of a built-in whose first argument is what stands before.
struct Method {
  std::string function;
  const Builtin* builtin = nullptr;
  std::vector<Node> arguments;
  friend bool operator==(const Method&, const Method&);
};
/// `[1]`
struct Index {
  std::int64_t index = 0;
  friend bool operator==(const Index&, const Index&) = default;
};
/// `[1:2]`, `[1:]`; `[:2]` is `[0:2]`.
struct Slice {
  std::int64_t from = 0;
  std::optional<std::int64_t> to;
  friend bool operator==(const Slice&, const Slice&) = default;
};
using Suffix = std::variant<Field, Method, Index, Slice>;

struct Node {
  Primary primary;
  std::vector<Suffix> suffixes;
  friend bool operator==(const Node&, const Node&);
};

/// `[A-Za-z][A-Za-z0-9_-]*`: what may follow a `$` or a dot.
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }

}  // namespace syntax
}  // namespace escape::script
