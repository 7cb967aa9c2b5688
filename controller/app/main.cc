#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "controller/app/config.h"
#include "controller/app/server.h"
#include "shared/base/log.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace {

using namespace escape;

constexpr const char* usage =
    "usage: escape-controller [--config FILE]\n"
    "\n"
    "Runs the controller: state, job engine, inventory and event stream.\n"
    "\n"
    "  --config FILE   settings (default /etc/escape/controller.yml if it exists; every setting has a default)\n"
    "  --version       prints the version\n";

Result<controller::Config> load_config(const std::string& path, bool is_given) {
  if (!is_given && !io::exists(path)) return controller::Config{};
  TRY(std::string text, io::read_file(path));
  return controller::parse_config(text, path);
}

/// Printed once, and kept where only this user can read it.
Result<> hand_out_invitation(controller::Server& server, const controller::Config& config, const std::string& address) {
  const std::string path = io::join_path(config.data, "admin-invitation");
  if (server.has_administrator()) return io::remove_all(path);
  if (!server.is_writable()) return ok();  // the next start makes one
  TRY(std::string token, server.invite_administrator(address));
  TRYV(io::write_file(path, token + "\n", 0600));
  std::fprintf(stdout,
               "The administrator's invitation (valid once, for one day; also in %s):\n\n"
               "  escape login --controller %s --token %s\n\n",
               path.c_str(), address.c_str(), token.c_str());
  std::fflush(stdout);
  return ok();
}

std::string reachable_host(const controller::Config& config) {
  if (!config.address.empty()) return config.address;
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

Result<> run(const std::string& config_path, bool is_given) {
  TRY(controller::Config config, load_config(config_path, is_given));
  set_up_logging("escape-controller", config.log_level);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error like a full disk
  TRY(io::Fd signals, io::signals_as_descriptor({SIGTERM, SIGINT}));
  const std::uint64_t descriptors = io::raise_descriptor_limit();
  log_debug("up to {} descriptors", descriptors);
  TRY(controller::ServerOptions options, controller::to_options(config));
  transport::Context context;
  TRY(std::unique_ptr<controller::Server> server, controller::Server::start(context, std::move(options)));
  const std::string host = reachable_host(config);
  TRYV(hand_out_invitation(*server, config, host + ":" + std::to_string(server->clients_port())));
  log_info("escape-controller {} listens on: agents {}, clients {}, events {}, http {} (data {})", ESCAPE_VERSION,
           server->agents_port(), server->clients_port(), server->events_port(), server->http_port(), config.data);
  io::notify_service_manager("READY=1");
  Result<> ended = server->run(signals.get());
  io::notify_service_manager("STOPPING=1");
  if (ended) log_info("stopped");
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  const option options[] = {{"config", required_argument, nullptr, 'c'},
                            {"version", no_argument, nullptr, 'V'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  std::string config = "/etc/escape/controller.yml";
  bool is_given = false;
  for (int choice = 0; (choice = getopt_long(argc, argv, "c:h", options, nullptr)) != -1;) {
    switch (choice) {
      case 'c':
        config = optarg;
        is_given = true;
        break;
      case 'V':
        std::printf("escape-controller %s (%s)\n", ESCAPE_VERSION, transport::library_version().c_str());
        return 0;
      case 'h':
        std::fputs(usage, stdout);
        return 0;
      default:
        std::fputs(usage, stderr);
        return exit_code(ErrorKind::usage);
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "error: '%s' is not expected here\n%s", argv[optind], usage);
    return exit_code(ErrorKind::usage);
  }
  Result<> done = run(config, is_given);
  if (done) return 0;
  std::fprintf(stderr, "error: %s\n", describe(done.error()).c_str());
  if (!done.error().hint.empty()) std::fprintf(stderr, "%s\n", done.error().hint.c_str());
  return exit_code(done.error().kind);
}
