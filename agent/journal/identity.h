#pragma once

#include <string>

#include "shared/base/crypto.h"
#include "shared/base/ids.h"
#include "shared/base/result.h"

namespace escape::journal {

/// Who this agent is and whom it obeys: made once, when it is enrolled.
struct Identity {
  AgentId agent;
  std::string environment;
  std::string address;         ///< "host:port" of the controller's socket for agents
  std::string controller_key;  ///< 32 bytes, pinned
  KeyPair keys;                ///< its own; the secret half never leaves this host
};

/// `agent.id` in the data folder, JSON, mode 0600: it is written by `join` and never again, so that no later write can
/// harm the only copy of the key. Errors: not_found (with the hint to join), no_permission, bad_data naming the file
/// and field.
Result<Identity> load_identity(const std::string& data_folder);
Result<> save_identity(const std::string& data_folder, const Identity& identity);

/// The key pair of a join under way: kept before it is sent, so that repeating `join` after a lost answer uses the same
/// key.
Result<KeyPair> load_or_make_pending_keys(const std::string& data_folder);
Result<> forget_pending_keys(const std::string& data_folder);

/// The highest epoch that this agent has seen of a controller: an older life of it is refused (design.md §4).
struct SeenController {
  std::string instance;  ///< 16 bytes; empty before the first session
  Epoch epoch = 0;
};
/// A missing file is an agent that has seen none.
Result<SeenController> load_seen_controller(const std::string& data_folder);
/// On the disk when it returns.
Result<> save_seen_controller(const std::string& data_folder, const SeenController& seen);

}  // namespace escape::journal
