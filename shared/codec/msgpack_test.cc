#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/random_value_for_tests.h"

namespace escape::codec {
namespace msgpack_test {

std::string why_refused(std::string_view bytes) {
  const Result<Value> value = from_msgpack(bytes);
  if (value) return "accepted";
  EXPECT_EQ(value.error().kind, ErrorKind::bad_data);
  return value.error().message;
}

}  // namespace msgpack_test

TEST(Msgpack, RandomValuesComeBack) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
  RandomValue random(seed);
  for (int i = 0; i < 3000; ++i) {
    const Value value = random.make(true);
    const Result<Value> back = from_msgpack(to_msgpack(value));
    ASSERT_TRUE(back) << back.error().message << "\n" << to_json(value);
    ASSERT_EQ(back.value(), value) << to_json(value);
  }
}

TEST(Msgpack, BytesAreThePlainFormat) {
  EXPECT_EQ(to_msgpack(Value::Object{{"a", 1}, {"b", Value::List{true, nullptr}}}), std::string("\x82\xa1"
                                                                                                "a\x01\xa1"
                                                                                                "b\x92\xc3\xc0"));
  EXPECT_EQ(to_msgpack(Binary{"x"}), std::string("\xc4\x01x", 3));
  EXPECT_EQ(to_msgpack("x"), "\xa1x");
  EXPECT_EQ(to_msgpack(1.0), std::string("\xcb\x3f\xf0\0\0\0\0\0\0", 9));
}

TEST(Msgpack, DamagedBytesAreRefusedOrReadButNeverCrash) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
  RandomValue random(seed);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = to_msgpack(random.make(true));
    for (std::size_t damage = 1 + random.below(3); damage > 0 && !bytes.empty(); --damage) {
      switch (random.below(3)) {
        case 0:
          bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
          break;
        case 1:
          bytes.resize(random.below(bytes.size() + 1));
          break;
        default:
          bytes.insert(random.below(bytes.size() + 1), random.bytes(1 + random.below(4)));
      }
    }
    if (const Result<Value> value = from_msgpack(bytes)) {
      ASSERT_TRUE(from_msgpack(to_msgpack(value.value())));
    } else {
      ASSERT_EQ(value.error().kind, ErrorKind::bad_data);
    }
  }
  for (int i = 0; i < 3000; ++i) (void)from_msgpack(random.bytes(random.below(64)));
}

TEST(Msgpack, HostileClaimsCostNothing) {
  using msgpack_test::why_refused;
  using namespace std::string_literals;
  EXPECT_NE(why_refused("\xdd\xff\xff\xff\xff"s).find("claims 4294967295 elements"), std::string::npos);
  EXPECT_NE(why_refused("\xdf\xff\xff\xff\xff"s).find("claims 4294967295 elements"), std::string::npos);
  EXPECT_NE(why_refused("\xdb\xff\xff\xff\xff"s).find("ends in the middle"), std::string::npos);  // text of 4 GiB
  EXPECT_NE(why_refused("\xc6\xff\xff\xff\xff"s).find("ends in the middle"), std::string::npos);  // binary of 4 GiB
  EXPECT_NE(why_refused(std::string(200 << 10, '\x91')).find("64 levels deep"), std::string::npos);
  std::string maps;
  for (int i = 0; i < 1000; ++i) maps += "\x81\xa1k";
  EXPECT_NE(why_refused(maps).find("64 levels deep"), std::string::npos);
  // 64 nested arrays that each claim a million elements: nothing may be reserved for them.
  std::string nested;
  for (int i = 0; i < 60; ++i) nested += "\xdd\x00\x0f\x42\x40"s;
  nested.resize(1'000'001, '\xc0');
  (void)why_refused(nested);
}

TEST(Msgpack, DepthAndItemLimitsAreExact) {
  EXPECT_TRUE(from_msgpack(std::string(max_depth, '\x91') + "\xc0"));
  EXPECT_FALSE(from_msgpack(std::string(max_depth + 1, '\x91') + "\xc0"));
  EXPECT_TRUE(from_msgpack(std::string(max_depth + 1, '\x91') + "\xc0", max_depth + 1));
  const auto list_of = [](std::uint32_t count) {
    std::string bytes = "\xdd";
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(count >> shift);
    return bytes + std::string(count, '\xc0');
  };
  EXPECT_TRUE(from_msgpack(list_of(max_items - 1)));
  EXPECT_FALSE(from_msgpack(list_of(max_items)));
}

TEST(Msgpack, RefusalsSayWhatIsWrong) {
  using msgpack_test::why_refused;
  using namespace std::string_literals;
  const std::pair<std::string, std::string> rows[] = {
      {"", "is empty"},
      {"\x01\x02", "1 bytes follow the value"},
      {"\x92\x01", "ends in the middle"},
      {"\xc1", "not msgpack"},
      {"\xd4\x01\x00"s, "extension types"},
      {"\xc7\x01\x05\x00"s, "extension types"},
      {"\x81\x01\x02", "not a string"},
      {"\x81\x90\x02", "not a string"},
      {"\x82\xa1"
       "a\x01\xa1"
       "a\x02",
       "'a' occurs twice"},
      {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "does not fit"},
  };
  for (const auto& [bytes, expected] : rows) {
    EXPECT_NE(why_refused(bytes).find(expected), std::string::npos) << expected << ": " << why_refused(bytes);
  }
}

}  // namespace escape::codec
