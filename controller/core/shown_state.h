#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/core/model.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"
#include "shared/state/deployment.h"

/// What is shown of the state when somebody asks for it, before anything of it is hidden.
namespace escape::controller {

/// In the place of a sensitive value, whatever it is and however long.
inline constexpr std::string_view hidden_value = "********";

/// A deployment with those below it, by name. Error: not_found.
Result<std::map<std::string, state::Deployment>> find_shown(const State& state,
                                                            const protocol::request::ShowDeployment& asked);
/// The same as it was, from what the history gives for that moment. Error: not_found.
Result<std::map<std::string, state::Deployment>> find_shown(const std::vector<DeploymentChange>& changes,
                                                            const protocol::request::ShowDeployment& asked);
/// Error: not_found when the environment that is asked for does not exist.
Result<std::vector<state::EnvironmentState>> find_shown(const State& state,
                                                        const protocol::request::ExportState& asked);
state::EnvironmentState environment_state(const State& state, const state::Environment& environment);

}  // namespace escape::controller
