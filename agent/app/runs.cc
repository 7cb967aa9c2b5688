#include "agent/app/runs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/runner/cgroup.h"
#include "agent/runner/command.h"
#include "agent/runner/environment.h"
#include "agent/runner/masker.h"
#include "agent/runner/outcome.h"
#include "agent/runner/process.h"
#include "agent/runner/process_limits.h"
#include "shared/base/check.h"
#include "shared/base/fault_point.h"
#include "shared/base/log.h"
#include "shared/base/overloaded.h"
#include "shared/base/text.h"

namespace escape::agent {
namespace {

std::string in_folder(const std::string& folder, const char* name) { return io::join_path(folder, name); }

std::vector<std::pair<std::string, std::string>> secrets_of(const protocol::Offer& offer) {
  runner::RunRequest request;
  request.variables = offer.variables;
  request.secret_variables = offer.secret_variables;
  return runner::secrets_of(request);
}

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

/// Readable after that time.
io::Fd make_timer(Millis delay) {
  io::Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec when{};
  when.it_value.tv_sec = delay.count() / 1000;
  when.it_value.tv_nsec = delay.count() % 1000 * 1'000'000;
  (void)::timerfd_settime(timer.get(), 0, &when, nullptr);
  return timer;
}

/// How soon it is tried again to watch a script without a supervisor.
constexpr Millis adopt_again_after{1'000};

std::string find_cgroup_home(const std::string& data_folder) {
  Result<std::string> home = runner::make_cgroup_home(data_folder);
  if (home) {
    log_info("each script gets a cgroup of its own below {}: a cancel reaches all that it started", home.value());
    return std::move(home).value();
  }
  log_info("scripts get no cgroups of their own, so a cancel reaches a script's process group only: {}",
           describe(home.error()));
  return {};
}

}  // namespace

Runs::Runs(Options options, const journal::Journal& journal)
    : options_(std::move(options)),
      journal_(journal),
      cgroup_home_(find_cgroup_home(journal.data_folder())),
      notify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  CHECK(notify_);
}

Runs::~Runs() {
  if (cgroup_home_.empty()) return;
  clean_up();
  (void)::rmdir(cgroup_home_.c_str());  // stays while a script or what it left lives
}

void Runs::clean_up() const {
  if (cgroup_home_.empty()) return;
  std::set<std::string> names;
  for (const TaskKey& key : held_) names.insert(to_string(key));
  runner::remove_empty_cgroups(cgroup_home_, names);
}

std::function<void(std::string_view)> Runs::head_of_output(const protocol::Offer& offer) const {
  const std::string path = in_folder(journal_.folder_of(key_of(offer)), runner::file_name::output);
  return [path, secrets = secrets_of(offer)](std::string_view text) {
    const io::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file || !io::write_all(file, runner::masked(text, secrets), path)) return;
    // The task may be prepared again after a power cut, and what was sent by then has its place in the output.
    (void)::fsync(file.get());
    (void)io::sync_folder(io::parent_path(path));
  };
}

std::function<std::string(std::string_view)> Runs::masking(const protocol::Offer& offer) {
  return [secrets = secrets_of(offer)](std::string_view text) { return runner::masked(text, secrets); };
}

TaskResult Runs::unstarted(const protocol::Offer& offer, const Error& why) const {
  TaskResult result = runner::not_started_result(why);
  result.message = runner::masked(result.message, secrets_of(offer));
  result.output_bytes = output_bytes(key_of(offer));
  return result;
}

void Runs::start(const protocol::Offer& offer, const std::string& folder, Millis time_limit) {
  held_.insert(key_of(offer));
  if (offer.run.empty()) {
    TaskResult result;
    result.outcome = protocol::TaskOutcome::ok;
    result.output_bytes = output_bytes(key_of(offer));
    happened_.push_back(input::Ended{key_of(offer), std::move(result)});
    return;
  }
  Result<> launched = launch(offer, folder, time_limit);
  if (launched) return;
  runner::RunRequest nothing_ran;
  nothing_ran.version = runner::run_format;
  nothing_ran.file_to_remove = io::join_path(folder, runner::outputs_file);
  runner::remove_outputs_file(nothing_ran);
  add_end(key_of(offer), unstarted(offer, launched.error()));
}

Result<> Runs::launch(const protocol::Offer& offer, const std::string& folder, Millis time_limit) {
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
  request.file_to_remove = io::join_path(folder, runner::outputs_file);
  if (offer.reads_outputs) request.outputs_file = request.file_to_remove;
  request.time_limit = time_limit;
  request.cgroup_home = cgroup_home_;
  TRY(const std::vector<std::string> without, runner::fit_into_process(request, offer.files, runner::process_limits()));
  if (!without.empty()) head_of_output(offer)(join(without, ""));
  TRYV(runner::write_run_request(task_folder, request, journal_.keys()));
  TRYV(make_output_file(task_folder));
  fault_point("agent.before_launch");
  TRY(io::Fd process, runner::launch_supervisor(options_.supervisor_path, task_folder, journal_.keys()));
  fault_point("agent.after_launch");
  watch(key, offer, std::move(process));
  return ok();
}

