#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

/// Values that nobody may read on a disk: sealed there, with a key that lies in a file of its own.
///
/// XChaCha20-Poly1305 (libsodium) with a random nonce. A sealed value is bound to its context, the place where it
/// lies ("jobs 6a00… inputs"): moved anywhere else it does not open. Disk constant:
///
///     c1 01        no msgpack and no UTF-8 text begins like this
///     8 bytes      id of the key
///     24 bytes     nonce
///     the rest     ciphertext, 16 bytes longer than the value
namespace escape {

/// The keys of one key file. The first seals; all of them open, so that a key can be replaced while values under the
/// one before are still there. Thread: any, once it is made.
class SealKeys {
 public:
  static constexpr std::size_t key_bytes = 32;
  static constexpr std::size_t id_bytes = 8;
  /// More is no key file.
  static constexpr std::size_t max_keys = 32;

  /// None: nothing opens, and nothing may be sealed.
  SealKeys() = default;
  /// One fresh key.
  static SealKeys make();
  /// A key file: 32 bytes in base64url a line. bad_data naming the line; an empty file is one, too.
  static Result<SealKeys> parse(std::string_view text);
  /// What `parse` reads.
  std::string to_text() const;

  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }
  /// 8 bytes of a hash of the key, which tell nothing of it; for people they are written in hex.
  const std::string& first_id() const;
  bool has(std::string_view id) const;
  /// The same keys behind a fresh one.
  SealKeys with_fresh_key() const;

  /// Never call it without a key.
  std::string seal(std::string_view value, std::string_view context) const;
  /// Errors: bad_configuration when the key is not among these; bad_data when a byte was changed or it was sealed for
  /// another context.
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

 private:
  struct Key {
    std::string id;
    std::string bytes;
  };
  std::vector<Key> keys_;
};

bool is_sealed(std::string_view bytes);
/// The id of the key that it was sealed with; empty when it is not sealed.
std::string_view seal_id_of(std::string_view sealed);

}  // namespace escape
