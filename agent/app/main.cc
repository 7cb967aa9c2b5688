#include <signal.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/app/config.h"
#include "agent/app/join.h"
#include "agent/app/node.h"
#include "agent/journal/identity.h"
#include "protocol/session/token.h"
#include "protocol/transport/transport.h"
#include "shared/base/crypto.h"
#include "shared/base/log.h"
#include "shared/base/result.h"
#include "shared/io/files.h"
#include "shared/io/service.h"

namespace escape::agent {
namespace {

constexpr int default_port = 7771;
constexpr const char* default_config = "/etc/escape/agent.yml";

constexpr const char* usage_text = R"(escape-agent: runs the steps of deployments on this host.

  escape-agent [--config FILE] [--data FOLDER]
      Connect to the controller and work. FILE is /etc/escape/agent.yml when that exists.

  escape-agent join TOKEN [--config FILE] [--data FOLDER] [--name NAME] [--label KEY=VALUE]… [--again]
      Enrol this host with an invitation (`escape agents invite --environment ENVIRONMENT` prints it).
      --again replaces the identity of an agent that was removed; restart the agent afterwards.

  escape-agent --version | --help

FOLDER holds the agent's key and what it works on (default /var/lib/escape-agent).
)";

struct Arguments {
  bool wants_help = false;
  bool wants_version = false;
  bool is_join = false;
  bool is_again = false;
  std::string token{};
  std::string config_file{};
  std::string data_folder{};
  std::string name{};
  std::map<std::string, std::string> labels{};
};

Result<> read_label(const std::string& text, Arguments& arguments) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return fail(ErrorKind::usage, "'" + text + "' is not a label.", "Write --label KEY=VALUE.");
  }
  arguments.labels[text.substr(0, equals)] = text.substr(equals + 1);
  return ok();
}

Result<Arguments> parse_arguments(std::vector<std::string> words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    std::optional<std::string> value;
    if (const std::size_t equals = word.find('='); word.starts_with("--") && equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    const auto take_value = [&]() -> Result<std::string> {
      if (value) return *value;
      if (i + 1 < words.size()) return words[++i];
      return fail(ErrorKind::usage, word + " needs a value.", "See `escape-agent --help`.");
    };
    if (word == "--help" || word == "-h") {
      arguments.wants_help = true;
    } else if (word == "--version") {
      arguments.wants_version = true;
    } else if (word == "--config") {
      TRY(arguments.config_file, take_value());
    } else if (word == "--data") {
      TRY(arguments.data_folder, take_value());
    } else if (word == "--name") {
      TRY(arguments.name, take_value());
    } else if (word == "--label") {
      TRY(const std::string label, take_value());
      TRYV(read_label(label, arguments));
    } else if (word == "--again") {
      arguments.is_again = true;
    } else if (word == "join" && !arguments.is_join) {
      arguments.is_join = true;
    } else if (arguments.is_join && arguments.token.empty() && !word.starts_with("-")) {
      arguments.token = word;
    } else {
      return fail(ErrorKind::usage, "'" + words[i] + "' is not understood.", "See `escape-agent --help`.");
    }
  }
  if (arguments.is_join && arguments.token.empty() && !arguments.wants_help) {
    return fail(ErrorKind::usage, "join needs an invitation token.",
                "`escape agents invite --environment ENVIRONMENT` prints one.");
  }
  return arguments;
}

/// File, then flags.
Result<Config> gather_config(const Arguments& arguments) {
  Config config;
  const bool has_default = arguments.config_file.empty() && io::exists(default_config);
  const std::string file = has_default ? default_config : arguments.config_file;
  if (!file.empty()) {
    TRY(config, load_config(file));
  }
  if (!arguments.data_folder.empty()) config.data_folder = arguments.data_folder;
  for (const auto& [key, value] : arguments.labels) config.labels[key] = value;
  return config;
}

Result<> run_join(const Arguments& arguments, const Config& config) {
  JoinOptions options;
  options.data_folder = config.data_folder;
  TRY(options.token, protocol::parse_token(arguments.token));
  options.name = arguments.name;
  options.labels = config.labels;
  options.address = config.controller;
  options.is_again = arguments.is_again;
  transport::Context context;
  TRY(const journal::Identity identity, join(context, options));
  const std::string flags =
      arguments.config_file.empty() ? "--data " + config.data_folder : "--config " + arguments.config_file;
  std::printf(
      "Enrolled as agent '%s' of environment '%s'. The key's fingerprint is %s.\nStart it with: escape-agent %s\n",
      identity.agent.c_str(), identity.environment.c_str(), fingerprint(identity.keys.public_key).c_str(),
      flags.c_str());
  return ok();
}

Result<> run_daemon(const Config& config) {
  TRY(const io::Fd stop, io::signals_as_descriptor({SIGTERM, SIGINT}));
  set_up_logging("escape-agent", config.log_level);
  TRY(const journal::Identity identity, journal::load_identity(config.data_folder));
  NodeOptions options;
  options.data_folder = config.data_folder;
  const std::string address = config.controller.empty() ? identity.address : config.controller;
  Result<std::string> endpoint = transport::tcp_endpoint(address, default_port);
  if (!endpoint) {
    return fail(ErrorKind::bad_configuration, "The setting 'controller': " + describe(endpoint.error()),
                endpoint.error().hint);
  }
  options.endpoint = std::move(endpoint).value();
  options.server_key = identity.controller_key;
  options.keys = identity.keys;
  options.labels = config.labels;
  options.notifies_service_manager = true;
  transport::Context context;
  TRY(const std::unique_ptr<Node> node, Node::make(context, options));
  log_info("escape-agent {} is agent '{}' of environment '{}', connects to {} (controller key {}), data in {}",
           ESCAPE_VERSION, identity.agent, identity.environment, options.endpoint, fingerprint(identity.controller_key),
           config.data_folder);
  Result<> done = node->run(stop.get());
  io::notify_service_manager("STOPPING=1");
  if (done) log_info("stopped; running scripts go on under their supervisors");
  return done;
}

Result<> run(const std::vector<std::string>& words) {
  TRY(const Arguments arguments, parse_arguments(words));
  if (arguments.wants_help) {
    std::fputs(usage_text, stdout);
    return ok();
  }
  if (arguments.wants_version) {
    std::printf("escape-agent %s (%s)\n", ESCAPE_VERSION, transport::library_version().c_str());
    return ok();
  }
  TRY(const Config config, gather_config(arguments));
  return arguments.is_join ? run_join(arguments, config) : run_daemon(config);
}

}  // namespace
}  // namespace escape::agent

int main(int argument_count, char** arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  const escape::Result<> done = escape::agent::run({arguments + 1, arguments + argument_count});
  if (done) return 0;
  std::fprintf(stderr, "escape-agent: %s\n", escape::describe(done.error()).c_str());
  if (!done.error().hint.empty()) std::fprintf(stderr, "  %s\n", done.error().hint.c_str());
  return escape::exit_code(done.error().kind);
}
