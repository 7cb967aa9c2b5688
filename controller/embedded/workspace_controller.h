#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controller/cli/wiring.h"
#include "controller/inventory/inventory.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
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
  /// For how long to wait for another command in the workspace; without one for ever.
  std::optional<Millis> limit{};
};

/// One process at a time works in a workspace: waits for another one and says so on stderr. Error: timed_out.
Result<io::FileLock> lock_workspace(const std::string& workspace, std::optional<Millis> limit);

/// Controller and agent, on threads of their own until the link is destroyed, where the access needs them; a view of
/// the database where it does not, or where another command works.
///
/// Jobs that were left by a command that has ended go on with `write`, with `stop` (once its own request is decided),
/// and with `attend` when such a job is followed. With `read` no script is begun: what still ran for them is taken up.
Result<std::unique_ptr<cli::Link>> open_workspace(WorkspaceOptions options, cli::Access access);

}  // namespace escape::embedded
