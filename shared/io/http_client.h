#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"

/// HTTP over libcurl, blocking. Programs that start often must not link it (escape_http_client is a library of its
/// own). Thread: any, one request per call. Proxies from the environment are honoured; redirects followed (at most 5,
/// http and https only), without credentials and headers of ours when they lead to another host.
namespace escape::io {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  std::string upload_file{};       ///< sent as multipart part "file" instead of body; with "GET" it becomes a POST
  std::string user{}, password{};  ///< basic auth
  bool insecure_skip_verify = false;
  Millis connect_limit{10'000};
  Millis stall_limit{60'000};  ///< no byte for this long
  std::uint64_t max_response = 64 << 20;
};
struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::string_view header(std::string_view lower_case_name) const;
};
/// Error: unreachable (with curl's reason), timed_out, bad_data (response too large). Any status is a response.
Result<HttpResponse> http(const HttpRequest& request);

/// Downloads into `file`, going on where an earlier try stopped (Range, with If-Range as soon as the server has told an
/// ETag or a date of the file: what changes in between comes anew); retried with back-off `tries` times on connection
/// errors, 408, 429 and 5xx; a try that brings it 1 MiB further does not count. Not synced and not checked: the caller
/// compares the digest. Error: not_found for 404, refused for 401/403, bad_data for another size than
/// expected, cancelled, storage, else unreachable or timed_out. What was downloaded stays for the next call, except
/// after bad_data.
struct Download {
  std::string url;
  std::string file;
  std::string token{};             ///< X-Escape-Token
  std::string user{}, password{};  ///< basic auth
  bool insecure_skip_verify = false;
  std::uint64_t expected_size = 0;  ///< 0: unknown; more bytes than that end it as bad_data
  int tries = 5;
  std::function<bool()> is_cancelled{};
  /// For callers without a digest: what was there before, and what a server can't prove to belong to the same file, is
  /// fetched anew instead of being gone on from.
  bool has_no_digest = false;
  std::function<void(std::uint64_t bytes, std::uint64_t whole)> on_progress{};  ///< often; `whole` is 0 when unknown
};
Result<> download(const Download& what);

/// The URL as it may be shown: without user and password.
std::string shown_url(const std::string& url);

}  // namespace escape::io
