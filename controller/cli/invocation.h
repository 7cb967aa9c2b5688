#pragma once

#include <memory>
#include <optional>
#include <string>

#include "controller/cli/config.h"
#include "controller/cli/console.h"
#include "controller/cli/renderer.h"
#include "controller/cli/wiring.h"
#include "protocol/transport/transport.h"
#include "shared/base/time.h"

namespace escape::cli {

/// Flags that every command takes.
struct GlobalFlags {
  std::string config_file;
  std::string profile;
  std::string level = "info";
  std::string logger = "default";
  std::string timeout;
  bool collapse_logs = true;
};

/// One run of the program: what a command has at hand. Connections are made when first asked for.
///
/// Thread: one.  Errors: as values, printed once at the end of `run`.
class Invocation {
 public:
  Invocation(const Wiring& wiring, Console& console, char** argv) : wiring_(wiring), console_(console), argv_(argv) {}

  GlobalFlags& globals() { return globals_; }
  const GlobalFlags& globals() const { return globals_; }
  Console& console() { return console_; }
  /// Error: usage for a word that is no level, logger or duration.
  Result<> check_globals();

  /// The configuration file, read once. One that the user named must be there, unless this command `may_make_it`.
  Result<Config*> config(bool may_make_it = false);
  Result<const Profile*> profile();
  /// The controller: the profile's remote one, or this process's own.
  Result<Link*> link(Access access);
  Result<InventoryAccess*> inventory(Access access);
  /// A new connection to the inventory: what an earlier one was let in with may have run out after long work.
  Result<InventoryAccess*> reconnect_inventory(Access access);
  /// Kept until the command ends.
  Result<> join_workspace(const std::string& folder);
  Result<> pack(const std::string& target, const std::string& top, std::vector<PackFile> files);
  /// Only after `need_full_program`, as `io::unpack_archive`.
  Result<> unpack(const std::string& archive, const std::string& top, const std::string& folder) {
    return wiring_.unpack(archive, top, folder);
  }
  /// Hands over to the full program unless this one can do everything already. Call before anything is printed or
  /// changed.
  Result<> need_full_program();

  /// Only after `need_full_program`.
  const Web& web() const { return wiring_.web; }

  void pause(Millis time) const;
  transport::Context& transport_context();
  /// How long to look for a controller.
  Millis patience() const;
  /// The limit on following a job; absent: none.
  std::optional<Millis> job_limit() const { return timeout_; }

  /// A renderer of job output on stderr. `outer`: sections around everything it shows.
  Renderer make_renderer(std::vector<std::string> outer = {}, bool is_replay = false);

 private:
  const Wiring& wiring_;
  Console& console_;
  char** argv_;
  GlobalFlags globals_;
  std::optional<Millis> timeout_;
  LogThreshold threshold_ = LogThreshold::info;
  std::optional<Config> config_;
  std::optional<Profile> profile_;
  std::unique_ptr<transport::Context> context_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<InventoryAccess> inventory_;
  std::unique_ptr<WorkspaceAgent> agent_;
};

}  // namespace escape::cli
