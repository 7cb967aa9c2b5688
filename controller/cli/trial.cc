#include "controller/cli/trial.h"

#include <algorithm>
#include <set>

#include "controller/cli/job_run.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"
#include "shared/release/release_id.h"

namespace escape::cli {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

// How often a job is looked at whose agent is awaited, and how many releases below one are.
constexpr Millis look_again{100};
constexpr std::size_t most_releases = 1000;

constexpr std::string_view without_trial = "leave the trial out with --skip-deploy";

std::vector<const release::Consumer*> consumers_of(const release::Metadata& metadata) {
  std::vector<const release::Consumer*> consumers;
  for (const release::Consumer& consumer : metadata.consumes) {
    if (release::has_scope(consumer.scopes, release::Scope::deploy)) consumers.push_back(&consumer);
  }
  return consumers;
}

/// What the release consumes, and what is deployed below it. A dependency that cannot be found is told by its job.
Result<std::set<std::string>> consumed_interfaces(Invocation& run, const release::Metadata& metadata) {
  std::set<std::string> interfaces, seen;
  std::vector<release::Metadata> waiting{metadata};
  while (!waiting.empty() && seen.size() < most_releases) {
    const release::Metadata one = std::move(waiting.back());
    waiting.pop_back();
    for (const release::Consumer* consumer : consumers_of(one)) interfaces.insert(consumer->name);
    for (const release::Dependency& dependency : one.depends) {
      if (!seen.insert(dependency.release_id).second) continue;
      const Result<release::ReleaseQuery> query = release::parse_release_query(dependency.release_id);
      if (!query) continue;
      TRY(InventoryAccess * inventory, run.inventory(Access::write));
      Result<release::ReleaseRecord> found = inventory->resolve(query.value());
      if (found) waiting.push_back(std::move(found.value().metadata));
    }
  }
  return interfaces;
}

const Value* member(const Value& value, std::initializer_list<std::string_view> path) {
  const Value* at = &value;
  for (const std::string_view key : path) {
    const Value::Object* object = at->as_object();
    at = object ? object->find(key) : nullptr;
    if (!at) return nullptr;
  }
  return at;
}

/// The deployments of an environment, in the form of `state export`. None when there is no such environment.
Result<Value::Object> deployments_of(Link& link, const std::string& environment, bool reveal) {
  Result<reply::State> exported = ask<reply::State>(link, request::ExportState{environment, reveal});
  if (!exported && exported.error().kind == ErrorKind::not_found) return Value::Object();
  TRY(const reply::State state, std::move(exported));
  const Value* deployments = member(state.state, {"environments", environment, "deployments"});
  if (!deployments || !deployments->as_object()) return Value::Object();
  return *deployments->as_object();
}

bool provides_one(const Value& deployment, const std::set<std::string>& interfaces) {
  const Value* provided = member(deployment, {"stages", "deploy", "provides"});
  if (!provided || !provided->as_list()) return false;
  return std::ranges::any_of(*provided->as_list(), [&](const Value& interface) {
    const std::string* name = interface.as_string();
    return name && interfaces.contains(*name);
  });
}

/// Its deploy stage alone: nobody consumes what was built.
Value lent(const Value& deployment) {
  Value::Object copy = *deployment.as_object();
  const Value* stage = member(deployment, {"stages", "deploy"});
  copy.set("stages", Value::Object{{"deploy", Value(*stage)}});
  return copy;
}

/// Everything that provides one of the interfaces or is named, and what these use themselves.
Value::Object choose_lent(const Value::Object& all, const std::set<std::string>& interfaces,
                          const ProviderNames& providers, const std::string& own) {
  std::vector<std::string> waiting;
  for (const auto& [name, deployment] : all) {
    if (provides_one(deployment, interfaces)) waiting.push_back(name);
  }
  for (const auto& [variable, name] : providers) waiting.push_back(name);
  Value::Object chosen;
  while (!waiting.empty()) {
    const std::string name = std::move(waiting.back());
    waiting.pop_back();
    const Value* deployment = all.find(name);
    // The trial's own name is free in its environment: what bears it elsewhere is what the trial keeps away from.
    if (name == own || chosen.contains(name) || !deployment || !member(*deployment, {"stages", "deploy"})) continue;
    chosen.set(name, lent(*deployment));
    const Value* used = member(*deployment, {"stages", "deploy", "providers"});
    if (!used || !used->as_object()) continue;
    for (const auto& [variable, provider] : *used->as_object()) {
      if (const std::string* text = provider.as_string()) waiting.push_back(text->substr(0, text->find(':')));
    }
  }
  return chosen;
}

/// A controller that knows the agent as gone would give its job up, though the script goes on: it is told to stop, and
/// heard to have stopped, once this process has taken the place of the one that began it.
Result<> await_agent(Invocation& run, Link& link, JobId job) {
  const Instant end = read_clocks().steady + run.patience();
  while (read_clocks().steady < end) {
    TRY(const reply::Job shown, ask<reply::Job>(link, request::ShowJob{job}));
    const bool is_away = std::ranges::any_of(shown.job.tasks, [](const protocol::TaskView& task) {
      return !task.agent_state.empty() && task.agent_state != "online";
    });
    if (!is_away || shown.job.phase == protocol::JobPhase::settled) return ok();
    run.pause(look_again);
  }
  return ok();
}

/// A command that was killed has left them. A destruction is let go on.
Result<> end_jobs(Invocation& run, Link& link, const Workspace& workspace, const UnfinishedTrial& trial) {
  TRY(const reply::Jobs jobs, ask<reply::Jobs>(link, request::ListJobs{trial.environment, "", true, 0, 50}));
  if (jobs.jobs.empty()) return ok();
  TRYV(run.join_workspace(workspace.folder()));
  for (const protocol::JobView& job : jobs.jobs) {
    if (!trial.controller.empty()) {
      TRYV(await_agent(run, link, job.number));
    }
    if (job.kind != protocol::JobKind::destroy) {
      // It may just have ended.
      (void)link.call(request::CancelJob{job.number});
    }
    Renderer renderer = run.make_renderer({"Release"});
    TRYV(follow_job(run, link, job.number, 1, renderer, OnInterrupt::detach));
  }
  return ok();
}

/// Whether anything of what was tried may still be there.
Result<bool> stands(Link& link, const UnfinishedTrial& trial) {
  TRY(const reply::Deployments all, ask<reply::Deployments>(link, request::ListDeployments{trial.environment}));
  return std::ranges::any_of(all.cells, [&](const protocol::DeploymentCell& cell) {
    const bool is_nothing = cell.status.empty() || cell.status == "empty" || cell.status == "pending";
    return cell.environment == trial.environment && cell.deployment == trial.deployment && !is_nothing;
  });
}

}  // namespace

