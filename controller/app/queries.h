#pragma once

#include <functional>

#include "controller/core/core.h"
#include "controller/core/model.h"
#include "controller/store/store.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"

/// Requests that change nothing, answered from what is committed: by the controller's loop after its commit, and by the
/// embedded form over a read-only database while another command works in the same workspace.
namespace escape::controller {

struct QueryContext {
  const store::Reader& reader;
  const State& state;  ///< the core's own, or loaded from `reader`
  /// "online", "suspect", "offline" and when last heard; without a running controller every agent is offline.
  std::function<std::string_view(const AgentId&)> liveness;
  std::function<Timestamp(const AgentId&)> last_seen;
  ResolveRelease resolve;
  Timestamp now{};
  std::optional<Error> read_only{};  ///< why nothing is changed at present
  bool is_embedded = false;          ///< this process is the agent of every environment
};

/// Error: what the reply should refuse with. Requests that change something, Hello and Attach are not answered here
/// (internal).
Result<protocol::Reply> answer(const protocol::Request& request, const QueryContext& context);

/// The job with its tasks, settled or not.
Result<protocol::JobView> view_of(JobId job, const QueryContext& context);
/// A job that has settled, for the core, which forgets those; absent when there is none. One that settled in the turn
/// that is being decided is among its `uncommitted` changes.
Result<std::optional<PastJob>> find_past(JobId job, const store::Reader& reader,
                                         const std::vector<Change>& uncommitted);
/// What an import is told of the inventory.
KnownDigests digests_for(const protocol::request::ImportState& asked, const ResolveRelease& resolve);
/// The job whose log holds this job's entries: itself, or the converge job that made it.
JobId root_of(const Job& job);

}  // namespace escape::controller
