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
#include "controller/cli/remote_link.h"
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

agent::NodeOptions node_options(const WorkspaceOptions& options) {
  agent::NodeOptions node;
  node.data_folder = io::join_path(state_folder(options.folder), "agent");
  node.endpoint = "inproc://agents";
  node.workspace = options.folder;
  node.supervisor_path = io::join_path(io::program_folder(), "escape-supervisor");
  node.inherit_environment = true;
  node.download = options.download;
  // The controller is in this very process: it is there from the first try on.
  node.limits.first_retry = Millis{10};
  return node;
}

class WorkspaceLink : public cli::Link {
 public:
  static Result<std::unique_ptr<cli::Link>> start(WorkspaceOptions options, io::FileLock lock) {
    std::unique_ptr<WorkspaceLink> link(new WorkspaceLink(std::move(options), std::move(lock)));
    TRY(link->server_, controller::Server::start(link->context_, server_options(link->options_)));
    TRY(link->node_, agent::Node::make(link->context_, node_options(link->options_)));
    link->server_thread_.emplace([self = link.get()](int stop) {
      if (Result<> ended = self->server_->run(stop); !ended) self->note_end(std::move(ended).error());
    });
    link->node_thread_.emplace([node = link->node_.get()](int stop) {
      if (Result<> ended = node->run(stop); !ended) log_error("the embedded agent ended: {}", describe(ended.error()));
    });
    TRY(link->link_,
        cli::RemoteLink::open(link->context_, {.endpoint = "inproc://clients", .server_key = {}, .keys = {}}));
    return std::unique_ptr<cli::Link>(std::move(link));
  }

  Result<protocol::Reply> call(protocol::Request request) override {
    if (has_ended_) return fail(why_it_ended());
    return told_truly(link_->call(std::move(request)));
  }
  Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>& interrupted) override {
    return told_truly(link_->follow(job, from, on_entry, [&] { return has_ended_ || interrupted(); }));
  }
  Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                         const std::function<bool()>& interrupted) override {
    return told_truly(link_->follow_events(since, on_event, [&] { return has_ended_ || interrupted(); }));
  }

 private:
  WorkspaceLink(WorkspaceOptions options, io::FileLock lock) : options_(std::move(options)), lock_(std::move(lock)) {}

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

  // Destroyed from the bottom up: link, threads, what they run, sockets, inventory, lock. The controller's thread
  // first: it is not to hear that its agent leaves. They leave together and come back together, and each command that
  // only reads would tell of it in the log of a running job.
  WorkspaceOptions options_;
  io::FileLock lock_;
  transport::Context context_;
  std::unique_ptr<controller::Server> server_;
  std::unique_ptr<agent::Node> node_;
  std::optional<Worker> node_thread_;
  std::optional<Worker> server_thread_;
  std::unique_ptr<cli::Link> link_;
};

}  // namespace

Result<io::FileLock> lock_workspace(const std::string& workspace) {
  TRYV(io::make_folders(io::join_path(workspace, ".escape"), 0755));
  const std::string path = lock_file(workspace);
  Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    std::fprintf(stderr, "Waiting for another command in this workspace (%s).\n", io::FileLock::holder(path).c_str());
    lock = io::FileLock::exclusive(path);
  }
  if (lock) lock.value().describe(own_command());
  return lock;
}

Result<std::unique_ptr<cli::Link>> open_workspace(WorkspaceOptions options) {
  TRY(io::FileLock lock, lock_workspace(options.folder));
  return WorkspaceLink::start(std::move(options), std::move(lock));
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

}  // namespace

Result<std::unique_ptr<cli::Link>> read_workspace(WorkspaceOptions options) {
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
        TRY(std::unique_ptr<cli::Link> link, WorkspaceLink::start(std::move(options), std::move(lock).value()));
        catch_up(*link, jobs);
        return link;
      }
    }
  }
  std::shared_ptr<inventory::Client> inventory = std::move(options.inventory);
  auto seeing = std::make_shared<controller::SeeingClient>(
      *inventory, io::join_path(state_folder(options.folder), "seen-packages"));
  return std::unique_ptr<cli::Link>(new ReadOnlyLink(
      std::move(database), [inventory, seeing](const release::ReleaseQuery& query) { return seeing->resolve(query); }));
}

}  // namespace escape::embedded
