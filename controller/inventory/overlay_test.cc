#include "controller/inventory/overlay.h"

#include "controller/inventory/fixtures_for_tests.h"

namespace escape::inventory {
namespace overlay_test {

using store::Reader;
using store::Table;

std::string scanned(const Reader& reader, std::string_view from, std::string_view to, Reader::Order order,
                    int limit = 99) {
  std::string text;
  EXPECT_TRUE(reader.scan(Table::inventory, from, to, order, [&](std::string_view key, std::string_view value) {
    text += std::string(key) + "=" + std::string(value) + " ";
    return --limit > 0;
  }));
  return text;
}

TEST(Overlay, ShowsWhatIsDecidedOverWhatIsCommitted) {
  const auto database = store::make_memory_database();
  ASSERT_TRUE(
      database->commit({{Table::inventory, "b", "1"}, {Table::inventory, "d", "1"}, {Table::inventory, "f", "1"}}));
  Overlay overlay(*database);
  overlay.apply({{Table::inventory, "a", "2"},
                 {Table::inventory, "d", std::nullopt},
                 {Table::inventory, "e", "2"},
                 {Table::inventory, "f", "2"},
                 {Table::inventory, "g", "2"},
                 {Table::locks, "c", "2"}});
  using enum Reader::Order;
  EXPECT_EQ(scanned(overlay, "", "", ascending), "a=2 b=1 e=2 f=2 g=2 ");
  EXPECT_EQ(scanned(overlay, "", "", descending), "g=2 f=2 e=2 b=1 a=2 ");
  EXPECT_EQ(scanned(overlay, "b", "f", ascending), "b=1 e=2 ");
  EXPECT_EQ(scanned(overlay, "b", "f", descending), "e=2 b=1 ");
  EXPECT_EQ(scanned(overlay, "", "", ascending, 1), "a=2 ");
  EXPECT_EQ(scanned(overlay, "", "", descending, 3), "g=2 f=2 e=2 ");
  EXPECT_EQ(overlay.get(Table::inventory, "d").value(), std::nullopt);
  EXPECT_EQ(overlay.get(Table::inventory, "b").value(), "1");
  EXPECT_EQ(overlay.get(Table::inventory, "f").value(), "2");
}

}  // namespace overlay_test
}  // namespace escape::inventory
