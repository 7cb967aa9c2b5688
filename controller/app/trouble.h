#pragma once

#include <set>
#include <string>

#include "protocol/messages/client.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

namespace escape::controller {

/// The disk did not take a commit: until it does, the controller reads from what is committed and takes no changes.
struct Trouble {
  Error why;
  Timestamp since{};
  Instant probe_at{};
  bool is_epoch_raised = true;  ///< false: this life began on such a disk, and no agent may be served before it is
  /// Ids of requests that were decided in the turn that failed: whether they are in the log is known afterwards.
  std::set<std::string> unsure{};

  /// Why nothing is changed; what to do is `refusal().hint`.
  Error refusal() const;
};

}  // namespace escape::controller
