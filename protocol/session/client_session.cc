#include "protocol/session/client_session.h"

#include <algorithm>
#include <limits>

#include "shared/base/mutant.h"

namespace escape::protocol {
namespace {

/// A controller's Welcome cannot make us ping without a pause or wait for ever.
constexpr Millis shortest_heartbeat{10};
constexpr Millis longest_heartbeat{3'600'000};
constexpr int most_missed_beats = 100;

constexpr Instant never{std::numeric_limits<std::int64_t>::max()};

/// A controller that says "later" cannot mean next week.
constexpr Millis longest_busy{600'000};

Micros scaled(Micros duration, double by) {
  return Micros{static_cast<std::int64_t>(static_cast<double>(duration.count()) * std::clamp(by, 0.0, 1.0))};
}

Micros retry_delay(const ClientSession::Limits& limits, int failures, double jitter) {
  Micros ceiling = limits.first_retry;
  for (int doubled = 0; doubled < failures && ceiling < limits.max_retry; ++doubled) ceiling *= 2;
  return scaled(std::min<Micros>(ceiling, limits.max_retry), jitter);
}

bool is_zeros(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

}  // namespace

ClientSession::Action ClientSession::next(Instant now, double jitter) {
  if (state_ == State::waiting && !is_connecting_) {
    if (now < wake_at_) return Action::none;
    is_connecting_ = true;
    wake_at_ = now + limits_.greeting_limit;
    return Action::connect;
  }
  if (state_ == State::greeting && !hello_sent_) {
    hello_sent_ = true;
    wake_at_ = now + limits_.greeting_limit;
    return Action::send_hello;
  }
  if (state_ != State::open) {
    if (now < wake_at_) return Action::none;
    on_lost(now, jitter);
    return Action::close;
  }
  if (now >= last_heard_ + heartbeat_ * missed_beats_) {
    on_lost(now, jitter);
    return Action::close;
  }
  // Silence of ours is broken for the other side's sake; silence of theirs is questioned for ours, once per beat.
  const bool ping_due =
      now >= last_sent_ + heartbeat_ || now >= std::max(last_heard_, last_ping_) + heartbeat_ || now >= first_ping_;
  if (ping_due) {
    last_ping_ = last_sent_ = now;
    first_ping_ = never;
  }
  arm();
  return ping_due ? Action::send_ping : Action::none;
}

void ClientSession::on_connected(Instant now) {
  if (!is_connecting_) return;
  is_connecting_ = false;
  state_ = State::greeting;
  hello_sent_ = false;
  wake_at_ = now;
}

void ClientSession::on_lost(Instant now, double jitter) {
  if (state_ == State::waiting && !is_connecting_) return;
  state_ = State::waiting;
  is_connecting_ = false;
  hello_sent_ = false;
  wake_at_ = now + retry_delay(limits_, failures_, jitter);
  ++failures_;
}

void ClientSession::on_busy(Instant now, Millis retry_after, double jitter) {
  if (state_ == State::waiting && !is_connecting_) return;
  on_lost(now, jitter);
  wake_at_ = wake_at_ + std::clamp(retry_after, Millis{0}, longest_busy);
}

void ClientSession::on_pace(Millis heartbeat) {
  if (state_ != State::open || heartbeat <= Millis{0}) return;
  heartbeat_ = std::clamp(heartbeat, shortest_heartbeat, longest_heartbeat);
  arm();
}

void ClientSession::on_traffic(Instant now) {
  last_heard_ = now;
  if (state_ == State::open) arm();
}

void ClientSession::on_sent(Instant now) {
  last_sent_ = now;
  if (state_ == State::open) arm();
}

void ClientSession::on_welcome(Instant now, Millis heartbeat, int missed_beats, std::string_view instance, Epoch epoch,
                               double first_beat) {
  if (state_ != State::greeting) return;
  state_ = State::open;
  failures_ = 0;
  heartbeat_ = std::clamp(heartbeat, shortest_heartbeat, longest_heartbeat);
  missed_beats_ = std::clamp(missed_beats, 1, most_missed_beats);
  remember(std::string(instance), epoch);
  last_heard_ = last_sent_ = last_ping_ = now;
  first_ping_ = first_beat < 1.0 ? now + scaled(heartbeat_, first_beat) : never;
  arm();
}

void ClientSession::arm() {
  wake_at_ = std::min({last_heard_ + heartbeat_ * missed_beats_, last_sent_ + heartbeat_, first_ping_,
                       std::max(last_heard_, last_ping_) + heartbeat_});
}

Header ClientSession::next_header() { return Header{instance_, epoch_, session_, ++sent_, 0}; }

std::string ClientSession::check(const Header& header) {
  if (header.session != session_) return "it belongs to another session";
  const bool knows_instance = !instance_.empty() && !is_zeros(instance_);
  if (knows_instance && header.instance != instance_) return "it comes from another controller than before";
  if (knows_instance && header.epoch < epoch_ && !is_mutant("accept_a_lower_epoch")) {
    return "it comes from an older life of the controller (epoch " + std::to_string(header.epoch) + ", seen " +
           std::to_string(epoch_) + ")";
  }
  if (state_ == State::open && header.epoch != epoch_) return "the controller has restarted since the session began";
  if (header.sequence == unnumbered) return {};
  if (header.sequence <= received_) return "message " + std::to_string(header.sequence) + " came before";
  if (header.sequence != received_ + 1) {
    return "message " + std::to_string(header.sequence) + " came where " + std::to_string(received_ + 1) + " was due";
  }
  received_ = header.sequence;
  return {};
}

void ClientSession::begin(std::string session_id) {
  session_ = std::move(session_id);
  sent_ = 0;
  received_ = 0;
}

void ClientSession::remember(std::string instance, Epoch epoch) {
  instance_ = std::move(instance);
  epoch_ = epoch;
}

}  // namespace escape::protocol
