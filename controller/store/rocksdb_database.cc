// With rocksdb_errors the only files that see rocksdb. Why each option is as it is: README.md.
#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <mutex>

#include "controller/store/keys.h"
#include "controller/store/migrations.h"
#include "controller/store/progress.h"
#include "controller/store/rocksdb_errors.h"
#include "controller/store/secrets.h"
#include "controller/store/store.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::store {
namespace {

namespace fs = std::filesystem;

/// Disk constants, in the order of Table. `meta` is RocksDB's own first family, which always exists.
constexpr std::array<const char*, table_count> family_names{
    "default", "environments", "deployments", "jobs",    "tasks",     "agents", "principals",
    "locks",   "requests",     "events",      "job_log", "inventory", "history"};

constexpr std::size_t write_buffer_bytes = 4 << 20;  // of one table
constexpr std::size_t arena_block_bytes = 64 << 10;  // the default takes 512 KiB for the first row of each table
constexpr std::size_t block_cache_bytes = 16 << 20;
constexpr std::size_t total_wal_bytes = 8 << 20;  // bounds what an open has to replay
constexpr int writer_open_files = 256;
/// Opening leaves what it replayed in memory, unless this many logs have gathered from earlier opens.
constexpr std::size_t logs_before_flush = 16;
constexpr int read_only_attempts = 10;
/// An open may have to write what the logs hold into tables, and goes on from there.
constexpr off_t room_to_go_on = 2 * total_wal_bytes;

/// RocksDB's own LOG files would be rotated by every read-only open, under the writer's hands. Its errors come to our
/// log; the rest is noise. Called from several threads at once.
class ErrorsOnly : public rocksdb::Logger {
 public:
  ErrorsOnly() : Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 512> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    log_debug("rocksdb: {}", line.data());
  }
};

/// Nothing goes on by itself after a failure: the owner of the database decides what is true then.
class NoRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* is_automatic) override {
    *is_automatic = false;
  }
};

/// How a folder is opened.
struct Opening {
  Access access = Access::read_write;
  bool is_alone = true;       ///< nobody else writes
  bool rewrites_log = false;  ///< what the logs hold goes into tables at once, synced
};

struct FolderContents {
  bool has_current = false;
  bool has_data = false;
  std::size_t logs = 0;
};

FolderContents look_at(const std::string& folder) {
  FolderContents contents;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path name = it->path().filename();
    if (name == "CURRENT") contents.has_current = true;
    if (name.extension() == ".log") ++contents.logs;
    if (name.extension() == ".sst" || name.extension() == ".log") contents.has_data = true;
  }
  return contents;
}

