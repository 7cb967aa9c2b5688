#include "controller/cli/deps_folder.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "shared/io/files.h"

namespace escape::cli {
namespace {

constexpr const char* deps_name = "deps";
/// Beside the projects: no project's name begins with a dot.
constexpr const char* lock_name = ".lock";
constexpr const char* unpacking_name = ".unpacking";

/// Releases of one command with all that they need. A chain of doubling needs would unpack without end.
constexpr std::size_t most_releases = 1000;

/// A release that is found, and what goes below it.
struct Found {
  std::string shown;
  release::ReleaseRecord record;
  std::vector<Found> needs;
};

std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const std::string base = cache && *cache ? cache : io::join_path(io::home_folder(), ".cache");
  return io::join_path(base, "escape/packages");
}

/// Where the releases of one level lie, in their order: "project/name", and "project/name@1.0" for another version of
/// an application that has its folder already (`@` is in no name).
std::vector<std::string> places_of(const std::vector<Found>& level) {
  std::vector<std::string> places;
  for (const Found& found : level) {
    const release::ReleaseId& id = found.record.id;
    std::string place = to_string(id.application);
    if (std::ranges::find(places, place) != places.end()) place += "@" + id.version.text();
    places.push_back(std::move(place));
  }
  return places;
}

class Fetch {
 public:
  Fetch(Invocation& run, InventoryAccess& inventory) : run_(run), inventory_(inventory) {}

  Result<std::vector<Found>> find_all(const std::vector<WantedRelease>& wanted) {
    std::vector<Found> found;
    for (const WantedRelease& each : wanted) {
      TRY(release::ReleaseRecord record, inventory_.resolve(each.query));
      const std::string id = to_string(record.id);
      const auto is_same = [&](const Found& other) { return to_string(other.record.id) == id; };
      if (std::ranges::any_of(found, is_same)) continue;
      TRYV(enter(id));
      found.push_back({each.shown, std::move(record), {}});
      TRY(const std::vector<WantedRelease> needs, needs_of(found.back().record.metadata));
      Result<std::vector<Found>> below = find_all(needs);
      if (!below) return fail(std::move(below).error().in("Could not resolve a dependency of " + id));
      found.back().needs = std::move(below).value();
      above_.erase(id);
    }
    return found;
  }

  Result<> unpack(const Found& found, const std::string& folder) const {
    TRY(const std::string package, inventory_.package_file(found.record, cache_folder()));
    Result<> unpacked = run_.unpack(package, release::without_project(found.record.id), folder);
    if (!unpacked) return fail(std::move(unpacked).error().in("Failed to unpack '" + package + "'"));
    const std::vector<std::string> places = places_of(found.needs);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::string place = io::join_path(io::join_path(folder, deps_name), places[i]);
      TRYV(io::remove_all(place));  // a package may hold what somebody fetched before it was made
      TRYV(unpack(found.needs[i], place));
    }
    return ok();
  }

 private:
  Result<> enter(const std::string& id) {
    if (!above_.insert(id).second) {
      return fail(ErrorKind::bad_data, "The release " + id + " needs itself.", "Nothing was unpacked.");
    }
    if (++count_ > most_releases) {
      return fail(ErrorKind::bad_data,
                  "These are more than " + std::to_string(most_releases) + " releases with all that they need.",
                  "Nothing was unpacked. Fetch fewer at once.");
    }
    return ok();
  }

  Invocation& run_;
  InventoryAccess& inventory_;
  std::set<std::string> above_;  ///< the releases that need the present one
  std::size_t count_ = 0;
};

}  // namespace

Result<std::vector<WantedRelease>> needs_of(const release::Metadata& metadata) {
  std::vector<WantedRelease> needs;
  const auto add = [&](const std::string& id) -> Result<> {
    TRY(const release::ReleaseId exact, release::parse_release_id(id));
    needs.push_back({{exact.application, release::Exact{exact.version}}, to_string(exact)});
    return ok();
  };
  for (const std::string& extension : metadata.extends) {
    TRYV(add(extension));
  }
  for (const release::Dependency& dependency : metadata.depends) {
    TRYV(add(dependency.release_id));
  }
  return needs;
}

/// 1. Find all releases. 2. Alone in `deps`, unpack them in a folder of its own. 3. Put each in its place; what was
/// there goes with that folder.
Result<> fetch_releases(Invocation& run, const std::string& folder, const std::vector<WantedRelease>& wanted,
                        const std::function<void(std::string_view level, const std::string& text)>& say) {
  if (wanted.empty()) return ok();
  TRY(InventoryAccess * inventory, run.inventory(Access::read));
  Fetch fetch(run, *inventory);
  TRY(const std::vector<Found> found, fetch.find_all(wanted));

  const std::string deps = io::join_path(folder, deps_name);
  TRYV(io::make_folders(deps));
  TRY(const io::FileLock lock, io::FileLock::exclusive(io::join_path(deps, lock_name)));
  const std::string unpacking = io::join_path(deps, unpacking_name);
  TRYV(io::remove_all(unpacking));  // of a command that was killed
  const std::vector<std::string> places = places_of(found);
  const auto fetch_all = [&]() -> Result<> {
    for (std::size_t i = 0; i < found.size(); ++i) {
      say("info", "Fetching dependency " + found[i].shown + ".");
      TRYV(fetch.unpack(found[i], io::join_path(unpacking, std::to_string(i))));
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string place = io::join_path(deps, places[i]);
      TRYV(io::make_folders(io::parent_path(place)));
      TRYV(io::replace_folder(io::join_path(unpacking, std::to_string(i)), place));
      say("debug", "Unpacked " + to_string(found[i].record.id) + " at " + place + ".");
    }
    return ok();
  };
  const Result<> fetched = fetch_all();
  TRYV(io::remove_all(unpacking));
  TRYV(fetched);
  say("success", "Dependencies have been fetched.");
  return ok();
}

}  // namespace escape::cli
