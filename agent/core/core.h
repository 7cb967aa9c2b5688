#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/core/model.h"
#include "protocol/messages/agent.h"
#include "shared/base/time.h"

namespace escape::agent {

/// What this process may be asked to do.
struct Settings {
  bool is_inproc = false;  ///< the controller is this very process: file paths and every workspace are fine
  std::string placement = "environment";
  std::string workspace{};   ///< placement "workspace": the one folder in which tasks run; empty: any
  Micros resend{5'000'000};  ///< what is not acknowledged is sent again after this
};

/// What the core is told. Everything may come late, twice, out of order or never.
namespace input {

/// First input of a life: goes on with what the journal held. What had not been started waits for Welcome: it may have
/// been given up since.
struct Started {};
/// A message of the controller, of the session that is on (Welcome begins it).
struct FromController {
  protocol::ToAgent message;
};
struct SessionClosed {};
/// The files of the task lie in `folder`.
struct Prepared {
  TaskKey key;
  std::string folder;
};
/// So many bytes of output are on disk.
struct OutputGrew {
  TaskKey key;
  std::uint64_t bytes = 0;
};
/// The script ended, or never started (no package, no supervisor): `result` says which.
struct Ended {
  TaskKey key;
  TaskResult result;
};
/// The journal could not keep the offer: nothing of it is on disk.
struct NotKept {
  TaskKey key;
  std::string reason;
};
/// Time has come (wake_at).
struct Tick {
  std::map<TaskKey, std::string> doing{};  ///< of preparations: what each is at, masked ("downloading 'U' to 'd'")
};

}  // namespace input

using Input = std::variant<input::Started, input::FromController, input::SessionClosed, input::Prepared,
                           input::OutputGrew, input::Ended, input::NotKept, input::Tick>;

/// Journal writes: durable when the journal's function returns.
namespace journal_write {
struct KeepOffer {
  protocol::Offer offer;
};
struct KeepResult {
  TaskKey key;
  TaskResult result;
};
/// The task is over for both sides: its id is remembered, its folder goes.
struct Settle {
  TaskKey key;
};
}  // namespace journal_write
using JournalWrite = std::variant<journal_write::KeepOffer, journal_write::KeepResult, journal_write::Settle>;

/// Messages. Bytes of output stay on disk until they leave, so those two name a range of the task's output file.
namespace send {
struct Message {
  TaskKey key;
  protocol::FromAgent message;
};
struct Output {
  TaskKey key;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
struct Finished {
  TaskKey key;
  std::uint64_t tail_offset = 0;
};
}  // namespace send
using Outgoing = std::variant<send::Message, send::Output, send::Finished>;

/// What must happen because of one input. Carried out in this order, in one place: journal (synced), then send, then
/// act, then arm.
struct Effects {
  struct Start {
    TaskKey key;
    std::string folder;
    Millis time_limit{0};  ///< what is left of the step's; 0: none
  };
  struct Stop {
    TaskKey key;
    Millis grace{0};
  };
  std::vector<JournalWrite> journal;
  std::vector<Outgoing> messages;
  std::vector<TaskKey> prepare;    ///< make the folder; answered by OutputGrew, and Prepared or Ended(not_started)
  std::vector<Start> start;        ///< start the supervisor; answered by OutputGrew and Ended
  std::vector<Stop> stop;          ///< TERM to the script, KILL after the grace
  std::optional<Instant> wake_at;  ///< next deadline of the whole core
  std::string ignored;             ///< why nothing happened: for the log and the tests
};

/// A task that the agent holds: journaled, not yet forgotten.
struct Held {
  protocol::Offer offer;
  protocol::AgentTaskPhase phase = protocol::AgentTaskPhase::accepted;
  std::optional<TaskResult> result{};
  bool waits_for_welcome = false;  ///< recovered before it was started: whether it is still wanted comes with Welcome
  bool forget_when_ended = false;  ///< the controller does not know it: nobody waits for the result
  std::uint64_t spooled = 0;       ///< output bytes on disk
  std::uint64_t sent = 0;          ///< output cursor of this session
  std::uint64_t acked = 0;         ///< committed at the controller, as far as we know
  std::uint64_t credit = protocol::default_credit;
  bool result_sent = false;
  Instant resend_at{};  ///< meaningful while something is unacknowledged
  Instant rewound_at{};
  std::optional<Instant> prepare_until{};  ///< accepted, and its preparation has begun: the whole step's time limit
};

/// The agent's decisions. Pure: no socket, disk, clock or random source; the same state and inputs give the same
/// effects.
///
/// Invariants: an attempt is started at most once in a core's life, and only after its offer was handed to the journal;
/// a result is sent only after it was handed to the journal, and only when all output before its tail has been sent.
/// (Across lives the runner's start mark keeps the first one: agent/runner/README.md.)
///
/// Thread: the agent loop.  Durable: through Effects::journal.  Errors: none; what cannot be done is Declined or a
/// result.
class Core {
 public:
  Core(Settings settings, Recovered recovered);

  Effects on(const Input& input, Now now);

  /// For Hello: everything not yet forgotten.
  std::vector<protocol::HeldTask> holds() const;
  const Held* find(const TaskKey& key) const;
  std::size_t held_count() const { return held_.size(); }

 private:
  void on_started();
  void on_message(const protocol::ToAgent& message, Effects& effects, Now now);
  void on_welcome(const protocol::Welcome& welcome, Effects& effects, Now now);
  void on_offer(const protocol::Offer& offer, Effects& effects, Now now);
  void on_output_ack(const protocol::OutputAck& ack, Effects& effects, Now now);
  void on_result_committed(const protocol::ResultCommitted& committed, Effects& effects);
  void on_cancel(const protocol::Cancel& cancel, Effects& effects, Now now);
  void on_prepared(const input::Prepared& prepared, Effects& effects, Now now);
  void on_output_grew(const input::OutputGrew& grew, Effects& effects, Now now);
  void on_ended(const input::Ended& ended, Effects& effects, Now now);
  void on_not_kept(const input::NotKept& not_kept, Effects& effects);
  void on_tick(const input::Tick& tick, Effects& effects, Now now);

  Held* held(const TaskKey& key);
  std::string why_declined(const protocol::Offer& offer) const;
  void end(const TaskKey& key, Held& task, TaskResult result, Effects& effects, Now now);
  void end_unstarted(const TaskKey& key, Held& task, Effects& effects, Now now);
  void begin_preparation(const TaskKey& key, Held& task, Effects& effects, Now now);
  void end_overdue(const TaskKey& key, Held& task, const std::string& doing, Effects& effects, Now now);
  void settle(const TaskKey& key, Effects& effects);
  void remember_settled(const TaskKey& key);
  void rewind(const TaskKey& key, Held& task, Effects& effects, Now now);
  void pump(const TaskKey& key, Held& task, Effects& effects, Now now);
  std::optional<Instant> next_deadline() const;

  Settings settings_;
  bool session_is_open_ = false;
  std::map<TaskKey, Held> held_;
  std::set<TaskKey> settled_;
  std::deque<TaskKey> settled_order_;
};

}  // namespace escape::agent
