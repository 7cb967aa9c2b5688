#include "controller/http/server.h"

#include <microhttpd.h>

#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <thread>

#include "controller/http/connections.h"
#include "controller/http/downloads.h"
#include "controller/http/exchange.h"
#include "controller/http/listen.h"
#include "controller/http/reads.h"
#include "controller/http/workers.h"
#include "controller/http/writes.h"
#include "shared/base/log.h"

namespace escape::http {
namespace {

constexpr unsigned connection_threads = 2;
constexpr int worker_threads = 2;
/// Head of a request, and the library's own buffers, for each connection.
constexpr std::size_t connection_memory = 32 << 10;
/// Metadata carries logos; the original was seen to take 50 MB and to serve it with every list.
constexpr std::uint64_t max_body = 16 << 20;
/// What is read and thrown away so that a refused sender lives to read why; beyond it the connection is cut.
constexpr std::uint64_t max_drained = 16 << 20;
constexpr Millis body_limit{60'000};
constexpr std::chrono::seconds tick{1};
constexpr int ticks_between_flushes = 30;

std::string header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value ? value : "";
}

std::uint64_t declared_length(MHD_Connection* connection) {
  return std::strtoull(header(connection, "Content-Length").c_str(), nullptr, 10);
}

Response too_large(std::uint64_t limit) {
  return text_response(413, "The request is larger than the " + std::to_string(limit) + " bytes that are taken here");
}

Response stopping() { return text_response(503, "The inventory is stopping"); }

MHD_Result send(MHD_Connection* connection, Response& from) {
  MHD_Response* response =
      from.file ? MHD_create_response_from_fd_at_offset64(from.length, from.file.release(), from.offset)
                : MHD_create_response_from_buffer(from.body.size(), from.body.data(), MHD_RESPMEM_MUST_COPY);
  if (!response) return MHD_NO;
  for (const auto& [name, value] : from.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(from.status), response);
  MHD_destroy_response(response);
  return queued;
}

void log_library(void*, const char* format, va_list arguments) {
  char line[512];
  std::vsnprintf(line, sizeof line, format, arguments);
  log_debug("http: {}", line);
}

}  // namespace

/// A request comes in as a series of calls: the head (`begin`), pieces of its body (`receive`), the end (`finish`), and
/// once more when a suspended one was woken with its response.
struct HttpServer::Impl {
  explicit Impl(ServerOptions given) : options(std::move(given)) {}

  ServerOptions options;
  BodyBudget bodies{options.max_bodies};
  int port = 0;
  DownloadCounts downloads;
  ConnectionDeadlines deadlines;
  std::shared_ptr<SuspendedExchanges> suspended = std::make_shared<SuspendedExchanges>();
  Workers workers{worker_threads};
  MHD_Daemon* daemon = nullptr;

  std::mutex ticker_mutex;
  std::condition_variable ticker_changed;
  bool is_stopping = false;
  std::thread ticker;

  Result<> start();
  void stop();
  void run_ticker();
  void flush_downloads();

  MHD_Result on_request(MHD_Connection* connection, const char* method, const char* data, size_t* size,
                        Exchange& exchange);
  void begin(Exchange& exchange, MHD_Connection* connection);
  std::optional<Response> refuse(Exchange& exchange, MHD_Connection* connection);
  Result<std::string> authorize(MHD_Connection* connection) const;
  void begin_upload(Exchange& exchange, MHD_Connection* connection);
  bool receive(Exchange& exchange, std::string_view bytes);
  /// Either gives the exchange its response, or suspends it: then it is another thread's until the library calls again.
  enum class Finished { answered, suspended };
  Finished finish(Exchange& exchange, MHD_Connection* connection);
  Finished finish_write(Exchange& exchange, MHD_Connection* connection);
  Finished finish_upload(Exchange& exchange, MHD_Connection* connection);
  void commit(PlannedWrite write, std::uint64_t ticket);

  Instant in(Millis duration) const { return read_clocks().steady + duration; }

