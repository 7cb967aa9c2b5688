#include "protocol/session/token.h"

#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape::protocol {
namespace {

constexpr std::string_view token_prefix = "ESC1-";
constexpr char token_version = 1;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t check_bytes = 4;
constexpr std::size_t shortest_address = 3;  // "a:1"
constexpr std::size_t longest_address = 300;

/// FNV-1a, 32 bits: shows accidents, protects from nobody.
std::string check_of(std::string_view bytes) {
  std::uint32_t hash = 2166136261u;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619u;
  std::string check;
  for (int shift = 24; shift >= 0; shift -= 8) check.push_back(static_cast<char>(hash >> shift & 0xff));
  return check;
}

bool is_address(std::string_view text) {
  if (text.size() < shortest_address || text.size() > longest_address) return false;
  for (const char c : text)
    if (c <= ' ' || c > '~') return false;
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size();
}

auto not_a_token(std::string why) {
  return fail(ErrorKind::usage, "That is not an invitation token: " + std::move(why) + ".",
              "Copy it whole, from 'ESC1-' to the end, or ask for a new one (`escape agents invite` for a host, "
              "`escape principals invite` for a person).");
}

}  // namespace

std::string to_text(const InvitationToken& token) {
  std::string bytes = token_version + token.seed + token.controller_key + token.address;
  bytes += check_of(bytes);
  return std::string(token_prefix) + to_base64url(bytes);
}

Result<InvitationToken> parse_token(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with(token_prefix)) return not_a_token("it does not begin with 'ESC1-'");
  constexpr std::size_t longest = 1024;
  if (text.size() > longest) return not_a_token("it is too long");
  const Result<std::string> decoded = from_base64url(text.substr(token_prefix.size()));
  if (!decoded) return not_a_token("it has characters that no token has");
  const std::string_view bytes = decoded.value();
  if (bytes.size() < 1 + 2 * key_bytes + shortest_address + check_bytes) return not_a_token("it is too short");
  const std::string_view content = bytes.substr(0, bytes.size() - check_bytes);
  if (bytes.substr(content.size()) != check_of(content)) return not_a_token("a part of it is missing or changed");
  if (content[0] != token_version) return not_a_token("it was made by another version of Escape");
  const std::string_view address = content.substr(1 + 2 * key_bytes);
  if (!is_address(address)) return not_a_token("it names no address");
  return InvitationToken{std::string(content.substr(1, key_bytes)),
                         std::string(content.substr(1 + key_bytes, key_bytes)), std::string(address)};
}

}  // namespace escape::protocol
