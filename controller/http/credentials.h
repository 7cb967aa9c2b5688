#pragma once

#include <string>
#include <vector>

#include "controller/http/server.h"

namespace escape::http {

/// Who may publish to a standalone inventory, as its two files say.
struct Credential {
  std::string name;
  std::string secret;  ///< token or password
};

/// One "TOKEN" or "NAME TOKEN" a line; empty lines and lines that begin with '#' are left out. Error: bad_configuration
/// naming the line, or for a file without any.
Result<std::vector<Credential>> parse_tokens(std::string_view text);
/// One "USER:PASSWORD" a line; the password may hold colons.
Result<std::vector<Credential>> parse_passwords(std::string_view text);

Authorize authorize_tokens(std::vector<Credential> tokens);
Authorize authorize_passwords(std::vector<Credential> passwords);

}  // namespace escape::http
