#include "agent/journal/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/io/files.h"

namespace escape::journal::identity_test {

class Identities : public testing::Test {
 protected:
  void SetUp() override { folder = io::make_temporary_folder("identity").value(); }
  void TearDown() override { (void)io::remove_all(folder); }
  std::string folder;
};

TEST_F(Identities, RoundTripInAPrivateFile) {
  const KeyPair keys = make_key_pair();
  const Identity identity{"stage-1", "stage", "controller:7771", make_key_pair().public_key, keys};
  ASSERT_TRUE(save_identity(folder, identity));
  const Identity back = load_identity(folder).value();
  EXPECT_EQ(back.agent, "stage-1");
  EXPECT_EQ(back.environment, "stage");
  EXPECT_EQ(back.address, "controller:7771");
  EXPECT_EQ(back.controller_key, identity.controller_key);
  EXPECT_EQ(back.keys.secret_key, keys.secret_key);
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/agent.id").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Identities, AMissingOneTellsHowToJoin) {
  const Error error = load_identity(folder).error();
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_NE(error.hint.find("escape-agent join TOKEN"), std::string::npos);
}

TEST_F(Identities, ABrokenOneNamesFileAndField) {
  ASSERT_TRUE(io::write_file(
      folder + "/agent.id",
      R"({"agent":"a","environment":"e","controller":"c","controller_key":"AAAA","public_key":"","secret_key":""})"));
  const std::string text = describe(load_identity(folder).error());
  EXPECT_NE(text.find("agent.id"), std::string::npos) << text;
  EXPECT_NE(text.find("controller_key"), std::string::npos) << text;
}

TEST_F(Identities, PendingKeysStayTheSameUntilForgotten) {
  const KeyPair first = load_or_make_pending_keys(folder).value();
  EXPECT_EQ(load_or_make_pending_keys(folder).value().secret_key, first.secret_key);
  ASSERT_TRUE(forget_pending_keys(folder));
  EXPECT_NE(load_or_make_pending_keys(folder).value().secret_key, first.secret_key);
}

TEST_F(Identities, TheControllerSeenIsRemembered) {
  EXPECT_EQ(load_seen_controller(folder).value().epoch, 0u);
  const std::string instance(
      "\0\xff"
      "23456789abcdef",
      16);
  ASSERT_TRUE(save_seen_controller(folder, {instance, 42}));
  EXPECT_EQ(load_seen_controller(folder).value().instance, instance);
  EXPECT_EQ(load_seen_controller(folder).value().epoch, 42u);
}

}  // namespace escape::journal::identity_test
