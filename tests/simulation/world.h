#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/time.h"
#include "tests/simulation/random.h"

namespace escape::simulation {

using namespace std::chrono_literals;

/// Time, what will happen, what has happened, and the first promise that was broken. Nothing else in a simulation may
/// depend on anything but this and the seed.
class World {
 public:
  World(std::uint64_t seed, bool keeps_trace) : seed_(seed), keeps_trace_(keeps_trace) {}

  using Action = std::function<void()>;
  void after(Micros delay, Action action);
  /// Runs what is due until `end`, or until a promise is broken.
  void run_until(Instant end);
  Instant now() const { return now_; }

  /// A random stream of its own for each purpose: what one of them draws does not change the others.
  Random stream(std::string_view purpose, std::uint64_t number = 0) const {
    return Random(hash_of(purpose, seed_, number));
  }
  std::uint64_t seed() const { return seed_; }

  /// One thing that happened. All of it goes into the trace hash; `details` (a function that gives a text) only into
  /// the trace for people.
  void note(std::string_view who, std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0,
            std::uint64_t c = 0) {
    mix(who, what, a, b, c);
    if (keeps_trace_) write_line(who, what, numbers(a, b, c));
  }
  template <std::invocable Details>
  void note(std::string_view who, std::string_view what, const Details& details, std::uint64_t a = 0,
            std::uint64_t b = 0, std::uint64_t c = 0) {
    mix(who, what, a, b, c);
    if (keeps_trace_) write_line(who, what, details());
  }

  /// A promise is broken. The first one counts.
  void fail(std::string_view checker, std::string what);
  const std::optional<std::string>& failure() const { return failure_; }
  /// The rule of it: what a shrunk run must break again.
  const std::string& broken_rule() const { return broken_rule_; }

  std::uint64_t trace_hash() const { return hash_.value(); }
  const std::vector<std::string>& trace() const { return lines_; }
  std::uint64_t events() const { return order_; }

 private:
  struct Scheduled {
    Instant at;
    std::uint64_t order;
    Action action;
    bool operator<(const Scheduled& other) const {
      return at != other.at ? at > other.at : order > other.order;  // the heap's top is the earliest
    }
  };
  void mix(std::string_view who, std::string_view what, std::uint64_t a, std::uint64_t b, std::uint64_t c);
  void write_line(std::string_view who, std::string_view what, const std::string& details);
  static std::string numbers(std::uint64_t a, std::uint64_t b, std::uint64_t c);

  std::uint64_t seed_;
  bool keeps_trace_;
  Instant now_{1'000'000};
  std::uint64_t order_ = 0;
  std::vector<Scheduled> heap_;
  Hash hash_;
  std::vector<std::string> lines_;
  std::optional<std::string> failure_;
  std::string broken_rule_;
};

/// The one next deadline of somebody: setting it again moves it, so that deadlines do not pile up.
class Alarm {
 public:
  void set(World& world, Instant at, World::Action action) {
    at = std::max(at, world.now());
    if (is_set_ && at_ == at) return;
    at_ = at;
    is_set_ = true;
    const std::uint64_t number = ++number_;
    world.after(at - world.now(), [this, number, action = std::move(action)] {
      if (number != number_) return;
      is_set_ = false;
      action();
    });
  }
  void clear() {
    ++number_;
    is_set_ = false;
  }

 private:
  Instant at_{};
  bool is_set_ = false;
  std::uint64_t number_ = 0;
};

/// A machine's two clocks.
struct Clock {
  const World* world = nullptr;
  Micros wall_offset{0};  ///< jumps
  Now read() const {
    constexpr std::int64_t wall_at_start = 1'800'000'000'000'000;
    return {Timestamp{wall_at_start + world->now().micros} + wall_offset, world->now()};
  }
};

}  // namespace escape::simulation
