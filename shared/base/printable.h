#pragma once

#include <string>
#include <string_view>

namespace escape {

/// As it may be shown on a terminal, on one line: each control character (C0, DEL, C1), so each newline too, and each
/// byte that is not UTF-8, as "?".
std::string printable(std::string_view text);

}  // namespace escape
