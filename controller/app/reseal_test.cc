#include "controller/app/reseal.h"

#include <gtest/gtest.h>

#include "controller/store/rows.h"
#include "controller/store/secrets.h"
#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/io/key_file.h"

namespace escape::controller {
namespace reseal_test {

class Reseal : public testing::Test {
 protected:
  void SetUp() override {
    data = io::make_temporary_folder("reseal").value();
    const auto database = open();
    std::vector<store::Write> batch;
    store::append_writes(state::Environment{.name = "prod", .inputs = {{"password", "hunter2"}}, .created_at = {}},
                         batch, database->seal_keys());
    ASSERT_TRUE(database->commit(batch));
  }
  void TearDown() override { (void)io::remove_all(data); }
  std::string key_file() const { return data + "/secrets.key"; }
  SealKeys keys() { return io::read_key_file(key_file()).value(); }
  std::unique_ptr<store::Database> open() {
    return store::open_rocksdb(data + "/db", store::Access::read_write, key_file()).value();
  }
  void expect_sealed_with_first_key_alone() {
    const SealKeys all = keys();
    ASSERT_TRUE(io::write_key_file(key_file(), SealKeys::parse(all.to_text().substr(0, 44)).value()));
    const auto database = open();
    EXPECT_EQ(store::sealed_with(*database).value(), all.first_id());
    const State state = store::load_state(*database).value();
    EXPECT_EQ(*state.environments.at("prod").inputs.find("password"), Value("hunter2"));
    ASSERT_TRUE(io::write_key_file(key_file(), all));
  }
  std::string data;
};

TEST_F(Reseal, PutsAFreshKeyInFrontAndSealsEverythingWithIt) {
  const std::string before = keys().first_id();
  const Result<ResealSummary> done = reseal(data, key_file());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done.value().rows, 1u);
  EXPECT_EQ(done.value().key, to_hex(keys().first_id()));
  EXPECT_NE(keys().first_id(), before);
  EXPECT_TRUE(keys().has(before)) << "backups need it";
  expect_sealed_with_first_key_alone();
  ASSERT_TRUE(reseal(data, key_file()));
  EXPECT_EQ(keys().size(), 3u);
  expect_sealed_with_first_key_alone();
}

/// Or a person has put it there.
TEST_F(Reseal, GoesOnWithAKeyThatIsInFrontAlready) {
  ASSERT_TRUE(io::write_key_file(key_file(), keys().with_fresh_key()));
  for (int starts = 0; starts < 2; ++starts) (void)open();
  const std::string front = keys().first_id();
  ASSERT_TRUE(reseal(data, key_file()));
  EXPECT_EQ(keys().first_id(), front);
  EXPECT_EQ(keys().size(), 2u);
  expect_sealed_with_first_key_alone();
}

TEST_F(Reseal, IsRefusedWhileAControllerRunsAndWithoutData) {
  const std::string before = keys().to_text();
  const io::FileLock lock = io::FileLock::try_exclusive(data + "/lock").value();
  EXPECT_EQ(reseal(data, key_file()).error().kind, ErrorKind::conflict);
  EXPECT_EQ(keys().to_text(), before);
  EXPECT_EQ(reseal(data + "/none", key_file()).error().kind, ErrorKind::not_found);
}

}  // namespace reseal_test
}  // namespace escape::controller
