#include "controller/app/config.h"

#include <functional>
#include <map>

#include "protocol/transport/transport.h"
#include "shared/base/text.h"
#include "shared/plan/document.h"

namespace escape::controller {
namespace {

using plan::Document;

Error wrong(std::string_view file, int line, std::string what, std::string hint = {}) {
  return {ErrorKind::bad_configuration,
          std::string(file) + ", line " + std::to_string(line) + ": " + std::move(what),
          std::move(hint),
          {}};
}

using Setter = std::function<Result<>(const Document&)>;

Setter text_into(std::string& to) {
  return [&to](const Document& from) -> Result<> {
    if (from.kind != Document::Kind::scalar || from.text.empty()) return fail(ErrorKind::bad_data, "expected text");
    to = from.text;
    return ok();
  };
}

Setter duration_into(Millis& to) {
  return [&to](const Document& from) -> Result<> {
    Result<Millis> duration = parse_duration(from.text);
    if (!duration) return fail(ErrorKind::bad_data, "expected a duration such as 10s or 1h30m");
    if (duration.value() <= Millis{0}) return fail(ErrorKind::bad_data, "expected a duration above zero");
    to = duration.value();
    return ok();
  };
}

Setter flag_into(bool& to) {
  return [&to](const Document& from) -> Result<> {
    const bool* flag = from.value.as_bool();
    if (!flag) return fail(ErrorKind::bad_data, "expected true or false");
    to = *flag;
    return ok();
  };
}

Setter number_into(int& to, int most) {
  return [&to, most](const Document& from) -> Result<> {
    const std::int64_t* number = from.value.as_int();
    if (!number || *number < 1 || *number > most) {
      return fail(ErrorKind::bad_data, "expected a number from 1 to " + std::to_string(most));
    }
    to = static_cast<int>(*number);
    return ok();
  };
}

Setter level_into(LogLevel& to) {
  return [&to](const Document& from) -> Result<> {
    TRY(to, parse_log_level(from.text));
    return ok();
  };
}

std::map<std::string, Setter> setters(Config& config) {
  return {{"data", text_into(config.data)},
          {"secrets_key", text_into(config.secrets_key)},
          {"agents", text_into(config.agents)},
          {"clients", text_into(config.clients)},
          {"events", text_into(config.events)},
          {"http", text_into(config.http)},
          {"address", text_into(config.address)},
          {"open_writes", flag_into(config.open_writes)},
          {"inventory_url", text_into(config.inventory_url)},
          {"heartbeat", duration_into(config.settings.heartbeat)},
          {"greetings_per_second", number_into(config.greetings_per_second, 100'000)},
          {"agent_wait", duration_into(config.settings.agent_wait)},
          {"step_time_limit", duration_into(config.settings.step_time_limit)},
          {"log_level", level_into(config.log_level)}};
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
  Result<Document> document = plan::parse_document(text);
  if (!document) {
    return fail(ErrorKind::bad_configuration, std::string(file) + ": " + describe(document.error()),
                document.error().hint);
  }
  Config config;
  const Document& root = document.value();
  if (root.kind == Document::Kind::scalar && root.value.is_null()) return config;
  if (root.kind != Document::Kind::map)
    return fail(wrong(file, root.line, "expected settings such as 'data: /var/lib/escape'"));
  const std::map<std::string, Setter> known = setters(config);
  for (const auto& [key, value] : root.members) {
    auto setter = known.find(key);
    if (setter == known.end()) {
      std::vector<std::string> names;
      for (const auto& [name, unused] : known) names.push_back(name);
      const std::string close = nearest(key, names);
      return fail(wrong(file, value.line, "'" + key + "' is not a setting",
                        close.empty() ? "Settings are: " + join(names, ", ") + "." : "Did you mean '" + close + "'?"));
    }
    if (Result<> set = setter->second(value); !set) {
      return fail(wrong(file, value.line, "'" + key + "': " + describe(set.error()), set.error().hint));
    }
  }
  return config;
}

Result<ServerOptions> to_options(const Config& config) {
  ServerOptions options;
  options.data_folder = config.data;
  options.secrets_key = config.secrets_key;
  const auto endpoint = [](std::string_view setting, const std::string& text, int port) -> Result<std::string> {
    Result<std::string> made = transport::tcp_endpoint(text, port);
    // It would be looked up as a host, and found nowhere.
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
      return fail(ErrorKind::bad_configuration,
                  "The setting '" + std::string(setting) + "': '" + text + "' is a number, not an address.",
                  "Write the address to listen on with its port, such as 0.0.0.0:" + std::to_string(port) + ".");
    }
    if (made) return made;
    return fail(ErrorKind::bad_configuration, "The setting '" + std::string(setting) + "': " + describe(made.error()),
                made.error().hint);
  };
  TRY(std::string agents, endpoint("agents", config.agents, 7771));
  TRY(std::string clients, endpoint("clients", config.clients, 7772));
  TRY(options.events_endpoint, endpoint("events", config.events, 7773));
  TRY(std::string http, endpoint("http", config.http, 7770));
  options.agent_endpoints = {std::move(agents)};
  options.client_endpoints = {std::move(clients)};
  const std::size_t colon = http.rfind(':');
  std::string host = http.substr(6, colon - 6);
  if (host.starts_with("[")) host = host.substr(1, host.size() - 2);
  if (host == "*") host = "0.0.0.0";
  const std::string port = http.substr(colon + 1);
  options.http = ServerOptions::Http{std::move(host), port == "*" ? 0 : std::stoi(port), config.open_writes};
  options.settings = config.settings;
  options.admission.per_second = options.admission.at_once = config.greetings_per_second;
  options.settings.inventory_url = config.inventory_url;
  return options;
}

}  // namespace escape::controller
