// The whole inventory server behind a socket of the loopback: the input is what one client sends. The server must
// answer with nothing but HTTP, let go of every connection, and be well afterwards.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "controller/http/server.h"
#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/io/files.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/published_index.h"

namespace escape::http {
namespace {

class World {
 public:
  World() {
    log_debug("the log is made before the server, so that it outlives the server's threads");
    start_over();
    ServerOptions options{.snapshot = [this] { return snapshot(); },
                          .packages = published_.packages(),
                          .commit = [this](WriteJob job, WriteDone done) { write(std::move(job), std::move(done)); }};
    options.max_package = 1 << 20;
    options.max_connections = 32;  // so that those that it forgets are soon missed
    Result<std::unique_ptr<HttpServer>> server = HttpServer::start(std::move(options));
    CHECK(server.has_value());
    server_ = std::move(server).value();
  }
  ~World() { server_->stop(); }

  void start_over() {
    std::unique_ptr<store::Database> fresh = published_.index();
    const std::lock_guard hold(mutex_);
    database_ = std::move(fresh);
  }

  /// What the server answers until it ends the connection or has nothing more to say; then it is reset. A half-closed
  /// connection would not do as an end: the library does not notice one that was closed before its first event.
  std::string talk(std::string_view sent, int quiet_milliseconds) {
    const io::Fd socket = connect();
    std::string received;
    for (bool is_sending = true;;) {
      pollfd ready{socket.get(), static_cast<short>(is_sending ? POLLIN | POLLOUT : POLLIN), 0};
      if (::poll(&ready, 1, quiet_milliseconds) != 1) return received;
      if ((ready.revents & POLLOUT) != 0) {
        const ssize_t count = ::send(socket.get(), sent.data(), sent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) sent.remove_prefix(static_cast<std::size_t>(count));
        is_sending = count >= 0 && !sent.empty();
      }
      if ((ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        char buffer[4096];
        const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN)) return received;
        if (count > 0) received.append(buffer, static_cast<std::size_t>(count));
      }
    }
  }

 private:
  io::Fd connect() const {
    io::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const linger reset{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const int done = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    if (done != 0 && errno == EINTR) return connect();  // libFuzzer's own timer
    if (done != 0) log_error("cannot connect: {}", std::strerror(errno));
    CHECK(done == 0);
    return socket;
  }
  std::unique_ptr<store::Reader> snapshot() {
    const std::lock_guard hold(mutex_);
    return database_->snapshot();
  }
  void write(WriteJob job, WriteDone done) {
    Result<> committed = ok();
    {
      const std::lock_guard hold(mutex_);
      const auto writes = job.decide(*database_);
      committed = writes ? database_->commit(writes.value()) : Result<>(fail(writes.error()));
    }
    done(std::move(committed));
  }

  fuzz::PublishedIndex published_;
  std::mutex mutex_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<HttpServer> server_;
};

void check_answer(std::string_view answer) {
  if (answer.empty()) return;
  CHECK(answer.starts_with("HTTP/1."));
  // 501 and 505 are the library's, for what it does not speak; 500 would be a failure of ours.
  CHECK(!answer.starts_with("HTTP/1.1 500") && !answer.starts_with("HTTP/1.0 500"));
}

}  // namespace
}  // namespace escape::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape::http;
  static World world;
  static unsigned inputs = 0;
  escape::fuzz::Input input(data, size);
  // The answer to one input may come after that, on a busy machine; it is not waited for, and nothing depends on it.
  constexpr int quiet_milliseconds = 3;
  check_answer(world.talk(input.rest(), quiet_milliseconds));
  world.start_over();
  constexpr unsigned inputs_between_looks = 64;
  if (inputs++ % inputs_between_looks == 0) {
    constexpr int longest_milliseconds = 15'000;
    const std::string_view request = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    CHECK(world.talk(request, longest_milliseconds).starts_with("HTTP/1.1 200"));
  }
  return 0;
}
