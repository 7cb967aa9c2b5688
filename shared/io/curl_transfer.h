#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/io/http_client.h"

namespace escape::io {

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
};

/// What a transfer hands out while it runs.
struct TransferSink {
  /// Bytes of the final answer's body (never of a redirect), with its head. An error ends the transfer with just that
  /// error.
  std::function<Result<>(const Answer& answer, std::string_view bytes)> body;
  std::function<bool()> is_cancelled{};
};

/// One request through its redirects (at most 5, http and https only). The first host's credentials, and all headers
/// but Accept, Content-Type, Range and If-Range, are left out as soon as a redirect leads to another scheme, host or
/// port. Errors as in `http`, and cancelled.
Result<Answer> transfer(const HttpRequest& request, const TransferSink& sink);

/// The value of the first header of that name, or empty.
std::string_view find_header(const std::vector<std::pair<std::string, std::string>>& headers,
                             std::string_view lower_case_name);

}  // namespace escape::io
