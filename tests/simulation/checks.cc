#include "tests/simulation/checks.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/overloaded.h"
#include "tests/simulation/graph.h"

namespace escape::simulation {

using namespace controller;
using protocol::TaskOutcome;

namespace {

/// A batch against what was true before it, and what its events tell against the rows that it writes.
class BatchCheck {
 public:
  BatchCheck(World& world, Truth& truth) : world_(world), truth_(truth) {}

  void run(const std::vector<Change>& changes) {
    for (const Change& change : changes) std::visit([&](const auto& one) { on(one); }, change);
    for (const Change& change : changes) apply(truth_.state, change);
    for (const Change& change : changes) std::visit([&](const auto& one) { compare(one); }, change);
    check_locks();
  }

 private:
  // Before the change is applied.
  void on(const Job& row) {
    auto settled = truth_.settled_jobs.find(row.number);
    if (settled != truth_.settled_jobs.end() && !(settled->second == row)) {
      world_.fail("a settled job never changes",
                  fmt::format("job {} was {} and is written again as {} {}", row.number,
                              name_of(settled->second.outcome), name_of(row.phase), name_of(row.outcome)));
    }
    if (row.phase == JobPhase::settled) truth_.settled_jobs[row.number] = row;
  }
  void on(const Task& row) {
    auto known = truth_.tasks.find(row.id);
    if (known != truth_.tasks.end()) {
      const Task& before = known->second;
      const bool was_settled = before.phase == TaskPhase::settled && before.attempt == row.attempt;
      if (was_settled && !(before == row)) {
        world_.fail("a settled task never changes", fmt::format("task {} was {}", to_string(row.id),
                                                                name_of(before.outcome.value_or(TaskOutcome::failed))));
      }
      if (before.was_sent && before.attempt == row.attempt && before.agent != row.agent) {
        world_.fail("a task that left is bound to its agent",
                    fmt::format("task {} went from {} to {}", to_string(row.id), before.agent, row.agent));
      }
      if (row.output_bytes < before.output_bytes && before.attempt == row.attempt) {
        world_.fail("output never shrinks", to_string(row.id));
      }
    }
    truth_.tasks[row.id] = row;
  }
  void on(const LogLine& line) {
    if (line.entry.sequence != ++truth_.log_entries[line.root]) {
      world_.fail("a job's log has no gap", fmt::format("entry {} of job {} came where {} was due", line.entry.sequence,
                                                        line.root, truth_.log_entries[line.root]));
    }
    if (line.entry.level != "output") return;
    const agent::TaskKey key{{line.entry.job, line.entry.task}, line.entry.attempt};
    for (std::size_t i = 0; i < line.entry.bytes.bytes.size(); ++i) {
      if (line.entry.bytes.bytes[i] == Checks::output_byte(key, line.entry.offset + i)) continue;
      return world_.fail("output is what the script wrote",
                         fmt::format("task {} differs at {}", to_string(key), line.entry.offset + i));
    }
    std::uint64_t& have = output_[key];
    if (have == 0) {
      auto known = truth_.tasks.find(key.task);
      have = known == truth_.tasks.end() ? 0 : known->second.output_bytes;
    }
    // Task rows of the batch come later in it, so the row in the truth is still the one before.
    if (line.entry.offset != have) {
      world_.fail("output joins without a gap",
                  fmt::format("task {}: {} came where {} was due", to_string(key), line.entry.offset, have));
    }
    have = line.entry.offset + line.entry.bytes.bytes.size();
  }
  void on(const protocol::EventView& event) {
    if (event.sequence != truth_.state.last_event + 1 + events_) {
      world_.fail("events are numbered without a gap",
                  fmt::format("{} came where {} was due", event.sequence, truth_.state.last_event + 1 + events_));
    }
    ++events_;
    tell(event);
  }
  template <class Row>
  void on(const Row&) {}

  void tell(const protocol::EventView& event) {
    const auto text = [&](std::string_view name) {
      const Value* value = event.data.find(name);
      return value && value->as_string() ? *value->as_string() : std::string();
    };
    const auto number = [&](std::string_view name) {
      const Value* value = event.data.find(name);
      return value && value->as_int() ? static_cast<std::uint32_t>(*value->as_int()) : 0U;
    };
    if (event.kind == "job.queued") truth_.told_jobs[event.job] = {};
    if (event.kind == "job.started") truth_.told_jobs[event.job].phase = JobPhase::running;
    if (event.kind == "job.settled") truth_.told_jobs[event.job] = {JobPhase::settled, text("outcome")};
    if (event.kind == "task.started") truth_.told_tasks[TaskId{event.job, number("task")}] = "started";
    if (event.kind == "task.finished") truth_.told_tasks[TaskId{event.job, number("task")}] = text("outcome");
    if (event.kind == "agent.enrolled") ++truth_.told_agents[text("agent")];
    if (event.kind == "agent.removed") --truth_.told_agents[text("agent")];
  }

