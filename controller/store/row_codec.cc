#include "controller/store/row_codec.h"

#include <array>

#include "shared/base/text.h"

namespace escape::store {

std::string_view name_of_table(Table table) {
  static constexpr std::array<std::string_view, table_count> names{
      "meta",  "environments", "deployments", "jobs",    "tasks",     "agents", "principals",
      "locks", "requests",     "events",      "job_log", "inventory", "history"};
  return names[static_cast<std::size_t>(table)];
}

std::string name_of_row(Table table, std::string_view key) {
  return std::string(name_of_table(table)) + " " + to_hex(key);
}

namespace detail {

Result<Value> open_row(std::string_view bytes) {
  TRY(Value fields, codec::from_msgpack(bytes, max_row_depth));
  const Value::Object* object = fields.as_object();
  if (!object) return fail(codec::detail::wrong_type("object", fields));
  const Value* written = object->find("v");
  const std::int64_t* version = written ? written->as_int() : nullptr;
  if (!version) return fail(ErrorKind::storage, "it has no version");
  if (*version > row_version) {
    return fail(ErrorKind::bad_data,
                "it was written by a newer version of Escape (row version " + std::to_string(*version) +
                    ", this program reads up to " + std::to_string(row_version) + ")",
                "Use that version or a later one.");
  }
  return fields;
}

Error unreadable_row(Table table, std::string_view key, const Error& why) {
  const std::string message = "Cannot read the row '" + name_of_row(table, key) + "' of the database: " + describe(why);
  if (why.kind == ErrorKind::bad_configuration) {
    return Error{why.kind, message, "Bring the key file back from where you keep a copy of it.", {}};
  }
  // A hint comes with a newer version alone; all else that cannot be read is damage.
  const bool is_newer = !why.hint.empty();
  return Error{is_newer ? ErrorKind::bad_data : ErrorKind::storage, message,
               is_newer ? why.hint : "Restore the data folder from a backup."};
}

}  // namespace detail
}  // namespace escape::store
