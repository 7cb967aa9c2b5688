#include "controller/core/core.h"

#include "controller/core/engine.h"
#include "shared/base/mutant.h"
#include "shared/base/overloaded.h"

namespace escape::controller {

Core::Core(State state, Settings settings) : impl_(std::make_unique<Impl>(std::move(state), std::move(settings))) {}
Core::~Core() = default;

Effects Core::on(const Input& input, Now now) { return impl_->on(input, now); }
const State& Core::state() const { return impl_->rows.state(); }

std::string_view Core::liveness(const AgentId& agent) const {
  const auto row = impl_->rows.state().agents.find(agent);
  if (row != impl_->rows.state().agents.end() && !row->second.conflict.empty()) return "conflict";
  auto found = impl_->presence.find(agent);
  return found == impl_->presence.end() ? "offline" : found->second.liveness;
}

Timestamp Core::last_seen(const AgentId& agent) const { return impl_->last_seen(agent); }

Millis Core::pace() const { return impl_->pace(); }

bool Core::is_allowed(std::string_view domain, std::string_view key) const { return impl_->is_allowed(domain, key); }
const Principal* Core::principal_of(std::string_view key) const { return impl_->principal_of(key); }

Core::Impl::Impl(State state, Settings s) : settings(std::move(s)), rows(std::move(state)) {
  self.name = settings.user;
  self.role = "admin";
  const State& known = rows.state();
  for (const auto& [name, agent] : known.agents) index_agent(agent);
  for (const auto& [name, principal] : known.principals) principal_by_key[principal.key] = name;
  for (const auto& [number, job] : known.jobs) {
    if (job.parent != 0) children[job.parent].insert(number);
    for (const std::uint32_t index : job.at) {
      const Task& task = known.tasks.at({number, index});
      if (!task.agent.empty()) work[task.agent].insert(task.id);
    }
  }
}

Effects Core::Impl::on(const Input& input, Now at) {
  now = at;
  effects = {};
  std::visit([&](const auto& one) { on_input(one); }, input);
  start_what_may();
  look_around();
  start_what_may();
  effects.changes = rows.take_changes();
  effects.wake_at = timers.earliest();
  return std::move(effects);
}

void Core::Impl::on_input(const input::AgentMessage& got) {
  if (const auto* asked = std::get_if<protocol::Join>(&got.message)) return join(got.session, got.key, *asked);
  if (const auto* hello = std::get_if<protocol::Hello>(&got.message)) return on_hello(got.session, got.key, *hello);
  auto found = sessions.find(got.session);
  if (found == sessions.end()) return ignore("a message of a session that has not greeted or was replaced");
  const AgentId agent = found->second;
  heard(agent);
  std::visit(overloaded{
                 [](const protocol::Join&) {},   // above
                 [](const protocol::Hello&) {},  // above
                 [&](const protocol::Ping&) { send(got.session, protocol::Pong{tell_pace(agent)}); },
                 [&](const protocol::Bye&) { lose_agent(agent, "it was stopped"); },
                 [&](const auto& report) { on_message(agent, got.session, report); },
             },
             got.message);
}

void Core::Impl::on_input(const input::ClientMessage& got) {
  const auto reply = [&](protocol::Reply answered) {
    effects.to_clients.push_back({got.session, {got.request_id, std::move(answered)}});
  };
  const auto refuse = [&](const Error& error) {
    ignore(error.message);
    reply(protocol::reply::Failed{std::string(kind_name(error.kind)), describe(error), error.hint});
  };
  if (const auto* asked = std::get_if<protocol::request::Enrol>(&got.request)) {
    Result<protocol::Reply> enrolled = enrol(got, *asked);
    return enrolled ? reply(std::move(enrolled).value()) : refuse(enrolled.error());
  }
  const Principal* found = principal_of(got.key);
  if (!found) {
    return refuse({ErrorKind::refused, "This key is not enrolled.", "Ask an administrator for an invitation."});
  }
  const Principal by = *found;  // the request may remove the row
  if (auto answered = rows.state().answered.find({by.name, got.request_id});
      answered != rows.state().answered.end() && !is_mutant("carry_out_a_repeated_request")) {
    return answer_again(got, answered->second);
  }
  if (Result<> allowed = check_allowed(by, got.request); !allowed) return refuse(allowed.error());
  Result<protocol::Reply> answered = answer(by, got);
  if (!answered) return refuse(answered.error());
  // Whole values are not kept for a repeat: it reveals them again, and says so again.
  if (!protocol::reveals_values(got.request)) remember_answer(by, {got.request_id, answered.value()});
  reply(std::move(answered).value());
}

void Core::Impl::on_input(const input::SessionGone& got) {
  auto found = sessions.find(got.session);
  if (found == sessions.end()) return ignore("no such session");
  // Its silence, not its broken connection, makes an agent lost: it may be back within a moment.
  presence[found->second].session = 0;
  sessions.erase(found);
}

void Core::Impl::on_input(const input::Published& got) {
  tell("release.published", got.by, {}, 0,
       {{"release", to_string(got.record.id)}, {"sha256", got.record.sha256}, {"size", got.record.size}});
  watch_release(got.record.id);
}

void Core::Impl::on_input(const input::Tagged& got) {
  const bool is_removed = got.to.empty();
  const std::string application = to_string(got.application);
  Value::Object data{{"application", application},
                     {"tag", got.tag},
                     {"release", application + "-v" + (is_removed ? got.from : got.to)}};
  if (!got.from.empty()) data.set("from", got.from);
  if (!is_removed) data.set("to", got.to);
  tell(is_removed ? "release.untagged" : "release.tagged", got.by, {}, 0, std::move(data));
  const Result<release::ReleaseId> id = release::parse_release_id(application + "-v" + got.to);
  if (!is_removed && id) watch_release(id.value());
}

void Core::Impl::on_input(const input::Tick&) {
  bool anything = false;
  while (std::optional<TimerKey> due = timers.take_due(now.steady)) {
    anything = true;
    switch (due->kind) {
      case TimerKind::liveness:
        check_liveness(due->agent);
        break;
      case TimerKind::notice:
        give_notice(due->task);
        break;
      case TimerKind::wait:
        stop_waiting(due->task);
        break;
      case TimerKind::resend:
        say_again(due->task);
        break;
      case TimerKind::look:
        want_look(due->environment);
        break;
    }
    // Whoever was lost or failed may let the next job begin, whose deadlines count from now on.
    start_what_may();
  }
  if (!anything) ignore("nothing is due");
}

void Core::Impl::on_input(const input::Started&) {
  if (is_mutant("forget_what_was_unsent")) return;
  forget_invitations();
  await_fleet();
  for (const auto& [name, environment] : rows.state().environments) want_look(name);
  std::vector<JobId> running;
  for (const auto& [number, job] : rows.state().jobs) {
    if (job.phase == JobPhase::running) running.push_back(number);
  }
  for (JobId number : running) {
    const Job* job = find_live(number);
    if (!job) continue;  // ended with an earlier one of them
    if (job->kind == JobKind::converge) {
      if (job->children.empty()) begin_converge(number);
      continue;
    }
    if (is_set(*job)) continue;  // its children were made in the commit that started it
    if (!job->after.empty()) continue;
    if (!rows.state().plans.contains(number)) {
      resolve(*job);
      continue;
    }
    if (job->task_count == 0) {  // it waits for releases that it needs
      begin(number);
      continue;
    }
    for (const std::uint32_t index : std::vector(job->at)) {
      const TaskId id{number, index};
      const TaskPhase phase = rows.state().tasks.at(id).phase;
      if (phase == TaskPhase::planned) {
        dispatch(id);
      } else if (phase != TaskPhase::unknown && phase != TaskPhase::skipped) {
        // An unknown one waits for its agent or a person, without a limit.
        wait_for_agent(id);
      }
    }
  }
}

void Core::Impl::on_input(const input::Recovered& got) {
  tell("controller.recovered", "", {}, 0, {{"reason", got.why}, {"since", to_rfc3339(got.since)}});
}

void Core::Impl::tell(std::string kind, std::string_view principal, const DeploymentKey& where, JobId job,
                      Value::Object data) {
  rows.tell({.sequence = 0,
             .time = now.wall,
             .kind = std::move(kind),
             .principal = std::string(principal),
             .environment = where.environment,
             .deployment = where.deployment,
             .job = job,
             .data = std::move(data)});
}

const Principal* Core::Impl::principal_of(std::string_view key) const {
  if (key.empty()) return &self;
  auto found = principal_by_key.find(std::string(key));
  return found == principal_by_key.end() ? nullptr : &rows.state().principals.at(found->second);
}

bool Core::Impl::is_allowed(std::string_view domain, std::string_view key) const {
  if (key.empty()) return false;
  const Principal* principal = principal_of(key);
  if (domain == "events") return principal != nullptr;
  auto invitation = rows.state().invitations.find(std::string(key));
  const bool is_invited = invitation != rows.state().invitations.end() && now.wall <= invitation->second.valid_until;
  const bool is_for_agent = is_invited && invitation->second.role == "agent";
  if (domain == "clients") return principal != nullptr || (is_invited && !is_for_agent);
  if (domain != "agents") return false;
  return agent_by_key.contains(std::string(key)) || is_for_agent || (principal && principal->role != "reader");
}

}  // namespace escape::controller
