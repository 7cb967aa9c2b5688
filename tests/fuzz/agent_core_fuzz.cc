// An agent's core whose controller says whatever the input says, with a journal, a disk and scripts around it that are
// honest but may be late, fail or vanish in a crash. Checked after every input: what is told is durable, an attempt
// starts at most once, what is held is what the journal holds, and time always moves on.
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "agent/core/core.h"
#include "shared/base/check.h"
#include "shared/base/overloaded.h"
#include "tests/fuzz/input.h"

namespace escape::agent {
namespace {

using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

/// Output that the scripts of one run write in all, so that the messages of one input stay few.
constexpr std::uint64_t most_output = 4 << 20;

class World {
 public:
  explicit World(fuzz::Input& input) : input_(input) { restart(); }

  void step() {
    clock_ += static_cast<std::int64_t>(input_.byte()) * 100'000;
    switch (input_.below(10)) {
      case 0:
      case 1:
        hear(any_message());
        break;
      case 2:
        hear_bytes();
        break;
      case 3:
        for (const TaskKey key : std::exchange(preparing_, {})) feed(input::Prepared{key, "/folder"});
        break;
      case 4:
        grow_output();
        break;
      case 5:
        end_script(any_key());
        break;
      case 6:
        tick();
        break;
      case 7:
        is_open_ = false;
        feed(input::SessionClosed{});
        break;
      case 8:
        restart();
        break;
      case 9:
        disk_is_full_ = !disk_is_full_;
        break;
    }
  }

 private:
  struct Script {
    std::uint64_t written = 0;
    bool has_ended = false;
  };

  Now now() const { return {Timestamp{clock_}, Instant{clock_}}; }
  TaskId any_task() { return {1 + input_.below(3), static_cast<std::uint32_t>(input_.below(2))}; }
  TaskKey any_key() {
    const TaskId task = any_task();
    return {task, 1 + static_cast<Attempt>(input_.below(3))};
  }

  protocol::ToAgent any_message() {
    const TaskKey key = any_key();
    switch (input_.below(6)) {
      case 0: {
        protocol::Welcome welcome;
        for (std::uint64_t left = input_.below(3); left > 0; --left) welcome.forget.push_back(any_task());
        for (std::uint64_t left = input_.below(3); left > 0; --left) welcome.cancel.push_back(any_task());
        welcome.credit = input_.any_number();
        return welcome;
      }
      case 1: {
        protocol::Offer offer;
        offer.task = key.task;
        offer.attempt = key.attempt;
        offer.credit = input_.any_number();
        if (input_.below(8) == 0) offer.package.workspace = "/work";
        return offer;
      }
      case 2: {
        const std::uint64_t offset = input_.any_number();
        return protocol::OutputAck{key.task, key.attempt, offset, input_.any_number()};
      }
      case 3:
        return protocol::ResultCommitted{key.task, key.attempt};
      case 4:
        return protocol::Cancel{key.task, key.attempt, Millis{static_cast<std::int64_t>(input_.any_number())}};
      default:
        return protocol::Refused{};
    }
  }

  /// Any message that can be decoded at all.
  void hear_bytes() {
    const std::string_view type = input_.line();
    const Result<protocol::ToAgent> message = protocol::decode_to_agent(type, input_.text());
    if (message) hear(message.value());
  }

  /// As the shell: a Refused ends the session, and only a Welcome begins one.
  void hear(const protocol::ToAgent& message) {
    if (std::holds_alternative<protocol::Welcome>(message)) is_open_ = true;
    if (!is_open_) return;
    feed(input::FromController{message});
    if (std::holds_alternative<protocol::Refused>(message)) {
      is_open_ = false;
      feed(input::SessionClosed{});
    }
  }

  void grow_output() {
    const TaskKey key = any_key();
    const std::uint64_t more = input_.number(3);
    const auto script = scripts_.find(key);
    if (script == scripts_.end() || script->second.has_ended || written_ + more > most_output) return;
    written_ += more;
    script->second.written += more;
    feed(input::OutputGrew{key, script->second.written});
  }

  /// A script that ends, or files that never came.
  void end_script(const TaskKey& key) {
    TaskResult result;
    const auto script = scripts_.find(key);
    if (script != scripts_.end()) {
      script->second.has_ended = true;
      result.outcome = TaskOutcome::ok;
      result.output_bytes = script->second.written;
    } else if (preparing_.erase(key) > 0) {
      result.outcome = TaskOutcome::not_started;
    } else {
      return;
    }
    feed(input::Ended{key, result});
  }

  void tick() {
    if (wake_at_ && wake_at_->micros > clock_) clock_ = wake_at_->micros;
    feed(input::Tick{});
    CHECK(!wake_at_ || wake_at_->micros > clock_);
  }

