#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace escape {

/// Bytes that are not text (msgpack `bin`).
struct Binary {
  std::string bytes;
  friend bool operator==(const Binary&, const Binary&) = default;
};

/// One JSON- or msgpack-like value: what inputs and outputs hold, and what every stored or sent record becomes on its
/// way to bytes (shared/codec). Objects keep the order in which keys were set; equality looks at that order too.
class Value {
 public:
  using List = std::vector<Value>;
  using Member = std::pair<std::string, Value>;

  class Object {
   public:
    Object() = default;
    Object(std::initializer_list<Member> members);
    /// Replaces the member of that name or appends it.
    Value& set(std::string_view key, Value value);
    /// Appends without looking for the key: for writers that know it is new.
    void append(std::string key, Value value);
    const Value* find(std::string_view key) const;
    bool erase(std::string_view key);
    bool contains(std::string_view key) const { return find(key) != nullptr; }
    std::size_t size() const { return members_.size(); }
    bool empty() const { return members_.empty(); }
    auto begin() const { return members_.begin(); }
    auto end() const { return members_.end(); }
    auto begin() { return members_.begin(); }
    auto end() { return members_.end(); }
    /// The same members in byte order of their keys.
    Object sorted() const;
    friend bool operator==(const Object&, const Object&);

   private:
    std::vector<Member> members_;
  };

  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool v) : data_(v) {}
  Value(int v) : data_(std::int64_t{v}) {}
  Value(std::int64_t v) : data_(v) {}
  Value(std::uint32_t v) : data_(std::int64_t{v}) {}
  Value(std::uint64_t v) : data_(static_cast<std::int64_t>(v)) {}  // above 2^63 wraps: nothing of ours is that large
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(std::string_view v) : data_(std::in_place_type<std::string>, v) {}
  Value(Binary v) : data_(std::move(v)) {}
  Value(List v) : data_(std::move(v)) {}
  Value(Object v) : data_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  /// The held value of that type, or nullptr.
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const std::int64_t* as_int() const { return std::get_if<std::int64_t>(&data_); }
  const double* as_double() const { return std::get_if<double>(&data_); }
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const Binary* as_binary() const { return std::get_if<Binary>(&data_); }
  const List* as_list() const { return std::get_if<List>(&data_); }
  const Object* as_object() const { return std::get_if<Object>(&data_); }
  List* as_list() { return std::get_if<List>(&data_); }
  Object* as_object() { return std::get_if<Object>(&data_); }

  /// "null", "bool", "integer", "number", "string", "binary", "list", "object": for error messages.
  std::string_view type_name() const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Binary, List, Object> data_;
};

}  // namespace escape
