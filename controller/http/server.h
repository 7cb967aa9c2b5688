#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/inventory/inventory.h"
#include "controller/store/store.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

/// The inventory over HTTP: the routes, bodies and statuses of the original (spec/inventory-api.md), with what it
/// lacked (HEAD, Range, digests, reservations).
namespace escape::http {

/// A release that has just become visible, for the owner's event log.
struct Published {
  release::ReleaseRecord record;
  std::string principal;  ///< empty where writes are open to everybody
};

/// A tag that was set, moved or taken off, for the owner's event log.
struct TagChange {
  release::ApplicationId application;
  std::string tag;
  std::string from;  ///< version; empty: the tag is new
  std::string to;    ///< version; empty: it was taken off
  std::string principal;
};

/// A change of the index, decided by whoever owns it: `decide` is called once with a reader that sees every earlier
/// write, and gives the rows to commit. `published` counts only when `decide` gave rows: a repeated upload publishes
/// nothing.
struct WriteJob {
  std::function<Result<std::vector<store::Write>>(const store::Reader&)> decide;
  std::optional<Published> published{};
  std::shared_ptr<const TagChange> tagged{};  ///< filled by `decide`; a tag that stays where it is tells nothing
};
/// Called with the job's error or after the batch that holds its rows is durable. From any thread.
using WriteDone = std::function<void(Result<>)>;
/// Hands a job to the one writer. Returns at once. Thread: HTTP's own.
using Commit = std::function<void(WriteJob, WriteDone)>;

/// Whose credentials these are (a principal's name); token, user and password may be empty. Errors: no_permission when
/// they are unknown or missing (401), refused when the principal may not publish (403). Thread: HTTP's own, several at
/// once.
using Authorize =
    std::function<Result<std::string>(std::string_view token, std::string_view user, std::string_view password)>;

struct ServerOptions {
  std::string listen = "127.0.0.1";                          ///< address or host name
  int port = 0;                                              ///< 0: a free one, see HttpServer::port
  std::function<std::unique_ptr<store::Reader>()> snapshot;  ///< from several threads at once
  inventory::PackageFolder packages;
  std::function<std::optional<Error>()>
      trouble{};          ///< why nothing can be published at present, for /health; any thread
  Authorize authorize{};  ///< asked for writes; empty: writes are open
  bool demands_basic =
      false;  ///< asks for Basic credentials on every path but /health, as the original with a password
  Commit commit;
  std::uint64_t max_package = 16ull << 30;
  std::uint64_t max_bodies = 128 << 20;  ///< of all requests under way together, but packages, which go to the disk
  Millis head_limit{
      20'000};  ///< for the whole head of a request, from the first byte of the connection or the last answer
  Millis stall_limit{30'000};  ///< no byte in either direction for this long
  unsigned max_connections = 1000;
};

/// Serves from its own threads until it is stopped or destroyed; what it cannot answer by then is cut off. The owner
/// may answer jobs (WriteDone) later than that.
class HttpServer {
 public:
  /// Errors: conflict when the address is in use, bad_configuration when it cannot be bound at all.
  static Result<std::unique_ptr<HttpServer>> start(ServerOptions options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  /// Hands the downloads counted so far to the writer; it does so by itself every half minute.
  void flush_downloads();
  void stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace escape::http
