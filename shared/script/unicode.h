#pragma once

#include <string>
#include <string_view>

/// As much of Unicode as the language needs. Bytes that are no UTF-8 count as characters of one byte and stay as they
/// are.
namespace escape::script {

/// Bytes of the first character; 0 of an empty text.
std::size_t character_length(std::string_view text);
/// How many bytes of white space (property White_Space) `text` begins with.
std::size_t leading_blanks(std::string_view text);
/// Without the white space at both ends.
std::string_view without_blanks(std::string_view text);

/// Simple case mappings of ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; other letters stay.
/// Source: UnicodeData.txt, simple mappings.
char32_t upper(char32_t letter);
char32_t lower(char32_t letter);
/// Write the mapped text, which is never longer than `text`, and give its end.
char* write_upper(std::string_view text, char* to);
char* write_lower(std::string_view text, char* to);

/// At most `most` bytes of a text, cut between characters, for messages; "…" stands for what is left out.
std::string excerpt(std::string_view text, std::size_t most);

}  // namespace escape::script
