// The only file that sees nlohmann/json, and only its event parser: that one does not recurse and builds no tree, so
// depth is bounded by ValueBuilder and key order is kept.
#include <nlohmann/json.hpp>

#include "shared/codec/codec.h"
#include "shared/codec/value_builder.h"

namespace escape::codec {
namespace {

/// Lets the handler know how far the parser has read, which its events do not tell.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  const char** reached_;
};

class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Handler(const char*& reached) : builder_(max_depth), reached_(reached) {}

  bool null() override { return builder_.add(Value{}); }
  bool boolean(bool v) override { return builder_.add(v); }
  bool number_integer(number_integer_t v) override { return builder_.add(std::int64_t{v}); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return too_large(std::to_string(v));
    return builder_.add(static_cast<std::int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t& text) override {
    // The parser falls back to a double for integers beyond 64 bits; that would change the number silently.
    if (text.find_first_of(".eE") == std::string::npos) return too_large(text);
    return builder_.add(v);
  }
  bool string(string_t& v) override { return builder_.add(std::move(v)); }
  bool binary(binary_t&) override { return builder_.refuse("binary is not JSON"); }
  bool start_object(std::size_t) override { return builder_.begin_object(); }
  bool key(string_t& v) override { return builder_.key(std::move(v)); }
  bool end_object() override { return builder_.end(); }
  bool start_array(std::size_t) override { return builder_.begin_list(); }
  bool end_array() override { return builder_.end(); }
  bool parse_error(std::size_t, const std::string& last_token, const nlohmann::json::exception& error) override {
    return builder_.refuse(sentence_of(error.what(), last_token));
  }

  const std::string& refusal() const { return builder_.refusal(); }
  const char* reached() const { return reached_; }
  Value take() { return builder_.take(); }

 private:
  bool too_large(const std::string& number) {
    return builder_.refuse("the integer " + number + " does not fit in 64 bits");
  }
  /// "syntax error while parsing value - invalid literal" of the library's
  /// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax …; last read: 'TOKEN'". What was read is
  /// left out: it may be a secret, and messages end up in logs.
  static std::string sentence_of(std::string text, const std::string& last_token) {
    if (const auto end_of_tag = text.find("] "); end_of_tag != std::string::npos) text.erase(0, end_of_tag + 2);
    if (const auto column = text.find(", column "); column != std::string::npos) {
      if (const auto colon = text.find(": ", column); colon != std::string::npos) text.erase(0, colon + 2);
    }
    const std::string echo = "; last read: '" + last_token + "'";
    if (const auto at = text.find(echo); at != std::string::npos) text.erase(at, echo.size());
    if (text.starts_with("number overflow")) return "a number that is too large";
    return text;
  }

  ValueBuilder builder_;
  const char*& reached_;
};

Error refused_at(std::string_view text, const char* reached, const std::string& why) {
  const std::string_view before = text.substr(0, static_cast<std::size_t>(reached - text.data()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  const std::size_t column = std::max<std::size_t>(1, before.size() - line_start);
  return Error{
      ErrorKind::bad_data, "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + why, {}, {}};
}

}  // namespace

Result<Value> from_json(std::string_view text) {
  // The library takes a NUL byte for the end of the input and would accept whatever follows it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(refused_at(text, text.data() + nul + 1, "a NUL byte"));
  }
  const char* reached = text.data();
  Handler handler(reached);
  const char* end = text.data() + text.size();
  const bool complete =
      nlohmann::json::sax_parse(CountingIterator(text.data(), &reached), CountingIterator(end, &reached), &handler);
  if (!complete) return fail(refused_at(text, reached, handler.refusal()));
  return handler.take();
}

}  // namespace escape::codec
