#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "controller/core/engine.h"

namespace escape::controller {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t max_name = 64;
/// A token that nobody used by then is forgotten in a drawer.
constexpr Millis longest_invitation = std::chrono::hours(24 * 366);

/// Letters, digits, '.', '_' and '-': fit for a word of a message, a file name and a command line.
std::string cleaned_name(std::string_view wished) {
  std::string name;
  for (const char c : wished.substr(0, max_name)) {
    const bool is_fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    name.push_back(is_fine ? c : '-');
  }
  return name;
}

std::string unique_name(const std::string& wished, const std::function<bool(const std::string&)>& is_taken) {
  if (!is_taken(wished)) return wished;
  for (int i = 2;; ++i) {
    std::string name = fmt::format("{}-{}", wished, i);
    if (!is_taken(name)) return name;
  }
}

}  // namespace

Result<protocol::Reply> Core::Impl::invite(const Principal& by, const protocol::request::Invite& asked) {
  static const std::vector<std::string> roles{"agent", "admin", "operator", "reader"};
  if (std::ranges::find(roles, asked.role) == roles.end()) {
    return fail(ErrorKind::usage, fmt::format("'{}' is not a role.", asked.role),
                "Roles are agent, admin, operator and reader.");
  }
  const bool is_for_agent = asked.role == "agent";
  if (is_for_agent && asked.environment.empty()) {
    return fail(ErrorKind::usage, "An agent is invited into an environment.", "Name it with --environment.");
  }
  if (is_for_agent) {
    TRYV(release::check_environment_name(asked.environment));
  }
  for (const std::string& name : asked.environments) {
    TRYV(release::check_environment_name(name));
  }
  if (asked.key.size() != key_bytes) {
    return fail(ErrorKind::bad_data,
                fmt::format("The invitation's key has {} bytes instead of {}.", asked.key.size(), key_bytes));
  }
  if (asked.valid_for <= Millis{0}) return fail(ErrorKind::usage, "An invitation must be valid for some time.");
  if (asked.valid_for > longest_invitation) return fail(ErrorKind::usage, "An invitation is valid for a year at most.");
  forget_invitations();
  if (auto taken = rows.state().invitations.find(asked.key); taken != rows.state().invitations.end()) {
    return protocol::Reply(protocol::reply::Invitation{taken->second.name, taken->second.valid_until});
  }
  if (agent_by_key.contains(asked.key) || principal_by_key.contains(asked.key)) {
    return fail(ErrorKind::conflict, "The invitation's key is enrolled already.", "Make a new invitation.");
  }
  Invitation invitation;
  invitation.key = asked.key;
  invitation.name = cleaned_name(asked.name);
  invitation.role = asked.role;
  invitation.environment = is_for_agent ? asked.environment : "";
  invitation.environments = asked.environments;
  invitation.labels = asked.labels;
  invitation.invited_by = by.name;
  invitation.valid_until = now.wall + asked.valid_for;
  const protocol::reply::Invitation reply{invitation.name, invitation.valid_until};
  tell("invitation.made", by.name, {invitation.environment, ""}, 0,
       {{"role", invitation.role}, {"name", invitation.name}, {"valid_until", to_rfc3339(invitation.valid_until)}});
  rows.put(std::move(invitation));
  return protocol::Reply(reply);
}

/// Those that ran out. Used ones too: whoever joined with one has long heard its answer.
void Core::Impl::forget_invitations() {
  for (const auto& [key, invitation] : std::map(rows.state().invitations)) {
    if (invitation.valid_until < now.wall) rows.remove_invitation(key);
  }
}

/// One invitation makes one key known. The same key may ask again, because its answer may have been lost.
Result<> Core::Impl::check_invitation(const Invitation* invitation, std::string_view public_key) const {
  if (!invitation) return fail(ErrorKind::refused, "There is no such invitation.", "Ask for a new token.");
  if (public_key.size() != key_bytes) return fail(ErrorKind::bad_data, "The public key must have 32 bytes.");
  if (!invitation->used_by_key.empty() && invitation->used_by_key != public_key) {
    return fail(ErrorKind::refused, fmt::format("This invitation was used already, by {}.", invitation->used_by_name),
                "Ask for a new token.");
  }
  if (invitation->used_by_key.empty() && invitation->valid_until < now.wall) {
    return fail(ErrorKind::refused, "This invitation has run out.", "Ask for a new token.");
  }
  return ok();
}

