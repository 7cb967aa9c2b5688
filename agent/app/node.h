#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/session/client_session.h"
#include "protocol/transport/transport.h"
#include "shared/base/crypto.h"
#include "shared/base/result.h"
#include "shared/io/http_client.h"

namespace escape::agent {

struct NodeOptions {
  /// Made if missing; one agent at a time. A workspace agent over tcp uses a folder within it for each controller.
  std::string data_folder;
  std::string endpoint;                   ///< "tcp://host:port" or "inproc://agents"
  std::string server_key{};               ///< the controller's, pinned; unused on inproc
  KeyPair keys{};                         ///< ours; unused on inproc
  std::string placement = "environment";  ///< or "workspace"
  std::string workspace{};                ///< placement "workspace": the only folder in which tasks run; empty: any
  std::map<std::string, std::string> labels{};
  std::string supervisor_path{};          ///< empty: beside the running program
  bool begins_nothing = false;            ///< what runs is watched to its end, and no script is started
  bool inherit_environment = false;       ///< scripts get this process's environment (workspace, embedded)
  bool notifies_service_manager = false;  ///< READY, STATUS and WATCHDOG to systemd: daemons only
  /// How packages are fetched; empty: `io::download`.
  std::function<Result<>(const io::Download&)> download{};
  protocol::ClientSession::Limits limits{};
};

/// An agent: one loop on one thread that holds tasks, runs their scripts and reports to the controller. The daemon runs
/// one, and so does a command that works without daemons or joins for its own workspace.
///
/// Thread: make and run on the same one.  Durable: the journal under `data_folder`.  Errors of `make`: conflict
/// (another agent has the folder), storage, bad_data. Errors of `run`: refused (a workspace agent that the controller
/// does not want), and what is wrong with the journal other than a full or failing disk: that is waited for, since what
/// is not durable must not be told.
class Node {
 public:
  static Result<std::unique_ptr<Node>> make(transport::Context& context, NodeOptions options);
  ~Node();

  /// Runs until `stop_descriptor` becomes readable, then says Bye. Running scripts go on under their supervisors and
  /// are found again by the next Node on the same folder.
  Result<> run(int stop_descriptor);

  struct Impl;

 private:
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace escape::agent
