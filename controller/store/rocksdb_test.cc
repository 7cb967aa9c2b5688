// What only the database on disk does: durability, the lock, reading beside a writer, damage.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <rocksdb/status.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

#include "controller/store/keys.h"
#include "controller/store/rocksdb_errors.h"
#include "controller/store/store.h"
#include "controller/store/temp_folder_for_tests.h"

extern char** environ;

namespace escape::store {
namespace rocksdb_test {

namespace fs = std::filesystem;

std::unique_ptr<Database> open(const std::string& folder, Access access = Access::read_write) {
  Result<std::unique_ptr<Database>> database = open_rocksdb(folder, access);
  if (!database) {
    ADD_FAILURE() << database.error().message;
    std::abort();
  }
  return std::move(database).value();
}

Error refusal(const std::string& folder, Access access = Access::read_write) {
  const Result<std::unique_ptr<Database>> database = open_rocksdb(folder, access);
  return database ? Error{ErrorKind::internal, "opened", {}, {}} : database.error();
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::vector<fs::path> files(const std::string& folder, const std::string& extension) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  return found;
}

/// Another process that commits a row, says so, and keeps the database open until it is killed: this program again,
/// running the disabled test below.
class Holder {
 public:
  explicit Holder(const std::string& folder) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    std::string program = fs::read_symlink("/proc/self/exe").string();
    std::string filter = "--gtest_filter=RocksDbHolder.DISABLED_HoldsUntilKilled";
    std::string disabled = "--gtest_also_run_disabled_tests";
    char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
    setenv("ESCAPE_TEST_FOLDER", folder.c_str(), 1);
    EXPECT_EQ(posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments, environ), 0);
    unsetenv("ESCAPE_TEST_FOLDER");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char committed = 0;
    EXPECT_EQ(read(ends[0], &committed, 1), 1) << "the other process ended without committing";
    close(ends[0]);
  }
  void kill_it() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  ~Holder() { kill_it(); }

 private:
  pid_t process_ = -1;
};

TEST(RocksDbHolder, DISABLED_HoldsUntilKilled) {
  const char* folder = std::getenv("ESCAPE_TEST_FOLDER");
  ASSERT_NE(folder, nullptr) << "run by the tests of RocksDb alone";
  const std::unique_ptr<Database> database = open(folder);
  ASSERT_TRUE(database->commit({{Table::jobs, "from the other process", "yes"}}));
  ASSERT_EQ(write(3, "c", 1), 1);
  for (;;) pause();
}

TEST(RocksDb, ReopeningKeepsEverything) {
  TempFolder temp;
  const std::string folder = temp.path() + "/deep/db";
  for (int life = 0; life < 40; ++life) {
    const std::unique_ptr<Database> database = open(folder);
    for (int earlier = 0; earlier < life; ++earlier) {
      ASSERT_EQ(database->get(Table::events, u64_key(earlier)).value(), std::to_string(earlier)) << life;
    }
    ASSERT_TRUE(database->commit({{Table::events, u64_key(life), std::to_string(life)}}));
  }
  EXPECT_LE(files(folder, ".log").size(), 20u) << "old logs must not gather without bound";
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
}

TEST(RocksDb, ASecondWriterIsRefusedAndAReaderIsNot) {
  TempFolder temp;
  const std::unique_ptr<Database> first = open(temp.path());
  const Error error = refusal(temp.path());
  EXPECT_EQ(error.kind, ErrorKind::conflict);
  EXPECT_NE(error.message.find("'" + temp.path() + "'"), std::string::npos) << error.message;
  EXPECT_FALSE(error.hint.empty());
  open(temp.path(), Access::read_only);
  ASSERT_TRUE(first->commit({{Table::jobs, "still", "works"}}));
}

TEST(RocksDb, AnotherProcessHoldsTheLockUntilItDiesAndItsCommitIsKept) {
  TempFolder temp;
  Holder holder(temp.path());
  const Error error = refusal(temp.path());
  EXPECT_EQ(error.kind, ErrorKind::conflict) << error.message;
  EXPECT_NE(error.message.find("'" + temp.path() + "'"), std::string::npos) << error.message;
  EXPECT_EQ(open(temp.path(), Access::read_only)->get(Table::jobs, "from the other process").value(), "yes");
  holder.kill_it();
  EXPECT_EQ(open(temp.path())->get(Table::jobs, "from the other process").value(), "yes");
}

