#include "shared/script/syntax.h"

#include <tuple>

namespace escape::script::syntax {

bool operator==(const Call& a, const Call& b) {
  return std::tie(a.function, a.builtin, a.arguments) == std::tie(b.function, b.builtin, b.arguments);
}

bool operator==(const Lambda& a, const Lambda& b) {
  return std::tie(a.parameters, a.body, a.arguments) == std::tie(b.parameters, b.body, b.arguments);
}

bool operator==(const List& a, const List& b) { return a.elements == b.elements; }

bool operator==(const Map& a, const Map& b) { return std::tie(a.keys, a.values) == std::tie(b.keys, b.values); }

bool operator==(const Template& a, const Template& b) {
  return std::tie(a.texts, a.holes) == std::tie(b.texts, b.holes);
}

bool operator==(const Method& a, const Method& b) {
  return std::tie(a.function, a.builtin, a.arguments) == std::tie(b.function, b.builtin, b.arguments);
}

bool operator==(const Node& a, const Node& b) {
  return std::tie(a.primary, a.suffixes) == std::tie(b.primary, b.suffixes);
}

}  // namespace escape::script::syntax
