#pragma once

#include <set>
#include <string>

#include "shared/base/value.h"

namespace escape::controller {

/// Texts that must not be shown, wherever they came to: a default, a mapping or a script may have put a sensitive value
/// into one that nobody calls sensitive.
class SecretTexts {
 public:
  /// Each text in it, also in lists and objects. Numbers and booleans with fewer than four characters are too many to
  /// be secrets.
  void add(const Value& value);
  void add(const SecretTexts& other) { texts_.insert(other.texts_.begin(), other.texts_.end()); }
  /// Whether a text in it is one of them, or holds one (of at least four characters: shorter ones are in many texts by
  /// accident).
  bool is_in(const Value& value) const;

 private:
  std::set<std::string> texts_;
};

}  // namespace escape::controller
