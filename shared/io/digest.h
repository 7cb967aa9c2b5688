#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace escape::io {

/// SHA-256 piece by piece (OpenSSL EVP). Lower-case hex.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  /// Once; the object is spent afterwards.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
std::string sha256_of(std::string_view bytes);
Result<std::string> sha256_of_file(const std::string& path);
/// For the `files` map of release.json only; says nothing about integrity.
Result<std::string> md5_of_file(const std::string& path);

}  // namespace escape::io
