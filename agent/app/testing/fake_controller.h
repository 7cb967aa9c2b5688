#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/messages/agent.h"
#include "protocol/messages/envelope.h"
#include "protocol/transport/transport.h"
#include "shared/base/time.h"

namespace escape::agent {

/// For tests: the controller's end of an agent's session, message by message.
class FakeController {
 public:
  FakeController(std::unique_ptr<transport::Listener> listener, transport::Gatekeeper* gatekeeper = nullptr)
      : listener_(std::move(listener)), gatekeeper_(gatekeeper) {
    poller_.add(*listener_);
    if (gatekeeper_) poller_.add(*gatekeeper_);
  }

  /// The next message of that kind; others are skipped. Fails the test after half a minute.
  template <class Message>
  Message wait_for() {
    const Instant until = patience_ends();
    while (std::optional<protocol::FromAgent> message = find_next(until)) {
      if (auto* wanted = std::get_if<Message>(&*message)) return std::move(*wanted);
    }
    ADD_FAILURE() << "the agent did not say it";
    return {};
  }
  /// The next message of any kind. Fails the test after half a minute.
  protocol::FromAgent next() {
    std::optional<protocol::FromAgent> message = find_next(patience_ends());
    if (message) return std::move(*message);
    ADD_FAILURE() << "the agent says nothing";
    return protocol::Bye{};
  }

  void send(const protocol::ToAgent& message) {
    const protocol::TypedBody typed = protocol::encode(message);
    const protocol::Header header{instance, epoch, session_, ++sent_, 0};
    EXPECT_EQ(listener_->send(peer_, protocol::to_frames({header, typed.type, typed.body})),
              transport::SendOutcome::sent);
  }

  int port() const { return listener_->port(); }

  std::string instance = std::string(16, 'i');
  Epoch epoch = 1;

 private:
  static Instant patience_ends() { return read_clocks().steady + Micros{30'000'000}; }
  std::optional<protocol::FromAgent> find_next(Instant until) {
    while (read_clocks().steady < until) {
      if (gatekeeper_) gatekeeper_->serve();
      if (std::optional<transport::Received> received = listener_->receive()) {
        peer_ = received->peer;
        const protocol::Envelope envelope = protocol::from_frames(received->frames).value();
        if (envelope.header.session != session_) {
          session_ = envelope.header.session;
          sent_ = 0;
        }
        return protocol::decode_from_agent(envelope.type, envelope.body).value();
      }
      poller_.wait(Millis{1000});
    }
    return std::nullopt;
  }

  std::unique_ptr<transport::Listener> listener_;
  transport::Gatekeeper* gatekeeper_;
  transport::Poller poller_;
  transport::Peer peer_;
  std::string session_;
  std::uint64_t sent_ = 0;
};

}  // namespace escape::agent