TEST(RocksDb, AReaderSeesCommitsAfterRefresh) {
  TempFolder temp;
  const std::unique_ptr<Database> writer = open(temp.path());
  ASSERT_TRUE(writer->commit({{Table::jobs, "a", "1"}}));
  const std::unique_ptr<Database> reader = open(temp.path(), Access::read_only);
  EXPECT_EQ(reader->get(Table::jobs, "a").value(), "1");
  ASSERT_TRUE(writer->commit({{Table::jobs, "a", "2"}}));
  EXPECT_EQ(reader->get(Table::jobs, "a").value(), "1");
  const std::unique_ptr<Reader> old = reader->snapshot();
  ASSERT_TRUE(reader->refresh());
  EXPECT_EQ(reader->get(Table::jobs, "a").value(), "2");
  EXPECT_EQ(old->get(Table::jobs, "a").value(), "1");
  EXPECT_EQ(reader->commit({{Table::jobs, "a", "3"}}).error().kind, ErrorKind::internal);
}

TEST(RocksDb, AReaderRefreshesWhileTheWriterFlushesAndCompacts) {
  TempFolder temp;
  const std::unique_ptr<Database> writer = open(temp.path());
  ASSERT_TRUE(writer->commit({{Table::events, "newest", u64_key(0)}}));
  constexpr std::uint64_t rounds = 250;
  std::thread writing([&] {
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      ASSERT_TRUE(writer->commit({{Table::events, "newest", u64_key(round)},
                                  {Table::job_log, u64_key(round % 50), std::string(120'000, static_cast<char>(round))},
                                  {Table::meta, "newest", u64_key(round)}}));
    }
  });
  const std::unique_ptr<Database> reader = open(temp.path(), Access::read_only);
  std::uint64_t last = 0;
  while (last < rounds) {
    const Result<> done = reader->refresh();
    if (!done) {
      ADD_FAILURE() << done.error().message;
      break;
    }
    const std::uint64_t seen = parse_u64(reader->get(Table::events, "newest").value().value()).value();
    if (seen > 0) {
      EXPECT_EQ(reader->get(Table::meta, "newest").value(), u64_key(seen)) << "a batch seen by half";
    }
    EXPECT_GE(seen, last);
    last = seen;
  }
  writing.join();
}

TEST(RocksDb, NothingToReadIsNotFoundAndMakesNothing) {
  TempFolder temp;
  EXPECT_EQ(refusal(temp.path() + "/none", Access::read_only).kind, ErrorKind::not_found);
  EXPECT_FALSE(fs::exists(temp.path() + "/none"));
  EXPECT_EQ(refusal(temp.path(), Access::read_only).kind, ErrorKind::not_found);
  EXPECT_TRUE(fs::is_empty(temp.path()));
}

TEST(RocksDb, ReadingWritesNothing) {
  TempFolder temp;
  ASSERT_TRUE(open(temp.path())->commit({{Table::jobs, "a", "1"}}));
  const auto listing = [&] {
    std::map<std::string, std::uintmax_t> all;
    for (const auto& entry : fs::directory_iterator(temp.path())) all[entry.path()] = entry.file_size();
    return all;
  };
  const auto before = listing();
  EXPECT_EQ(open(temp.path(), Access::read_only)->get(Table::jobs, "a").value(), "1");
  EXPECT_EQ(listing(), before);
}

TEST(RocksDb, DamageIsAStorageErrorThatNamesTheFolder) {
  const std::pair<const char*, std::function<void(const std::string&)>> damages[] = {
      {"CURRENT is nonsense", [](const std::string& f) { write_file(f + "/CURRENT", "nonsense"); }},
      {"CURRENT is empty", [](const std::string& f) { write_file(f + "/CURRENT", ""); }},
      {"CURRENT names no file", [](const std::string& f) { write_file(f + "/CURRENT", "MANIFEST-999999\n"); }},
      {"CURRENT is gone", [](const std::string& f) { fs::remove(f + "/CURRENT"); }},
      {"the manifest is nonsense",
       [](const std::string& f) {
         for (const auto& entry : fs::directory_iterator(f)) {
           if (entry.path().filename().string().starts_with("MANIFEST"))
             write_file(entry.path(), std::string(500, 'x'));
         }
       }},
  };
  for (const auto& [name, damage] : damages) {
    SCOPED_TRACE(name);
    TempFolder temp;
    ASSERT_TRUE(open(temp.path())->commit({{Table::jobs, "a", "1"}}));
    damage(temp.path());
    const Error error = refusal(temp.path());
    EXPECT_EQ(error.kind, ErrorKind::storage) << error.message;
    EXPECT_NE(error.message.find(temp.path()), std::string::npos) << error.message;
    EXPECT_FALSE(error.hint.empty());
  }
}

TEST(RocksDb, ATornLastRecordIsForgottenAndDamageBeforeTheEndIsNot) {
  TempFolder temp;
  constexpr int rows = 60;  // several 32 KiB blocks of the log
  {
    const std::unique_ptr<Database> database = open(temp.path());
    for (int i = 0; i < rows; ++i) ASSERT_TRUE(database->commit({{Table::jobs, u64_key(i), std::string(3000, 'r')}}));
  }
  const std::vector<fs::path> logs = files(temp.path(), ".log");
  ASSERT_EQ(logs.size(), 1u);
  const auto size = fs::file_size(logs[0]);
  fs::resize_file(logs[0], size - 10);
  {
    const std::unique_ptr<Database> database = open(temp.path());
    EXPECT_TRUE(database->get(Table::jobs, u64_key(rows - 2)).value().has_value());
    EXPECT_FALSE(database->get(Table::jobs, u64_key(rows - 1)).value().has_value());
  }
  ASSERT_TRUE(fs::exists(logs[0]));
  std::fstream log(logs[0], std::ios::in | std::ios::out | std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(log)), {});
  // Inside a value: a damaged length in the last block cannot be told from a torn end.
  const std::size_t inside = content.find(std::string(1000, 'r'), size / 2) + 500;
  log.clear();
  log.seekp(static_cast<std::streamoff>(inside));
  log << "damage";
  log.close();
  EXPECT_EQ(refusal(temp.path()).kind, ErrorKind::storage);
}

