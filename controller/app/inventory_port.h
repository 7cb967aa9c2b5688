#pragma once

#include <functional>
#include <memory>
#include <optional>
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

/// A tag that was changed over HTTP, likewise.
struct Tagged {
  release::ApplicationId application;
  std::string tag, from, to, by;
};

/// What HTTP asked for, decided: rows for the turn's batch, so that a release and the event that tells it become
/// durable together or not at all.
struct InventoryWrites {
  std::vector<store::Write> rows;
  std::vector<Published> published;                    ///< what `rows` make visible
  std::vector<Tagged> tagged;                          ///< which tags `rows` change
  std::vector<std::function<void(Result<>)>> waiting;  ///< to be told how the commit went
};

/// The controller's side of the inventory: its own one, served over HTTP with the loop as the single writer, or
/// (embedded) the user's. Thread: the controller loop, but for HTTP's own threads inside.
class InventoryPort {
 public:
  static Result<std::unique_ptr<InventoryPort>> make(const ServerOptions& options, store::Database& database);
  virtual ~InventoryPort() = default;

  /// With the files that the release's expressions read (`seen`), which may mean to open its package.
  virtual Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) = 0;
  /// What the agent is told to fetch.
  virtual std::string package_path(const protocol::PackageSource& package) = 0;
  /// Readable when HTTP has handed something to the loop; -1 when there is no HTTP.
  virtual int descriptor() const = 0;
  /// Decides on what HTTP handed over, each with the ones before it in sight. What is refused is answered at once.
  virtual InventoryWrites decide_writes() = 0;
  /// While nothing can be committed: refuses what HTTP handed over, and /health says why. Empty: all is well again.
  virtual void set_trouble(const std::optional<Error>& why) = 0;
  virtual void refuse_writes(const Error& why) = 0;
  virtual int http_port() const = 0;
  virtual std::string base_url() const = 0;
  virtual protocol::Reply issue_token(const std::string& principal, Timestamp now) = 0;
  /// Whoever has been removed publishes no more.
  virtual void revoke_tokens(const std::string& principal) = 0;
};

}  // namespace escape::controller
