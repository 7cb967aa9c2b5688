#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/cli/profile.h"
#include "controller/inventory/inventory.h"
#include "protocol/messages/client.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/io/archive.h"
#include "shared/io/http_client.h"

/// What the command line is made of. The thin program `escape` leaves the functions of `Wiring` empty and hands over to
/// the full program (libexec/escape/escape-embedded), which runs the same `run` with all of them.
namespace escape::cli {

/// What a command asks of an inventory; the interface alone, nothing of the folder is linked.
using InventoryAccess = inventory::Client;
using PackFile = io::ArchiveEntry;

/// What a command does. Embedded, only one that writes waits for another command.
enum class Access {
  read,    ///< looks; nothing that another command left unfinished goes on because of it
  attend,  ///< follows a job, which goes on in this process unless it does elsewhere
  stop,    ///< cancels jobs, also those of a command that works at the same time
  write,
};

/// Who makes the jobs of a controller go on.
enum class Worker {
  others,  ///< a daemon, or another command in this workspace
  us,      ///< this process, as long as it lives
  nobody,  ///< a command in this workspace has ended before they did, and we only look
};

/// A connection to a controller, remote or embedded. Thread: the one that made it.
class Link {
 public:
  virtual ~Link();
  /// Answers with the controller's reply; what the controller refuses comes back as Error of its kind. Repeats the
  /// request under the same id over reconnects. Error: unreachable, when nobody answers for the link's patience.
  virtual Result<protocol::Reply> call(protocol::Request request) = 0;
  /// Streams the job's log from entry `from` on to `on_entry`, until the job has settled; returns its final view.
  /// `interrupted` is asked at least ten times a second, and before it waits for more than has come; when it says so
  /// the job goes on and the error is `cancelled`, whose message names the next entry.
  virtual Result<protocol::JobView> follow(JobId job, std::uint64_t from,
                                           const std::function<void(const protocol::LogEntry&)>& on_entry,
                                           const std::function<bool()>& interrupted) = 0;
  /// Every event above `since`, in order, without gaps or repeats, until `on_event` returns false or `interrupted` is
  /// true (both end well).
  virtual Result<> follow_events(EventSequence since, const std::function<bool(const protocol::EventView&)>& on_event,
                                 const std::function<bool()>& interrupted) = 0;
  virtual Worker worker() const { return Worker::others; }
};

/// While it lives, this process runs the workspace jobs of its user.
struct WorkspaceAgent {
  virtual ~WorkspaceAgent() = default;
};

/// The web beside an inventory's own requests: logging in to one.
struct Web {
  std::function<Result<io::HttpResponse>(const io::HttpRequest&)> send;
  /// Shows a page to the person; returns at once.
  std::function<Result<>(const std::string& url)> open_browser;
  std::function<void(Millis)> pause;
};

struct Wiring {
  /// `limit`: for how long they wait for another command in the workspace; without one for ever.
  std::function<Result<std::unique_ptr<Link>>(const Profile&, Access, std::optional<Millis> limit)> open_embedded;
  std::function<Result<std::unique_ptr<WorkspaceAgent>>(Link&, const Profile&, const std::string& workspace,
                                                        std::optional<Millis> limit)>
      join_workspace;
  /// `Link*` is null when the profile's own inventory is meant and no controller is needed to find it.
  std::function<Result<std::unique_ptr<InventoryAccess>>(const Profile&, Link*)> open_inventory;
  std::function<Result<>(const std::string& target, const std::string& top, std::vector<PackFile>)> pack;
  /// As `io::unpack_archive`.
  std::function<Result<>(const std::string& archive, const std::string& top, const std::string& folder)> unpack{};
  Web web{};
};

/// The whole program: parses, runs one command, prints, and gives the exit code. Never throws.
int run(int argc, char** argv, const Wiring& wiring);

}  // namespace escape::cli