/// A disk that takes no more after a while, and takes it again.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual void fill() = 0;
  virtual void free() = 0;
};

/// Files of this process stay small: needs no rights.
class SmallFiles : public Disk {
 public:
  void fill() override { limit(300'000); }
  void free() override { limit(RLIM_INFINITY); }
  ~SmallFiles() override { limit(RLIM_INFINITY); }

 private:
  static void limit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit both{bytes, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &both), 0);
  }
};

/// A small file system of its own, and something else on it that takes what is left.
class SmallDisk : public Disk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    is_there_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=40m") == 0;
  }
  ~SmallDisk() override {
    if (is_there_ && umount2(folder_.c_str(), MNT_DETACH) != 0) ADD_FAILURE() << folder_ << " stays mounted";
  }
  bool is_there() const { return is_there_; }
  void fill() override {
    const std::string path = folder_ + "/fill";
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    const auto left = fs::space(folder_).available;
    for (std::uintmax_t written = 0; written + 300'000 < left; written += block.size()) {
      ASSERT_EQ(write(fd, block.data(), block.size()), static_cast<ssize_t>(block.size()));
    }
    close(fd);
  }
  void free() override { fs::remove(folder_ + "/fill"); }

 private:
  std::string folder_;
  bool is_there_ = false;
};

/// Commits until the disk is full. How many were committed.
std::uint64_t commit_until_full(Database& database, std::size_t row_bytes) {
  for (std::uint64_t row = 0;; ++row) {
    const Result<> done = database.commit(
        {{Table::job_log, u64_key(row), std::string(row_bytes, 'r')}, {Table::events, u64_key(row), "told"}});
    if (done) continue;
    EXPECT_EQ(done.error().kind, ErrorKind::storage) << done.error().message;
    return row;
  }
}

void expect_exactly(const Reader& reader, std::uint64_t rows, const std::string& when) {
  for (const Table table : {Table::job_log, Table::events}) {
    std::uint64_t next = 0;
    ASSERT_TRUE(reader.scan(table, "", "", Reader::Order::ascending, [&](std::string_view key, std::string_view) {
      EXPECT_EQ(key, u64_key(next)) << when;
      ++next;
      return true;
    }));
    EXPECT_EQ(next, rows) << when;
  }
}

