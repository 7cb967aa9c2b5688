// The contract of Database, run on both implementations.
#include "controller/store/store.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "controller/store/temp_folder_for_tests.h"

namespace escape::store {
namespace store_test {

struct InMemory {
  std::unique_ptr<Database> open() { return make_memory_database(); }
};
struct OnDisk {
  TempFolder folder;
  std::unique_ptr<Database> open() {
    Result<std::unique_ptr<Database>> database = open_rocksdb(folder.path() + "/db", Access::read_write);
    EXPECT_TRUE(database) << database.error().message;
    return std::move(database).value();
  }
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs scan_all(const Reader& reader, Table table, std::string_view from = "", std::string_view to = "",
               Reader::Order order = Reader::Order::ascending, std::size_t limit = SIZE_MAX) {
  Pairs found;
  EXPECT_TRUE(reader.scan(table, from, to, order, [&](std::string_view key, std::string_view value) {
    found.emplace_back(key, value);
    return found.size() < limit;
  }));
  return found;
}

std::string keys_of(const Pairs& pairs) {
  std::string keys;
  for (const auto& [key, value] : pairs) keys += key + " ";
  return keys;
}

template <class Make>
class DatabaseContract : public testing::Test {
 protected:
  Make make_;
  std::unique_ptr<Database> database_ = make_.open();
};
using Implementations = testing::Types<InMemory, OnDisk>;
TYPED_TEST_SUITE(DatabaseContract, Implementations);

constexpr auto ascending = Reader::Order::ascending;
constexpr auto descending = Reader::Order::descending;

TYPED_TEST(DatabaseContract, GetsWhatWasCommitted) {
  Database& db = *this->database_;
  EXPECT_EQ(db.get(Table::jobs, "a").value(), std::nullopt);
  ASSERT_TRUE(db.commit({{Table::jobs, "a", "1"}, {Table::jobs, "b", ""}, {Table::tasks, "a", "2"}}));
  EXPECT_EQ(db.get(Table::jobs, "a").value(), "1");
  EXPECT_EQ(db.get(Table::jobs, "b").value(), "");
  EXPECT_EQ(db.get(Table::tasks, "a").value(), "2");
  EXPECT_EQ(db.get(Table::tasks, "b").value(), std::nullopt);
  ASSERT_TRUE(
      db.commit({{Table::jobs, "a", std::nullopt}, {Table::jobs, "none", std::nullopt}, {Table::jobs, "b", "3"}}));
  EXPECT_EQ(db.get(Table::jobs, "a").value(), std::nullopt);
  EXPECT_EQ(db.get(Table::jobs, "b").value(), "3");
  ASSERT_TRUE(db.commit({}));
  ASSERT_TRUE(db.refresh());
}

TYPED_TEST(DatabaseContract, TheLastWriteOfAKeyInABatchWins) {
  Database& db = *this->database_;
  ASSERT_TRUE(db.commit({{Table::meta, "k", "1"},
                         {Table::meta, "k", std::nullopt},
                         {Table::meta, "k", "2"},
                         {Table::meta, "gone", "1"},
                         {Table::meta, "gone", std::nullopt}}));
  EXPECT_EQ(scan_all(db, Table::meta), (Pairs{{"k", "2"}}));
}

TYPED_TEST(DatabaseContract, ScansInByteOrderWithinBounds) {
  using namespace std::string_literals;
  Database& db = *this->database_;
  ASSERT_TRUE(db.commit({{Table::events, "b", ""},
                         {Table::events, "a", ""},
                         {Table::events, "ab", ""},
                         {Table::events, "c", ""},
                         {Table::events, "\xff", ""},
                         {Table::events, "a\0"s, ""},
                         {Table::locks, "b", ""}}));
  EXPECT_EQ(keys_of(scan_all(db, Table::events)), "a a\0 ab b c \xff "s);
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "", "", descending)), "\xff c b ab a\0 a "s);
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "ab", "c")), "ab b ");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "ab", "c", descending)), "b ab ");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "aa", "bb", descending)), "b ab ");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "c", "", descending)), "\xff c ");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "a", "a")), "");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "c", "a")), "");
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "", "", ascending, 2)), "a a\0 "s);
  EXPECT_EQ(keys_of(scan_all(db, Table::events, "", "", descending, 1)), "\xff ");
  EXPECT_EQ(keys_of(scan_all(db, Table::inventory)), "");
}

TYPED_TEST(DatabaseContract, ASnapshotStaysAsItWas) {
  Database& db = *this->database_;
  ASSERT_TRUE(db.commit({{Table::jobs, "a", "1"}, {Table::jobs, "b", "1"}}));
  const std::unique_ptr<Reader> before = db.snapshot();
  ASSERT_TRUE(db.commit({{Table::jobs, "a", "2"}, {Table::jobs, "b", std::nullopt}, {Table::jobs, "c", "2"}}));
  const std::unique_ptr<Reader> after = db.snapshot();
  ASSERT_TRUE(db.commit({{Table::jobs, "a", "3"}}));
  EXPECT_EQ(scan_all(*before, Table::jobs), (Pairs{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(before->get(Table::jobs, "a").value(), "1");
  EXPECT_EQ(scan_all(*after, Table::jobs), (Pairs{{"a", "2"}, {"c", "2"}}));
  EXPECT_EQ(scan_all(db, Table::jobs), (Pairs{{"a", "3"}, {"c", "2"}}));
}

TYPED_TEST(DatabaseContract, ASnapshotOutlivesItsDatabase) {
  ASSERT_TRUE(this->database_->commit({{Table::jobs, "a", "1"}}));
  const std::unique_ptr<Reader> snapshot = this->database_->snapshot();
  this->database_.reset();
  EXPECT_EQ(snapshot->get(Table::jobs, "a").value(), "1");
}

TYPED_TEST(DatabaseContract, RandomBatchesGiveWhatAMapGives) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  const auto key = [&] {
    std::string text;
    for (std::size_t i = below(4); i > 0; --i) text += "ab\xff"[below(3)];
    return text;
  };
  std::map<std::string, std::string> model;
  Database& db = *this->database_;
  for (int round = 0; round < 60; ++round) {
    std::vector<Write> batch;
    for (std::size_t i = below(8); i > 0; --i) {
      const std::string k = key();
      if (below(3) == 0) {
        model.erase(k);
        batch.push_back({Table::deployments, k, std::nullopt});
      } else {
        const std::string value = std::to_string(random());
        model[k] = value;
        batch.push_back({Table::deployments, k, value});
      }
    }
    ASSERT_TRUE(db.commit(batch));
    std::string from = key(), to = key();
    Pairs expected;
    for (const auto& [k, v] : model) {
      if (k >= from && (to.empty() || k < to)) expected.emplace_back(k, v);
    }
    ASSERT_EQ(scan_all(db, Table::deployments, from, to), expected);
    std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(scan_all(db, Table::deployments, from, to, descending), expected);
  }
}

}  // namespace store_test
}  // namespace escape::store
