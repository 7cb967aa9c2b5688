#include "controller/app/reseal.h"

#include <unistd.h>

#include "controller/store/keys.h"
#include "controller/store/secrets.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/key_file.h"

namespace escape::controller {
namespace {

Result<io::FileLock> lock_stopped(const std::string& data_folder) {
  if (!io::exists(io::join_path(data_folder, "db/CURRENT"))) {
    return fail(ErrorKind::not_found, "There is no controller's data in '" + data_folder + "'",
                "Name the folder with --data, or the settings with --config.");
  }
  const std::string path = io::join_path(data_folder, "lock");
  Result<io::FileLock> lock = io::FileLock::try_exclusive(path);
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    return fail(ErrorKind::conflict, "The data folder '" + data_folder + "' is in use by " + io::FileLock::holder(path),
                "Stop that program first: it would go on with the key that it has read.");
  }
  if (lock) lock.value().describe("pid " + std::to_string(::getpid()) + ": escape-controller reseal");
  return lock;
}

/// A fresh key in front, unless one is there already that not everything is sealed with.
Result<> put_key_in_front(const std::string& db, const std::string& key_file) {
  TRY(const auto database, store::open_rocksdb(db, store::Access::read_write, key_file));
  TRY(const std::string ids, store::sealed_with(*database));
  TRY(const SealKeys keys, io::read_key_file(key_file));
  if (ids != keys.first_id()) return ok();
  if (keys.size() == SealKeys::max_keys) {
    return fail(ErrorKind::refused,
                "The key file '" + key_file + "' holds " + std::to_string(keys.size()) + " keys, and no more fit",
                "Remove the last lines: their keys open old backups alone.");
  }
  return io::write_key_file(key_file, keys.with_fresh_key());
}

}  // namespace

Result<ResealSummary> reseal(const std::string& data_folder, const std::string& key_file) {
  TRY(const io::FileLock lock, lock_stopped(data_folder));
  const std::string db = io::join_path(data_folder, "db");
  TRYV(put_key_in_front(db, key_file));
  ResealSummary done;
  {
    TRY(const auto database, store::open_rocksdb(db, store::Access::read_write, key_file));
    const std::string& key = database->seal_keys()->first_id();
    done.key = to_hex(key);
    std::string from;
    for (bool is_last = false; !is_last;) {
      TRY(store::MigrationPiece piece, store::seal_all(*database, from));
      is_last = piece.is_last;
      done.rows += piece.writes.size() - (is_last ? 1 : 0);
      from = std::move(piece.next);
      if (is_last) piece.writes.push_back({store::Table::meta, std::string(store::meta_key::sealed_with), key});
      TRYV(database->commit(piece.writes));
    }
  }
  // Opening it rewrites the files that still hold what was replaced.
  TRYV(store::open_rocksdb(db, store::Access::read_write, key_file));
  return done;
}

}  // namespace escape::controller
