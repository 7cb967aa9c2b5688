#pragma once

#include <string>
#include <string_view>

#include "controller/store/secrets.h"
#include "controller/store/store.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"

/// A row's bytes: the msgpack map {"v": row_version, fields of its `describe` …}. Fields may be added within a version
/// (readers default what is missing and ignore what they do not know); anything else raises it.
namespace escape::store {

inline constexpr std::int64_t row_version = 1;

/// Rows wrap values that were bounded on their way in (inputs, metadata), so they may be a little deeper than those.
inline constexpr std::size_t max_row_depth = 2 * codec::max_depth;

std::string_view name_of_table(Table table);
/// "jobs 000000000000000c": which row an error speaks of.
std::string name_of_row(Table table, std::string_view key);

namespace detail {
/// The fields in `bytes`, its version checked.
Result<Value> open_row(std::string_view bytes);
Error unreadable_row(Table table, std::string_view key, const Error& why);
}  // namespace detail

/// Its secret fields sealed for that table and key; `keys` null: in clear.
template <class Row>
std::string to_row(const Row& row, Table table, std::string_view key, const SealKeys* keys) {
  Value fields = codec::encode(row);
  Value::Object versioned{{"v", row_version}};
  for (auto& [name, value] : *fields.as_object()) versioned.append(std::move(name), std::move(value));
  seal_secrets(versioned, table, key, keys);
  return codec::to_msgpack(versioned);
}

/// Error: storage naming the row; bad_data when a newer version wrote it; bad_configuration when its key is missing.
template <class Row>
Result<Row> from_row(Table table, std::string_view key, std::string_view bytes, const SealKeys* keys) {
  Result<Value> fields = detail::open_row(bytes);
  if (!fields) return fail(detail::unreadable_row(table, key, fields.error()));
  const Result<> opened = open_secrets(*fields.value().as_object(), table, key, keys);
  if (!opened) return fail(detail::unreadable_row(table, key, opened.error()));
  Result<Row> row = codec::decode<Row>(fields.value());
  if (!row) return fail(detail::unreadable_row(table, key, row.error()));
  return row;
}

template <class Row>
Result<std::optional<Row>> find_row(const Reader& reader, Table table, const std::string& key) {
  TRY(const std::optional<std::string> bytes, reader.get(table, key));
  if (!bytes) return std::optional<Row>{};
  TRY(Row row, from_row<Row>(table, key, *bytes, reader.seal_keys()));
  return std::optional<Row>(std::move(row));
}

/// Reads the rows with keys in [from, to) and gives each to `take(Row&&) -> bool` until that returns false.
template <class Row, class Take>
Result<> for_each_row(const Reader& reader, Table table, std::string_view from, std::string_view to,
                      Reader::Order order, Take take) {
  std::optional<Error> error;
  TRYV(reader.scan(table, from, to, order, [&](std::string_view key, std::string_view bytes) {
    Result<Row> row = from_row<Row>(table, key, bytes, reader.seal_keys());
    if (!row) {
      error = std::move(row).error();
      return false;
    }
    return take(std::move(row).value());
  }));
  if (error) return fail(std::move(*error));
  return ok();
}

}  // namespace escape::store
