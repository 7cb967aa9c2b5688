#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/messages/agent.h"
#include "protocol/session/client_session.h"
#include "protocol/transport/transport.h"
#include "shared/base/log.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

namespace escape::agent {

/// One agent's session with its controller over a socket: connects, greets, pings, reconnects with full jitter
/// (protocol::ClientSession decides), numbers and checks messages. Keeps no message across sessions: the core resends.
///
/// Thread: the agent loop.
class Session {
 public:
  struct Events {
    std::function<protocol::Hello()> make_hello;
    /// Welcome has come: the header's controller is the one to remember (before the message is acted upon).
    std::function<Result<>(const protocol::Welcome&, const std::string& instance, Epoch epoch)> on_welcome;
    std::function<Result<>(const protocol::ToAgent&)> on_message;  ///< every message of the open session, Welcome too
    std::function<void()> on_closed;
    /// The controller said no; it is asked again later unless this gives an error.
    std::function<Result<>(const protocol::Refused&)> on_refused;
  };
  Session(transport::Context& context, transport::Connection::Options options, protocol::ClientSession::Limits limits,
          Events events);
  ~Session();

  /// An older life of this controller is refused.
  void remember(std::string instance, Epoch epoch) { state_.remember(std::move(instance), epoch); }

  /// Does what is due and handles what has come. Errors are those of the events: they end the agent.
  Result<> turn(transport::Poller& poller);
  /// When `turn` has to be called though nothing came.
  Instant wake_at() const;

  bool is_open() const { return state_.state() == protocol::ClientSession::State::open; }
  void send(const protocol::FromAgent& message);
  /// Bye, and no more.
  void close(transport::Poller& poller);

 private:
  Result<> act(transport::Poller& poller);
  void connect(transport::Poller& poller);
  void watch_connection(transport::Poller& poller);
  Result<> receive(transport::Poller& poller);
  Result<> on_envelope(const protocol::Envelope& envelope, transport::Poller& poller);
  void drop(transport::Poller& poller, const std::string& why);
  void flush();
  void log_state(const std::string& text, LogLevel level);

  transport::Context& context_;
  transport::Connection::Options options_;
  protocol::ClientSession state_;
  Events events_;
  std::unique_ptr<transport::Connection> connection_;
  std::deque<std::vector<std::string>> outbox_;  ///< numbered, not yet taken by the socket
  std::string last_logged_;
};

}  // namespace escape::agent
