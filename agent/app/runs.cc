#include "agent/app/runs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/runner/command.h"
#include "agent/runner/environment.h"
#include "agent/runner/launcher.h"
#include "agent/runner/outcome.h"
#include "agent/runner/process.h"
#include "shared/base/check.h"
#include "shared/base/overloaded.h"

namespace escape::agent {
namespace {

std::string in_folder(const std::string& folder, const char* name) { return io::join_path(folder, name); }

/// Made by the agent, so that it can be watched before the supervisor writes to it.
Result<> make_output_file(const std::string& task_folder) {
  const std::string path = in_folder(task_folder, runner::file_name::output);
  const io::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file) return ok();
  return fail(ErrorKind::storage, "Couldn't create '" + path + "': " + std::strerror(errno));
}

bool is_readable(int descriptor) {
  pollfd ready{descriptor, POLLIN, 0};
  return ::poll(&ready, 1, 0) > 0;
}

}  // namespace

Runs::Runs(Options options, const journal::Journal& journal)
    : options_(std::move(options)), journal_(journal), notify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  CHECK(notify_);
}

void Runs::start(const protocol::Offer& offer, const std::string& folder) {
  Result<> launched = launch(offer, folder);
  if (!launched) add_end(key_of(offer), runner::not_started_result(launched.error()));
}

Result<> Runs::launch(const protocol::Offer& offer, const std::string& folder) {
  const TaskKey key = key_of(offer);
  const std::string task_folder = journal_.folder_of(key);
  const std::string inline_path = in_folder(task_folder, runner::file_name::inline_script);
  TRYV(runner::prepare_outputs_file(folder, offer));
  TRY(runner::Command command, runner::make_command(offer.run, offer.step, folder, inline_path));
  if (!command.inline_script.empty()) {
    TRYV(runner::write_unsynced(inline_path, command.inline_script));
  }

  runner::RunRequest request;
  request.argv = std::move(command.argv);
  request.folder = folder;
  request.variables = runner::script_environment(offer, runner::own_environment(), options_.inherit_environment);
  request.secret_variables = offer.secret_variables;
  if (offer.reads_outputs) request.outputs_file = io::join_path(folder, runner::outputs_file);
  request.time_limit = offer.time_limit;
  TRYV(runner::write_run_request(task_folder, request));
  TRYV(make_output_file(task_folder));
  TRY(io::Fd process, runner::launch_supervisor(options_.supervisor_path, task_folder));
  watch(key, offer, std::move(process));
  return ok();
}

Result<protocol::AgentTaskPhase> Runs::recover(const protocol::Offer& offer) {
  const TaskKey key = key_of(offer);
  Result<runner::Sighting> found = runner::look_for_run(journal_.folder_of(key));
  if (!found) {  // one damaged folder must not keep the agent from its other tasks
    add_end(key, runner::interrupted_result(describe(found.error()), output_bytes(key)));
    return protocol::AgentTaskPhase::running;
  }
  runner::Sighting seen = std::move(found).value();
  return std::visit(overloaded{
                        [&](runner::sighting::NotStarted&) { return protocol::AgentTaskPhase::accepted; },
                        [&](runner::sighting::Running& running) {
                          watch(key, offer, std::move(running.process));
                          return protocol::AgentTaskPhase::running;
                        },
                        [&](runner::sighting::Ended& ended) {
                          add_end(key, read_result(offer, ended.result));
                          return protocol::AgentTaskPhase::running;
                        },
                        [&](runner::sighting::Vanished& vanished) {
                          add_end(key, runner::interrupted_result(vanished.reason, output_bytes(key)));
                          return protocol::AgentTaskPhase::running;
                        },
                    },
                    seen);
}

void Runs::stop(const TaskKey& key, Millis grace) {
  const auto run = runs_.find(key);
  if (run != runs_.end()) runner::ask_to_stop(run->second.process, grace);
}

void Runs::forget(const TaskKey& key) {
  const auto run = runs_.find(key);
  if (run == runs_.end()) return;
  (void)::inotify_rm_watch(notify_.get(), run->second.watch);
  by_watch_.erase(run->second.watch);
  runs_.erase(run);
  descriptors_changed_ = true;
}