  // After the whole batch: state and events must tell the same.
  void compare(const Job& row) {
    const Truth::Told& told = truth_.told_jobs[row.number];
    const Job* now = find(row.number);
    if (!now || !(*now == row)) return;  // written again later in the batch
    const std::string outcome = row.phase == JobPhase::settled ? std::string(name_of(row.outcome)) : "";
    if (told.phase != row.phase || told.outcome != outcome) {
      world_.fail("events tell the state", fmt::format("job {} is {} {}; the events say {} {}", row.number,
                                                       name_of(row.phase), outcome, name_of(told.phase), told.outcome));
    }
  }
  void compare(const Task& row) {
    if (!(truth_.tasks.at(row.id) == row)) return;
    std::string is;
    if (row.outcome) {
      is = name_of(*row.outcome);
    } else if (row.started_at.is_set()) {
      is = "started";
    }
    if (truth_.told_tasks[row.id] == is) return;
    world_.fail("events tell the state",
                fmt::format("task {} is '{}'; the events say '{}'", to_string(row.id), is, truth_.told_tasks[row.id]));
  }
  void compare(const Agent& row) { compare_agent(row.name); }
  void compare(const RemovedAgent& row) { compare_agent(row.name); }
  void compare_agent(const AgentId& name) {
    if (truth_.told_agents[name] == (truth_.state.agents.contains(name) ? 1 : 0)) return;
    world_.fail("events tell the state", fmt::format("agent {} is told {} times", name, truth_.told_agents[name]));
  }
  template <class Row>
  void compare(const Row&) {}

  const Job* find(JobId number) const {
    auto settled = truth_.settled_jobs.find(number);
    if (settled != truth_.settled_jobs.end()) return &settled->second;
    auto live = truth_.state.jobs.find(number);
    return live == truth_.state.jobs.end() ? nullptr : &live->second;
  }

  void check_locks() {
    for (const auto& [key, lock] : truth_.state.locks) {
      auto holder = truth_.state.jobs.find(lock.holder);
      if (holder == truth_.state.jobs.end() || holder->second.phase != JobPhase::running) {
        world_.fail("a lock has a living owner",
                    fmt::format("{} in {} is held by job {}", key.deployment, key.environment, lock.holder));
      }
      for (const JobId waiting : lock.waiting) {
        auto job = truth_.state.jobs.find(waiting);
        if (job == truth_.state.jobs.end() || job->second.phase != JobPhase::queued) {
          world_.fail("a queue holds waiting jobs", fmt::format("job {} behind job {}", waiting, lock.holder));
        }
      }
    }
  }

