#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

#include "controller/http/credentials.h"
#include "controller/http/server.h"
#include "controller/http/single_writer.h"
#include "shared/base/log.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace escape::http {
namespace {

constexpr const char* usage =
    "Usage: escape-inventory --data DIR [--port 7770] [--listen ADDRESS]\n"
    "                        [--token-file FILE | --basic-auth-file FILE]\n"
    "\n"
    "Serves the releases in DIR (made if missing) over HTTP.\n"
    "\n"
    "  --data DIR              index and packages; one program at a time\n"
    "  --port PORT             default 7770; 0 takes a free one\n"
    "  --listen ADDRESS        default 127.0.0.1: this machine only\n"
    "  --token-file FILE       who may publish: a 'NAME TOKEN' a line; reading stays open\n"
    "  --basic-auth-file FILE  who may read and publish: a 'USER:PASSWORD' a line\n"
    "  --verbose               log every detail\n"
    "  --version, --help\n";

struct Arguments {
  std::string data;
  std::string listen = "127.0.0.1";
  int port = 7770;
  bool is_listen_given = false;
  std::string token_file;
  std::string basic_auth_file;
  LogLevel level = LogLevel::info;
  bool wants_help = false;
  bool wants_version = false;
};

Result<int> parse_port(std::string_view text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc{} && end == text.data() + text.size() && port >= 0 && port <= 65535) return port;
  return fail(ErrorKind::usage, "'" + std::string(text) + "' is not a port", "Give a number from 0 to 65535.");
}

Result<Arguments> parse_arguments(int count, char** values) {
  enum Option { data = 1, port, listen, token_file, basic_auth_file, verbose, version, help };
  static constexpr option options[] = {
      {"data", required_argument, nullptr, data},
      {"port", required_argument, nullptr, port},
      {"listen", required_argument, nullptr, listen},
      {"token-file", required_argument, nullptr, token_file},
      {"basic-auth-file", required_argument, nullptr, basic_auth_file},
      {"verbose", no_argument, nullptr, verbose},
      {"version", no_argument, nullptr, version},
      {"help", no_argument, nullptr, help},
      {nullptr, 0, nullptr, 0},
  };
  const std::string see_help = "`escape-inventory --help` lists the options.";
  Arguments arguments;
  opterr = 0;
  for (int found; (found = ::getopt_long(count, values, "", options, nullptr)) != -1;) {
    switch (found) {
      case data:
        arguments.data = optarg;
        break;
      case port: {
        TRY(arguments.port, parse_port(optarg));
        break;
      }
      case listen:
        arguments.listen = optarg;
        arguments.is_listen_given = true;
        break;
      case token_file:
        arguments.token_file = optarg;
        break;
      case basic_auth_file:
        arguments.basic_auth_file = optarg;
        break;
      case verbose:
        arguments.level = LogLevel::debug;
        break;
      case version:
        arguments.wants_version = true;
        break;
      case help:
        arguments.wants_help = true;
        break;
      default:
        return fail(ErrorKind::usage,
                    "The option '" + std::string(values[optind - 1]) + "' is not known or lacks its value", see_help);
    }
  }
  if (arguments.wants_help || arguments.wants_version) return arguments;
  if (optind < count)
    return fail(ErrorKind::usage, "Unexpected argument '" + std::string(values[optind]) + "'", see_help);
  if (arguments.data.empty()) return fail(ErrorKind::usage, "The option --data is missing", see_help);
  if (!arguments.token_file.empty() && !arguments.basic_auth_file.empty()) {
    return fail(ErrorKind::usage, "Only one of --token-file and --basic-auth-file can be given", see_help);
  }
  return arguments;
}

template <class Parse>
Result<std::vector<Credential>> read_credentials(const std::string& file, Parse parse) {
  TRY(const std::string text, io::read_file(file));
  Result<std::vector<Credential>> credentials = parse(text);
  if (!credentials) return fail(std::move(credentials).error().in("reading '" + file + "'"));
  return credentials;
}

