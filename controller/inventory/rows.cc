#include "controller/inventory/rows.h"

#include <algorithm>

#include "controller/inventory/keys.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/codec/fields.h"

namespace escape::inventory {

template <class V>
void describe(V& visit, Namespace& n) {
  visit("name", n.name);
  visit("description", n.description);
  visit("org_url", n.org_url);
  visit("logo", n.logo);
  visit("is_public", n.is_public);
}

template <class V>
void describe(V& visit, Unit& u) {
  visit("project", u.project);
  visit("name", u.name);
  visit("description", u.description);
  visit("latest_version", u.latest_version);
  visit("logo", u.logo);
  visit("uploaded_by", u.uploaded_by);
  visit("uploaded_at", u.uploaded_at);
}

namespace rows {

template <class V>
void describe(V& visit, Reservation& r) {
  visit("holder", r.holder);
  visit("prefix", r.prefix);
  visit("until", r.until);
}

namespace {

constexpr int row_version = 1;

struct StoredEntry {
  Value metadata;
  std::string sha256;
  std::uint64_t size = 0;
  Timestamp registered_at{};
  std::string uploaded_by;
};
template <class V>
void describe(V& visit, StoredEntry& e) {
  visit.required("metadata", e.metadata);
  visit("sha256", e.sha256);
  visit("size", e.size);
  visit("registered_at", e.registered_at);
  visit("uploaded_by", e.uploaded_by);
}

struct Texts {
  std::vector<std::string> texts;
};
template <class V>
void describe(V& visit, Texts& t) {
  visit.required("texts", t.texts);
}

struct TagTarget {
  std::string version;
};
template <class V>
void describe(V& visit, TagTarget& t) {
  visit.required("version", t.version);
}

struct Downloads {
  std::uint64_t count = 0;
};
template <class V>
void describe(V& visit, Downloads& d) {
  visit("count", d.count);
}

template <class T>
std::string to_row(const T& value) {
  Value encoded = codec::encode(value);
  encoded.as_object()->set("row", row_version);
  return codec::to_msgpack(encoded);
}

/// A row wraps metadata that may be as deep as a body may be: what was registered must be readable again.
constexpr std::size_t max_row_depth = 2 * codec::max_depth;

template <class T>
Result<T> from_row(std::string_view bytes) {
  Result<Value> value = codec::from_msgpack(bytes, max_row_depth);
  if (!value) return fail(ErrorKind::storage, "A row of the inventory is damaged: " + value.error().message);
  Result<T> row = codec::decode<T>(value.value());
  if (!row) return fail(ErrorKind::storage, "A row of the inventory is damaged: " + describe(row.error()));
  return row;
}

store::Write put(std::string key, std::string value) {
  return {store::Table::inventory, std::move(key), std::move(value)};
}

template <class T>
Result<std::optional<T>> find_row(const store::Reader& reader, const std::string& key) {
  TRY(const auto bytes, reader.get(store::Table::inventory, key));
  if (!bytes) return std::optional<T>{};
  TRY(T row, from_row<T>(*bytes));
  return std::optional<T>(std::move(row));
}

}  // namespace

Result<std::optional<Entry>> find_entry(const store::Reader& reader, const release::ApplicationId& application,
                                        std::string_view version) {
  TRY(auto stored, find_row<StoredEntry>(reader, keys::of_release(application, version)));
  if (!stored) return std::optional<Entry>{};
  Entry entry;
  TRY(entry.metadata, codec::metadata_from_value(stored->metadata));
  entry.sha256 = std::move(stored->sha256);
  entry.size = stored->size;
  entry.registered_at = stored->registered_at;
  entry.uploaded_by = std::move(stored->uploaded_by);
  TRY(entry.downloads, read_downloads(reader, application, version));
  return std::optional<Entry>(std::move(entry));
}

store::Write write_entry(const release::ApplicationId& application, const Entry& entry) {
  const StoredEntry stored{codec::metadata_to_value(entry.metadata), entry.sha256, entry.size, entry.registered_at,
                           entry.uploaded_by};
  return put(keys::of_release(application, entry.metadata.version), to_row(stored));
}

Result<std::optional<Namespace>> find_namespace(const store::Reader& reader, std::string_view project) {
  return find_row<Namespace>(reader, keys::of_namespace(project));
}
Result<std::set<std::string>> stored_packages(const store::Reader& reader) {
  std::set<std::string> digests;
  std::optional<Error> error;
  TRYV(reader.scan(store::Table::inventory, keys::all_releases, store::end_of_prefix(keys::all_releases),
                   store::Reader::Order::ascending, [&](std::string_view, std::string_view bytes) {
                     Result<StoredEntry> entry = from_row<StoredEntry>(bytes);
                     if (!entry) {
                       error = std::move(entry).error();
                       return false;
                     }
                     if (!entry.value().sha256.empty()) digests.insert(std::move(entry.value().sha256));
                     return true;
                   }));
  if (error) return fail(std::move(*error));
  return digests;
}

Result<Namespace> read_namespace(std::string_view bytes) { return from_row<Namespace>(bytes); }
store::Write write_namespace(const Namespace& value) { return put(keys::of_namespace(value.name), to_row(value)); }

Result<std::optional<Unit>> find_unit(const store::Reader& reader, const release::ApplicationId& application) {
  return find_row<Unit>(reader, keys::of_unit(application));
}
Result<Unit> read_unit(std::string_view bytes) { return from_row<Unit>(bytes); }
store::Write write_unit(const Unit& value) { return put(keys::of_unit({value.project, value.name}), to_row(value)); }

Result<std::vector<std::string>> read_texts(std::string_view bytes) {
  TRY(Texts row, from_row<Texts>(bytes));
  return std::move(row.texts);
}

Result<std::optional<store::Write>> add_text(const store::Reader& reader, std::string key, std::string_view text) {
  TRY(auto row, find_row<Texts>(reader, key));
  Texts texts = row ? std::move(*row) : Texts{};
  if (std::ranges::find(texts.texts, text) != texts.texts.end()) return std::optional<store::Write>{};
  texts.texts.emplace_back(text);
  return std::optional(put(std::move(key), to_row(texts)));
}

Result<std::optional<store::Write>> remove_text(const store::Reader& reader, std::string key, std::string_view text) {
  TRY(auto row, find_row<Texts>(reader, key));
  if (!row || std::erase(row->texts, text) == 0) return std::optional<store::Write>{};
  if (row->texts.empty()) return std::optional(store::Write{store::Table::inventory, std::move(key), std::nullopt});
  return std::optional(put(std::move(key), to_row(*row)));
}

Result<Reservation> read_reservation(std::string_view bytes) { return from_row<Reservation>(bytes); }
store::Write write_reservation(const release::ApplicationId& application, std::string_view version,
                               const Reservation& value) {
  return put(keys::of_reservation(application, version), to_row(value));
}

Result<std::optional<std::string>> find_tag(const store::Reader& reader, const release::ApplicationId& application,
                                            std::string_view tag) {
  TRY(auto row, find_row<TagTarget>(reader, keys::of_tag(application, tag)));
  if (!row) return std::optional<std::string>{};
  return std::optional(std::move(row->version));
}
Result<std::string> read_tag(std::string_view bytes) {
  TRY(TagTarget row, from_row<TagTarget>(bytes));
  return std::move(row.version);
}
store::Write remove_tag(const release::ApplicationId& application, std::string_view tag) {
  return {store::Table::inventory, keys::of_tag(application, tag), std::nullopt};
}
store::Write write_tag(const release::ApplicationId& application, std::string_view tag, std::string_view version) {
  return put(keys::of_tag(application, tag), to_row(TagTarget{std::string(version)}));
}

Result<std::uint64_t> read_downloads(const store::Reader& reader, const release::ApplicationId& application,
                                     std::string_view version) {
  TRY(const auto row, find_row<Downloads>(reader, keys::of_downloads(application, version)));
  return row ? row->count : 0;
}
store::Write write_downloads(const release::ApplicationId& application, std::string_view version, std::uint64_t count) {
  return put(keys::of_downloads(application, version), to_row(Downloads{count}));
}

}  // namespace rows
}  // namespace escape::inventory
