#include "controller/store/migrations.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "controller/store/keys.h"
#include "controller/store/rows.h"
#include "controller/store/temp_folder_for_tests.h"

namespace escape::store {
namespace migrations_test {

namespace fs = std::filesystem;

std::string schema_row(std::uint32_t schema) { return u32_key(schema); }

/// Ten rows become upper case, three a piece.
Migration shouts(std::uint32_t to) {
  return {to, "rows shout", [](const Reader& reader, const std::string& from) -> Result<MigrationPiece> {
            MigrationPiece piece;
            TRYV(reader.scan(Table::events, from, "", Reader::Order::ascending,
                             [&](std::string_view key, std::string_view value) {
                               if (piece.writes.size() == 3) {
                                 piece.next = std::string(key);
                                 piece.is_last = false;
                                 return false;
                               }
                               piece.writes.push_back({Table::events, std::string(key), std::string(value) + "!"});
                               return true;
                             }));
            return piece;
          }};
}

/// Fails at its n-th commit, as a process that dies there.
class Dying : public Database {
 public:
  Dying(Database& under, int commits) : under_(under), left_(commits) {}
  Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
    return under_.get(table, key);
  }
  Result<> scan(Table table, std::string_view from, std::string_view to, Order order,
                const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return under_.scan(table, from, to, order, visit);
  }
  Result<> commit(const std::vector<Write>& batch) override {
    if (left_-- == 0) return fail(ErrorKind::storage, "dead");
    return under_.commit(batch);
  }
  std::unique_ptr<Reader> snapshot() const override { return under_.snapshot(); }
  Result<> refresh() override { return ok(); }

 private:
  Database& under_;
  int left_;
};

TEST(Migrations, GoOnWhereTheProcessDiedAndTouchEachRowOnce) {
  for (int commits = 0; commits < 5; ++commits) {
    SCOPED_TRACE(commits);
    const std::unique_ptr<Database> database = make_memory_database();
    std::vector<Write> old{{Table::meta, std::string(meta_key::schema), schema_row(1)}};
    for (int row = 0; row < 10; ++row) old.push_back({Table::events, u64_key(row), "x"});
    ASSERT_TRUE(database->commit(old));
    const std::vector<Migration> all{shouts(2), shouts(3)};
    Dying first(*database, commits);
    EXPECT_FALSE(migrate(first, all));
    ASSERT_TRUE(migrate(*database, all));
    for (int row = 0; row < 10; ++row) EXPECT_EQ(database->get(Table::events, u64_key(row)).value(), "x!!") << row;
    EXPECT_EQ(schema_of(*database).value(), 3u);
    EXPECT_FALSE(database->get(Table::meta, meta_key::migration).value().has_value());
    ASSERT_TRUE(migrate(*database, all)) << "nothing is left to do";
    EXPECT_EQ(database->get(Table::events, u64_key(0)).value(), "x!!");
  }
}

TEST(Migrations, OneForEachSchemaInOrder) {
  std::uint32_t schema = 1;
  for (const Migration& migration : migrations()) EXPECT_EQ(migration.to, ++schema);
  EXPECT_EQ(schema, schema_version);
}

/// Bytes of every file in the folder.
std::string bytes_in(const std::string& folder) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

/// A database that the program of schema 2 left in the middle of a job whose inputs and outputs hold these secrets.
TEST(Migrations, SecretsOfSchema2AreSealedAndLeaveTheFiles) {
  constexpr const char* secrets[] = {"golden-secret-input-4711", "golden-secret-output-4712"};
  TempFolder temp;
  const std::string folder = temp.path() + "/db";
  const std::string key_file = temp.path() + "/secrets.key";
  fs::copy(fs::path(ESCAPE_SOURCE_DIR) / "controller/store/golden/schema-2", folder);
  const controller::State before = load_state(*open_rocksdb(folder, Access::read_only, key_file).value()).value();
  EXPECT_FALSE(fs::exists(key_file)) << "reading writes nothing";
  ASSERT_EQ(before.jobs.size(), 1u);
  EXPECT_EQ(*before.jobs.begin()->second.inputs.find("password")->as_string(), secrets[0]);
  for (const char* secret : secrets) ASSERT_NE(bytes_in(folder).find(secret), std::string::npos) << secret;
  {
    const auto opened = open_rocksdb(folder, Access::read_write, key_file);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(schema_of(*opened.value()).value(), schema_version);
    EXPECT_EQ(load_state(*opened.value()).value(), before);
    for (const char* secret : secrets) EXPECT_EQ(bytes_in(folder).find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(load_state(*open_rocksdb(folder, Access::read_write, key_file).value()).value(), before);
  const std::string kept = folder + ".schema-2";
  EXPECT_EQ(load_state(*open_rocksdb(kept, Access::read_only, key_file).value()).value(), before);
}

/// A database that the program of schema 1 left in the middle of a job: its bytes are kept beside this test.
TEST(Migrations, ADatabaseOfSchema1IsReadAndKept) {
  TempFolder temp;
  const std::string folder = temp.path() + "/db";
  fs::copy(fs::path(ESCAPE_SOURCE_DIR) / "controller/store/golden/schema-1", folder);
  controller::State before;
  {
    Result<std::unique_ptr<Database>> old = open_rocksdb(folder, Access::read_only, temp.path() + "/secrets.key");
    ASSERT_TRUE(old) << old.error().message;
    EXPECT_EQ(schema_of(*old.value()).value(), 1u) << "reading writes nothing";
    Result<controller::State> state = load_state(*old.value());
    ASSERT_TRUE(state) << state.error().message;
    before = state.value();
  }
  ASSERT_EQ(before.jobs.size(), 1u) << "the golden database has one running job";
  const controller::Job& job = before.jobs.begin()->second;
  EXPECT_GT(job.log_entries, 3u);
  EXPECT_EQ(job.phase, controller::JobPhase::running);
  {
    Result<std::unique_ptr<Database>> opened = open_rocksdb(folder, Access::read_write, temp.path() + "/secrets.key");
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(schema_of(*opened.value()).value(), schema_version);
    EXPECT_EQ(load_state(*opened.value()).value(), before);
    EXPECT_EQ(read_log(*opened.value(), job.number, 1, 1000, 1 << 20).value().size(), job.log_entries);
  }
  Result<std::unique_ptr<Database>> kept =
      open_rocksdb(folder + ".schema-1", Access::read_only, temp.path() + "/secrets.key");
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(schema_of(*kept.value()).value(), 1u);
  EXPECT_EQ(load_state(*kept.value()).value(), before);
}

}  // namespace migrations_test
}  // namespace escape::store
