#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::io {

/// The path of an archive member, made plain: without "." pieces and doubled or trailing slashes; "" for the folder
/// itself. bad_data, naming the path, when it is empty or absolute, holds ".." or control characters: such a member
/// could end up anywhere, or lie about where.
Result<std::string> plain_member_path(std::string_view path);

/// A path as it may be shown in a message: control characters as "?".
std::string shown_path(std::string_view path);

}  // namespace escape::io
