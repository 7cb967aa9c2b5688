#pragma once

#include <string>
#include <string_view>

namespace escape {

/// SHA-256 of a short text, lower-case hex. For files there is shared/io/digest.h, faster on large input; but it brings
/// OpenSSL into a process's memory (3 MiB).
std::string sha256_hex(std::string_view text);

}  // namespace escape
