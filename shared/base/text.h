#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace escape {

/// Pieces between separators, empty ones kept: split("a,,b", ',') is {"a", "", "b"}; split("", ',') is {""}.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
/// Without the ASCII blanks at both ends.
std::string_view trimmed(std::string_view text);
std::string to_hex(std::string_view bytes);
/// Empty when the text is not an even number of hex digits.
std::string from_hex(std::string_view text);
bool is_valid_utf8(std::string_view text);
/// The nearest of `known` for "did you mean" (edit distance at most 2 and less than half the word), or empty.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace escape
