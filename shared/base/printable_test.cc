#include "shared/base/printable.h"

#include <gtest/gtest.h>

namespace escape::printable_test {

TEST(Printable, KeepsTextAndNothingElse) {
  EXPECT_EQ(printable("Grüße, ‹KEY› 1 %"), "Grüße, ‹KEY› 1 %");
  EXPECT_EQ(printable("\t\r\n\x1b\x7f\xc2\x80\xc2\x9f\xc2\xa0"), "???????\xc2\xa0");
  EXPECT_EQ(printable("a\xff\xc2z\xe2\x82"), "a??z??");
}

}  // namespace escape::printable_test
