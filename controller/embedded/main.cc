#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "agent/app/node.h"
#include "controller/cli/wiring.h"
#include "controller/embedded/hashed_inventory.h"
#include "controller/embedded/workspace_controller.h"
#include "shared/base/log.h"
#include "shared/io/archive.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"
#include "shared/io/service.h"

/// The full `escape`: the thin program hands over to it for everything that needs a controller inside, an inventory or
/// a package. Here is what it is made of.
namespace {

using namespace escape;

std::string without_final_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

/// Downloads as whom the profile is logged in as; other servers than its own are not told.
std::function<Result<>(const io::Download&)> download_as(const cli::Profile& profile) {
  return [profile](const io::Download& asked) {
    io::Download download = asked;
    if (profile.uses_server_inventory() && asked.url.starts_with(without_final_slash(profile.api_server) + "/")) {
      download.token = profile.escape_auth_token;
      download.user = profile.basic_auth_username;
      download.password = profile.basic_auth_password;
      download.insecure_skip_verify = profile.insecure_skip_verify;
    }
    return io::download(download);
  };
}

std::unique_ptr<inventory::Client> server_inventory(const cli::Profile& profile) {
  inventory::HttpOptions options{.url = profile.api_server,
                                 .token = profile.escape_auth_token,
                                 .user = profile.basic_auth_username,
                                 .password = profile.basic_auth_password,
                                 .insecure_skip_verify = profile.insecure_skip_verify};
  return embedded::with_digests(inventory::connect_http(std::move(options)), ".escape/downloads", download_as(profile));
}

Result<std::unique_ptr<inventory::Client>> own_inventory(const cli::Profile& profile) {
  if (profile.uses_server_inventory()) return server_inventory(profile);
  return inventory::open_directory(profile.local_inventory_base_dir);
}

Result<protocol::reply::Hello> greet(cli::Link& link) {
  TRY(protocol::Reply reply, link.call(protocol::request::Hello{ESCAPE_VERSION}));
  if (auto* hello = std::get_if<protocol::reply::Hello>(&reply)) return std::move(*hello);
  return fail(ErrorKind::internal, "the controller did not answer the greeting with a greeting");
}

Result<std::unique_ptr<inventory::Client>> controller_inventory(const cli::Profile& profile, cli::Link& link) {
  TRY(protocol::reply::Hello hello, greet(link));
  std::string url = hello.inventory_url;
  if (url.empty()) {
    url = "http://" + host_of(profile.controller->address) + ":" + std::to_string(hello.http_port);
  }
  inventory::HttpOptions options{.url = std::move(url), .token = {}, .user = {}, .password = {}};
  // Who may not publish still may read.
  Result<protocol::Reply> token = link.call(protocol::request::InventoryToken{});
  if (token) {
    if (auto* given = std::get_if<protocol::reply::Token>(&token.value())) options.token = given->token;
  }
  return inventory::connect_http(std::move(options));
}

Result<std::unique_ptr<cli::Link>> open_embedded(const cli::Profile& profile, cli::Access access,
                                                 std::optional<Millis> limit) {
  embedded::WorkspaceOptions options;
  options.folder = io::absolute_path(".");
  TRY(options.inventory, own_inventory(profile));
  options.inventory_url = options.inventory->base_url();
  options.download = download_as(profile);
  options.limit = limit;
  return embedded::open_workspace(std::move(options), access);
}

/// Runs workspace jobs for a remote controller in this process, under the person's own key.
class JoinedAgent : public cli::WorkspaceAgent {
 public:
  static Result<std::unique_ptr<cli::WorkspaceAgent>> start(agent::NodeOptions options, io::FileLock lock) {
    std::unique_ptr<JoinedAgent> joined(new JoinedAgent(std::move(lock)));
    TRY(joined->node_, agent::Node::make(joined->context_, std::move(options)));
    joined->thread_ = std::thread([self = joined.get()] {
      if (Result<> ended = self->node_->run(self->stop_.descriptor()); !ended) {
        log_error("the workspace agent ended: {}", describe(ended.error()));
      }
    });
    return std::unique_ptr<cli::WorkspaceAgent>(std::move(joined));
  }
  ~JoinedAgent() override {
    stop_.wake();
    if (thread_.joinable()) thread_.join();
  }

 private:
  explicit JoinedAgent(io::FileLock lock) : lock_(std::move(lock)) {}
  io::FileLock lock_;
  transport::Context context_;
  io::Waker stop_;
  std::unique_ptr<agent::Node> node_;
  std::thread thread_;
};

Result<std::unique_ptr<cli::WorkspaceAgent>> join_workspace(cli::Link& link, const cli::Profile& profile,
                                                            const std::string& workspace, std::optional<Millis> limit) {
  if (!profile.is_remote()) return std::make_unique<cli::WorkspaceAgent>();  // the embedded agent runs them
  TRY(io::FileLock lock, embedded::lock_workspace(workspace, limit));
  TRY(protocol::reply::Hello hello, greet(link));
  agent::NodeOptions options;
  options.data_folder = io::join_path(workspace, ".escape/agent");
  options.endpoint = "tcp://" + host_of(profile.controller->address) + ":" + std::to_string(hello.agents_port);
  options.server_key = profile.controller->key;
  TRY(options.keys, cli::load_key_file(profile.key_file));
  options.placement = "workspace";
  options.workspace = workspace;
  options.supervisor_path = io::join_path(io::program_folder(), "escape-supervisor");
  options.inherit_environment = true;
  return JoinedAgent::start(std::move(options), std::move(lock));
}

Result<std::unique_ptr<inventory::Client>> open_inventory(const cli::Profile& profile, cli::Link* link) {
  if (profile.is_remote() && link) return controller_inventory(profile, *link);
  return own_inventory(profile);
}

/// Its output would only be in the way, and how it ends says nothing about whether a page was shown.
Result<> open_browser(const std::string& url) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "xdg-open", page = url;
  char* arguments[] = {program.data(), page.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return ok();
  return fail(ErrorKind::not_found, "xdg-open: " + std::string(std::strerror(error)));
}

}  // namespace

int main(int argc, char** argv) {
  cli::Wiring wiring;
  wiring.open_embedded = open_embedded;
  wiring.join_workspace = join_workspace;
  wiring.open_inventory = open_inventory;
  wiring.pack = [](const std::string& target, const std::string& top, std::vector<cli::PackFile> files) {
    return io::pack_archive(target, top, std::move(files));
  };
  wiring.unpack = [](const std::string& archive, const std::string& top, const std::string& folder) {
    return io::unpack_archive(archive, top, folder);
  };
  wiring.web = {.send = io::http, .open_browser = open_browser, .pause = [](Millis pause) {
                  std::this_thread::sleep_for(pause);
                }};
  return cli::run(argc, argv, wiring);
}
