#include "agent/journal/identity.h"

#include <utility>

#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/files.h"

namespace escape::journal {
namespace {

constexpr unsigned private_file = 0600;
constexpr unsigned private_folder = 0700;
constexpr std::size_t key_bytes = 32;

/// Key material and other raw bytes, as base64url text of the JSON files.
struct IdentityRecord {
  std::string agent, environment, address, controller_key, public_key, secret_key;
};
template <class V>
void describe(V& visit, IdentityRecord& r) {
  visit.required("agent", r.agent);
  visit.required("environment", r.environment);
  visit.required("controller", r.address);
  visit.required("controller_key", r.controller_key);
  visit.required("public_key", r.public_key);
  visit.required("secret_key", r.secret_key);
}

struct KeyRecord {
  std::string public_key, secret_key;
};
template <class V>
void describe(V& visit, KeyRecord& r) {
  visit.required("public_key", r.public_key);
  visit.required("secret_key", r.secret_key);
}

struct SeenRecord {
  std::string instance;
  Epoch epoch = 0;
};
template <class V>
void describe(V& visit, SeenRecord& r) {
  visit.required("instance", r.instance);
  visit.required("epoch", r.epoch);
}

std::string identity_path(const std::string& folder) { return io::join_path(folder, "agent.id"); }
std::string pending_path(const std::string& folder) { return io::join_path(folder, "agent.id.pending"); }
std::string seen_path(const std::string& folder) { return io::join_path(folder, "controller"); }

Result<std::string> read_key(const std::string& text, std::string_view field) {
  TRY(std::string key, from_base64url(text));
  if (key.size() != key_bytes) {
    return fail(ErrorKind::bad_data, "the field '" + std::string(field) + "' is not a key of 32 bytes");
  }
  return key;
}

template <class Record>
Result<Record> read_record(const std::string& path) {
  TRY(const std::string text, io::read_file(path));
  Result<Value> value = codec::from_json(text);
  if (!value) return fail(std::move(value).error().in("while reading '" + path + "'"));
  Result<Record> record = codec::decode<Record>(value.value());
  if (!record) return fail(std::move(record).error().in("while reading '" + path + "'"));
  return record;
}

template <class Record>
Result<> write_record(const std::string& path, const Record& record) {
  return io::write_file(path, codec::to_json(codec::encode(record), codec::JsonStyle::indented) + "\n", private_file);
}

Result<KeyPair> read_keys(const std::string& public_key, const std::string& secret_key) {
  KeyPair keys;
  TRY(keys.public_key, read_key(public_key, "public_key"));
  TRY(keys.secret_key, read_key(secret_key, "secret_key"));
  return keys;
}

}  // namespace

Result<Identity> load_identity(const std::string& data_folder) {
  const std::string path = identity_path(data_folder);
  if (!io::exists(path)) {
    return fail(ErrorKind::not_found, "This agent is not enrolled: '" + path + "' does not exist.",
                "Make an invitation with `escape agents invite --environment ENVIRONMENT` and run `escape-agent join "
                "TOKEN` here.");
  }
  TRY(IdentityRecord record, read_record<IdentityRecord>(path));
  Identity identity;
  identity.agent = std::move(record.agent);
  identity.environment = std::move(record.environment);
  identity.address = std::move(record.address);
  Result<std::string> controller_key = read_key(record.controller_key, "controller_key");
  if (!controller_key) return fail(std::move(controller_key).error().in("while reading '" + path + "'"));
  identity.controller_key = std::move(controller_key).value();
  Result<KeyPair> keys = read_keys(record.public_key, record.secret_key);
  if (!keys) return fail(std::move(keys).error().in("while reading '" + path + "'"));
  identity.keys = std::move(keys).value();
  return identity;
}

Result<> save_identity(const std::string& data_folder, const Identity& identity) {
  TRYV(io::make_folders(data_folder, private_folder));
  return write_record(
      identity_path(data_folder),
      IdentityRecord{identity.agent, identity.environment, identity.address, to_base64url(identity.controller_key),
                     to_base64url(identity.keys.public_key), to_base64url(identity.keys.secret_key)});
}

Result<KeyPair> load_or_make_pending_keys(const std::string& data_folder) {
  const std::string path = pending_path(data_folder);
  if (io::exists(path)) {
    TRY(const KeyRecord record, read_record<KeyRecord>(path));
    return read_keys(record.public_key, record.secret_key);
  }
  TRYV(io::make_folders(data_folder, private_folder));
  KeyPair keys = make_key_pair();
  TRYV(write_record(path, KeyRecord{to_base64url(keys.public_key), to_base64url(keys.secret_key)}));
  return keys;
}

Result<> forget_pending_keys(const std::string& data_folder) { return io::remove_all(pending_path(data_folder)); }

Result<SeenController> load_seen_controller(const std::string& data_folder) {
  const std::string path = seen_path(data_folder);
  if (!io::exists(path)) return SeenController{};
  TRY(const SeenRecord record, read_record<SeenRecord>(path));
  SeenController seen;
  seen.epoch = record.epoch;
  TRY(seen.instance, from_base64url(record.instance));
  return seen;
}

Result<> save_seen_controller(const std::string& data_folder, const SeenController& seen) {
  return write_record(seen_path(data_folder), SeenRecord{to_base64url(seen.instance), seen.epoch});
}

}  // namespace escape::journal
