#include "controller/http/credentials.h"

#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape::http {
namespace {

/// Calls `parse` with each line that says something.
template <class Parse>
Result<std::vector<Credential>> parse_lines(std::string_view text, std::string_view expected, Parse parse) {
  std::vector<Credential> credentials;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view said = trimmed(line);
    if (said.empty() || said.starts_with('#')) continue;
    Credential credential = parse(said);
    if (credential.name.empty() || credential.secret.empty()) {
      return fail(ErrorKind::bad_configuration,
                  "line " + std::to_string(number) + ": expected " + std::string(expected));
    }
    credentials.push_back(std::move(credential));
  }
  if (!credentials.empty()) return credentials;
  return fail(ErrorKind::bad_configuration, "there is no line that says " + std::string(expected));
}

}  // namespace

Result<std::vector<Credential>> parse_tokens(std::string_view text) {
  return parse_lines(text, "'TOKEN' or 'NAME TOKEN'", [](std::string_view line) {
    const std::size_t blank = line.find_first_of(" \t");
    if (blank == std::string_view::npos) return Credential{"token", std::string(line)};
    return Credential{std::string(line.substr(0, blank)), std::string(trimmed(line.substr(blank)))};
  });
}

Result<std::vector<Credential>> parse_passwords(std::string_view text) {
  return parse_lines(text, "'USER:PASSWORD'", [](std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Credential{};
    return Credential{std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))};
  });
}

Authorize authorize_tokens(std::vector<Credential> tokens) {
  return
      [tokens = std::move(tokens)](std::string_view token, std::string_view, std::string_view) -> Result<std::string> {
        for (const Credential& known : tokens) {
          if (equal_constant_time(known.secret, token)) return known.name;
        }
        return fail(ErrorKind::no_permission, "The token is not known");
      };
}

Authorize authorize_passwords(std::vector<Credential> passwords) {
  return [passwords = std::move(passwords)](std::string_view, std::string_view user,
                                            std::string_view password) -> Result<std::string> {
    for (const Credential& known : passwords) {
      if (known.name == user && equal_constant_time(known.secret, password)) return known.name;
    }
    return fail(ErrorKind::no_permission, "The user name or password is not known");
  };
}

}  // namespace escape::http
