#include "shared/codec/fields.h"

namespace escape::codec::detail {

namespace {

template <class T>
Result<> take(const T* from, std::string_view expected, const Value& v, T& to) {
  if (!from) return fail(wrong_type(expected, v));
  to = *from;
  return ok();
}

}  // namespace

Error wrong_type(std::string_view expected, const Value& got) {
  const auto with_article = [](std::string_view word) {
    return (std::string_view("aeiou").find(word.front()) == std::string_view::npos ? "a " : "an ") + std::string(word);
  };
  const std::string found = got.is_null() ? "null" : with_article(got.type_name());
  return Error{ErrorKind::bad_data, "expected " + with_article(expected) + ", got " + found, {}, {}};
}

Result<> read(const Value& v, Value::Object& to) { return take(v.as_object(), "object", v, to); }
Result<> read(const Value& v, std::string& to) { return take(v.as_string(), "string", v, to); }
Result<> read(const Value& v, bool& to) { return take(v.as_bool(), "bool", v, to); }
Result<> read(const Value& v, Binary& to) { return take(v.as_binary(), "binary", v, to); }

Result<> read(const Value& v, double& to) {
  if (const std::int64_t* whole = v.as_int()) {
    to = static_cast<double>(*whole);
    return ok();
  }
  return take(v.as_double(), "number", v, to);
}

Result<std::int64_t> read_integer(const Value& v) {
  if (const std::int64_t* number = v.as_int()) return *number;
  return fail(wrong_type("integer", v));
}

Result<> read(const Value& v, Timestamp& to) {
  TRY(to.micros, read_integer(v));
  return ok();
}

Result<> read(const Value& v, Millis& to) {
  TRY(const std::int64_t count, read_integer(v));
  to = Millis{count};
  return ok();
}

Result<> read(const Value& v, TaskId& to) {
  const Value::List* pair = v.as_list();
  if (!pair || pair->size() != 2) return fail(wrong_type("list of job and index", v));
  TRYV(read((*pair)[0], to.job));
  TRYV(read((*pair)[1], to.index));
  return ok();
}

}  // namespace escape::codec::detail
