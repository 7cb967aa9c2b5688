#include "controller/store/migrations.h"

#include <array>

#include "controller/store/keys.h"
#include "controller/store/secrets.h"
#include "shared/base/log.h"

namespace escape::store {
namespace {

/// The rows stay as they are: an earlier program would number new entries by the job's row, which lags behind now, and
/// write over those that are there.
Result<MigrationPiece> count_logs_by_their_keys(const Reader&, const std::string&) { return MigrationPiece{}; }

/// Where the migration to that schema goes on.
Result<std::string> progress_of(const Reader& reader, std::uint32_t to) {
  TRY(const std::optional<std::string> row, reader.get(Table::meta, meta_key::migration));
  if (!row || row->size() < sizeof to || parse_u32(row->substr(0, sizeof to)) != to) return std::string();
  return row->substr(sizeof to);
}

Result<> run(Database& database, const Migration& migration) {
  TRY(std::string from, progress_of(database, migration.to));
  log_info("the database becomes one of schema {}: {}", migration.to, migration.what);
  while (true) {
    TRY(MigrationPiece piece, migration.piece(database, from));
    std::vector<Write> batch = std::move(piece.writes);
    if (piece.is_last) {
      batch.push_back({Table::meta, std::string(meta_key::migration), std::nullopt});
      batch.push_back({Table::meta, std::string(meta_key::schema), u32_key(migration.to)});
      return database.commit(batch);
    }
    from = std::move(piece.next);
    batch.push_back({Table::meta, std::string(meta_key::migration), u32_key(migration.to) + from});
    TRYV(database.commit(batch));
  }
}

}  // namespace

std::span<const Migration> migrations() {
  static const std::array all{
      Migration{2, "a job's log is as long as its entries say", count_logs_by_their_keys},
      Migration{3, "values of inputs, outputs and variables are sealed", seal_all},
  };
  static_assert(all.size() + 1 == schema_version);
  return all;
}

Result<std::uint32_t> schema_of(const Reader& reader) {
  TRY(const std::optional<std::string> written, reader.get(Table::meta, meta_key::schema));
  if (!written) return schema_version;
  if (const std::optional<std::uint32_t> version = parse_u32(*written)) return *version;
  return fail(ErrorKind::storage, "its schema row is not a number", "Restore the folder from a backup.");
}

Result<> migrate(Database& database, std::span<const Migration> all) {
  TRY(const std::uint32_t schema, schema_of(database));
  for (const Migration& migration : all) {
    if (migration.to <= schema) continue;
    TRYV(run(database, migration));
  }
  return ok();
}

}  // namespace escape::store
