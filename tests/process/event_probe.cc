// Listens at the events socket as a monitoring tool does: `event_probe tcp://host:port SERVER_KEY_HEX KEY_FILE`,
// KEY_FILE being the key that `escape login` keeps. Prints "subscribed", then one line for each event: topic, sequence,
// content type and body, between tabs. Goes on until it is killed.

#include <cstdint>
#include <cstdio>
#include <string>

#include "protocol/transport/transport.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace {

std::uint64_t number_of(const std::string& frame) {
  std::uint64_t number = 0;
  for (const char byte : frame) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace escape;
  if (argc != 4) return 64;
  const Result<std::string> key_file = io::read_file(argv[3]);
  if (!key_file) return 66;
  const std::vector<std::string> lines = split(key_file.value(), '\n');
  if (lines.size() < 2) return 65;
  transport::Context context;
  auto made = transport::Connection::subscriber(
      context, {argv[1], from_hex(argv[2]), {from_hex(lines[0]), from_hex(lines[1])}}, {""});
  if (!made) return 65;
  transport::Connection& connection = *made.value();
  transport::Poller poller;
  poller.add(connection);
  bool is_subscribed = false;
  for (;;) {
    poller.wait(Millis{1000});
    const transport::Connection::State state = connection.state();
    if (state == transport::Connection::State::refused || state == transport::Connection::State::lost) return 69;
    while (const auto frames = connection.receive()) {
      // Only what has come proves that the subscription is in force; the beacon comes each second.
      if (!is_subscribed) std::printf("subscribed\n");
      is_subscribed = true;
      if (frames->size() == 5) {
        std::printf("%s\t%llu\t%s\t%s\n", (*frames)[0].c_str(),
                    static_cast<unsigned long long>(number_of((*frames)[1])), (*frames)[2].c_str(),
                    (*frames)[3].c_str());
      }
      std::fflush(stdout);
    }
  }
}
