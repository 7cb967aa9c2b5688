// The connecting side of a session, driven as agent/app/session.cc drives it, while the clock, the transport and
// everything that the other side says come from the input. It must never spin, sleep for ever, send outside a session,
// take a message twice or out of order, or obey an older life of its controller.
#include <optional>
#include <variant>

#include "protocol/messages/agent.h"
#include "protocol/session/client_session.h"
#include "shared/base/check.h"
#include "tests/fuzz/input.h"

namespace escape::protocol {
namespace {

using Action = ClientSession::Action;
using State = ClientSession::State;

class World {
 public:
  explicit World(fuzz::Input& input) : input_(input) { settle(); }

  void step() {
    switch (input_.below(8)) {
      case 0:
        now_ = now_ + Micros{static_cast<std::int64_t>(input_.number(2)) * 1'000};
        break;
      case 1:
        now_ = session_.wake_at() < now_ ? now_ : session_.wake_at();
        break;
      case 2:
        session_.on_connected(now_);
        break;
      case 3:
        session_.on_lost(now_, jitter());
        break;
      case 4:
        if (session_.state() == State::open) send();
        break;
      case 5:
        hear(likely_header(), any_message());
        break;
      case 6:
        hear_frames();
        break;
      case 7:
        now_ = now_ + Micros{static_cast<std::int64_t>(input_.number(4)) * 1'000};
        break;
    }
    settle();
  }

 private:
  double jitter() { return input_.byte() / 256.0; }

  /// Does what the session wants until it wants nothing; what it wants then is to be woken later than now.
  void settle() {
    for (int turns = 0;; ++turns) {
      CHECK(turns < 8);
      const bool was_greeting = session_.state() == State::greeting;
      switch (session_.next(now_, jitter())) {
        case Action::none:
          CHECK(session_.wake_at() > now_);
          CHECK(session_.wake_at() - now_ <= longest_sleep);
          return;
        case Action::connect:
          CHECK(session_.state() == State::waiting);
          session_.begin(std::string(15, 's') + static_cast<char>(++sessions_));
          sent_ = heard_ = 0;
          greeted_ = false;
          break;
        case Action::send_hello:
          CHECK(was_greeting && !greeted_);
          greeted_ = true;
          send();
          break;
        case Action::send_ping:
          CHECK(session_.state() == State::open);
          send();
          break;
        case Action::close:
          CHECK(session_.state() == State::waiting);
          break;
      }
    }
  }

  void send() {
    const Header header = session_.next_header();
    CHECK(header.sequence == ++sent_);
    CHECK(header.instance == session_.instance() && header.epoch == session_.epoch());
    if (session_.state() == State::open) CHECK(greeted_);
    session_.on_sent(now_);
  }

  /// A header that would be taken, but for what the input changes in it.
  Header likely_header() {
    Header header;
    header.session = std::string(15, 's') + static_cast<char>(sessions_);
    header.instance = session_.instance().empty() ? std::string(16, 'i') : session_.instance();
    header.epoch = session_.epoch() == 0 ? 5 : session_.epoch();
    header.sequence = heard_ + 1;
    const std::uint8_t changes = input_.byte();
    if (changes & 1) header.session[0] = static_cast<char>(input_.byte());
    if (changes & 2) header.instance = std::string(16, static_cast<char>(input_.byte()));
    if (changes & 4) header.epoch = input_.any_number();
    if (changes & 8) header.sequence = input_.any_number();
    return header;
  }

  ToAgent any_message() {
    switch (input_.below(4)) {
      case 0: {
        Welcome welcome;
        welcome.heartbeat = Millis{static_cast<std::int64_t>(input_.any_number())};
        welcome.missed_beats = static_cast<int>(input_.any_number());
        return welcome;
      }
      case 1: {
        Refused refused;
        refused.retry_after = Millis{static_cast<std::int64_t>(input_.any_number())};
        return refused;
      }
      case 2:
        return Pong{Millis{static_cast<std::int64_t>(input_.any_number())}};
      default:
        return Cancel{};
    }
  }

  void hear_frames() {
    const std::vector<std::string> frames{std::string(wire_magic), std::string(input_.line()),
                                          std::string(input_.take(56)), std::string(input_.text())};
    const Result<Envelope> envelope = from_frames(frames);
    if (!envelope) return;
    const Result<ToAgent> message = decode_to_agent(envelope.value().type, envelope.value().body);
    if (message) hear(envelope.value().header, message.value());
  }

  void hear(const Header& header, const ToAgent& message) {
    if (sessions_ == 0) return;
    const std::string instance = session_.instance();
    const Epoch epoch = session_.epoch();
    const bool knows_controller = instance.find_first_not_of('\0') != instance.npos;
    if (!session_.check(header).empty()) {
      session_.on_lost(now_, jitter());
      return;
    }
    if (header.sequence != unnumbered) CHECK(header.sequence == ++heard_);
    CHECK(header.session.back() == static_cast<char>(sessions_));
    if (knows_controller) CHECK(header.instance == instance && header.epoch >= epoch);
    session_.on_traffic(now_);
    obey(header, message);
    if (knows_controller) CHECK(session_.instance() == instance && session_.epoch() >= epoch);
  }

  void obey(const Header& header, const ToAgent& message) {
    if (const auto* refused = std::get_if<Refused>(&message)) {
      session_.on_busy(now_, refused->retry_after, jitter());
      session_.on_lost(now_, jitter());
      CHECK(session_.state() == State::waiting);
    }
    if (const auto* welcome = std::get_if<Welcome>(&message)) {
      const bool was_greeting = session_.state() == State::greeting;
      session_.on_welcome(now_, welcome->heartbeat, welcome->missed_beats, header.instance, header.epoch, jitter());
      if (was_greeting) CHECK(session_.state() == State::open && session_.epoch() == header.epoch);
    }
    if (const auto* pong = std::get_if<Pong>(&message)) session_.on_pace(pong->heartbeat);
  }

  /// The longest heartbeat that a session believes in; every other wait is shorter.
  static constexpr Micros longest_sleep{3'600'000'000};

  fuzz::Input& input_;
  Instant now_{1'000'000'000};
  ClientSession session_{ClientSession::Limits{}};
  unsigned sessions_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t heard_ = 0;
  bool greeted_ = false;
};

}  // namespace
}  // namespace escape::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  escape::protocol::World world(input);
  while (!input.is_empty()) world.step();
  return 0;
}
