#include "controller/app/backup.h"

#include <gtest/gtest.h>

#include "controller/store/rows.h"
#include "controller/store/store.h"
#include "shared/io/files.h"

namespace escape::controller {
namespace backup_test {

/// The life between two restores of one backup may have been short, and has given numbers too.
TEST(Backup, TheSameOneRestoredAgainAtOncePassesOverTheNumbersOfTheLifeBetween) {
  const std::string folder = io::make_temporary_folder("backup").value();
  const std::string data = folder + "/data";
  const std::string key = folder + "/secrets.key";
  ASSERT_TRUE(io::make_folders(data, 0700));
  {
    const auto database = store::open_rocksdb(data + "/db", store::Access::read_write, key);
    ASSERT_TRUE(database) << database.error().message;
    State state = store::load_state(*database.value()).value();
    state.instance = std::string(16, 'i');
    ASSERT_TRUE(database.value()->commit(store::start_writes(state)));
  }
  ASSERT_TRUE(io::write_file(data + "/controller.key", "a key"));
  const Result<BackupSummary> made = make_backup(data, key, folder + "/kept");
  ASSERT_TRUE(made) << made.error().message;
  std::uint64_t floor = 0;
  std::uint64_t epoch = 0;
  for (const int later_ms : {300, 600, 900}) {
    const std::string restored = folder + "/restored" + std::to_string(later_ms);
    const Result<RestoreSummary> done =
        restore_backup(folder + "/kept", restored, key, made.value().made_at + Millis(later_ms));
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_GE(done.value().job_floor, floor + 30);
    EXPECT_GE(done.value().epoch, epoch + 2) << "the life between has raised it by one";
    floor = done.value().job_floor;
    epoch = done.value().epoch;
  }
  ASSERT_TRUE(io::remove_all(folder));
}

}  // namespace backup_test
}  // namespace escape::controller
