#pragma once

#include <string>

#include "shared/base/result.h"

namespace escape::protocol {

/// A one-time invitation as people pass it on: "ESC1-" + base64url of a version byte (1), the 32-byte seed, the
/// controller's 32-byte public key, its "host:port" and four check bytes (FNV-1a of all before, big-endian) that show a
/// token copied in part. The seed gives the CURVE key pair (`key_pair_from_seed`) under which Join or Enrol is sent;
/// the controller knows only that pair's public half, so a token is never sent and a stolen store holds none.
struct InvitationToken {
  std::string seed;
  std::string controller_key;
  std::string address;  ///< "host:port" of the socket to join at (agents' or clients')
  friend bool operator==(const InvitationToken&, const InvitationToken&) = default;
};
std::string to_text(const InvitationToken& token);
/// Blanks around it are fine. Error: usage "That is not an invitation token …".
Result<InvitationToken> parse_token(std::string_view text);

}  // namespace escape::protocol