  static Impl& of(void* self) { return *static_cast<Impl*>(self); }
};

Result<> HttpServer::Impl::start() {
  TRY(Listener listener, listen_on(options.listen, options.port));
  port = listener.port;
  const auto on_target = [](void*, const char* uri, MHD_Connection*) -> void* { return new Exchange(uri); };
  const auto on_call = [](void* self, MHD_Connection* connection, const char*, const char* method, const char*,
                          const char* data, size_t* size, void** context) -> MHD_Result {
    return of(self).on_request(connection, method, data, size, *static_cast<Exchange*>(*context));
  };
  const auto on_completed = [](void* self, MHD_Connection* connection, void** context, MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(std::exchange(*context, nullptr));
    of(self).deadlines.set(connection, of(self).in(of(self).options.head_limit));
  };
  const auto on_connection = [](void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) return of(self).deadlines.closed(connection);
    const int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    of(self).deadlines.opened(connection, socket, of(self).in(of(self).options.head_limit));
  };
  using OnTarget = void* (*)(void*, const char*, MHD_Connection*);
  using OnCompleted = void (*)(void*, MHD_Connection*, void**, MHD_RequestTerminationCode);
  using OnConnection = void (*)(void*, MHD_Connection*, void**, MHD_ConnectionNotificationCode);
  daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG,
                            0, nullptr, nullptr, +on_call,
                            this,                                                   //
                            MHD_OPTION_EXTERNAL_LOGGER, &log_library, nullptr,      //
                            MHD_OPTION_LISTEN_SOCKET, listener.socket.get(),        //
                            MHD_OPTION_THREAD_POOL_SIZE, connection_threads,        //
                            MHD_OPTION_CONNECTION_LIMIT, options.max_connections,   //
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory,  //
                            MHD_OPTION_CONNECTION_TIMEOUT,
                            static_cast<unsigned>(options.stall_limit / std::chrono::seconds(1)),          //
                            MHD_OPTION_URI_LOG_CALLBACK, static_cast<OnTarget>(on_target), nullptr,        //
                            MHD_OPTION_NOTIFY_COMPLETED, static_cast<OnCompleted>(on_completed), this,     //
                            MHD_OPTION_NOTIFY_CONNECTION, static_cast<OnConnection>(on_connection), this,  //
                            MHD_OPTION_END);
  if (!daemon) return fail(ErrorKind::internal, "Couldn't start the HTTP server");
  listener.socket.release();  // the daemon's from here on
  ticker = std::thread([this] { run_ticker(); });
  return ok();
}

void HttpServer::Impl::stop() {
  {
    std::lock_guard hold(ticker_mutex);
    if (std::exchange(is_stopping, true)) return;
  }
  ticker_changed.notify_all();
  if (ticker.joinable()) ticker.join();
  workers.stop();
  suspended->close();
  if (daemon) MHD_stop_daemon(daemon);
}

void HttpServer::Impl::run_ticker() {
  int ticks = 0;
  std::unique_lock hold(ticker_mutex);
  while (!ticker_changed.wait_for(hold, tick, [this] { return is_stopping; })) {
    hold.unlock();
    deadlines.cut_overdue(read_clocks().steady);
    if (++ticks % ticks_between_flushes == 0) flush_downloads();
    hold.lock();
  }
}

void HttpServer::Impl::flush_downloads() {
  auto counts = downloads.take_all();
  if (counts.empty()) return;
  // Nobody waits for it, so nothing of this object is touched when it is done: the counts are small and a lost one is
  // no harm.
  options.commit(
      {[counts = std::move(counts)](const store::Reader& reader) { return DownloadCounts::writes(counts, reader); }},
      [](const Result<>& done) {
        if (!done) log_warn("inventory: downloads were not counted: {}", describe(done.error()));
      });
}

MHD_Result HttpServer::Impl::on_request(MHD_Connection* connection, const char* method, const char* data, size_t* size,
                                        Exchange& exchange) {
  if (!exchange.has_begun) {
    exchange.has_begun = true;
    exchange.method = method;
    begin(exchange, connection);
    const bool has_long_body = declared_length(connection) > max_drained;
    if (exchange.response && has_long_body) return send(connection, *exchange.response);
    return MHD_YES;
  }
  if (*size != 0) {
    const bool goes_on = receive(exchange, {data, *size});
    *size = 0;
    return goes_on ? MHD_YES : MHD_NO;
  }
  if (!exchange.response && finish(exchange, connection) == Finished::suspended) return MHD_YES;
  deadlines.set(connection, std::nullopt);
  return send(connection, *exchange.response);
}

void HttpServer::Impl::begin(Exchange& exchange, MHD_Connection* connection) {
  deadlines.set(connection, in(body_limit));
  exchange.response = refuse(exchange, connection);
  if (exchange.response) return;
  if (exchange.route.name == RouteName::upload) {
    deadlines.set(connection, std::nullopt);  // as long as it takes; the library limits silence
    begin_upload(exchange, connection);
  } else if (declared_length(connection) > max_body) {
    exchange.response = too_large(max_body);
  }
}

std::optional<Response> HttpServer::Impl::refuse(Exchange& exchange, MHD_Connection* connection) {
  if (!exchange.target) return text_response(400, "The path of the request cannot be read");
  const std::string& path = exchange.target->path;
  const bool is_health = path == "/health";
  Result<std::string> principal{std::string()};
  const bool asks_always = options.demands_basic && !is_health;
  if (asks_always) {
    principal = authorize(connection);
    if (!principal) return not_authorized(true);
  }
  if (const std::string clean = cleaned_path(path); clean != path) return moved_to(clean, exchange.target->raw_query);
  exchange.route = find_route(exchange.method, path);
  if (exchange.route.name == RouteName::none || exchange.route.name == RouteName::login_methods) return no_route();
  if (options.authorize && is_write(exchange.route.name) && !asks_always) {
    principal = authorize(connection);
    if (!principal && principal.error().kind == ErrorKind::refused)
      return text_response(403, principal.error().message);
    if (!principal) return not_authorized(false);
  }
  exchange.principal = std::move(principal).value();
  return std::nullopt;
}

