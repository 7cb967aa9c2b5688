#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "controller/app/backup.h"
#include "controller/app/config.h"
#include "controller/app/reseal.h"
#include "controller/app/server.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace {

using namespace escape;

constexpr const char* usage =
    "usage: escape-controller [--config FILE] [--data FOLDER]\n"
    "       escape-controller backup DIR [--config FILE] [--data FOLDER]\n"
    "       escape-controller restore DIR [--config FILE] [--data FOLDER]\n"
    "       escape-controller reseal [--config FILE] [--data FOLDER]\n"
    "\n"
    "Runs the controller: state, job engine, inventory and event stream.\n"
    "backup copies its data to DIR (empty or missing), whether it runs or not; restore brings it back into FOLDER\n"
    "(empty or missing) after every checksum was found right. The key to the secrets (FOLDER/secrets.key) is in no\n"
    "backup: keep a copy of it elsewhere, and put it into FOLDER before restore.\n"
    "reseal replaces that key while the controller is stopped.\n"
    "\n"
    "  --config FILE   settings (default /etc/escape/controller.yml if it exists; every setting has a default)\n"
    "  --data FOLDER   in place of the setting 'data'\n"
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

struct Arguments {
  std::string config = "/etc/escape/controller.yml";
  bool is_config_given = false;
  std::string data;
  std::string command;  ///< "backup", "restore", "reseal", or empty: run
  std::string folder;
};

Result<controller::Config> settings_of(const Arguments& arguments) {
  TRY(controller::Config config, load_config(arguments.config, arguments.is_config_given));
  if (!arguments.data.empty()) config.data = arguments.data;
  return config;
}

Result<> backup(const Arguments& arguments) {
  TRY(const controller::Config config, settings_of(arguments));
  const std::string key_file = controller::key_file_of(config.data, config.secrets_key);
  TRY(const controller::BackupSummary made, controller::make_backup(config.data, key_file, arguments.folder));
  std::printf("Backed up to %s: jobs up to %" PRIu64 ", events up to %" PRIu64 ", %" PRIu64 " packages (%" PRIu64
              " files, %" PRIu64 " bytes).\n",
              arguments.folder.c_str(), made.last_job, made.last_event, made.releases, made.files, made.bytes);
  if (!made.secrets_keys.empty()) {
    std::printf(
        "Not in it: the key to its secrets (%s). It is in %s; keep a copy of that file, but not beside the backup.\n",
        join(made.secrets_keys, ", ").c_str(), key_file.c_str());
  }
  return ok();
}

Result<> restore(const Arguments& arguments) {
  TRY(const controller::Config config, settings_of(arguments));
  TRY(const controller::RestoreSummary done,
      controller::restore_backup(arguments.folder, config.data,
                                 controller::key_file_of(config.data, config.secrets_key), read_clocks().wall));
  std::printf(
      "Restored to %s what was backed up at %s: jobs up to %" PRIu64 ", events up to %" PRIu64 ", %" PRIu64
      " packages, epoch %" PRIu64
      ".\n"
      "The next job has a number above %" PRIu64 ", the epoch is %" PRIu64
      ": agents take this for a later life of the controller.\n"
      "What happened after the backup is not known: enrol again who joined since, remove again who was removed.\n",
      config.data.c_str(), to_rfc3339(done.backup.made_at).c_str(), done.backup.last_job, done.backup.last_event,
      done.backup.releases, done.backup.epoch, done.job_floor, done.epoch);
  return ok();
}

Result<> reseal(const Arguments& arguments) {
  TRY(const controller::Config config, settings_of(arguments));
  const std::string key_file = controller::key_file_of(config.data, config.secrets_key);
  TRY(const controller::ResealSummary done, controller::reseal(config.data, key_file));
  std::printf("Sealed %" PRIu64
              " rows anew with the key %s, the first in %s: keep a copy of that file.\n"
              "The keys behind it open older backups; remove their lines when those are gone.\n",
              done.rows, done.key.c_str(), key_file.c_str());
  return ok();
}

Result<> run(const Arguments& arguments) {
  TRY(controller::Config config, settings_of(arguments));
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

Result<Arguments> parse_arguments(int argc, char** argv) {
  const option options[] = {
      {"config", required_argument, nullptr, 'c'}, {"data", required_argument, nullptr, 'd'}, {nullptr, 0, nullptr, 0}};
  Arguments arguments;
  opterr = 0;
  for (int choice = 0; (choice = getopt_long(argc, argv, "c:", options, nullptr)) != -1;) {
    if (choice == 'c') {
      arguments.config = optarg;
      arguments.is_config_given = true;
    } else if (choice == 'd') {
      arguments.data = optarg;
    } else {
      return fail(ErrorKind::usage, "'" + std::string(argv[optind - 1]) + "' is not known or lacks its value", usage);
    }
  }
  const std::vector<std::string> words(argv + optind, argv + argc);
  if (words.empty()) return arguments;
  if (words[0] == "reseal") {
    if (words.size() != 1) return fail(ErrorKind::usage, "'" + words[1] + "' is not expected here", usage);
    arguments.command = words[0];
    return arguments;
  }
  if (words[0] != "backup" && words[0] != "restore") {
    return fail(ErrorKind::usage, "'" + words[0] + "' is not expected here", usage);
  }
  if (words.size() != 2) return fail(ErrorKind::usage, "'" + words[0] + "' takes one folder", usage);
  arguments.command = words[0];
  arguments.folder = words[1];
  return arguments;
}

Result<> carry_out(int argc, char** argv) {
  TRY(const Arguments arguments, parse_arguments(argc, argv));
  if (arguments.command == "backup") return backup(arguments);
  if (arguments.command == "restore") return restore(arguments);
  if (arguments.command == "reseal") return reseal(arguments);
  return run(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--version") {
      std::printf("escape-controller %s (%s)\n", ESCAPE_VERSION, transport::library_version().c_str());
      return 0;
    }
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
  }
  const Result<> done = carry_out(argc, argv);
  if (done) return 0;
  std::fprintf(stderr, "error: %s\n", describe(done.error()).c_str());
  if (!done.error().hint.empty()) std::fprintf(stderr, "%s\n", done.error().hint.c_str());
  return exit_code(done.error().kind);
}
