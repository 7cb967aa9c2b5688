#include "shared/base/sha256.h"

#include <sodium.h>

#include "shared/base/text.h"

namespace escape {

std::string sha256_hex(std::string_view text) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  return to_hex(hash);
}

}  // namespace escape
