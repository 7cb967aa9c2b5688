#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/app/admission.h"
#include "controller/core/core.h"
#include "controller/inventory/inventory.h"
#include "controller/store/store.h"
#include "protocol/transport/transport.h"
#include "shared/base/result.h"

namespace escape::controller {

struct ServerOptions {
  std::string data_folder;                   ///< db/, packages/, controller.key
  std::string secrets_key{};                 ///< the key file of the database; empty: see `key_file_of`
  std::vector<std::string> agent_endpoints;  ///< "tcp://0.0.0.0:7771" or "inproc://agents"
  std::vector<std::string> client_endpoints;
  std::string events_endpoint;  ///< empty: no stream (embedded)
  struct Http {
    std::string address;
    int port = 0;
    bool open_writes = false;  ///< publishing without a token: for the original client in a closed network
  };
  std::optional<Http> http;  ///< absent: no HTTP (embedded)
  Settings settings;
  Admission::Limits admission{};
  /// Embedded: releases come from here instead of this controller's own inventory. Not owned; outlives the server.
  inventory::Client* inventory = nullptr;
};

/// Where the key to the secrets in a data folder is, unless a setting says otherwise: "DATA/secrets.key".
std::string key_file_of(const std::string& data_folder, const std::string& setting);

/// The controller: sockets, store and clock around the core. One turn of its loop takes everything that is ready, lets
/// the core decide on each, commits one batch with one sync, and only then sends (design.md §3).
///
/// Thread: `run` owns everything; `start` may be called on another thread before it.  Durable: everything that was
/// answered. Errors: when a commit fails, the controller throws its memory away, reads from what is committed, takes no
/// changes, and goes on by itself once the disk takes a commit again (embedded: `run` ends, its one user is waiting).
class Server {
 public:
  /// Binds, opens the store, raises the epoch. Errors: conflict (second controller on the data, port in use), storage,
  /// bad_configuration.
  static Result<std::unique_ptr<Server>> start(transport::Context& context, ServerOptions options);
  ~Server();

  /// Until `stop` becomes readable. Error: storage.
  Result<> run(int stop);

  int agents_port() const;
  int clients_port() const;
  int events_port() const;
  int http_port() const;
  /// 32 bytes: what agents and clients pin.
  const std::string& public_key() const;
  bool has_administrator() const;
  /// Whether the disk takes changes at present.
  bool is_writable() const;
  /// Before `run`: an administrator's invitation, committed. The token names the clients' socket as `address`
  /// ("host:port").
  Result<std::string> invite_administrator(std::string_view address);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace escape::controller
