// A disk that gives back other bytes than it was given: found and told, never served.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "controller/store/keys.h"
#include "controller/store/store.h"
#include "controller/store/temp_folder_for_tests.h"

namespace escape::store {
namespace damage_test {

namespace fs = std::filesystem;

constexpr int lives = 20;  // more than gather as logs, so that there are tables as well
constexpr int rows_of_a_life = 3;

std::string value_of(int row) {
  std::mt19937 random(static_cast<unsigned>(row));
  std::string value;
  while (value.size() < 60) value += static_cast<char>(random());
  return value;
}

/// A database of many small tables and a log, as many short lives leave it. All was noted as committed.
void make_database(const std::string& folder) {
  for (int life = 0; life < lives; ++life) {
    Result<std::unique_ptr<Database>> database = open_rocksdb(folder, Access::read_write);
    ASSERT_TRUE(database) << database.error().message;
    for (int i = 0; i < rows_of_a_life; ++i) {
      const int row = life * rows_of_a_life + i;
      ASSERT_TRUE(database.value()->commit(
          {{Table::events, u64_key(row), value_of(row)}, {Table::jobs, u64_key(row), value_of(row)}}));
    }
    ASSERT_TRUE(database.value()->note_progress());
  }
}

struct Found {
  int wrong = 0, missing = 0, errors = 0, right = 0;
  std::string refusal;
};

Found look_at(const std::string& folder, Access access) {
  Found found;
  Result<std::unique_ptr<Database>> database = open_rocksdb(folder, access);
  if (!database) {
    found.refusal = database.error().message;
    EXPECT_TRUE(database.error().kind == ErrorKind::storage || database.error().kind == ErrorKind::bad_data)
        << found.refusal;
    EXPECT_NE(found.refusal.find(folder), std::string::npos) << found.refusal;
    EXPECT_FALSE(database.error().hint.empty()) << found.refusal;
    return found;
  }
  for (const Table table : {Table::events, Table::jobs}) {
    for (int row = 0; row < lives * rows_of_a_life; ++row) {
      const Result<std::optional<std::string>> got = database.value()->get(table, u64_key(row));
      if (!got) {
        ++found.errors;
      } else if (!got.value()) {
        ++found.missing;
      } else {
        ++(*got.value() == value_of(row) ? found.right : found.wrong);
      }
    }
    int next = 0;
    const Result<> scanned = database.value()->scan(table, "", "", Reader::Order::ascending,
                                                    [&](std::string_view key, std::string_view value) {
                                                      if (key != u64_key(next) || value != value_of(next))
                                                        ++found.wrong;
                                                      ++next;
                                                      return true;
                                                    });
    if (!scanned) {
      ++found.errors;
    } else if (next != lives * rows_of_a_life) {
      ++found.missing;
    }
  }
  return found;
}

void flip(const fs::path& file, std::uintmax_t offset, unsigned char mask) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(offset));
  const auto was = static_cast<unsigned char>(bytes.get());
  bytes.seekp(static_cast<std::streamoff>(offset));
  bytes.put(static_cast<char>(was ^ mask));
}

TEST(Damage, AFlippedByteOfAnyFileIsAnErrorOrHarmless) {
  const std::uint64_t seed =
      std::getenv("ESCAPE_TEST_SEED") ? std::stoull(std::getenv("ESCAPE_TEST_SEED")) : std::random_device{}();
  SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  TempFolder temp;
  const std::string original = temp.path() + "/original";
  make_database(original);
  std::map<std::string, int> flips, refused;
  int tables = 0, logs = 0;
  for (const auto& entry : fs::directory_iterator(original)) {
    const std::string name = entry.path().filename();
    const std::uintmax_t size = entry.file_size();
    if (size == 0 || name.starts_with("OPTIONS")) continue;
    const std::string sort = name.starts_with("MANIFEST")       ? "MANIFEST"
                             : entry.path().extension().empty() ? name
                                                                : entry.path().extension().string();
    tables += sort == ".sst";
    logs += sort == ".log";
    const int tries = sort == ".sst" || sort == ".log" ? 12 : 40;
    for (int i = 0; i < tries; ++i) {
      const std::uintmax_t offset = random() % size;
      const auto mask = static_cast<unsigned char>(1 + random() % 255);
      SCOPED_TRACE(name + ", byte " + std::to_string(offset) + " of " + std::to_string(size) + " xor " +
                   std::to_string(mask));
      const std::string copy = temp.path() + "/copy";
      fs::remove_all(copy);
      fs::copy(original, copy);
      flip(fs::path(copy) / name, offset, mask);
      const Found found = look_at(copy, Access::read_write);
      EXPECT_EQ(found.wrong, 0);
      EXPECT_EQ(found.missing, 0) << "committed rows are gone in silence";
      ++flips[sort];
      refused[sort] += !found.refusal.empty() || found.errors > 0;
    }
  }
  EXPECT_GT(tables, 0);
  EXPECT_GT(logs, 0);
  for (const auto& [sort, count] : flips) {
    std::printf("%s: %d of %d flips were told, the rest changed nothing\n", sort.c_str(), refused[sort], count);
  }
}

TEST(Damage, ALogThatLostItsEndIsFoundByWhatWasNoted) {
  TempFolder temp;
  const std::string folder = temp.path() + "/db";
  make_database(folder);
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) newest = std::max(newest, entry.path());
  }
  fs::resize_file(newest, fs::file_size(newest) - 10);
  const Found found = look_at(folder, Access::read_write);
  EXPECT_NE(found.refusal.find("its end is lost"), std::string::npos) << found.refusal;
  const Found read = look_at(folder, Access::read_only);
  EXPECT_NE(read.refusal.find("its end is lost"), std::string::npos) << "whoever only reads is told as well";
  fs::remove(folder + "/progress");
  EXPECT_EQ(look_at(folder, Access::read_write).missing, 4) << "without the note it looks like a torn end";
}

/// A life that ended in the middle of a write, and lives after it: nothing that was committed is behind the torn end.
TEST(Damage, ATornEndUnderLaterLogsIsNoDamage) {
  for (const int torn : {3, 9, 40}) {
    SCOPED_TRACE(torn);
    TempFolder temp;
    const std::string folder = temp.path() + "/db";
    make_database(folder);
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".log" && entry.file_size() > 0) newest = std::max(newest, entry.path());
    }
    // The beginning of the first record once more, as of a write that the machine did not finish.
    std::string record(static_cast<std::size_t>(torn), '\0');
    std::ifstream(newest, std::ios::binary).read(record.data(), torn);
    std::ofstream(newest, std::ios::binary | std::ios::app) << record;
    for (int life = 0; life < 3; ++life) {
      const Found found = look_at(folder, Access::read_write);
      EXPECT_EQ(found.refusal, "");
      EXPECT_EQ(found.missing + found.wrong + found.errors, 0);
      Result<std::unique_ptr<Database>> database = open_rocksdb(folder, Access::read_write);
      ASSERT_TRUE(database) << database.error().message;
      ASSERT_TRUE(database.value()->commit({{Table::agents, u64_key(life), "later"}}));
      EXPECT_TRUE(database.value()->get(Table::agents, u64_key(0)).value());
    }
  }
}

}  // namespace damage_test
}  // namespace escape::store
