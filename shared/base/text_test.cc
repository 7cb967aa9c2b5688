#include "shared/base/text.h"

#include <gtest/gtest.h>

namespace escape {
namespace text_test {
using Pieces = std::vector<std::string>;
}

TEST(Text, SplitKeepsEmptyPieces) {
  using text_test::Pieces;
  EXPECT_EQ(split("a,,b", ','), (Pieces{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (Pieces{""}));
  EXPECT_EQ(split(",", ','), (Pieces{"", ""}));
  EXPECT_EQ(split("abc", ','), (Pieces{"abc"}));
}

TEST(Text, JoinUndoesSplit) {
  for (const char* text : {"", ",", "a", "a,b", ",a,,b,"}) EXPECT_EQ(join(split(text, ','), ","), text);
  EXPECT_EQ(join({}, ","), "");
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
}

TEST(Text, TrimmedCutsBlanksAtBothEnds) {
  EXPECT_EQ(trimmed(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trimmed("   "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(Text, HexReadsBackAndRefusesOtherDigits) {
  const std::string bytes("\x00\x01\x7f\x80\xff", 5);
  EXPECT_EQ(to_hex(bytes), "00017f80ff");
  EXPECT_EQ(from_hex("00017F80fF"), bytes);
  EXPECT_EQ(from_hex("0"), "");
  EXPECT_EQ(from_hex("0g"), "");
  EXPECT_EQ(from_hex(""), "");
}

TEST(Text, Utf8IsCheckedAsUnicodeDefinesIt) {
  for (const char* good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                           "a\xe2\x82\xac"
                           "b"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << to_hex(good);
  }
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc2",
                          "\xc2"
                          "a",
                          "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xff", "a\xf0\x90\x80"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << to_hex(bad);
  }
}

TEST(Text, NearestGuessesOnlyWhatIsClose) {
  const std::vector<std::string> known{"deploy", "destroy", "promote", "plan"};
  EXPECT_EQ(nearest("deplyo", known), "deploy");
  EXPECT_EQ(nearest("destry", known), "destroy");
  EXPECT_EQ(nearest("promot", known), "promote");
  EXPECT_EQ(nearest("converge", known), "");
  EXPECT_EQ(nearest("pl", known), "") << "half of the word would be a guess";
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'a'), known), "");
}

}  // namespace escape
