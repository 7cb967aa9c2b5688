#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace escape::cli {

inline constexpr std::size_t any_width = std::numeric_limits<std::size_t>::max();

/// As much of a text as `columns` of a terminal hold in one row. Colours stay and are ended; all else that a terminal
/// would obey (cursor movements, titles, control characters) is left out. Where the width counts, a tab is one blank
/// and a byte that is not UTF-8 is "?"; a character whose width terminals do not agree on counts as two, since a row
/// that wraps could not be taken back.
std::string fitted(std::string_view text, std::size_t columns);

/// Whether a person would see anything of it.
bool is_visible(std::string_view text);

}  // namespace escape::cli
