#include "agent/app/node.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "agent/app/host_facts.h"
#include "agent/app/runs.h"
#include "agent/app/session.h"
#include "agent/core/core.h"
#include "agent/journal/identity.h"
#include "agent/journal/journal.h"
#include "agent/packages/fetcher.h"
#include "agent/packages/packages.h"
#include "agent/packages/preparation.h"
#include "agent/runner/launcher.h"
#include "agent/runner/outcome.h"
#include "shared/base/crypto.h"
#include "shared/base/fault_point.h"
#include "shared/base/log.h"
#include "shared/base/overloaded.h"
#include "shared/base/text.h"
#include "shared/io/beneath.h"
#include "shared/io/http_client.h"
#include "shared/io/service.h"

namespace escape::agent {
namespace {

constexpr std::string_view inproc_scheme = "inproc://";
constexpr std::string_view tcp_scheme = "tcp://";
/// How soon the journal is tried again when the disk did not take something.
constexpr Micros write_again_after{1'000'000};

/// systemd wants a sign of life at least this often (sd_watchdog_enabled(3)); zero: it does not.
Micros watchdog_interval() {
  const char* text = std::getenv("WATCHDOG_USEC");
  return Micros{text ? std::strtoll(text, nullptr, 10) / 3 : 0};
}

/// "tcp://host:7771" → "host"; "tcp://[::1]:7771" → "[::1]".
std::string host_of(std::string_view endpoint) {
  if (endpoint.starts_with(tcp_scheme)) endpoint.remove_prefix(tcp_scheme.size());
  return std::string(endpoint.substr(0, endpoint.rfind(':')));
}

Settings settings_of(const NodeOptions& options) {
  Settings settings;
  settings.is_inproc = options.endpoint.starts_with(inproc_scheme);
  settings.placement = options.placement;
  settings.workspace = options.workspace;
  return settings;
}

/// An enrolled agent obeys the one controller that it was enrolled at. Others meet controllers that come and go: a
/// workspace's state is reset by deleting it, and its process joins whichever controller the profile names.
bool is_enrolled(const NodeOptions& options) {
  return options.placement != "workspace" && !options.endpoint.starts_with(inproc_scheme);
}

/// Task ids are a controller's own: two controllers' must not meet in one journal.
std::string folder_for_controller(const NodeOptions& options) {
  if (is_enrolled(options) || options.endpoint.starts_with(inproc_scheme)) return options.data_folder;
  return io::join_path(options.data_folder, fingerprint(options.server_key));
}

/// What the journal kept, with what the runner sees of it. A task whose files can't be read any more is left alone.
Result<Recovered> recover(journal::Journal& journal, Runs& runs) {
  TRY(journal::Journal::Found found, journal.find_all());
  for (const std::string& what : found.unreadable) log_error("A task in the journal is left alone: {}", what);
  Recovered recovered;
  recovered.settled = std::move(found.settled);
  for (journal::Journal::Kept& kept : found.tasks) {
    RecoveredTask task;
    task.output_bytes = runs.output_bytes(key_of(kept.offer));
    task.result = std::move(kept.result);
    if (task.result) {
      task.phase = protocol::AgentTaskPhase::finished;
    } else {
      TRY(task.phase, runs.recover(kept.offer));
    }
    task.offer = std::move(kept.offer);
    recovered.tasks.push_back(std::move(task));
  }
  runs.clean_up();
  return recovered;
}

}  // namespace

struct Node::Impl {
  Impl(transport::Context& context, NodeOptions given, std::unique_ptr<journal::Journal> opened)
      : options(std::move(given)),
        journal(std::move(opened)),
        runs({options.supervisor_path.empty() ? runner::default_supervisor_path() : options.supervisor_path,
              options.inherit_environment},
             *journal),
        packages(options.data_folder, options.download ? options.download : io::download),
        fetcher(packages, waker),
        facts(read_host_facts()),
        session(context, {options.endpoint, options.server_key, options.keys}, options.limits, session_events()) {}

  Result<> begin();
  Result<> loop(int stop_descriptor);
  Session::Events session_events();
  protocol::Hello make_hello() const;
  Result<> on_welcome(const protocol::Welcome& welcome, const std::string& instance, Epoch epoch);
  Result<> start_over();
  Result<> on_refused(const protocol::Refused& refused);

