#include "shared/io/curl_transfer.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::io {
namespace {

constexpr int max_redirects = 5;
constexpr const char* allowed_protocols = "http,https";

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeForm {
  void operator()(curl_mime* form) const { curl_mime_free(form); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(started == CURLE_OK);
}

/// Nothing when it is no URL.
Url parse_url(const std::string& text) {
  Url url(curl_url());
  CHECK(url != nullptr);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) url.reset();
  return url;
}

std::string part_of(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (!url || curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, void (*)(void*)> owned(text, curl_free);
  return text;
}

bool is_http(const std::string& text) {
  const std::string scheme = part_of(parse_url(text), CURLUPART_SCHEME);
  return scheme == "http" || scheme == "https";
}

bool have_same_origin(const std::string& a, const std::string& b) {
  const Url first = parse_url(a);
  const Url second = parse_url(b);
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    if (part_of(first, part, CURLU_DEFAULT_PORT) != part_of(second, part, CURLU_DEFAULT_PORT)) return false;
  }
  return first != nullptr && second != nullptr;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// One request and its answer, without redirects. curl calls back into it, so it stays where it is.
class Exchange {
 public:
  Exchange(const HttpRequest& request, const TransferSink& sink)
      : request_(request), sink_(sink), handle_(curl_easy_init()) {
    CHECK(handle_ != nullptr);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Result<Answer> run() {
    set_limits();
    set_callbacks();
    set_request();
    const CURLcode code = curl_easy_perform(handle_.get());
    if (failure_) return fail(std::move(*failure_));
    if (code != CURLE_OK) return fail(error_of(code));
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    answer_.status = static_cast<int>(status);
    return answer_;
  }
  /// Where the answer sends us, absolute, or empty.
  std::string redirect_url() const {
    const char* url = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &url);
    return url != nullptr ? url : "";
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    CHECK(curl_easy_setopt(handle_.get(), option, value) == CURLE_OK);
  }

  void set_limits() {
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROTOCOLS_STR, allowed_protocols);
    set(CURLOPT_ERRORBUFFER, reason_.data());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_limit.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    const auto stall = std::chrono::ceil<std::chrono::seconds>(request_.stall_limit);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall.count()));
    if (request_.insecure_skip_verify) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  void set_callbacks() {
    set(CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
  }

  void set_request() {
    set(CURLOPT_URL, request_.url.c_str());
    for (const auto& [name, value] : request_.headers) {
      // "name;" is how curl is told to send a header without a value.
      add_header(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    }
    if (headers_) set(CURLOPT_HTTPHEADER, headers_.get());
    if (!request_.user.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_USERNAME, request_.user.c_str());
      set(CURLOPT_PASSWORD, request_.password.c_str());
    }
    if (!request_.upload_file.empty()) {
      add_upload();
    } else if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (!request_.body.empty() || request_.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS, request_.body.c_str());
    }
    // Without this curl takes the method that fits: GET, HEAD, or POST where there is something to send.
    if (request_.method != "GET" && request_.method != "HEAD") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }

  void add_header(const std::string& line) {
    curl_slist* list = curl_slist_append(headers_.get(), line.c_str());
    CHECK(list != nullptr);
    // The list is the old one with a line more at its end, unless there was none.
    if (!headers_) headers_.reset(list);
  }

  void add_upload() {
    form_.reset(curl_mime_init(handle_.get()));
    curl_mimepart* part = curl_mime_addpart(form_.get());
    CHECK(curl_mime_name(part, "file") == CURLE_OK);
    if (curl_mime_filedata(part, request_.upload_file.c_str()) != CURLE_OK) {
      failure_ =
          Error{ErrorKind::not_found, fmt::format("cannot read '{}' to upload it", request_.upload_file), {}, {}};
    }
    set(CURLOPT_MIMEPOST, form_.get());
  }

