#include "controller/app/server_impl.h"
#include "controller/store/rows.h"
#include "shared/base/log.h"

namespace escape::controller {
namespace {

// A disk that fails again so soon after it seemed well is asked less and less often, at most this.
constexpr Millis soon_again{60'000};
constexpr Millis longest_probe_interval{60'000};

}  // namespace

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

}  // namespace escape::controller