  void collect_inputs();
  Result<> work_off_inputs();
  Result<> carry_out(Effects effects);
  Result<> wait_for_disk(Effects effects, const Error& error);
  Result<> write(const JournalWrite& write);
  void send(const Outgoing& outgoing);
  void send_output(const send::Output& output);
  void send_finished(const send::Finished& finished);
  void prepare(const TaskKey& key);
  packages::Preparation preparation_of(const protocol::Offer& offer) const;
  void forget(const TaskKey& key);
  void remove_value_files(const TaskKey& key) const;

  void watch_descriptors();
  Millis time_to_next_deadline() const;
  void tell_service_manager(const std::string& state) const;

  NodeOptions options;
  std::unique_ptr<journal::Journal> journal;
  Runs runs;
  io::Waker waker;
  packages::Packages packages;
  packages::Fetcher fetcher;
  protocol::HostFacts facts;
  const std::string process = random_hex(16);
  transport::Poller poller;
  Session session;
  std::optional<Core> core;
  std::deque<Input> inputs;
  std::optional<Instant> core_wake_at;
  std::optional<Effects> unwritten;  ///< what the disk did not take: nothing else is decided before it does
  Instant write_again_at{};
  std::set<int> watched;
  journal::SeenController seen;
  std::optional<std::string>
      inventory_url;  ///< known since the first Welcome; empty: packages are files of this machine
  std::vector<TaskKey> wait_for_inventory;
  Micros watchdog{0};
};

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::make(transport::Context& context, NodeOptions options) {
  // Scripts run in other folders, and what they start with names files of this one.
  options.data_folder = io::absolute_path(folder_for_controller(options));
  TRY(std::unique_ptr<journal::Journal> journal, journal::Journal::open(options.data_folder));
  auto impl = std::make_unique<Impl>(context, std::move(options), std::move(journal));
  TRYV(impl->begin());
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Result<> Node::run(int stop_descriptor) {
  Result<> done = impl_->loop(stop_descriptor);
  impl_->session.close(impl_->poller);
  return done;
}

Result<> Node::Impl::begin() {
  TRY(seen, journal::load_seen_controller(options.data_folder));
  if (is_enrolled(options) && !seen.instance.empty()) session.remember(seen.instance, seen.epoch);
  TRY(Recovered recovered, recover(*journal, runs));
  core.emplace(settings_of(options), std::move(recovered));
  inputs.push_back(input::Started{});
  if (options.notifies_service_manager) watchdog = watchdog_interval();
  return ok();
}

/// The whole agent: 1. Wait until something is readable or due. 2. Gather what workers, scripts and the controller have
/// to tell. 3. Let the core decide on each; write (synced), then send, then act.
Result<> Node::Impl::loop(int stop_descriptor) {
  poller.add_descriptor(stop_descriptor);
  poller.add_descriptor(waker.descriptor());
  TRYV(work_off_inputs());
  tell_service_manager("READY=1");
  for (;;) {
    watch_descriptors();
    poller.wait(time_to_next_deadline());
    if (poller.is_readable(stop_descriptor)) break;
    collect_inputs();
    TRYV(session.turn(poller));
    TRYV(work_off_inputs());
    if (watchdog.count() > 0) tell_service_manager("WATCHDOG=1");
  }
  poller.remove_descriptor(stop_descriptor);
  return ok();
}

Session::Events Node::Impl::session_events() {
  Session::Events events;
  events.make_hello = [this] { return make_hello(); };
  events.on_welcome = [this](const protocol::Welcome& welcome, const std::string& instance, Epoch epoch) {
    return on_welcome(welcome, instance, epoch);
  };
  events.on_message = [this](const protocol::ToAgent& message) -> Result<> {
    // Not answered, an offer stays open for whoever begins it.
    if (options.begins_nothing && std::holds_alternative<protocol::Offer>(message)) return ok();
    inputs.push_back(input::FromController{message});
    return ok();
  };
  events.on_closed = [this] {
    inputs.push_back(input::SessionClosed{});
    tell_service_manager("STATUS=Waiting for the controller at " + options.endpoint);
  };
  events.on_refused = [this](const protocol::Refused& refused) { return on_refused(refused); };
  return events;
}

/// Processes of one person in several folders share a key: the folder tells them apart.
protocol::Hello Node::Impl::make_hello() const {
  std::map<std::string, std::string> labels = options.labels;
  if (options.placement == "workspace") labels["workspace"] = options.workspace;
  return {facts,
          options.placement,
          std::move(labels),
          core->holds(),
          process,
          read_clocks().wall,
          {std::string(protocol::ability_prepare)}};
}

Result<> Node::Impl::on_welcome(const protocol::Welcome& welcome, const std::string& instance, Epoch epoch) {
  if (!seen.instance.empty() && seen.instance != instance) {
    TRYV(start_over());
  }
  if (seen.instance != instance || seen.epoch != epoch) {
    seen = {instance, epoch};
    TRYV(journal::save_seen_controller(options.data_folder, seen));
  }
  inventory_url = welcome.inventory_url;
  if (inventory_url->empty() && welcome.inventory_port != 0 && !options.endpoint.starts_with(inproc_scheme)) {
    inventory_url = "http://" + host_of(options.endpoint) + ":" + std::to_string(welcome.inventory_port);
  }
  for (const TaskKey& key : std::exchange(wait_for_inventory, {})) prepare(key);
  tell_service_manager("STATUS=Connected to the controller at " + options.endpoint + " as agent '" + welcome.agent +
                       "'");
  return ok();
}

/// The controller's state was reset, so its task numbers begin again: what is held under them is another task.
Result<> Node::Impl::start_over() {
  if (core->held_count() > 0) {
    log_warn("The controller at {} has no memory of this agent's {} tasks; they are dropped", options.endpoint,
             core->held_count());
  }
  for (const protocol::HeldTask& held : core->holds()) forget({held.task, held.attempt});
  // What dropped tasks have come to would be taken for that of new ones with their numbers.
  (void)runs.collect();
  (void)fetcher.take();
  (void)fetcher.take_told();
  inputs.clear();
  wait_for_inventory.clear();
  core.emplace(settings_of(options), Recovered{});
  return journal->start_over();
}

/// A daemon asks again for ever: somebody may put it right at the controller. A command that joined would only hang.
Result<> Node::Impl::on_refused(const protocol::Refused& refused) {
  if (!refused.is_final || options.placement != "workspace") return ok();
  return fail(kind_from_name(refused.kind), refused.message);
}

void Node::Impl::collect_inputs() {
  waker.clear();
  for (const TaskKey& key : fetcher.take_told()) inputs.push_back(input::OutputGrew{key, runs.output_bytes(key)});
  for (packages::Fetcher::Done& done : fetcher.take()) {
    if (done.folder) {
      inputs.push_back(input::Prepared{done.key, std::move(done.folder).value()});
    } else {
      const Held* task = core->find(done.key);
      if (task) inputs.push_back(input::Ended{done.key, runs.unstarted(task->offer, done.folder.error())});
    }
  }
  for (Input& input : runs.collect()) inputs.push_back(std::move(input));
  if (!unwritten && core_wake_at && read_clocks().steady >= *core_wake_at)
    inputs.push_back(input::Tick{fetcher.doing()});
}

Result<> Node::Impl::work_off_inputs() {
  if (unwritten) {
    if (read_clocks().steady < write_again_at) return ok();
    TRYV(carry_out(*std::exchange(unwritten, std::nullopt)));
    if (!unwritten) log_info("the journal in {} takes entries again", options.data_folder);
  }
  while (!unwritten && !inputs.empty()) {
    const Input input = std::move(inputs.front());
    inputs.pop_front();
    if (const auto* ended = std::get_if<input::Ended>(&input)) remove_value_files(ended->key);
    Effects effects = core->on(input, read_clocks());
    core_wake_at = effects.wake_at;
    if (!effects.ignored.empty()) log_debug("nothing to do: {}", effects.ignored);
    TRYV(carry_out(std::move(effects)));
    for (Input& more : runs.collect()) inputs.push_back(std::move(more));
  }
  return ok();
}

Result<> Node::Impl::carry_out(Effects effects) {
  while (!effects.journal.empty()) {
    Result<> written = write(effects.journal.front());
    if (written) {
      effects.journal.erase(effects.journal.begin());
      continue;
    }
    const auto* offer = std::get_if<journal_write::KeepOffer>(&effects.journal.front());
    if (!offer) return wait_for_disk(std::move(effects), written.error());
    // The only write that can be taken back: nobody was told yet.
    inputs.push_front(input::NotKept{key_of(offer->offer), runner::not_started_result(written.error()).message});
    return ok();
  }
  for (const Outgoing& outgoing : effects.messages) send(outgoing);
  // Accepted by a process that ended before it began it: the next one finds it so again.
  if (options.begins_nothing) {
    effects.prepare.clear();
    effects.start.clear();
  }
  for (const TaskKey& key : effects.prepare) prepare(key);
  for (const Effects::Start& start : effects.start) {
    if (const Held* task = core->find(start.key)) runs.start(task->offer, start.folder, start.time_limit);
  }
  for (const Effects::Stop& stop : effects.stop) runs.stop(stop.key, stop.grace);
  return ok();
}

/// A full disk passes, and so does one that was mounted read-only, too many open files, or a folder in the way: an
/// agent that ended would only leave its tasks unknown. It stays, keeps its session alive, and says nothing that is not
/// durable. Only where the task's folder is gone waiting helps nobody; the next life begins without that task.
Result<> Node::Impl::wait_for_disk(Effects effects, const Error& error) {
  if (error.kind == ErrorKind::not_found) return fail(error);
  const Instant now = read_clocks().steady;
  const bool was_said = write_again_at != Instant{} && now < write_again_at + write_again_after;
  if (!was_said) log_error("What came of a task can't be kept, so it is tried again until it can: {}", describe(error));
  unwritten = std::move(effects);
  write_again_at = now + write_again_after;
  return ok();
}

Result<> Node::Impl::write(const JournalWrite& write) {
  return std::visit(overloaded{
                        [&](const journal_write::KeepOffer& keep) {
                          fault_point("agent.before_keep_offer");
                          Result<> kept = journal->keep_offer(keep.offer);
                          fault_point("agent.after_keep_offer");
                          return kept;
                        },
                        [&](const journal_write::KeepResult& keep) {
                          fetcher.cancel(keep.key);
                          remove_value_files(keep.key);
                          fault_point("agent.before_keep_result");
                          Result<> kept = journal->keep_result(keep.key, keep.result);
                          fault_point("agent.after_keep_result");
                          return kept;
                        },
                        [&](const journal_write::Settle& settled) {
                          forget(settled.key);
                          fault_point("agent.before_settle");
                          Result<> done = journal->settle(settled.key);
                          fault_point("agent.after_settle");
                          return done;
                        },
                    },
                    write);
}

void Node::Impl::send(const Outgoing& outgoing) {
  std::visit(overloaded{
                 [&](const send::Message& one) {
                   session.send(one.message);
                   if (std::holds_alternative<protocol::Accepted>(one.message)) fault_point("agent.after_accepted");
                 },
                 [&](const send::Output& output) { send_output(output); },
                 [&](const send::Finished& finished) { send_finished(finished); },
             },
             outgoing);
}

void Node::Impl::send_output(const send::Output& output) {
  Result<std::string> bytes = journal->read_output(output.key, output.offset, output.length);
  if (!bytes) {
    log_error("Output of task {} can't be sent: {}", to_string(output.key), describe(bytes.error()));
    return;
  }
  session.send(protocol::Output{output.key.task, output.key.attempt, output.offset, Binary{std::move(bytes).value()}});
}

void Node::Impl::send_finished(const send::Finished& finished) {
  const Held* task = core->find(finished.key);
  if (!task || !task->result) return;
  const TaskResult& result = *task->result;
  Result<std::string> tail =
      journal->read_output(finished.key, finished.tail_offset, result.output_bytes - finished.tail_offset);
  if (!tail) log_error("Output of task {} can't be read: {}", to_string(finished.key), describe(tail.error()));
  protocol::Finished message;
  message.task = finished.key.task;
  message.attempt = finished.key.attempt;
  message.outcome = result.outcome;
  message.exit_status = result.exit_status;
  message.message = result.message;
  message.outputs = result.outputs;
  message.has_outputs = result.has_outputs;
  message.tail_offset = finished.tail_offset;
  message.tail = Binary{tail ? std::move(tail).value() : std::string{}};
  // As much as the file still has: a result must reach the controller even if somebody cut the file.
  message.output_bytes = finished.tail_offset + message.tail.bytes.size();
  message.duration_micros = result.duration_micros;
  session.send(message);
  fault_point("agent.after_finished");
}

void Node::Impl::prepare(const TaskKey& key) {
  const Held* task = core->find(key);
  if (!task || task->phase != protocol::AgentTaskPhase::accepted) return;
  packages::Preparation wanted = preparation_of(task->offer);
  if (wanted.is_package_only()) {
    if (std::optional<std::string> folder = packages.find_ready(wanted.package)) {
      inputs.push_back(input::Prepared{key, std::move(*folder)});
      return;
    }
  }
  const protocol::PackageSource& source = wanted.package.source;
  if (!source.workspace.empty() && wanted.parts.empty()) {
    fetcher.ask(key, std::move(wanted));
    return;
  }
  if (!inventory_url) {
    wait_for_inventory.push_back(key);
    return;
  }
  wanted.package.base_url = *inventory_url;
  if (wanted.package.base_url.empty() && !options.endpoint.starts_with(inproc_scheme)) {
    const std::string& release = source.workspace.empty() ? source.release : wanted.parts.front().package.release;
    const Error error{ErrorKind::bad_configuration,
                      "The controller announced no inventory to get '" + release + "' from.",
                      "Give the controller an HTTP address or an inventory URL.",
                      {}};
    inputs.push_back(input::Ended{key, runs.unstarted(task->offer, error)});
    return;
  }
  fetcher.ask(key, std::move(wanted));
}

packages::Preparation Node::Impl::preparation_of(const protocol::Offer& offer) const {
  packages::Preparation wanted;
  wanted.package = {offer.environment, offer.deployment, offer.package, {}, {}};
  wanted.parts = offer.parts;
  wanted.files = offer.files;
  wanted.downloads = offer.downloads;
  wanted.templates = offer.templates;
  wanted.platform = facts.platform;
  wanted.arch = facts.arch;
  wanted.tell = runs.head_of_output(offer);
  wanted.mask = Runs::masking(offer);
  return wanted;
}

void Node::Impl::forget(const TaskKey& key) {
  runs.forget(key);
  fetcher.cancel(key);
  std::erase(wait_for_inventory, key);
}

/// What was written of values for a task that has ended. Another task in the same folder may need the same text: a
/// provider's for two of its consumers at once.
void Node::Impl::remove_value_files(const TaskKey& key) const {
  const Held* ended = core->find(key);
  if (!ended) return;
  const auto folder_of = [&](const protocol::Offer& offer) {
    return packages.working_folder({offer.environment, offer.deployment, offer.package, {}, {}});
  };
  std::set<std::string> paths;
  for (const protocol::FileToWrite& file : ended->offer.files) {
    if (file.path.starts_with(protocol::value_files_folder)) paths.insert(file.path);
  }
  const Result<std::string> folder = folder_of(ended->offer);
  if (paths.empty() || !folder) return;
  for (const protocol::HeldTask& held : core->holds()) {
    if (held.phase == protocol::AgentTaskPhase::finished || TaskKey{held.task, held.attempt} == key) continue;
    const protocol::Offer& other = core->find({held.task, held.attempt})->offer;
    const Result<std::string> its_folder = folder_of(other);
    if (!its_folder || its_folder.value() != folder.value()) continue;
    for (const protocol::FileToWrite& file : other.files) paths.erase(file.path);
  }
  for (const std::string& path : paths) {
    const Result<io::Place> place = io::Place::find(folder.value(), path);
    if (place) (void)::unlinkat(place.value().folder(), place.value().name().c_str(), 0);
  }
}

void Node::Impl::watch_descriptors() {
  if (!runs.take_descriptors_changed()) return;
  const std::vector<int> wanted_list = runs.descriptors();
  const std::set<int> wanted(wanted_list.begin(), wanted_list.end());
  for (const int descriptor : watched) {
    if (!wanted.contains(descriptor)) poller.remove_descriptor(descriptor);
  }
  for (const int descriptor : wanted) {
    if (!watched.contains(descriptor)) poller.add_descriptor(descriptor);
  }
  watched = wanted;
}

Millis Node::Impl::time_to_next_deadline() const {
  Instant next = session.wake_at();
  if (unwritten) {
    next = std::min(next, write_again_at);
  } else if (!inputs.empty()) {
    return Millis{0};
  } else if (core_wake_at) {
    next = std::min(next, *core_wake_at);
  }
  const Instant now = read_clocks().steady;
  if (watchdog.count() > 0) next = std::min(next, now + watchdog);
  const std::int64_t micros = std::max<std::int64_t>((next - now).count(), 0);
  return Millis{(micros + 999) / 1000};
}

void Node::Impl::tell_service_manager(const std::string& state) const {
  if (options.notifies_service_manager) io::notify_service_manager(state);
}

}  // namespace escape::agent
