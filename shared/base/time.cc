#include "shared/base/time.h"

#include <fmt/core.h>
#include <time.h>

#include <array>

namespace escape {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t seconds_per_day = 86'400;
// No duration that a person writes is longer, and nothing that is computed with it can overflow (about 31 years).
constexpr std::int64_t max_duration_ms = 1'000'000'000'000;

std::int64_t micros_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * micros_per_second + now.tv_nsec / 1000;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes apart a text from the left; after the first mismatch everything fails.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  /// Exactly `digits` digits.
  int number(int digits) {
    int value = 0;
    for (int i = 0; i < digits; ++i) {
      if (rest_.empty() || !is_digit(rest_.front())) return failed();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }
  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) failed();
  }
  bool at_digit() const { return !rest_.empty() && is_digit(rest_.front()); }
  bool is_done() const { return ok_ && rest_.empty(); }
  int failed() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// Zero to nine digits after the point, cut to microseconds.
std::int64_t read_fraction(Cursor& cursor) {
  if (!cursor.accept('.')) return 0;
  std::int64_t micros = 0;
  std::int64_t scale = micros_per_second / 10;
  int digits = 0;
  while (cursor.at_digit()) {
    micros += cursor.number(1) * scale;
    scale /= 10;
    ++digits;
  }
  if (digits == 0 || digits > 9) cursor.failed();
  return micros;
}

/// Seconds east of UTC.
std::int64_t read_offset(Cursor& cursor) {
  if (cursor.accept('Z') || cursor.accept('z')) return 0;
  const bool is_west = cursor.accept('-');
  if (!is_west) cursor.expect('+');
  const std::int64_t hours = cursor.number(2);
  cursor.expect(':');
  const std::int64_t minutes = cursor.number(2);
  if (hours > 23 || minutes > 59) cursor.failed();
  const std::int64_t seconds = hours * 3600 + minutes * 60;
  return is_west ? -seconds : seconds;
}

struct Unit {
  std::string_view name;
  std::int64_t millis;
};
constexpr std::array units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};

/// 0 for an unknown unit.
std::int64_t millis_of_unit(std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.millis;
  }
  return 0;
}

/// Removes the front of `text` for which `belongs` holds and returns it.
std::string_view take_while(std::string_view& text, bool (*belongs)(char)) {
  std::size_t length = 0;
  while (length < text.size() && belongs(text[length])) ++length;
  const std::string_view front = text.substr(0, length);
  text.remove_prefix(length);
  return front;
}

}  // namespace

Now read_clocks() { return {Timestamp{micros_of(CLOCK_REALTIME)}, Instant{micros_of(CLOCK_BOOTTIME)}}; }

std::string to_rfc3339(Timestamp when) {
  using namespace std::chrono;
  const sys_time<microseconds> moment{microseconds{when.micros}};
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss time{moment - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  Cursor cursor(text);
  const year year{cursor.number(4)};
  cursor.expect('-');
  const month month{static_cast<unsigned>(cursor.number(2))};
  cursor.expect('-');
  const day day{static_cast<unsigned>(cursor.number(2))};
  if (!cursor.accept('T') && !cursor.accept('t')) cursor.expect(' ');
  const std::int64_t hours = cursor.number(2);
  cursor.expect(':');
  const std::int64_t minutes = cursor.number(2);
  cursor.expect(':');
  const std::int64_t seconds = cursor.number(2);
  const std::int64_t micros = read_fraction(cursor);
  const std::int64_t offset = read_offset(cursor);
  const year_month_day date{year, month, day};
  // 60 is a leap second: the first moment of the next minute, as every system clock has it.
  if (!cursor.is_done() || !date.ok() || hours > 23 || minutes > 59 || seconds > 60) {
    return fail(ErrorKind::bad_data, fmt::format("'{}' is not a time", text),
                "Write it like 2026-11-23T10:20:30Z or 2026-11-23T10:20:30.5+01:00.");
  }
  const std::int64_t days_since_1970 = sys_days{date}.time_since_epoch().count();
  const std::int64_t total = days_since_1970 * seconds_per_day + hours * 3600 + minutes * 60 + seconds - offset;
  return Timestamp{total * micros_per_second + micros};
}

Result<Millis> parse_duration(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::bad_data, fmt::format("'{}' is not a duration: {}", text, why),
                "Write numbers with units h, m, s or ms, like 90s or 1h30m.");
  };
  if (text.empty()) return refuse("it is empty");
  std::int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view digits = take_while(rest, is_digit);
    const std::string_view unit = take_while(rest, [](char c) { return !is_digit(c); });
    if (digits.empty()) return refuse("a number is missing");
    if (unit.empty()) return refuse("a unit is missing");
    const std::int64_t scale = millis_of_unit(unit);
    if (scale == 0) return refuse(fmt::format("'{}' is not a unit", unit));
    std::int64_t count = 0;
    for (const char digit : digits) {
      count = count * 10 + (digit - '0');
      if (count > max_duration_ms) return refuse("it is too long");
    }
    if (count > (max_duration_ms - total) / scale) return refuse("it is too long");
    total += count * scale;
  }
  return Millis{total};
}

std::string to_short_text(Micros duration) {
  const std::int64_t micros = duration.count();
  if (micros < 0) return "-" + to_short_text(Micros{-micros});
  const std::int64_t seconds = micros / micros_per_second;
  if (micros < 1000) return fmt::format("{}us", micros);
  if (seconds < 1) return fmt::format("{}ms", micros / 1000);
  if (seconds < 10) return fmt::format("{}.{}s", seconds, micros / 100'000 % 10);
  if (seconds < 60) return fmt::format("{}s", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10 && seconds % 60 != 0) return fmt::format("{}m{}s", minutes, seconds % 60);
  if (minutes < 60) return fmt::format("{}m", minutes);
  const std::int64_t hours = minutes / 60;
  if (hours < 48) return minutes % 60 == 0 ? fmt::format("{}h", hours) : fmt::format("{}h{}m", hours, minutes % 60);
  return fmt::format("{}d", hours / 24);
}

}  // namespace escape