Result<std::string> HttpServer::Impl::authorize(MHD_Connection* connection) const {
  if (!options.authorize) return fail(ErrorKind::no_permission, "no credentials are known");
  const auto basic = parse_basic(header(connection, "Authorization"));
  return options.authorize(header(connection, "X-Escape-Token"), basic ? basic->user : "",
                           basic ? basic->password : "");
}

void HttpServer::Impl::begin_upload(Exchange& exchange, MHD_Connection* connection) {
  if (declared_length(connection) > options.max_package) {
    exchange.response = too_large(options.max_package);
    return;
  }
  const auto begun = [&]() -> Result<std::unique_ptr<PackageUpload>> {
    TRY(auto id, release_of_upload(exchange.route));
    TRY(auto upload, PackageUpload::begin(connection, std::move(id), options.packages, options.max_package));
    TRY(const auto entry, inventory::Index(*options.snapshot()).find(upload->id()));
    if (!entry) return fail(ErrorKind::not_found, "Nothing is registered as " + to_string(upload->id()));
    return upload;
  };
  Result<std::unique_ptr<PackageUpload>> upload = begun();
  if (upload) {
    exchange.upload = std::move(upload).value();
  } else {
    exchange.response = error_response(upload.error());
  }
}

/// False ends the connection.
bool HttpServer::Impl::receive(Exchange& exchange, std::string_view bytes) {
  exchange.received += bytes.size();
  if (exchange.response) return exchange.received <= max_drained;
  if (exchange.upload) {
    exchange.upload->receive(bytes);
    return exchange.received <= options.max_package + max_drained;
  }
  if (exchange.received > max_body) {
    exchange.response = too_large(max_body);
    exchange.body.clear();
    return true;
  }
  if (!is_write(exchange.route.name)) return true;
  if (!exchange.body_share.take(bodies, bytes.size())) {
    exchange.response = text_response(503, "Too much is being sent here just now; try again");
    exchange.body = {};
    return true;
  }
  exchange.body += bytes;
  return true;
}

HttpServer::Impl::Finished HttpServer::Impl::finish(Exchange& exchange, MHD_Connection* connection) {
  if (exchange.upload) return finish_upload(exchange, connection);
  if (is_write(exchange.route.name)) return finish_write(exchange, connection);
  const std::string range = header(connection, "Range");
  const std::string if_range = header(connection, "If-Range");
  const std::string if_none_match = header(connection, "If-None-Match");
  const std::unique_ptr<store::Reader> snapshot = options.snapshot();
  exchange.response = answer_read(
      {exchange.route, *exchange.target, exchange.method, range, if_range, if_none_match},
      {*snapshot, options.packages, downloads, options.trouble ? options.trouble() : std::optional<Error>{}});
  return Finished::answered;
}

HttpServer::Impl::Finished HttpServer::Impl::finish_write(Exchange& exchange, MHD_Connection* connection) {
  Result<PlannedWrite> write =
      plan_write(exchange.route, *exchange.target, exchange.body, exchange.principal, read_clocks().wall);
  if (!write) {
    exchange.response = error_response(write.error());
    return Finished::answered;
  }
  const std::uint64_t ticket = suspended->suspend(exchange, connection);
  if (ticket == 0) {
    exchange.response = stopping();
    return Finished::answered;
  }
  commit(std::move(write).value(), ticket);
  return Finished::suspended;
}

HttpServer::Impl::Finished HttpServer::Impl::finish_upload(Exchange& exchange, MHD_Connection* connection) {
  if (Result<> whole = exchange.upload->end_of_body(); !whole) {
    exchange.response = error_response(whole.error());
    return Finished::answered;
  }
  const auto upload = exchange.upload;
  const std::string principal = exchange.principal;
  const std::uint64_t ticket = suspended->suspend(exchange, connection);
  if (ticket == 0) {
    exchange.response = stopping();
    return Finished::answered;
  }
  const bool is_taken = workers.post([this, ticket, upload, principal] {
    Result<PackageUpload::Stored> stored = upload->store(*options.snapshot());
    if (!stored) return suspended->answer(ticket, error_response(stored.error()));
    commit(plan_completion(stored.value().entry, upload->id(), stored.value().package, principal), ticket);
  });
  if (!is_taken) suspended->answer(ticket, stopping());
  return Finished::suspended;
}

void HttpServer::Impl::commit(PlannedWrite write, std::uint64_t ticket) {
  options.commit(std::move(write.job), [waiting = suspended, ticket, answer = std::move(write.answer)](
                                           const Result<>& done) { waiting->answer(ticket, answer(done)); });
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  TRYV(impl->start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port; }
void HttpServer::flush_downloads() { impl_->flush_downloads(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace escape::http
