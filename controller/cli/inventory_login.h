#pragma once

#include <string>

#include "controller/cli/console.h"
#include "controller/cli/wiring.h"

namespace escape::cli {

/// What was asked for on the command line; empty fields are asked for when a method needs them.
struct InventoryLogin {
  std::string url;  ///< http or https, without a final slash
  std::string user{}, password{};
  std::string method{};  ///< a method's name, or else its type
  bool insecure_skip_verify = false;
};

/// What a profile needs from now on to be let in; all empty when the inventory wants nothing.
struct Credentials {
  std::string token{};
  std::string user{}, password{};
};

/// Without the final slashes. Error: usage for what is no http or https address, or holds a password.
Result<std::string> checked_inventory_url(std::string url);

/// Logs in to an inventory, ours or the original's, in the way it offers (spec/cli.md §5): none, Basic, a secret for a
/// token, a browser. Asks on `console`; no secret is ever shown.
///
/// Errors: unreachable; refused (wrong password, a method that we don't know, a password that would leave https);
/// timed_out when nobody logged in in the browser; usage when the input ends before a question is answered; bad_data
/// for answers that are not an inventory's.
Result<Credentials> log_in(const InventoryLogin& login, Console& console, const Web& web);

}  // namespace escape::cli
