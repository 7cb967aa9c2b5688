#include <algorithm>

#include "controller/core/engine.h"

namespace escape::controller {
namespace {

/// Output of all running tasks together that may be on its way to us: what a flood of it costs in memory.
constexpr std::uint64_t output_under_way = 64 << 20;

}  // namespace

/// What one agent's heartbeat must be for the whole fleet to stay within its beats per second. The fleet is who is
/// connected and who is expected back.
Millis Core::Impl::pace() const {
  const auto fleet = static_cast<std::int64_t>(sessions.size() + awaited.size());
  const std::int64_t beats = std::max(settings.fleet_beats_per_second, 1);
  return std::max(settings.heartbeat, Millis{(fleet * 1000 + beats - 1) / beats});
}

/// The pace, told to an agent now. Until it is heard again it may still beat at the one before: the longer of the two
/// is what its silence is measured by.
Millis Core::Impl::tell_pace(const AgentId& agent) {
  Presence& here = presence[agent];
  const Millis now_told = pace();
  here.beat = std::max(here.told, now_told);
  here.told = now_told;
  return now_told;
}

/// Whoever was connected when the last life ended is expected back: a controller that was away must not call anybody
/// lost for it.
void Core::Impl::await_fleet() {
  for (const auto& [name, agent] : rows.state().agents) {
    if (!agent.is_connected) continue;
    awaited.insert(name);
    Presence& here = presence[name];
    here.liveness = "suspect";
    here.seen = agent.last_seen;
    timers.set({TimerKind::liveness, name, {}}, now.steady + settings.return_lease);
  }
}

/// This process was stopped or stuck: that nobody was heard meanwhile says nothing about them.
void Core::Impl::on_input(const input::Resumed&) {
  for (auto& [name, here] : presence) {
    if (here.session == 0 || here.liveness == "offline") continue;
    here.heard = now.steady;
    timers.set({TimerKind::liveness, name, {}}, now.steady + suspect_after(here));
  }
}

/// What one task's output may have under way: its share of what all together may, in whole chunks.
std::uint64_t Core::Impl::output_credit() const {
  const std::uint64_t share = output_under_way / std::max<std::uint64_t>(rows.state().jobs.size(), 1);
  return std::clamp<std::uint64_t>(share, protocol::max_output_chunk, protocol::default_credit);
}

void Core::Impl::acknowledge(SessionId session, TaskId id, Attempt attempt, std::uint64_t offset) {
  send(session, protocol::OutputAck{.task = id, .attempt = attempt, .offset = offset, .credit = output_credit()});
}

Micros Core::Impl::suspect_after(const Presence& here) const { return here.beat + here.beat / 2; }
Micros Core::Impl::lost_after(const Presence& here) const { return here.beat * std::max(settings.missed_beats, 2); }

}  // namespace escape::controller
