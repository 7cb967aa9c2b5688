#include "agent/runner/ending.h"

#include <algorithm>

namespace escape::runner {
namespace {

/// A killed process ends in milliseconds unless it hangs in the kernel (a dead network disk, a broken driver).
constexpr Micros after_kill_limit{10'000'000};
/// How often it is looked at: the end of a group is no event.
constexpr Micros look_interval{50'000};

}  // namespace

void Ending::begin(RunEnd why, Instant now, Millis grace) {
  if (why_) {
    kill_at_ = std::min(kill_at_, now + grace);
    return;
  }
  why_ = why;
  kill_at_ = now + grace;
  scope_.ask_to_end();
}

void Ending::keep_deadlines(Instant now) {
  if (!why_ || killed_at_ || now < kill_at_) return;
  scope_.kill();
  killed_at_ = now;
}

bool Ending::is_done(Instant now) const { return why_ && (has_given_up(now) || !scope_.lives()); }

bool Ending::has_given_up(Instant now) const { return killed_at_ && now >= *killed_at_ + after_kill_limit; }

std::optional<Instant> Ending::wake_at(Instant now) const {
  if (!why_) return std::nullopt;
  const Instant deadline = killed_at_ ? *killed_at_ + after_kill_limit : kill_at_;
  return std::min(deadline, now + look_interval);
}

std::vector<std::int64_t> to_numbers(const std::vector<pid_t>& pids) { return {pids.begin(), pids.end()}; }

}  // namespace escape::runner
