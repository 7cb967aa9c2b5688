#pragma once

#include <vector>

#include "controller/core/core.h"
#include "controller/store/store.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"

/// What deployments were, and how they differ: the answers from the history (store table `history`).
namespace escape::controller {

/// Newest first. Error: not_found for a deployment that is not there and never changed.
Result<protocol::Reply> list_history(const protocol::request::ListHistory& asked, const store::Reader& reader);
/// As it was; sensitive values are hidden, by what its releases say then and now.
Result<protocol::Reply> show_past_deployment(const protocol::request::ShowDeployment& asked,
                                             const store::Reader& reader, const ResolveRelease& resolve);
/// Every deployment of both, those below others too. Values are compared whole and hidden afterwards.
Result<protocol::Reply> diff_environments(const protocol::request::DiffEnvironments& asked, const State& state,
                                          const store::Reader& reader, const ResolveRelease& resolve);
/// What the core needs of the past to carry a request out (`input::ClientMessage::history`); most need none.
/// `uncommitted`: changes of the turn that is being decided.
Result<std::vector<DeploymentChange>> find_history(const protocol::Request& request, const store::Reader& reader,
                                                   const std::vector<Change>& uncommitted);

}  // namespace escape::controller
