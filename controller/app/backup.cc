#include "controller/app/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include "controller/app/checkpoints.h"
#include "controller/inventory/rows.h"
#include "controller/store/keys.h"
#include "controller/store/rows.h"
#include "controller/store/secrets.h"
#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/io/key_file.h"

namespace escape::controller {

namespace fs = std::filesystem;

// Disk constants.
constexpr int backup_format = 1;
constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view complete_name = "complete";
constexpr std::string_view half_restored_name = "restore-unfinished";

// A life that was lost may have given numbers that the backup does not know. What it can have given since the backup,
// generously, and a margin for a backup that is seconds old. By time, so that restoring the same backup twice passes
// over the numbers of the life between as well.
constexpr std::uint64_t number_margin = 1'000;
constexpr std::uint64_t epochs_per_second = 10;
constexpr std::uint64_t jobs_per_second = 100;
constexpr std::uint64_t events_per_second = 1'000;

struct FileRow {
  std::string path{};  ///< below the backup's folder
  std::uint64_t size = 0;
  std::string sha256{};
};
template <class V>
void describe(V& visit, FileRow& f) {
  visit.required("path", f.path);
  visit.required("size", f.size);
  visit.required("sha256", f.sha256);
}

struct Manifest {
  int format = backup_format;
  std::string version{};
  std::string instance{};  ///< hex
  BackupSummary summary{};
  std::vector<FileRow> files{};
};
template <class V>
void describe(V& visit, Manifest& m) {
  visit.required("format", m.format);
  visit("version", m.version);
  visit.required("made_at", m.summary.made_at);
  visit("instance", m.instance);
  visit.required("epoch", m.summary.epoch);
  visit.required("last_job", m.summary.last_job);
  visit.required("last_event", m.summary.last_event);
  visit("releases", m.summary.releases);
  visit("secrets_keys", m.summary.secrets_keys);
  visit.required("files", m.files);
}

namespace {

Result<> sync_file(const std::string& path) {
  TRY(const io::Fd file, io::open_file(path, O_RDONLY));
  if (::fsync(file.get()) != 0) return fail(io::file_error("write", path, errno));
  return ok();
}

Result<> copy_file(const std::string& from, const std::string& to) {
  TRY(const io::Fd in, io::open_file(from, O_RDONLY));
  TRY(const io::Fd out, io::open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600));
  std::string buffer(1 << 20, '\0');
  while (true) {
    TRY(const std::size_t got, io::read_some(in, buffer.data(), buffer.size(), from));
    if (got == 0) break;
    TRYV(io::write_all(out, std::string_view(buffer).substr(0, got), to));
  }
  if (::fsync(out.get()) != 0) return fail(io::file_error("write", to, errno));
  return ok();
}

/// What is linked is never written to again: tables, packages, and the logs of a checkpoint, which are its own.
Result<> link_or_copy(const std::string& from, const std::string& to) {
  TRYV(io::make_folders(io::parent_path(to), 0700));
  if (::link(from.c_str(), to.c_str()) == 0) return sync_file(to);
  if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == ENOTSUP) return copy_file(from, to);
  return fail(io::file_error("copy to", to, errno));
}

/// But for `except`, a path.
Result<> expect_empty(const std::string& folder, const std::string& hint, const std::string& except = {}) {
  if (!io::exists(folder)) return ok();
  TRY(std::vector<std::string> names, io::list_folder(folder));
  std::erase_if(names, [&](const std::string& name) {
    return io::absolute_path(io::join_path(folder, name)) == io::absolute_path(except);
  });
  if (names.empty()) return ok();
  return fail(ErrorKind::conflict, "The folder '" + folder + "' is not empty: '" + names.front() + "' is in it", hint);
}

/// Regular files below the folder, by their paths below it, sorted.
Result<std::vector<std::string>> files_below(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) found.push_back(fs::relative(it->path(), folder, error).string());
  }
  if (error) return fail(io::file_error("read", folder, error.value()));
  std::ranges::sort(found);
  return found;
}

Result<> sync_folders(const std::string& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_directory(error)) continue;
    TRYV(io::sync_folder(it->path().string()));
  }
  TRYV(io::sync_folder(folder));
  return io::sync_folder(io::parent_path(io::absolute_path(folder)));
}

