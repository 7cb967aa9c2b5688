#include "controller/embedded/workspace_controller.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <thread>

#include "agent/app/node.h"
#include "controller/app/seen_files.h"
#include "controller/app/server.h"
#include "controller/cli/lock_wait.h"
#include "controller/cli/remote_link.h"
#include "controller/embedded/cancel_requests.h"
#include "controller/embedded/read_only_link.h"
#include "controller/store/rows.h"
#include "shared/base/log.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace escape::embedded {
namespace {

std::string state_folder(const std::string& workspace) { return io::join_path(workspace, ".escape/state"); }
std::string lock_file(const std::string& workspace) { return io::join_path(workspace, ".escape/lock"); }

/// What this process was asked to do, for whoever waits: arguments without values that could be secrets.
std::string own_command() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string argument, command = "escape";
  for (int taken = 0; taken < 3 && std::getline(in, argument, '\0'); ++taken) {
    if (taken == 0) continue;
    if (argument.starts_with("-")) break;
    command += " " + argument;
  }
  return "pid " + std::to_string(getpid()) + ": " + command;
}

/// A thread that runs until its waker is woken.
class Worker {
 public:
  template <class Run>
  explicit Worker(Run run) : thread_([this, run]() mutable { run(stop_.descriptor()); }) {}
  ~Worker() {
    stop_.wake();
    thread_.join();
  }

 private:
  io::Waker stop_;
  std::thread thread_;
};

controller::ServerOptions server_options(const WorkspaceOptions& options) {
  controller::ServerOptions server;
  server.data_folder = state_folder(options.folder);
  server.agent_endpoints = {"inproc://agents"};
  server.client_endpoints = {"inproc://clients"};
  server.inventory = options.inventory.get();
  server.settings.is_embedded = true;
  server.settings.inventory_url = options.inventory_url;
  return server;
}

agent::NodeOptions node_options(const WorkspaceOptions& options, cli::Access access) {
  agent::NodeOptions node;
  node.data_folder = io::join_path(state_folder(options.folder), "agent");
  node.endpoint = "inproc://agents";
  node.workspace = options.folder;
  node.supervisor_path = io::join_path(io::program_folder(), "escape-supervisor");
  node.begins_nothing = access == cli::Access::read;
  node.inherit_environment = true;
  node.download = options.download;
  // The controller is in this very process: it is there from the first try on.
  node.limits.first_retry = Millis{10};
  return node;
}

class WorkspaceLink : public cli::Link {
 public:
  static Result<std::unique_ptr<cli::Link>> start(WorkspaceOptions options, io::FileLock lock, cli::Access access) {
    std::unique_ptr<WorkspaceLink> link(new WorkspaceLink(std::move(options), std::move(lock), access));
    TRY(link->server_, controller::Server::start(link->context_, server_options(link->options_)));
    TRY(link->node_, agent::Node::make(link->context_, node_options(link->options_, access)));
    link->server_thread_.emplace([self = link.get()](int stop) {
      if (Result<> ended = self->server_->run(stop); !ended) self->note_end(std::move(ended).error());
    });
    TRY(link->link_, connect(link->context_));
    TRY(link->link_of_others_, connect(link->context_));
    link->requests_thread_.emplace(
        [self = link.get()](int stop) { answer_cancel_requests(self->options_.folder, *self->link_of_others_, stop); });
    return std::unique_ptr<cli::Link>(std::move(link));
  }

  Result<protocol::Reply> call(protocol::Request request) override {
    if (has_ended_) return fail(why_it_ended());
    const bool changes = protocol::changes_something(request);
    Result<protocol::Reply> reply = told_truly(link_->call(std::move(request)));
    // The agent comes after the first change, which may be to cancel what would go on with it.
    if (changes) start_agent();
    return reply;
  }
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override {
    if (access_ != cli::Access::attend || !is_settled(job)) start_agent();
    return told_truly(link_->follow(job, from, on_entry, [&] { return has_ended_ || interrupted(); }));
  }
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override {
    if (access_ != cli::Access::attend) start_agent();
    return told_truly(link_->follow_events(since, on_event, [&] { return has_ended_ || interrupted(); }));
  }
  cli::Worker worker() const override { return access_ == cli::Access::read ? cli::Worker::nobody : cli::Worker::us; }

 private:
  WorkspaceLink(WorkspaceOptions options, io::FileLock lock, cli::Access access)
      : options_(std::move(options)), lock_(std::move(lock)), access_(access) {}

  static Result<std::unique_ptr<cli::Link>> connect(transport::Context& context) {
    TRY(std::unique_ptr<cli::Link> link,
        cli::RemoteLink::open(context, {.endpoint = "inproc://clients", .server_key = {}, .keys = {}}));
    return link;
  }

  void start_agent() {
    if (node_thread_) return;
    node_thread_.emplace([node = node_.get()](int stop) {
      if (Result<> ended = node->run(stop); !ended) log_error("the embedded agent ended: {}", describe(ended.error()));
    });
  }

