#pragma once

#include <map>
#include <string>

#include "shared/base/log.h"
#include "shared/base/result.h"

namespace escape::agent {

/// `agent.yml`. Everything has a default: an enrolled agent needs no file.
///
///     data: /var/lib/escape-agent
///     controller: deploy.example.com:7771   # in place of the address it was enrolled at
///     labels: {role: web}
///     log_level: info
struct Config {
  std::string data_folder = "/var/lib/escape-agent";
  std::string controller{};
  std::map<std::string, std::string> labels{};
  LogLevel log_level = LogLevel::info;
};

/// Errors: bad_configuration "FILE, line 3: …" for what is not YAML, unknown keys and wrong types; not_found.
Result<Config> load_config(const std::string& path);
/// `name` stands for the file in messages.
Result<Config> parse_config(const std::string& text, const std::string& name);

}  // namespace escape::agent
