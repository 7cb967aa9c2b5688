#include "controller/http/response.h"

#include "controller/http/request.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::http {
namespace {

/// The query as it came, escapes and all, but for bytes that no header may hold.
std::string visible_query(std::string_view raw) {
  std::string query;
  for (const char& c : raw) {
    const bool is_visible = c > ' ' && c < '\x7f';
    query += is_visible ? std::string(1, c) : "%" + to_hex({&c, 1});
  }
  return query;
}

}  // namespace

Response empty_response(int status) {
  Response response;
  response.status = status;
  return response;
}

Response text_response(int status, std::string text) {
  Response response = empty_response(status);
  response.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  response.body = std::move(text);
  return response;
}

Response json_response(const Value& value) {
  Response response = empty_response(200);
  response.headers = {{"Content-Type", "application/json"}};
  response.body = codec::to_json(value) + "\n";
  return response;
}

Response no_route() { return text_response(404, "404 page not found\n").with("X-Content-Type-Options", "nosniff"); }

Response moved_to(std::string_view clean_path, std::string_view raw_query) {
  const std::string path = percent_encoded_path(clean_path);
  Response response = empty_response(301);
  response.headers = {{"Content-Type", "text/html; charset=utf-8"}};
  response.headers.emplace_back("Location", raw_query.empty() ? path : path + "?" + visible_query(raw_query));
  response.body = "<a href=\"" + path + "\">Moved Permanently</a>.\n\n";
  return response;
}

Response not_authorized(bool asks_for_basic) {
  return text_response(401, "Not Authorized\n")
      .with("WWW-Authenticate", asks_for_basic ? "Basic realm=\"escape\"" : "X-Escape-Token realm=\"escape\"")
      .with("X-Content-Type-Options", "nosniff");
}

Response error_response(const Error& error) {
  const int status = http_status(error.kind);
  switch (status) {
    case 404:
      return empty_response(404);
    case 409:
      return text_response(409, "Resource already exists");
    case 400:
    case 403:
    case 503:
    case 507:
      return text_response(status, describe(error));
    default:
      break;
  }
  log_error("inventory: {}", describe(error));
  return empty_response(500);
}

}  // namespace escape::http
