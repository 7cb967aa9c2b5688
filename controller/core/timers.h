#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/time.h"

namespace escape::controller {

enum class TimerKind {
  liveness,  ///< of an agent: has it been silent for too long?
  notice,    ///< of a task that waits for its agent: time to say so
  wait,      ///< of a task whose agent is away: time to stop waiting
  resend,    ///< of an offer or a cancellation: say it again
  look,      ///< of an environment that converges by itself: whether it is as desired
};

/// Which deadline. Agents' timers have no task, tasks' timers no agent, environments' neither.
struct TimerKey {
  TimerKind kind = TimerKind::liveness;
  AgentId agent{};
  TaskId task{};
  std::string environment{};
  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

/// Deadlines by name, on the steady clock; each key has at most one. Not durable: re-derived at start.
class Timers {
 public:
  void set(const TimerKey& key, Instant when) {
    cancel(key);
    due_.emplace(when, key);
    when_.emplace(key, when);
  }
  void cancel(const TimerKey& key) {
    auto found = when_.find(key);
    if (found == when_.end()) return;
    due_.erase({found->second, key});
    when_.erase(found);
  }
  bool contains(const TimerKey& key) const { return when_.contains(key); }
  std::optional<Instant> earliest() const { return due_.empty() ? std::nullopt : std::optional(due_.begin()->first); }
  /// The next key whose time has come, which is then no longer set.
  std::optional<TimerKey> take_due(Instant now) {
    if (due_.empty() || now < due_.begin()->first) return std::nullopt;
    TimerKey key = due_.begin()->second;
    cancel(key);
    return key;
  }

 private:
  std::set<std::pair<Instant, TimerKey>> due_;
  std::map<TimerKey, Instant> when_;
};

}  // namespace escape::controller
