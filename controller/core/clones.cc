#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"

namespace escape::controller {
namespace {

/// A greeting that its dead sender left behind may come after its successor's, who then comes back too: two returns.
constexpr int returns_of_a_clone = 3;
constexpr std::size_t remembered_processes = 8;

std::string describe_hosts(const std::string& one, const std::string& other) {
  return one == other ? "two processes on hosts named " + one : "the hosts " + one + " and " + other;
}

}  // namespace

/// One key on two hosts (a copied image or data folder) would have a task run on both, or called lost while it runs. A
/// key is for the machine that it was enrolled on; copies that share even the machine's id are told by processes that
/// keep replacing each other.
bool Core::Impl::admit_host(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  const Agent& row = rows.state().agents.at(agent);
  if (!row.conflict.empty()) {
    refuse_session(session, ErrorKind::conflict, row.conflict, false);
    return false;
  }
  const bool is_elsewhere = !row.host.machine_id.empty() && !hello.host.machine_id.empty() &&
                            hello.host.machine_id != row.host.machine_id && !is_mutant("welcome_a_copied_key");
  if (is_elsewhere) {
    refuse_copy(agent, session, hello);
    return false;
  }
  Presence& here = presence[agent];
  if (!hello.process.empty() && !here.process.empty() && hello.process != here.process) {
    if (std::ranges::find(here.earlier, hello.process) != here.earlier.end()) ++here.returns;
    if (here.returns >= returns_of_a_clone) {
      quarantine(agent, session, hello);
      return false;
    }
    here.earlier.push_back(here.process);
    if (here.earlier.size() > remembered_processes) here.earlier.erase(here.earlier.begin());
  }
  here.process = hello.process;
  return true;
}

void Core::Impl::refuse_copy(const AgentId& agent, SessionId session, const protocol::Hello& hello) {
  const Agent& row = rows.state().agents.at(agent);
  if (!std::exchange(presence[agent].is_copy_told, true)) {
    tell("agent.conflict", agent, {row.environment, ""}, 0,
         {{"agent", agent}, {"reason", fmt::format("the host {} uses its key, too", hello.host.hostname)}});
  }
  refuse_session(
      session, ErrorKind::conflict,
      fmt::format("Agent {} was enrolled on another machine (its host is {}): a key is for one machine. Join "
                  "with a token of its own: `escape-agent join TOKEN --again`.",
                  agent, row.host.hostname),
      true);
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