Result<> check_lenders(Invocation& run, const std::string& lender, const release::Metadata& metadata,
                       const std::string& deployment, const ProviderNames& providers) {
  TRY(const std::set<std::string> interfaces, consumed_interfaces(run, metadata));
  if (interfaces.empty()) return ok();
  TRY(Link * link, run.link(Access::write));
  TRY(const std::string controller, controller_of(run));
  if (!controller.empty()) {
    TRY(const reply::Hello hello, ask<reply::Hello>(*link, request::Hello{ESCAPE_VERSION}));
    if (hello.role != "admin") {
      return fail(ErrorKind::refused,
                  release_text(metadata) + " is tried with the providers of the environment " + lender +
                      ", which only an administrator of the controller may copy.",
                  "Ask an administrator, or " + std::string(without_trial) + ".");
    }
  }
  TRY(const Value::Object all, deployments_of(*link, lender, false));
  for (const release::Consumer* consumer : consumers_of(metadata)) {
    const auto named = providers.find(consumer->variable);
    const bool is_below = named != providers.end() && named->second.find(':') != std::string::npos;
    if (is_below || (named != providers.end() && all.contains(named->second))) continue;
    if (named != providers.end()) {
      return fail(ErrorKind::not_found,
                  "Deployment '" + named->second + "' does not exist in the environment " + lender + ".",
                  "`escape state show-providers -e " + lender +
                      "` shows who provides what; name the environment that has it with -e.");
    }
    const bool is_provided = std::ranges::any_of(
        all, [&](const auto& one) { return one.first != deployment && provides_one(one.second, {consumer->name}); });
    if (is_provided) continue;
    return fail(
        ErrorKind::not_found,
        release_text(metadata) + " consumes '" + consumer->name + "', which nothing provides in the environment " +
            lender + ".",
        "Deploy something there that does, name another environment with -e, or " + std::string(without_trial) + ".");
  }
  return ok();
}

Result<> lend_providers(Invocation& run, const std::string& lender, const UnfinishedTrial& trial,
                        const release::Metadata& metadata, const ProviderNames& providers) {
  TRY(const std::set<std::string> interfaces, consumed_interfaces(run, metadata));
  if (interfaces.empty()) return ok();
  TRY(Link * link, run.link(Access::write));
  TRY(const Value::Object all, deployments_of(*link, lender, true));
  Value::Object chosen = choose_lent(all, interfaces, providers, trial.deployment);
  if (chosen.empty()) return ok();
  Value::Object environment{{"name", trial.environment}, {"deployments", std::move(chosen)}};
  Value::Object project{{"name", "escape"},
                        {"environments", Value::Object{{trial.environment, std::move(environment)}}}};
  Result<reply::Imported> imported =
      ask<reply::Imported>(*link, request::ImportState{std::move(project), trial.environment, false, false});
  if (imported) return ok();
  return fail(std::move(imported).error().in("lending the providers of " + lender + " to the trial"));
}

Result<std::string> controller_of(Invocation& run) {
  TRY(const Profile* profile, run.profile());
  return profile->controller ? profile->controller->address : std::string();
}

Result<int> clear_trial(Invocation& run, const Workspace& workspace, const UnfinishedTrial& trial, Millis step_limit) {
  TRY(const std::string controller, controller_of(run));
  if (controller != trial.controller) {
    return fail(ErrorKind::refused, "it is at " +
                                        (trial.controller.empty() ? "this workspace's own controller"
                                                                  : "the controller " + trial.controller) +
                                        ", and not at " + (controller.empty() ? "this workspace's own" : controller));
  }
  TRY(Link * link, run.link(Access::write));
  TRYV(end_jobs(run, *link, workspace, trial));
  TRY(const bool is_there, stands(*link, trial));
  if (is_there && !trial.metadata.empty()) {
    TRY(const release::Metadata metadata, codec::metadata_from_value(trial.metadata));
    request::Submit submit;
    submit.kind = protocol::JobKind::destroy;
    submit.environment = trial.environment;
    submit.deployment = trial.deployment;
    submit.workspace = workspace.folder();
    submit.metadata = trial.metadata;
    submit.seen = workspace.see_files(metadata);
    submit.release = release_text(metadata);
    submit.stages = {"deploy"};
    submit.step_time_limit = step_limit;
    TRY(const int code, run_job(run, std::move(submit), {"Release"}));
    if (code != 0) return code;
  }
  Result<protocol::Reply> removed = link->call(request::RemoveEnvironment{trial.environment});
  if (removed || removed.error().kind == ErrorKind::not_found) return 0;
  return fail(std::move(removed).error());
}

}  // namespace escape::cli
