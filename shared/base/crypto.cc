#include "shared/base/crypto.h"

#include <fmt/core.h>
#include <sodium.h>

#include "shared/base/check.h"
#include "shared/base/text.h"

namespace escape {
namespace {

constexpr std::size_t key_size = crypto_box_SECRETKEYBYTES;
constexpr int base64_variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

void start_sodium() {
  static const int started = sodium_init();  // 1 when somebody else (libzmq) came first
  CHECK(started >= 0);
}

unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

KeyPair make_key_pair() {
  start_sodium();
  KeyPair pair{std::string(key_size, '\0'), std::string(key_size, '\0')};
  crypto_box_keypair(raw(pair.public_key), raw(pair.secret_key));
  return pair;
}

KeyPair key_pair_from_seed(std::string_view seed32) {
  CHECK(seed32.size() == crypto_box_SEEDBYTES);
  start_sodium();
  KeyPair pair{std::string(key_size, '\0'), std::string(key_size, '\0')};
  crypto_box_seed_keypair(raw(pair.public_key), raw(pair.secret_key), raw(seed32));
  return pair;
}

std::string random_bytes(std::size_t count) {
  start_sodium();
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::string random_hex(std::size_t bytes) { return to_hex(random_bytes(bytes)); }

std::string digest_of(std::string_view bytes) {
  start_sodium();
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(raw(hash), hash.size(), raw(bytes), bytes.size(), nullptr, 0);
  return to_hex(hash);
}

std::string fingerprint(std::string_view public_key) {
  const std::string hex = digest_of(public_key);
  return fmt::format("{:.4}-{:.4}-{:.4}-{:.4}", hex, hex.substr(4), hex.substr(8), hex.substr(12));
}

std::string to_base64url(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), base64_variant), '\0');
  sodium_bin2base64(text.data(), text.size(), raw(bytes), bytes.size(), base64_variant);
  text.pop_back();  // libsodium's closing zero byte
  return text;
}

Result<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  // Without an end pointer libsodium itself refuses whatever follows the text.
  if (sodium_base642bin(raw(bytes), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr, base64_variant) !=
      0) {
    return fail(ErrorKind::bad_data, "the text is not base64 (URL alphabet, without padding)",
                "Check that it was copied whole.");
  }
  bytes.resize(size);
  return bytes;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace escape
