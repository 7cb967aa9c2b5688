#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controller/cli/wiring.h"
#include "controller/inventory/inventory.h"
#include "shared/base/result.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::embedded {

/// A whole controller and one agent inside this process, over inproc sockets, for the workspace in the current folder:
/// the same server and node as the daemons, with other wiring. State lives in `.escape/state`; deleting it is a reset.
///
/// One process at a time changes a workspace: a second waits for the first and says so on stderr. Reading never waits.
struct WorkspaceOptions {
  std::string folder;                            ///< the workspace
  std::unique_ptr<inventory::Client> inventory;  ///< the user's own, or a remote one
  std::string inventory_url;                     ///< of a remote one; empty for the user's own
  /// How the agent fetches packages from there; empty: without any credentials.
  std::function<Result<>(const io::Download&)> download{};
};

/// One process at a time works in a workspace: waits for another one and says so on stderr.
Result<io::FileLock> lock_workspace(const std::string& workspace);

/// Starts controller and agent on threads of their own; both end when the link is destroyed.
Result<std::unique_ptr<cli::Link>> open_workspace(WorkspaceOptions options);

/// Reads beside a working command. When none works and jobs were left unsettled by one that was killed, the workspace
/// is opened in full, so that they go on.
Result<std::unique_ptr<cli::Link>> read_workspace(WorkspaceOptions options);

}  // namespace escape::embedded