rocksdb::DBOptions database_options(const Opening& opening, const FolderContents& contents) {
  const bool is_writer = opening.access == Access::read_write;
  rocksdb::DBOptions options;
  options.create_if_missing = is_writer;
  options.listeners.push_back(std::make_shared<NoRecovery>());
  options.max_bgerror_resume_count = 0;
  options.info_log = std::make_shared<ErrorsOnly>();
  options.max_total_wal_size = total_wal_bytes;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 1;
  options.stats_dump_period_sec = options.stats_persist_period_sec = 0;
  options.avoid_flush_during_recovery = contents.logs < logs_before_flush && !opening.rewrites_log;
  options.max_manifest_file_size = 1 << 20;
  // Every commit was synced, so only the end of a log may be torn; damage further up must not be passed over in
  // silence. A reader beside the writer may meet a log that is just being written: it takes what is whole.
  options.wal_recovery_mode = opening.is_alone ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                               : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // A reader holds all files open: the writer's compaction may remove them at any time.
  options.max_open_files = is_writer ? writer_open_files : -1;
  return options;
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = write_buffer_bytes;
  options.arena_block_size = arena_block_bytes;
  options.max_write_buffer_number = 2;
  options.target_file_size_base = write_buffer_bytes;
  options.max_bytes_for_level_base = 4 * write_buffer_bytes;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

/// An open RocksDB. Closed, and its lock released, with the last database or snapshot that uses it.
struct OpenDatabase {
  std::string folder;
  Access access = Access::read_write;
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, table_count>
      families{};  ///< null: older than that table, which reads as empty

  ~OpenDatabase() {
    for (rocksdb::ColumnFamilyHandle* family : families) {
      if (family) db->DestroyColumnFamilyHandle(family);
    }
    if (db) db->Close();
  }
  rocksdb::ColumnFamilyHandle* family(Table table) const { return families[static_cast<std::size_t>(table)]; }
};
using Shared = std::shared_ptr<const OpenDatabase>;
using SharedKeys = std::shared_ptr<const SealKeys>;

Result<std::optional<std::string>> get_row(const OpenDatabase& open, const rocksdb::Snapshot* snapshot, Table table,
                                           std::string_view key) {
  if (!open.family(table)) return std::optional<std::string>{};
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status status = open.db->Get(options, open.family(table), {key.data(), key.size()}, &value);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return fail(to_error(status, "read from the database", open.folder));
  return std::optional<std::string>(std::move(value));
}

Result<> scan_rows(const OpenDatabase& open, const rocksdb::Snapshot* snapshot, Table table, std::string_view from,
                   std::string_view to, Reader::Order order,
                   const std::function<bool(std::string_view, std::string_view)>& visit) {
  if (!open.family(table) || (!to.empty() && to <= from)) return ok();
  const rocksdb::Slice lower(from.data(), from.size());
  const rocksdb::Slice upper(to.data(), to.size());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.iterate_lower_bound = &lower;
  if (!to.empty()) options.iterate_upper_bound = &upper;
  const bool is_ascending = order == Reader::Order::ascending;
  const std::unique_ptr<rocksdb::Iterator> it(open.db->NewIterator(options, open.family(table)));
  for (is_ascending ? it->SeekToFirst() : it->SeekToLast(); it->Valid(); is_ascending ? it->Next() : it->Prev()) {
    if (!visit(it->key().ToStringView(), it->value().ToStringView())) return ok();
  }
  if (!it->status().ok()) return fail(to_error(it->status(), "read from the database", open.folder));
  return ok();
}

class RocksSnapshot : public Reader {
 public:
  RocksSnapshot(Shared open, SharedKeys keys) : open_(std::move(open)), keys_(std::move(keys)) {
    // What is open for reading alone never changes.
    if (open_->access == Access::read_write) snapshot_ = open_->db->GetSnapshot();
  }
  ~RocksSnapshot() override {
    if (snapshot_) open_->db->ReleaseSnapshot(snapshot_);
  }
  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return get_row(*open_, snapshot_, table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return scan_rows(*open_, snapshot_, table, from, to, order, visit);
  }
  const SealKeys* seal_keys() const override { return keys_.get(); }

 private:
  Shared open_;
  SharedKeys keys_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
};

/// What is open, to whoever asks for a Reader.
class OpenReader : public Reader {
 public:
  explicit OpenReader(const OpenDatabase& open) : open_(open) {}
  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return get_row(open_, nullptr, table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return scan_rows(open_, nullptr, table, from, to, order, visit);
  }

 private:
  const OpenDatabase& open_;
};

Error newer_schema(const std::string& folder, const std::string& what) {
  return {ErrorKind::bad_data,
          "The database in '" + folder + "' was written by a newer version of Escape (" + what + ")",
          "Use that version or a later one."};
}

Result<> check_schema(const OpenDatabase& open) {
  const Result<std::uint32_t> written = schema_of(OpenReader(open));
  if (!written) {
    Error error = written.error();
    error.message = "The database in '" + open.folder + "' is damaged: " + error.message;
    return fail(std::move(error));
  }
  const std::uint32_t version = written.value();
  if (version <= schema_version) return ok();
  return fail(newer_schema(open.folder, "schema " + std::to_string(version) + ", this program reads up to " +
                                            std::to_string(schema_version)));
}

/// A folder that cannot be opened for another reason than a full disk or a lock is damaged, whatever RocksDB calls it:
/// a CURRENT or MANIFEST that names nothing is an invalid argument or a missing file to it.
Error cannot_open(const rocksdb::Status& status, const std::string& folder) {
  Error error = to_error(status, "open the database", folder);
  if (error.kind == ErrorKind::storage && error.hint.empty()) error.hint = "Restore the folder from a backup.";
  return error;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Names of the families on the disk. Error: bad_data when one is not ours.
Result<std::vector<std::string>> existing_families(const std::string& folder, const rocksdb::DBOptions& options) {
  std::vector<std::string> existing;
  const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, folder, &existing);
  if (!status.ok()) return fail(cannot_open(status, folder));
  for (const std::string& name : existing) {
    if (std::find(family_names.begin(), family_names.end(), name) == family_names.end()) {
      return fail(newer_schema(folder, "table '" + name + "'"));
    }
  }
  return existing;
}

/// Makes the families that a new or older database does not have. In one call: each call of its own rewrites the
/// options file.
rocksdb::Status make_families(rocksdb::DB& db, const std::vector<std::string>& names,
                              const rocksdb::ColumnFamilyOptions& options,
                              std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  if (names.empty()) return rocksdb::Status::OK();
  std::vector<rocksdb::ColumnFamilyHandle*> made;
  const rocksdb::Status status = db.CreateColumnFamilies(options, names, &made);
  handles.insert(handles.end(), made.begin(), made.end());
  return status;
}

Result<Shared> open_once(const std::string& folder, const Opening& opening, const FolderContents& contents) {
  const Access access = opening.access;
  const rocksdb::DBOptions options = database_options(opening, contents);
  std::vector<std::string> names{family_names[0]};
  if (contents.has_current) {
    TRY(names, existing_families(folder, options));
  }
  std::vector<std::string> missing;
  for (const char* name : family_names) {
    if (access == Access::read_write && !contains(names, name)) missing.push_back(name);
  }
  const rocksdb::ColumnFamilyOptions family = family_options(rocksdb::NewLRUCache(block_cache_bytes));
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, family);

  auto open = std::make_shared<OpenDatabase>();
  open->folder = folder;
  open->access = access;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = access == Access::read_write
                               ? rocksdb::DB::Open(options, folder, families, &handles, &db)
                               : rocksdb::DB::OpenForReadOnly(options, folder, families, &handles, &db);
  open->db.reset(db);
  if (status.ok()) status = make_families(*db, missing, family, handles);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const auto place = std::find(family_names.begin(), family_names.end(), handle->GetName());
    open->families[static_cast<std::size_t>(place - family_names.begin())] = handle;
  }
  if (!status.ok()) return fail(cannot_open(status, folder));
  TRYV(check_schema(*open));
  return Shared(std::move(open));
}