void Core::Impl::join(SessionId session, const std::string& key, const protocol::Join& asked) {
  Result<AgentId> joined = enrol_agent(key, asked);
  if (!joined) return refuse_session(session, joined.error().kind, joined.error().message, true);
  send(session, protocol::Joined{joined.value(), rows.state().agents.at(joined.value()).environment});
}

Result<AgentId> Core::Impl::enrol_agent(const std::string& key, const protocol::Join& asked) {
  auto found = rows.state().invitations.find(key);
  const Invitation* invitation = found == rows.state().invitations.end() ? nullptr : &found->second;
  TRYV(check_invitation(invitation, asked.public_key));
  if (invitation->role != "agent") {
    return fail(ErrorKind::refused, "This invitation is for a person.", "Use it with `escape login`.");
  }
  if (!invitation->used_by_key.empty()) {
    if (rows.state().agents.contains(invitation->used_by_name)) return invitation->used_by_name;
    return fail(ErrorKind::refused, fmt::format("The agent {} has been removed.", invitation->used_by_name),
                "Ask for a new token.");
  }
  if (auto known = agent_by_key.find(asked.public_key); known != agent_by_key.end()) {
    return fail(ErrorKind::conflict, fmt::format("This key is enrolled already, as agent {}.", known->second));
  }
  std::string wished = invitation->name;
  if (wished.empty()) wished = cleaned_name(asked.name.empty() ? asked.host.hostname : asked.name);
  if (wished.empty()) wished = invitation->environment;
  Agent agent;
  agent.name = unique_name(
      wished, [&](const std::string& name) { return name == embedded_agent || rows.state().agents.contains(name); });
  agent.key = asked.public_key;
  agent.environment = invitation->environment;
  agent.labels = asked.labels;
  for (const auto& [label, value] : invitation->labels) agent.labels[label] = value;
  agent.host = asked.host;
  agent.enrolled_at = now.wall;
  const AgentId name = agent.name;
  if (!rows.state().environments.contains(agent.environment)) {
    rows.put(state::Environment{.name = agent.environment, .inputs = {}, .created_at = now.wall});
    tell("environment.created", invitation->invited_by, {agent.environment, ""}, 0);
  }
  tell("agent.enrolled", invitation->invited_by, {agent.environment, ""}, 0,
       {{"agent", name}, {"hostname", asked.host.hostname}});
  index_agent(agent);
  rows.put(std::move(agent));
  Invitation& row = rows.edit_invitation(key);
  row.used_by_key = asked.public_key;
  row.used_by_name = name;
  return name;
}

Result<protocol::Reply> Core::Impl::enrol(const input::ClientMessage& got, const protocol::request::Enrol& asked) {
  auto found = rows.state().invitations.find(got.key);
  const Invitation* invitation = found == rows.state().invitations.end() ? nullptr : &found->second;
  TRYV(check_invitation(invitation, asked.public_key));
  if (invitation->role == "agent") {
    return fail(ErrorKind::refused, "This invitation is for an agent.", "Use it with `escape-agent join`.");
  }
  if (!invitation->used_by_key.empty()) {
    auto enrolled = rows.state().principals.find(invitation->used_by_name);
    if (enrolled == rows.state().principals.end()) {
      return fail(ErrorKind::refused, fmt::format("{} has been removed.", invitation->used_by_name),
                  "Ask for a new token.");
    }
    return protocol::Reply(protocol::reply::Enrolled{enrolled->second.name, enrolled->second.role});
  }
  if (auto known = principal_by_key.find(asked.public_key); known != principal_by_key.end()) {
    return fail(ErrorKind::conflict, fmt::format("This key is enrolled already, as {}.", known->second));
  }
  std::string wished = invitation->name.empty() ? cleaned_name(asked.name) : invitation->name;
  if (wished.empty()) wished = invitation->role;
  Principal principal;
  principal.name = unique_name(wished, [&](const std::string& name) {
    return name == self.name || name == controller_principal || rows.state().principals.contains(name);
  });
  principal.key = asked.public_key;
  principal.role = invitation->role;
  principal.environments = invitation->environments;
  principal.enrolled_at = now.wall;
  const protocol::reply::Enrolled reply{principal.name, principal.role};
  tell("principal.enrolled", invitation->invited_by, {}, 0, {{"principal", principal.name}, {"role", principal.role}});
  principal_by_key[principal.key] = principal.name;
  rows.put(std::move(principal));
  Invitation& row = rows.edit_invitation(got.key);
  row.used_by_key = asked.public_key;
  row.used_by_name = reply.principal;
  return protocol::Reply(reply);
}