Result<protocol::AgentTaskPhase> Runs::recover(const protocol::Offer& offer) {
  const TaskKey key = key_of(offer);
  held_.insert(key);
  Result<runner::Sighting> found = runner::look_for_run(journal_.folder_of(key));
  if (!found) {  // one damaged folder must not keep the agent from its other tasks
    add_end(key, runner::interrupted_result(describe(found.error()), output_bytes(key)));
    return protocol::AgentTaskPhase::running;
  }
  if (std::holds_alternative<runner::sighting::NotStarted>(found.value())) return protocol::AgentTaskPhase::accepted;
  act_on(key, offer, std::move(found).value());
  return protocol::AgentTaskPhase::running;
}

void Runs::stop(const TaskKey& key, Millis grace) {
  const auto run = runs_.find(key);
  if (run == runs_.end()) return;
  run->second.stop = grace;
  if (!run->second.is_timer) runner::ask_to_stop(run->second.process, grace);
}

void Runs::forget(const TaskKey& key) {
  unwatch(key);
  orphans_.erase(key);
  if (held_.erase(key) > 0) clean_up();
}

void Runs::unwatch(const TaskKey& key) {
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

void Runs::watch(const TaskKey& key, const protocol::Offer& offer, io::Fd process, bool is_timer) {
  const std::string path = in_folder(journal_.folder_of(key), runner::file_name::output);
  Run run;
  run.offer = offer;
  run.process = std::move(process);
  run.is_timer = is_timer;
  run.watch = ::inotify_add_watch(notify_.get(), path.c_str(), IN_MODIFY);
  if (run.watch >= 0) by_watch_[run.watch] = key;
  note_output(key, run);
  runs_[key] = std::move(run);
  descriptors_changed_ = true;
}

void Runs::add_end(const TaskKey& key, TaskResult result) {
  // Whoever watched the script may have died before it did so.
  const Result<runner::RunRequest> request = runner::read_run_request(journal_.folder_of(key), journal_.keys());
  if (request) runner::remove_outputs_file(request.value());
  happened_.push_back(input::Ended{key, std::move(result)});
}

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
  const std::string task_folder = journal_.folder_of(key);
  const bool was_timer = runs_.at(key).is_timer;
  const std::optional<Millis> stop_asked = runs_.at(key).stop;
  const std::string how = was_timer ? std::string() : runner::reap(runs_.at(key).process);
  unwatch(key);
  const bool is_in_order = how.empty() || how == "exit status 0";
  if (!is_in_order) runner::note_in_log(task_folder, "it ended with " + how);
  Result<runner::Sighting> seen = runner::look_for_run(task_folder);
  if (!seen) {
    add_end(key, runner::interrupted_result(describe(seen.error()), output_bytes(key)));
    return;
  }
  act_on(key, offer, std::move(seen).value(), was_timer);
  if (stop_asked) stop(key, *stop_asked);
}

void Runs::act_on(const TaskKey& key, const protocol::Offer& offer, runner::Sighting seen, bool was_timer) {
  std::visit(overloaded{
                 [&](runner::sighting::NotStarted&) {
                   const std::string said = runner::last_log_line(journal_.folder_of(key));
                   add_end(key, unstarted(offer, {ErrorKind::internal,
                                                  "The supervisor '" + options_.supervisor_path +
                                                      "' ended before it started the script" +
                                                      (said.empty() ? "" : ": " + said),
                                                  "Check that it can run and that the disk is not full.",
                                                  {}}));
                 },
                 [&](runner::sighting::Running& running) { watch(key, offer, std::move(running.process)); },
                 [&](runner::sighting::Ended& ended) { add_end(key, read_result(offer, ended.result)); },
                 [&](runner::sighting::Orphaned&) { adopt(key, offer, was_timer); },
                 [&](runner::sighting::Vanished& vanished) {
                   add_end(key, runner::interrupted_result(vanished.reason, output_bytes(key)));
                 },
                 [&](runner::sighting::NeverRan& never) {
                   add_end(key, unstarted(offer, {ErrorKind::internal, never.reason, {}, {}}));
                 },
             },
             seen);
}

/// It runs on without a supervisor, and is watched by one that starts nothing: the task is not over before the script
/// is. One that dies as well is replaced after a pause.
void Runs::adopt(const TaskKey& key, const protocol::Offer& offer, bool was_timer) {
  const std::string task_folder = journal_.folder_of(key);
  const bool is_new = orphans_.insert(key).second;
  if (is_new) {
    const std::string said = runner::last_log_line(task_folder);
    log_warn("the supervisor of task {} died{}; its script runs on and is watched", to_string(key),
             said.empty() ? "" : " (" + said + ")");
  }
  if (!is_new && !was_timer) return watch(key, offer, make_timer(adopt_again_after), true);
  Result<io::Fd> adopter = runner::launch_adopter(options_.supervisor_path, task_folder, journal_.keys());
  if (adopter) return watch(key, offer, std::move(adopter).value());
  if (is_new) log_error("it can't be watched yet, which is tried again: {}", describe(adopter.error()));
  watch(key, offer, make_timer(adopt_again_after), true);
}

TaskResult Runs::read_result(const protocol::Offer& offer, const runner::RunResult& run) const {
  const std::string task_folder = journal_.folder_of(key_of(offer));
  Result<runner::RunRequest> request = runner::read_run_request(task_folder, journal_.keys());
  TaskResult result = runner::to_task_result(run, request ? request.value() : runner::RunRequest{}, offer, task_folder,
                                             journal_.keys());
  // Its supervisor wrote nothing, but there may be what was told before.
  if (result.outcome == protocol::TaskOutcome::not_started) result.output_bytes = output_bytes(key_of(offer));
  return result;
}

}  // namespace escape::agent