  static std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* self) {
    return static_cast<Exchange*>(self)->take_body({bytes, size}) ? size : CURL_WRITEFUNC_ERROR;
  }
  static std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* self) {
    static_cast<Exchange*>(self)->take_header({bytes, size});
    return size;
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Exchange*>(self)->is_to_stop() ? 1 : 0;
  }

  bool take_body(std::string_view bytes) {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (is_redirect(static_cast<int>(status)) && !find_header(answer_.headers, "location").empty()) return true;
    answer_.status = static_cast<int>(status);
    auto taken = sink_.body(answer_, bytes);
    if (taken) return true;
    failure_ = std::move(taken).error();
    return false;
  }

  void take_header(std::string_view line) {
    // A status line starts over: what came before belonged to "100 Continue" or to a proxy.
    if (line.starts_with("HTTP/")) return answer_.headers.clear();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    answer_.headers.emplace_back(lower_case(trimmed(line.substr(0, colon))),
                                 std::string(trimmed(line.substr(colon + 1))));
  }

  bool is_to_stop() {
    if (failure_) return true;
    if (!sink_.is_cancelled || !sink_.is_cancelled()) return false;
    failure_ =
        Error{ErrorKind::cancelled, fmt::format("the transfer of '{}' was cancelled", shown_url(request_.url)), {}, {}};
    return true;
  }

  Error error_of(CURLcode code) const {
    const std::string url = shown_url(request_.url);
    const char* reason = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code);
    if (!is_http(request_.url)) {
      return {ErrorKind::bad_data,
              fmt::format("'{}' is not a URL that can be asked: {}", url, reason),
              "Write it like https://host:port/path.",
              {}};
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return {ErrorKind::timed_out, fmt::format("'{}' does not answer in time: {}", url, reason), {}, {}};
    }
    return {ErrorKind::unreachable,
            fmt::format("cannot reach '{}': {}", url, reason),
            "Check the address and that the server runs.",
            {}};
  }

  const HttpRequest& request_;
  const TransferSink& sink_;
  Answer answer_;
  std::optional<Error> failure_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
  // The handle goes first when this ends: it points into the others.
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<curl_mime, FreeForm> form_;
  std::unique_ptr<CURL, FreeHandle> handle_;
};

/// Other headers may be, or may come to be, a secret between us and the first host.
bool may_go_anywhere(std::string_view header_name) {
  const std::string name = lower_case(header_name);
  return name == "accept" || name == "content-type" || name == "range" || name == "if-range";
}

/// The request that a redirect asks for (RFC 9110, 15.4).
void turn_to(HttpRequest& request, int status, const std::string& url) {
  if (!have_same_origin(request.url, url)) {
    std::erase_if(request.headers, [](const auto& header) { return !may_go_anywhere(header.first); });
    request.user.clear();
    request.password.clear();
  }
  const bool is_post = request.method == "POST";
  if ((status == 303 && request.method != "HEAD") || ((status == 301 || status == 302) && is_post)) {
    request.method = "GET";
    request.body.clear();
    request.upload_file.clear();
  }
  request.url = url;
}

}  // namespace

std::string_view find_header(const std::vector<std::pair<std::string, std::string>>& headers,
                             std::string_view lower_case_name) {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

std::string shown_url(const std::string& text) {
  const Url url = parse_url(text);
  if (!url) return text.find('@') == std::string::npos ? text : "(unreadable URL)";
  // As it was written: curl would tidy it.
  if (part_of(url, CURLUPART_USER).empty() && part_of(url, CURLUPART_PASSWORD).empty()) return text;
  curl_url_set(url.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(url.get(), CURLUPART_PASSWORD, nullptr, 0);
  return part_of(url, CURLUPART_URL);
}

Result<Answer> transfer(const HttpRequest& original, const TransferSink& sink) {
  start_curl();
  HttpRequest request = original;
  for (int redirects = 0;; ++redirects) {
    Exchange exchange(request, sink);
    TRY(const Answer answer, exchange.run());
    const std::string next = is_redirect(answer.status) ? exchange.redirect_url() : "";
    if (next.empty()) return answer;
    if (redirects == max_redirects) {
      return fail(ErrorKind::unreachable,
                  fmt::format("'{}' is redirected more than {} times", shown_url(original.url), max_redirects));
    }
    turn_to(request, answer.status, next);
  }
}

}  // namespace escape::io
