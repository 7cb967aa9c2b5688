#include "agent/core/core.h"

#include <algorithm>
#include <utility>

#include "shared/base/mutant.h"
#include "shared/base/overloaded.h"

namespace escape::agent {

using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

namespace {

/// A repeated acknowledgement means a gap only if nothing was rewound lately; else each duplicate would cause another.
constexpr Micros rewind_pause{1'000'000};

/// A longer limit is none that anybody would see the end of, and it must not overflow.
constexpr Millis longest_limit = std::chrono::hours(24 * 366 * 10);

bool is_unacknowledged(const Held& task) { return task.result_sent || task.sent > task.acked; }

protocol::HeldTask to_held_task(const TaskKey& key, const Held& task) {
  return {key.task, key.attempt, task.phase, task.spooled};
}

}  // namespace

Core::Core(Settings settings, Recovered recovered) : settings_(std::move(settings)) {
  for (const TaskKey& key : recovered.settled) remember_settled(key);
  for (RecoveredTask& found : recovered.tasks) {
    Held task;
    task.phase = found.phase;
    task.spooled = found.output_bytes;
    task.result = std::move(found.result);
    task.offer = std::move(found.offer);
    if (task.result) task.spooled = task.result->output_bytes;
    const TaskKey key = key_of(task.offer);
    held_.emplace(key, std::move(task));
  }
}

Effects Core::on(const Input& input, Now now) {
  Effects effects;
  std::visit(overloaded{
                 [&](const input::Started&) { on_started(); },
                 [&](const input::FromController& from) { on_message(from.message, effects, now); },
                 [&](const input::SessionClosed&) { session_is_open_ = false; },
                 [&](const input::Prepared& prepared) { on_prepared(prepared, effects, now); },
                 [&](const input::OutputGrew& grew) { on_output_grew(grew, effects, now); },
                 [&](const input::Ended& ended) { on_ended(ended, effects, now); },
                 [&](const input::NotKept& not_kept) { on_not_kept(not_kept, effects); },
                 [&](const input::Tick& tick) { on_tick(tick, effects, now); },
             },
             input);
  effects.wake_at = next_deadline();
  return effects;
}

void Core::on_started() {
  for (auto& [key, task] : held_) task.waits_for_welcome = task.phase == AgentTaskPhase::accepted;
}

void Core::on_message(const protocol::ToAgent& message, Effects& effects, Now now) {
  std::visit(overloaded{
                 [&](const protocol::Joined&) { effects.ignored = "already enrolled"; },
                 [&](const protocol::Welcome& welcome) { on_welcome(welcome, effects, now); },
                 [&](const protocol::Refused&) { session_is_open_ = false; },
                 [&](const protocol::Pong&) { effects.ignored = "only a sign of life"; },
                 [&](const protocol::Offer& offer) { on_offer(offer, effects, now); },
                 [&](const protocol::OutputAck& ack) { on_output_ack(ack, effects, now); },
                 [&](const protocol::ResultCommitted& committed) { on_result_committed(committed, effects); },
                 [&](const protocol::Cancel& cancel) { on_cancel(cancel, effects, now); },
             },
             message);
}

void Core::on_welcome(const protocol::Welcome& welcome, Effects& effects, Now now) {
  session_is_open_ = true;
  const auto names = [](const std::vector<TaskId>& list, const TaskId& task) {
    return std::find(list.begin(), list.end(), task) != list.end();
  };
  std::vector<TaskKey> keys;
  keys.reserve(held_.size());
  for (const auto& [key, task] : held_) keys.push_back(key);
  for (const TaskKey& key : keys) {
    Held& task = held_.at(key);
    if (names(welcome.forget, key.task)) {
      // A script that runs is never cut off for a controller that forgot it: it may be half way through a change.
      if (task.phase == AgentTaskPhase::running) {
        task.forget_when_ended = true;
      } else {
        settle(key, effects);
      }
      continue;
    }
    if (is_mutant("forget_before_the_commit") && task.result_sent) {
      settle(key, effects);
      continue;
    }
    task.forget_when_ended = false;
    task.credit = welcome.credit;
    const bool is_cancelled = names(welcome.cancel, key.task);
    if (is_cancelled && task.phase == AgentTaskPhase::accepted) {
      end_unstarted(key, task, effects, now);
      continue;
    }
    if (std::exchange(task.waits_for_welcome, false)) begin_preparation(key, task, effects, now);
    if (is_cancelled && task.phase == AgentTaskPhase::running) effects.stop.push_back({key, protocol::Cancel{}.grace});
    rewind(key, task, effects, now);
  }
}

void Core::on_offer(const protocol::Offer& offer, Effects& effects, Now now) {
  const TaskKey key = key_of(offer);
  if (Held* task = held(key); task && !is_mutant("forget_the_dedupe")) {
    task->forget_when_ended = false;
    effects.messages.push_back(send::Message{key, protocol::Accepted{key.task, key.attempt}});
    if (task->phase == AgentTaskPhase::finished) rewind(key, *task, effects, now);
    effects.ignored = "held already";
    return;
  }
  if (std::string reason = why_declined(offer); !reason.empty()) {
    effects.messages.push_back(send::Message{key, protocol::Declined{key.task, key.attempt, std::move(reason)}});
    return;
  }
  // A later attempt means that the controller has settled the earlier ones; ResultCommitted was lost.
  for (auto earlier = held_.lower_bound({key.task, 0}); earlier != held_.end() && earlier->first < key;) {
    const TaskKey settled = (earlier++)->first;
    settle(settled, effects);
  }
  Held task;
  task.offer = offer;
  task.credit = offer.credit;
  effects.journal.push_back(journal_write::KeepOffer{offer});
  effects.messages.push_back(send::Message{key, protocol::Accepted{key.task, key.attempt}});
  begin_preparation(key, held_.emplace(key, std::move(task)).first->second, effects, now);
}

std::string Core::why_declined(const protocol::Offer& offer) const {
  const TaskKey key = key_of(offer);
  if (settled_.contains(key) && !is_mutant("skip_the_settled_list")) return "already settled";
  const auto same_task = [&](const TaskKey& other) { return other.task == key.task; };
  for (auto other = held_.lower_bound({key.task, 0}); other != held_.end() && same_task(other->first); ++other) {
    if (other->first.attempt > key.attempt) return "attempt " + std::to_string(other->first.attempt) + " is held";
    if (other->second.phase == AgentTaskPhase::running) {
      return "attempt " + std::to_string(other->first.attempt) + " still runs";
    }
  }
  const auto later = settled_.upper_bound(key);
  if (later != settled_.end() && same_task(*later)) return "a later attempt is already settled";
  if (!settings_.is_inproc) {
    const std::string& folder = offer.package.workspace.empty() ? offer.workspace : offer.package.workspace;
    const bool in_workspace = !folder.empty();
    const bool is_workspace_agent = settings_.placement == "workspace";
    if (in_workspace && !is_workspace_agent) return "this agent runs released packages only, not workspaces";
    if (!in_workspace && is_workspace_agent) return "this process runs tasks of its own workspace only";
    if (in_workspace && !settings_.workspace.empty() && folder != settings_.workspace) {
      return "this process runs tasks of the workspace '" + settings_.workspace + "' only";
    }
  }
  return {};
}

void Core::on_output_ack(const protocol::OutputAck& ack, Effects& effects, Now now) {
  const TaskKey key{ack.task, ack.attempt};
  Held* task = held(key);
  if (!task) {
    effects.ignored = "acknowledges output of a task that is not held";
    return;
  }
  const std::uint64_t offset = std::min(ack.offset, task->spooled);
  const bool is_behind = offset < task->acked;
  const bool is_repeat = offset == task->acked && task->sent > offset && now.steady - task->rewound_at >= rewind_pause;
  task->credit = ack.credit;
  if (offset != task->acked) task->resend_at = now.steady + settings_.resend;
  task->acked = offset;
  task->sent = std::max(task->sent, offset);
  if (is_behind || is_repeat) {
    rewind(key, *task, effects, now);
  } else {
    pump(key, *task, effects, now);
  }
}

void Core::on_result_committed(const protocol::ResultCommitted& committed, Effects& effects) {
  const TaskKey key{committed.task, committed.attempt};
  const Held* task = held(key);
  if (!task) {
    effects.ignored = "forgotten already";
  } else if (task->phase != AgentTaskPhase::finished) {
    effects.ignored = "commits the result of a task that has none yet";
  } else {
    settle(key, effects);
  }
}

void Core::on_cancel(const protocol::Cancel& cancel, Effects& effects, Now now) {
  const TaskKey key{cancel.task, cancel.attempt};
  Held* task = held(key);
  if (!task) {
    // The offer never came, or its end is known. Settling the id makes the answer true for ever: a late offer is not
    // run.
    if (!settled_.contains(key)) settle(key, effects);
    effects.messages.push_back(send::Message{key, protocol::Declined{key.task, key.attempt, "not held by this agent"}});
    return;
  }
  switch (task->phase) {
    case AgentTaskPhase::accepted:
      end_unstarted(key, *task, effects, now);
      return;
    case AgentTaskPhase::running:
      effects.stop.push_back({key, cancel.grace});
      return;
    case AgentTaskPhase::finished:
      rewind(key, *task, effects, now);
      return;
  }
}

void Core::on_prepared(const input::Prepared& prepared, Effects& effects, Now now) {
  Held* task = held(prepared.key);
  if (!task || task->phase != AgentTaskPhase::accepted) {
    effects.ignored = "prepared a task that does not wait for it";
    return;
  }
  Millis left{0};
  if (task->prepare_until) {
    left = std::chrono::duration_cast<Millis>(*task->prepare_until - now.steady);
    if (left <= Millis{0}) return end_overdue(prepared.key, *task, {}, effects, now);
  }
  task->phase = AgentTaskPhase::running;
  task->prepare_until.reset();
  effects.start.push_back({prepared.key, prepared.folder, left});
}

void Core::on_output_grew(const input::OutputGrew& grew, Effects& effects, Now now) {
  Held* task = held(grew.key);
  if (!task || task->phase == AgentTaskPhase::finished || grew.bytes <= task->spooled) {
    effects.ignored = "no new output";
    return;
  }
  task->spooled = grew.bytes;
  pump(grew.key, *task, effects, now);
}

void Core::on_ended(const input::Ended& ended, Effects& effects, Now now) {
  Held* task = held(ended.key);
  if (!task || task->phase == AgentTaskPhase::finished) {
    effects.ignored = "ended already";
    return;
  }
  if (task->forget_when_ended) {
    settle(ended.key, effects);
    return;
  }
  end(ended.key, *task, ended.result, effects, now);
}

void Core::on_not_kept(const input::NotKept& not_kept, Effects& effects) {
  if (held_.erase(not_kept.key) == 0) {
    effects.ignored = "not held";
    return;
  }
  remember_settled(not_kept.key);  // a copy of the offer may be under way, behind the one that was declined
  effects.messages.push_back(
      send::Message{not_kept.key, protocol::Declined{not_kept.key.task, not_kept.key.attempt, not_kept.reason}});
}

void Core::on_tick(const input::Tick& tick, Effects& effects, Now now) {
  for (auto& [key, task] : held_) {
    if (!task.prepare_until || *task.prepare_until > now.steady) continue;
    const auto doing = tick.doing.find(key);
    end_overdue(key, task, doing == tick.doing.end() ? std::string() : doing->second, effects, now);
  }
  if (!session_is_open_) {
    if (effects.journal.empty()) effects.ignored = "no session";
    return;
  }
  for (auto& [key, task] : held_) {
    if (is_mutant("send_a_result_once")) continue;
    if (is_unacknowledged(task) && task.resend_at <= now.steady) rewind(key, task, effects, now);
  }
}

Held* Core::held(const TaskKey& key) {
  const auto found = held_.find(key);
  return found == held_.end() ? nullptr : &found->second;
}

const Held* Core::find(const TaskKey& key) const {
  const auto found = held_.find(key);
  return found == held_.end() ? nullptr : &found->second;
}

std::vector<protocol::HeldTask> Core::holds() const {
  std::vector<protocol::HeldTask> all;
  all.reserve(held_.size());
  for (const auto& [key, task] : held_) all.push_back(to_held_task(key, task));
  return all;
}

void Core::end(const TaskKey& key, Held& task, TaskResult result, Effects& effects, Now now) {
  task.phase = AgentTaskPhase::finished;
  task.waits_for_welcome = false;
  task.prepare_until.reset();
  task.spooled = result.output_bytes;
  task.sent = std::min(task.sent, task.spooled);
  task.result = result;
  effects.journal.push_back(journal_write::KeepResult{key, std::move(result)});
  pump(key, task, effects, now);
}

void Core::end_unstarted(const TaskKey& key, Held& task, Effects& effects, Now now) {
  TaskResult result;
  result.outcome = TaskOutcome::cancelled;
  result.message = "Cancelled before it was started.";
  result.output_bytes = task.spooled;
  end(key, task, std::move(result), effects, now);
}

/// The limit is the whole step's. It begins with the preparation in this life: an agent that died does it all again.
void Core::begin_preparation(const TaskKey& key, Held& task, Effects& effects, Now now) {
  if (task.offer.time_limit > Millis{0})
    task.prepare_until = now.steady + std::min(task.offer.time_limit, longest_limit);
  effects.prepare.push_back(key);
}

/// Its time is over before its script was started. `doing`: at what; empty when that is not known.
void Core::end_overdue(const TaskKey& key, Held& task, const std::string& doing, Effects& effects, Now now) {
  TaskResult result;
  result.outcome = TaskOutcome::timed_out;
  result.message = "its time was over while it was " + (doing.empty() ? "being prepared" : doing) +
                   ", before its script was started";
  result.output_bytes = task.spooled;
  result.duration_micros = Micros{std::min(task.offer.time_limit, longest_limit)}.count();
  end(key, task, std::move(result), effects, now);
}

void Core::settle(const TaskKey& key, Effects& effects) {
  held_.erase(key);
  remember_settled(key);
  effects.journal.push_back(journal_write::Settle{key});
}

void Core::remember_settled(const TaskKey& key) {
  if (!settled_.insert(key).second) return;
  settled_order_.push_back(key);
  if (settled_order_.size() > max_settled) {
    settled_.erase(settled_order_.front());
    settled_order_.pop_front();
  }
}

void Core::rewind(const TaskKey& key, Held& task, Effects& effects, Now now) {
  task.sent = task.acked = std::min(task.acked, task.spooled);
  task.result_sent = false;
  task.rewound_at = now.steady;
  pump(key, task, effects, now);
}

/// Sends what may be sent now: output within the credit, then the result with the last piece of it.
void Core::pump(const TaskKey& key, Held& task, Effects& effects, Now now) {
  if (!session_is_open_ || task.forget_when_ended) return;
  const std::uint64_t limit = std::min(task.spooled, task.acked + std::min(task.credit, task.spooled));
  bool has_sent = false;
  const auto fits_into_tail = [&] { return task.result && task.spooled - task.sent <= protocol::max_output_chunk; };
  while (task.sent < limit && !fits_into_tail()) {
    const std::uint64_t length = std::min<std::uint64_t>(protocol::max_output_chunk, limit - task.sent);
    effects.messages.push_back(send::Output{key, task.sent, length});
    task.sent += length;
    has_sent = true;
  }
  if (!task.result_sent && fits_into_tail() && (task.spooled == task.sent || task.spooled <= limit)) {
    effects.messages.push_back(send::Finished{key, task.sent});
    task.result_sent = true;
    has_sent = true;
  }
  if (has_sent) task.resend_at = now.steady + settings_.resend;
}

std::optional<Instant> Core::next_deadline() const {
  std::optional<Instant> next;
  const auto add = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [key, task] : held_) {
    if (task.prepare_until) add(*task.prepare_until);
    if (session_is_open_ && is_unacknowledged(task)) add(task.resend_at);
  }
  return next;
}

}  // namespace escape::agent