/// A moment of the database, for as long as this lives.
struct Moment {
  std::string folder;
  std::optional<io::Fd> connection{};
  std::optional<io::FileLock> lock{};

  Moment() = default;
  Moment(Moment&&) = default;
  ~Moment() {
    if (lock) (void)io::remove_all(folder);
  }
};

Result<Moment> take_moment(const std::string& data_folder, const std::string& key_file) {
  if (!io::exists(io::join_path(data_folder, "db/CURRENT"))) {
    return fail(ErrorKind::not_found, "There is no controller's data in '" + data_folder + "'",
                "Name the folder with --data, or the settings with --config.");
  }
  Result<io::FileLock> lock = io::FileLock::try_exclusive(io::join_path(data_folder, "lock"));
  if (!lock && lock.error().kind != ErrorKind::conflict) return fail(std::move(lock).error());
  Moment moment;
  if (!lock) {
    TRY(BorrowedCheckpoint borrowed, borrow_checkpoint(data_folder));
    moment.folder = std::move(borrowed.folder);
    moment.connection = std::move(borrowed.connection);
    return moment;
  }
  lock.value().describe("pid " + std::to_string(::getpid()) + ": escape-controller backup");
  TRY(const auto database, store::open_rocksdb(io::join_path(data_folder, "db"), store::Access::read_write, key_file));
  const std::string parent = io::join_path(data_folder, "checkpoints");
  TRYV(io::make_folders(parent, 0700));
  moment.folder = io::join_path(parent, random_hex(8));
  TRYV(database->checkpoint(moment.folder));
  moment.lock = std::move(lock).value();
  return moment;
}

/// The packages that the index of this very moment speaks of; later ones belong to no release of it.
Result<std::uint64_t> copy_packages(const store::Reader& reader, const std::string& data_folder,
                                    const std::string& folder) {
  TRY(const std::set<std::string> digests, inventory::rows::stored_packages(reader));
  const std::string from = io::join_path(data_folder, "packages");
  const std::string to = io::join_path(folder, "packages");
  const inventory::PackageFolder source(from);
  const inventory::PackageFolder target(to);
  for (const std::string& digest : digests) {
    const std::string path = source.path_of(digest);
    if (!io::exists(path)) {
      return fail(ErrorKind::storage, "The package '" + path + "' is missing, and a release names it",
                  "Bring it back from an earlier backup; without it the backup would not be whole.");
    }
    TRYV(link_or_copy(path, target.path_of(digest)));
    TRY(const std::string found, io::sha256_of_file(target.path_of(digest)));
    if (found == digest) continue;
    return fail(ErrorKind::storage, "The package '" + path + "' is damaged: its SHA-256 is " + found,
                "Bring it back from an earlier backup.");
  }
  return digests.size();
}

Result<> describe_files(const std::string& folder, Manifest& manifest) {
  TRY(const std::vector<std::string> names, files_below(folder));
  for (const std::string& name : names) {
    FileRow row;
    row.path = name;
    TRY(row.size, io::file_size(io::join_path(folder, name)));
    TRY(row.sha256, io::sha256_of_file(io::join_path(folder, name)));
    manifest.summary.bytes += row.size;
    manifest.files.push_back(std::move(row));
  }
  manifest.summary.files = manifest.files.size();
  return ok();
}

/// The manifest, then the word that it is whole.
Result<> complete(const std::string& folder, const Manifest& manifest) {
  const std::string text = codec::to_json(codec::encode(manifest), codec::JsonStyle::indented) + "\n";
  TRYV(sync_folders(folder));
  TRYV(io::write_file(io::join_path(folder, manifest_name), text, 0600));
  return io::write_file(io::join_path(folder, complete_name), io::sha256_of(text) + "\n", 0600);
}

Error not_whole(const std::string& folder, std::string why) {
  return {ErrorKind::bad_data,
          "'" + folder + "' is not a whole backup: " + std::move(why),
          "Take another one. Nothing was changed.",
          {}};
}

