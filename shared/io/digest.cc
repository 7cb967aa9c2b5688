#include "shared/io/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::io {
namespace {

// Large enough that reading costs nothing beside hashing.
constexpr std::size_t read_piece = 256 << 10;

class Hash {
 public:
  explicit Hash(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1);
  }
  void update(std::string_view bytes) { CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }
  std::string finish() {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
    digest.resize(size);
    return to_hex(digest);
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

Result<std::string> digest_of_file(const std::string& path, const EVP_MD* algorithm) {
  TRY(const Fd file, open_file(path, O_RDONLY));
  Hash hash(algorithm);
  std::string buffer(read_piece, '\0');
  for (;;) {
    TRY(const std::size_t count, read_some(file, buffer.data(), buffer.size(), path));
    if (count == 0) return hash.finish();
    hash.update(std::string_view(buffer).substr(0, count));
  }
}

}  // namespace

struct Sha256::Impl {
  Hash hash{EVP_sha256()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::string_view bytes) { impl_->hash.update(bytes); }
std::string Sha256::finish() { return impl_->hash.finish(); }

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<std::string> sha256_of_file(const std::string& path) { return digest_of_file(path, EVP_sha256()); }
Result<std::string> md5_of_file(const std::string& path) { return digest_of_file(path, EVP_md5()); }

}  // namespace escape::io
