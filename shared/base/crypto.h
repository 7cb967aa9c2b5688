#pragma once

#include <array>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape {

/// An X25519 key pair as CURVE uses it: 32 raw bytes each.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

/// Fresh key pair from the system's random source.
KeyPair make_key_pair();
/// The key pair that belongs to a 32-byte seed: both sides of an invitation derive it, so the seed itself never
/// travels.
KeyPair key_pair_from_seed(std::string_view seed32);
std::string random_bytes(std::size_t count);
/// Lower-case hex of `bytes` random bytes: ids and one-time tokens.
std::string random_hex(std::size_t bytes);
/// "a1b2-c3d4-e5f6-0718": first 8 bytes of a keyless BLAKE2b of the public key, for people to compare.
std::string fingerprint(std::string_view public_key);
/// 64 lower-case hex digits of a keyless BLAKE2b.
std::string digest_of(std::string_view bytes);
/// Base64 without padding in the URL alphabet, for tokens and key files.
std::string to_base64url(std::string_view bytes);
Result<std::string> from_base64url(std::string_view text);
/// Compares in time that depends on the length only.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace escape
