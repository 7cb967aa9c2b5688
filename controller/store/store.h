#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

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
  inventory
};
inline constexpr std::size_t table_count = 12;

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
};

class Database : public Reader {
 public:
  /// All or nothing, and on the disk when it returns. Error: storage; then the caller must not go on.
  virtual Result<> commit(const std::vector<Write>& batch) = 0;
  virtual std::unique_ptr<Reader> snapshot() const = 0;
  /// A read-only database looks again at what the writing process has committed since.
  virtual Result<> refresh() = 0;
};

enum class Access { read_write, read_only };

/// Opens or creates (read_write) the folder. Errors: conflict when another process has it open for writing, storage for
/// corruption or a full disk, bad_data for a newer schema than `schema_version`; not_found for read_only without a
/// database.
Result<std::unique_ptr<Database>> open_rocksdb(const std::string& folder, Access access);

/// In memory, for tests and simulation.
std::unique_ptr<Database> make_memory_database();

/// The smallest key above every key that begins with `prefix` (for scan's `to`), or empty.
std::string end_of_prefix(std::string_view prefix);

inline constexpr std::uint32_t schema_version = 1;

}  // namespace escape::store
