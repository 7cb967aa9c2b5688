#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/messages/envelope.h"
#include "shared/base/ids.h"
#include "shared/base/time.h"

/// The connecting side of a session, agents' and clients' alike: when to connect, greet, ping, give up and try again.
/// Pure: no socket, no clock, no random source (jitter comes in as a number).
namespace escape::protocol {

/// Sequence of a Refused that is sent where no session is open, and so none numbers it.
inline constexpr std::uint64_t unnumbered = 0;

class ClientSession {
 public:
  /// waiting: no session (before the first connect, between tries, and until the transport is up). greeting: Hello is
  /// due or unanswered. open: welcomed.
  enum class State { waiting, greeting, open };
  /// What the shell does. connect: open a connection and `begin`. close: drop the connection; the session has already
  /// taken that for a loss, so `on_lost` is not needed (and does nothing).
  enum class Action { none, connect, send_hello, send_ping, close };

  struct Limits {
    Millis first_retry{1'000};  ///< full jitter: uniform(0, min(max_retry, first_retry * 2^n)), n failures so far
    Millis max_retry{60'000};
    Millis greeting_limit{10'000};  ///< a connect, or a Hello without Welcome, for this long: close and try again
    Millis heartbeat{10'000};       ///< until Welcome says otherwise
    int missed_beats = 3;
  };
  explicit ClientSession(Limits limits)
      : limits_(limits), heartbeat_(limits.heartbeat), missed_beats_(limits.missed_beats) {}

  /// What to do now. `jitter` in [0, 1). Call after every event and when `wake_at` has come, again and again until it
  /// says none.
  Action next(Instant now, double jitter);
  /// When to call `next` at the latest. The first connect is due at once.
  Instant wake_at() const { return wake_at_; }

  void on_connected(Instant now);            ///< the transport is up
  void on_lost(Instant now, double jitter);  ///< transport down or refused; repeating it does nothing
  /// The other side has too much to do just now: as `on_lost`, but come back no sooner than `retry_after`, and the
  /// jitter on top, so that those who heard the same do not come back as one.
  void on_busy(Instant now, Millis retry_after, double jitter);
  void on_traffic(Instant now);  ///< any message of the other side
  /// Opens the session and takes instance and epoch as `remember` does. Ignored unless greeting. The first ping is due
  /// after `first_beat` of a heartbeat (below 1; 1: after a silence as any other): a fleet that was welcomed within a
  /// second must not beat as one for ever.
  void on_welcome(Instant now, Millis heartbeat, int missed_beats, std::string_view instance, Epoch epoch,
                  double first_beat = 1.0);
  /// A new pace in the open session; zero is as before.
  void on_pace(Millis heartbeat);
  void on_sent(Instant now);

  State state() const { return state_; }
  /// Header for the next outgoing message; numbers it.
  Header next_header();
  /// Whether an incoming header belongs to this session and is the next one, which it then counts. A lower epoch,
  /// another instance, a repeated sequence or a gap is refused with a reason (the shell calls `on_lost` and greets
  /// anew); empty = fine. `unnumbered` is let through: only Refused may carry it.
  std::string check(const Header& header);
  /// Called with 16 fresh random bytes when a connection is opened.
  void begin(std::string session_id);
  /// What this peer has seen of a controller before: the agent persists it.
  void remember(std::string instance, Epoch epoch);
  const std::string& instance() const { return instance_; }
  Epoch epoch() const { return epoch_; }

 private:
  void arm();

  Limits limits_;
  Millis heartbeat_;  ///< of the controller, once it has said so
  int missed_beats_;
  State state_ = State::waiting;
  bool is_connecting_ = false;  ///< `connect` was said and the transport is not up yet
  bool hello_sent_ = false;
  int failures_ = 0;  ///< tries since the last Welcome: counted per session, as a connect alone proves nothing
  Instant wake_at_{};
  Instant last_heard_{};
  Instant last_sent_{};
  Instant last_ping_{};
  Instant first_ping_{};  ///< due then at the latest, whatever the pace
  std::string session_;
  std::uint64_t sent_ = 0;  ///< sequence of the last message each way
  std::uint64_t received_ = 0;
  std::string instance_;  ///< empty: none seen yet
  Epoch epoch_ = 0;
};

}  // namespace escape::protocol
