#include <algorithm>
#include <memory>
#include <set>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/values.h"
#include "controller/cli/views.h"
#include "controller/cli/workspace.h"
#include "shared/base/text.h"

namespace escape::cli {
namespace {

struct StateFlags : CommonFlags {
  std::string release;
  bool deploy = false;
  bool reveal = false;
  std::string at;
  std::vector<std::string> unset;
  std::string action;
  bool removes = false;
};

Result<std::string> name_of_deployment(const StateFlags& flags) {
  if (!flags.deployment.empty()) return flags.deployment;
  if (!Workspace::has_plan(flags.plan)) {
    return fail(ErrorKind::usage, "Missing deployment name.",
                "Name it with -d; `escape state list-deployments` shows the names.");
  }
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  TRY(const release::ApplicationId application, workspace.application());
  return to_string(application);
}

Result<int> list(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Deployments all,
      ask<protocol::reply::Deployments>(*link, protocol::request::ListDeployments{flags.environment}));
  std::vector<std::string> names;
  for (const protocol::DeploymentCell& cell : all.cells) names.push_back(cell.deployment);
  std::ranges::sort(names);
  if (flags.as_json) {
    print_json(run, list_of(names));
  } else {
    for (const std::string& name : names) run.console().out(name + "\n");
  }
  return 0;
}

/// That values were revealed is written down.
Access access_for(const StateFlags& flags) { return flags.reveal ? Access::write : Access::read; }

/// A number is a change of the history, everything else a time.
Result<> take_moment(const std::string& at, protocol::request::ShowDeployment& asked) {
  if (at.empty()) return ok();
  if (at.find_first_not_of("0123456789") == std::string::npos) {
    TRY(asked.at, number_of(at, "the number of a change"));
    if (asked.at != 0) return ok();
  } else if (const Result<Timestamp> time = parse_rfc3339(at)) {
    asked.at_time = time.value();
    return ok();
  } else if (const Result<Millis> ago = parse_duration(at)) {
    asked.at_time = read_clocks().wall + -Micros(ago.value());
    return ok();
  }
  return fail(ErrorKind::usage, "--at '" + at + "' is neither a change, nor a time, nor a duration.",
              "Give a number of `escape state history`, 2026-11-29T10:00:00Z, or 2h30m for so long ago.");
}

/// The present is not what a change that has not been yet will make.
Result<> check_is_past(Link& link, const protocol::request::ShowDeployment& asked) {
  if (asked.at == 0) return ok();
  protocol::request::ListHistory newest{asked.environment, asked.deployment};
  newest.limit = 1;
  TRY(const protocol::reply::History history, ask<protocol::reply::History>(link, newest));
  if (history.changes.empty() || asked.at <= history.changes.front().sequence) return ok();
  return fail(ErrorKind::not_found,
              "There is no change " + std::to_string(asked.at) + " of " + asked.deployment + " in " +
                  asked.environment + ": its newest is " + std::to_string(history.changes.front().sequence) + ".",
              "`escape state history -d " + asked.deployment + " -e " + asked.environment + "` shows them.");
}

Result<int> show(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  TRY(const std::string deployment, name_of_deployment(flags));
  protocol::request::ShowDeployment asked{flags.environment, deployment, flags.reveal};
  TRYV(take_moment(flags.at, asked));
  TRY(Link * link, run.link(access_for(flags)));
  TRYV(check_is_past(*link, asked));
  TRY(const protocol::reply::Deployment shown, ask<protocol::reply::Deployment>(*link, asked));
  print_json(run, shown.deployment);
  return 0;
}

Result<int> create(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  TRY(const release::ReleaseQuery query, release::parse_release_query(flags.release));
  const std::string deployment = flags.deployment.empty() ? to_string(query.application) : flags.deployment;
  TRY(Value::Object inputs, parse_values(flags.values));
  TRY(auto providers, parse_providers(flags.providers));
  TRY(Link * link, run.link(Access::write));
  TRYV(link->call(protocol::request::CreateDeployment{flags.environment, deployment, flags.release, std::move(inputs),
                                                      std::move(providers)}));
  TRY(const protocol::reply::Deployment shown,
      ask<protocol::reply::Deployment>(*link, protocol::request::ShowDeployment{flags.environment, deployment}));
  print_json(run, shown.deployment);
  return 0;
}

Result<int> set(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  if (!flags.release.empty()) {
    TRYV(release::parse_release_query(flags.release));
  }
  TRY(const std::string deployment, name_of_deployment(flags));
  TRY(Value::Object inputs, parse_values(flags.values));
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done,
      ask<protocol::reply::Done>(*link, protocol::request::SetDeployment{flags.environment, deployment, flags.release,
                                                                         std::move(inputs), flags.unset}));
  run.console().err(done.text + "\n");
  return 0;
}

Result<int> request(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  static const std::set<std::string> actions{"deploy", "smoke", "destroy", "forget"};
  if (!actions.contains(flags.action)) {
    return fail(ErrorKind::usage, "'" + flags.action + "' can't be asked for.",
                "What can be: deploy, smoke, destroy, forget.");
  }
  if (flags.removes && flags.action != "destroy") {
    return fail(ErrorKind::usage, "--delete goes with destroy only.", "escape state request destroy --delete -d NAME");
  }
  TRY(const std::string deployment, name_of_deployment(flags));
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done,
      ask<protocol::reply::Done>(
          *link, protocol::request::RequestDeployment{flags.environment, deployment, flags.action, flags.removes}));
  run.console().err(done.text + "\n");
  return 0;
}

