#include "agent/app/session.h"

#include <algorithm>
#include <random>
#include <utility>

#include "shared/base/crypto.h"
#include "shared/base/log.h"

namespace escape::agent {

using protocol::ClientSession;
using transport::Connection;

namespace {

/// The socket's queue was full: how soon it is tried again.
constexpr Micros retry_send{20'000};
/// More than the credit of a few tasks waits: the other side does not read.
constexpr std::size_t max_outbox = 4096;
constexpr std::size_t session_id_bytes = 16;

/// [0, 1): spreads reconnects; needs no secrecy.
double jitter() {
  static thread_local std::minstd_rand source{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(source);
}

}  // namespace

Session::Session(transport::Context& context, Connection::Options options, ClientSession::Limits limits, Events events)
    : context_(context), options_(std::move(options)), state_(limits), events_(std::move(events)) {}

Session::~Session() = default;

/// 1. What the connection's monitor tells. 2. What has come. 3. What the session's clock asks for, until it has no more
/// wishes.
Result<> Session::turn(transport::Poller& poller) {
  watch_connection(poller);
  TRYV(receive(poller));
  TRYV(act(poller));
  flush();
  return ok();
}

Instant Session::wake_at() const {
  if (outbox_.empty()) return state_.wake_at();
  return std::min(state_.wake_at(), read_clocks().steady + retry_send);
}

void Session::send(const protocol::FromAgent& message) {
  if (!connection_) return;
  const protocol::TypedBody typed = protocol::encode(message);
  outbox_.push_back(protocol::to_frames({state_.next_header(), typed.type, typed.body}));
  flush();
}

void Session::close(transport::Poller& poller) {
  if (!connection_) return;
  if (is_open()) send(protocol::Bye{});
  poller.remove(*connection_);
  connection_.reset();
}

Result<> Session::act(transport::Poller& poller) {
  for (;;) {
    switch (state_.next(read_clocks().steady, jitter())) {
      case ClientSession::Action::none:
        return ok();
      case ClientSession::Action::connect:
        connect(poller);
        watch_connection(poller);
        break;
      case ClientSession::Action::send_hello:
        send(events_.make_hello());
        break;
      case ClientSession::Action::send_ping:
        send(protocol::Ping{});
        break;
      case ClientSession::Action::close:
        drop(poller, "does not answer");
        break;
    }
  }
}

void Session::connect(transport::Poller& poller) {
  state_.begin(random_bytes(session_id_bytes));
  Result<std::unique_ptr<Connection>> made = Connection::dealer(context_, options_);
  if (!made) {
    drop(poller, describe(made.error()));
    return;
  }
  connection_ = std::move(made).value();
  poller.add(*connection_);
}

void Session::watch_connection(transport::Poller& poller) {
  if (!connection_) return;
  switch (connection_->state()) {
    case Connection::State::connecting:
      return;
    case Connection::State::ready:
      state_.on_connected(read_clocks().steady);
      return;
    case Connection::State::refused:
      drop(poller, "does not accept this agent's key (fingerprint " + fingerprint(options_.keys.public_key) +
                       "): it was never enrolled there, or was removed; enrol it with `escape-agent join TOKEN "
                       "--again` and restart it");
      return;
    case Connection::State::lost:
      drop(poller, "can't be reached");
      return;
  }
}

Result<> Session::receive(transport::Poller& poller) {
  while (connection_) {
    std::optional<std::vector<std::string>> frames = connection_->receive();
    if (!frames) return ok();
    Result<protocol::Envelope> envelope = protocol::from_frames(*frames);
    if (!envelope) {
      log_state("sends what can't be read: " + describe(envelope.error()), LogLevel::warn);
      continue;
    }
    TRYV(on_envelope(envelope.value(), poller));
  }
  return ok();
}

Result<> Session::on_envelope(const protocol::Envelope& envelope, transport::Poller& poller) {
  Result<protocol::ToAgent> message = protocol::decode_to_agent(envelope.type, envelope.body);
  if (!message) {
    log_state("sends what can't be read: " + describe(message.error()), LogLevel::warn);
    return ok();
  }
  if (std::string why = state_.check(envelope.header); !why.empty()) {
    drop(poller, "sent a message that is refused: " + why);
    return ok();
  }
  const Instant now = read_clocks().steady;
  state_.on_traffic(now);
  if (const auto* refused = std::get_if<protocol::Refused>(&message.value())) {
    // Dropped after the session has taken it for what it is: the loss that follows changes nothing.
    if (refused->retry_after > Millis{0}) state_.on_busy(now, refused->retry_after, jitter());
    drop(poller, "refuses this agent: " + refused->message);
    return events_.on_refused(*refused);
  }
  if (const auto* welcome = std::get_if<protocol::Welcome>(&message.value())) {
    if (is_open()) return ok();
    state_.on_welcome(now, welcome->heartbeat, welcome->missed_beats, envelope.header.instance, envelope.header.epoch,
                      jitter());
    if (!is_open()) return ok();
    log_state("is connected, as agent '" + welcome->agent + "' of environment '" + welcome->environment + "'",
              LogLevel::info);
    TRYV(events_.on_welcome(*welcome, envelope.header.instance, envelope.header.epoch));
  }
  if (!is_open()) return ok();
  if (const auto* pong = std::get_if<protocol::Pong>(&message.value())) state_.on_pace(pong->heartbeat);
  return events_.on_message(message.value());
}

void Session::drop(transport::Poller& poller, const std::string& why) {
  log_state(why + "; trying again", LogLevel::warn);
  if (connection_) poller.remove(*connection_);
  connection_.reset();
  outbox_.clear();
  state_.on_lost(read_clocks().steady, jitter());
  events_.on_closed();
}

void Session::flush() {
  while (connection_ && !outbox_.empty() && connection_->send(outbox_.front())) {
    outbox_.pop_front();
    state_.on_sent(read_clocks().steady);
  }
  if (outbox_.size() > max_outbox) outbox_.clear();  // the gap in the numbers makes the controller end the session
}

/// Once for each change: an agent that waits for hours must not fill the log.
void Session::log_state(const std::string& text, LogLevel level) {
  if (text == last_logged_) return;
  last_logged_ = text;
  log(level, "The controller at " + options_.endpoint + " " + text);
}

}  // namespace escape::agent
