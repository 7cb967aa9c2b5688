#include "controller/cli/profile.h"

#include <sys/stat.h>

#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::cli {

bool Profile::uses_server_inventory() const {
  if (inventory_type == "local") return false;
  return !api_server.empty();
}

Result<KeyPair> load_key_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    return fail(ErrorKind::no_permission, "Others may read the key file '" + path + "'.",
                "Run `chmod 600 " + path + "`, or log in again to get a new key.");
  }
  TRY(const std::string text, io::read_file(path, 4096));
  const std::vector<std::string> lines = split(text, '\n');
  KeyPair keys;
  if (lines.size() >= 2) keys = {from_hex(trimmed(lines[0])), from_hex(trimmed(lines[1]))};
  if (keys.public_key.size() != 32 || keys.secret_key.size() != 32) {
    return fail(ErrorKind::bad_configuration, "The key file '" + path + "' does not hold a key pair.",
                "Log in again: escape login --token TOKEN");
  }
  return keys;
}

Result<> save_key_file(const std::string& path, const KeyPair& keys) {
  TRYV(io::make_folders(io::parent_path(path), 0700));
  return io::write_file(path, to_hex(keys.public_key) + "\n" + to_hex(keys.secret_key) + "\n", 0600);
}

}  // namespace escape::cli
