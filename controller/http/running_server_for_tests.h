#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controller/http/server.h"
#include "controller/http/single_writer.h"
#include "controller/inventory/fixtures_for_tests.h"
#include "shared/io/http_client.h"

namespace escape::http::testing {

using inventory::testing::Folder;

/// A whole inventory on a free port of the loopback, with its writer on a thread.
class RunningServer {
 public:
  explicit RunningServer(const std::function<void(ServerOptions&)>& adjust = {}, const std::string& folder = {})
      : data_(folder.empty() ? own_.path() : folder) {
    database_ = store::open_rocksdb(io::join_path(data_, "index"), store::Access::read_write).value();
    writer_ = std::make_unique<SingleWriter>(*database_);
    loop_ = std::thread([this] { run_writer(); });
    ServerOptions options{
        .snapshot = [this] { return database_->snapshot(); },
        .packages = inventory::PackageFolder(io::join_path(data_, "packages")),
        .commit = [this](WriteJob job, WriteDone done) { writer_->post(std::move(job), std::move(done)); }};
    if (adjust) adjust(options);
    server_ = HttpServer::start(std::move(options)).value();
  }
  ~RunningServer() {
    server_->stop();
    is_done_ = true;
    writer_->post(
        {[](const store::Reader&) -> Result<std::vector<store::Write>> { return std::vector<store::Write>{}; }},
        [](const Result<>&) {});
    loop_.join();
  }

  HttpServer& server() { return *server_; }
  int port() const { return server_->port(); }
  std::string url(std::string_view path = "") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + std::string(path);
  }
  std::string data(std::string_view name) const { return io::join_path(data_, name); }
  const Folder& scratch() const { return scratch_; }
  std::vector<Published> published() {
    std::lock_guard hold(mutex_);
    return published_;
  }

  io::HttpResponse send(std::string method, std::string_view path, std::string body = "",
                        std::vector<std::pair<std::string, std::string>> headers = {}) {
    io::HttpRequest request;
    request.method = std::move(method);
    request.url = url(path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    const auto response = io::http(request);
    EXPECT_TRUE(response) << request.url << ": " << (response ? "" : response.error().message);
    return response ? response.value() : io::HttpResponse{};
  }
  io::HttpResponse get(std::string_view path) { return send("GET", path); }
  io::HttpResponse upload(std::string_view path, const std::string& file) {
    io::HttpRequest request;
    request.method = "POST";
    request.url = url(path);
    request.upload_file = file;
    const auto response = io::http(request);
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    return response ? response.value() : io::HttpResponse{};
  }
  io::HttpResponse upload_bytes(std::string_view path, std::string_view bytes, std::string_view part = "file") {
    std::string body = "--XBOUND\r\nContent-Disposition: form-data; name=\"" + std::string(part) +
                       "\"; filename=\"/home/user/whatever.tgz\"\r\nContent-Type: application/octet-stream\r\n\r\n" +
                       std::string(bytes) + "\r\n--XBOUND--\r\n";
    return send("POST", path, std::move(body), {{"Content-Type", "multipart/form-data; boundary=XBOUND"}});
  }
  /// Registers and uploads; gives the package file.
  std::string publish(std::string_view id, std::string description = "") {
    const release::Metadata made = inventory::testing::metadata(id, std::move(description));
    const std::string package = inventory::testing::make_package(scratch_, made);
    const std::string base = "/api/v1/inventory/" + made.project;
    EXPECT_EQ(send("POST", base + "/register", codec::to_json(codec::metadata_to_value(made))).status, 200);
    EXPECT_EQ(upload(base + "/units/" + made.name + "/versions/v" + made.version + "/upload", package).status, 200);
    return package;
  }
  /// A raw connection, for what a decent client would not do.
  int connect() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

 private:
  void run_writer() {
    while (!is_done_) {
      pollfd ready{writer_->descriptor(), POLLIN, 0};
      ::poll(&ready, 1, -1);
      const auto published = writer_->run();
      ASSERT_TRUE(published) << published.error().message;
      std::lock_guard hold(mutex_);
      published_.insert(published_.end(), published.value().begin(), published.value().end());
    }
  }

  Folder own_;
  Folder scratch_;
  std::string data_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<SingleWriter> writer_;
  std::unique_ptr<HttpServer> server_;
  std::atomic<bool> is_done_ = false;
  std::thread loop_;
  std::mutex mutex_;
  std::vector<Published> published_;
};

}  // namespace escape::http::testing
