#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "shared/io/files.h"
#include "shared/io/service.h"

namespace escape::io {
namespace http_testing {

inline constexpr int patience_ms = 20'000;

/// Answers one connection after the other with the next of its replies, byte for byte, and closes it. Stops by itself
/// when the replies are used up, when it is destroyed, or when nothing happens for `patience_ms`.
class Server {
 public:
  explicit Server(std::vector<std::string> replies) : replies_(std::move(replies)) {
    socket_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), 5), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Replies may hold this address, so it is known before the first is sent.
  std::string url(std::string_view path = "/file") const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }
  void set_replies(std::vector<std::string> replies) { replies_ = std::move(replies); }
  void start() {
    thread_ = std::thread([this] { serve(); });
  }
  /// What was asked so far, heads with bodies. Ends the server.
  const std::vector<std::string>& requests() {
    stop();
    return requests_;
  }

 private:
  void stop() {
    waker_.wake();
    if (thread_.joinable()) thread_.join();
  }
  bool wait_for(int descriptor) {
    pollfd entries[] = {{descriptor, POLLIN, 0}, {waker_.descriptor(), POLLIN, 0}};
    return ::poll(entries, 2, patience_ms) > 0 && entries[1].revents == 0;
  }
  void serve() {
    for (const std::string& reply : replies_) {
      if (!wait_for(socket_.get())) return;
      const Fd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      requests_.push_back(read_request(peer));
      for (std::size_t sent = 0; sent < reply.size();) {
        const ssize_t count = ::send(peer.get(), reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      if (reply.empty()) wait_for(peer.get());  // says nothing until the client hangs up
    }
  }
  std::string read_request(const Fd& peer) {
    std::string text;
    while (!is_complete(text) && wait_for(peer.get())) {
      char buffer[4096];
      const ssize_t count = ::recv(peer.get(), buffer, sizeof buffer, 0);
      if (count <= 0) break;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }
  static bool is_complete(const std::string& text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::size_t length = text.find("Content-Length: ");
    if (length == std::string::npos || length > end) return true;
    return text.size() - end - 4 >= std::stoul(text.substr(length + 16));
  }

  std::vector<std::string> replies_;
  std::vector<std::string> requests_;
  Fd socket_;
  Waker waker_;
  int port_ = 0;
  std::thread thread_;
};

/// "Content-Length" may promise more than `body` holds: then the connection is cut in the middle.
inline std::string reply(std::string_view status, std::string_view body, std::string_view more_headers = "",
                         std::size_t promised = std::string_view::npos) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                     promised == std::string_view::npos ? body.size() : promised, more_headers, body);
}

}  // namespace http_testing
}  // namespace escape::io
