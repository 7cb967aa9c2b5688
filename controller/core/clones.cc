#include <fmt/core.h>

#include <algorithm>

#include "controller/core/engine.h"

namespace escape::controller {
namespace {

/// A greeting that its dead sender left behind may come after its successor's, who then comes back too: two returns.
constexpr int returns_of_a_clone = 3;
constexpr std::size_t remembered_processes = 8;

std::string describe_hosts(const std::string& one, const std::string& other) {
  return one == other ? "two processes on hosts named " + one : "the hosts " + one + " and " + other;
}

}  // namespace

/// One key on two hosts (a copied image or data folder) would have tasks called lost that run, so neither is served. A
/// host that took the other's place is told from a clone by time: only clones live at once.
bool Core::Impl::admit_host(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  const Agent& row = rows.state().agents.at(agent);
  if (!row.conflict.empty()) {
    refuse_session(session, ErrorKind::conflict, row.conflict, false);
    return false;
  }
  Presence& here = presence[agent];
  const bool is_known = !hello.process.empty() && !here.process.empty();
  const bool is_elsewhere = is_known && hello.process != here.process && here.session != 0 &&
                            !hello.host.machine_id.empty() && !here.host.machine_id.empty() &&
                            hello.host.machine_id != here.host.machine_id;
  if (is_elsewhere) {
    if (here.rival != hello.process) {
      here.rival = hello.process;
      here.rival_at = now.steady;
    } else if (here.heard >= here.rival_at + settings.heartbeat) {
      quarantine(agent, session, hello);
      return false;
    }
    refuse_session(session, ErrorKind::temporary,
                   fmt::format("The host {} holds a session with the key of agent {}; this one is let in when that is "
                               "gone.",
                               here.host.hostname, agent),
                   false);
    return false;
  }
  if (is_known && hello.process != here.process) {
    if (std::ranges::find(here.earlier, hello.process) != here.earlier.end()) ++here.returns;
    if (here.returns >= returns_of_a_clone) {
      quarantine(agent, session, hello);
      return false;
    }
    here.earlier.push_back(here.process);
    if (here.earlier.size() > remembered_processes) here.earlier.erase(here.earlier.begin());
  }
  here.process = hello.process;
  here.rival.clear();
  return true;
}

/// Until an administrator removes the agent: its hosts are then enrolled again, each with a key of its own.
void Core::Impl::quarantine(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  const std::string hosts = describe_hosts(presence[agent].host.hostname, hello.host.hostname);
  const std::string text = fmt::format(
      "The key of agent {} is used by {} at once, so neither is served. Remove it with `escape agents remove {}` and "
      "enrol each host anew with `escape-agent join TOKEN --again`.",
      agent, hosts, agent);
  Agent& row = rows.edit_agent(agent);
  row.conflict = text;
  tell("agent.conflict", agent, {row.environment, ""}, 0, {{"agent", agent}, {"reason", hosts}});
  if (const SessionId other = session_of(agent)) {
    send(other, protocol::Refused{std::string(kind_name(ErrorKind::conflict)), text, false});
  }
  lose_agent(agent, "its key is used by " + hosts);
  refuse_session(session, ErrorKind::conflict, text, false);
}

}  // namespace escape::controller
