#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"

namespace escape::controller {

using protocol::HeldTask;

void Core::Impl::index_agent(const Agent& agent) {
  agent_by_key[agent.key] = agent.name;
  agents_of[agent.environment].insert(agent.name);
}

SessionId Core::Impl::session_of(const AgentId& agent) const {
  auto found = presence.find(agent);
  return found == presence.end() ? 0 : found->second.session;
}

void Core::Impl::refuse_session(SessionId session, ErrorKind kind, std::string message, bool is_final) {
  ignore(message);
  send(session, protocol::Refused{std::string(kind_name(kind)), std::move(message), is_final});
  effects.close.push_back(session);
}

/// Who a key belongs to decides who speaks, never a name in the message.
Result<AgentId> Core::Impl::who_greets(const std::string& key, const protocol::Hello& hello) const {
  if (key.empty()) {
    if (settings.is_embedded) return AgentId(embedded_agent);
    return fail(ErrorKind::refused, "Agents of this process are served by an embedded controller only.");
  }
  if (hello.placement == "workspace") {
    const Principal* principal = principal_of(key);
    if (!principal || principal->role == "reader") {
      return fail(ErrorKind::refused, "This key may not run jobs of a workspace.");
    }
    std::string name = std::string(workspace_prefix) + principal->name;
    if (auto folder = hello.labels.find("workspace"); folder != hello.labels.end()) name += ":" + folder->second;
    return name;
  }
  auto found = agent_by_key.find(key);
  if (found == agent_by_key.end()) {
    return fail(ErrorKind::refused,
                "This key is not enrolled as an agent. Join with a token of `escape agents invite`.");
  }
  return found->second;
}

void Core::Impl::on_hello(SessionId session, const std::string& key, const protocol::Hello& hello) {
  if (sessions.contains(session)) return ignore("this session has greeted already");
  Result<AgentId> who = who_greets(key, hello);
  if (!who) return refuse_session(session, who.error().kind, who.error().message, true);
  const AgentId& agent = who.value();
  const SessionId older = session_of(agent);
  if (rows.state().agents.contains(agent) && !admit_host(agent, session, hello)) return;
  // Sessions are numbered as they come: a greeting that is overtaken by a newer one tells of an older past.
  if (older > session)
    return refuse_session(session, ErrorKind::conflict, "A newer session of this agent is open.", false);
  if (older != 0) {
    sessions.erase(older);
    send(older, protocol::Refused{std::string(kind_name(ErrorKind::conflict)),
                                  "Another session with the key of this agent has been opened.", false});
    effects.close.push_back(older);
  }
  open_session(agent, session, hello);
  reconcile(agent, session, hello);
  if (!agent.starts_with(workspace_prefix)) return;
  for (TaskId id : std::set(unbound)) {
    // Whose process this is not goes on waiting with the deadline that it has.
    const Job* job = find_live(id.job);
    if (job && unbound.contains(id) && workspace_agent_of(*job)) dispatch(id);
  }
}

void Core::Impl::open_session(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  Presence& here = presence[agent];
  const bool was_lost = here.liveness == "offline";
  sessions[session] = agent;
  awaited.erase(agent);
  here.beat = here.told = pace();
  here.session = session;
  here.liveness = "online";
  here.was_here = true;
  here.heard = now.steady;
  here.seen = now.wall;
  here.host = hello.host;
  here.abilities = hello.abilities;
  timers.set({TimerKind::liveness, agent, {}}, now.steady + suspect_after(here));
  if (!rows.state().agents.contains(agent)) return;
  Agent& row = rows.edit_agent(agent);
  row.host = hello.host;
  row.labels = hello.labels.empty() ? row.labels : hello.labels;
  row.last_seen = now.wall;
  row.clock_ahead_micros = hello.sent_at.is_set() ? (hello.sent_at - now.wall).count() : 0;
  row.is_connected = true;
  if (!was_lost) return;
  tell("agent.connected", agent, {row.environment, ""}, 0, {{"agent", agent}});
  watch_agent(row.environment);
}

/// Both sides compare what they hold: `compare` in reconcile.h says what follows from it.
void Core::Impl::reconcile(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  protocol::Welcome welcome;
  welcome.agent = agent;
  if (auto row = rows.state().agents.find(agent); row != rows.state().agents.end()) {
    welcome.environment = row->second.environment;
  }
  welcome.heartbeat = presence[agent].told;
  welcome.missed_beats = settings.missed_beats;
  welcome.credit = output_credit();
  welcome.inventory_port = settings.inventory_port;
  welcome.inventory_url = settings.inventory_url;

  std::set<TaskId> adopted;
  for (const HeldTask& held : hello.holds) compare_held(agent, held, welcome, adopted);
  send(session, std::move(welcome));
  compare_strays(agent, hello);

  auto bound = work.find(agent);
  if (bound == work.end()) return;
  for (TaskId id : std::set(bound->second)) {
    if (adopted.contains(id)) {
      accept(id);
    } else {
      compare_ours(agent, session, id);
    }
  }
}

void Core::Impl::heard(const AgentId& agent) {
  Presence& here = presence[agent];
  here.heard = now.steady;
  here.seen = now.wall;
  here.liveness = "online";
}

/// The timer is moved on lazily: hearing from an agent costs two stores, not a place in the queue of deadlines.
void Core::Impl::check_liveness(const AgentId& agent) {
  auto found = presence.find(agent);
  if (found == presence.end() || found->second.liveness == "offline") return;
  Presence& here = found->second;
  if (awaited.contains(agent)) return lose_agent(agent, "it has not come back since the controller started");
  const Instant suspect_at = here.heard + suspect_after(here);
  const Instant lost_at = here.heard + lost_after(here);
  if (now.steady >= lost_at) {
    return lose_agent(agent, "it has been silent for " + to_short_text(now.steady - here.heard));
  }
  const bool is_suspect = now.steady >= suspect_at;
  here.liveness = is_suspect ? "suspect" : "online";
  timers.set({TimerKind::liveness, agent, {}}, is_suspect ? lost_at : suspect_at);
}

/// Its session ends here, so that it must greet and compare what it holds when it is back.
void Core::Impl::lose_agent(const AgentId& agent, std::string_view why) {
  Presence& here = presence[agent];
  timers.cancel({TimerKind::liveness, agent, {}});
  awaited.erase(agent);
  here.liveness = "offline";
  if (here.session != 0) {
    sessions.erase(here.session);
    effects.close.push_back(here.session);
    here.session = 0;
  }
  if (rows.state().agents.contains(agent)) {
    Agent& row = rows.edit_agent(agent);
    row.last_seen = here.seen;
    row.is_connected = false;
    tell("agent.lost", agent, {row.environment, ""}, 0, {{"agent", agent}, {"reason", why}});
  }
  if (auto bound = work.find(agent); bound != work.end()) {
    for (TaskId id : std::set(bound->second)) {
      if (is_mutant("hand_over_unknown_tasks")) {
        dispatch(id);
      } else if (rows.state().tasks.at(id).was_sent) {
        mark_unknown(id);
      }
    }
  }
  // A process of a workspace has no row to come back to: without work of its own nothing needs to be known of it.
  if (agent.starts_with(workspace_prefix) && !work.contains(agent)) presence.erase(agent);
}

}  // namespace escape::controller
