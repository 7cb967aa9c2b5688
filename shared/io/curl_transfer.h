#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/io/http_client.h"

namespace escape::io {

/// What a transfer hands out while it runs.
struct TransferSink {
  /// Bytes of the final answer's body (never of a redirect). An error ends the transfer with just that error.
  std::function<Result<>(int status, std::string_view bytes)> body;
  std::function<bool()> is_cancelled{};
};

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
};

/// One request through its redirects (at most 5, http and https only). The first host's credentials, and all headers
/// but Accept, Content-Type and Range, are left out as soon as a redirect leads to another scheme, host or port. Errors
/// as in `http`, and cancelled.
Result<Answer> transfer(const HttpRequest& request, const TransferSink& sink);

/// The value of the first header of that name, or empty.
std::string_view find_header(const std::vector<std::pair<std::string, std::string>>& headers,
                             std::string_view lower_case_name);

/// The URL without user and password, for messages.
std::string shown_url(const std::string& url);

}  // namespace escape::io
