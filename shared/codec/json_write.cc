#include <array>
#include <charconv>
#include <cmath>

#include "shared/base/crypto.h"
#include "shared/codec/codec.h"

namespace escape::codec {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode table 3-7), or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

class Writer {
 public:
  explicit Writer(JsonStyle style) : indented_(style == JsonStyle::indented) {}

  void write(const Value& value) {
    if (const bool* v = value.as_bool()) {
      out_ += *v ? "true" : "false";
    } else if (const std::int64_t* v = value.as_int()) {
      out_ += std::to_string(*v);
    } else if (const double* v = value.as_double()) {
      number(*v);
    } else if (const std::string* v = value.as_string()) {
      text(*v);
    } else if (const Binary* v = value.as_binary()) {
      text(to_base64url(v->bytes));
    } else if (const Value::List* v = value.as_list()) {
      list(*v);
    } else if (const Value::Object* v = value.as_object()) {
      object(*v);
    } else {
      out_ += "null";
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void list(const Value::List& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    open('[');
    for (const Value& item : items) {
      separate(&item == &items.front());
      write(item);
    }
    close(']');
  }

  void object(const Value::Object& members) {
    if (members.empty()) {
      out_ += "{}";
      return;
    }
    open('{');
    bool is_first = true;
    for (const auto& [key, value] : members) {
      separate(is_first);
      is_first = false;
      text(key);
      out_ += indented_ ? ": " : ":";
      write(value);
    }
    close('}');
  }

  void open(char bracket) {
    out_ += bracket;
    ++level_;
  }
  void separate(bool is_first) {
    if (!is_first) out_ += ',';
    new_line();
  }
  void close(char bracket) {
    --level_;
    new_line();
    out_ += bracket;
  }
  void new_line() {
    if (!indented_) return;
    out_ += '\n';
    out_.append(3 * level_, ' ');
  }

  /// The shortest digits that read back as the same double; a whole one keeps ".0" so that it stays a double.
  void number(double value) {
    if (!std::isfinite(value)) {
      out_ += "null";  // JSON has no word for it
      return;
    }
    std::array<char, 32> digits;
    const auto done = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    const std::string_view written(digits.data(), static_cast<std::size_t>(done.ptr - digits.data()));
    out_ += written;
    if (written.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  }

  void text(std::string_view from) {
    out_ += '"';
    while (!from.empty()) {
      const std::size_t length = utf8_length(from);
      if (length == 0) {
        out_ += replacement;
        from.remove_prefix(1);
        continue;
      }
      character(from.substr(0, length));
      from.remove_prefix(length);
    }
    out_ += '"';
  }

  void character(std::string_view one) {
    const char c = one[0];
    if (one == "\xE2\x80\xA8") {
      out_ += "\\u2028";
    } else if (one == "\xE2\x80\xA9") {
      out_ += "\\u2029";
    } else if (one.size() > 1) {
      out_ += one;
    } else if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\r') {
      out_ += "\\r";
    } else if (c == '\t') {
      out_ += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      constexpr std::string_view hex = "0123456789abcdef";
      out_ += "\\u00";
      out_ += hex[static_cast<unsigned char>(c) >> 4];
      out_ += hex[static_cast<unsigned char>(c) & 0xF];
    } else {
      out_ += c;
    }
  }

  std::string out_;
  std::size_t level_ = 0;
  bool indented_;
};

}  // namespace

std::string to_json(const Value& value, JsonStyle style) {
  Writer writer(style);
  writer.write(value);
  return writer.take();
}

}  // namespace escape::codec