std::uint64_t Runs::output_bytes(const TaskKey& key) const {
  const Result<std::uint64_t> size = io::file_size(in_folder(journal_.folder_of(key), runner::file_name::output));
  return size ? size.value() : 0;
}

std::vector<Input> Runs::collect() {
  collect_output();
  collect_ends();
  return std::exchange(happened_, {});
}

std::vector<int> Runs::descriptors() const {
  std::vector<int> all{notify_.get()};
  for (const auto& [key, run] : runs_) all.push_back(run.process.get());
  return all;
}

bool Runs::take_descriptors_changed() { return std::exchange(descriptors_changed_, false); }

void Runs::watch(const TaskKey& key, const protocol::Offer& offer, io::Fd process) {
  const std::string path = in_folder(journal_.folder_of(key), runner::file_name::output);
  Run run{offer, std::move(process), ::inotify_add_watch(notify_.get(), path.c_str(), IN_MODIFY), 0};
  if (run.watch >= 0) by_watch_[run.watch] = key;
  note_output(key, run);
  runs_[key] = std::move(run);
  descriptors_changed_ = true;
}

void Runs::add_end(const TaskKey& key, TaskResult result) { happened_.push_back(input::Ended{key, std::move(result)}); }

void Runs::collect_output() {
  alignas(inotify_event) std::array<char, 16 << 10> buffer;
  std::map<TaskKey, bool> grown;
  for (ssize_t count = 0; (count = ::read(notify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < count;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if (event.mask & IN_Q_OVERFLOW) {
        for (const auto& [key, run] : runs_) grown[key] = true;
      }
      if (const auto found = by_watch_.find(event.wd); found != by_watch_.end()) grown[found->second] = true;
    }
  }
  for (const auto& [key, has_grown] : grown) {
    if (const auto run = runs_.find(key); run != runs_.end()) note_output(key, run->second);
  }
}

void Runs::note_output(const TaskKey& key, Run& run) {
  const std::uint64_t bytes = output_bytes(key);
  if (bytes <= run.seen_bytes) return;
  run.seen_bytes = bytes;
  happened_.push_back(input::OutputGrew{key, bytes});
}

void Runs::collect_ends() {
  std::vector<TaskKey> ended;
  for (const auto& [key, run] : runs_) {
    if (is_readable(run.process.get())) ended.push_back(key);
  }
  for (const TaskKey& key : ended) look_again(key);
}

/// A supervisor has ended. Usually it has left a result; if it lost the race for the start mark, the other one goes on.
void Runs::look_again(const TaskKey& key) {
  const protocol::Offer offer = runs_.at(key).offer;
  runner::reap(runs_.at(key).process);
  forget(key);
  Result<runner::Sighting> seen = runner::look_for_run(journal_.folder_of(key));
  if (!seen) {
    add_end(key, runner::interrupted_result(describe(seen.error()), output_bytes(key)));
    return;
  }
  std::visit(overloaded{
                 [&](runner::sighting::NotStarted&) {
                   add_end(key, runner::not_started_result({ErrorKind::internal,
                                                            "The supervisor '" + options_.supervisor_path +
                                                                "' ended before it started the script",
                                                            "Check that it can run and that the disk is not full.",
                                                            {}}));
                 },
                 [&](runner::sighting::Running& running) { watch(key, offer, std::move(running.process)); },
                 [&](runner::sighting::Ended& ended) { add_end(key, read_result(offer, ended.result)); },
                 [&](runner::sighting::Vanished& vanished) {
                   add_end(key, runner::interrupted_result(vanished.reason, output_bytes(key)));
                 },
             },
             seen.value());
}

TaskResult Runs::read_result(const protocol::Offer& offer, const runner::RunResult& run) const {
  const std::string task_folder = journal_.folder_of(key_of(offer));
  Result<runner::RunRequest> request = runner::read_run_request(task_folder);
  return runner::to_task_result(run, request ? request.value() : runner::RunRequest{}, offer, task_folder);
}

}  // namespace escape::agent
