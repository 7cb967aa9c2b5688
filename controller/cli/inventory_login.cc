#include "controller/cli/inventory_login.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>

#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::cli {
namespace {

constexpr std::uint64_t longest_answer = 1 << 20;
/// What a token may be: it goes into a header of every request.
constexpr std::size_t longest_token = 16 << 10;

/// How often a browser's login is asked after, and for how long before each time: about a minute and a half.
constexpr int polls = 25;
Millis pause_before_poll(int tries) { return Millis{tries < 5 ? 1'000 : tries < 10 ? 2'000 : 4'000}; }

struct Method {
  std::string name;
  std::string type;
  std::string url;
  std::string redeem_url;
  std::string redeem_token;
};

std::string_view header(const io::HttpResponse& response, std::string_view lower_case_name) {
  for (const auto& [name, value] : response.headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

std::string query_value(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-_.~").find(c) != text.npos;
    encoded += is_plain ? std::string(1, c) : "%" + to_hex(std::string_view(&c, 1));
  }
  return encoded;
}

bool is_web_address(std::string_view url) { return url.starts_with("http://") || url.starts_with("https://"); }

Error unexpected_status(const std::string& what, int status) {
  return {status >= 500 ? ErrorKind::temporary : ErrorKind::bad_data,
          what + ": the server answered with status code " + std::to_string(status) + ".",
          status >= 500 ? "Try again; if it stays so, ask whoever runs the inventory." : "Check the address."};
}

Error wrong_password() {
  return {ErrorKind::refused, "The username or password was incorrect.", "Nothing was changed in your profile."};
}

/// One login, from the methods that there are to what they give.
class Conversation {
 public:
  Conversation(const InventoryLogin& login, Console& console, const Web& web)
      : login_(login), console_(console), web_(web), user_(login.user), password_(login.password) {}

  /// 1. Ask which methods there are; 404: none is needed. 2. Take the one that was asked for, the only one, or the one
  /// that is chosen. 3. Go through it.
  Result<Credentials> run() {
    TRY(const auto methods, ask_methods());
    if (!methods) {
      tell("Authentication not required.\n\n");
      return Credentials{};
    }
    TRY(const Method method, choose(*methods));
    if (method.type == "secret-token") return with_secret(method);
    if (method.type == "oauth") return with_browser(method);
    if (method.type == "basic-auth") return with_basic(method);
    return fail(ErrorKind::refused, "The authentication method '" + method.type + "' is not supported by this client.",
                methods->size() > 1 ? "Choose another one with --auth-method." : "");
  }

 private:
  using Methods = std::map<std::string, Method>;

  void tell(const std::string& text) { console_.err(text); }

  Result<io::HttpResponse> send(io::HttpRequest request, const std::string& what) const {
    request.insecure_skip_verify = login_.insecure_skip_verify;
    request.max_response = longest_answer;
    Result<io::HttpResponse> response = web_.send(request);
    if (response) return response;
    return fail(std::move(response).error().in(what).hinted("Check the address, and that the inventory is running."));
  }

  /// Nothing: no login is needed.
  Result<std::optional<Methods>> ask_methods() const {
    const std::string what = "Couldn't ask '" + login_.url + "' how to log in";
    TRY(const io::HttpResponse response, send({.url = login_.url + "/api/v1/auth/login-methods"}, what));
    switch (response.status) {
      case 404:
        return std::optional<Methods>();
      case 401:
        if (!header(response, "www-authenticate").starts_with("Basic realm")) {
          return fail(ErrorKind::refused,
                      "The inventory at '" + login_.url + "' wants a login that this client does not know.");
        }
        return std::optional(
            Methods{{"Basic Authentication", {"Basic Authentication", "basic-auth", login_.url, {}, {}}}});
      case 200:
        return read_methods(response.body, what);
      default:
        return fail(unexpected_status(what, response.status));
    }
  }

  static Result<std::optional<Methods>> read_methods(const std::string& body, const std::string& what) {
    const Error not_understood{ErrorKind::bad_data, what + ": the answer is not that of an inventory.",
                               "Check the address."};
    Result<Value> value = codec::from_json(body);
    if (!value || !value.value().as_object()) return fail(not_understood);
    Methods methods;
    for (const auto& [name, fields] : *value.value().as_object()) {
      const Value::Object* object = fields.as_object();
      if (!object) return fail(not_understood);
      Method method{.name = name, .type = {}, .url = {}, .redeem_url = {}, .redeem_token = {}};
      for (const auto& [key, to] :
           {std::pair{"type", &method.type}, std::pair{"url", &method.url}, std::pair{"redeem-url", &method.redeem_url},
            std::pair{"redeem-token", &method.redeem_token}}) {
        const Value* field = object->find(key);
        if (!field || field->is_null()) continue;
        if (!field->as_string()) return fail(not_understood);
        *to = *field->as_string();
      }
      methods.emplace(name, std::move(method));
    }
    if (methods.empty()) return fail(not_understood);
    return std::optional(std::move(methods));
  }

  Result<Method> choose(const Methods& methods) {
    if (!login_.method.empty()) return find(methods, login_.method);
    if (const auto service = methods.find("service-account"); !user_.empty() && service != methods.end()) {
      Method method = service->second;
      method.type = "secret-token";
      return method;
    }
    if (methods.size() == 1) {
      tell("Using only authentication method available '" + methods.begin()->first + "'\n");
      return methods.begin()->second;
    }
    return let_choose(methods);
  }

  static Result<Method> find(const Methods& methods, const std::string& wanted) {
    if (const auto named = methods.find(wanted); named != methods.end()) return named->second;
    std::vector<std::string> known;
    for (const auto& [name, method] : methods) {
      if (method.type == wanted) return method;
      known.push_back(name + " [" + method.type + "]");
    }
    return fail(ErrorKind::usage, "The inventory offers no authentication method '" + wanted + "'.",
                "It offers: " + join(known, ", ") + ".");
  }

  Result<Method> let_choose(const Methods& methods) {
    std::string menu = "Available authentication methods:\n\n";
    std::vector<const Method*> numbered;
    for (const auto& [name, method] : methods) {
      numbered.push_back(&method);
      menu += " " + std::to_string(numbered.size()) + ". " + name + " [" + method.type + "]\n";
    }
    console_.out(menu + "\n");
    while (true) {
      console_.out("Please select an authentication method (1-" + std::to_string(numbered.size()) + "): ");
      const std::optional<std::string> line = console_.read_line();
      if (!line) {
        console_.out("\n");
        return fail(ErrorKind::usage, "No authentication method was chosen: the input ended.",
                    "Choose one with --auth-method NAME.");
      }
      const std::string_view text = trimmed(*line);
      std::size_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        console_.out("Not a number.\n");
      } else if (error != std::errc{} || number < 1 || number > numbered.size()) {
        console_.out("Number out of range.\n");
      } else {
        return *numbered[number - 1];
      }
    }
  }

  Result<> ask_for_user_and_password() {
    if (user_.empty()) {
      console_.out("Username: ");
      TRY(user_, answered(console_.read_line(), "username", "-u"));
    }
    if (password_.empty()) {
      console_.out("Password: ");
      TRY(password_, answered(console_.read_secret(), "password", "-p"));
    }
    return ok();
  }

  Result<std::string> answered(std::optional<std::string> line, const std::string& what, const std::string& flag) {
    if (line && !line->empty()) return std::move(*line);
    if (!line) console_.out("\n");
    return fail(ErrorKind::usage, "Missing " + what + (line ? "." : ": the input ended."),
                "Give it with " + flag + ".");
  }

  /// Where a method sends people and their secrets is the server's word: it must be the web, and not less private than
  /// the server itself.
  Result<> check_address(const Method& method, const std::string& url) const {
    if (!is_web_address(url)) {
      return fail(ErrorKind::bad_data,
                  "The authentication method '" + method.name + "' names no usable address ('" + url + "').");
    }
    if (login_.url.starts_with("https://") && !url.starts_with("https://")) {
      return fail(ErrorKind::refused,
                  "The authentication method '" + method.name + "' would send your secret in clear to '" + url + "'.");
    }
    return ok();
  }

  static Result<std::string> checked_token(std::string_view text) {
    const std::string_view token = trimmed(text);
    const bool is_plain = std::ranges::all_of(token, [](unsigned char c) { return c > ' ' && c < 0x7F; });
    if (token.empty() || token.size() > longest_token || !is_plain) {
      return fail(ErrorKind::bad_data, "The server gave no usable authentication token.",
                  "Ask whoever runs the inventory.");
    }
    return std::string(token);
  }

  Result<Credentials> with_secret(const Method& method) {
    TRYV(check_address(method, method.url));
    tell("Logging in using username and password combination.\n");
    TRYV(ask_for_user_and_password());
    io::HttpRequest request{.method = "POST", .url = method.url, .headers = {{"Content-Type", "application/json"}}};
    request.body = codec::to_json(Value::Object{{"username", user_}, {"secret_token", password_}});
    const std::string what = "Couldn't log in at '" + method.url + "'";
    TRY(const io::HttpResponse response, send(std::move(request), what));
    if (response.status == 401 || response.status == 403) return fail(wrong_password());
    if (response.status != 200) return fail(unexpected_status(what, response.status));
    Credentials credentials;
    TRY(credentials.token, checked_token(header(response, "x-escape-token")));
    return credentials;
  }

  Result<Credentials> with_basic(const Method& method) {
    TRYV(check_address(method, method.url));
    tell("Logging in using Basic Authentication against " + method.url + "\n");
    TRYV(ask_for_user_and_password());
    const std::string what = "Couldn't log in at '" + method.url + "'";
    TRY(const io::HttpResponse response, send({.url = method.url, .user = user_, .password = password_}, what));
    if (response.status == 401 || response.status == 403) return fail(wrong_password());
    if (response.status != 200) return fail(unexpected_status(what, response.status));
    return Credentials{{}, user_, password_};
  }

  Result<Credentials> with_browser(const Method& method) {
    TRYV(check_address(method, method.url));
    TRYV(check_address(method, method.redeem_url));
    tell("Logging in using OAuth2 provider.\n");
    if (Result<> opened = web_.open_browser(method.url); !opened) {
      tell("Couldn't open a browser: " + describe(opened.error()) + "\n");
    }
    tell("Log in at " + method.url + " in a browser; this command waits for it.\n");
    const std::string redeem = method.redeem_url + (method.redeem_url.find('?') == std::string::npos ? "?" : "&") +
                               "redeem-token=" + query_value(method.redeem_token);
    for (int tries = 0; tries < polls; ++tries) {
      web_.pause(pause_before_poll(tries));
      TRY(const io::HttpResponse response, send({.url = redeem}, "Couldn't retrieve token from server"));
      if (response.status == 404) continue;  // not yet
      if (response.status != 200) {
        return fail(ErrorKind::bad_data,
                    "Couldn't retrieve token from server. Got status code " + std::to_string(response.status));
      }
      Credentials credentials;
      TRY(credentials.token, checked_token(response.body));
      return credentials;
    }
    return fail(ErrorKind::timed_out,
                "Couldn't retrieve token from server: nobody logged in at the browser within " + std::to_string(polls) +
                    " tries.",
                "Run the command again, and log in at " + method.url + " while it waits.");
  }

  const InventoryLogin& login_;
  Console& console_;
  const Web& web_;
  std::string user_;
  std::string password_;
};

}  // namespace

Result<std::string> checked_inventory_url(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const std::size_t host = url.find("://") + 3;
  if (!is_web_address(url) || url.size() == host) {
    return fail(ErrorKind::usage, "'" + url + "' is not the address of an inventory.",
                "It begins with http:// or https://, as in --url https://inventory.example.org");
  }
  const std::size_t end = std::min(url.find('/', host), url.size());
  if (url.substr(host, end - host).find('@') != std::string::npos) {
    return fail(ErrorKind::usage, "The address of the inventory holds a user or a password.",
                "Give them with -u and -p, or let the command ask.");
  }
  return url;
}

Result<Credentials> log_in(const InventoryLogin& login, Console& console, const Web& web) {
  return Conversation(login, console, web).run();
}

}  // namespace escape::cli
