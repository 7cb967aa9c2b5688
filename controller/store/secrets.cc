#include "controller/store/secrets.h"

#include <array>
#include <utility>
#include <vector>

#include "controller/store/keys.h"
#include "controller/store/row_codec.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/io/key_file.h"

namespace escape::store {
namespace {

struct SecretField {
  Table table;
  std::string_view within;  ///< the field lies in each member of this object; empty: in the row itself
  std::string_view name;
};

/// A field that is added here needs a migration which seals it, unless it is new in the row too.
constexpr std::array secret_fields{
    SecretField{Table::environments, "", "inputs"},
    SecretField{Table::deployments, "", "inputs"},
    SecretField{Table::deployments, "stages", "inputs"},
    SecretField{Table::deployments, "stages", "calculated_inputs"},
    SecretField{Table::deployments, "stages", "calculated_outputs"},
    SecretField{Table::deployments, "stages", "files"},
    SecretField{Table::jobs, "", "inputs"},
    SecretField{Table::jobs, "", "previous_variables"},
    SecretField{Table::jobs, "", "previous_below"},
    SecretField{Table::jobs, "", "given"},
    SecretField{Table::jobs, "", "given_files"},
    SecretField{Table::jobs, "", "seen"},
    SecretField{Table::tasks, "", "outputs"},
    SecretField{Table::tasks, "", "variables"},
    SecretField{Table::tasks, "", "outputs_before"},
    SecretField{Table::tasks, "", "run"},
    SecretField{Table::tasks, "", "templates"},
    SecretField{Table::tasks, "", "files"},
    SecretField{Table::requests, "", "reply"},
    SecretField{Table::history, "", "inputs"},
    SecretField{Table::history, "stages", "inputs"},
    SecretField{Table::history, "stages", "calculated_inputs"},
    SecretField{Table::history, "stages", "calculated_outputs"},
    SecretField{Table::history, "stages", "files"},
};

constexpr std::size_t rows_of_a_piece = 500;
constexpr std::size_t bytes_of_a_piece = 1 << 20;

Value* find(Value::Object& object, std::string_view name) {
  for (auto& [key, value] : object) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// Calls `use(value, path)` for each secret field that is there until it gives an error.
template <class Use>
Result<> for_each_secret(Value::Object& row, Table table, Use use) {
  for (const SecretField& field : secret_fields) {
    if (field.table != table) continue;
    if (field.within.empty()) {
      if (Value* value = find(row, field.name)) {
        TRYV(use(*value, std::string(field.name)));
      }
      continue;
    }
    Value* outer = find(row, field.within);
    Value::Object* members = outer ? outer->as_object() : nullptr;
    if (!members) continue;
    for (auto& [name, member] : *members) {
      Value::Object* inner = member.as_object();
      Value* value = inner ? find(*inner, field.name) : nullptr;
      if (!value) continue;
      TRYV(use(*value, std::string(field.within) + "/" + name + "/" + std::string(field.name)));
    }
  }
  return ok();
}

/// Disk constant: where a sealed value lies. Neither a table's name nor a path has a NUL in it.
std::string context_of(Table table, std::string_view key, std::string_view path) {
  std::string context(name_of_table(table));
  context += '\0';
  context += key;
  context += '\0';
  context += path;
  return context;
}

bool holds_something(const Value& value) {
  const Value::Object* object = value.as_object();
  const Value::List* list = value.as_list();
  return (object && !object->empty()) || (list && !list->empty());
}

void seal(Value& value, Table table, std::string_view key, std::string_view path, const SealKeys& keys) {
  value = Binary{keys.seal(codec::to_msgpack(value), context_of(table, key, path))};
}

Result<> open(Value& value, Table table, std::string_view key, std::string_view path, const SealKeys* keys) {
  const Binary* sealed = value.as_binary();
  if (!sealed) return ok();
  Result<std::string> opened = (keys ? *keys : SealKeys()).open(sealed->bytes, context_of(table, key, path));
  if (!opened) {
    Error error = std::move(opened).error();
    if (error.kind == ErrorKind::bad_data) error.kind = ErrorKind::storage;
    error.message = "its field '" + std::string(path) + "' does not open: " + error.message;
    return fail(std::move(error));
  }
  TRY(value, codec::from_msgpack(opened.value(), max_row_depth));
  return ok();
}

std::string ids_text(std::string_view ids) {
  std::vector<std::string> texts;
  for (; !ids.empty(); ids.remove_prefix(SealKeys::id_bytes)) {
    texts.push_back(to_hex(ids.substr(0, SealKeys::id_bytes)));
  }
  return join(texts, ", ");
}

/// The row sealed anew, or nothing when it is as it ought to be.
Result<std::optional<std::string>> sealed_anew(Table table, std::string_view key, std::string_view bytes,
                                               const SealKeys& keys) {
  Result<Value> row = detail::open_row(bytes);
  if (!row) return fail(detail::unreadable_row(table, key, row.error()));
  bool has_changed = false;
  Result<> done =
      for_each_secret(*row.value().as_object(), table, [&](Value& value, const std::string& path) -> Result<> {
        const Binary* sealed = value.as_binary();
        if (sealed && seal_id_of(sealed->bytes) == keys.first_id()) return ok();
        TRYV(open(value, table, key, path, &keys));
        if (!holds_something(value)) return ok();
        seal(value, table, key, path, keys);
        has_changed = true;
        return ok();
      });
  if (!done) return fail(detail::unreadable_row(table, key, done.error()));
  if (!has_changed) return std::optional<std::string>();
  return std::optional(codec::to_msgpack(row.value()));
}

constexpr std::array secret_tables{Table::environments, Table::deployments, Table::jobs,
                                   Table::tasks,        Table::requests,    Table::history};

/// Where the next piece begins: the number of the table, then the key.
std::string place(std::size_t table, std::string_view key) {
  return std::string(1, static_cast<char>(table)) + std::string(key);
}

}  // namespace

void seal_secrets(Value::Object& row, Table table, std::string_view key, const SealKeys* keys) {
  if (!keys) return;
  (void)for_each_secret(row, table, [&](Value& value, const std::string& path) -> Result<> {
    if (holds_something(value)) seal(value, table, key, path, *keys);
    return ok();
  });
}

Result<> open_secrets(Value::Object& row, Table table, std::string_view key, const SealKeys* keys) {
  return for_each_secret(row, table,
                         [&](Value& value, const std::string& path) { return open(value, table, key, path, keys); });
}

Result<MigrationPiece> seal_all(const Reader& reader, const std::string& from) {
  const SealKeys* keys = reader.seal_keys();
  MigrationPiece piece;
  std::size_t table = from.empty() ? 0 : static_cast<unsigned char>(from[0]);
  std::string key = from.empty() ? "" : from.substr(1);
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::optional<Error> error;
  for (; keys && table < secret_tables.size(); ++table, key.clear()) {
    // Beside the jobs' own rows are those of their index, which are empty, and their plans, which hold no values.
    const std::string prefix = secret_tables[table] == Table::jobs ? std::string(1, job_prefix::row) : std::string();
    TRYV(reader.scan(secret_tables[table], key.empty() ? prefix : key, end_of_prefix(prefix), Reader::Order::ascending,
                     [&](std::string_view at, std::string_view value) {
                       if (rows == rows_of_a_piece || bytes >= bytes_of_a_piece) {
                         piece.next = place(table, at);
                         return false;
                       }
                       Result<std::optional<std::string>> sealed = sealed_anew(secret_tables[table], at, value, *keys);
                       if (!sealed) {
                         error = std::move(sealed).error();
                         return false;
                       }
                       ++rows;
                       bytes += value.size();
                       if (sealed.value()) {
                         piece.writes.push_back({secret_tables[table], std::string(at), std::move(*sealed.value())});
                       }
                       return true;
                     }));
    if (error) return fail(std::move(*error));
    piece.is_last = piece.next.empty();
    if (!piece.is_last) return piece;
  }
  piece.writes.push_back({Table::meta, std::string(meta_key::rewrite), ""});
  return piece;
}

Result<std::string> sealed_with(const Reader& reader) {
  TRY(std::optional<std::string> ids, reader.get(Table::meta, meta_key::sealed_with));
  if (!ids) return std::string();
  if (ids->size() % SealKeys::id_bytes == 0) return std::move(*ids);
  return fail(ErrorKind::storage, "The row 'sealed_with' of the database's table meta is damaged",
              "Restore the data folder from a backup.");
}

std::optional<Write> note_first_key(std::string_view ids, const SealKeys& keys) {
  for (std::string_view rest = ids; !rest.empty(); rest.remove_prefix(SealKeys::id_bytes)) {
    if (rest.starts_with(keys.first_id())) return std::nullopt;
  }
  return Write{Table::meta, std::string(meta_key::sealed_with), std::string(ids) + keys.first_id()};
}

Result<SealKeys> keys_for(const Reader& reader, const std::string& folder, const std::string& key_file, bool may_make) {
  TRY(const std::string ids, sealed_with(reader));
  if (key_file.empty() && ids.empty()) return SealKeys();
  const std::string wanted = "The secrets in the database in '" + folder + "' are sealed with the key " + ids_text(ids);
  const std::string hint =
      "Bring that key file back from where you keep a copy of it, or name it with the setting 'secrets_key'. "
      "Nothing opens them without it.";
  if (key_file.empty()) return fail(ErrorKind::bad_configuration, wanted + ", and no key file is named", hint);
  Result<SealKeys> keys = io::read_key_file(key_file);
  const bool is_missing = !keys && keys.error().kind == ErrorKind::not_found;
  if (is_missing && ids.empty()) {
    if (!may_make) return SealKeys();
    SealKeys made = SealKeys::make();
    TRYV(io::write_key_file(key_file, made));
    log_info("made the key {} in '{}': secrets are sealed with it, so keep a copy of that file apart from the backups",
             to_hex(made.first_id()), key_file);
    return made;
  }
  if (is_missing) {
    return fail(ErrorKind::bad_configuration, wanted + ", and the key file '" + key_file + "' does not exist", hint);
  }
  if (!keys) return keys;
  for (std::string_view rest = ids; !rest.empty(); rest.remove_prefix(SealKeys::id_bytes)) {
    if (keys.value().has(rest.substr(0, SealKeys::id_bytes))) continue;
    return fail(ErrorKind::bad_configuration, wanted + ", and the key file '" + key_file + "' does not hold it", hint);
  }
  return keys;
}

}  // namespace escape::store
