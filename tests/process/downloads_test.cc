// How far a download is, as a person at a terminal and a log see it: a real agent, and a server that sends until the
// test has seen enough.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/cluster.h"
#include "tests/support/terminal.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Answers each request with a file of ten megabytes, in pieces: half of it at about a megabyte a second, then hardly
/// anything until it is let go.
class SlowServer {
 public:
  SlowServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 5), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    name_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~SlowServer() {
    is_over_ = true;
    thread_.join();
    ::close(socket_);
  }
  SlowServer(const SlowServer&) = delete;
  SlowServer& operator=(const SlowServer&) = delete;

  const std::string& name() const { return name_; }
  void let_go() { is_held_ = false; }

 private:
  static constexpr std::size_t whole = 10'000'000;
  static constexpr std::size_t piece = 20'000;

  void serve() {
    while (!is_over_) {
      pollfd asked{socket_, POLLIN, 0};
      if (::poll(&asked, 1, 20) <= 0) continue;
      const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      answer(peer);
      ::close(peer);
    }
  }
  void answer(int peer) {
    char request[4096];
    if (::recv(peer, request, sizeof request, 0) <= 0) return;
    if (!send(peer, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(whole) + "\r\nConnection: close\r\n\r\n"))
      return;
    std::size_t left = whole;
    while (is_held_ && !is_over_) {
      const std::size_t next = left > whole / 2 ? piece : 1;
      if (!send(peer, std::string(next, 'x'))) return;
      left -= next;
      pause_before_next_look();
    }
    (void)send(peer, std::string(left, 'x'));
  }
  static bool send(int peer, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  int socket_;
  std::string name_;
  std::atomic<bool> is_held_{true};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

class Downloads : public ::testing::Test {
 protected:
  Downloads() : folder_(make_folder()) {
    fs::create_directories(workspace());
    write_text(workspace() + "/escape.yml", "name: qs/fetches\nversion: 1.@\ndownloads: [{url: '" + url() +
                                                "', dest: tool.bin, overwrite: true}]\n"
                                                "deploy: {inline: 'echo \"got $(wc -c < tool.bin) bytes\"'}\n");
  }
  ~Downloads() override {
    expect_no_sanitizer_reports(folder_);
    fs::remove_all(folder_);
  }

  std::string workspace() const { return folder_ + "/workspace"; }
  std::string url() const { return "http://" + server_.name() + "/a/tool.bin?key=secret"; }
  std::string bar_end() const { return "  " + server_.name() + "/tool.bin"; }
  /// Neither CI nor anything else says that terminals are none.
  std::vector<std::pair<std::string, std::string>> environment() const {
    return {{"HOME", folder_}, {"XDG_CONFIG_HOME", folder_ + "/config"},
            {"CI", ""},        {"NO_COLOR", ""},
            {"TERM", "xterm"}, {"no_proxy", "127.0.0.1"}};
  }
  static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("escape"));
    return arguments;
  }
  /// All that it says goes through a pipe into the file `name` of the test's folder.
  Process start_in_pipe(const std::string& arguments, const std::string& name) {
    std::map<std::string, std::string> variables;
    for (const auto& [key, value] : environment()) variables[key] = value;
    const std::string line = program("escape") + " " + arguments + " 2>&1 | cat";
    return Process({"bash", "-o", "pipefail", "-c", line}, {.folder = workspace(),
                                                            .environment = variables,
                                                            .output_file = folder_ + "/" + name,
                                                            .error_file = folder_ + "/" + name + ".bash"});
  }
  std::string text_of(const std::string& name) const { return read_text(folder_ + "/" + name); }
  /// Whether an agent has told how far the download is.
  bool is_told() const {
    // Folders come and go meanwhile.
    std::error_code error;
    for (fs::recursive_directory_iterator at(workspace() + "/.escape", error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().filename() == "output" && has(read_text(at->path()), bar_end() + "\r")) return true;
    }
    return false;
  }

  SlowServer server_;
  std::string folder_;
};

TEST_F(Downloads, ATerminalShowsABarThatIsDrawnInPlace) {
  Terminal terminal(command({"run", "deploy", "-e", "test"}), workspace(), environment());
  ASSERT_TRUE(terminal.shows("MB" + bar_end())) << terminal.seen();
  ASSERT_TRUE(terminal.writes("MB" + bar_end() + "\r\x1b[KDeploy: ["))
      << terminal.seen() << "\nthe second in its place";
  server_.let_go();
  ASSERT_TRUE(terminal.shows("got 10000000 bytes")) << terminal.seen();
  EXPECT_EQ(terminal.wait(), 0) << terminal.seen();
  const std::string& all = terminal.written();
  const std::size_t first = all.find("Deploy: [");
  const std::size_t end = all.find("\r\x1b[KDeploy: Finished downloading " + url() + "\r\n");
  ASSERT_LT(first, end) << all;
  ASSERT_NE(end, std::string::npos) << all;
  EXPECT_EQ(all.substr(first, end - first).find('\n'), std::string::npos) << all;
  EXPECT_EQ(all.find("Deploy: [", end), std::string::npos) << all;

  // It is over: only what came of it is shown again.
  Terminal again(command({"jobs", "attach", "1"}), workspace(), environment());
  EXPECT_EQ(again.wait(), 0) << again.seen();
  EXPECT_TRUE(has(again.seen(), "Finished downloading " + url())) << again.seen();
  EXPECT_FALSE(has(again.seen(), "[#")) << again.seen();
  EXPECT_FALSE(has(again.seen(), "MB" + bar_end())) << again.seen();
}

TEST_F(Downloads, APipeGetsLinesOnly) {
  Process deploying = start_in_pipe("run deploy -e test", "live");
  ASSERT_TRUE(eventually([&] { return is_told(); })) << text_of("live");
  server_.let_go();
  ASSERT_EQ(deploying.wait(), 0) << text_of("live");
  ASSERT_EQ(start_in_pipe("jobs attach 1", "again").wait(), 0) << text_of("again");
  ASSERT_EQ(start_in_pipe("--logger json jobs attach 1", "json").wait(), 0) << text_of("json");
  for (const char* name : {"live", "again", "json"}) {
    EXPECT_FALSE(has(text_of(name), "\r")) << text_of(name);
    EXPECT_FALSE(has(text_of(name), "\\r")) << text_of(name);
    EXPECT_FALSE(has(text_of(name), "\x1b")) << text_of(name);
    EXPECT_TRUE(has(text_of(name), "Finished downloading " + url())) << text_of(name);
  }
  EXPECT_EQ(text_of("live"), text_of("again")) << "the same log is always the same text";
}

TEST_F(Downloads, ADownloadThatIsCutOffLeavesHowFarItCame) {
  Terminal terminal(command({"run", "deploy", "-e", "test"}), workspace(), environment());
  ASSERT_TRUE(terminal.shows("MB" + bar_end())) << terminal.seen();
  terminal.type("\x03");  // Ctrl-C: nobody else could finish a job of this process
  EXPECT_EQ(terminal.wait(), 130) << terminal.seen();
  const std::string seen = terminal.seen();
  EXPECT_TRUE(has(seen, bar_end() + "\nCancelling job 1")) << seen;
}

}  // namespace
}  // namespace escape::testing
