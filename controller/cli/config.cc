#include "controller/cli/config.h"

#include <algorithm>
#include <cstdlib>

#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"
#include "shared/plan/document.h"

namespace escape::cli {
namespace {

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string config_folder() {
  const std::string base = environment_variable("XDG_CONFIG_HOME");
  return io::join_path(base.empty() ? io::join_path(io::home_folder(), ".config") : base, "escape");
}

Error shape(const plan::Document& at, const std::string& path, std::string what) {
  return {ErrorKind::bad_configuration,
          "Couldn't parse Escape configuration file '" + path + "': line " + std::to_string(at.line) + ": " +
              std::move(what),
          {},
          {}};
}

/// One member of a profile, read by its type; null counts as not given.
class Fields {
 public:
  explicit Fields(const std::string& path) : path_(path) {}
  bool text(const std::string& key, const plan::Document& value, std::string_view name, std::string& to) {
    if (key != name) return false;
    if (value.kind != plan::Document::Kind::scalar) return refuse(value, key, "text");
    to = value.text;
    return true;
  }
  bool flag(const std::string& key, const plan::Document& value, std::string_view name, bool& to) {
    if (key != name) return false;
    const bool* held = value.value.as_bool();
    if (!held) return refuse(value, key, "true or false");
    to = *held;
    return true;
  }
  bool list(const std::string& key, const plan::Document& value, std::string_view name, std::vector<std::string>& to) {
    if (key != name) return false;
    if (value.kind == plan::Document::Kind::scalar && value.value.is_null()) return true;
    if (value.kind != plan::Document::Kind::list) return refuse(value, key, "a list");
    for (const plan::Document& item : value.items) to.push_back(item.text);
    return true;
  }
  bool refuse(const plan::Document& value, const std::string& key, std::string_view expected) {
    if (!error) error = shape(value, path_, "expected " + std::string(expected) + " for '" + key + "'");
    return true;
  }
  std::optional<Error> error{};

