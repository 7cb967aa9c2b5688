#include "shared/base/crypto.h"

#include <gtest/gtest.h>

#include "shared/base/text.h"

namespace escape {

TEST(Crypto, KeyPairsAreFreshAndOf32Bytes) {
  const KeyPair a = make_key_pair();
  const KeyPair b = make_key_pair();
  EXPECT_EQ(a.public_key.size(), 32u);
  EXPECT_EQ(a.secret_key.size(), 32u);
  EXPECT_NE(a.public_key, b.public_key);
  EXPECT_NE(a.secret_key, b.secret_key);
}

TEST(Crypto, ASeedAlwaysGivesTheSameKeyPair) {
  const std::string seed(32, 'x');
  EXPECT_EQ(key_pair_from_seed(seed).public_key, key_pair_from_seed(seed).public_key);
  EXPECT_EQ(key_pair_from_seed(seed).secret_key, key_pair_from_seed(seed).secret_key);
  EXPECT_NE(key_pair_from_seed(seed).public_key, key_pair_from_seed(std::string(32, 'y')).public_key);
}

TEST(Crypto, RandomHexHasTwoDigitsForEachByte) {
  EXPECT_EQ(random_hex(8).size(), 16u);
  EXPECT_EQ(from_hex(random_hex(8)).size(), 8u);
  EXPECT_NE(random_hex(16), random_hex(16));
  EXPECT_EQ(random_bytes(0), "");
}

TEST(Crypto, FingerprintsAreFourGroupsAndDependOnTheKeyAlone) {
  const std::string print = fingerprint(std::string(32, 'k'));
  ASSERT_EQ(split(print, '-').size(), 4u) << print;
  for (const std::string& group : split(print, '-')) EXPECT_EQ(group.size(), 4u) << print;
  EXPECT_EQ(print, fingerprint(std::string(32, 'k')));
  EXPECT_NE(print, fingerprint(std::string(32, 'l')));
}

TEST(Crypto, Base64UrlReadsBackEveryLength) {
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string bytes = random_bytes(length);
    const std::string text = to_base64url(bytes);
    EXPECT_EQ(text.find_first_of("+/="), std::string::npos) << text;
    const auto back = from_base64url(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back.value(), bytes);
  }
  EXPECT_EQ(to_base64url("\xff\xfe\xfd"), "__79");
}

TEST(Crypto, Base64UrlRefusesWhatItDidNotWrite) {
  for (const char* text : {"a", "ab=", "ab==", "a+/b", "abc d", "ab\n", "_x"}) {
    const auto bytes = from_base64url(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().kind, ErrorKind::bad_data);
  }
}

TEST(Crypto, DigestsAreThoseOfBlake2b) {
  EXPECT_EQ(digest_of("abc"), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");  // b2sum -l 256
}

TEST(Crypto, ConstantTimeComparisonComparesAllBytes) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
}

}  // namespace escape