  World& world_;
  Truth& truth_;
  std::uint64_t events_ = 0;
  std::map<agent::TaskKey, std::uint64_t> output_;
};

}  // namespace

void check_batch(World& world, Truth& truth, const std::vector<Change>& changes) {
  BatchCheck(world, truth).run(changes);
}

char Checks::output_byte(const agent::TaskKey& key, std::uint64_t offset) {
  if (offset % 61 == 60) return '\n';
  return static_cast<char>('a' + (offset * 7 + offset / 61 + key.task.job * 3 + key.task.index * 5 + key.attempt) % 26);
}

void Checks::on_script_start(const std::string& host, const AgentId& agent, const protocol::Offer& offer,
                             const Truth& truth) {
  const agent::TaskKey key = agent::key_of(offer);
  world_.note(
      host, "script starts", [&] { return fmt::format("{} {}", to_string(key), offer.step); }, key.task.job,
      key.task.index, key.attempt);
  ++scripts_run_;
  ScriptRecord& record = scripts_[key];
  if (++record.runs > 1 && !excused_.contains(key)) {
    world_.fail("a script never runs twice",
                fmt::format("task {} started for the {}th time, on {}", to_string(key), record.runs, host));
  }
  if (never_.contains(key)) {
    world_.fail("what was declined never starts", fmt::format("task {} on {}", to_string(key), host));
  }
  auto row = truth.tasks.find(key.task);
  if (row == truth.tasks.end() || !row->second.was_sent || row->second.attempt < key.attempt) {
    world_.fail("what runs was committed first", fmt::format("task {} on {}", to_string(key), host));
  } else if (row->second.attempt == key.attempt && row->second.agent != agent) {
    world_.fail("a task runs on its agent",
                fmt::format("task {} is {}'s and runs on {} as {}", to_string(key), row->second.agent, host, agent));
  }
  if (offer.environment == Graph::environment && !excused_.contains(key)) {
    if (const std::optional<std::string> wrong = out_of_order(offer, truth, scripts_, releases_)) {
      world_.fail("the order fits every edge",
                  fmt::format("task {}, {} of {} starts: {}", to_string(key), offer.step, offer.deployment, *wrong));
    }
  }
  // Of a provider its consumers' jobs run scripts, too, each by itself.
  const bool is_of_provider = offer.step.ends_with("activate_provider");
  for (const auto& [other, running] : scripts_) {
    if (is_of_provider || running.is_of_provider || !running.is_running || running.environment != offer.environment ||
        running.deployment != offer.deployment || other == key)
      continue;
    auto known = truth.tasks.find(other.task);
    const bool is_given_up = known != truth.tasks.end() && known->second.outcome == TaskOutcome::interrupted;
    if (!is_given_up) {
      world_.fail("one script at a time in a deployment",
                  fmt::format("task {} starts while {} runs", to_string(key), to_string(other)));
    }
  }
  record.is_running = true;
  record.environment = offer.environment;
  record.deployment = offer.deployment;
  record.is_of_provider = is_of_provider;
  record.job = key.task.job;
}

void Checks::on_script_end(const agent::TaskKey& key, TaskOutcome outcome, std::uint64_t output_bytes) {
  ScriptRecord& record = scripts_[key];
  record.is_running = false;
  record.ended = outcome;
  record.output_bytes = output_bytes;
  world_.note(
      "script", "ends", [&] { return fmt::format("{} {}", to_string(key), name_of(outcome)); }, key.task.job,
      key.task.index, static_cast<std::uint64_t>(outcome));
}

void Checks::on_script_killed(const agent::TaskKey& key) {
  scripts_[key].is_running = false;
  scripts_[key].ended = TaskOutcome::interrupted;
  world_.note("script", "is gone", [&] { return to_string(key); }, key.task.job, key.task.index);
}

void Checks::on_agent_declines(const agent::TaskKey& key) { never_.insert(key); }

/// What leaves tells only what is on the disk.
void Checks::on_controller_says(const AgentId& agent, const protocol::ToAgent& message, const Truth& truth) {
  const auto task = [&](TaskId id) -> const Task* {
    auto found = truth.tasks.find(id);
    return found == truth.tasks.end() ? nullptr : &found->second;
  };
  const auto broken = [&](std::string what) { world_.fail("nothing is sent before it is durable", std::move(what)); };
  std::visit(overloaded{
                 [&](const protocol::Offer& offer) {
                   const Task* row = task(offer.task);
                   if (!row || !row->was_sent || row->attempt != offer.attempt || row->agent != agent) {
                     broken(fmt::format("offer {} to {}", to_string(offer.task), agent));
                   }
                 },
                 [&](const protocol::ResultCommitted& committed) {
                   const Task* row = task(committed.task);
                   const bool is_over = row && (row->attempt > committed.attempt || row->phase == TaskPhase::settled ||
                                                row->phase == TaskPhase::skipped);
                   if (!is_over) return broken(fmt::format("result_committed {}", to_string(committed.task)));
                   check_outcome(*row);
                 },
                 [&](const protocol::OutputAck& ack) {
                   const Task* row = task(ack.task);
                   if (!row || row->output_bytes < ack.offset) {
                     broken(fmt::format("output_ack {} of {} with {} on the disk", ack.offset, to_string(ack.task),
                                        row ? row->output_bytes : 0));
                   }
                 },
                 [&](const protocol::Joined& joined) {
                   if (!truth.state.agents.contains(joined.agent)) broken("joined as " + joined.agent);
                 },
                 [&](const protocol::Welcome& welcome) {
                   for (const TaskId id : welcome.forget) {
                     const Task* row = task(id);
                     const bool is_wanted = row && row->agent == agent && row->was_sent && !row->outcome &&
                                            row->phase != TaskPhase::skipped && truth.state.jobs.contains(id.job);
                     if (is_wanted) world_.fail("acknowledged results survive", "told to forget " + to_string(id));
                   }
                 },
                 [&](const protocol::Cancel& cancel) {
                   auto job = truth.state.jobs.find(cancel.task.job);
                   if (job != truth.state.jobs.end() && !job->second.cancel_requested) {
                     broken("cancel " + to_string(cancel.task));
                   }
                 },
                 [](const protocol::Refused&) {},
                 [](const protocol::Pong&) {},
             },
             message);
}

void Checks::on_controller_replies(const std::string& principal, const std::string& id, const protocol::Reply& reply,
                                   const Truth& truth) {
  const auto broken = [&](std::string what) { world_.fail("nothing is sent before it is durable", std::move(what)); };
  const auto must_be_recorded = [&] {
    if (!truth.state.answered.contains({principal, id})) broken(fmt::format("the answer to {} of {}", id, principal));
  };
  if (const auto* made = std::get_if<protocol::reply::JobMade>(&reply)) {
    if (!truth.told_jobs.contains(made->job)) broken(fmt::format("job {} is made", made->job));
    must_be_recorded();
  } else if (std::holds_alternative<protocol::reply::Done>(reply) ||
             std::holds_alternative<protocol::reply::Invitation>(reply)) {
    must_be_recorded();
  } else if (const auto* enrolled = std::get_if<protocol::reply::Enrolled>(&reply)) {
    if (!truth.state.principals.contains(enrolled->principal)) broken("enrolled as " + enrolled->principal);
  } else if (const auto* shown = std::get_if<protocol::reply::Job>(&reply)) {
    auto settled = truth.settled_jobs.find(shown->job.number);
    if (shown->job.phase == JobPhase::settled && settled == truth.settled_jobs.end()) {
      broken(fmt::format("job {} has settled", shown->job.number));
    }
  }
}

void Checks::check_outcome(const Task& row) {
  if (!row.outcome) return;
  const agent::TaskKey key{row.id, row.attempt};
  auto script = scripts_.find(key);
  const bool has_run = script != scripts_.end();
  const auto wrong = [&](std::string_view why) {
    world_.fail("a result is what the script did",
                fmt::format("task {} is {}, but {}", to_string(key), name_of(*row.outcome), why));
  };
  if (excused_.contains(key)) return;
  switch (*row.outcome) {
    case TaskOutcome::ok:
    case TaskOutcome::failed:
    case TaskOutcome::timed_out:
      if (!has_run) return wrong("its script never ran");
      if (script->second.ended != *row.outcome) return wrong(name_of(script->second.ended));
      if (script->second.output_bytes != row.output_bytes) {
        return wrong(fmt::format("{} bytes of output are here of {}", row.output_bytes, script->second.output_bytes));
      }
      return;
    case TaskOutcome::not_started:
      if (has_run) return wrong("its script ran");
      never_.insert(key);
      return;
    case TaskOutcome::cancelled:
      if (has_run && script->second.is_running) return wrong("its script runs");
      if (!has_run) never_.insert(key);
      return;
    case TaskOutcome::interrupted:
      // Only people may give up what runs, by removing its agent.
      if (has_run && script->second.is_running && row.message.find("removed") == std::string::npos) {
        return wrong("its script runs");
      }
      return;
  }
}

void Checks::check_memory(const State& memory, const Truth& truth, std::string_view when) {
  if (memory == truth.state) return;
  std::string what;
  const auto differs = [&](std::string_view name, bool is_equal) {
    if (!is_equal) what += " " + std::string(name);
  };
  const State& t = truth.state;
  differs("instance", memory.instance == t.instance);
  differs("epoch", memory.epoch == t.epoch);
  differs("last_job", memory.last_job == t.last_job);
  differs("last_event", memory.last_event == t.last_event);
  differs("environments", memory.environments == t.environments);
  differs("deployments", memory.deployments == t.deployments);
  differs("jobs", memory.jobs == t.jobs);
  differs("plans", memory.plans == t.plans);
  differs("tasks", memory.tasks == t.tasks);
  differs("agents", memory.agents == t.agents);
  differs("principals", memory.principals == t.principals);
  differs("invitations", memory.invitations == t.invitations);
  differs("locks", memory.locks == t.locks);
  differs("answered", memory.answered == t.answered);
  world_.fail("memory is what is on the disk", fmt::format("{}, these differ:{}", when, what));
}

void Checks::check_all_settled(const Truth& truth, const State& memory) {
  for (const auto& [id, row] : truth.tasks) check_outcome(row);
  for (const auto& [number, job] : truth.state.jobs) {
    return world_.fail("everything settles", fmt::format("job {} is {}: {}", number, name_of(job.phase), job.message));
  }
  if (!truth.state.locks.empty()) world_.fail("everything settles", "a lock is left");
  for (const auto& [key, record] : scripts_) {
    if (record.is_running) world_.fail("everything settles", "a script runs: " + to_string(key));
  }
  std::map<std::int64_t, JobId> by_marker;
  for (const auto& [number, job] : truth.settled_jobs) {
    if (job.parent != 0 || job.step_time_limit.count() == 0) continue;
    const auto [known, is_new] = by_marker.emplace(job.step_time_limit.count(), number);
    if (!is_new) {
      world_.fail("a request is carried out once", fmt::format("jobs {} and {}", known->second, number));
    }
  }
  for (const auto& [name, count] : truth.told_agents) {
    if ((count == 1) != truth.state.agents.contains(name)) world_.fail("events tell the state", "agent " + name);
  }
  for (const auto& [number, told] : truth.told_jobs) {
    if (told.phase != JobPhase::settled) world_.fail("events tell the state", fmt::format("job {}", number));
  }
  check_memory(memory, truth, "at the end");
}

}  // namespace escape::simulation
