#include "tests/simulation/host.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/mutant.h"
#include "tests/simulation/graph.h"

namespace escape::simulation {

using agent::TaskKey;
using agent::TaskResult;
using protocol::AgentTaskPhase;
using protocol::TaskOutcome;

namespace {

Result<> disk_is_full() { return fail(ErrorKind::storage, "Couldn't write: No space left on device"); }

TaskResult interrupted(std::uint64_t output_bytes) {
  TaskResult result;
  result.outcome = TaskOutcome::interrupted;
  result.message = "its supervisor is gone without a result";
  result.output_bytes = output_bytes;
  return result;
}

}  // namespace

Host::Host(World& world, Checks& checks, const Truth& truth, std::string host_name)
    : clock{&world, Micros{0}},
      name(std::move(host_name)),
      machine_id("machine " + name),
      boot_id(name + " boot 1"),
      world_(world),
      checks_(checks),
      truth_(truth),
      random_(world.stream(name)) {}

Micros Host::latency() { return slow > 0 ? random_.between(100ms, 2s) : random_.between(50us, 1ms); }

void Host::not_synced_yet(std::function<void()> undo) {
  std::erase_if(unsynced_, [&](const auto& one) { return one.first + 5s < world_.now(); });
  unsynced_.push_back({world_.now(), std::move(undo)});
}

Result<> Host::keep_offer(const protocol::Offer& offer) {
  if (full > 0) return disk_is_full();
  const TaskKey key = agent::key_of(offer);
  folders[key].offer = offer;
  folders[key].offer_is_synced = !is_mutant("skip_the_journals_sync");
  if (is_mutant("skip_the_journals_sync")) not_synced_yet([this, key] { folders.erase(key); });
  return ok();
}

Result<> Host::keep_result(const TaskKey& key, const TaskResult& result) {
  if (full > 0) return disk_is_full();
  folders[key].finished = result;
  folders[key].finished_is_synced = true;
  return ok();
}

Result<> Host::settle(const TaskKey& key) {
  if (full > 0) return disk_is_full();
  settled.push_back(key);
  folders.erase(key);
  return ok();
}

agent::Recovered Host::find_all(std::vector<TaskKey>& to_watch) {
  agent::Recovered recovered;
  recovered.settled = settled;
  std::erase_if(folders, [](const auto& one) { return !one.second.offer; });
  for (const auto& [key, folder] : folders) {
    agent::RecoveredTask task;
    task.offer = *folder.offer;
    task.output_bytes = folder.output;
    task.result = folder.finished;
    if (task.result) {
      task.phase = AgentTaskPhase::finished;
    } else if (look(key).kind != Sighting::Kind::not_started) {
      task.phase = AgentTaskPhase::running;
      to_watch.push_back(key);
    }
    recovered.tasks.push_back(std::move(task));
  }
  return recovered;
}

Host::Supervisor* Host::supervisor(const TaskKey& key, int number) {
  auto found = supervisors_.find(key);
  return found == supervisors_.end() || found->second.number != number ? nullptr : &found->second;
}

/// A process of its own from here on. What it does first is the start mark, which only one can make.
void Host::launch(const TaskKey& key) {
  const int number = ++last_number_;
  world_.note(name, "launches", [&] { return to_string(key); }, key.task.job, key.task.index, key.attempt);
  ++launching_[key].count;
  world_.after(random_.between(500us, 5ms) + (slow > 0 ? latency() : 0us), [this, key, number, boot = boot_id] {
    if (boot != boot_id) return;
    Launching& launching = launching_.at(key);
    const bool is_stopping = launching.is_stopping;
    if (--launching.count == 0) launching_.erase(key);
    auto found = folders.find(key);
    if (found == folders.end()) return;
    Folder& folder = found->second;
    const bool is_first = folder.mark.empty() || is_mutant("forget_the_start_mark");
    if (!is_first || full > 0) {
      if (on_progress) on_progress();
      return;
    }
    folder.mark = boot_id;
    supervisors_[key] = Supervisor{.number = number, .is_stopping = is_stopping};
    world_.after(latency(), [this, key, number] { begin_script(key, number); });
  });
}

void Host::begin_script(const TaskKey& key, int number) {
  Supervisor* process = supervisor(key, number);
  if (!process || !folders.contains(key)) return;
  process->is_script_running = true;
  checks_.on_script_start(name, agent, *folders.at(key).offer, truth_);
  if (process->is_stopping) {
    world_.after(5ms, [this, key, number] { end_script(key, number, TaskOutcome::cancelled); });
    return;
  }
  // What a script does is its own: the same for a task whatever happens around it.
  Random random = world_.stream("script", hash_of("", key.task.job, key.task.index, key.attempt));
  const Micros duration = random.once_in(12) ? random.between(5s, 40s) : random.between(10ms, 1500ms);
  process->ignores_term = random.once_in(6);
  process->output_total = random.once_in(3) ? 0 : random.below(400);
  if (random.once_in(40)) process->output_total = 60'000 + random.below(120'000);
  if (random.once_in(1500)) process->output_total = 1'200'000;
  const std::uint64_t total = process->output_total;
  // Of a graph so many scripts are one job's that it would never come up.
  const bool is_of_graph = folders.at(key).offer->environment == Graph::environment;
  const TaskOutcome outcome = random.once_in(is_of_graph ? 60 : 9) ? TaskOutcome::failed : TaskOutcome::ok;
  const int pieces = static_cast<int>(random.below(4));
  for (int i = 1; i <= pieces; ++i) {
    const std::uint64_t up_to = total * static_cast<std::uint64_t>(i) / static_cast<std::uint64_t>(pieces + 1);
    world_.after(duration * i / (pieces + 1), [this, key, number, up_to] { write_output(key, number, up_to); });
  }
  world_.after(duration, [this, key, number, outcome, total] {
    write_output(key, number, total);
    end_script(key, number, outcome);
  });
}

