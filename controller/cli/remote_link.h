#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "controller/cli/wiring.h"
#include "protocol/messages/client.h"
#include "protocol/session/client_session.h"
#include "protocol/transport/transport.h"
#include "shared/base/time.h"

namespace escape::cli {

/// A controller at the other end of a socket: tcp with keys, or inproc without (the embedded form).
///
/// Connects when first asked, greets, and reconnects with back-off whenever the session is lost; a request is repeated
/// under its id until it is answered, so it is carried out once. Only time without any session counts against
/// `patience`.
///
/// Thread: one.  Errors: unreachable; no_permission when the controller doesn't know our key; usage for a request that
/// is larger than a message may be.
class RemoteLink : public Link {
 public:
  struct Options {
    transport::Connection::Options connection;
    Millis patience{10'000};
    /// A job is followed across a restart of the controller, which may take longer than a person waits for a list.
    Millis patience_while_following{60'000};
    /// First message of every session. Enrol under an invitation's key; else a greeting.
    protocol::Request greeting = protocol::request::Hello{ESCAPE_VERSION};
    protocol::ClientSession::Limits limits{
        .first_retry = Millis{200}, .max_retry = Millis{2'000}, .greeting_limit = Millis{5'000}};
  };

  /// Doesn't wait for the controller. Error: bad_configuration for an unusable address or key.
  static Result<std::unique_ptr<RemoteLink>> open(transport::Context& context,
                                                  transport::Connection::Options connection);
  static Result<std::unique_ptr<RemoteLink>> open(transport::Context& context, Options options);
  ~RemoteLink() override;

  Result<protocol::Reply> call(protocol::Request request) override;
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override;
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override;

  /// The answer to the greeting, from a session that is made if there is none.
  Result<protocol::Reply> greet();

 private:
  RemoteLink(transport::Context& context, Options options);

  /// One round: whatever the session wants, then what has arrived within `at_most`.
  Result<> turn(Millis at_most);
  Result<> connect();
  void drop(std::string why);
  Result<> take(std::vector<std::string> frames);
  Result<> take_reply(protocol::ClientReply reply, const protocol::Header& header);
  Result<> take_greeting(const protocol::Reply& reply, const protocol::Header& header);
  bool send(const protocol::FromClient& message);
  /// Fails once nobody has answered for `patience`.
  Result<> check_patience(Millis patience) const;
  Error unreachable(Millis patience) const;
  Error unknown_key() const;
  Error for_agents() const;
  bool is_open() const { return session_.state() == protocol::ClientSession::State::open; }

  transport::Context& context_;
  Options options_;
  protocol::ClientSession session_;
  std::unique_ptr<transport::Connection> connection_;
  transport::Poller poller_;
  std::string greeting_id_;  ///< one for all sessions, so that an Enrol is carried out once
  std::optional<protocol::Reply> greeting_reply_;
  std::uint64_t session_count_ = 0;            ///< sessions opened so far: tells whether a request must be sent again
  std::optional<Instant> alone_since_;         ///< when the last session ended, or the first was wanted
  std::string last_reason_;                    ///< why the last session ended
  std::deque<protocol::ClientReply> replies_;  ///< arrived and not yet looked at
};

}  // namespace escape::cli