Result<Manifest> read_manifest(const std::string& folder) {
  const Result<std::string> mark = io::read_file(io::join_path(folder, complete_name));
  if (!mark) {
    return fail(not_whole(folder, "it has no file '" + std::string(complete_name) + "', which is written last"));
  }
  const Result<std::string> text = io::read_file(io::join_path(folder, manifest_name));
  if (!text) return fail(not_whole(folder, describe(text.error())));
  if (io::sha256_of(text.value()) != trimmed(mark.value())) return fail(not_whole(folder, "its manifest is damaged"));
  TRY(const Value value, codec::from_json(text.value()));
  TRY(Manifest manifest, codec::decode<Manifest>(value));
  if (manifest.format != backup_format) {
    return fail(ErrorKind::bad_data, "The backup in '" + folder + "' was made by a newer version of Escape",
                "Use that version or a later one. Nothing was changed.");
  }
  return manifest;
}

Result<> check_files(const std::string& folder, Manifest& manifest) {
  std::set<std::string> expected{std::string(manifest_name), std::string(complete_name)};
  for (const FileRow& row : manifest.files) {
    const bool is_below =
        row.path.starts_with("db/") || row.path.starts_with("packages/") || row.path == "controller.key";
    if (!is_below || row.path.find("..") != std::string::npos) {
      return fail(not_whole(folder, "its manifest names '" + row.path + "'"));
    }
    const std::string path = io::join_path(folder, row.path);
    const Result<std::uint64_t> size = io::file_size(path);
    if (!size) return fail(not_whole(folder, describe(size.error())));
    TRY(const std::string sha256, io::sha256_of_file(path));
    if (size.value() != row.size || sha256 != row.sha256) return fail(not_whole(folder, "'" + path + "' is damaged"));
    expected.insert(row.path);
    manifest.summary.bytes += row.size;
  }
  manifest.summary.files = manifest.files.size();
  TRY(const std::vector<std::string> names, files_below(folder));
  for (const std::string& name : names) {
    if (!expected.contains(name)) return fail(not_whole(folder, "'" + name + "' does not belong to it"));
  }
  return ok();
}

/// The restored life is above everything that the lost one can have been.
Result<RestoreSummary> raise_numbers(const std::string& data_folder, const std::string& key_file,
                                     const Manifest& manifest, Timestamp now) {
  TRY(const auto database, store::open_rocksdb(io::join_path(data_folder, "db"), store::Access::read_write, key_file));
  TRY(State state, store::load_state(*database));
  const auto passed = static_cast<std::uint64_t>(std::max<std::int64_t>(0, (now - manifest.summary.made_at).count()));
  // To the fraction: the life between two restores may have lasted for less than a second.
  const auto since_then = [&](std::uint64_t per_second) { return number_margin + passed * per_second / 1'000'000; };
  RestoreSummary done{.backup = manifest.summary};
  state.epoch += since_then(epochs_per_second);
  done.epoch = state.epoch;
  done.job_floor = state.last_job + since_then(jobs_per_second);
  protocol::EventView told{.sequence = state.last_event + since_then(events_per_second),
                           .time = now,
                           .kind = "controller.restored",
                           .principal = {},
                           .environment = {},
                           .deployment = {},
                           .job = 0,
                           .data = {}};
  told.data.set("backup_of", to_rfc3339(manifest.summary.made_at));
  told.data.set("last_job", static_cast<std::int64_t>(state.last_job));
  told.data.set("last_event", static_cast<std::int64_t>(state.last_event));
  std::vector<store::Write> batch = store::start_writes(state);
  batch.push_back({store::Table::meta, std::string(store::meta_key::job_floor), store::u64_key(done.job_floor)});
  store::append_writes(told, batch, database->seal_keys());
  TRYV(database->commit(batch));
  return done;
}

std::vector<std::string> hex_ids(std::string_view ids) {
  std::vector<std::string> texts;
  for (; ids.size() >= SealKeys::id_bytes; ids.remove_prefix(SealKeys::id_bytes)) {
    texts.push_back(to_hex(ids.substr(0, SealKeys::id_bytes)));
  }
  return texts;
}

