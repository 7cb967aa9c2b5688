#pragma once

#include <string>
#include <string_view>

#include "controller/store/migrations.h"
#include "controller/store/store.h"
#include "shared/base/seal.h"
#include "shared/base/value.h"

/// Values of variables do not lie in a row in clear. Which of them are secret is not known when they come (a job's
/// inputs are there before its release is), so whole maps of them are sealed, each as one msgpack `bin` of the sealed
/// msgpack of the map. A map that is empty stays as it is.
namespace escape::store {

/// Seals the secret fields that are in clear. `keys` null: they stay so (in memory alone).
void seal_secrets(Value::Object& row, Table table, std::string_view key, const SealKeys* keys);
/// Error: bad_configuration when the key is not at hand; storage when a value is damaged or another row's.
Result<> open_secrets(Value::Object& row, Table table, std::string_view key, const SealKeys* keys);

/// A piece of work over all rows: what is in clear, or sealed with another key than the first, is sealed with that.
/// The last piece also notes that the bytes that were replaced have to go (meta "rewrite").
Result<MigrationPiece> seal_all(const Reader& reader, const std::string& from);

/// The ids of the keys that values of the database may be sealed with (meta "sealed_with"), one behind the other.
Result<std::string> sealed_with(const Reader& reader);
/// The write that adds the first of the keys to them, if it is not among them: before anything is sealed with it.
std::optional<Write> note_first_key(std::string_view ids, const SealKeys& keys);

/// The keys of the database in `folder`, out of `key_file`; none when that is empty, for databases without secrets.
/// A missing file is made when `may_make` and nothing was ever sealed. Errors: bad_configuration naming the key that is
/// missing; what is wrong with the file.
Result<SealKeys> keys_for(const Reader& reader, const std::string& folder, const std::string& key_file, bool may_make);

}  // namespace escape::store
