#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controller/inventory/inventory.h"
#include "controller/store/store.h"
#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"

namespace escape::controller {

struct ServerOptions;

/// A release that became visible over HTTP, to be told in the event log.
struct Published {
  release::ReleaseRecord record;
  std::string by;
};

/// The controller's side of the inventory: its own one, served over HTTP with the loop as the single writer, or
/// (embedded) the user's. Thread: the controller loop, but for HTTP's own threads inside.
class InventoryPort {
 public:
  static Result<std::unique_ptr<InventoryPort>> make(const ServerOptions& options, store::Database& database);
  virtual ~InventoryPort() = default;

  virtual Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) = 0;
  /// What the agent is told to fetch.
  virtual std::string package_path(const protocol::PackageSource& package) = 0;
  /// Readable when HTTP has handed something to the loop; -1 when there is no HTTP.
  virtual int descriptor() const = 0;
  /// Carries out what HTTP handed over: one commit each, since each must see the one before. Gives what became visible.
  virtual std::vector<Published> take_published() = 0;
  virtual int http_port() const = 0;
  virtual std::string base_url() const = 0;
  virtual protocol::Reply issue_token(const std::string& principal, Timestamp now) = 0;
};

}  // namespace escape::controller
