#include "shared/io/key_file.h"

#include "shared/io/files.h"

namespace escape::io {
namespace {

constexpr std::uint64_t max_file_bytes = 16 << 10;

}  // namespace

Result<SealKeys> read_key_file(const std::string& path) {
  TRY(const std::string text, read_file(path, max_file_bytes));
  Result<SealKeys> keys = SealKeys::parse(text);
  if (keys) return keys;
  return fail(ErrorKind::bad_data, "The key file '" + path + "' cannot be used: " + keys.error().message,
              "Bring the file back from where you keep a copy of it.");
}

Result<> write_key_file(const std::string& path, const SealKeys& keys) {
  TRYV(make_folders(parent_path(path), 0700));
  return write_file(path, keys.to_text(), 0600);
}

}  // namespace escape::io