void drill_full_disk(Disk& disk, const std::string& folder, std::size_t row_bytes) {
  SCOPED_TRACE("rows of " + std::to_string(row_bytes));
  std::uint64_t rows = 0;
  {
    const std::unique_ptr<Database> database = open(folder);
    disk.fill();
    rows = commit_until_full(*database, row_bytes);
    ASSERT_GT(rows, 0u);
    EXPECT_FALSE(database->is_writable());
    EXPECT_FALSE(database->commit({{Table::meta, "a", "b"}}));
    expect_exactly(*database, rows, "after the failure");
    const std::unique_ptr<Reader> early = database->snapshot();
    for (int tries = 0; tries < 5; ++tries) {
      const Result<> reopened = database->reopen();
      ASSERT_FALSE(reopened);
      EXPECT_EQ(reopened.error().kind, ErrorKind::storage) << reopened.error().message;
      expect_exactly(*database, rows, "while it is full");
      expect_exactly(*database->snapshot(), rows, "a snapshot while it is full");
    }
    expect_exactly(*early, rows, "a snapshot from before");
  }
  {
    const std::unique_ptr<Database> database = open(folder, Access::write_when_possible);
    expect_exactly(*database, rows, "opened on a full disk");
    if (!database->is_writable()) {
      EXPECT_FALSE(database->reopen());
    }
    disk.free();
    ASSERT_TRUE(database->reopen());
    EXPECT_TRUE(database->is_writable());
    expect_exactly(*database, rows, "with room again");
    ASSERT_TRUE(database->commit({{Table::job_log, u64_key(rows), "r"}, {Table::events, u64_key(rows), "told"}}));
  }
  expect_exactly(*open(folder), rows + 1, "in the next life");
}

TEST(RocksDb, WhatIsCommittedIsReadWhileTheDiskTakesNoWrites) {
  for (const std::size_t row_bytes : {1'000u, 10'000u, 200'000u}) {
    TempFolder temp;
    SmallFiles disk;
    drill_full_disk(disk, temp.path() + "/db", row_bytes);
  }
}

TEST(RocksDb, WhatIsCommittedIsReadWhileTheDiskIsFull) {
  for (const std::size_t row_bytes : {1'000u, 10'000u, 200'000u}) {
    TempFolder temp;
    SmallDisk disk(temp.path());
    if (!disk.is_there()) GTEST_SKIP() << "nothing can be mounted here, so a full disk was not checked";
    drill_full_disk(disk, temp.path() + "/db", row_bytes);
  }
}

TEST(RocksDb, AFailureThatPassedByItselfLosesNothing) {
  TempFolder temp;
  const std::unique_ptr<Database> database = open(temp.path());
  SmallFiles disk;
  disk.fill();
  const std::uint64_t rows = commit_until_full(*database, 1000);
  disk.free();
  EXPECT_FALSE(database->commit({{Table::meta, "a", "b"}})) << "memory may be ahead until it was opened anew";
  ASSERT_TRUE(database->reopen());
  expect_exactly(*database, rows, "opened anew");
  ASSERT_TRUE(database->commit({{Table::meta, "a", "b"}}));
}

TEST(RocksDb, ANewerSchemaIsLeftAlone) {
  TempFolder temp;
  ASSERT_TRUE(open(temp.path())->commit({{Table::meta, std::string(meta_key::schema), u32_key(schema_version)}}));
  ASSERT_TRUE(open(temp.path())->commit({{Table::meta, std::string(meta_key::schema), u32_key(schema_version + 1)}}));
  for (const Access access : {Access::read_write, Access::read_only}) {
    const Error error = refusal(temp.path(), access);
    EXPECT_EQ(error.kind, ErrorKind::bad_data) << error.message;
    EXPECT_NE(error.message.find("newer version"), std::string::npos);
  }
}

TEST(RocksDb, FailuresAreNamedForPeople) {
  const Error full = to_error(rocksdb::Status::NoSpace("x"), "write to the database", "/f");
  EXPECT_EQ(full.kind, ErrorKind::storage);
  EXPECT_EQ(full.message, "Cannot write to the database in '/f': the disk is full");
  const auto kind_of = [](const rocksdb::Status& status) { return to_error(status, "a", "f").kind; };
  EXPECT_EQ(kind_of(rocksdb::Status::IOError("While appending: x", "No space left on device")), ErrorKind::storage);
  EXPECT_EQ(kind_of(rocksdb::Status::Corruption("x")), ErrorKind::storage);
  EXPECT_EQ(kind_of(rocksdb::Status::IOError("While lock file: /f/LOCK", "Resource temporarily unavailable")),
            ErrorKind::conflict);
  EXPECT_EQ(kind_of(rocksdb::Status::IOError("While open a file for lock: /f/LOCK", "Permission denied")),
            ErrorKind::no_permission);
  EXPECT_EQ(kind_of(rocksdb::Status::IOError("x", "Input/output error")), ErrorKind::storage);
}

}  // namespace rocksdb_test
}  // namespace escape::store