Result<> make_folder(const std::string& folder) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (error) {
    const bool is_denied = error == std::errc::permission_denied;
    return fail(is_denied ? ErrorKind::no_permission : ErrorKind::storage,
                "Cannot make the folder '" + folder + "' for the database: " + error.message());
  }
  // Inputs and outputs of deployments are in it.
  if (made) fs::permissions(folder, fs::perms::owner_all, error);
  return ok();
}

/// Opening to write takes the torn end of any log for the end of a life, also where a later log goes on behind what is
/// lost. Point in time stops there, so a log without a gap ends at the same commit both ways.
Result<std::uint64_t> end_of_unbroken_log(const std::string& folder, const FolderContents& contents) {
  if (contents.logs < 2) return std::numeric_limits<std::uint64_t>::max();
  TRY(Shared careful, open_once(folder, {Access::read_only, false}, contents));
  return careful->db->GetLatestSequenceNumber();
}

Result<Shared> open_writer(const std::string& folder, bool rewrites_log = false) {
  TRYV(make_folder(folder));
  const FolderContents contents = look_at(folder);
  if (!contents.has_current && contents.has_data) {
    // RocksDB would begin a new, empty database over the remains of this one.
    return fail(ErrorKind::storage, "The database in '" + folder + "' is damaged: its file CURRENT is missing",
                "Restore the folder from a backup.");
  }
  TRY(const std::uint64_t unbroken, end_of_unbroken_log(folder, contents));
  TRY(Shared open, open_once(folder, {Access::read_write, true, rewrites_log}, contents));
  const std::uint64_t end = open->db->GetLatestSequenceNumber();
  if (unbroken < end) {
    return fail(
        damaged_log(folder, "commits are missing between " + std::to_string(unbroken) + " and " + std::to_string(end)));
  }
  TRYV(check_progress(folder, end));
  return open;
}

/// Takes the room and gives it back.
Result<> check_takes_writes(const std::string& folder) {
  const std::string path = io::join_path(folder, "room");
  const std::string action = "write to the database in";
  Result<io::Fd> file = io::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return fail(std::move(file).error());
  const int failed = ::posix_fallocate(file.value().get(), 0, room_to_go_on);
  TRYV(io::remove_all(path));
  if (failed == 0) return ok();
  Error error = io::file_error(action, folder, failed);
  error.kind = ErrorKind::storage;
  return fail(std::move(error));
}

