#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace escape::runner {

/// Replaces secret values in a stream of bytes by ‹NAME›, wherever chunks begin and end.
///
/// A value is found as it is, line by line when it has several, percent-encoded, JSON-escaped, and inside base64 text
/// at any alignment (both alphabets). Values of up to three bytes are left alone: masking "1" or "on" would blank half
/// the log. Only bytes that may be the beginning of a secret are held back, so a line without one passes at once.
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
  struct Pattern {
    std::string text;
    std::string shown;
  };
  std::string mask(bool is_end);
  void add(const std::string& text, const std::string& shown);

  std::vector<Pattern> patterns_;  ///< longest first
  std::array<bool, 256> begins_{};
  std::string held_;
};

/// A whole text at once.
std::string masked(std::string_view text, const std::vector<std::pair<std::string, std::string>>& secrets);

}  // namespace escape::runner
