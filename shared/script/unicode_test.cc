#include "shared/script/unicode.h"

#include <gtest/gtest.h>
#include <locale.h>
#include <wctype.h>

namespace escape::script::unicode_test {

// The C library's own tables of Unicode, for every letter of the blocks that we say we know.
TEST(Letters, HaveTheCaseThatTheSystemGivesThem) {
  locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  ASSERT_NE(utf8, nullptr);
  const std::pair<char32_t, char32_t> blocks[] = {{0x00, 0x17F}, {0x370, 0x52F}};
  for (const auto& [first, last] : blocks) {
    for (char32_t letter = first; letter <= last; ++letter) {
      EXPECT_EQ(upper(letter), static_cast<char32_t>(towupper_l(letter, utf8))) << std::hex << +letter;
      EXPECT_EQ(lower(letter), static_cast<char32_t>(towlower_l(letter, utf8))) << std::hex << +letter;
    }
  }
  freelocale(utf8);
}

std::string written(char* (*write)(std::string_view, char*), std::string_view text) {
  std::string result(text.size(), '#');
  result.resize(static_cast<std::size_t>(write(text, result.data()) - result.data()));
  return result;
}

TEST(Letters, OtherTextStaysAsItIs) {
  for (const char* text : {"", "日本語", "😀", "\xFF\xC3", "\xE9", "1-2_3"}) {
    EXPECT_EQ(written(write_upper, text), text);
    EXPECT_EQ(written(write_lower, text), text);
  }
}

TEST(Letters, OfATextAreMappedOneByOne) {
  EXPECT_EQ(written(write_upper, "az{`é ÿß"), "AZ{`É Ÿß");
  EXPECT_EQ(written(write_lower, "AZ[@É Ÿß"), "az[@é ÿß");
  EXPECT_EQ(written(write_lower, "\xC4\xB0x"), "ix") << "shorter than it was";
}

TEST(Blanks, AreThoseOfUnicode) {
  EXPECT_EQ(leading_blanks(" \t\n\v\f\r\xC2\x85\xC2\xA0\xE1\x9A\x80\xE2\x80\x80\xE2\x80\xAF\xE3\x80\x80x"), 22U);
  EXPECT_EQ(leading_blanks("\xA0x"), 0U) << "a byte of Latin-1 is no character";
  EXPECT_EQ(leading_blanks(""), 0U);
  EXPECT_EQ(without_blanks("\xE3\x80\x80 a\xC2\xA0 b \xE2\x80\xA9"), "a\xC2\xA0 b");
  EXPECT_EQ(without_blanks(" \xA0 "), "\xA0");
}

TEST(Excerpt, IsCutBetweenCharacters) {
  EXPECT_EQ(excerpt("short", 5), "short");
  EXPECT_EQ(excerpt("aéé", 4), "aé…");
  EXPECT_EQ(excerpt("ééé", 1), "…");
}

}  // namespace escape::script::unicode_test
