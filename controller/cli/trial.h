#pragma once

#include <map>
#include <string>

#include "controller/cli/invocation.h"
#include "controller/cli/unfinished_release.h"
#include "controller/cli/workspace.h"
#include "shared/base/time.h"
#include "shared/release/metadata.h"

/// What a trial of unreleased files needs around its jobs: providers before them, and afterwards an environment that
/// goes only when nothing stands in it any more.
namespace escape::cli {

using ProviderNames = std::map<std::string, std::string>;  ///< `-p`: a consumer's variable → a deployment

/// Before any work: whether what the release consumes when it is deployed is there, in the environment that lends it.
/// Errors: not_found, refused (a controller lets only administrators copy deployments), each naming --skip-deploy.
Result<> check_lenders(Invocation& run, const std::string& lender, const release::Metadata& metadata,
                       const std::string& deployment, const ProviderNames& providers);

/// Copies the records of what may provide for the release or for what it depends on, with what these consume, into the
/// trial's environment: the same scripts activate them, and the lender's own records are never written.
Result<> lend_providers(Invocation& run, const std::string& lender, const UnfinishedTrial& trial,
                        const release::Metadata& metadata, const ProviderNames& providers);

/// Who has the trials of this command: "host:port" of a controller, or empty.
Result<std::string> controller_of(Invocation& run);

/// Ends what still runs there, destroys what stands there and removes the environment. 0: it is gone; another exit code
/// or an error: it stays, and what was said of its jobs tells why.
Result<int> clear_trial(Invocation& run, const Workspace& workspace, const UnfinishedTrial& trial, Millis step_limit);

}  // namespace escape::cli
