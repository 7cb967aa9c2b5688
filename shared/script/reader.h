#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::script {

/// Reads the words of the language off a text. White space means something at many places (`$f (x)` is no call), so the
/// parser says where it may be skipped instead of getting a stream of tokens.
///
/// Of several errors the place of the innermost is kept: what the caret points at.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return position_ == text_.size(); }
  std::string_view rest() const { return text_.substr(position_); }
  std::string_view from(std::size_t position) const { return text_.substr(position); }
  std::size_t position() const { return position_; }
  /// The next byte, '\0' at the end (where no rule expects that byte).
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  bool follows(std::string_view word) const { return rest().starts_with(word); }
  /// Moves past `word` if it follows.
  bool take(std::string_view word);
  /// The same for a word of letters that ends there: not "true" of "trueish".
  bool take_word(std::string_view word);
  /// Any Unicode white space.
  void skip_blanks();

  /// Each skips leading spaces as the language always did.
  Result<std::string> identifier();
  Result<std::int64_t> integer();
  /// The inside of a string after its opening quote, with escapes replaced, up to and past its closing quote.
  Result<std::string> string_tail();
  /// The same of a template: stops also before "{{".
  Result<std::string> template_text();

  /// An error at the current place, or at `position`.
  Error error(std::string reason) { return error_at(position_, std::move(reason)); }
  Error error_at(std::size_t position, std::string reason);
  std::size_t error_position() const { return error_position_; }

 private:
  Result<char> escaped(std::string_view allowed);
  void skip_spaces();

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t error_position_ = 0;
};

/// What is quoted of the text in a reason.
std::string quoted_rest(std::string_view rest);
/// The line of `text` around `position`, and below it a caret under that place: "$str.(\n     ^".
std::string pointed_at(std::string_view text, std::size_t position);

}  // namespace escape::script