void Host::write_output(const TaskKey& key, int number, std::uint64_t up_to) {
  Supervisor* process = supervisor(key, number);
  if (!process || !process->is_script_running || !folders.contains(key)) return;
  Folder& folder = folders.at(key);
  if (up_to <= folder.output || full > 0) return;  // a full disk drops the rest of the output
  folder.output = up_to;
  if (on_progress) on_progress();
}

void Host::end_script(const TaskKey& key, int number, TaskOutcome outcome) {
  Supervisor* process = supervisor(key, number);
  if (!process || !process->is_script_running) return;
  process->is_script_running = false;
  if (!folders.contains(key)) {
    supervisors_.erase(key);
    return checks_.on_script_killed(key);
  }
  Folder& folder = folders.at(key);
  checks_.on_script_end(key, outcome, folder.output);
  folder.output_synced = folder.output;
  TaskResult result;
  result.outcome = outcome;
  result.exit_status = outcome == TaskOutcome::failed ? 1 : 0;
  if (outcome != TaskOutcome::ok) result.message = "Failed to successfully execute command";
  result.output_bytes = folder.output;
  world_.after(latency(), [this, key, number, result] { write_result(key, number, result); });
}

/// The last thing written; a full disk is waited for.
void Host::write_result(const TaskKey& key, int number, TaskResult result) {
  if (!supervisor(key, number)) return;
  if (full > 0) {
    world_.after(500ms, [this, key, number, result] { write_result(key, number, result); });
    return;
  }
  if (folders.contains(key)) folders.at(key).result = result;
  supervisors_.erase(key);
  if (on_progress) on_progress();
}

void Host::stop(const TaskKey& key, Millis grace) {
  if (auto launching = launching_.find(key); launching != launching_.end()) launching->second.is_stopping = true;
  auto found = supervisors_.find(key);
  if (found == supervisors_.end()) return;
  found->second.is_stopping = true;
  if (!found->second.is_script_running) return;
  const Micros until = found->second.ignores_term ? Micros(grace) : random_.between(5ms, 200ms);
  world_.after(until, [this, key, number = found->second.number] { end_script(key, number, TaskOutcome::cancelled); });
}

Host::Sighting Host::look(const TaskKey& key) const {
  auto found = folders.find(key);
  if (found == folders.end()) return {Sighting::Kind::vanished, interrupted(0)};
  const Folder& folder = found->second;
  if (folder.result) return {Sighting::Kind::ended, *folder.result};
  if (folder.mark.empty() || is_mutant("forget_the_start_mark")) return {};
  if (supervisors_.contains(key)) return {Sighting::Kind::running};
  if (is_mutant("run_interrupted_again")) return {};
  return {Sighting::Kind::vanished, interrupted(folder.output)};
}

std::uint64_t Host::output_bytes(const TaskKey& key) const {
  auto found = folders.find(key);
  return found == folders.end() ? 0 : found->second.output;
}

void Host::reboot() {
  boot_id = fmt::format("{} boot {}", name, ++boots_ + 1);
  world_.note(name, "loses power");
  for (const auto& [task, process] : supervisors_) {
    if (process.is_script_running) checks_.on_script_killed(task);
  }
  supervisors_.clear();
  launching_.clear();
  for (auto undo = unsynced_.rbegin(); undo != unsynced_.rend(); ++undo) {
    if (undo->first + 5s >= world_.now()) undo->second();
  }
  unsynced_.clear();
  for (auto& [task, folder] : folders) {
    if (folder.result) continue;
    // The end of the file was in memory only, or part of it.
    folder.output = folder.output_synced + random_.below(folder.output - folder.output_synced + 1);
  }
}

void Host::lose_disk() {
  world_.note(name, "loses its disk");
  for (const auto& [task, folder] : folders) {
    auto row = truth_.tasks.find(task.task);
    if (row == truth_.tasks.end() || !row->second.started_at.is_set()) checks_.excuse(task);
  }
  reboot();
  folders.clear();
  settled.clear();
  seen_instance.clear();
  seen_epoch = highest_epoch = 0;
}

void Host::kill_supervisor() {
  if (supervisors_.empty()) return;
  auto victim = std::next(supervisors_.begin(), static_cast<long>(random_.below(supervisors_.size())));
  world_.note(name, "supervisor killed", [&] { return to_string(victim->first); }, victim->first.task.job);
  if (victim->second.is_script_running) checks_.on_script_killed(victim->first);
  supervisors_.erase(victim);
  if (on_progress) on_progress();
}

}  // namespace escape::simulation
