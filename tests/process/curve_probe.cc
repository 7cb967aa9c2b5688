// Knocks at a CURVE socket with a key of its own that nobody enrolled, says hello, and prints what it got:
// `curve_probe dealer|subscriber tcp://host:port SERVER_KEY_HEX`. Exit status 0 when it got nothing.

#include <cstdio>
#include <string>

#include "protocol/messages/client.h"
#include "protocol/transport/transport.h"
#include "shared/base/text.h"

int main(int argc, char** argv) {
  using namespace escape;
  if (argc != 4) return 64;
  const std::string kind = argv[1];
  transport::Context context;
  const transport::Connection::Options options{argv[2], from_hex(argv[3]), make_key_pair()};
  auto made = kind == "dealer" ? transport::Connection::dealer(context, options)
                               : transport::Connection::subscriber(context, options, {""});
  if (!made) return 65;
  transport::Connection& connection = *made.value();
  transport::Poller poller;
  poller.add(connection);
  int got = 0;
  bool is_refused = false;
  const Instant deadline = read_clocks().steady + Millis{3000};
  while (read_clocks().steady < deadline && !is_refused) {
    const protocol::TypedBody typed =
        protocol::encode(protocol::FromClient(protocol::ClientRequest{"0011", protocol::request::Hello{"probe"}}));
    protocol::Envelope envelope{{std::string(16, '\0'), 0, random_bytes(16), 1}, typed.type, typed.body};
    if (kind == "dealer") (void)connection.send(protocol::to_frames(envelope));
    poller.wait(Millis{100});
    while (connection.receive()) ++got;
    is_refused = connection.state() == transport::Connection::State::refused;
    if (connection.state() == transport::Connection::State::ready) {
      std::printf("the handshake succeeded\n");
      return 1;
    }
  }
  std::printf("%s, %d messages\n", is_refused ? "refused" : "silence", got);
  return got == 0 ? 0 : 1;
}
