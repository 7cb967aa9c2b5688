#include <algorithm>

#include "controller/cli/remote_link.h"
#include "protocol/messages/describe.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"

namespace escape::cli {
namespace {

using transport::Connection;

constexpr int replayed_at_once = 1000;
// Without a stream (embedded, or its port is closed) the log is asked this often.
constexpr Millis poll_interval{1'000};
constexpr Millis look_up_interval{50};

std::optional<EventSequence> sequence_of(const std::string& frame) {
  if (frame.size() != 8) return std::nullopt;
  EventSequence sequence = 0;
  for (const char byte : frame) sequence = sequence << 8 | static_cast<unsigned char>(byte);
  return sequence;
}

std::string events_endpoint(const std::string& clients_endpoint, int port) {
  return clients_endpoint.substr(0, clients_endpoint.rfind(':')) + ":" + std::to_string(port);
}

/// Delivers each event once, in order: what comes twice is dropped, and what is missing shows as a number above `next`.
class Delivery {
 public:
  Delivery(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event)
      : next_(since + 1), on_event_(on_event) {}
  EventSequence next() const { return next_; }
  bool wants_more() const { return wants_more_; }
  void skip_to(EventSequence sequence) { next_ = std::max(next_, sequence); }
  /// False when events before this one are missing.
  bool take(const protocol::EventView& event) {
    if (event.sequence < next_ || !wants_more_) return true;
    if (event.sequence > next_) return false;
    ++next_;
    wants_more_ = on_event_(event);
    return true;
  }

 private:
  EventSequence next_;
  const std::function<bool(const protocol::EventView&)>& on_event_;
  bool wants_more_ = true;
};

Result<> replay(Link& link, Delivery& delivery, const std::function<bool()>& interrupted) {
  while (delivery.wants_more() && !interrupted()) {
    TRY(protocol::Reply reply, link.call(protocol::request::ListEvents{delivery.next() - 1, replayed_at_once, false}));
    auto* events = std::get_if<protocol::reply::Events>(&reply);
    if (!events) return fail(ErrorKind::internal, "the controller did not answer with events");
    delivery.skip_to(events->first_available);
    for (const protocol::EventView& event : events->events) {
      delivery.skip_to(event.sequence);  // what the log itself leaves out is gone for good
      delivery.take(event);
    }
    if (events->events.empty() || delivery.next() > events->newest) return ok();
  }
  return ok();
}

/// The live side: what the stream said, or that a replay is due.
enum class Heard { nothing, events, gap };

Heard listen(Connection& stream, Delivery& delivery) {
  Heard heard = Heard::nothing;
  while (delivery.wants_more()) {
    const std::optional<std::vector<std::string>> frames = stream.receive();
    if (!frames) return heard;
    if (frames->size() < 2) continue;
    const std::optional<EventSequence> sequence = sequence_of((*frames)[1]);
    if (!sequence) continue;
    if (frames->front() == "beacon") {
      if (*sequence >= delivery.next()) return Heard::gap;
      continue;
    }
    if (*sequence < delivery.next()) continue;
    Result<Value> body = frames->size() < 5 ? Result<Value>(fail(ErrorKind::bad_data, "no event frame"))
                                            : codec::from_msgpack((*frames)[4]);
    if (!body) return Heard::gap;  // of another version: the log tells it too
    Result<protocol::EventView> event = codec::decode<protocol::EventView>(body.value());
    if (!event || !delivery.take(event.value())) return Heard::gap;
    heard = Heard::events;
  }
  return heard;
}

}  // namespace

Result<> RemoteLink::follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                                   const std::function<bool()>& interrupted) {
  Delivery delivery(since, on_event);
  TRY(const protocol::Reply greeting, greet());
  const auto* hello = std::get_if<protocol::reply::Hello>(&greeting);
  const int port = hello ? hello->events_port : 0;
  Connection::Options where = options_.connection;
  where.endpoint = events_endpoint(where.endpoint, port);

  std::unique_ptr<Connection> stream;
  const auto close_stream = [&] {
    if (stream) poller_.remove(*stream);
    stream.reset();
  };
  Instant open_again{};
  Instant ask_again{};
  bool was_ready = false;
  Result<> outcome = ok();
  while (outcome && delivery.wants_more() && !interrupted()) {
    const Instant now = read_clocks().steady;
    if (!stream && port != 0 && now >= open_again) {
      Result<std::unique_ptr<Connection>> opened = Connection::subscriber(context_, where, {""});
      if (!opened) {
        outcome = fail(std::move(opened).error());
        break;
      }
      stream = std::move(opened).value();
      poller_.add(*stream);
      was_ready = false;
      open_again = now + poll_interval;
    }
    const Connection::State state = stream ? stream->state() : Connection::State::lost;
    const bool is_ready = state == Connection::State::ready;
    // What was said before the subscription took effect is in the log; later gaps show by number or by beacon.
    const bool has_just_joined = is_ready && !was_ready;
    was_ready = is_ready;
    const Heard heard = stream ? listen(*stream, delivery) : Heard::nothing;
    if (heard == Heard::gap || has_just_joined || (!is_ready && now >= ask_again)) {
      outcome = replay(*this, delivery, interrupted);
      ask_again = read_clocks().steady + poll_interval;
    }
    if (state == Connection::State::lost || state == Connection::State::refused) close_stream();
    if (outcome && delivery.wants_more() && heard != Heard::events) outcome = turn(look_up_interval);
  }
  close_stream();
  return outcome;
}

}  // namespace escape::cli
