#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "controller/core/engine.h"
#include "shared/base/mutant.h"
#include "shared/plan/variables.h"

namespace escape::controller {
namespace {

using Part = Step::Part;

/// Steps that see what the scripts before them gave out (spec/variables.md §10).
bool sees_outputs(Part part) { return part != Part::pre && part != Part::main; }
bool writes_outputs_file(Part part) { return part == Part::main || part == Part::post || part == Part::destroy; }
// What destroy leaves in the file means nothing any more, so it cannot fail on it.
bool reads_outputs(Part part) { return part == Part::main || part == Part::post; }

/// Extensions of extensions of one release; releases that extend each other end here.
constexpr std::size_t most_parts = 200;

/// spec/inventory-api.md §4.18; the shell puts another place in when the inventory is elsewhere.
std::string download_path(const std::string& release) {
  Result<release::ReleaseId> id = release::parse_release_id(release);
  if (!id) return {};
  return fmt::format("/api/v1/inventory/{}/units/{}/versions/v{}/download", id.value().application.project,
                     id.value().application.name, id.value().version.text());
}

}  // namespace

std::optional<AgentId> Core::Impl::workspace_agent_of(const Job& job) const {
  // A process says in its greeting which folder it works for; one that does not serves any folder of its person.
  const std::string person = std::string(workspace_prefix) + job.principal;
  for (const AgentId& name : {person + ":" + job.workspace, person}) {
    if (presence.contains(name)) return name;
  }
  return std::nullopt;
}

std::optional<AgentId> Core::Impl::choose_agent(const Job& job) const {
  if (settings.is_embedded) return AgentId(embedded_agent);
  if (!job.workspace.empty()) return workspace_agent_of(job);
  auto here = agents_of.find(job.environment);
  if (here == agents_of.end() || here->second.empty()) return std::nullopt;
  // What one step left on its host (a provider's log-in, files) the next one needs.
  const bool stays = !is_mutant("hand_over_unknown_tasks");
  const std::optional<AgentId> before = agent_so_far(job);
  if (before && here->second.contains(*before) && stays) return before;
  auto deployment = rows.state().deployments.find(deployment_of(job));
  if (deployment != rows.state().deployments.end() && here->second.contains(deployment->second.agent) && stays) {
    return deployment->second.agent;
  }
  const auto rank = [&](const AgentId& agent) {
    auto known = presence.find(agent);
    const bool is_online = known != presence.end() && known->second.liveness == "online";
    auto tasks = work.find(agent);
    return std::tuple(!is_online, tasks == work.end() ? 0 : tasks->second.size());
  };
  // The first of equals: the set is in the order of names.
  return *std::ranges::min_element(here->second, {}, rank);
}

/// Of the job's last step that an agent had.
std::optional<AgentId> Core::Impl::agent_so_far(const Job& job) const {
  for (std::uint32_t index = job.task_count; index-- > 0;) {
    auto task = rows.state().tasks.find({job.number, index});
    if (task != rows.state().tasks.end() && task->second.was_sent) return task->second.agent;
  }
  return std::nullopt;
}

Result<> Core::Impl::check_has_agent(const Job& job) const {
  if (settings.is_embedded || !job.workspace.empty() || choose_agent(job)) return ok();
  return fail(ErrorKind::no_target, fmt::format("The environment '{}' has no agent.", job.environment),
              fmt::format("Enrol one: on a host of that environment run `escape-agent join TOKEN` with the token that "
                          "`escape agents invite --environment {}` prints.",
                          job.environment));
}

void Core::Impl::bind(TaskId id, const AgentId& agent) {
  unbind(id);
  rows.edit(id).agent = agent;
  work[agent].insert(id);
}

void Core::Impl::unbind(TaskId id) {
  unbound.erase(id);
  auto bound = work.find(rows.state().tasks.at(id).agent);
  if (bound == work.end()) return;
  bound->second.erase(id);
  if (bound->second.empty()) work.erase(bound);
}

/// Binds a task that never left to an agent and offers it, now or when the agent is there.
void Core::Impl::dispatch(TaskId id) {
  const Job& job = rows.state().jobs.at(id.job);
  const std::optional<AgentId> agent = choose_agent(job);
  if (!agent && job.workspace.empty()) return fail_step(id, check_has_agent(job).error());
  if (!agent) {
    unbind(id);
    rows.edit(id).agent.clear();
    unbound.insert(id);
    return wait_for_agent(id);
  }
  bind(id, *agent);
  auto deployment = rows.state().deployments.find(deployment_of(job));
  const bool lives_there = job.workspace.empty() && deployment != rows.state().deployments.end();
  if (lives_there && deployment->second.agent != *agent) {
    if (!deployment->second.agent.empty()) {
      log_at(
          job, id.index, "warn",
          fmt::format("{} lived on agent {}, which has been removed: its steps run on {} from now on, and what is on "
                      "the other host stays there.",
                      job.deployment, deployment->second.agent, *agent));
    }
    rows.edit_deployment(deployment_of(job)).agent = *agent;
  }
  if (const SessionId session = session_of(*agent)) return offer(id, session);
  wait_for_agent(id);
}

const release::Metadata& Core::Impl::release_of_task(const Task& task) {
  const Step* step = step_at(rows.state().jobs.at(task.id.job), task.id.index);
  return expansion_of(task.id.job).metadata_of(step ? step->unit : 0);
}

/// All that the offer says of the step: kept, so that a repeated offer is the same.
Result<> Core::Impl::fill_task(Task& task) {
  const Job& job = rows.state().jobs.at(task.id.job);
  const Step& step = *step_at(job, task.id.index);
  const Expansion& all = expansion_of(task.id.job);
  const Unit& unit = all.units[step.unit];
  const release::Metadata& metadata = all.metadata_of(step.unit);
  ValueFiles files = files_of(job, unit);
  const Surroundings surroundings = around(job, unit, metadata, task.stage, scope_of(step), files);
  static const state::StageRecord nothing;
  const state::StageRecord& stage = surroundings.record ? *surroundings.record : nothing;
  static const std::map<std::string, std::string> none;
  const auto below = job.previous_below.find(unit.deployment);
  const auto& previous_of_it = below == job.previous_below.end() ? none : below->second;
  const auto& previous = step.unit == 0 ? job.previous_variables : previous_of_it;
  const bool is_of_provider = step.part == Part::activate || step.part == Part::deactivate;
  const bool has_previous = !is_of_provider && step.part != Part::errand;
  task.variables = variables_for(metadata, stage, has_previous ? previous : none, sees_outputs(step.part));
  if (writes_outputs_file(step.part) && step.part != Part::main) task.outputs_before = stage.calculated_outputs;
  Value::Object globals = expression_globals(metadata, scope_of(step), surroundings);
  if (step.part == Part::errand) {
    TRYV(add_errand_variables(job, metadata, surroundings, task.variables, globals));
  }
  const script::Context context = context_of(globals, files);
  if (const release::ExecStage* run = script_of(metadata, step)) {
    TRY(task.run, evaluate_stage(*run, context));
  }
  task.templates.clear();
  for (const release::Template& one : templates_of(metadata, step)) {
    TRY(protocol::TemplateToRender ready, evaluate_template(one, context));
    task.templates.push_back(std::move(ready));
  }
  return take_files(task, known_files(job, files));
}

/// The files that the step's values name.
Result<> Core::Impl::take_files(Task& task, const FileTexts& known) const {
  std::vector<std::string_view> texts{task.run.cmd, task.run.script, task.run.inline_script};
  texts.insert(texts.end(), task.run.args.begin(), task.run.args.end());
  for (const auto& [name, text] : task.variables) texts.push_back(text);
  task.files = named_files(known, texts);
  task.files.merge(named_files(known, task.outputs_before));
  for (const protocol::TemplateToRender& one : task.templates) task.files.merge(named_files(known, one.values));
  std::size_t bytes = 0;
  for (const auto& [path, text] : task.files) bytes += text.size();
  if (bytes <= most_value_file_bytes) return ok();
  return fail(ErrorKind::bad_data,
              fmt::format("The files that the values of step {} name are larger than 1 MiB together.", task.step),
              "Put large files into the package.");
}

/// An errand sees the deployment's values and its own, which nobody keeps (spec/variables.md §7).
Result<> Core::Impl::add_errand_variables(const Job& job, const release::Metadata& metadata,
                                          const Surroundings& surroundings,
                                          std::map<std::string, std::string>& variables, Value::Object& globals) const {
  static const Value::Object nothing;
  const state::StageRecord* record = surroundings.record;
  const Value::Object& calculated = record ? record->calculated_inputs : nothing;
  const std::vector<release::Variable>& own = metadata.errands.at(job.errand).inputs;
  std::vector<release::Variable> overlaid;
  for (const release::Variable& input : metadata.inputs) {
    if (job.inputs.contains(input.id)) overlaid.push_back(input);
  }
  // The errand's own see the deployment's as they are for this one time.
  state::StageRecord seen = record ? *record : state::StageRecord();
  Surroundings around = surroundings;
  around.record = &seen;
  for (const std::vector<release::Variable>* declared :
       std::initializer_list<const std::vector<release::Variable>*>{&overlaid, &own}) {
    TRY(const Value::Object values,
        calculate_inputs(*declared, metadata, release::Scope::deploy, {&calculated, &job.inputs}, around));
    for (const auto& [id, value] : values) {
      seen.calculated_inputs.set(id, value);
      variables["INPUT_" + id] = plan::to_environment_text(value);
      for (auto& [name, self] : globals) {
        if (name != "this") continue;
        for (auto& [member, inputs] : *self.as_object()) {
          if (member == "inputs") inputs.as_object()->set(id, value);
        }
      }
    }
  }
  if (record) {
    for (const auto& [id, value] : record->calculated_outputs) {
      variables["INPUT_OUTPUT_" + id] = plan::to_environment_text(value);
    }
  }
  add_readable_names(variables);
  return ok();
}

/// Where an agent gets a release that is not the job's own.
protocol::PackageSource Core::Impl::source_of(const Job& job, const std::string& release) const {
  protocol::PackageSource source;
  source.release = release;
  source.path = download_path(release);
  const JobPlan& plan = rows.state().plans.at(job.number);
  const auto planned = std::ranges::find(plan.releases, release, &PlannedRelease::release);
  if (planned == plan.releases.end()) return source;
  source.sha256 = planned->sha256;
  source.size = planned->size;
  return source;
}

/// The packages that a release extends lie in `deps/` of its folder, theirs in theirs (spec/escape-plan.md §7).
void Core::Impl::add_parts(const Job& job, const release::Metadata& metadata, const std::string& folder,
                           std::vector<protocol::PackagePart>& parts) {
  for (const std::string& extension : metadata.extends) {
    const std::string id = canonical_id(extension);
    const release::Metadata* part = expansion_of(job.number).find(id);
    if (!part || parts.size() >= most_parts) continue;
    const std::string place = fmt::format("{}deps/{}/{}", folder, application_of(*part).project, part->name);
    parts.push_back({place, source_of(job, id)});
    add_parts(job, *part, place + "/", parts);
  }
}

protocol::Offer Core::Impl::offer_of(const Task& task) {
  const Job& job = rows.state().jobs.at(task.id.job);
  const Step& step = *step_at(job, task.id.index);
  const Expansion& all = expansion_of(task.id.job);
  const release::Metadata& metadata = all.metadata_of(step.unit);
  protocol::Offer offer;
  offer.task = task.id;
  offer.attempt = task.attempt;
  offer.environment = job.environment;
  offer.deployment = all.units[step.unit].deployment;
  offer.stage = task.stage;
  offer.step = task.step;
  if (step.unit != 0) {
    offer.package = source_of(job, all.units[step.unit].release);
    offer.workspace = job.workspace;
  } else if (job.workspace.empty()) {
    offer.package.release = job.release;
    offer.package.path = download_path(job.release);
    offer.package.sha256 = job.sha256;
    offer.package.size = job.size;
  } else {
    offer.package.release = job.release;
    offer.package.workspace = job.workspace;
  }
  const release::ExecStage* script = script_of(metadata, step);
  offer.run = task.run.empty() && script ? *script : task.run;  // empty: the row is of an older version
  offer.downloads = downloads_of(metadata, step);
  offer.templates = task.templates;
  for (const auto& [path, text] : task.files) offer.files.push_back({path, text});
  add_parts(job, metadata, "", offer.parts);
  offer.variables = task.variables;
  offer.secret_variables = secret_variables(metadata, task.variables);
  // What somebody above calls a secret stays one under that name.
  for (std::uint32_t unit = step.unit; unit != 0 && !all.units[unit].is_provider;) {
    unit = all.units[unit].parent;
    for (std::string& name : secret_variables(all.metadata_of(unit), task.variables)) {
      if (std::ranges::find(offer.secret_variables, name) == offer.secret_variables.end()) {
        offer.secret_variables.push_back(std::move(name));
      }
    }
  }
  offer.outputs_before = task.outputs_before;
  offer.writes_outputs_file = writes_outputs_file(step.part);
  offer.reads_outputs = reads_outputs(step.part);
  offer.time_limit = job.step_time_limit > Millis{0} ? job.step_time_limit : settings.step_time_limit;
  offer.credit = output_credit();
  return offer;
}

/// An agent of before would ignore what it does not know of and run the script without its files.
Result<> Core::Impl::check_abilities(const AgentId& agent, const protocol::Offer& offer) const {
  const bool prepares = !offer.downloads.empty() || !offer.templates.empty() || !offer.parts.empty() ||
                        !offer.files.empty() || offer.run.empty();
  auto known = presence.find(agent);
  const bool can = known != presence.end() && std::ranges::find(known->second.abilities, protocol::ability_prepare) !=
                                                  known->second.abilities.end();
  if (!prepares || can) return ok();
  return fail(ErrorKind::refused,
              fmt::format("Agent {} is too old for step {}: it knows no extensions, templates and downloads.", agent,
                          offer.step),
              "Update escape-agent on that host, then run the job again.");
}

void Core::Impl::offer(TaskId id, SessionId session) {
  cancel_timers(id);
  if (const protocol::Offer made = offer_of(rows.state().tasks.at(id)); !rows.state().tasks.at(id).was_sent) {
    if (Result<> able = check_abilities(rows.state().tasks.at(id).agent, made); !able) {
      return fail_step(id, able.error());
    }
  }
  Task& task = rows.edit(id);
  task.phase = TaskPhase::offered;
  task.was_sent = true;
  if (!rows.state().jobs.at(id.job).message.empty() && !rows.state().jobs.at(id.job).failure) {
    rows.edit(id.job).message.clear();
    rows.edit(id.job).hint.clear();
  }
  send(session, offer_of(task));
  timers.set({TimerKind::resend, {}, id}, now.steady + settings.resend_offer);
}

void Core::Impl::cancel_timers(TaskId id) {
  for (const TimerKind kind : {TimerKind::notice, TimerKind::wait, TimerKind::resend}) timers.cancel({kind, {}, id});
}

/// The agent is not connected. People are told at once when it is known to be lost; right after a start it may just
/// need a moment.
void Core::Impl::wait_for_agent(TaskId id) {
  cancel_timers(id);
  const AgentId& agent = rows.state().tasks.at(id).agent;
  const Micros wait =
      awaited.contains(agent) ? std::max(settings.agent_wait, settings.return_lease) : settings.agent_wait;
  timers.set({TimerKind::wait, {}, id}, now.steady + wait);
  auto known = presence.find(agent);
  if (known != presence.end() && known->second.was_here && known->second.liveness == "offline") return give_notice(id);
  timers.set({TimerKind::notice, {}, id}, now.steady + std::min<Micros>(quiet_wait, settings.agent_wait / 2));
}

/// Who is waited for: "agent web1, last seen at 2026-11-29T10:00:00Z". It is read later, when "a minute ago" is wrong.
std::string Core::Impl::describe_wait(const Job& job, const Task& task) const {
  if (task.agent.empty() || task.agent.starts_with(workspace_prefix)) {
    return fmt::format("the command that works in {}", job.workspace);
  }
  if (auto row = rows.state().agents.find(task.agent);
      row != rows.state().agents.end() && !row->second.conflict.empty()) {
    return fmt::format("agent {}, whose key two hosts use", task.agent);
  }
  const Timestamp seen = last_seen(task.agent);
  return fmt::format("agent {}, {}", task.agent, seen.is_set() ? "last seen at " + to_rfc3339(seen) : "never seen yet");
}

void Core::Impl::give_notice(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const std::string text = "Waiting for " + describe_wait(*job, rows.state().tasks.at(id));
  rows.edit(id.job).message = text;
  log_at(*job, id.index, "warn", text + ".");
}

void Core::Impl::stop_waiting(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const Task& task = rows.state().tasks.at(id);
  if (task.was_sent) return mark_unknown(id);
  if (!job->workspace.empty()) {
    return fail_step(
        id, {ErrorKind::unreachable,
             fmt::format("The command that works in {} is gone; step {} was not started.", job->workspace, task.step),
             "Run the command again.",
             {}});
  }
  fail_step(id,
            {ErrorKind::unreachable,
             fmt::format("No answer from {}; step {} was not started.", describe_wait(*job, task), task.step),
             fmt::format("Start escape-agent on that host, or remove the agent with `escape agents remove {}` so that "
                         "another one of the environment takes over.",
                         task.agent),
             {}});
}

void Core::Impl::say_again(TaskId id) {
  const Job* job = find_live(id.job);
  if (!job) return;
  const Task& task = rows.state().tasks.at(id);
  const SessionId session = session_of(task.agent);
  if (session == 0) return;  // its greeting settles what is to be said
  if (task.phase == TaskPhase::offered) send(session, offer_of(task));
  if (wants_stop(*job)) send_cancel(task);
  timers.set({TimerKind::resend, {}, id}, now.steady + settings.resend_offer);
}

}  // namespace escape::controller