/// Before anything is written: without its key the restored database would not open.
Result<> check_has_keys(const std::string& folder, const std::string& key_file, const Manifest& manifest) {
  if (manifest.summary.secrets_keys.empty()) return ok();
  const std::string wanted = "The secrets in the backup '" + folder + "' are sealed with the key " +
                             join(manifest.summary.secrets_keys, ", ") + ", and ";
  const std::string hint =
      "Put the key file there (a copy of the one that the controller had when the backup was made) and run it again. "
      "Nothing was changed.";
  const Result<SealKeys> keys = io::read_key_file(key_file);
  if (!keys && keys.error().kind != ErrorKind::not_found) return fail(keys.error());
  if (!keys) return fail(ErrorKind::bad_configuration, wanted + "'" + key_file + "' does not exist", hint);
  for (const std::string& id : manifest.summary.secrets_keys) {
    if (keys.value().has(from_hex(id))) continue;
    return fail(ErrorKind::bad_configuration, wanted + "'" + key_file + "' does not hold it", hint);
  }
  return ok();
}

}  // namespace

Result<BackupSummary> make_backup(const std::string& data_folder, const std::string& key_file,
                                  const std::string& folder) {
  TRYV(expect_empty(folder, "Name a folder that is empty or does not exist."));
  TRY(const Moment moment, take_moment(data_folder, key_file));
  TRYV(io::make_folders(folder, 0700));
  TRY(const std::vector<std::string> names, files_below(moment.folder));
  const std::string db = io::join_path(folder, "db");
  for (const std::string& name : names) {
    TRYV(link_or_copy(io::join_path(moment.folder, name), io::join_path(db, name)));
  }
  TRYV(copy_file(io::join_path(data_folder, "controller.key"), io::join_path(folder, "controller.key")));

  // What is damaged already must not be found out when it is needed.
  TRYV(store::check_rocksdb(db));
  TRY(const auto database, store::open_rocksdb(db, store::Access::read_only, key_file));
  TRY(const State state, store::load_state(*database));
  Manifest manifest{.version = ESCAPE_VERSION, .instance = to_hex(state.instance), .summary = {}, .files = {}};
  manifest.summary.made_at = read_clocks().wall;
  manifest.summary.epoch = state.epoch;
  manifest.summary.last_job = state.last_job;
  manifest.summary.last_event = state.last_event;
  TRY(const std::string ids, store::sealed_with(*database));
  manifest.summary.secrets_keys = hex_ids(ids);
  TRY(manifest.summary.releases, copy_packages(*database, data_folder, folder));
  TRYV(describe_files(folder, manifest));
  TRYV(complete(folder, manifest));
  return manifest.summary;
}

Result<RestoreSummary> restore_backup(const std::string& folder, const std::string& data_folder,
                                      const std::string& key_file, Timestamp now) {
  TRY(Manifest manifest, read_manifest(folder));
  TRYV(check_files(folder, manifest));
  if (now < manifest.summary.made_at) {
    return fail(ErrorKind::refused,
                "The clock of this host says " + to_rfc3339(now) + ", and the backup was made at " +
                    to_rfc3339(manifest.summary.made_at),
                "Set the clock: numbers that were given since then are passed over by it.");
  }
  TRYV(expect_empty(data_folder, "Move what is there out of the way, or name another folder with --data.", key_file));
  TRYV(check_has_keys(folder, key_file, manifest));
  TRYV(io::make_folders(data_folder, 0700));
  const std::string unfinished = io::join_path(data_folder, half_restored_name);
  TRYV(io::write_file(unfinished, "from " + folder + "\n", 0600));
  TRY(io::FileLock lock, io::FileLock::try_exclusive(io::join_path(data_folder, "lock")));
  lock.describe("pid " + std::to_string(::getpid()) + ": escape-controller restore");
  for (const FileRow& row : manifest.files) {
    const std::string to = io::join_path(data_folder, row.path);
    TRYV(io::make_folders(io::parent_path(to), 0700));
    TRYV(copy_file(io::join_path(folder, row.path), to));
    TRY(const std::string sha256, io::sha256_of_file(to));
    if (sha256 != row.sha256) return fail(ErrorKind::storage, "'" + to + "' does not hold what was written to it");
  }
  TRY(RestoreSummary done, raise_numbers(data_folder, key_file, manifest, now));
  TRYV(sync_folders(data_folder));
  TRYV(io::remove_all(unfinished));
  TRYV(io::sync_folder(data_folder));
  return done;
}

Result<> check_not_half_restored(const std::string& data_folder) {
  if (!io::exists(io::join_path(data_folder, half_restored_name))) return ok();
  return fail(ErrorKind::refused, "A restore into '" + data_folder + "' began and did not end",
              "Empty the folder and run `escape-controller restore` again.");
}

}  // namespace escape::controller
