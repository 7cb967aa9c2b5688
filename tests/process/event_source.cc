// Makes the controller write events as fast as it commits them, and changes nothing else:
//
//     event_source tcp://host:port SERVER_KEY_HEX KEY_FILE EVENTS AT_ONCE
//
// Creates AT_ONCE environments, then asks for the values of all of them, on and on: each answer is a commit with
// AT_ONCE entries of the log, which tell who saw them. Prints "done N milliseconds" once at least EVENTS are committed.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/messages/client.h"
#include "protocol/messages/envelope.h"
#include "protocol/transport/transport.h"
#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/base/time.h"
#include "shared/io/files.h"

namespace {

using namespace escape;

constexpr Millis answer_limit{60'000};

/// One request after the other over one session, which may not end.
class Client {
 public:
  Client(transport::Context& context, const transport::Connection::Options& where)
      : connection_(transport::Connection::dealer(context, where).value()) {
    poller_.add(*connection_);
  }

  /// Whether it was answered, and not by `failed`.
  bool ask(protocol::Request request) {
    const std::string id = random_hex(16);
    protocol::TypedBody typed = protocol::encode(protocol::FromClient{protocol::ClientRequest{id, std::move(request)}});
    const auto frames = protocol::to_frames({{std::string(16, '\0'), 0, session_, ++sent_, 0}, typed.type, typed.body});
    const Instant until = read_clocks().steady + answer_limit;
    for (bool is_sent = false; read_clocks().steady < until;) {
      if (!is_sent) is_sent = connection_->send(frames);
      while (const auto answer = connection_->receive()) {
        const Result<protocol::Envelope> envelope = protocol::from_frames(*answer);
        if (!envelope) return false;
        Result<protocol::ToClient> message = protocol::decode_to_client(envelope.value().type, envelope.value().body);
        const auto* reply = message ? std::get_if<protocol::ClientReply>(&message.value()) : nullptr;
        if (!reply || reply->id != id) return false;
        const auto* failed = std::get_if<protocol::reply::Failed>(&reply->reply);
        if (failed) std::fprintf(stderr, "%s\n", failed->message.c_str());
        return !failed;
      }
      poller_.wait(Millis{100});
    }
    return false;
  }

 private:
  std::unique_ptr<transport::Connection> connection_;
  transport::Poller poller_;
  std::string session_ = random_bytes(16);
  std::uint64_t sent_ = 0;
};

int run(Client& client, long events, int at_once) {
  if (!client.ask(protocol::request::Hello{ESCAPE_VERSION})) return 69;
  for (int number = 1; number <= at_once; ++number) {
    protocol::request::ApplyEnvironment one;
    one.environment = "source-" + std::to_string(number);
    if (!client.ask(one)) return 1;
  }
  const Instant begin = read_clocks().steady;
  protocol::request::ExportState all;
  all.reveal = true;
  for (long told = 0; told < events; told += at_once) {
    if (!client.ask(all)) return 1;
  }
  std::printf("done %lld milliseconds\n", static_cast<long long>((read_clocks().steady - begin).count() / 1000));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const Result<std::string> key_file = io::read_file(argv[3]);
  if (!key_file) return 66;
  const std::vector<std::string> lines = split(key_file.value(), '\n');
  if (lines.size() < 2) return 65;
  transport::Context context;
  Client client(context, {argv[1], from_hex(argv[2]), {from_hex(lines[0]), from_hex(lines[1])}});
  return run(client, std::atol(argv[4]), std::atoi(argv[5]));
}
