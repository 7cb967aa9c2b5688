#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controller/core/model.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"
#include "shared/release/metadata.h"
#include "shared/state/deployment.h"

/// A state file taken over: what of it becomes rows, and what these then hold that the file does not say.
///
/// A file has no digests. Where the inventory has the release, its digest is recorded at once; else the stage
/// `lacks_digest`: the version alone says what it is, and the digest is looked up by whoever needs it (a smoke test,
/// a destroy, a promotion), which fails then if the release is still not there.
namespace escape::controller {

/// "project/name-v1.0" → the SHA-256 of its package, of what is in the inventory.
using KnownDigests = std::map<std::string, std::string>;

/// The shells' part of an import. What cannot be looked up, for whatever reason, is left out.
KnownDigests find_digests(const protocol::request::ImportState& asked,
                          const std::function<Result<std::string>(const release::ReleaseId&)>& digest_of);

/// What would change. `deployments` has those below others too.
struct Import {
  std::vector<state::Environment> environments;  ///< those that are new or get inputs
  std::vector<DeploymentKey> gone;               ///< rows that give way
  std::vector<state::Deployment> deployments;
  protocol::reply::Imported report;
};
/// Pure, for the core and for `dry_run`. Errors: bad_data (the file), not_found (no such environment in it), conflict
/// (a job holds a deployment; or, without `replace`, all that are there already, by name).
Result<Import> plan_import(const State& state, const protocol::request::ImportState& asked, const KnownDigests& digests,
                           std::string_view by, Timestamp now);

}  // namespace escape::controller
