// The inventory's HTTP below the socket: the text of a request (its line, headers, an empty line, its body) is taken
// apart, routed, planned and answered against an index in memory that holds a few releases. Everything that is decoded
// encodes to the same; every answer is one that can be sent; a write leaves an index that can be read.
#include <map>

#include "controller/http/credentials.h"
#include "controller/http/reads.h"
#include "controller/http/request.h"
#include "controller/http/route.h"
#include "controller/http/writes.h"
#include "controller/inventory/inventory.h"
#include "shared/base/check.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/published_index.h"

namespace escape::http {
namespace {

constexpr Timestamp noon{1'700'000'000'000'000};

/// Made by the first input, for all of them.
const fuzz::PublishedIndex& published() {
  static const fuzz::PublishedIndex one;
  return one;
}

struct Request {
  std::string method;
  std::string target;
  std::map<std::string, std::string, std::less<>> headers;
  std::string body;

  std::string_view header(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Request read_request(fuzz::Input& input) {
  Request request;
  const std::string_view line = without_return(input.line());
  const std::size_t blank = line.find(' ');
  request.method = line.substr(0, blank);
  if (blank != line.npos) {
    const std::string_view rest = line.substr(blank + 1);
    request.target = rest.substr(0, rest.find(' '));
  }
  while (!input.is_empty()) {
    const std::string_view one = without_return(input.line());
    if (one.empty()) break;
    const std::size_t colon = one.find(": ");
    if (colon != one.npos) request.headers.emplace(one.substr(0, colon), one.substr(colon + 2));
  }
  request.body = input.rest();
  return request;
}

void check_texts(const Request& request) {
  for (const std::string_view size_text : {"", "x", "0123456789"}) {
    const std::uint64_t size = size_text.size();
    const ByteRange range = parse_range(request.header("Range"), size);
    CHECK(range.offset <= size && range.length <= size - range.offset);
    if (range.kind == ByteRange::Kind::part) CHECK(range.length > 0);
  }
  const auto basic = parse_basic(request.header("Authorization"));
  if (basic) CHECK(basic->user.find(':') == std::string::npos);
  for (const auto parse : {parse_tokens, parse_passwords}) {
    const auto credentials = parse(request.body);
    if (!credentials) continue;
    for (const Credential& one : credentials.value()) CHECK(!one.name.empty() && !one.secret.empty());
  }
}

void check_target(const Target& target) {
  CHECK(target.path.find('\0') == std::string::npos);
  const auto again = parse_target(percent_encoded_path(target.path));
  CHECK(again && again->path == target.path);
  const std::string clean = cleaned_path(target.path);
  CHECK(cleaned_path(clean) == clean);
  CHECK(clean.starts_with('/') && clean.find("//") == std::string::npos && clean.find("/../") == std::string::npos);
  for (const char c : percent_encoded_path(clean)) CHECK(c > ' ' && c < '\x7f');
}

void check_response(const Response& response, const Request& request) {
  CHECK(response.status >= 200 && response.status < 500);
  for (const auto& [name, value] : response.headers) {
    CHECK(!name.empty());
    for (const char c : value) CHECK(c == '\t' || (c != '\x7f' && static_cast<unsigned char>(c) >= ' '));
  }
  if (response.file) CHECK(response.body.empty());
  if (request.header("Range").empty()) CHECK(response.status != 206 && response.status != 416);
}

/// Everything that a start or a query would read of the index.
void check_index(const store::Reader& reader) {
  CHECK(inventory::Index(reader).projects().has_value());
  DownloadCounts downloads;
  for (const char* path : {"", "ns/", "ns/units/", "ns/units/app/", "ns/units/app/versions/latest/"}) {
    const Route route = find_route("GET", std::string("/api/v1/inventory/") + path);
    CHECK(route.name != RouteName::none);
    const Response response = answer_read({route, {}, "GET", "", "", ""}, {reader, published().packages(), downloads});
    CHECK(response.status == 200);
    check_response(response, {});
  }
}

void check_write(const Route& route, const Target& target, const Request& request, store::Database& database) {
  Result<PlannedWrite> write = plan_write(route, target, request.body, "ann", noon);
  if (!write) {
    check_response(error_response(write.error()), request);
    return;
  }
  const auto writes = write.value().job.decide(database);
  const Result<> done = writes ? database.commit(writes.value()) : Result<>(fail(writes.error()));
  check_response(write.value().answer(done), request);
  if (done) check_index(database);
}

void check_request(const Request& request) {
  check_texts(request);
  const auto target = parse_target(request.target);
  if (!target) return;
  check_target(*target);
  if (const std::string clean = cleaned_path(target->path); clean != target->path) {
    check_response(moved_to(clean, target->raw_query), request);
    return;
  }
  const Route route = find_route(request.method, target->path);
  if (route.name == RouteName::none || route.name == RouteName::login_methods) return;
  const std::unique_ptr<store::Database> database = published().index();
  if (route.name == RouteName::upload) {
    const auto id = release_of_upload(route);
    CHECK(id.has_value() || !id.error().message.empty());
    return;
  }
  if (is_write(route.name)) return check_write(route, *target, request, *database);
  DownloadCounts downloads;
  check_response(answer_read({route, *target, request.method, request.header("Range"), request.header("If-Range"),
                              request.header("If-None-Match")},
                             {*database, published().packages(), downloads}),
                 request);
}

}  // namespace
}  // namespace escape::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  escape::http::check_request(escape::http::read_request(input));
  return 0;
}