  void restart() {
    Recovered recovered;
    for (const auto& [key, offer] : offers_) {
      RecoveredTask task;
      task.offer = offer;
      if (const auto result = results_.find(key); result != results_.end()) {
        task.phase = AgentTaskPhase::finished;
        task.result = result->second;
        task.output_bytes = result->second.output_bytes;
      } else if (const auto script = scripts_.find(key); script != scripts_.end()) {
        task.phase = AgentTaskPhase::running;
        task.output_bytes = script->second.written;
      }
      recovered.tasks.push_back(task);
    }
    recovered.settled = settled_;
    core_.emplace(Settings{}, recovered);
    is_open_ = false;
    preparing_.clear();
    feed(input::Started{});
  }

  void feed(const Input& input) {
    const Effects effects = core_->on(input, now());
    wake_at_ = effects.wake_at;
    std::optional<TaskKey> not_kept;
    for (const JournalWrite& write : effects.journal) {
      if (const auto* offer = std::get_if<journal_write::KeepOffer>(&write); offer && disk_is_full_) {
        not_kept = key_of(offer->offer);
        break;
      }
      std::visit([&](const auto& one) { journal(one); }, write);
    }
    // The shell drops the rest of the effects then, since nobody was told yet.
    if (not_kept) return feed(input::NotKept{*not_kept, "the disk is full"});
    carry_out(effects);
    check();
  }

  void journal(const journal_write::KeepOffer& keep) {
    const TaskKey key = key_of(keep.offer);
    CHECK(!offers_.contains(key) && !was_settled(key));
    offers_[key] = keep.offer;
  }
  void journal(const journal_write::KeepResult& keep) {
    CHECK(offers_.contains(keep.key) && !results_.contains(keep.key));
    results_[keep.key] = keep.result;
  }
  void journal(const journal_write::Settle& settle) {
    settled_.push_back(settle.key);
    offers_.erase(settle.key);
    results_.erase(settle.key);
  }
  bool was_settled(const TaskKey& key) const {
    return std::find(settled_.begin(), settled_.end(), key) != settled_.end();
  }

  void carry_out(const Effects& effects) {
    for (const Outgoing& outgoing : effects.messages) {
      std::visit([&](const auto& message) { check_sent(message); }, outgoing);
    }
    for (const TaskKey& key : effects.prepare) {
      CHECK(offers_.contains(key) && !scripts_.contains(key) && !results_.contains(key));
      preparing_.insert(key);
    }
    for (const Effects::Start& start : effects.start) {
      CHECK(offers_.contains(start.key));
      CHECK(started_.insert(start.key).second);
      scripts_[start.key] = {};
    }
    for (const Effects::Stop& stop : effects.stop) CHECK(scripts_.contains(stop.key));
  }

  void check_sent(const send::Message& sent) {
    const protocol::TypedBody typed = protocol::encode(sent.message);
    CHECK(protocol::decode_from_agent(typed.type, typed.body).has_value());
    if (std::holds_alternative<protocol::Accepted>(sent.message)) CHECK(offers_.contains(sent.key));
    if (std::holds_alternative<protocol::Declined>(sent.message)) CHECK(!scripts_runs(sent.key));
  }
  void check_sent(const send::Output& sent) {
    CHECK(is_open_ && offers_.contains(sent.key));
    CHECK(sent.length > 0 && sent.length <= protocol::max_output_chunk);
    CHECK(sent.offset + sent.length <= scripts_.at(sent.key).written);
  }
  void check_sent(const send::Finished& sent) {
    CHECK(is_open_ && results_.contains(sent.key));
    const std::uint64_t output = results_.at(sent.key).output_bytes;
    CHECK(sent.tail_offset <= output && output - sent.tail_offset <= protocol::max_tail);
  }
  bool scripts_runs(const TaskKey& key) const {
    const auto script = scripts_.find(key);
    return script != scripts_.end() && !script->second.has_ended && offers_.contains(key);
  }

  void check() const {
    const std::vector<protocol::HeldTask> holds = core_->holds();
    CHECK(holds.size() == offers_.size());
    for (const protocol::HeldTask& held : holds) {
      const TaskKey key{held.task, held.attempt};
      CHECK(offers_.contains(key));
      CHECK((held.phase == AgentTaskPhase::finished) == results_.contains(key));
      const auto script = scripts_.find(key);
      CHECK(held.output_bytes == (script == scripts_.end() ? 0 : script->second.written));
      if (held.phase == AgentTaskPhase::running) CHECK(script != scripts_.end());
    }
  }

  fuzz::Input& input_;
  std::int64_t clock_ = 1'000'000;
  std::optional<Instant> wake_at_;
  bool is_open_ = false;
  bool disk_is_full_ = false;
  std::uint64_t written_ = 0;
  std::optional<Core> core_;
  std::map<TaskKey, protocol::Offer> offers_;  ///< the journal: offers, results, ids of what is over
  std::map<TaskKey, TaskResult> results_;
  std::vector<TaskKey> settled_;
  std::map<TaskKey, Script> scripts_;
  std::set<TaskKey> started_;
  std::set<TaskKey> preparing_;
};

}  // namespace
}  // namespace escape::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  escape::fuzz::Input input(data, size);
  escape::agent::World world(input);
  while (!input.is_empty()) world.step();
  return 0;
}
