#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::script {

/// RFC 4648, section 4, with padding.
std::string to_base64(std::string_view bytes);
/// The same alphabet; padding is required, line breaks are skipped. Error: "illegal base64 data at input byte 4".
Result<std::string> from_base64(std::string_view text);

}  // namespace escape::script
