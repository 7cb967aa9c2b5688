#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/http/upload.h"

struct MHD_Connection;

namespace escape::http {

/// One request and its answer, from the request line until the answer is sent. Thread: the connection's, but for
/// `response` while the exchange is suspended.
struct Exchange {
  explicit Exchange(std::string_view raw_target) : target(parse_target(raw_target)) {}

  std::optional<Target> target;
  std::string method;
  Route route;
  std::string principal;
  bool has_begun = false;
  std::uint64_t received = 0;
  std::string body;
  std::shared_ptr<PackageUpload> upload;  ///< shared with the worker that stores it
  std::optional<Response> response;
};

/// Exchanges that wait for the writer while their connection sleeps. Outlives the server as long as somebody may still
/// answer, so a late answer finds nothing instead of freed memory. Thread: any.
class SuspendedExchanges {
 public:
  /// 0 once closed: then the exchange must be answered at once.
  std::uint64_t suspend(Exchange& exchange, MHD_Connection* connection);
  void answer(std::uint64_t ticket, Response response);
  /// Wakes all with 503 and takes no more.
  void close();

 private:
  struct Waiting {
    Exchange* exchange = nullptr;
    MHD_Connection* connection = nullptr;
  };
  static void wake(const Waiting& waiting, Response response);

  std::mutex mutex_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_ticket_ = 0;
  bool is_closed_ = false;
};

}  // namespace escape::http
