#include <algorithm>
#include <limits>

#include "controller/inventory/inventory.h"
#include "controller/inventory/keys.h"
#include "controller/inventory/rows.h"
#include "controller/inventory/version_rows.h"
#include "shared/base/overloaded.h"

/// The reading half of Index; index_writes.cc is the other.
namespace escape::inventory {
namespace {

using release::ApplicationId;
using release::ReleaseId;
using release::ReleaseQuery;
using release::Version;

std::string spelled(const std::vector<Version>& versions) {
  constexpr std::size_t shown = 5;
  std::string text;
  for (std::size_t i = versions.size() - std::min(shown, versions.size()); i < versions.size(); ++i) {
    if (!text.empty()) text += ", ";
    text += versions[i].text();
  }
  return (versions.size() > shown ? "…, " : "") + text;
}

}  // namespace

Result<std::vector<std::string>> Index::projects() const {
  TRY(const auto namespaces, Catalogue(reader_).namespaces());
  std::vector<std::string> names;
  names.reserve(namespaces.size());
  for (const Namespace& one : namespaces) names.push_back(one.name);
  return names;
}

Result<std::vector<std::string>> Index::applications(std::string_view project) const {
  std::vector<std::string> names;
  const std::string prefix = keys::units_of(project);
  TRYV(reader_.scan(store::Table::inventory, prefix, store::end_of_prefix(prefix), store::Reader::Order::ascending,
                    [&](std::string_view key, std::string_view) {
                      names.emplace_back(keys::name_in(key));
                      return true;
                    }));
  if (names.empty()) {
    return fail(ErrorKind::not_found,
                "The project '" + std::string(project) + "' could not be found in " + place_ + ".",
                "`escape inventory query` lists the projects that there are.");
  }
  return names;
}

Result<std::vector<Version>> Index::versions(const ApplicationId& application) const {
  std::vector<Version> found;
  TRYV(each_version(reader_, keys::visible_of(application), {}, store::Reader::Order::ascending, [&](Version version) {
    found.push_back(std::move(version));
    return true;
  }));
  return found;
}

Result<std::optional<Entry>> Index::find(const ReleaseId& id) const {
  return rows::find_entry(reader_, id.application, id.version.text());
}

Result<std::optional<std::string>> Index::find_version(const ReleaseQuery& query) const {
  const std::string visible = keys::visible_of(query.application);
  const auto highest = [&](std::string_view prefix) -> Result<std::optional<std::string>> {
    TRY(auto version, highest_version(reader_, visible, prefix));
    if (!version) return std::optional<std::string>{};
    return std::optional(version->text());
  };
  using Found = Result<std::optional<std::string>>;
  return std::visit(
      overloaded{
          [&](const release::Latest&) -> Found { return highest(""); },
          [&](const release::Prefix& prefix) -> Found { return highest(prefix.prefix); },
          [&](const release::Exact& exact) -> Found { return std::optional(exact.version.text()); },
          [&](const release::Tag& tag) -> Found { return rows::find_tag(reader_, query.application, tag.name); },
      },
      query.version);
}

Error Index::not_found(const ReleaseQuery& query) const {
  Error error{ErrorKind::not_found, "The release " + to_string(query) + " could not be found in " + place_ +
                                        ". You may have to release it first?"};
  const auto known = versions(query.application);
  if (!known) return error;
  const std::string application = to_string(query.application);
  error.hint = known.value().empty() ? "There is no release of " + application + " at all."
                                     : "There is " + application + " in " + spelled(known.value()) + ".";
  return error;
}

Result<release::ReleaseRecord> Index::resolve(const ReleaseQuery& query) const {
  TRY(const auto text, find_version(query));
  if (!text) return fail(not_found(query));
  TRY(auto entry, rows::find_entry(reader_, query.application, *text));
  if (!entry || !entry->is_visible()) return fail(not_found(query));
  TRY(Version version, Version::parse(*text));
  return release::ReleaseRecord{
      {query.application, std::move(version)}, std::move(entry->sha256), entry->size, std::move(entry->metadata)};
}

Result<std::vector<TaggedVersion>> Index::tags(const ApplicationId& application) const {
  TRY(const auto unit, rows::find_unit(reader_, application));
  if (!unit) {
    return fail(ErrorKind::not_found,
                "The application '" + to_string(application) + "' could not be found in " + place_ + ".",
                "`escape inventory query -p " + application.project + "` lists the applications that there are.");
  }
  std::vector<TaggedVersion> tags;
  std::optional<Error> broken;
  const std::string prefix = keys::tags_of(application);
  TRYV(reader_.scan(store::Table::inventory, prefix, store::end_of_prefix(prefix), store::Reader::Order::ascending,
                    [&](std::string_view key, std::string_view bytes) {
                      Result<std::string> version = rows::read_tag(bytes);
                      if (!version) {
                        broken = std::move(version).error();
                        return false;
                      }
                      tags.push_back({std::string(key.substr(prefix.size())), std::move(version).value()});
                      return true;
                    }));
  if (broken) return fail(std::move(*broken));
  return tags;
}

Result<TagMove> Index::move_of(const ReleaseQuery& target, std::string_view tag) const {
  TRY(const release::ReleaseRecord record, resolve(target));
  TRY(auto before, rows::find_tag(reader_, target.application, tag));
  return TagMove{std::move(before).value_or(""), record.id.version.text()};
}

Result<std::optional<Version>> Index::previous(const ReleaseId& id) const {
  const std::string visible = keys::visible_of(id.application);
  const std::string order = visible + release::sort_key(id.version);
  // Of those equal in order, the one before it; else the highest of the orders below.
  std::optional<Version> before;
  TRYV(each_version(reader_, order, order + '\0', store::Reader::Order::ascending, [&](Version version) {
    if (same_text(version, id.version)) return false;
    before = std::move(version);
    return true;
  }));
  if (before) return before;
  TRYV(each_version(reader_, visible, order, store::Reader::Order::descending, [&](Version version) {
    before = std::move(version);
    return false;
  }));
  return before;
}

Result<std::string> Index::next_version(const ApplicationId& application, std::string_view prefix) const {
  const std::string taken = keys::taken_of(application);
  if (!is_whole_prefix(prefix)) {
    std::vector<Version> all;
    TRYV(each_version(reader_, taken, {}, store::Reader::Order::ascending, [&](Version version) {
      all.push_back(std::move(version));
      return true;
    }));
    return release::next_version(prefix, all);
  }
  TRY(const auto highest, highest_version(reader_, taken, prefix));
  if (!highest) return release::next_version(prefix, {});
  const auto parts_of_prefix = static_cast<std::size_t>(std::ranges::count(prefix, '.'));
  if (highest->parts().at(parts_of_prefix) >= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(
        ErrorKind::bad_data,
        "There is no version after " + to_string(application) + "-v" + highest->text() + ": the numbers end there.",
        "Give the next release an explicit version.");
  }
  return release::next_version(prefix, {*highest});
}

}  // namespace escape::inventory
