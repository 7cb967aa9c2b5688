#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/http/upload.h"

struct MHD_Connection;

namespace escape::http {

/// Bytes of request bodies that wait in memory, of all connections together. Thread: any.
class BodyBudget {
 public:
  explicit BodyBudget(std::uint64_t limit) : limit_(limit) {}
  /// What one exchange holds of it; given back with the exchange.
  class Share {
   public:
    Share() = default;
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { give_back(); }
    /// False: there is no more; what was held is given back.
    bool take(BodyBudget& budget, std::uint64_t bytes) {
      budget_ = &budget;
      held_ += bytes;
      if (budget.held_.fetch_add(bytes) + bytes <= budget.limit_) return true;
      give_back();
      return false;
    }
    void give_back() {
      if (budget_) budget_->held_ -= std::exchange(held_, 0);
    }

   private:
    BodyBudget* budget_ = nullptr;
    std::uint64_t held_ = 0;
  };

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> held_ = 0;
};

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
  BodyBudget::Share body_share;
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
