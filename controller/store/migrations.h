#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/store/store.h"

/// How an older database becomes one of this version.
namespace escape::store {

/// A bounded part of a migration: what to write, and where the next part begins.
struct MigrationPiece {
  std::vector<Write> writes;
  std::string next;  ///< given to the next piece
  bool is_last = true;
};

/// From the schema before `to`. Run piece by piece, each in one synced batch together with how far it came, so that a
/// process that dies meanwhile goes on there; the last batch also raises the schema.
struct Migration {
  std::uint32_t to = 0;
  std::string_view what;  ///< for the log
  std::function<Result<MigrationPiece>(const Reader& reader, const std::string& from)> piece;
};

/// In order, one for each schema since 1.
std::span<const Migration> migrations();

/// The schema that the rows are written in; `schema_version` for a database that no controller has begun. Error:
/// storage when the row is damaged.
Result<std::uint32_t> schema_of(const Reader& reader);

/// Runs what is missing. Errors: storage; whatever a piece finds wrong.
Result<> migrate(Database& database, std::span<const Migration> all);

}  // namespace escape::store