Result<int> export_state(Invocation& run, const StateFlags& flags) {
  TRY(Link * link, run.link(access_for(flags)));
  TRY(const protocol::reply::State state,
      ask<protocol::reply::State>(*link, protocol::request::ExportState{flags.environment, flags.reveal}));
  print_json(run, state.state);
  return 0;
}

/// Interface → the deployments whose deploy stage provides it and is up.
std::map<std::string, std::vector<std::string>> providers_of(const Value& environment) {
  std::map<std::string, std::vector<std::string>> providers;
  const auto member = [](const Value* of, std::string_view name) {
    const Value::Object* object = of ? of->as_object() : nullptr;
    return object ? object->find(name) : nullptr;
  };
  const Value* deployments = member(&environment, "deployments");
  if (!deployments || !deployments->as_object()) return providers;
  for (const auto& [name, deployment] : *deployments->as_object()) {
    const Value* stage = member(member(&deployment, "stages"), "deploy");
    const Value* status = member(member(stage, "status"), "status");
    const Value* provides = member(stage, "provides");
    const std::string* word = status ? status->as_string() : nullptr;
    if (!word || !provides || !provides->as_list()) continue;
    if (*word == "empty" || *word == "failure" || word->find("destroy") != std::string::npos) continue;
    for (const Value& interface : *provides->as_list()) {
      if (interface.as_string()) providers[*interface.as_string()].push_back(name);
    }
  }
  return providers;
}

Result<int> show_providers(Invocation& run, const StateFlags& flags) {
  TRYV(check_environment(flags.environment));
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::State state,
      ask<protocol::reply::State>(*link, protocol::request::ExportState{flags.environment, false}));
  const Value::Object* project = state.state.as_object();
  const Value* environments = project ? project->find("environments") : nullptr;
  const Value* environment =
      environments && environments->as_object() ? environments->as_object()->find(flags.environment) : nullptr;
  const auto providers = environment ? providers_of(*environment) : std::map<std::string, std::vector<std::string>>();
  if (flags.as_json) {
    Value::Object all;
    for (const auto& [interface, names] : providers) all.set(interface, Value::List(names.begin(), names.end()));
    print_json(run, all);
    return 0;
  }
  if (providers.empty()) {
    run.console().out("No providers found in the environment state. Try deploying one.\n");
    return 0;
  }
  for (const auto& [interface, names] : providers) run.console().out(interface + ":\n\t" + join(names, ", ") + "\n");
  return 0;
}

void add_reveal(Syntax& syntax, StateFlags& flags) {
  syntax.flag("--reveal", flags.reveal,
              "Values of sensitive variables too, instead of ********: for operators of the environment, and told in "
              "the events");
}

std::shared_ptr<StateFlags> common(Syntax& syntax, std::string environment = "dev") {
  auto flags = std::make_shared<StateFlags>();
  flags->environment = std::move(environment);
  add_environment(syntax, *flags);
  refuse_state_files(syntax);
  return flags;
}

}  // namespace

void describe_state_list(Syntax& syntax) {
  auto flags = common(syntax);
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return list(run, *flags); });
}

void describe_state_show(Syntax& syntax) {
  auto flags = common(syntax);
  add_deployment(syntax, *flags);
  add_plan(syntax, *flags);
  add_json(syntax, flags->as_json);
  add_reveal(syntax, *flags);
  syntax.option("--at", flags->at, "CHANGE|TIME", "As it was after that change of its history, or at that time");
  syntax.action([flags](Invocation& run) { return show(run, *flags); });
}

void describe_state_create(Syntax& syntax) {
  auto flags = common(syntax);
  add_deployment(syntax, *flags);
  add_values(syntax, *flags);
  syntax.flag("--deploy", flags->deploy, "The deploy stage: always so (kept for scripts)");
  syntax.required_argument("RELEASE", flags->release,
                           "The release that it should have: project/name-v1.0, -latest, -v0.0.@");
  syntax.example("escape state create quickstart/hello-world-latest -e stage -v who=Stage");
  syntax.action([flags](Invocation& run) { return create(run, *flags); });
}

void describe_state_set(Syntax& syntax) {
  auto flags = common(syntax);
  add_deployment(syntax, *flags);
  add_plan(syntax, *flags);
  add_values(syntax, *flags);
  syntax.repeated("--unset", flags->unset, "NAME", "An input that it should not have any more; may be repeated");
  syntax.argument("RELEASE", flags->release, "The release that it should have from now on; nothing: as before");
  syntax.example("escape state set -d quickstart/hello-world -e stage quickstart/hello-world-v0.0.2");
  syntax.example("escape state set -d db -e live -v size=20 --unset colour");
  syntax.action([flags](Invocation& run) { return set(run, *flags); });
}

void describe_state_request(Syntax& syntax) {
  auto flags = common(syntax);
  add_deployment(syntax, *flags);
  add_plan(syntax, *flags);
  syntax.flag("--delete", flags->removes, "With destroy: take the deployment off the list when it is destroyed");
  syntax.required_argument("deploy|smoke|destroy|forget", flags->action,
                           "What the next converge should do with it; forget: off the list at once, whatever is on its "
                           "hosts stays there");
  syntax.example("escape state request smoke -d quickstart/hello-world -e stage");
  syntax.example("escape state request destroy --delete -d db -e test");
  syntax.action([flags](Invocation& run) { return request(run, *flags); });
}

void describe_state_export(Syntax& syntax) {
  auto flags = common(syntax, "");
  add_json(syntax, flags->as_json);
  add_reveal(syntax, *flags);
  syntax.action([flags](Invocation& run) { return export_state(run, *flags); });
}

void describe_state_providers(Syntax& syntax) {
  auto flags = common(syntax);
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return show_providers(run, *flags); });
}

}  // namespace escape::cli
