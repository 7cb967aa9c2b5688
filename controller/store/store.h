#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/seal.h"

/// Ordered keys and values with atomic synced batches: RocksDB in the programs, a map in tests. The only folder that
/// sees rocksdb. Key layout: keys.h.
namespace escape::store {

/// One column family each, by lifetime of what is in it.
enum class Table {
  meta,
  environments,
  deployments,
  jobs,
  tasks,
  agents,
  principals,
  locks,
  requests,
  events,
  job_log,
  inventory,
  history
};
inline constexpr std::size_t table_count = 13;

struct Write {
  Table table = Table::meta;
  std::string key;
  std::optional<std::string> value;  ///< absent: the key is removed
};

/// A consistent view. Thread: any, one at a time per object.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Error: storage (corruption, I/O).
  virtual Result<std::optional<std::string>> get(Table table, std::string_view key) const = 0;
  enum class Order { ascending, descending };
  /// Calls `visit` for keys in [from, to) (empty `to` = to the end of the table), in that order, until it returns
  /// false.
  virtual Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                        const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  /// What values of variables are sealed with (secrets.h); null: they are in clear, which is for memory alone.
  virtual const SealKeys* seal_keys() const { return nullptr; }
};

class Database : public Reader {
 public:
  /// All or nothing, and on the disk when it returns. Error: storage; then what was decided on top of the batch is void
  /// and every later commit fails as well, until `reopen`. Whether a batch that failed is in the log is known after
  /// `reopen` alone: read what is there.
  virtual Result<> commit(const std::vector<Write>& batch) = 0;
  virtual std::unique_ptr<Reader> snapshot() const = 0;
  /// A read-only database looks again at what the writing process has committed since.
  virtual Result<> refresh() = 0;

  /// After a failed commit: lets go of what failed and opens the folder anew, from what the disk holds; what was
  /// recovered is written and synced once more. Readers and snapshots go on all the while. Error: storage, the disk
  /// takes no writes yet; what is committed can be read. Does nothing while no commit has failed.
  virtual Result<> reopen() { return ok(); }
  virtual bool is_writable() const { return true; }
  /// Makes `folder`, which must not exist, a database of what is committed now: hard links where the file system has
  /// them, and a copy of the logs. Not synced as a whole. Error: storage.
  virtual Result<> checkpoint(const std::string& folder) const;
  /// Writes down, synced, how far the commits have come: the next open finds it out when the disk has lost the end of
  /// the log since, which looks like a torn end otherwise. Costs a sync when there were commits; call it now and then.
  virtual Result<> note_progress() { return ok(); }
};

/// write_when_possible: read_write; on a disk that takes no writes (full, or mounted for reading) only to read, until
/// `reopen`. The caller sees to it that nobody else writes meanwhile: there is no lock without a write.
enum class Access { read_write, read_only, write_when_possible };

/// Opens or creates (read_write) the folder. Errors: conflict when another process has it open for writing, storage for
/// corruption or a full disk, bad_data for a newer schema than `schema_version`; not_found for read_only without a
/// database. An older schema is migrated, after a checkpoint "FOLDER.schema-N" beside the folder; read_only reads it as
/// it is.
///
/// `key_file`: what values of variables are sealed with, made with the first row; empty for a database without such.
/// Error: bad_configuration when it is missing or does not hold the key that they are sealed with.
Result<std::unique_ptr<Database>> open_rocksdb(const std::string& folder, Access access,
                                               const std::string& key_file = {});

/// Reads every byte of a database that nobody writes to, against its checksums. Error: storage, naming the file.
Result<> check_rocksdb(const std::string& folder);

/// In memory, for tests and simulation.
std::unique_ptr<Database> make_memory_database();

/// The smallest key above every key that begins with `prefix` (for scan's `to`), or empty.
std::string end_of_prefix(std::string_view prefix);

/// 1: the first. 2: the length of a live job's log is that of the log, no longer that in its row; meta "job_floor".
/// 3: values of variables are sealed (secrets.h). Each has its migration in migrations.cc.
inline constexpr std::uint32_t schema_version = 3;
inline constexpr std::uint32_t first_sealed_schema = 3;

}  // namespace escape::store
