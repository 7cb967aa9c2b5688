#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/runner/files.h"
#include "agent/runner/scope.h"
#include "shared/base/time.h"

namespace escape::runner {

/// How a script is ended that does not end by itself: TERM to everything that it started, KILL after the grace, and
/// when something hangs in the kernel so that even that does not help, it is left and named, so that the deployment is
/// free again.
class Ending {
 public:
  /// `scope` must outlive it.
  explicit Ending(const Scope& scope) : scope_(scope) {}

  /// A second call can only bring the KILL forward.
  void begin(RunEnd why, Instant now, Millis grace);
  void keep_deadlines(Instant now);

  std::optional<RunEnd> why() const { return why_; }
  /// It has begun, and nothing more will come of waiting: nothing lives, or KILL was of no use.
  bool is_done(Instant now) const;
  /// KILL was of no use for as long as it makes sense to wait.
  bool has_given_up(Instant now) const;
  /// When to look again; empty before `begin`.
  std::optional<Instant> wake_at(Instant now) const;

 private:
  const Scope& scope_;
  std::optional<RunEnd> why_;
  Instant kill_at_{};
  std::optional<Instant> killed_at_;
};

/// As a result's `left`.
std::vector<std::int64_t> to_numbers(const std::vector<pid_t>& pids);

}  // namespace escape::runner
