#include "shared/plan/list_text.h"

#include <charconv>
#include <cstdint>

#include "shared/base/text.h"

namespace escape::plan {
namespace {

void append_escaped(char16_t unit, std::string& text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  text += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) text += digits[(unit >> shift) & 15];
}

void append_string(std::string_view from, std::string& text) {
  text += '"';
  for (std::size_t i = 0; i < from.size(); ++i) {
    const char c = from[i];
    const bool is_line_separator = from.substr(i, 3) == "\u2028" || from.substr(i, 3) == "\u2029";
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\t') {
      text += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      append_escaped(static_cast<unsigned char>(c), text);
    } else if (is_line_separator) {
      append_escaped(from.substr(i, 3) == "\u2028" ? 0x2028 : 0x2029, text);
      i += 2;
    } else {
      text += c;
    }
  }
  text += '"';
}

void append_utf8(std::uint32_t code, std::string& text) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

/// One pass from left to right; `at_` is where it stands.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) {}

  Result<Value::List> read() {
    Value::List list;
    skip_blanks();
    if (!take('[')) return wrong("expected a JSON list, such as [\"a\", \"b\"]");
    skip_blanks();
    if (!take(']')) {
      do {
        skip_blanks();
        TRY(auto element, read_element());
        list.push_back(std::move(element));
        skip_blanks();
      } while (take(','));
      if (!take(']')) return wrong("expected ',' or ']'");
    }
    skip_blanks();
    if (at_ != text_.size()) return wrong("expected the end after ']'");
    return list;
  }

 private:
  outcome::failure_type<Error> wrong(std::string_view what) const {
    return fail(ErrorKind::bad_data, "character " + std::to_string(at_ + 1) + ": " + std::string(what));
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Value> read_element() {
    if (take('"')) return read_string();
    if (take_word("true")) return Value(true);
    if (take_word("false")) return Value(false);
    if (take_word("null")) return Value();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error != std::errc{}) return wrong("expected a string or an integer that fits 64 bits");
    at_ = static_cast<std::size_t>(end - text_.data());
    return Value(number);
  }

  Result<Value> read_string() {
    std::string string;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return finish(std::move(string));
      if (static_cast<unsigned char>(c) < 0x20) return wrong("a control character must be written as \\u00XX");
      if (c != '\\') {
        string += c;
      } else {
        TRYV(read_escape(string));
      }
    }
    return wrong("the string does not end, expected '\"'");
  }
  Result<Value> finish(std::string string) const {
    if (!is_valid_utf8(string)) return wrong("the string is not UTF-8");
    return Value(std::move(string));
  }

  Result<> read_escape(std::string& string) {
    static constexpr std::string_view letters = "\"\\/bfnrt";
    static constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
      string += meanings[known];
      return ok();
    }
    if (c != 'u') return wrong("unknown escape after '\\'");
    TRY(auto code, read_code_unit());
    if (code >= 0xD800 && code < 0xDC00 && take_word("\\u")) {
      TRY(auto low, read_code_unit());
      if (low < 0xDC00 || low > 0xDFFF) return wrong("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code < 0xE000) {
      return wrong("half of a surrogate pair");
    }
    append_utf8(code, string);
    return ok();
  }
  Result<std::uint32_t> read_code_unit() {
    std::uint32_t code = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4)
      return wrong("expected four hex digits");
    at_ += 4;
    return code;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string list_to_text(const Value::List& list) {
  std::string text = "[";
  for (const Value& item : list) {
    if (text.size() > 1) text += ',';
    if (const std::string* string = item.as_string()) {
      append_string(*string, text);
    } else if (const std::int64_t* number = item.as_int()) {
      text += std::to_string(*number);
    } else if (const bool* boolean = item.as_bool()) {
      text += *boolean ? "true" : "false";
    } else {
      text += "null";
    }
  }
  return text + "]";
}

Result<Value::List> list_from_text(std::string_view text) { return ListReader(text).read(); }

}  // namespace escape::plan
