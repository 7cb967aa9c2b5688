#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace escape::runner {

/// Replaces secret values in a stream of bytes by ‹NAME›, wherever chunks begin and end.
///
/// A value is found as it is, line by line when it has several, percent-encoded (whichever of its characters are, and
/// with + for blanks as forms do), JSON-escaped, and inside base64 text at any alignment (both alphabets, also broken
/// into lines). Of a list or an object the texts in it are found, too. Values of up to three bytes are left alone:
/// masking "1" or "on" would blank half the log. Only bytes that may be the beginning of a secret are held back, so a
/// line without one passes at once.
class Masker {
 public:
  /// (name, value) pairs.
  explicit Masker(const std::vector<std::pair<std::string, std::string>>& secrets);

  /// What may be written now.
  std::string feed(std::string_view bytes);
  /// The rest: the stream is over.
  std::string finish();

  static constexpr std::size_t shortest_secret = 4;

 private:
  /// exact: the bytes of `text`. wrapped: with line ends between them. percent: each as it is or percent-encoded.
  enum class Form { exact, wrapped, percent };
  struct Pattern {
    std::string text;
    std::string shown;
    Form form = Form::exact;
  };
  struct Match {
    bool is_whole = false;
    bool may_become = false;  ///< the text ended first
    std::size_t size = 0;
  };
  static Match match(const Pattern& pattern, std::string_view text);
  std::string mask(bool is_end);
  void add_value(const std::string& value, const std::string& shown);
  void add_base64(const std::string& value, const std::string& shown);
  void add(const std::string& text, const std::string& shown, Form form = Form::exact);

  std::vector<Pattern> patterns_;  ///< longest first
  std::array<bool, 256> begins_{};
  std::string held_;
};

/// A whole text at once.
std::string masked(std::string_view text, const std::vector<std::pair<std::string, std::string>>& secrets);

}  // namespace escape::runner
