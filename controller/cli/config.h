#pragma once

#include <map>
#include <string>
#include <string_view>

#include "controller/cli/profile.h"
#include "shared/base/result.h"
#include "shared/base/value.h"

namespace escape::cli {

/// The user's configuration file: named profiles and which one is current. Reads the original's JSON as it is; writes
/// YAML.
///
/// It is written only by commands that change it (`config set-profile`, `config create-profile`, `login`), 0600,
/// atomically.
/// `--profile` never changes the current one.
struct Config {
  std::string path;
  std::string current = "default";
  std::map<std::string, Profile> profiles;  ///< never empty after loading
};

/// `given`, else $XDG_CONFIG_HOME/escape/config.yml, else an existing ~/.escape_config, else
/// ~/.config/escape/config.yml.
std::string config_path(std::string_view given);

/// A missing file gives one profile made by `make_profile`, but with `must_exist` (the user named it) an error. Errors:
/// bad_configuration "Couldn't parse Escape configuration file 'F': …" with the line, also for a key that means
/// nothing: whoever mistyped `controller` would deploy with this machine instead.
Result<Config> load_config(const std::string& path, bool must_exist = false);
/// The part of load_config behind reading.
Result<Config> parse_config(std::string_view text, const std::string& path);
Result<> save_config(const Config& config);
/// The text that save_config writes.
std::string to_yaml(const Config& config);

/// A new profile: `api_server` from $ESCAPE_API_SERVER. Secrets of the environment are used but never written down,
/// and only with the server that the environment names, if it names one.
Profile make_profile(std::string name);

/// Error: bad_configuration "Referenced profile 'x' was not found in the Escape configuration file."
Result<const Profile*> find_profile(const Config& config, const std::string& name);

/// A profile's fields as shown by `config profile`: names of the file, secrets as "(set)".
Value::Object shown_profile(const Profile& profile);

}  // namespace escape::cli
