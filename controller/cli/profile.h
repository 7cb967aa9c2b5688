#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/base/crypto.h"
#include "shared/base/result.h"

namespace escape::cli {

/// Where a remote controller listens to people, and the key that it must have.
struct ControllerAddress {
  std::string address;  ///< "host:port" of the clients' socket
  std::string key;      ///< 32 bytes, pinned
  friend bool operator==(const ControllerAddress&, const ControllerAddress&) = default;
};

/// One named set of connections (spec/cli.md §3). Fields are empty when the file does not give them.
struct Profile {
  std::string name = "default";
  std::string inventory_type{};  ///< "local", "remote" or empty: remote when `api_server` is set
  std::string api_server{};
  std::string escape_auth_token{};
  std::string basic_auth_username{};
  std::string basic_auth_password{};
  bool insecure_skip_verify = false;
  std::string state_path{};
  std::string local_inventory_base_dir{};  ///< the user's own inventory; never empty after loading
  std::vector<std::string> proxy_namespaces{};
  std::optional<ControllerAddress> controller{};
  std::string key_file{};  ///< the person's CURVE keys for `controller`
  /// Fields that hold a secret of the environment: used, never written.
  std::vector<std::string> lent{};

  /// Whether releases come from `api_server` instead of the user's own inventory.
  bool uses_server_inventory() const;
  bool is_remote() const { return controller.has_value(); }
};

/// Two lines of hex, 0600. Errors: no_permission when others may read the file, bad_configuration for other contents.
Result<KeyPair> load_key_file(const std::string& path);
/// Written atomically, 0600; the folder is made (0700) when missing.
Result<> save_key_file(const std::string& path, const KeyPair& keys);

}  // namespace escape::cli
