#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/value.h"
#include "shared/codec/fields.h"

namespace escape::codec {

/// Reads members of a JSON object and remembers the first wrong shape. `null` stands for absent, as in the original.
class Members {
 public:
  explicit Members(const Value::Object& from) : from_(from) {}

  template <class T>
  void take(std::string_view key, T& to) {
    const Value* value = find(key);
    if (!value) return;
    if (Result<> done = detail::read(*value, to); !done) error_ = std::move(done).error().in(std::string(key));
  }
  /// Each element through `read_one(const Value&) -> Result<T>`.
  template <class T, class ReadOne>
  void take_list(std::string_view key, std::vector<T>& to, ReadOne read_one) {
    const Value* value = find(key);
    if (!value) return;
    const Value::List* list = value->as_list();
    if (!list) {
      error_ = detail::wrong_type("list", *value).in(std::string(key));
      return;
    }
    for (const Value& item : *list) {
      Result<T> one = read_one(item);
      if (!one) {
        error_ = std::move(one).error().in(std::string(key) + "[" + std::to_string(to.size()) + "]");
        return;
      }
      to.push_back(std::move(one).value());
    }
  }
  /// The same for the members of an object, by their names.
  template <class T, class ReadOne>
  void take_map(std::string_view key, std::map<std::string, T>& to, ReadOne read_one) {
    const Value* value = find(key);
    if (!value) return;
    const Value::Object* object = value->as_object();
    if (!object) {
      error_ = detail::wrong_type("object", *value).in(std::string(key));
      return;
    }
    for (const auto& [name, item] : *object) {
      Result<T> one = read_one(item);
      if (!one) {
        error_ = std::move(one).error().in(name).in(std::string(key));
        return;
      }
      to.insert_or_assign(name, std::move(one).value());
    }
  }
  Result<> finish() {
    if (error_) return fail(std::move(*error_));
    return ok();
  }
  const Value* find(std::string_view key) const {
    if (error_) return nullptr;
    const Value* value = from_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }

 private:
  const Value::Object& from_;
  std::optional<Error> error_;
};

}  // namespace escape::codec
