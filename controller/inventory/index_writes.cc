#include <algorithm>

#include "controller/inventory/inventory.h"
#include "controller/inventory/keys.h"
#include "controller/inventory/overlay.h"
#include "controller/inventory/rows.h"
#include "shared/base/text.h"

/// The writing half of Index: each function decides over the reader and returns the rows to commit.
namespace escape::inventory {
namespace {

using release::ApplicationId;
using release::ReleaseId;
using release::Version;
using Writes = std::vector<store::Write>;

/// Bounds what a client can make us keep for a number that may never be used.
constexpr std::size_t max_holder = 256;
constexpr std::size_t longest_tag = 256;

Error already_exists(const ReleaseId& id) {
  return {ErrorKind::conflict, "Release " + without_project(id) + " already exists",
          "Releases never change: choose another version, or let the version end in '@'."};
}

std::string order_key(std::string rows, const Version& version) { return std::move(rows) + release::sort_key(version); }

void append(Writes& writes, std::optional<store::Write> write) {
  if (write) writes.push_back(std::move(*write));
}

}  // namespace

Result<std::pair<std::string, Writes>> Index::reserve(const ApplicationId& application, std::string_view prefix,
                                                      std::string_view holder, Timestamp now) const {
  TRYV(release::check_project_name(application.project));
  TRYV(release::check_package_name(application.name));
  if (holder.empty()) return fail(ErrorKind::bad_data, "Missing holder in the reservation");
  if (holder.size() > max_holder || prefix.size() > max_holder) {
    return fail(ErrorKind::bad_data, "The holder or the prefix of the reservation is too long");
  }

  struct Kept {
    std::string version;
    rows::Reservation reservation;
  };
  std::vector<Kept> all;
  std::optional<Error> broken;
  const std::string range = keys::reservations_of(application);
  TRYV(reader_.scan(store::Table::inventory, range, store::end_of_prefix(range), store::Reader::Order::ascending,
                    [&](std::string_view key, std::string_view bytes) {
                      auto row = rows::read_reservation(bytes);
                      if (!row) {
                        broken = std::move(row).error();
                        return false;
                      }
                      all.push_back({std::string(key.substr(range.size())), std::move(row).value()});
                      return true;
                    }));
  if (broken) return fail(std::move(*broken));

  // Reservations that ran out give their number back; those that were used are forgotten.
  Writes writes;
  Overlay later(reader_);
  for (const Kept& kept : all) {
    TRY(const auto registered, rows::find_entry(reader_, application, kept.version));
    const bool has_ended = kept.reservation.until <= now;
    if (!registered && !has_ended) {
      if (kept.reservation.holder == holder && kept.reservation.prefix == prefix)
        return std::pair(kept.version, writes);
      continue;
    }
    Writes ended{{store::Table::inventory, keys::of_reservation(application, kept.version), std::nullopt}};
    if (!registered) {
      TRY(const Version version, Version::parse(kept.version));
      TRY(auto freed, rows::remove_text(later, order_key(keys::taken_of(application), version), kept.version));
      append(ended, std::move(freed));
    }
    later.apply(ended);
    writes.insert(writes.end(), ended.begin(), ended.end());
  }

  TRY(std::string next, Index(later, place_).next_version(application, prefix));
  Result<Version> version = Version::parse(next);
  if (!version) return fail(ErrorKind::bad_data, "Invalid version string '" + next + "'.");
  TRY(auto taken, rows::add_text(later, order_key(keys::taken_of(application), version.value()), next));
  append(writes, std::move(taken));
  writes.push_back(
      rows::write_reservation(application, next, {std::string(holder), std::string(prefix), now + reserved_for}));
  return std::pair(std::move(next), std::move(writes));
}

Result<Writes> Index::add(const release::Metadata& metadata, std::string_view project_of_url, std::string_view by,
                          Timestamp now) const {
  TRYV(release::check_metadata(metadata));
  TRYV(release::check_project_name(project_of_url));
  if (metadata.project != project_of_url) {
    return fail(ErrorKind::bad_data, "The release says that its project is '" + metadata.project +
                                         "', but it was sent to the project '" + std::string(project_of_url) + "'");
  }
  TRY(const ReleaseId id, release_id_of(metadata));
  TRY(const auto existing, find(id));
  if (existing) {
    if (existing->is_visible()) return fail(already_exists(id));
    if (existing->metadata == metadata) return Writes{};
    if (now < existing->registered_at + pending_for) {
      Error error = already_exists(id);
      error.hint = "It waits for its package. If nobody is uploading it, try again in 15 minutes.";
      return fail(std::move(error));
    }
  }
  Entry entry;
  entry.metadata = metadata;
  entry.registered_at = now;
  entry.uploaded_by = by;
  Writes writes{rows::write_entry(id.application, entry)};
  TRY(auto taken, rows::add_text(reader_, order_key(keys::taken_of(id.application), id.version), id.version.text()));
  append(writes, std::move(taken));
  return writes;
}

Result<Writes> Index::complete(const ReleaseId& id, std::string_view sha256, std::uint64_t size) const {
  TRY(auto entry, find(id));
  if (!entry) return fail(not_found({id.application, release::Exact{id.version}}));
  return completed(std::move(*entry), sha256, size);
}

Result<Writes> Index::publish(const release::Metadata& metadata, std::string_view project_of_url, std::string_view by,
                              Timestamp now, std::string_view sha256, std::uint64_t size) const {
  if (const auto id = release_id_of(metadata)) {
    TRY(const auto existing, find(id.value()));
    if (existing && existing->is_visible() && existing->sha256 == sha256) return Writes{};
  }
  TRY(Writes writes, add(metadata, project_of_url, by, now));
  Overlay added(reader_);
  added.apply(writes);
  TRY(const ReleaseId id, release_id_of(metadata));
  TRY(const Writes rest, Index(added, place_).complete(id, sha256, size));
  writes.insert(writes.end(), rest.begin(), rest.end());
  return writes;
}

Result<Writes> Index::completed(Entry entry, std::string_view sha256, std::uint64_t size) const {
  if (entry.is_visible()) {
    if (entry.sha256 == sha256) return Writes{};
    return fail(ErrorKind::conflict, "Resource already exists", "Releases never change: publish another version.");
  }
  TRY(const ReleaseId id, release_id_of(entry.metadata));
  entry.sha256 = sha256;
  entry.size = size;
  Writes writes{rows::write_entry(id.application, entry)};
  TRY(auto visible,
      rows::add_text(reader_, order_key(keys::visible_of(id.application), id.version), id.version.text()));
  append(writes, std::move(visible));

  TRY(const auto project, rows::find_namespace(reader_, id.application.project));
  if (!project) writes.push_back(rows::write_namespace({id.application.project}));
  TRY(const auto unit, rows::find_unit(reader_, id.application));
  const auto highest = unit ? Version::parse(unit->latest_version) : Result<Version>(Version{});
  if (!highest || id.version >= highest.value()) {
    writes.push_back(
        rows::write_unit({id.application.project, id.application.name, entry.metadata.description, id.version.text(),
                          entry.metadata.logo, entry.uploaded_by, entry.registered_at}));
  }
  return writes;
}

Result<Writes> Index::tag(const release::ReleaseQuery& target, std::string_view tag) const {
  const auto as_query = release::parse_version_query(tag);
  // A tag is part of a key, and of lines that people read.
  const bool is_line = tag.size() <= longest_tag && is_valid_utf8(tag) &&
                       std::ranges::none_of(tag, [](unsigned char c) { return c < ' ' || c == 0x7F; });
  if (!as_query || !std::holds_alternative<release::Tag>(as_query.value()) || !is_line) {
    return fail(ErrorKind::bad_data, "The tag '" + std::string(is_line ? tag : "…") + "' is not allowed.",
                "A tag is a word such as 'stable'; it may not read as a version.");
  }
  Result<release::ReleaseRecord> record = resolve(target);
  if (record) return Writes{rows::write_tag(target.application, tag, record.value().id.version.text())};
  if (record.error().kind != ErrorKind::not_found) return fail(std::move(record).error());

  TRY(const auto unit, rows::find_unit(reader_, target.application));
  if (!unit) {
    return fail(ErrorKind::not_found,
                "The application '" + to_string(target.application) + "' could not be found in " + place_ + ".");
  }
  std::string version = release::to_string(target.version);
  if (version.starts_with('v')) version.erase(0, 1);
  return fail(ErrorKind::not_found,
              "The referenced version '" + version + "' couldn't be tagged, because it couldn't be found.",
              std::move(record).error().hint);
}

Result<Writes> Index::remove_tag(const release::ApplicationId& application, std::string_view tag) const {
  TRY(const std::vector<TaggedVersion> there, tags(application));
  if (std::ranges::find(there, tag, &TaggedVersion::tag) != there.end()) {
    return Writes{rows::remove_tag(application, tag)};
  }
  std::vector<std::string> names;
  for (const TaggedVersion& each : there) names.push_back(each.tag);
  return fail(ErrorKind::not_found,
              "The application '" + to_string(application) + "' has no tag '" + std::string(tag) + "'.",
              names.empty() ? "It has no tags." : "It has: " + join(names, ", ") + ".");
}

Result<Writes> Index::count_download(const ReleaseId& id, std::uint64_t count) const {
  TRY(const std::uint64_t before, rows::read_downloads(reader_, id.application, id.version.text()));
  return Writes{rows::write_downloads(id.application, id.version.text(), before + count)};
}

}  // namespace escape::inventory
