#include <unistd.h>

#include <algorithm>

#include "controller/app/backup.h"
#include "controller/app/history_queries.h"
#include "controller/app/server_impl.h"
#include "controller/http/listen.h"
#include "controller/store/rows.h"
#include "protocol/session/token.h"
#include "shared/base/crypto.h"
#include "shared/base/fault_point.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

// A client that has not been heard for this long is gone; it says Ping more often than that.
constexpr Millis client_silence{120'000};
// The core ends the sessions of silent agents; this is for connections that joined or greeted in vain.
constexpr int agent_silence_beats = 10;
// Beyond what credit allows a follower; a client that asks and does not read loses its session, and costs this many.
constexpr int client_send_queue = 64;
// How old the newest commit may be that is written down beside the database.
constexpr Millis note_interval{1'000};

std::string key_path(const std::string& folder) { return io::join_path(folder, "controller.key"); }

/// Nothing in a folder in which no controller has ever started.
Result<std::optional<KeyPair>> find_keys(const std::string& folder) {
  const std::string path = key_path(folder);
  if (!io::exists(path)) return std::optional<KeyPair>();
  TRY(std::string text, io::read_file(path));
  std::vector<std::string> lines = split(text, '\n');
  KeyPair keys;
  if (lines.size() >= 2) keys = {from_hex(trimmed(lines[0])), from_hex(trimmed(lines[1]))};
  if (keys.public_key.size() != 32 || keys.secret_key.size() != 32) {
    return fail(ErrorKind::bad_data, "The key file '" + path + "' does not hold a key pair.",
                "Restore it from a backup: agents know this controller by that key.");
  }
  return std::optional(std::move(keys));
}

Result<> keep_keys(const std::string& folder, const KeyPair& keys) {
  return io::write_file(key_path(folder), to_hex(keys.public_key) + "\n" + to_hex(keys.secret_key) + "\n", 0600);
}

/// Before the database's own lock, which is only there while it is open for writing.
Result<io::FileLock> lock_data(const std::string& folder) {
  const std::string path = io::join_path(folder, "lock");
  Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    return fail(ErrorKind::conflict, "The data folder '" + folder + "' is in use by " + io::FileLock::holder(path),
                "Stop that program, or give another folder. Only one may work on it.");
  }
  if (lock) lock.value().describe("pid " + std::to_string(getpid()) + ": escape-controller");
  return lock;
}

}  // namespace