 private:
  const std::string& path_;
};

/// Each is one that somebody meant to say something with.
Error unknown_key(const plan::Document& value, const std::string& path, const std::string& key,
                  const std::string& where, const std::vector<std::string>& known) {
  const std::string near = nearest(key, known);
  plan::Document at;
  at.line = value.key_line;
  return shape(at, path, "unknown key '" + key + "' " + where)
      .hinted(near.empty() ? "The keys there are: " + join(known, ", ") + "." : "Did you mean '" + near + "'?");
}

std::vector<std::string> profile_keys() {
  return {"inventory_type",      "api_server",           "escape_auth_token", "basic_auth_username",
          "basic_auth_password", "insecure_skip_verify", "state_path",        "local_inventory_base_dir",
          "proxy_namespaces",    "controller",           "key_file"};
}

Result<ControllerAddress> read_controller(const plan::Document& from, const std::string& path) {
  if (from.kind != plan::Document::Kind::map)
    return fail(shape(from, path, "expected 'controller' to hold 'address' and 'key'"));
  ControllerAddress controller;
  for (const auto& [key, value] : from.members) {
    if (key == "address") {
      controller.address = value.text;
    } else if (key == "key") {
      TRY(controller.key, from_base64url(value.text));
    } else {
      return fail(unknown_key(value, path, key, "of 'controller'", {"address", "key"}));
    }
  }
  if (controller.address.empty()) return fail(shape(from, path, "'controller' needs an 'address' (host:port)"));
  if (controller.key.size() != 32) {
    return fail(shape(from, path, "the 'key' of 'controller' is not a public key")
                    .hinted("Log in again: escape login --token TOKEN"));
  }
  return controller;
}

Result<Profile> read_profile(std::string name, const plan::Document& from, const std::string& path) {
  Profile profile{.name = std::move(name)};
  if (from.kind == plan::Document::Kind::scalar && from.value.is_null()) return profile;
  if (from.kind != plan::Document::Kind::map) return fail(shape(from, path, "expected a profile to hold fields"));
  Fields fields(path);
  for (const auto& [key, value] : from.members) {
    const bool is_known = fields.text(key, value, "inventory_type", profile.inventory_type) ||
                          fields.text(key, value, "api_server", profile.api_server) ||
                          fields.text(key, value, "escape_auth_token", profile.escape_auth_token) ||
                          fields.text(key, value, "basic_auth_username", profile.basic_auth_username) ||
                          fields.text(key, value, "basic_auth_password", profile.basic_auth_password) ||
                          fields.flag(key, value, "insecure_skip_verify", profile.insecure_skip_verify) ||
                          fields.text(key, value, "state_path", profile.state_path) ||
                          fields.text(key, value, "local_inventory_base_dir", profile.local_inventory_base_dir) ||
                          fields.list(key, value, "proxy_namespaces", profile.proxy_namespaces) ||
                          fields.text(key, value, "key_file", profile.key_file);
    if (fields.error) return fail(std::move(*fields.error));
    if (is_known) continue;
    if (key == "controller") {
      TRY(profile.controller, read_controller(value, path));
    } else {
      return fail(unknown_key(value, path, key, "of the profile '" + profile.name + "'", profile_keys()));
    }
  }
  if (!profile.inventory_type.empty() && profile.inventory_type != "local" && profile.inventory_type != "remote") {
    return fail(shape(from, path, "'inventory_type' must be local or remote, not '" + profile.inventory_type + "'"));
  }
  return profile;
}

void fill_defaults(Profile& profile) {
  if (profile.local_inventory_base_dir.empty()) {
    profile.local_inventory_base_dir = io::join_path(config_folder(), ".inventory");
  }
  const std::string server = environment_variable("ESCAPE_API_SERVER");
  if (!profile.uses_server_inventory() || (!server.empty() && server != profile.api_server)) return;
  const auto lend = [&](std::string& field, std::string_view field_name, const char* variable) {
    std::string value = environment_variable(variable);
    if (!field.empty() || value.empty()) return;
    field = std::move(value);
    profile.lent.emplace_back(field_name);
  };
  lend(profile.escape_auth_token, "escape_auth_token", "ESCAPE_AUTH_TOKEN");
  // Half of a login from here and half from there fits nobody.
  if (!profile.basic_auth_username.empty() || !profile.basic_auth_password.empty()) return;
  lend(profile.basic_auth_username, "basic_auth_username", "BASIC_AUTH_USERNAME");
  lend(profile.basic_auth_password, "basic_auth_password", "BASIC_AUTH_PASSWORD");
}

/// What the file holds: not what the environment lent and not the defaults, which may change.
Value::Object stored_profile(const Profile& profile) {
  Value::Object object;
  const auto text = [&](std::string_view name, const std::string& value, const std::string& not_this = {}) {
    if (value.empty() || value == not_this || std::ranges::find(profile.lent, name) != profile.lent.end()) return;
    object.set(name, value);
  };
  text("inventory_type", profile.inventory_type);
  text("api_server", profile.api_server);
  text("escape_auth_token", profile.escape_auth_token);
  text("basic_auth_username", profile.basic_auth_username);
  text("basic_auth_password", profile.basic_auth_password);
  if (profile.insecure_skip_verify) object.set("insecure_skip_verify", true);
  text("state_path", profile.state_path);
  text("local_inventory_base_dir", profile.local_inventory_base_dir, io::join_path(config_folder(), ".inventory"));
  if (!profile.proxy_namespaces.empty()) {
    object.set("proxy_namespaces", Value::List(profile.proxy_namespaces.begin(), profile.proxy_namespaces.end()));
  }
  if (profile.controller) {
    object.set("controller",
               Value::Object{{"address", profile.controller->address}, {"key", to_base64url(profile.controller->key)}});
  }
  text("key_file", profile.key_file);
  return object;
}

/// JSON strings, numbers and flow lists are YAML too, so only maps need lines of their own.
void write_map(const Value::Object& object, const std::string& indent, std::string& to) {
  for (const auto& [name, value] : object) {
    to += indent +
          (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos ? name : codec::to_json(name)) +
          ":";
    const Value::Object* map = value.as_object();
    if (map && !map->empty()) {
      to += "\n";
      write_map(*map, indent + "  ", to);
    } else {
      to += " " + codec::to_json(value) + "\n";
    }
  }
}

}  // namespace

std::string config_path(std::string_view given) {
  if (given.starts_with("~/")) return io::join_path(io::home_folder(), given.substr(2));
  if (!given.empty()) return std::string(given);
  const std::string preferred = io::join_path(config_folder(), "config.yml");
  const std::string original = io::join_path(io::home_folder(), ".escape_config");
  return !io::exists(preferred) && io::exists(original) ? original : preferred;
}

Result<Config> parse_config(std::string_view text, const std::string& path) {
  Result<plan::Document> parsed = plan::parse_document(text);
  if (!parsed) {
    return fail(ErrorKind::bad_configuration,
                "Couldn't parse Escape configuration file '" + path + "': " + describe(parsed.error()),
                parsed.error().hint);
  }
  const plan::Document& document = parsed.value();
  Config config;
  config.path = path;
  if (document.kind == plan::Document::Kind::map) {
    for (const auto& [key, value] : document.members) {
      if (key == "current_profile") {
        if (value.kind != plan::Document::Kind::scalar)
          return fail(shape(value, path, "expected the name of a profile"));
        config.current = value.text;
      } else if (key == "profiles") {
        const bool is_nothing = value.kind == plan::Document::Kind::scalar && value.value.is_null();
        if (value.kind != plan::Document::Kind::map && !is_nothing) {
          return fail(shape(value, path, "expected 'profiles' to hold profiles by their names"));
        }
        for (const auto& [name, fields] : value.members) {
          TRY(config.profiles[name], read_profile(name, fields, path));
        }
      } else {
        return fail(unknown_key(value, path, key, "of the file", {"current_profile", "profiles"}));
      }
    }
  } else if (!document.value.is_null() || document.kind == plan::Document::Kind::list) {
    return fail(shape(document, path, "expected 'current_profile' and 'profiles'"));
  }
  if (config.profiles.empty()) config.profiles["default"] = make_profile("default");
  for (auto& [name, profile] : config.profiles) fill_defaults(profile);
  return config;
}

Result<Config> load_config(const std::string& path, bool must_exist) {
  Result<std::string> text = io::read_file(path, 4 << 20);
  if (!text) {
    if (text.error().kind != ErrorKind::not_found) return fail(std::move(text).error());
    if (!must_exist) return parse_config("", path);
    return fail(ErrorKind::bad_configuration, "The configuration file '" + path + "' does not exist.",
                "`escape login` and `escape config create-profile` make it; without -c yours is used.");
  }
  return parse_config(text.value(), path);
}

std::string to_yaml(const Config& config) {
  Value::Object profiles;
  for (const auto& [name, profile] : config.profiles) profiles.set(name, stored_profile(profile));
  Value::Object whole{{"current_profile", config.current}, {"profiles", std::move(profiles)}};
  std::string text;
  write_map(whole, "", text);
  return text;
}

Result<> save_config(const Config& config) {
  if (const std::string folder = io::parent_path(config.path); !folder.empty()) {
    TRYV(io::make_folders(folder, 0700));
  }
  return io::write_file(config.path, to_yaml(config), 0600);
}

Profile make_profile(std::string name) {
  Profile profile{.name = std::move(name)};
  profile.api_server = environment_variable("ESCAPE_API_SERVER");
  fill_defaults(profile);
  return profile;
}

Result<const Profile*> find_profile(const Config& config, const std::string& name) {
  auto found = config.profiles.find(name);
  if (found == config.profiles.end()) {
    return fail(ErrorKind::bad_configuration,
                "Referenced profile '" + name + "' was not found in the Escape configuration file.",
                "`escape config list-profiles` shows the profiles of '" + config.path + "'.");
  }
  return &found->second;
}

Value::Object shown_profile(const Profile& profile) {
  const auto secret = [](const std::string& value) { return Value(value.empty() ? "" : "(set)"); };
  Value::Object object{
      {"api_server", profile.api_server},
      {"basic_auth_password", secret(profile.basic_auth_password)},
      {"basic_auth_username", profile.basic_auth_username},
      {"controller", profile.controller ? Value(profile.controller->address) : Value("")},
      {"controller_fingerprint", profile.controller ? Value(fingerprint(profile.controller->key)) : Value("")},
      {"escape_auth_token", secret(profile.escape_auth_token)},
      {"insecure_skip_verify", profile.insecure_skip_verify},
      {"inventory_type", profile.uses_server_inventory() ? "remote" : "local"},
      {"key_file", profile.key_file},
      {"local_inventory_base_dir", profile.local_inventory_base_dir},
      {"proxy_namespaces", Value::List(profile.proxy_namespaces.begin(), profile.proxy_namespaces.end())},
      {"state_path", profile.state_path}};
  return object;
}

}  // namespace escape::cli
