#include "agent/app/join.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/app/host_facts.h"
#include "protocol/messages/agent.h"
#include "protocol/messages/envelope.h"
#include "shared/base/crypto.h"
#include "shared/io/files.h"

namespace escape::agent {

using transport::Connection;

namespace {

constexpr int default_port = 7771;
/// How long one connection may take to be up or to answer before a new one is tried.
constexpr Micros one_try{5'000'000};
constexpr Micros pause_between_tries{500'000};
/// A controller with too much to do names its own.
constexpr Micros longest_pause{10'000'000};
constexpr std::size_t session_id_bytes = 16;

Error token_refused() {
  return {ErrorKind::refused,
          "The controller does not know this invitation: it was used, has expired, or was withdrawn.",
          "Make a new one with `escape agents invite --environment ENVIRONMENT` and join with that token.",
          {}};
}

Error token_of_a_person() {
  return {ErrorKind::usage,
          "This invitation is for a person: the controller listens to people there, not to agents.",
          "A person logs in with it: escape login --token TOKEN. For a host, `escape agents invite --environment "
          "ENVIRONMENT` makes one.",
          {}};
}

Error unreachable(const std::string& address) {
  return {
      ErrorKind::unreachable,
      "The controller at " + address + " does not answer.",
      "Check that it runs, that this host may reach that address and port, and that the token is from that controller.",
      {}};
}

/// What came of one connection; nothing: try again, after the pause if the connection is over.
using Answer = std::optional<Result<protocol::Joined>>;

Answer read_answer(const std::vector<std::string>& frames, const std::string& session, bool& is_over, Micros& pause) {
  const Result<protocol::Envelope> envelope = protocol::from_frames(frames);
  if (!envelope) return std::nullopt;
  Result<protocol::ToAgent> message = protocol::decode_to_agent(envelope.value().type, envelope.value().body);
  if (!message) return std::nullopt;
  if (auto* refused = std::get_if<protocol::Refused>(&message.value());
      refused && refused->message.find(protocol::not_of_a_client) != std::string::npos) {
    return Result<protocol::Joined>(fail(token_of_a_person()));  // outside of any session
  }
  if (envelope.value().header.session != session) return std::nullopt;
  if (auto* joined = std::get_if<protocol::Joined>(&message.value())) return Result<protocol::Joined>(*joined);
  if (auto* refused = std::get_if<protocol::Refused>(&message.value())) {
    if (!refused->is_final) {
      is_over = true;
      pause = std::max<Micros>(pause, std::min<Micros>(refused->retry_after, longest_pause));
      return std::nullopt;
    }
    return Result<protocol::Joined>(fail(kind_from_name(refused->kind), "The controller refused: " + refused->message));
  }
  return std::nullopt;
}

/// One connection: wait until it is up, send Join once, wait for the answer.
Answer try_once(transport::Context& context, const Connection::Options& to, const protocol::Join& join, Instant until,
                Micros& pause) {
  Result<std::unique_ptr<Connection>> made = Connection::dealer(context, to);
  if (!made) return Result<protocol::Joined>(fail(std::move(made).error()));
  Connection& connection = *made.value();
  transport::Poller poller;
  poller.add(connection);
  const std::string session = random_bytes(session_id_bytes);
  bool was_sent = false;
  bool is_over = false;
  for (;;) {
    const Connection::State state = connection.state();
    if (state == Connection::State::refused) return Result<protocol::Joined>(fail(token_refused()));
    if (state == Connection::State::lost) return std::nullopt;
    if (state == Connection::State::ready && !was_sent) {
      const protocol::TypedBody typed = protocol::encode(protocol::FromAgent{join});
      protocol::Header header;
      header.instance = std::string(session_id_bytes, '\0');
      header.session = session;
      header.sequence = 1;
      was_sent = connection.send(protocol::to_frames({header, typed.type, typed.body}));
    }
    while (std::optional<std::vector<std::string>> frames = connection.receive()) {
      if (Answer answer = read_answer(*frames, session, is_over, pause)) return answer;
      if (is_over) return std::nullopt;
    }
    const Instant now = read_clocks().steady;
    if (now >= until) return std::nullopt;
    poller.wait(Millis{std::max<std::int64_t>((until - now).count() / 1000, 1)});
  }
}

void pause(Micros duration) {
  transport::Poller nothing;
  nothing.wait(std::chrono::duration_cast<Millis>(duration));
}

Result<> check_not_enrolled(const std::string& data_folder) {
  const Result<journal::Identity> identity = journal::load_identity(data_folder);
  if (!identity)
    return identity.error().kind == ErrorKind::not_found ? Result<>(ok()) : Result<>(fail(identity.error()));
  return fail(ErrorKind::conflict,
              "This host is enrolled already, as agent '" + identity.value().agent + "' of environment '" +
                  identity.value().environment + "' (key in '" + data_folder + "').",
              "Start it with `escape-agent`, or give another agent a data folder of its own with --data. If that agent "
              "was removed at the controller, add --again and restart it.");
}

}  // namespace

/// 1. The key is made and kept before anything is sent. 2. Join, again on a new connection until there is an answer or
/// the time is over. 3. The identity is stored; only then is the pending key dropped.
Result<journal::Identity> join(transport::Context& context, const JoinOptions& options) {
  if (!options.is_again) {
    TRYV(check_not_enrolled(options.data_folder));
  }
  const std::string address = options.address.empty() ? options.token.address : options.address;
  TRY(const std::string endpoint, transport::tcp_endpoint(address, default_port));
  TRY(const KeyPair keys, journal::load_or_make_pending_keys(options.data_folder));

  protocol::Join message;
  message.name = options.name;
  message.public_key = keys.public_key;
  message.host = read_host_facts();
  message.labels = options.labels;
  const Connection::Options to{endpoint, options.token.controller_key, key_pair_from_seed(options.token.seed)};

  const Instant until = read_clocks().steady + options.limit;
  Answer answer;
  while (!answer) {
    const Instant now = read_clocks().steady;
    if (now >= until) return fail(unreachable(address));
    Micros wait_for = pause_between_tries;
    answer = try_once(context, to, message, std::min(until, now + one_try), wait_for);
    if (!answer) pause(std::min<Micros>(wait_for, std::max<Micros>(until - read_clocks().steady, Micros{0})));
  }
  if (!*answer) return fail(std::move(*answer).error());

  journal::Identity identity{answer->value().agent, answer->value().environment, address, options.token.controller_key,
                             keys};
  TRYV(journal::save_identity(options.data_folder, identity));
  TRYV(journal::forget_pending_keys(options.data_folder));
  return identity;
}

}  // namespace escape::agent
