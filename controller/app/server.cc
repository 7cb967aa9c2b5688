#include "controller/app/server.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "controller/app/backup.h"
#include "controller/app/checkpoints.h"
#include "controller/app/followers.h"
#include "controller/app/inventory_port.h"
#include "controller/app/log_limit.h"
#include "controller/app/mailbox.h"
#include "controller/app/queries.h"
#include "controller/app/sessions.h"
#include "controller/app/trouble.h"
#include "controller/events/cdevents.h"
#include "controller/store/rows.h"
#include "protocol/messages/describe.h"
#include "protocol/session/token.h"
#include "shared/base/crypto.h"
#include "shared/base/fault_point.h"
#include "shared/base/log.h"
#include "shared/base/overloaded.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/files.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

// A turn takes at most this many messages, so that a flood on one socket cannot keep the others from their turn.
constexpr int messages_per_turn = 1000;
// A client that has not been heard for this long is gone; it says Ping more often than that.
constexpr Millis client_silence{120'000};
// The core ends the sessions of silent agents; this is for connections that joined or greeted in vain.
constexpr int agent_silence_beats = 10;
// Of one socket, so that a flood of large messages does not stand in memory before it is decided on.
constexpr std::size_t bytes_per_turn = 16 << 20;
// Beyond what credit allows a follower; a client that asks and does not read loses its session, and costs this many.
constexpr int client_send_queue = 64;
// A removed peer hears why before its connections end.
constexpr Millis last_words{1'000};
constexpr Millis beacon_interval{1'000};
// How old the newest commit may be that is written down beside the database.
constexpr Millis note_interval{1'000};
// How often a disk that took no commit is asked again.
constexpr Millis probe_interval{1'000};
// A disk that fails again so soon after it seemed well is asked less and less often, at most this.
constexpr Millis soon_again{60'000};
constexpr Millis longest_probe_interval{60'000};

Result<KeyPair> load_or_make_keys(const std::string& folder) {
  const std::string path = io::join_path(folder, "controller.key");
  if (!io::exists(path)) {
    KeyPair keys = make_key_pair();
    TRYV(io::write_file(path, to_hex(keys.public_key) + "\n" + to_hex(keys.secret_key) + "\n", 0600));
    return keys;
  }
  TRY(std::string text, io::read_file(path));
  std::vector<std::string> lines = split(text, '\n');
  KeyPair keys;
  if (lines.size() >= 2) keys = {from_hex(trimmed(lines[0])), from_hex(trimmed(lines[1]))};
  if (keys.public_key.size() != 32 || keys.secret_key.size() != 32) {
    return fail(ErrorKind::bad_data, "The key file '" + path + "' does not hold a key pair.",
                "Restore it from a backup: agents know this controller by that key.");
  }
  return keys;
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

bool is_greeting(const protocol::FromAgent& message) {
  return std::holds_alternative<protocol::Hello>(message) || std::holds_alternative<protocol::Join>(message);
}

bool is_greeting(const protocol::FromClient& message) {
  const auto* asked = std::get_if<protocol::ClientRequest>(&message);
  return asked && (std::holds_alternative<request::Hello>(asked->request) ||
                   std::holds_alternative<request::Enrol>(asked->request));
}

std::size_t size_of(const transport::Received& received) {
  std::size_t bytes = 0;
  for (const std::string& frame : received.frames) bytes += frame.size();
  return bytes;
}

reply::Failed failure(const Error& error) { return {std::string(kind_name(error.kind)), describe(error), error.hint}; }

reply::Failed too_large_answer() {
  return failure(
      {ErrorKind::failed,
       fmt::format("The answer is larger than the {} MiB of one message.", protocol::max_message_bytes >> 20),
       "Ask for less: one environment, or a smaller --limit.",
       {}});
}

}  // namespace

struct Server::Impl {
  transport::Context& context;
  ServerOptions options;
  KeyPair keys;
  std::optional<io::FileLock> lock;  ///< of the data folder; held for life
  std::unique_ptr<store::Database> database;
  std::optional<Trouble> trouble;
  std::optional<Instant> recovered_at;  ///< from the trouble before
  Millis probe_wait = probe_interval;
  std::unique_ptr<Core> core;
  std::unique_ptr<Sessions> sessions;
  Followers followers;
  std::unique_ptr<transport::Gatekeeper> gatekeeper;
  std::unique_ptr<transport::Listener> agents, clients, publisher;
  std::unique_ptr<InventoryPort> inventory;
  LogLimit refusals, malformed;
  Admission admission;
  std::unique_ptr<Checkpoints> checkpoints;  ///< for backups; none embedded

  std::vector<Input> waiting;  ///< for the next turn
  struct Read {
    SessionId session = 0;
    protocol::ClientRequest request;
  };
  std::vector<Read> reads;   ///< answered after the commit
  Effects turn;              ///< what this turn has decided so far
  InventoryWrites released;  ///< what this turn commits beside it
  std::optional<Instant> wake_at;
  Instant beacon_at{};
  Instant sweep_at{};
  Instant turn_due{};                      ///< when the next turn begins at the latest, unless this process is stopped
  std::map<std::string, Instant> removed;  ///< keys whose connections end, and when
  Instant note_at{};

  Impl(transport::Context& c, ServerOptions o) : context(c), options(std::move(o)), admission(options.admission) {}

  Result<> open();
  Result<> bind();
  Result<> open_life();
  Result<> one_turn(Now now);
  void notice_absence(Now now);
  void watch_key(std::string_view domain, const std::string& key, Now now);
  Result<> reading_turn(Now now);
  Result<> read_only(const Error& why, Now now);
  Result<> read_from_disk();
  void probe(Now now);
  void lend_checkpoints();
  void note_progress(Now now);
  void refuse_change(Session& session, protocol::ClientRequest asked, Now now);
  void collect(Now now);
  void complain(std::string_view socket, const transport::Peer& peer, const Error& error, Now now);
  void collect_agents(Now now);
  void pass_fault_points(std::string_view moment) const;
  void collect_clients(Now now);
  void on_client(Session& session, protocol::FromClient message, Now now);
  void look_up(Input& input);
  void decide(const Input& input, Now now);
  Result<> commit();
  void send_out(Now now);
  void send_to_agent(SessionId id, const protocol::ToAgent& message);
  void send_to_client(SessionId id, const protocol::ToClient& message);
  void refuse(transport::Listener& listener, Side side, const transport::Peer& peer, const protocol::Header& header,
              ErrorKind kind, std::string reason, Millis retry_after = Millis{0});
  void answer_reads(Now now);
  protocol::Reply answer_one(const Read& read, const QueryContext& context);
  void pump_followers(Now now);
  void publish(const std::vector<protocol::EventView>& events);
  void publish_beacon(Now now);
  void cut_removed(Now now);
  void sweep(Now now);
  QueryContext query_context(Now now) const;
  Millis time_to_wait(Now now) const;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(transport::Context& context, ServerOptions options) {
  auto impl = std::make_unique<Impl>(context, std::move(options));
  TRYV(impl->open());
  TRYV(impl->bind());
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

Result<> Server::Impl::open() {
  TRYV(io::make_folders(options.data_folder, 0700));
  TRY(lock, lock_data(options.data_folder));
  TRY(keys, load_or_make_keys(options.data_folder));
  TRYV(check_not_half_restored(options.data_folder));
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
                                    may_wait ? store::Access::write_when_possible : store::Access::read_write));
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
    waiting.push_back(input::Resolved{resolve.job, inventory->resolve(resolve.query)});
  }
  turn = {};
  return ok();
}

/// A process that was stopped, or stuck on its disk, finds everybody silent: it was not there to hear them.
void Server::Impl::notice_absence(Now now) {
  if (now.steady > turn_due + options.settings.heartbeat) waiting.push_back(input::Resumed{});
}

/// While the disk takes no commit: nothing is decided, and who only reads notices nothing.
Result<> Server::Impl::reading_turn(Now now) {
  if (gatekeeper) gatekeeper->serve();
  collect(now);
  waiting.clear();
  inventory->refuse_writes(trouble->refusal());
  answer_reads(now);
  pump_followers(now);
  publish_beacon(now);
  sweep(now);
  waiting.clear();
  if (trouble->probe_at <= now.steady) probe(now);
  return ok();
}

/// Nothing of the failed turn is told as done: agents keep what they told in their journals and greet again, people are
/// refused, and memory is what the disk holds.
Result<> Server::Impl::read_only(const Error& why, Now now) {
  if (options.settings.is_embedded) return fail(why);
  const bool is_again = recovered_at && now.steady - *recovered_at < soon_again;
  probe_wait = is_again ? std::min(2 * probe_wait, longest_probe_interval) : probe_interval;
  trouble = {.why = why, .since = now.wall, .probe_at = now.steady + probe_wait};
  const Error refusal = trouble->refusal();
  log_error("{}", describe(refusal));
  for (const Effects::ToClientSession& out : turn.to_clients) {
    trouble->unsure.insert(out.reply.id);
    send_to_client(out.session, protocol::ClientReply{out.reply.id, failure(refusal)});
  }
  turn = {};
  waiting.clear();
  wake_at.reset();
  sessions->remove_all(Side::agents);
  inventory->set_trouble(refusal);
  if (Result<> opened = database->reopen(); !opened) log_debug("{}", describe(opened.error()));
  TRYV(read_from_disk());
  answer_reads(now);
  return ok();
}

/// Error: what is committed cannot be read.
Result<> Server::Impl::read_from_disk() {
  TRY(State state, store::load_state(*database));
  core = std::make_unique<Core>(std::move(state), options.settings);
  return ok();
}

/// Goes on as after a restart once the disk takes a commit.
void Server::Impl::probe(Now now) {
  trouble->probe_at = now.steady + probe_wait;
  const Result<> gone_on = [&]() -> Result<> {
    TRYV(database->reopen());
    TRY(State state, store::load_state(*database));
    if (!trouble->is_epoch_raised) ++state.epoch;
    TRYV(database->commit(store::start_writes(state)));
    sessions->raise_epoch(state.epoch);
    core = std::make_unique<Core>(std::move(state), options.settings);
    return ok();
  }();
  if (!gone_on) return log_debug("still read-only: {}", describe(gone_on.error()));
  log_info("the disk takes changes again: going on");
  waiting.push_back(input::Started{});
  waiting.push_back(input::Recovered{describe(trouble->why), trouble->since});
  trouble.reset();
  recovered_at = now.steady;
  inventory->set_trouble({});
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

/// What was carried out and answered before is answered again; everything else changes nothing now.
void Server::Impl::refuse_change(Session& session, protocol::ClientRequest asked, Now now) {
  const SessionId id = session.id;
  const Principal* principal = core->principal_of(session.peer.key);
  const bool was_answered =
      principal && !trouble->unsure.contains(asked.id) && core->state().answered.contains({principal->name, asked.id});
  if (!was_answered) return send_to_client(id, protocol::ClientReply{asked.id, failure(trouble->refusal())});
  Effects again = core->on(input::ClientMessage{id, session.peer.key, asked.id, std::move(asked.request)}, now);
  for (Effects::ToClientSession& out : again.to_clients) send_to_client(out.session, std::move(out.reply));
}

void Server::Impl::collect(Now now) {
  collect_agents(now);
  collect_clients(now);
  if (!publisher) return;
  publisher->take_subscribers([this](std::string_view key) { return core->is_allowed("events", key); });
}

/// Once a minute for each key, however much of it comes.
void Server::Impl::complain(std::string_view socket, const transport::Peer& peer, const Error& error, Now now) {
  if (!malformed.is_worth_a_line(peer.key, now.steady)) return;
  log_warn("refused a message on the {} socket, of the key {}: {}", socket, fingerprint(peer.key), describe(error));
}

/// The moments of a task's life at which tests let this process die: "controller.before_commit_offer" …
void Server::Impl::pass_fault_points(std::string_view moment) const {
  if (!has_fault_points()) return;
  for (const Effects::ToAgentSession& out : turn.to_agents) {
    if (std::holds_alternative<protocol::Offer>(out.message)) fault_point(fmt::format("{}_offer", moment));
    if (std::holds_alternative<protocol::ResultCommitted>(out.message)) fault_point(fmt::format("{}_result", moment));
  }
}

void Server::Impl::collect_agents(Now now) {
  std::size_t bytes = 0;
  for (int taken = 0; taken < messages_per_turn && bytes < bytes_per_turn; ++taken) {
    std::optional<transport::Received> received = agents->receive();
    if (!received) return;
    bytes += size_of(*received);
    watch_key("agents", received->peer.key, now);
    Result<protocol::Envelope> envelope = protocol::from_frames(received->frames);
    if (!envelope) {
      complain("agents", received->peer, envelope.error(), now);
      continue;
    }
    Result<protocol::FromAgent> message = protocol::decode_from_agent(envelope.value().type, envelope.value().body);
    const protocol::Header& header = envelope.value().header;
    if (!message) {
      complain("agents", received->peer, message.error(), now);
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::bad_data, describe(message.error()));
      continue;
    }
    if (trouble) {
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary, describe(trouble->refusal()));
      continue;
    }
    const bool greets = is_greeting(message.value());
    if (const std::optional<Millis> wait = greets ? admission.ask(received->peer.key, now.steady) : std::nullopt) {
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary,
             "the controller takes on other agents just now", *wait);
      continue;
    }
    Sessions::Admitted admitted = sessions->admit(Side::agents, received->peer, header, greets, now.steady);
    if (!admitted.session) {
      if (admitted.is_ahead && malformed.is_worth_a_line("ahead", now.steady))
        log_error("an agent has seen a later life of this controller: is this data folder a copy?");
      refuse(*agents, Side::agents, received->peer, header, ErrorKind::temporary, admitted.reason);
      continue;
    }
    if (std::holds_alternative<protocol::Accepted>(message.value())) fault_point("controller.after_collect_accepted");
    if (std::holds_alternative<protocol::Finished>(message.value())) fault_point("controller.after_collect_result");
    waiting.push_back(input::AgentMessage{admitted.session->id, received->peer.key, std::move(message).value()});
  }
}

void Server::Impl::collect_clients(Now now) {
  std::size_t bytes = 0;
  for (int taken = 0; taken < messages_per_turn && bytes < bytes_per_turn; ++taken) {
    std::optional<transport::Received> received = clients->receive();
    if (!received) return;
    bytes += size_of(*received);
    watch_key("clients", received->peer.key, now);
    Result<protocol::Envelope> envelope = protocol::from_frames(received->frames);
    if (!envelope) {
      complain("clients", received->peer, envelope.error(), now);
      continue;
    }
    Result<protocol::FromClient> message = protocol::decode_from_client(envelope.value().type, envelope.value().body);
    const protocol::Header& header = envelope.value().header;
    if (!message) {
      complain("clients", received->peer, message.error(), now);
      refuse(*clients, Side::clients, received->peer, header, ErrorKind::bad_data, describe(message.error()));
      continue;
    }
    Sessions::Admitted admitted =
        sessions->admit(Side::clients, received->peer, header, is_greeting(message.value()), now.steady);
    if (!admitted.session) {
      refuse(*clients, Side::clients, received->peer, header, ErrorKind::temporary, admitted.reason);
      continue;
    }
    on_client(*admitted.session, std::move(message).value(), now);
  }
}

void Server::Impl::on_client(Session& session, protocol::FromClient message, Now now) {
  std::visit(overloaded{
                 [&](protocol::ClientRequest& asked) {
                   if (trouble && protocol::changes_something(asked.request)) {
                     refuse_change(session, std::move(asked), now);
                   } else if (protocol::changes_something(asked.request)) {
                     waiting.push_back(input::ClientMessage{session.id, session.peer.key, std::move(asked.id),
                                                            std::move(asked.request)});
                   } else {
                     reads.push_back({session.id, std::move(asked)});
                   }
                 },
                 [&](protocol::ClientCredit& credit) { followers.add_credit(session.id, credit.batches); },
                 [&](protocol::Ping&) { send_to_client(session.id, protocol::Pong{}); },
             },
             message);
}

/// What an input needs of the database, looked up when its turn has come.
void Server::Impl::look_up(Input& input) {
  auto* asked = std::get_if<input::ClientMessage>(&input);
  const auto* retry = asked ? std::get_if<request::RetryJob>(&asked->request) : nullptr;
  if (!retry) return;
  Result<std::optional<PastJob>> past = find_past(retry->job, *database, turn.changes);
  if (!past) return log_error("job {} can't be read: {}", retry->job, describe(past.error()));
  asked->past = std::move(past).value();
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
  for (const Change& change : turn.changes) store::append_writes(change, batch);
  const Result<> committed = batch.empty() ? ok() : database->commit(batch);
  for (const auto& tell : released.waiting) tell(committed);
  released = {};
  return committed;
}

void Server::Impl::send_out(Now now) {
  for (const Effects::ToAgentSession& out : turn.to_agents) send_to_agent(out.session, out.message);
  for (Effects::ToClientSession& out : turn.to_clients) send_to_client(out.session, std::move(out.reply));
  for (SessionId id : turn.close) sessions->remove(id);
  std::vector<protocol::EventView> events;
  for (const Change& change : turn.changes) {
    if (const auto* event = std::get_if<protocol::EventView>(&change)) events.push_back(*event);
    if (const auto* gone = std::get_if<RemovedPrincipal>(&change)) {
      inventory->revoke_tokens(gone->name);
      removed.try_emplace(gone->key, now.steady + last_words);
    }
    if (const auto* gone = std::get_if<RemovedAgent>(&change)) removed.try_emplace(gone->key, now.steady + last_words);
  }
  publish(events);
}

/// ZAP is asked at handshakes only, so a key that was taken away would keep what it has. One that was enrolled again
/// meanwhile loses its connections too, and comes back.
void Server::Impl::cut_removed(Now now) {
  for (auto it = removed.begin(); it != removed.end();) {
    if (now.steady < it->second) {
      ++it;
      continue;
    }
    const std::string key = it->first;
    it = removed.erase(it);
    int ended = agents->cut(key) + clients->cut(key);
    if (publisher) ended += publisher->cut(key);
    if (ended > 0) log_info("ended {} connections of the removed key {}", ended, fingerprint(key));
  }
}

/// A connection that was silent when its key was removed shows itself by its next message.
void Server::Impl::watch_key(std::string_view domain, const std::string& key, Now now) {
  if (!key.empty() && !core->is_allowed(domain, key)) removed.try_emplace(key, now.steady + last_words);
}

void Server::Impl::send_to_agent(SessionId id, const protocol::ToAgent& message) {
  Session* session = sessions->find(id);
  if (!session) return;
  protocol::TypedBody typed = [&] {
    const auto* offer = std::get_if<protocol::Offer>(&message);
    if (!offer || !offer->package.workspace.empty()) return protocol::encode(message);
    protocol::Offer placed = *offer;
    placed.package.path = inventory->package_path(placed.package);
    return protocol::encode(protocol::ToAgent(std::move(placed)));
  }();
  const protocol::Envelope envelope{sessions->next_header(*session), std::move(typed.type), std::move(typed.body)};
  switch (agents->send(session->peer, protocol::to_frames(envelope))) {
    case transport::SendOutcome::sent:
    case transport::SendOutcome::queue_full:  // the gap in the numbers makes the agent greet again
      return;
    case transport::SendOutcome::no_such_peer:
      sessions->remove(id);
      waiting.push_back(input::SessionGone{id});
      return;
    case transport::SendOutcome::too_large:
      --session->sent;
      if (const auto* offer = std::get_if<protocol::Offer>(&message)) {
        // It can never leave: without an answer its job would wait for ever.
        waiting.push_back(input::AgentMessage{
            id, session->peer.key,
            protocol::Declined{offer->task, offer->attempt, "its variables are larger than a message may be"}});
      }
      return;
  }
}

void Server::Impl::send_to_client(SessionId id, const protocol::ToClient& message) {
  Session* session = sessions->find(id);
  if (!session) return;
  protocol::TypedBody typed = protocol::encode(message);
  const protocol::Envelope envelope{sessions->next_header(*session), std::move(typed.type), std::move(typed.body)};
  switch (clients->send(session->peer, protocol::to_frames(envelope))) {
    case transport::SendOutcome::sent:
    case transport::SendOutcome::queue_full:  // the gap in the numbers makes the client greet and ask again
      return;
    case transport::SendOutcome::no_such_peer:
      followers.detach(id);
      sessions->remove(id);
      return;
    case transport::SendOutcome::too_large:
      --session->sent;
      if (const auto* answered = std::get_if<protocol::ClientReply>(&message)) {
        send_to_client(id, protocol::ClientReply{answered->id, too_large_answer()});
      }
      return;
  }
}

void Server::Impl::refuse(transport::Listener& listener, Side side, const transport::Peer& peer,
                          const protocol::Header& header, ErrorKind kind, std::string reason, Millis retry_after) {
  protocol::Refused refused{std::string(kind_name(kind)), std::move(reason), false, retry_after};
  protocol::TypedBody typed = side == Side::agents ? protocol::encode(protocol::ToAgent(std::move(refused)))
                                                   : protocol::encode(protocol::ToClient(std::move(refused)));
  const protocol::Envelope envelope{sessions->bare_header(header), std::move(typed.type), std::move(typed.body)};
  // A peer that is gone again needs no answer.
  (void)listener.send(peer, protocol::to_frames(envelope));
}

QueryContext Server::Impl::query_context(Now now) const {
  return {.reader = *database,
          .state = core->state(),
          .liveness = [this](const AgentId& agent) { return core->liveness(agent); },
          .last_seen = [this](const AgentId& agent) { return core->last_seen(agent); },
          .resolve = [this](const release::ReleaseQuery& query) { return inventory->resolve(query); },
          .now = now.wall,
          .read_only = trouble ? std::optional<Error>(trouble->refusal()) : std::nullopt};
}

void Server::Impl::answer_reads(Now now) {
  if (reads.empty()) return;
  const QueryContext context = query_context(now);
  for (Read& read : std::exchange(reads, {})) {
    if (!sessions->find(read.session)) continue;
    if (const auto* attach = std::get_if<request::Attach>(&read.request.request)) {
      Result<> attached = ok();
      if (const Principal* principal = core->principal_of(sessions->find(read.session)->peer.key)) {
        attached = check_allowed(*principal, read.request.request);
        if (attached) attached = followers.attach(read.session, read.request.id, *attach, context);
      } else {
        attached = fail(ErrorKind::refused, "This key is not enrolled.");
      }
      if (!attached) send_to_client(read.session, protocol::ClientReply{read.request.id, failure(attached.error())});
      continue;
    }
    protocol::Reply answered = answer_one(read, context);
    send_to_client(read.session, protocol::ClientReply{read.request.id, std::move(answered)});
  }
}

protocol::Reply Server::Impl::answer_one(const Read& read, const QueryContext& context) {
  const std::string& key = sessions->find(read.session)->peer.key;
  const Principal* principal = core->principal_of(key);
  if (!principal) return failure({ErrorKind::refused, "This key is not enrolled.", "Ask for an invitation.", {}});
  if (std::holds_alternative<request::Hello>(read.request.request)) {
    return reply::Hello{.controller_version = ESCAPE_VERSION,
                        .principal = principal->name,
                        .role = principal->role,
                        .agents_port = agents->port(),
                        .events_port = publisher ? publisher->port() : 0,
                        .http_port = inventory->http_port(),
                        .inventory_url = options.settings.inventory_url,
                        .newest_event = core->state().last_event,
                        .heartbeat_millis = static_cast<int>(options.settings.heartbeat.count())};
  }
  if (std::holds_alternative<request::Detach>(read.request.request)) {
    followers.detach(read.session);
    return reply::Done{};
  }
  if (Result<> allowed = check_allowed(*principal, read.request.request); !allowed) return failure(allowed.error());
  if (std::holds_alternative<request::InventoryToken>(read.request.request)) {
    return inventory->issue_token(principal->name, context.now);
  }
  Result<protocol::Reply> answered = answer(read.request.request, context);
  return answered ? std::move(answered).value() : protocol::Reply(failure(answered.error()));
}

void Server::Impl::pump_followers(Now now) {
  if (followers.empty()) return;
  const auto may_read = [this](SessionId id) {
    const Session* session = sessions->find(id);
    return session && core->principal_of(session->peer.key);
  };
  for (Followers::Outgoing& each : followers.pump(query_context(now), may_read)) {
    send_to_client(each.session, std::move(each.reply));
  }
}

void Server::Impl::publish(const std::vector<protocol::EventView>& events) {
  if (!publisher) return;
  for (const protocol::EventView& event : events) {
    publisher->publish({events::topic_of(event), events::sequence_frame(event.sequence),
                        std::string(events::cloud_event_type),
                        events::to_cloud_event(event, "escape://" + to_hex(core->state().instance)),
                        codec::to_msgpack(codec::encode(event))});
  }
}

void Server::Impl::publish_beacon(Now now) {
  if (!publisher || now.steady < beacon_at) return;
  publisher->publish({"beacon", events::sequence_frame(core->state().last_event)});
  beacon_at = now.steady + beacon_interval;
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