/// Tries again when files went away between being listed and being opened: the writer may be compacting.
Result<Shared> open_reader(const std::string& folder, bool is_alone = false) {
  for (int attempt = 1;; ++attempt) {
    const FolderContents contents = look_at(folder);
    if (!contents.has_current) {
      return fail(ErrorKind::not_found, "There is no database in '" + folder + "'");
    }
    const std::uint64_t noted = read_progress(folder);  // before opening: the writer goes on noting
    Result<Shared> open = open_once(folder, {Access::read_only, is_alone}, contents);
    if (open) {
      Result<> checked = check_progress(folder, open.value()->db->GetLatestSequenceNumber(), noted);
      if (!checked) open = fail(std::move(checked).error());
    }
    const bool may_pass = !is_alone && !open && open.error().kind == ErrorKind::storage;
    if (!may_pass || attempt == read_only_attempts) return open;
  }
}

struct Opened {
  Shared open;
  std::optional<Error> not_writable{};  ///< why it is open only to read
};

Result<Opened> open_when_possible(const std::string& folder) {
  Result<Shared> writer = open_writer(folder);
  if (writer) return Opened{std::move(writer).value()};
  const Error why = writer.error();
  if (why.kind != ErrorKind::storage || check_takes_writes(folder)) return fail(why);
  Result<Shared> reader = open_reader(folder, true);
  if (!reader) return fail(why);
  // What has to be migrated is written before it is read.
  TRY(const std::uint32_t schema, schema_of(OpenReader(*reader.value())));
  if (schema != schema_version) return fail(why);
  return Opened{std::move(reader).value(), why};
}

Result<Opened> open_folder(const std::string& folder, Access access) {
  if (access == Access::write_when_possible) return open_when_possible(folder);
  TRY(Shared open, access == Access::read_write ? open_writer(folder) : open_reader(folder));
  return Opened{std::move(open)};
}

