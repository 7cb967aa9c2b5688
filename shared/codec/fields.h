#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/value.h"

/// How a struct becomes a `Value::Object` and back: one `describe` function names its fields once, for writing and
/// reading.
///
///     template <class V> void describe(V& visit, Offer& o) { visit("task", o.task); visit("attempt", o.attempt); }
///
/// Reading: a missing field keeps its default (so fields can be added), an unknown one is ignored, a wrong type is
/// bad_data naming the path. `visit.required("x", o.x)` refuses a missing one. Fields equal to their type's empty value
/// are still written, so that golden bytes stay plain. Enums need `name_of(E)` and `parse_enum(text, E&) -> bool` found
/// by ADL.
namespace escape::codec {

template <class T>
Value encode(const T& thing);
template <class T>
Result<T> decode(const Value& value);

namespace detail {

class Writer;
class Reader;

template <class T>
concept Described = requires(T& t, Writer& w) { describe(w, t); };
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T t, std::string_view s) {
  name_of(t);
  { parse_enum(s, t) } -> std::same_as<bool>;
};

inline Value write(const Value& v) { return v; }
inline Value write(const Value::Object& v) { return v; }
inline Value write(const std::string& v) { return v; }
inline Value write(bool v) { return v; }
inline Value write(double v) { return v; }
template <std::integral T>
Value write(T v) {
  return static_cast<std::int64_t>(v);
}
inline Value write(const Binary& v) { return v; }
inline Value write(const Timestamp& v) { return v.micros; }
inline Value write(const Millis& v) { return static_cast<std::int64_t>(v.count()); }
inline Value write(const TaskId& v) {
  return Value::List{static_cast<std::int64_t>(v.job), static_cast<std::int64_t>(v.index)};
}
template <NamedEnum T>
Value write(const T& v) {
  return std::string(name_of(v));
}
template <Described T>
Value write(const T& v);
template <class T>
Value write(const std::optional<T>& v);
template <class T>
Value write(const std::vector<T>& v);
template <class T>
Value write(const std::map<std::string, T>& v);

Error wrong_type(std::string_view expected, const Value& got);

inline Result<> read(const Value& v, Value& to) {
  to = v;
  return ok();
}
Result<> read(const Value& v, Value::Object& to);
Result<> read(const Value& v, std::string& to);
Result<> read(const Value& v, bool& to);
Result<> read(const Value& v, double& to);
Result<> read(const Value& v, Binary& to);
Result<> read(const Value& v, Timestamp& to);
Result<> read(const Value& v, Millis& to);
Result<> read(const Value& v, TaskId& to);
Result<std::int64_t> read_integer(const Value& v);
template <std::integral T>
Result<> read(const Value& v, T& to) {
  TRY(const std::int64_t n, read_integer(v));
  if (!std::in_range<T>(n)) return fail(ErrorKind::bad_data, "the number " + std::to_string(n) + " is out of range");
  to = static_cast<T>(n);
  return ok();
}
template <NamedEnum T>
Result<> read(const Value& v, T& to) {
  const std::string* text = v.as_string();
  if (!text) return fail(wrong_type("string", v));
  if (!parse_enum(*text, to)) return fail(ErrorKind::bad_data, "'" + *text + "' is not a known word here");
  return ok();
}
template <Described T>
Result<> read(const Value& v, T& to);
template <class T>
Result<> read(const Value& v, std::optional<T>& to);
template <class T>
Result<> read(const Value& v, std::vector<T>& to);
template <class T>
Result<> read(const Value& v, std::map<std::string, T>& to);

class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& field) {
    object.append(name, write(field));
  }
  template <class T>
  void required(const char* name, const T& field) {
    (*this)(name, field);
  }
  Value::Object object;
};

class Reader {
 public:
  explicit Reader(const Value::Object& from) : from_(from) {}
  template <class T>
  void operator()(const char* name, T& field) {
    visit(name, field, false);
  }
  template <class T>
  void required(const char* name, T& field) {
    visit(name, field, true);
  }
  std::optional<Error> error;

 private:
  template <class T>
  void visit(const char* name, T& field, bool must) {
    if (error) return;
    const Value* value = from_.find(name);
    if (!value) {
      if (must) error = Error{ErrorKind::bad_data, std::string("the field '") + name + "' is missing", {}, {}};
      return;
    }
    if (Result<> done = read(*value, field); !done) error = std::move(done).error().in(name);
  }
  const Value::Object& from_;
};

template <Described T>
Value write(const T& v) {
  Writer writer;
  describe(writer, const_cast<T&>(v));  // describe only reads through a Writer
  return std::move(writer.object);
}
template <class T>
Value write(const std::optional<T>& v) {
  return v ? write(*v) : Value{};
}
template <class T>
Value write(const std::vector<T>& v) {
  Value::List list;
  list.reserve(v.size());
  for (const T& item : v) list.push_back(write(item));
  return list;
}
template <class T>
Value write(const std::map<std::string, T>& v) {
  Value::Object object;
  for (const auto& [key, item] : v) object.append(key, write(item));
  return object;
}

template <Described T>
Result<> read(const Value& v, T& to) {
  const Value::Object* object = v.as_object();
  if (!object) return fail(wrong_type("object", v));
  Reader reader(*object);
  describe(reader, to);
  if (reader.error) return fail(std::move(*reader.error));
  return ok();
}
template <class T>
Result<> read(const Value& v, std::optional<T>& to) {
  if (v.is_null()) {
    to.reset();
    return ok();
  }
  to.emplace();
  return read(v, *to);
}
template <class T>
Result<> read(const Value& v, std::vector<T>& to) {
  const Value::List* list = v.as_list();
  if (!list) return fail(wrong_type("list", v));
  to.clear();
  for (const Value& item : *list) {
    T one{};
    if (Result<> done = read(item, one); !done) {
      return fail(std::move(done).error().in("[" + std::to_string(to.size()) + "]"));
    }
    to.push_back(std::move(one));
  }
  return ok();
}
template <class T>
Result<> read(const Value& v, std::map<std::string, T>& to) {
  const Value::Object* object = v.as_object();
  if (!object) return fail(wrong_type("object", v));
  to.clear();
  for (const auto& [key, item] : *object) {
    T one{};
    if (Result<> done = read(item, one); !done) return fail(std::move(done).error().in(key));
    to.emplace(key, std::move(one));
  }
  return ok();
}

}  // namespace detail

/// The struct as a value; `to_msgpack` or `to_json` makes bytes of it.
template <class T>
Value encode(const T& thing) {
  return detail::write(thing);
}

template <class T>
Result<T> decode(const Value& value) {
  T thing{};
  TRYV(detail::read(value, thing));
  return thing;
}

}  // namespace escape::codec
