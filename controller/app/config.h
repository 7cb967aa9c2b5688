#pragma once

#include <string>
#include <string_view>

#include "controller/app/server.h"
#include "shared/base/log.h"
#include "shared/base/result.h"

namespace escape::controller {

/// controller.yml; every key has a default, so an empty file works.
struct Config {
  std::string data = "/var/lib/escape";
  std::string secrets_key;  ///< file with the key to the secrets in the database. Default: DATA/secrets.key
  std::string agents = "0.0.0.0:7771";
  std::string clients = "0.0.0.0:7772";
  std::string events = "0.0.0.0:7773";
  std::string http = "0.0.0.0:7770";
  std::string
      address;  ///< the host name or address under which others reach this host; in tokens. Default: the host's name
  bool open_writes = false;
  std::string inventory_url;
  Settings settings;
  int greetings_per_second = Admission::Limits{}.per_second;  ///< of agents; beyond it they are told when to come back
  LogLevel log_level = LogLevel::info;
};

/// Strict: unknown and duplicate keys and wrong types are bad_configuration with file, line and what was expected.
Result<Config> parse_config(std::string_view text, std::string_view file);
/// Endpoints of the daemon. Error: bad_configuration.
Result<ServerOptions> to_options(const Config& config);

}  // namespace escape::controller