  bool is_settled(JobId job) {
    const Result<protocol::Reply> reply = link_->call(protocol::request::ShowJob{job});
    const auto* shown = reply ? std::get_if<protocol::reply::Job>(&reply.value()) : nullptr;
    return shown && shown->job.phase == protocol::JobPhase::settled;
  }

  /// The controller ends by itself only when it cannot go on: its disk is full, for one.
  void note_end(Error error) {
    const std::lock_guard guard(end_mutex_);
    end_ = std::move(error);
    has_ended_ = true;
  }
  Error why_it_ended() {
    const std::lock_guard guard(end_mutex_);
    return Error(*end_).in("the controller of this workspace ended");
  }
  /// The reason of the end instead of the silence that follows from it.
  template <class T>
  Result<T> told_truly(Result<T> result) {
    if (result || !has_ended_) return result;
    return fail(why_it_ended());
  }

  std::mutex end_mutex_;
  std::optional<Error> end_;
  std::atomic<bool> has_ended_ = false;

  // Destroyed from the bottom up: threads, links, what they run, sockets, inventory, lock. The controller's thread
  // before its agent's: it is not to hear that its agent leaves. They leave together and come back together, and each
  // command that only reads would tell of it in the log of a running job.
  WorkspaceOptions options_;
  io::FileLock lock_;
  cli::Access access_;
  transport::Context context_;
  std::unique_ptr<controller::Server> server_;
  std::unique_ptr<agent::Node> node_;
  std::optional<Worker> node_thread_;
  std::optional<Worker> server_thread_;
  std::unique_ptr<cli::Link> link_;
  std::unique_ptr<cli::Link> link_of_others_;  ///< of `requests_thread_`
  std::optional<Worker> requests_thread_;
};

}  // namespace

Result<io::FileLock> lock_workspace(const std::string& workspace, std::optional<Millis> limit) {
  TRYV(io::make_folders(io::join_path(workspace, ".escape"), 0755));
  const std::string path = lock_file(workspace);
  Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    std::fprintf(stderr, "Waiting for another command in this workspace (%s).\n", io::FileLock::holder(path).c_str());
    lock = cli::wait_for_lock(path, limit);
  }
  if (lock) lock.value().describe(own_command());
  return lock;
}

namespace {

/// Scripts of a killed command may have ended since: their results are taken up before anybody is told that they run.
constexpr Millis time_to_catch_up{300};

void catch_up(cli::Link& link, const std::vector<JobId>& jobs) {
  const Instant end = read_clocks().steady + time_to_catch_up;
  for (const JobId job : jobs) {
    const auto ignored =
        link.follow(job, 1, [](const protocol::LogEntry&) {}, [end] { return read_clocks().steady >= end; });
    if (!ignored) return;  // it goes on, and is shown as it is
  }
}

/// A folder that may not be looked into is not one where nothing is.
Result<bool> has_state(const std::string& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) == 0) return true;
  if (errno == ENOENT) return false;
  return fail(io::file_error("read the state in", folder, errno));
}

/// Follows what another command does, and goes on with it when that one ends before the job.
class AttendingLink : public cli::Link {
 public:
  AttendingLink(WorkspaceOptions options, std::unique_ptr<cli::Link> reading)
      : options_(std::move(options)), link_(std::move(reading)) {}

  Result<protocol::Reply> call(protocol::Request request) override { return link_->call(std::move(request)); }
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override {
    std::uint64_t next = from;
    const auto show = [&](const protocol::LogEntry& entry) {
      on_entry(entry);
      next = entry.sequence + 1;
    };
    std::optional<io::FileLock> free;
    const auto is_over = [&] {
      if (interrupted()) return true;
      if (is_ours_) return false;
      if (Result<io::FileLock> lock = io::FileLock::try_exclusive(lock_file(options_.folder)); lock) {
        free = std::move(lock).value();
      }
      return free.has_value();
    };
    Result<protocol::JobView> view = link_->follow(job, next, show, is_over);
    if (!free) return view;
    free->describe(own_command());
    TRY(link_, WorkspaceLink::start(std::move(options_), std::move(*free), cli::Access::attend));
    free.reset();
    is_ours_ = true;
    return link_->follow(job, next, show, is_over);
  }
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override {
    return link_->follow_events(since, on_event, interrupted);
  }
  cli::Worker worker() const override { return link_->worker(); }

 private:
  WorkspaceOptions options_;
  std::unique_ptr<cli::Link> link_;
  bool is_ours_ = false;
};

/// What `attend` asks of a view resolves nothing.
Result<release::ReleaseRecord> resolve_nothing(const release::ReleaseQuery& query) {
  return fail(ErrorKind::not_found, to_string(query) + " was not looked for.");
}

