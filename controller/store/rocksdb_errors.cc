#include "controller/store/rocksdb_errors.h"

namespace escape::store {
namespace {

/// RocksDB has no code of its own for it: its Env says "lock hold by current process" or "While lock file".
bool is_lock_held(const rocksdb::Status& status, const std::string& text) {
  return status.IsIOError() &&
         (text.find("lock hold by current process") != std::string::npos ||
          text.find("While lock file") != std::string::npos) &&
         text.find("Permission denied") == std::string::npos;
}

}  // namespace

Error to_error(const rocksdb::Status& status, const std::string& action, const std::string& folder) {
  const std::string text = status.ToString();
  const std::string what = "Cannot " + action + " in '" + folder + "': ";
  if (status.IsNoSpace() || text.find("No space left on device") != std::string::npos) {
    return {ErrorKind::storage, what + "the disk is full",
            "Free some space, then start again: what was confirmed is kept."};
  }
  if (is_lock_held(status, text)) {
    return {ErrorKind::conflict, what + "another process has it open",
            "Wait until it has finished, or stop it. Only one process may write to this folder."};
  }
  if (text.find("Permission denied") != std::string::npos) {
    return {ErrorKind::no_permission, what + "permission denied", "Run as the user who owns the folder."};
  }
  if (status.IsCorruption()) {
    return {ErrorKind::storage, what + "it is damaged (" + text + ")", "Restore the folder from a backup."};
  }
  return {ErrorKind::storage, what + text, {}};
}

}  // namespace escape::store
