#include "shared/base/seal.h"

#include <gtest/gtest.h>

#include "shared/base/crypto.h"
#include "shared/base/text.h"

namespace escape {

TEST(Seal, OpensWhatItSealedInItsPlace) {
  const SealKeys keys = SealKeys::make();
  for (const std::size_t length : {0u, 1u, 15u, 16u, 17u, 4096u}) {
    const std::string value = random_bytes(length);
    const std::string sealed = keys.seal(value, "here");
    EXPECT_TRUE(is_sealed(sealed));
    EXPECT_EQ(sealed.size(), length + 50);
    EXPECT_EQ(seal_id_of(sealed), keys.first_id());
    EXPECT_EQ(keys.open(sealed, "here").value(), value);
  }
}

TEST(Seal, ShowsNothingOfTheValueAndNeverTheSameBytes) {
  const SealKeys keys = SealKeys::make();
  const std::string value = "hunter2 hunter2 hunter2 hunter2";
  EXPECT_EQ(keys.seal(value, "").find("hunter2"), std::string::npos);
  EXPECT_NE(keys.seal(value, ""), keys.seal(value, ""));
}

TEST(Seal, DoesNotOpenElsewhere) {
  const SealKeys keys = SealKeys::make();
  const Result<std::string> opened = keys.open(keys.seal("value", "jobs 1 inputs"), "jobs 2 inputs");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::bad_data);
}

TEST(Seal, DoesNotOpenWithAnotherKeyAndNamesTheOneThatItWants) {
  const SealKeys keys = SealKeys::make();
  const SealKeys none;
  for (const SealKeys& others : {SealKeys::make(), none}) {
    const Result<std::string> opened = others.open(keys.seal("value", ""), "");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::bad_configuration);
    EXPECT_NE(opened.error().message.find(to_hex(keys.first_id())), std::string::npos) << opened.error().message;
  }
}

TEST(Seal, EveryChangedOrMissingByteIsNoticed) {
  const SealKeys keys = SealKeys::make();
  const std::string sealed = keys.seal("value", "here");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(keys.open(changed, "here")) << "byte " << i;
    EXPECT_FALSE(keys.open(sealed.substr(0, i), "here")) << "cut at " << i;
  }
  EXPECT_FALSE(keys.open(sealed + "x", "here"));
}

TEST(Seal, AFreshKeySealsAndTheEarlierOnesStillOpen) {
  const SealKeys before = SealKeys::make();
  const std::string old = before.seal("old", "");
  const SealKeys after = before.with_fresh_key();
  EXPECT_EQ(after.open(old, "").value(), "old");
  EXPECT_TRUE(after.has(before.first_id()));
  EXPECT_NE(after.first_id(), before.first_id());
  EXPECT_FALSE(before.open(after.seal("new", ""), ""));
}

TEST(Seal, AKeyFileReadsBack) {
  const SealKeys keys = SealKeys::make().with_fresh_key();
  const std::string text = keys.to_text();
  EXPECT_EQ(text.size(), 2 * 44u);
  const SealKeys back = SealKeys::parse("\n" + text + "\r\n").value();
  EXPECT_EQ(back.first_id(), keys.first_id());
  EXPECT_EQ(back.to_text(), text);
}

TEST(Seal, WhatIsNoKeyFileIsRefused) {
  const std::string key = SealKeys::make().to_text();
  std::string many;
  for (int i = 0; i < 33; ++i) many += key;
  const std::pair<std::string, std::string> cases[] = {
      {"", "no key"}, {"\n \n", "no key"}, {key + "abc\n", "line 2"}, {"!\n", "line 1"}, {many, "more than 32"}};
  for (const auto& [text, said] : cases) {
    const Result<SealKeys> keys = SealKeys::parse(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_NE(keys.error().message.find(said), std::string::npos) << keys.error().message;
    EXPECT_EQ(keys.error().message.find("abc"), std::string::npos) << "what may be half a key is not repeated";
  }
}

}  // namespace escape
