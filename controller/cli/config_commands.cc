#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/inventory_login.h"
#include "controller/cli/remote_link.h"
#include "controller/cli/views.h"
#include "protocol/session/token.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

/// config and login: the profiles of this person.
namespace escape::cli {
namespace {

struct ConfigFlags {
  std::string name;
  bool as_json = false;
  bool keep_secrets = false;
};

struct LoginFlags {
  std::string controller;
  std::string token;
  std::string token_file;
  std::string name;
  std::string target_profile;
  std::string url;
  std::string user;
  std::string password;
  std::string method;
  bool insecure_skip_verify = false;

  bool is_for_inventory() const {
    return !url.empty() || !user.empty() || !password.empty() || !method.empty() || insecure_skip_verify;
  }
  bool is_for_controller() const {
    return !controller.empty() || !token.empty() || !token_file.empty() || !name.empty();
  }
};

constexpr int default_clients_port = 7772;

void print_text(Invocation& run, const std::string& text, bool as_json) {
  run.console().out((as_json ? codec::to_json(text) : text) + "\n");
}

std::string field_text(const Value& value) {
  if (const std::string* text = value.as_string()) return *text;
  const Value::List* list = value.as_list();
  if (!list) return codec::to_json(value);
  std::vector<std::string> items;
  for (const Value& item : *list) items.push_back(item.as_string() ? *item.as_string() : codec::to_json(item));
  return "[" + join(items, " ") + "]";
}

Result<int> show_profile(Invocation& run, const ConfigFlags& flags) {
  TRY(const Profile* profile, run.profile());
  const Value::Object fields = shown_profile(*profile);
  if (!flags.name.empty()) {
    const Value* field = fields.find(flags.name);
    if (!field) {
      std::vector<std::string> names;
      for (const auto& [name, value] : fields) names.push_back(name);
      const std::string near = nearest(flags.name, names);
      return fail(ErrorKind::usage, "'" + flags.name + "' is not a valid field name",
                  near.empty() ? "The fields are: " + join(names, ", ") + "." : "Did you mean '" + near + "'?");
    }
    run.console().out(flags.as_json ? codec::to_json(*field) + "\n" : flags.name + ": " + field_text(*field) + "\n");
    return 0;
  }
  if (flags.as_json) {
    print_json(run, fields);
    return 0;
  }
  std::string text = "Profile: " + profile->name + "\n\n";
  for (const auto& [name, value] : fields) text += name + ": " + field_text(value) + "\n";
  run.console().out(text);
  return 0;
}

Result<int> active_profile(Invocation& run, bool as_json) {
  TRY(const Profile* profile, run.profile());
  print_text(run, profile->name, as_json);
  return 0;
}

Result<int> list_profiles(Invocation& run, bool as_json) {
  TRY(const Config* config, run.config());
  std::vector<std::string> names;
  for (const auto& [name, profile] : config->profiles) names.push_back(name);
  if (as_json) {
    print_json(run, list_of(names));
  } else {
    run.console().out(join(names, "\n") + "\n");
  }
  return 0;
}

Result<int> set_profile(Invocation& run, const ConfigFlags& flags) {
  TRY(Config * config, run.config());
  TRYV(find_profile(*config, flags.name));
  config->current = flags.name;
  TRYV(save_config(*config));
  print_text(run, "Profile has been set", flags.as_json);
  return 0;
}

Result<int> create_profile(Invocation& run, const ConfigFlags& flags) {
  TRY(Config * config, run.config(true));
  if (flags.name.empty()) return fail(ErrorKind::usage, "Missing name of the profile.");
  if (config->profiles.contains(flags.name)) {
    return fail(ErrorKind::conflict, "Profile already exists",
                "`escape config set-profile " + flags.name + "` switches to it.");
  }
  Profile profile = make_profile(flags.name);
  if (flags.keep_secrets) profile.lent.clear();
  config->profiles[flags.name] = std::move(profile);
  TRYV(save_config(*config));
  print_text(run, "Profile '" + flags.name + "' has been created.", flags.as_json);
  return 0;
}

/// The name as part of a file name.
std::string file_stem(const std::string& profile) {
  std::string stem;
  for (const char c : profile) stem += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ? c : '_';
  return stem.empty() ? "profile" : stem;
}

Result<std::string> token_text(Invocation& run, const LoginFlags& flags) {
  if (!flags.token_file.empty()) return io::read_file(flags.token_file, 4096);
  if (flags.token == "-") return run.console().read_line().value_or("");
  if (!flags.token.empty()) return flags.token;
  return fail(ErrorKind::usage, "Missing token.",
              "escape login --token TOKEN (or --token-file FILE, or --token - to read it from the input). An "
              "administrator makes "
              "one with `escape principals invite NAME`; a controller's first start prints one. An inventory needs "
              "none: escape login --url URL");
}

/// The profile that the login is stored in: --target-profile, made if missing, else the one in use.
Result<std::string> profile_to_log_in(Invocation& run, const Config& config, const LoginFlags& flags) {
  if (!flags.target_profile.empty()) return flags.target_profile;
  TRY(const Profile* profile,
      find_profile(config, run.globals().profile.empty() ? config.current : run.globals().profile));
  return profile->name;
}

/// Makes a key pair here and has the controller enrol its public half. The pair is on the disk before it is sent, so a
/// lost answer loses nothing: logging in again with the same token and pair gives the same answer.
Result<int> enrol(Invocation& run, const LoginFlags& flags) {
  TRY(const std::string text, token_text(run, flags));
  TRY(const protocol::InvitationToken token, protocol::parse_token(text));
  const std::string address = flags.controller.empty() ? token.address : flags.controller;
  TRY(const std::string endpoint, transport::tcp_endpoint(address, default_clients_port));
  TRY(Config * config, run.config(true));
  TRY(const std::string name, profile_to_log_in(run, *config, flags));

  const std::string key_file =
      io::join_path(io::parent_path(io::absolute_path(config->path)),
                    "keys/" + file_stem(name) + "-" + fingerprint(token.controller_key) + ".key");
  if (!io::exists(key_file)) {
    TRYV(save_key_file(key_file, make_key_pair()));
  }
  TRY(const KeyPair keys, load_key_file(key_file));
  RemoteLink::Options options;
  options.patience = run.patience();
  options.connection = {endpoint, token.controller_key, key_pair_from_seed(token.seed)};
  options.greeting = protocol::request::Enrol{flags.name, keys.public_key};
  TRY(const std::unique_ptr<RemoteLink> link, RemoteLink::open(run.transport_context(), std::move(options)));
  Result<protocol::Reply> reply = link->greet();
  if (!reply) {
    Error error = std::move(reply).error();
    if (error.kind == ErrorKind::no_permission) {
      error.message =
          "The controller at " + address + " refused the token: it was used, has run out, or is not one of its own.";
      error.hint = "Ask for a new one: escape principals invite NAME";
    }
    return fail(std::move(error));
  }
  const auto* enrolled = std::get_if<protocol::reply::Enrolled>(&reply.value());
  if (!enrolled) return fail(ErrorKind::internal, "The controller did not answer the enrolment with one.");

  Profile& profile = config->profiles.try_emplace(name, make_profile(name)).first->second;
  profile.controller = ControllerAddress{endpoint.substr(std::string_view("tcp://").size()), token.controller_key};
  profile.key_file = key_file;
  if (!flags.target_profile.empty()) config->current = name;
  TRYV(save_config(*config));
  run.console().err("Logged in to " + address + " as " + enrolled->principal + " (" + enrolled->role + "), profile '" +
                    name + "'. Your key's fingerprint is " + fingerprint(keys.public_key) + ".\n");
  return 0;
}

/// Nothing is stored unless the inventory has let us in. From then on the profile uses that inventory, whatever it used
/// before.
Result<int> log_in_to_inventory(Invocation& run, const LoginFlags& flags) {
  TRYV(run.need_full_program());
  InventoryLogin asked{.url = {},
                       .user = flags.user,
                       .password = flags.password,
                       .method = flags.method,
                       .insecure_skip_verify = flags.insecure_skip_verify};
  TRY(asked.url, checked_inventory_url(flags.url));
  TRY(Config * config, run.config(true));
  TRY(const std::string name, profile_to_log_in(run, *config, flags));
  const auto found = config->profiles.find(name);
  Profile profile = found == config->profiles.end() ? make_profile(name) : found->second;
  if (profile.is_remote()) {
    return fail(
        ErrorKind::refused,
        "The profile '" + name + "' has a controller, and its releases come from that controller's inventory.",
        "Use a profile of its own for this inventory: escape login --url " + asked.url + " --target-profile NAME");
  }
  if (flags.password == "-") asked.password = run.console().read_line().value_or("");
  TRY(Credentials credentials, log_in(asked, run.console(), run.web()));

  profile.inventory_type = "remote";
  profile.api_server = asked.url;
  profile.insecure_skip_verify = asked.insecure_skip_verify;
  profile.escape_auth_token = std::move(credentials.token);
  profile.basic_auth_username = std::move(credentials.user);
  profile.basic_auth_password = std::move(credentials.password);
  profile.lent.clear();
  const bool has_token = !profile.escape_auth_token.empty();
  const bool has_credentials = has_token || !profile.basic_auth_username.empty();
  config->profiles[name] = std::move(profile);
  if (!flags.target_profile.empty()) config->current = name;
  TRYV(save_config(*config));
  if (has_token) run.console().err("\nSuccessfully retrieved and stored an authentication token.\n");
  run.console().err("Successfully logged in to " + asked.url + " (profile '" + name + "').\n");
  if (!has_credentials) {
    run.console().err(
        "It has no log-in, so nothing says that you may publish there. Where its operator gave you a token, set "
        "ESCAPE_AUTH_TOKEN to it.\n");
  }
  return 0;
}

Result<int> login(Invocation& run, const LoginFlags& flags) {
  if (!flags.is_for_inventory()) return enrol(run, flags);
  if (flags.is_for_controller()) {
    return fail(ErrorKind::usage, "A login is at a controller (--token) or at an inventory (--url), not at both.",
                "Run the command twice, with a --target-profile for each.");
  }
  if (flags.url.empty()) {
    return fail(ErrorKind::usage, "Missing --url.", "escape login --url https://inventory.example.org");
  }
  return log_in_to_inventory(run, flags);
}

std::shared_ptr<ConfigFlags> with_json(Syntax& syntax) {
  auto flags = std::make_shared<ConfigFlags>();
  add_json(syntax, flags->as_json);
  return flags;
}

}  // namespace

void describe_config_profile(Syntax& syntax) {
  auto flags = with_json(syntax);
  syntax.argument("FIELD", flags->name, "Only this field");
  syntax.action([flags](Invocation& run) { return show_profile(run, *flags); });
}

void describe_config_active(Syntax& syntax) {
  auto flags = with_json(syntax);
  syntax.action([flags](Invocation& run) { return active_profile(run, flags->as_json); });
}

void describe_config_list(Syntax& syntax) {
  auto flags = with_json(syntax);
  syntax.action([flags](Invocation& run) { return list_profiles(run, flags->as_json); });
}

void describe_config_set(Syntax& syntax) {
  auto flags = with_json(syntax);
  syntax.required_argument("PROFILE", flags->name, "The profile to use from now on");
  syntax.action([flags](Invocation& run) { return set_profile(run, *flags); });
}

void describe_config_create(Syntax& syntax) {
  auto flags = with_json(syntax);
  syntax.required_argument("NAME", flags->name, "The profile to make");
  syntax.flag("--keep-secrets", flags->keep_secrets,
              "Write ESCAPE_AUTH_TOKEN and BASIC_AUTH_* of the environment into the file");
  syntax.action([flags](Invocation& run) { return create_profile(run, *flags); });
}

void describe_login(Syntax& syntax) {
  auto flags = std::make_shared<LoginFlags>();
  syntax.option("--controller", flags->controller, "HOST:PORT", "Where the controller is, when not as the token says");
  syntax.option("--token", flags->token, "TOKEN", "The invitation; - reads it from the input");
  syntax.option("--token-file", flags->token_file, "FILE", "The invitation, from a file");
  syntax.option("--name", flags->name, "NAME", "Your name there, when the invitation has none");
  syntax.option("--target-profile", flags->target_profile, "PROFILE",
                "Store it in this profile, made if missing, and use it");
  syntax.option("-e,--url", flags->url, "URL", "Log in to this inventory instead, and take releases from there");
  syntax.option("-u,--username", flags->user, "NAME", "With --url: who you are; asked for when needed");
  syntax.option("-p,--password", flags->password, "PASSWORD",
                "With --url: - reads it from the input; anything else is seen by whoever lists processes");
  syntax.option("--auth-method", flags->method, "NAME",
                "With --url: the method's name or type, when there are several");
  syntax.flag("-i,--insecure-skip-verify", flags->insecure_skip_verify, "With --url: do not check its certificate");
  syntax.example("escape login --controller ctl.example.org:7772 --token ESC1-...");
  syntax.example("escape login --url https://inventory.example.org --target-profile team");
  syntax.action([flags](Invocation& run) { return login(run, *flags); });
}

}  // namespace escape::cli
