#pragma once

#include <map>
#include <string>

#include "agent/journal/identity.h"
#include "protocol/session/token.h"
#include "protocol/transport/transport.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

namespace escape::agent {

struct JoinOptions {
  std::string data_folder;
  protocol::InvitationToken token;
  std::string name{};  ///< wished; empty: the invitation's, or the hostname
  std::map<std::string, std::string> labels{};
  std::string address{};  ///< "host:port" in place of the token's
  bool is_again = false;  ///< the identity that is there is replaced: its agent was removed at the controller
  Micros limit{30'000'000};
};

/// Enrols this host: makes its key here, sends the public half under the invitation's key, stores the identity that
/// comes back. Repeating it with the same token after a lost answer gives the same identity.
///
/// Errors: conflict (enrolled already), refused (token unknown, used or expired; the controller's reason), unreachable,
/// no_permission and storage (the data folder).
Result<journal::Identity> join(transport::Context& context, const JoinOptions& options);

}  // namespace escape::agent
