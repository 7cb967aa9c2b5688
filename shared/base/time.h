#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape {

using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;

/// A moment of the wall clock, UTC, microseconds since 1970. For records and people; decisions about liveness never use
/// it.
struct Timestamp {
  std::int64_t micros = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
  friend Timestamp operator+(Timestamp t, Micros d) { return {t.micros + d.count()}; }
  friend Micros operator-(Timestamp a, Timestamp b) { return Micros{a.micros - b.micros}; }
  bool is_set() const { return micros != 0; }
};

/// A moment of this machine's steady clock (CLOCK_BOOTTIME), microseconds since boot. Never stored, never sent.
struct Instant {
  std::int64_t micros = 0;
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant t, Micros d) { return {t.micros + d.count()}; }
  friend Micros operator-(Instant a, Instant b) { return Micros{a.micros - b.micros}; }
};

/// What a core is told about time with every event.
struct Now {
  Timestamp wall;
  Instant steady;
};

/// Reads both clocks. Only shells call it.
Now read_clocks();

/// "2026-11-23T10:20:30.123456Z".
std::string to_rfc3339(Timestamp when);
/// Reads what `to_rfc3339` writes, with zero to nine digits of fraction and `Z` or an offset.
Result<Timestamp> parse_rfc3339(std::string_view text);

/// "1h30m", "90s", "250ms" (units h, m, s, ms; at least one number with a unit).
Result<Millis> parse_duration(std::string_view text);
/// "12m", "3.2s", "140ms": short, for people.
std::string to_short_text(Micros duration);

}  // namespace escape