/// The mutex is for those who take a snapshot on another thread while the owner opens the folder anew.
class RocksDatabase : public Database {
 public:
  RocksDatabase(Opened opened, Access access, std::string key_file)
      : open_(std::move(opened.open)),
        key_file_(std::move(key_file)),
        is_writer_(access != Access::read_only),
        failed_(std::move(opened.not_writable)) {}

  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return get_row(*open_, nullptr, table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return scan_rows(*open_, nullptr, table, from, to, order, visit);
  }
  Result<> commit(const std::vector<Write>& batch) override {
    if (!is_writer_) {
      return fail(ErrorKind::internal, "The database in '" + open_->folder + "' is open for reading only");
    }
    if (batch.empty()) return ok();
    if (failed_) return fail(*failed_);
    Result<> written = write(batch);
    if (!written) failed_ = written.error();
    return written;
  }
  std::unique_ptr<Reader> snapshot() const override {
    const std::lock_guard hold(mutex_);
    return std::make_unique<RocksSnapshot>(open_, keys_);
  }
  Result<> refresh() override {
    if (is_writer_) return ok();
    TRY(Shared fresh, open_reader(open_->folder));
    replace(std::move(fresh));
    return take_keys();
  }
  const SealKeys* seal_keys() const override { return keys_.get(); }
  /// After what is open has changed. The database may have been sealed with another key since.
  Result<> take_keys() {
    if (failed_ && key_file_is_to_be_made()) return fail(*failed_);
    TRY(SealKeys keys, keys_for(*this, open_->folder, key_file_, is_writable()));
    const std::lock_guard hold(mutex_);
    keys_ = std::make_shared<const SealKeys>(std::move(keys));
    return ok();
  }
  /// Before anything is sealed with it.
  Result<> note_key() {
    if (keys_->empty()) return ok();
    TRY(const std::string ids, sealed_with(*this));
    const std::optional<Write> note = note_first_key(ids, *keys_);
    return note ? commit({*note}) : ok();
  }
  /// What was replaced is in no file any more when this returns.
  Result<> rewrite() {
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    for (rocksdb::ColumnFamilyHandle* family : open_->families) {
      if (family) families.push_back(family);
    }
    rocksdb::Status status = open_->db->Flush(rocksdb::FlushOptions(), families);
    rocksdb::CompactRangeOptions whole;
    whole.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    for (rocksdb::ColumnFamilyHandle* family : families) {
      if (status.ok()) status = open_->db->CompactRange(whole, family, nullptr, nullptr);
    }
    if (status.ok()) return ok();
    return fail(to_error(status, "write to the database", open_->folder));
  }
  Result<> reopen() override {
    if (!is_writer_ || !failed_) return ok();
    const std::string folder = open_->folder;
    if (is_open_for_writing()) {
      // Beside the failed one, so that nobody who reads goes without.
      TRY(Shared reader, open_reader(folder, true));
      replace(std::move(reader));
    }
    TRYV(check_takes_writes(folder));
    TRY(Shared writer, open_writer(folder, true));
    replace(std::move(writer));
    failed_.reset();
    return ok();
  }
  bool is_writable() const override { return is_writer_ && !failed_; }
  Result<> checkpoint(const std::string& to) const override {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(open_->db.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    // Without a flush: what is in memory is in the logs, and these are copied.
    if (status.ok()) status = checkpoint->CreateCheckpoint(to, UINT64_MAX);
    if (status.ok()) return ok();
    return fail(to_error(status, "copy the database", open_->folder));
  }
  Result<> note_progress() override {
    if (!is_writable()) return ok();
    const std::uint64_t sequence = open_->db->GetLatestSequenceNumber();
    if (sequence == noted_) return ok();
    TRYV(write_progress(open_->folder, sequence));
    noted_ = sequence;
    return ok();
  }

 private:
  bool key_file_is_to_be_made() const {
    const Result<std::string> ids = sealed_with(*this);
    return !key_file_.empty() && !io::exists(key_file_) && ids && ids.value().empty();
  }
  bool is_open_for_writing() const { return open_->access == Access::read_write; }
  Result<> write(const std::vector<Write>& batch) {
    rocksdb::WriteBatch writes;
    for (const Write& write : batch) {
      const rocksdb::Status status = write.value ? writes.Put(open_->family(write.table), write.key, *write.value)
                                                 : writes.Delete(open_->family(write.table), write.key);
      if (!status.ok()) return fail(to_error(status, "write to the database", open_->folder));
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = open_->db->Write(options, &writes);
    if (!status.ok()) return fail(to_error(status, "write to the database", open_->folder));
    return ok();
  }
  /// Whoever still reads from the old one keeps it, and its lock, until then.
  void replace(Shared fresh) {
    const std::lock_guard hold(mutex_);
    open_.swap(fresh);
  }

  mutable std::mutex mutex_;
  Shared open_;
  std::string key_file_;
  SharedKeys keys_ = std::make_shared<const SealKeys>();
  bool is_writer_;
  std::optional<Error> failed_;  ///< why nothing is written until `reopen`
  std::uint64_t noted_ = 0;      ///< what note_progress wrote last
};

/// The old rows stay beside the folder until somebody removes them.
Result<> migrate_after_copy(RocksDatabase& database, const std::string& folder) {
  if (!database.is_writable()) return ok();
  TRY(const std::uint32_t schema, schema_of(database));
  if (schema == schema_version) return database.note_key();
  const std::string copy = folder + ".schema-" + std::to_string(schema);
  if (!io::exists(copy)) {
    TRYV(database.checkpoint(copy));
    std::error_code ignored;
    fs::permissions(copy, fs::perms::owner_all, ignored);
    TRYV(io::sync_folder(io::parent_path(copy)));
    log_info("the database as it was is kept in '{}'{}", copy,
             schema < first_sealed_schema
                 ? ": values of inputs and outputs, secret ones too, are in clear there, so remove it soon"
                 : "");
  }
  TRYV(database.note_key());
  return migrate(database, migrations());
}

/// What was sealed, or sealed anew, has left its old bytes in logs and tables.
Result<> rewrite_if_due(RocksDatabase& database) {
  if (!database.is_writable()) return ok();
  TRY(const std::optional<std::string> due, database.get(Table::meta, meta_key::rewrite));
  if (!due) return ok();
  TRYV(database.rewrite());
  return database.commit({{Table::meta, std::string(meta_key::rewrite), std::nullopt}});
}

}  // namespace

Result<std::unique_ptr<Database>> open_rocksdb(const std::string& folder, Access access, const std::string& key_file) {
  TRY(Opened opened, open_folder(folder, access));
  auto database = std::make_unique<RocksDatabase>(std::move(opened), access, key_file);
  TRYV(database->take_keys());
  if (access != Access::read_only) {
    TRYV(migrate_after_copy(*database, folder));
    TRYV(rewrite_if_due(*database));
  }
  return std::unique_ptr<Database>(std::move(database));
}

Result<> check_rocksdb(const std::string& folder) {
  TRY(const Shared open, open_reader(folder, true));
  const rocksdb::Status status = open->db->VerifyChecksum();
  if (status.ok()) return ok();
  return fail(to_error(status, "read the database", folder));
}

}  // namespace escape::store
