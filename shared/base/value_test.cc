#include "shared/base/value.h"

#include <gtest/gtest.h>

namespace escape {

TEST(Value, EachTypeIsHeldAsItself) {
  struct Row {
    Value value;
    std::string_view type;
  };
  for (const Row& row :
       {Row{Value(), "null"}, Row{nullptr, "null"}, Row{true, "bool"}, Row{7, "integer"}, Row{7u, "integer"},
        Row{std::uint64_t{7}, "integer"}, Row{1.5, "number"}, Row{"text", "string"}, Row{Binary{"\x01"}, "binary"},
        Row{Value::List{1, 2}, "list"}, Row{Value::Object{{"a", 1}}, "object"}}) {
    EXPECT_EQ(row.value.type_name(), row.type);
    EXPECT_EQ(row.value, Value(row.value));
  }
  EXPECT_EQ(*Value("text").as_string(), "text");
  EXPECT_EQ(Value("text").as_int(), nullptr);
  EXPECT_TRUE(Value().is_null());
  EXPECT_NE(Value(1), Value(1.0)) << "an integer is not a number with a fraction";
  EXPECT_NE(Value("a"), Value(Binary{"a"}));
}

TEST(Value, ObjectsKeepTheOrderOfTheirKeys) {
  Value::Object object{{"b", 1}, {"a", 2}};
  object.set("c", 3);
  object.set("b", 4);
  std::string keys;
  for (const auto& [key, value] : object) keys += key;
  EXPECT_EQ(keys, "bac");
  EXPECT_EQ(*object.find("b"), Value(4));
  EXPECT_EQ(object.find("d"), nullptr);
  EXPECT_NE(object, object.sorted());
  EXPECT_EQ(object.sorted(), (Value::Object{{"a", 2}, {"b", 4}, {"c", 3}}));
}

TEST(Value, MembersCanBeErased) {
  Value::Object object{{"a", 1}, {"b", 2}};
  EXPECT_TRUE(object.erase("a"));
  EXPECT_FALSE(object.erase("a"));
  EXPECT_FALSE(object.contains("a"));
  EXPECT_EQ(object.size(), 1u);
}

TEST(Value, RepeatedKeysOfAnInitializerAreReplaced) {
  EXPECT_EQ((Value::Object{{"a", 1}, {"a", 2}}), (Value::Object{{"a", 2}}));
}

}  // namespace escape
