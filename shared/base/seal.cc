#include "shared/base/seal.h"

#include <sodium.h>

#include <algorithm>

#include "shared/base/check.h"
#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape {
namespace {

constexpr std::string_view mark = "\xC1\x01";
constexpr std::size_t header_bytes = mark.size() + SealKeys::id_bytes;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(SealKeys::key_bytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(SealKeys::id_bytes <= crypto_generichash_BYTES);

unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

/// The purpose is in the hash, so that it is no other hash of the same key.
std::string id_of(std::string_view key) {
  constexpr std::string_view purpose = "escape seal key id";
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(raw(hash), hash.size(), raw(purpose), purpose.size(), raw(key), key.size());
  return hash.substr(0, SealKeys::id_bytes);
}

Error damaged() { return {ErrorKind::bad_data, "it is damaged, or was sealed for another place", {}, {}}; }

}  // namespace

SealKeys SealKeys::make() { return SealKeys().with_fresh_key(); }

SealKeys SealKeys::with_fresh_key() const {
  SealKeys all;
  std::string key = random_bytes(key_bytes);
  all.keys_.push_back({id_of(key), std::move(key)});
  all.keys_.insert(all.keys_.end(), keys_.begin(), keys_.end());
  return all;
}

Result<SealKeys> SealKeys::parse(std::string_view text) {
  SealKeys all;
  std::size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (trimmed(line).empty()) continue;
    Result<std::string> key = from_base64url(trimmed(line));
    if (!key || key.value().size() != key_bytes) {
      return fail(ErrorKind::bad_data, "line " + std::to_string(number) + " is not a key (32 bytes in base64url)");
    }
    if (all.keys_.size() == max_keys) {
      return fail(ErrorKind::bad_data, "it holds more than " + std::to_string(max_keys) + " keys");
    }
    all.keys_.push_back({id_of(key.value()), key.value()});
  }
  if (all.empty()) return fail(ErrorKind::bad_data, "there is no key in it");
  return all;
}

std::string SealKeys::to_text() const {
  std::string text;
  for (const Key& key : keys_) text += to_base64url(key.bytes) + "\n";
  return text;
}

const std::string& SealKeys::first_id() const {
  CHECK(!keys_.empty());
  return keys_.front().id;
}

bool SealKeys::has(std::string_view id) const {
  return std::ranges::any_of(keys_, [&](const Key& key) { return key.id == id; });
}

std::string SealKeys::seal(std::string_view value, std::string_view context) const {
  CHECK(!keys_.empty());
  const Key& key = keys_.front();
  const std::string nonce = random_bytes(nonce_bytes);
  std::string sealed = std::string(mark) + key.id;
  const std::string bound = sealed + std::string(context);
  sealed += nonce;
  const std::size_t at = sealed.size();
  sealed.resize(at + value.size() + tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(sealed) + at, nullptr, raw(value), value.size(), raw(bound),
                                             bound.size(), nullptr, raw(nonce), raw(key.bytes));
  return sealed;
}

Result<std::string> SealKeys::open(std::string_view sealed, std::string_view context) const {
  if (!is_sealed(sealed)) return fail(damaged());
  const std::string_view id = seal_id_of(sealed);
  const auto key = std::ranges::find_if(keys_, [&](const Key& one) { return one.id == id; });
  if (key == keys_.end()) {
    return fail(ErrorKind::bad_configuration,
                "it was sealed with the key " + to_hex(id) + ", which is not among the keys here");
  }
  const std::string bound = std::string(sealed.substr(0, header_bytes)) + std::string(context);
  const std::string_view nonce = sealed.substr(header_bytes, nonce_bytes);
  const std::string_view cipher = sealed.substr(header_bytes + nonce_bytes);
  std::string value(cipher.size() - tag_bytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(raw(value), nullptr, nullptr, raw(cipher), cipher.size(), raw(bound),
                                                 bound.size(), raw(nonce), raw(key->bytes)) != 0) {
    return fail(damaged());
  }
  return value;
}

bool is_sealed(std::string_view bytes) {
  return bytes.starts_with(mark) && bytes.size() >= header_bytes + nonce_bytes + tag_bytes;
}

std::string_view seal_id_of(std::string_view sealed) {
  return is_sealed(sealed) ? sealed.substr(mark.size(), SealKeys::id_bytes) : std::string_view();
}

}  // namespace escape
