// What an unkind network does to a listening socket:
//
//     flood_probe silent|garbage HOST PORT COUNT           COUNT TCP connections that say nothing, or nonsense
//     flood_probe malformed ENDPOINT SERVER_KEY KEY_FILE COUNT   an enrolled key that sends what nobody can read
//
// Prints "open N" or "sent N" when it has, and holds on until it is killed.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "protocol/transport/transport.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace {

using namespace escape;

int knock(bool with_garbage, const char* host, int port, int count) {
  (void)io::raise_descriptor_limit();
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, host, &where.sin_addr) != 1) return 64;
  std::string nonsense = "GET / HTTP/1.1\r\nHost: nobody\r\n\r\n";
  for (int i = 0; i < 4096; ++i) nonsense.push_back(static_cast<char>(i * 37 + 11));
  int open = 0;
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) continue;
    ++open;
    if (with_garbage) (void)send(fd, nonsense.data(), nonsense.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  std::printf("open %d\n", open);
  std::fflush(stdout);
  pause();
  return 0;
}

int send_malformed(const char* endpoint, const char* server_key, const char* key_file, int count) {
  const Result<std::string> keys = io::read_file(key_file);
  if (!keys) return 66;
  const std::vector<std::string> lines = split(keys.value(), '\n');
  if (lines.size() < 2) return 65;
  transport::Context context;
  auto made = transport::Connection::dealer(context,
                                            {endpoint, from_hex(server_key), {from_hex(lines[0]), from_hex(lines[1])}});
  if (!made) return 65;
  transport::Connection& connection = *made.value();
  transport::Poller poller;
  poller.add(connection);
  const protocol::Header header{std::string(16, '\0'), 0, std::string(16, 's'), 1, 0};
  int sent = 0;
  while (sent < count && connection.state() != transport::Connection::State::refused) {
    const bool in_envelope = sent % 2 == 0;
    const std::vector<std::string> frames = in_envelope ? protocol::to_frames({header, "request", "no map"})
                                                        : std::vector<std::string>{"what", "is", "this"};
    if (connection.send(frames)) {
      ++sent;
    } else {
      poller.wait(Millis{10});
    }
    while (connection.receive()) continue;
  }
  std::printf("sent %d\n", sent);
  std::fflush(stdout);
  pause();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "malformed" && argc == 6) return send_malformed(argv[2], argv[3], argv[4], std::atoi(argv[5]));
  if ((mode == "silent" || mode == "garbage") && argc == 5)
    return knock(mode == "garbage", argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
  return 64;
}
