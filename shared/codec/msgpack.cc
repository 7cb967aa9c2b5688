// The only file that sees msgpack-cxx. Its visitor interface is used and not `unpack`: `unpack` reserves what an array
// claims (a few hundred bytes of nested claims cost gigabytes even within an unpack_limit), a visitor reserves nothing.
#define MSGPACK_NO_BOOST
#include <bit>
#include <limits>
#include <msgpack.hpp>
#include <utility>

#include "shared/base/check.h"
#include "shared/codec/codec.h"
#include "shared/codec/value_builder.h"

namespace escape::codec {
namespace {

struct StringSink {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

class Encoder {
 public:
  void write(const Value& value) {
    if (const bool* v = value.as_bool()) {
      *v ? packer_.pack_true() : packer_.pack_false();
    } else if (const std::int64_t* v = value.as_int()) {
      packer_.pack_int64(*v);
    } else if (const double* v = value.as_double()) {
      number(*v);
    } else if (const std::string* v = value.as_string()) {
      text(*v);
    } else if (const Binary* v = value.as_binary()) {
      packer_.pack_bin(size_of(v->bytes));
      packer_.pack_bin_body(v->bytes.data(), size_of(v->bytes));
    } else if (const Value::List* v = value.as_list()) {
      packer_.pack_array(size_of(*v));
      for (const Value& item : *v) write(item);
    } else if (const Value::Object* v = value.as_object()) {
      packer_.pack_map(size_of(*v));
      for (const auto& [key, item] : *v) {
        text(key);
        write(item);
      }
    } else {
      packer_.pack_nil();
    }
  }
  std::string take() { return std::move(sink_.bytes); }

 private:
  template <class Container>
  static std::uint32_t size_of(const Container& container) {
    CHECK(std::in_range<std::uint32_t>(container.size()));
    return static_cast<std::uint32_t>(container.size());
  }
  void text(const std::string& text) {
    packer_.pack_str(size_of(text));
    packer_.pack_str_body(text.data(), size_of(text));
  }
  /// By hand: pack_double writes whole numbers as integers, and 1.0 would come back as 1.
  void number(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    sink_.bytes += '\xcb';
    for (int shift = 56; shift >= 0; shift -= 8) sink_.bytes += static_cast<char>(bits >> shift);
  }

  StringSink sink_;
  msgpack::packer<StringSink> packer_{sink_};
};

/// Called by the msgpack parser. A false answer stops it at once.
class Visitor : public msgpack::null_visitor {
 public:
  Visitor(std::size_t input_size, std::size_t depth_limit) : input_size_(input_size), builder_(depth_limit) {}

  bool visit_nil() { return scalar(Value{}); }
  bool visit_boolean(bool v) { return scalar(v); }
  bool visit_positive_integer(std::uint64_t v) {
    if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return builder_.refuse("the integer " + std::to_string(v) + " does not fit in 63 bits");
    }
    return scalar(static_cast<std::int64_t>(v));
  }
  bool visit_negative_integer(std::int64_t v) { return scalar(v); }
  bool visit_float32(float v) { return scalar(static_cast<double>(v)); }
  bool visit_float64(double v) { return scalar(v); }
  bool visit_str(const char* v, std::uint32_t size) {
    if (expects_key_) return builder_.key(std::string(v, size));
    return builder_.add(std::string(v, size));
  }
  bool visit_bin(const char* v, std::uint32_t size) { return scalar(Binary{std::string(v, size)}); }
  bool visit_ext(const char*, std::uint32_t) { return builder_.refuse("msgpack extension types are not used here"); }

  bool start_array(std::uint32_t count) { return may_open(count) && builder_.begin_list(); }
  bool end_array() { return builder_.end(); }
  bool start_map(std::uint32_t count) { return may_open(count) && builder_.begin_object(); }
  bool start_map_key() { return expects_key_ = true; }
  bool end_map_key() {
    expects_key_ = false;
    return true;
  }
  bool end_map() { return builder_.end(); }
  void parse_error(std::size_t, std::size_t) { builder_.refuse("a byte that is not msgpack"); }
  void insufficient_bytes(std::size_t, std::size_t) { builder_.refuse("it ends in the middle of a value"); }

  const std::string& refusal() const { return builder_.refusal(); }
  Value take() { return builder_.take(); }

 private:
  bool scalar(Value value) {
    if (expects_key_) return builder_.refuse("a map key that is not a string");
    return builder_.add(std::move(value));
  }
  /// Every element takes a byte at least, so a larger claim can never be true.
  bool may_open(std::uint32_t count) {
    if (expects_key_) return builder_.refuse("a map key that is not a string");
    if (count > input_size_) return builder_.refuse("it claims " + std::to_string(count) + " elements");
    return true;
  }

  std::size_t input_size_;
  ValueBuilder builder_;
  bool expects_key_ = false;
};

}  // namespace

std::string to_msgpack(const Value& value) {
  Encoder encoder;
  encoder.write(value);
  return encoder.take();
}

Result<Value> from_msgpack(std::string_view bytes, std::size_t depth_limit) {
  Visitor visitor(bytes.size(), depth_limit);
  std::size_t offset = 0;
  const auto refused = [&](std::string_view why) {
    return fail(ErrorKind::bad_data,
                "Not a msgpack value: at byte " + std::to_string(offset) + ": " + std::string(why));
  };
  // The parser takes pointers without a null check of its own.
  if (bytes.empty()) return refused("it is empty");
  const bool complete = msgpack::parse(bytes.data(), bytes.size(), offset, visitor);
  if (!visitor.refusal().empty()) return refused(visitor.refusal());
  if (!complete) return refused("it ends in the middle of a value");
  if (offset != bytes.size()) return refused(std::to_string(bytes.size() - offset) + " bytes follow the value");
  return visitor.take();
}

}  // namespace escape::codec