std::string key_file_of(const std::string& data_folder, const std::string& setting) {
  return setting.empty() ? io::join_path(data_folder, "secrets.key") : setting;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(transport::Context& context, ServerOptions options) {
  auto impl = std::make_unique<Impl>(context, std::move(options));
  TRYV(impl->open());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::agents_port() const { return impl_->agents->port(); }
int Server::clients_port() const { return impl_->clients->port(); }
int Server::events_port() const { return impl_->publisher ? impl_->publisher->port() : 0; }
int Server::http_port() const { return impl_->inventory->http_port(); }
const std::string& Server::public_key() const { return impl_->keys.public_key; }

bool Server::has_administrator() const {
  return std::ranges::any_of(impl_->core->state().principals, [](const auto& p) { return p.second.role == "admin"; });
}

bool Server::is_writable() const { return !impl_->trouble; }

Result<std::string> Server::invite_administrator(std::string_view address) {
  const std::string seed = random_bytes(32);
  request::Invite invite;
  invite.name = "admin";
  invite.role = "admin";
  invite.key = key_pair_from_seed(seed).public_key;
  impl_->decide(input::ClientMessage{0, "", random_hex(16), invite}, read_clocks());
  for (const Effects::ToClientSession& out : impl_->turn.to_clients) {
    if (const auto* failed = std::get_if<reply::Failed>(&out.reply.reply)) {
      return fail(kind_from_name(failed->kind), failed->message, failed->hint);
    }
  }
  TRYV(impl_->commit());
  impl_->turn = {};
  return protocol::to_text(protocol::InvitationToken{seed, impl_->keys.public_key, std::string(address)});
}

Result<> Server::run(int stop) {
  Impl& self = *impl_;
  transport::Poller poller;
  if (self.gatekeeper) poller.add(*self.gatekeeper);
  poller.add(*self.agents);
  poller.add(*self.clients);
  if (self.publisher) poller.add(*self.publisher);
  poller.add_descriptor(self.inventory->descriptor());
  if (self.checkpoints) poller.add_descriptor(self.checkpoints->descriptor());
  poller.add_descriptor(stop);
  if (!self.trouble) self.waiting.push_back(input::Started{});
  Now now = read_clocks();
  while (true) {
    const Millis longest = self.time_to_wait(read_clocks());
    self.turn_due = now.steady + longest;
    poller.wait(longest);
    if (poller.is_readable(stop)) {
      (void)self.database->note_progress();
      return ok();
    }
    now = read_clocks();
    TRYV(self.one_turn(now));
    self.lend_checkpoints();
  }
}

/// A first start with addresses that can't be listened on makes no key and no database: the configuration that is put
/// right may name another folder.
Result<> Server::Impl::open() {
  TRYV(io::make_folders(options.data_folder, 0700));
  TRY(lock, lock_data(options.data_folder));
  TRY(std::optional<KeyPair> kept, find_keys(options.data_folder));
  keys = kept ? std::move(*kept) : make_key_pair();
  TRYV(check_not_half_restored(options.data_folder));
  TRYV(bind());
  if (!kept) {
    if (options.http) {
      TRYV(http::listen_on(options.http->address, options.http->port));  // and let go: it is served from the database
    }
    TRYV(keep_keys(options.data_folder, keys));
  }
  TRYV(open_life());
  TRY(inventory, InventoryPort::make(options, *database));
  options.settings.inventory_port = inventory->http_port();
  if (options.settings.inventory_url.empty()) options.settings.inventory_url = inventory->base_url();
  core = std::make_unique<Core>(core->state(), options.settings);
  if (trouble) inventory->set_trouble(trouble->refusal());
  if (!options.settings.is_embedded) {
    Result<std::unique_ptr<Checkpoints>> opened = Checkpoints::open(options.data_folder);
    if (opened) checkpoints = std::move(opened).value();
    if (!opened) log_warn("no backup can be taken while this runs: {}", describe(opened.error()));
  }
  return ok();
}

/// A life begins with a higher epoch on the disk. Where the disk takes no writes it begins later, see `probe`; until
/// then people can read.
Result<> Server::Impl::open_life() {
  const bool may_wait = !options.settings.is_embedded;
  TRY(database, store::open_rocksdb(io::join_path(options.data_folder, "db"),
                                    may_wait ? store::Access::write_when_possible : store::Access::read_write,
                                    key_file_of(options.data_folder, options.secrets_key)));
  TRY(State state, store::load_state(*database));
  if (state.instance.empty()) state.instance = random_bytes(16);
  ++state.epoch;
  const Result<> begun = database->commit(store::start_writes(state));
  if (!begun && !may_wait) return begun;
  if (!begun) {
    --state.epoch;
    const Now now = read_clocks();
    trouble = {.why = begun.error(), .since = now.wall, .probe_at = now.steady, .is_epoch_raised = false};
    log_error("{}", describe(trouble->refusal()));
  }
  sessions = std::make_unique<Sessions>(state.instance, state.epoch);
  core = std::make_unique<Core>(std::move(state), options.settings);
  return ok();
}

Result<> Server::Impl::bind() {
  const bool needs_keys = std::ranges::any_of(options.agent_endpoints,
                                              [](const std::string& endpoint) { return endpoint.starts_with("tcp:"); });
  if (needs_keys) {
    TRY(gatekeeper,
        transport::Gatekeeper::make(
            context, [this](std::string_view domain, std::string_view key) { return core->is_allowed(domain, key); },
            [this](std::string_view domain, std::string_view key, std::string_view address) {
              if (!refusals.is_worth_a_line(address, read_clocks().steady)) return;
              log_warn("refused a connection from {} to the {} socket: its key {} is not enrolled", address, domain,
                       fingerprint(key));
            }));
  }
  TRY(agents, transport::Listener::router(context, {options.agent_endpoints, "agents", keys}));
  TRY(clients, transport::Listener::router(context, {options.client_endpoints, "clients", keys, client_send_queue}));
  if (!options.events_endpoint.empty()) {
    TRY(publisher, transport::Listener::publisher(context, {{options.events_endpoint}, "events", keys}));
  }
  return ok();
}

/// The whole story of the controller: collect, decide, commit, send, answer.
Result<> Server::Impl::one_turn(Now now) {
  if (trouble) return reading_turn(now);
  // 1. Take what is ready: handshakes, messages, finished uploads, time.
  notice_absence(now);
  if (gatekeeper) gatekeeper->serve();
  collect(now);

  // 2. Decide on each; the core's memory moves with every decision.
  for (Input& input : std::exchange(waiting, {})) {
    look_up(input);
    decide(input, now);
  }
  if (wake_at && *wake_at <= now.steady) decide(input::Tick{}, now);
  released = inventory->decide_writes();
  for (Published& published : released.published) decide(input::Published{published.record, published.by}, now);
  for (Tagged& tagged : released.tagged) {
    decide(input::Tagged{tagged.application, tagged.tag, tagged.from, tagged.to, tagged.by}, now);
  }

  // 3. One batch, one sync. If it fails the memory is ahead of the disk and of no use any more.
  pass_fault_points("controller.before_commit");
  if (Result<> committed = commit(); !committed) return read_only(committed.error(), now);
  pass_fault_points("controller.after_commit");

  // 4. Only now may anything be said.
  send_out(now);
  answer_reads(now);
  pump_followers(now);
  publish_beacon(now);
  cut_removed(now);
  sweep(now);
  note_progress(now);

  // 5. What the core asked the inventory for comes back as input of the next turn.
  for (Effects::Resolve& resolve : std::exchange(turn.resolve, {})) {
    waiting.push_back(input::Resolved{resolve.job, resolve_all(resolve.query, resolve.also, resolver())});
  }
  turn = {};
  return ok();
}

/// A process that was stopped, or stuck on its disk, finds everybody silent: it was not there to hear them.
void Server::Impl::notice_absence(Now now) {
  if (now.steady > turn_due + options.settings.heartbeat) waiting.push_back(input::Resumed{});
}

/// Between two turns: what is committed then is what was decided.
void Server::Impl::lend_checkpoints() {
  if (!checkpoints) return;
  const std::optional<Error> why = trouble ? std::optional<Error>(trouble->refusal()) : std::nullopt;
  checkpoints->serve(*database, why ? &*why : nullptr);
}

/// Embedded there is no time to lose, and a command lives shorter than the interval.
void Server::Impl::note_progress(Now now) {
  if (options.settings.is_embedded || now.steady < note_at) return;
  note_at = now.steady + note_interval;
  if (Result<> noted = database->note_progress(); !noted) log_debug("{}", describe(noted.error()));
}

void Server::Impl::collect(Now now) {
  collect_agents(now);
  collect_clients(now);
  if (!publisher) return;
  publisher->take_subscribers([this](std::string_view key) { return core->is_allowed("events", key); });
}

/// What an input needs of the database, looked up when its turn has come.
void Server::Impl::look_up(Input& input) {
  auto* asked = std::get_if<input::ClientMessage>(&input);
  if (!asked) return;
  if (const auto* state = std::get_if<request::ImportState>(&asked->request)) {
    const Principal* by = core->principal_of(asked->key);
    if (by && check_allowed(*by, asked->request)) asked->digests = digests_for(*state, resolver());
    return;
  }
  if (const auto* retry = std::get_if<request::RetryJob>(&asked->request)) {
    Result<std::optional<PastJob>> past = find_past(retry->job, *database, turn.changes);
    if (!past) return log_error("job {} can't be read: {}", retry->job, describe(past.error()));
    asked->past = std::move(past).value();
  }
  Result<std::vector<DeploymentChange>> history = find_history(asked->request, *database, turn.changes);
  if (!history) return log_error("the history can't be read: {}", describe(history.error()));
  asked->history = std::move(history).value();
}

void Server::Impl::decide(const Input& input, Now now) {
  Effects effects = core->on(input, now);
  if (!effects.ignored.empty()) log_debug("ignored: {}", effects.ignored);
  std::ranges::move(effects.changes, std::back_inserter(turn.changes));
  std::ranges::move(effects.to_agents, std::back_inserter(turn.to_agents));
  std::ranges::move(effects.to_clients, std::back_inserter(turn.to_clients));
  std::ranges::move(effects.resolve, std::back_inserter(turn.resolve));
  std::ranges::move(effects.close, std::back_inserter(turn.close));
  wake_at = effects.wake_at;
}

Result<> Server::Impl::commit() {
  std::vector<store::Write> batch = std::move(released.rows);
  for (const Change& change : turn.changes) store::append_writes(change, batch, database->seal_keys());
  const bool publishes = has_fault_points() && !released.published.empty();
  if (publishes) fault_point("controller.before_commit_release");
  const Result<> committed = batch.empty() ? ok() : database->commit(batch);
  if (publishes) fault_point("controller.after_commit_release");
  for (const auto& tell : released.waiting) tell(committed);
  released = {};
  return committed;
}

void Server::Impl::sweep(Now now) {
  if (now.steady < sweep_at) return;
  sweep_at = now.steady + Millis{30'000};
  for (SessionId id : sessions->silent_since(Side::clients, now.steady + -client_silence)) {
    followers.detach(id);
    sessions->remove(id);
  }
  const Millis agent_silence = core->pace() * std::max(options.settings.missed_beats, agent_silence_beats);
  for (SessionId id : sessions->silent_since(Side::agents, now.steady + -agent_silence)) {
    sessions->remove(id);
    waiting.push_back(input::SessionGone{id});
  }
}

Millis Server::Impl::time_to_wait(Now now) const {
  if (!waiting.empty()) return Millis{0};
  Instant next = sweep_at;
  if (publisher) next = std::min(next, beacon_at);
  if (wake_at) next = std::min(next, *wake_at);
  for (const auto& [key, cut_at] : removed) next = std::min(next, cut_at);
  if (trouble) next = std::min(next, trouble->probe_at);
  const Micros left = std::max(next - now.steady, Micros{0});
  return std::chrono::ceil<Millis>(left);
}

}  // namespace escape::controller
