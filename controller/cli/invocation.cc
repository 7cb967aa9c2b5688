#include "controller/cli/invocation.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "controller/cli/common_flags.h"
#include "controller/cli/remote_link.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

constexpr Millis default_patience{10'000};
constexpr int default_clients_port = 7772;

Result<> hand_over(char** argv) {
  const std::string here = io::program_folder();
  const std::string program = io::join_path(here, "../libexec/escape/escape-embedded");
  if (!argv || here.ends_with("libexec/escape")) {
    return fail(ErrorKind::internal, "This program was built without what this command needs.");
  }
  ::execv(program.c_str(), argv);
  return fail(ErrorKind::bad_configuration,
              "This command needs '" + program + "', which can't be run: " + std::strerror(errno) + ".",
              "Install Escape completely, or use a profile with a controller: escape login --token TOKEN");
}

}  // namespace

Result<> Invocation::check_globals() {
  TRY(threshold_, parse_threshold(globals_.level));
  if (globals_.logger != "default" && globals_.logger != "json") {
    return fail(ErrorKind::usage, "Unknown logger type '" + globals_.logger + "', expecting 'default' or 'json'.");
  }
  if (!globals_.timeout.empty()) {
    TRY(timeout_, duration_of_flag("--timeout", globals_.timeout));
  }
  return ok();
}

Result<Config*> Invocation::config(bool may_make_it) {
  if (!config_) {
    const bool must_exist = !globals_.config_file.empty() && !may_make_it;
    TRY(config_, load_config(config_path(globals_.config_file), must_exist));
  }
  return &*config_;
}

Result<const Profile*> Invocation::profile() {
  TRY(Config * config, this->config());
  return find_profile(*config, globals_.profile.empty() ? config->current : globals_.profile);
}

Millis Invocation::patience() const { return timeout_.value_or(default_patience); }

transport::Context& Invocation::transport_context() {
  if (!context_) context_ = std::make_unique<transport::Context>();
  return *context_;
}

Result<Link*> Invocation::link(Access access) {
  if (link_) return link_.get();
  TRY(const Profile* profile, this->profile());
  if (profile->is_remote()) {
    RemoteLink::Options options;
    options.patience = patience();
    TRY(options.connection.endpoint, transport::tcp_endpoint(profile->controller->address, default_clients_port));
    options.connection.server_key = profile->controller->key;
    TRY(options.connection.keys, load_key_file(profile->key_file));
    TRY(link_, RemoteLink::open(transport_context(), std::move(options)));
    return link_.get();
  }
  if (!wiring_.open_embedded) {
    TRYV(hand_over(argv_));
  }
  TRY(link_, wiring_.open_embedded(*profile, access, timeout_));
  return link_.get();
}

Result<InventoryAccess*> Invocation::inventory(Access access) {
  if (inventory_) return inventory_.get();
  if (!wiring_.open_inventory) {
    TRYV(hand_over(argv_));
  }
  TRY(const Profile* profile, this->profile());
  Link* controller = nullptr;
  if (profile->is_remote()) {
    TRY(controller, link(access));
  }
  TRY(inventory_, wiring_.open_inventory(*profile, controller));
  return inventory_.get();
}

Result<InventoryAccess*> Invocation::reconnect_inventory(Access access) {
  inventory_.reset();
  return inventory(access);
}

Result<> Invocation::join_workspace(const std::string& folder) {
  if (agent_) return ok();
  if (!wiring_.join_workspace) {
    TRYV(hand_over(argv_));
  }
  TRY(const Profile* profile, this->profile());
  TRY(Link * controller, link(Access::write));
  TRY(agent_, wiring_.join_workspace(*controller, *profile, folder, timeout_));
  return ok();
}

Result<> Invocation::pack(const std::string& target, const std::string& top, std::vector<PackFile> files) {
  if (!wiring_.pack) {
    TRYV(hand_over(argv_));
  }
  return wiring_.pack(target, top, std::move(files));
}

Result<> Invocation::need_full_program() {
  if (wiring_.open_embedded && wiring_.open_inventory && wiring_.join_workspace && wiring_.pack && wiring_.unpack &&
      wiring_.unpack && wiring_.web.send) {
    return ok();
  }
  return hand_over(argv_);
}

Renderer Invocation::make_renderer(std::vector<std::string> outer, bool is_replay) {
  return Renderer({.is_colourful = console_.has_error_terminal,
                   .is_live = console_.has_error_terminal && globals_.collapse_logs,
                   .is_json = globals_.logger == "json",
                   .threshold = threshold_,
                   .columns = console_.columns,
                   .outer = std::move(outer),
                   .is_replay = is_replay},
                  [this](std::string_view text) { console_.err(text); });
}

/// The thin program is wired with nothing.
void Invocation::pause(Millis time) const {
  if (wiring_.web.pause) return wiring_.web.pause(time);
  std::this_thread::sleep_for(time);
}

}  // namespace escape::cli
