#pragma once

#include <string>

#include "protocol/messages/client.h"

namespace escape::cli {

/// What runs where: a row for each deployment, a column for each environment in the order of creation. A cell says the
/// version that is known to run and how it is: "v0.0.1 ok", "v0.0.1 (v0.0.2 failure)", "v0.0.1 running", "v0.0.1 ok,
/// offline" when its agent is not heard, "-" when there is nothing.
std::string status_matrix(const protocol::reply::Deployments& deployments, bool is_colourful);
std::string status_cell(const protocol::DeploymentCell& cell);

}  // namespace escape::cli