Result<> add_credentials(const Arguments& arguments, ServerOptions& options) {
  if (!arguments.token_file.empty()) {
    TRY(auto tokens, read_credentials(arguments.token_file, parse_tokens));
    options.authorize = authorize_tokens(std::move(tokens));
  } else if (!arguments.basic_auth_file.empty()) {
    TRY(auto passwords, read_credentials(arguments.basic_auth_file, parse_passwords));
    options.authorize = authorize_passwords(std::move(passwords));
    options.demands_basic = true;
  } else if (arguments.is_listen_given) {
    log_warn("anyone who reaches {} may publish: give --token-file or --basic-auth-file", arguments.listen);
  }
  return ok();
}

Result<io::FileLock> lock_data(const std::string& folder) {
  TRYV(io::make_folders(folder));
  const std::string path = io::join_path(folder, "lock");
  Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    return fail(ErrorKind::conflict, "The folder '" + folder + "' is in use by " + io::FileLock::holder(path),
                "Stop that program, or give another folder with --data.");
  }
  if (!lock) return fail(std::move(lock).error());
  lock.value().describe("pid " + std::to_string(::getpid()) + ": escape-inventory");
  return lock;
}

/// Runs the writer until a signal asks to stop, and once more after the last request.
Result<> serve(HttpServer& server, SingleWriter& writer, const io::Fd& signals) {
  const auto run_writer = [&writer]() -> Result<> {
    TRY(const auto published, writer.run());
    for (const Published& one : published) {
      log_info("published {} sha256 {} by '{}'", to_string(one.record.id), one.record.sha256, one.principal);
    }
    return ok();
  };
  pollfd ready[] = {{signals.get(), POLLIN, 0}, {writer.descriptor(), POLLIN, 0}};
  while (true) {
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) {
      return fail(ErrorKind::internal, std::string("poll: ") + std::strerror(errno));
    }
    if (ready[1].revents != 0) {
      TRYV(run_writer());
    }
    if (ready[0].revents != 0 && io::take_signal(signals) != 0) break;
  }
  io::notify_service_manager("STOPPING=1");
  server.flush_downloads();
  TRYV(run_writer());
  server.stop();
  return ok();
}

Result<> run(const Arguments& arguments) {
  const std::string folder = io::absolute_path(arguments.data);
  TRY(const io::Fd signals, io::signals_as_descriptor({SIGTERM, SIGINT}));
  TRY(const io::FileLock lock, lock_data(folder));
  TRY(const auto database, store::open_rocksdb(io::join_path(folder, "index"), store::Access::read_write));
  const inventory::PackageFolder packages(io::join_path(folder, "packages"));
  TRYV(packages.remove_leftovers());

  SingleWriter writer(*database);
  ServerOptions options{
      .listen = arguments.listen,
      .port = arguments.port,
      .snapshot = [&database] { return database->snapshot(); },
      .packages = packages,
      .commit = [&writer](WriteJob job, WriteDone done) { writer.post(std::move(job), std::move(done)); }};
  TRYV(add_credentials(arguments, options));
  TRY(const auto server, HttpServer::start(std::move(options)));
  log_info("listening on http://{}:{} for the releases in {}", arguments.listen, server->port(), folder);
  io::notify_service_manager("READY=1");
  return serve(*server, writer, signals);
}

int report(const Error& error) {
  std::fprintf(stderr, "escape-inventory: %s\n", describe(error).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "%s\n", error.hint.c_str());
  return exit_code(error.kind);
}

int main_program(int count, char** values) {
  const Result<Arguments> arguments = parse_arguments(count, values);
  if (!arguments) return report(arguments.error());
  if (arguments.value().wants_help) return std::fputs(usage, stdout) < 0;
  if (arguments.value().wants_version) return std::puts("escape-inventory " ESCAPE_VERSION) < 0;
  set_up_logging("escape-inventory", arguments.value().level);
  const Result<> done = run(arguments.value());
  return done ? 0 : report(done.error());
}

}  // namespace
}  // namespace escape::http

int main(int count, char** values) { return escape::http::main_program(count, values); }