Result<std::unique_ptr<cli::Link>> look_into(WorkspaceOptions options, cli::Access access) {
  const std::string folder = io::join_path(state_folder(options.folder), "db");
  std::unique_ptr<store::Database> database = store::make_memory_database();
  TRY(const bool is_there, has_state(folder));
  if (is_there) {
    Result<io::FileLock> lock = io::FileLock::try_exclusive(lock_file(options.folder));
    const std::string key_file = controller::key_file_of(state_folder(options.folder), {});
    TRY(database, store::open_rocksdb(folder, store::Access::read_only, key_file));
    if (lock) {
      TRY(controller::State state, store::load_state(*database));
      if (!state.jobs.empty()) {
        database.reset();
        lock.value().describe(own_command());
        std::vector<JobId> jobs;
        for (const auto& [number, job] : state.jobs) jobs.push_back(number);
        TRY(std::unique_ptr<cli::Link> link, WorkspaceLink::start(std::move(options), std::move(lock).value(), access));
        if (access == cli::Access::read) catch_up(*link, jobs);
        return link;
      }
    } else if (access == cli::Access::attend) {
      return std::unique_ptr<cli::Link>(
          new AttendingLink(std::move(options), std::make_unique<ReadOnlyLink>(std::move(database), resolve_nothing)));
    }
  }
  std::shared_ptr<inventory::Client> inventory = std::move(options.inventory);
  auto seeing = std::make_shared<controller::SeeingClient>(
      *inventory, io::join_path(state_folder(options.folder), "seen-packages"));
  return std::unique_ptr<cli::Link>(new ReadOnlyLink(
      std::move(database), [inventory, seeing](const release::ReleaseQuery& query) { return seeing->resolve(query); }));
}

/// Has whoever works in the workspace cancel jobs, or does it itself once nobody works there.
class StoppingLink : public cli::Link {
 public:
  explicit StoppingLink(WorkspaceOptions options) : options_(std::move(options)) {}

  Result<protocol::Reply> call(protocol::Request request) override {
    const auto* cancel = std::get_if<protocol::request::CancelJob>(&request);
    if (!inner_ && cancel) {
      const std::string file = lock_file(options_.folder);
      const auto is_worked_in = [&] { return !io::FileLock::try_exclusive(file); };
      const Millis limit = options_.limit.value_or(time_to_answer);
      TRY(std::optional<protocol::Reply> reply, ask_to_cancel(options_.folder, cancel->job, limit, is_worked_in));
      if (reply) return std::move(*reply);
      if (is_worked_in()) {
        return fail(ErrorKind::timed_out,
                    "The command that works in this workspace did not answer (" + io::FileLock::holder(file) + ").",
                    "Stop it there with Ctrl-C, then run this again.");
      }
    }
    TRYV(open());
    const JobId job = cancel ? cancel->job : 0;
    Result<protocol::Reply> reply = inner_->call(std::move(request));
    return job == 0 || !reply ? std::move(reply) : stopped(job, std::move(reply));
  }
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override {
    TRYV(open());
    return inner_->follow(job, from, on_entry, interrupted);
  }
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override {
    TRYV(open());
    return inner_->follow_events(since, on_event, interrupted);
  }

 private:
  // Far beyond one commit, on a slow disk too; and beyond the time that a script has to end (Settings::cancel_grace).
  static constexpr Millis time_to_answer{10'000};
  static constexpr Millis time_to_stop{20'000};

  /// Nobody else would tell its script, so this command stays until it has heard of its end.
  Result<protocol::Reply> stopped(JobId job, Result<protocol::Reply> told) {
    const Instant end = read_clocks().steady + options_.limit.value_or(time_to_stop);
    const auto settled =
        inner_->follow(job, 1, [](const protocol::LogEntry&) {}, [end] { return read_clocks().steady >= end; });
    if (!settled || settled.value().outcome != protocol::JobOutcome::cancelled) return told;
    return protocol::Reply(protocol::reply::Done{"Job " + std::to_string(job) + " is cancelled."});
  }

  Result<> open() {
    if (inner_) return ok();
    TRY(io::FileLock lock, lock_workspace(options_.folder, options_.limit));
    const std::optional<Millis> limit = options_.limit;
    TRY(inner_, WorkspaceLink::start(std::move(options_), std::move(lock), cli::Access::stop));
    options_.limit = limit;
    return ok();
  }

  WorkspaceOptions options_;
  std::unique_ptr<cli::Link> inner_;
};

}  // namespace

Result<std::unique_ptr<cli::Link>> open_workspace(WorkspaceOptions options, cli::Access access) {
  switch (access) {
    case cli::Access::read:
    case cli::Access::attend:
      return look_into(std::move(options), access);
    case cli::Access::stop:
      return std::unique_ptr<cli::Link>(new StoppingLink(std::move(options)));
    case cli::Access::write:
      break;
  }
  TRY(io::FileLock lock, lock_workspace(options.folder, options.limit));
  return WorkspaceLink::start(std::move(options), std::move(lock), access);
}

}  // namespace escape::embedded