/// Its key, its invitation and its session go. What it was told to run and never reported is lost with it.
Result<protocol::Reply> Core::Impl::remove_agent(const Principal& by, const protocol::request::RemoveAgent& asked) {
  auto found = rows.state().agents.find(asked.name);
  if (found == rows.state().agents.end()) {
    return fail(ErrorKind::not_found, fmt::format("There is no agent '{}'.", asked.name),
                "`escape agents list` shows the agents.");
  }
  const Agent agent = found->second;
  const std::set<TaskId> bound = work.contains(agent.name) ? work.at(agent.name) : std::set<TaskId>();
  for (TaskId id : bound) {
    const Task& task = rows.state().tasks.at(id);
    if (!task.was_sent || task.phase == TaskPhase::unknown) continue;
    return fail(ErrorKind::conflict, fmt::format("Agent {} works on job {}.", agent.name, id.job),
                fmt::format("Wait for it, or stop it with `escape jobs cancel {}`.", id.job));
  }
  if (const SessionId session = session_of(agent.name)) {
    sessions.erase(session);
    send(session, protocol::Refused{std::string(kind_name(ErrorKind::refused)),
                                    "This agent has been removed by " + by.name + ".", true});
    effects.close.push_back(session);
  }
  timers.cancel({TimerKind::liveness, agent.name, {}});
  presence.erase(agent.name);
  awaited.erase(agent.name);
  agent_by_key.erase(agent.key);
  agents_of[agent.environment].erase(agent.name);
  for (const auto& [key, invitation] : std::map(rows.state().invitations)) {
    if (invitation.used_by_key == agent.key) rows.remove_invitation(key);
  }
  rows.remove_agent(agent.name);
  tell("agent.removed", by.name, {agent.environment, ""}, 0, {{"agent", agent.name}});
  for (TaskId id : bound) {
    if (is_worked_on(id) && rows.state().tasks.at(id).was_sent) interrupt(id, Interruption::agent_removed, {});
  }
  for (TaskId id : bound) {
    if (is_worked_on(id) && !rows.state().tasks.at(id).was_sent) dispatch(id);
  }
  return protocol::Reply(protocol::reply::Done{fmt::format("Agent {} has been removed.", agent.name)});
}

Result<protocol::Reply> Core::Impl::remove_principal(const Principal& by,
                                                     const protocol::request::RemovePrincipal& asked) {
  auto found = rows.state().principals.find(asked.name);
  if (found == rows.state().principals.end()) {
    return fail(ErrorKind::not_found, fmt::format("There is no principal '{}'.", asked.name));
  }
  const Principal principal = found->second;
  const auto admins =
      std::ranges::count_if(rows.state().principals, [](const auto& p) { return p.second.role == "admin"; });
  if (principal.role == "admin" && admins == 1) {
    return fail(ErrorKind::refused, fmt::format("{} is the last administrator.", principal.name),
                "Invite another administrator first.");
  }
  principal_by_key.erase(principal.key);
  // What runs in this person's workspaces goes on there, but nothing more is taken from it.
  const std::string process = std::string(workspace_prefix) + principal.name;
  std::vector<AgentId> processes;
  for (const auto& [agent, presence_of_it] : presence) {
    if (agent == process || agent.starts_with(process + ":")) processes.push_back(agent);
  }
  for (const AgentId& agent : processes) lose_agent(agent, principal.name + " has been removed");
  for (const auto& [key, invitation] : std::map(rows.state().invitations)) {
    if (invitation.used_by_key == principal.key) rows.remove_invitation(key);
  }
  rows.remove_principal(principal.name);
  tell("principal.removed", by.name, {}, 0, {{"principal", principal.name}});
  return protocol::Reply(protocol::reply::Done{fmt::format("{} has been removed.", principal.name)});
}

}  // namespace escape::controller
