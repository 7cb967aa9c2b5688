#include "controller/core/shown_state.h"

#include <algorithm>

#include "controller/core/engine.h"
#include "shared/codec/domain.h"

namespace escape::controller {

namespace request = protocol::request;

Result<std::map<std::string, state::Deployment>> find_shown(const State& state, const request::ShowDeployment& asked) {
  std::map<std::string, state::Deployment> shown;
  const std::string below = asked.deployment + ":";
  for (auto row = state.deployments.lower_bound({asked.environment, asked.deployment});
       row != state.deployments.end() && row->first.environment == asked.environment; ++row) {
    const std::string& name = row->first.deployment;
    if (!name.starts_with(asked.deployment)) break;
    if (name == asked.deployment || name.starts_with(below)) shown.emplace(name, row->second);
  }
  if (shown.contains(asked.deployment)) return shown;
  return fail(ErrorKind::not_found,
              "Deployment '" + asked.deployment + "' not found in environment '" + asked.environment + "'.",
              "`escape state list-deployments -e " + asked.environment + "` shows what is there.");
}

Result<std::map<std::string, state::Deployment>> find_shown(const std::vector<DeploymentChange>& changes,
                                                            const request::ShowDeployment& asked) {
  std::map<std::string, state::Deployment> shown;
  for (const DeploymentChange& change : changes) {
    const bool is_empty = std::ranges::all_of(change.deployment.stages, [](const auto& stage) {
      return stage.second.status.code == state::StatusCode::empty;
    });
    // A destroyed parent takes those below it along.
    if (is_empty && change.deployment.name != asked.deployment) continue;
    shown.emplace(change.deployment.name, change.deployment);
  }
  if (shown.contains(asked.deployment)) return shown;
  return fail(ErrorKind::not_found,
              "Deployment '" + asked.deployment + "' in environment '" + asked.environment +
                  "' is not known to have existed then.",
              "`escape state history -d " + asked.deployment + " -e " + asked.environment + "` shows its changes.");
}

state::EnvironmentState environment_state(const State& state, const state::Environment& environment) {
  state::EnvironmentState whole{environment, {}};
  for (auto it = state.deployments.lower_bound({environment.name, ""}); it != state.deployments.end(); ++it) {
    if (it->first.environment != environment.name) break;
    whole.deployments.emplace(it->first.deployment, it->second);
  }
  return whole;
}

Result<std::vector<state::EnvironmentState>> find_shown(const State& state, const request::ExportState& asked) {
  std::vector<state::EnvironmentState> environments;
  for (const auto& [name, environment] : state.environments) {
    if (asked.environment.empty() || asked.environment == name) {
      environments.push_back(environment_state(state, environment));
    }
  }
  if (!asked.environment.empty() && environments.empty()) {
    return fail(ErrorKind::not_found, "There is no environment '" + asked.environment + "'.",
                "`escape environments list` shows the environments.");
  }
  return environments;
}

/// Whole values leave the controller, and the log tells who saw them, in the commit before the answer.
Result<protocol::Reply> Core::Impl::reveal(const Principal& by, const request::ShowDeployment& asked,
                                           const std::vector<DeploymentChange>& history) {
  const bool is_past = asked.at != 0 || asked.at_time.is_set();
  TRY(const auto shown, is_past ? find_shown(history, asked) : find_shown(rows.state(), asked));
  tell("deployment.revealed", by.name, {asked.environment, asked.deployment}, 0);
  return protocol::Reply(protocol::reply::Deployment{codec::deployment_to_state_json(shown, asked.deployment)});
}

Result<protocol::Reply> Core::Impl::reveal(const Principal& by, const request::ExportState& asked) {
  TRY(const std::vector<state::EnvironmentState> environments, find_shown(rows.state(), asked));
  for (const state::EnvironmentState& one : environments) {
    tell("environment.revealed", by.name, {one.environment.name, ""}, 0);
  }
  return protocol::Reply(protocol::reply::State{codec::project_to_state_json("escape", environments)});
}

}  // namespace escape::controller
