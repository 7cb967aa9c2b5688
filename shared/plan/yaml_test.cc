#include "shared/plan/yaml.h"

#include <gtest/gtest.h>

#include <random>

namespace escape::plan::yaml {
namespace yaml_test {

std::string message(std::string_view text) {
  const Result<Node> node = read(text);
  if (node) return "(accepted)";
  EXPECT_EQ(node.error().kind, ErrorKind::bad_data);
  return node.error().message;
}

TEST(Yaml, RemembersTextAndPlace) {
  const Node root = read("a: 1.10\nn:\n- on\n- 'x'\n- {b: }\n").value();
  ASSERT_EQ(root.kind, Node::Kind::map);
  ASSERT_EQ(root.keys.size(), 2U);
  EXPECT_EQ(root.items[0].text, "1.10");
  EXPECT_EQ(root.keys[1].text, "n");
  const Node& list = root.items[1];
  ASSERT_EQ(list.items.size(), 3U);
  EXPECT_EQ(list.items[0].text, "on");
  EXPECT_TRUE(list.items[0].is_plain);
  EXPECT_FALSE(list.items[1].is_plain);
  EXPECT_EQ(list.items[1].line, 4);
  EXPECT_EQ(list.items[1].column, 3);
  EXPECT_EQ(list.items[2].items[0].kind, Node::Kind::null);
}

TEST(Yaml, EmptyTextIsNothing) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    const Result<Node> node = read(text);
    ASSERT_TRUE(node) << text;
    EXPECT_EQ(node.value().kind, Node::Kind::null);
  }
}

TEST(Yaml, RefusesWithPlaceAndExpectation) {
  const std::pair<const char*, const char*> rows[] = {
      {"a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' is there already in line 1, expected each key once"},
      {"x: {k: 1, k: 2}", "line 1, column 11: the key 'k' is there already in line 1, expected each key once"},
      {"? [a]\n: b\n", "line 1, column 3: a key that is a list, expected a name"},
      {"~: b\n", "line 1, column 1: a key that is nothing, expected a name"},
      {"a: 1\n---\nb: 2\n", "line 3, column 1: a second document begins, expected one document"},
      {"a: &x [*x]\n", "line 1, column 8: an alias within what it stands for, expected a finished anchor"},
      {"a: {<<: b}\n", "line 1, column 9: a merge key whose value is text, expected maps"},
      {"a: {<<: [{b: c}, d]}\n", "line 1, column 9: a merge key whose value is text, expected maps"},
      {"a: {<<: {}, <<: {}}\n", "line 1, column 13: the key '<<' is there already in line 1, expected each key once"},
      {"a: !thing b\n", "line 1, column 4: unknown tag '!thing', expected a plain value"},
      {"a: ok\nb: \xff\n", "line 2: not UTF-8, expected a text file in UTF-8"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(message(text), expected);
  EXPECT_EQ(message("a: ok\nb: \x1b[0m\n"), "line 2, column 4: the control character 0x1b, expected text");
  EXPECT_EQ(read("a: \"\\x1b\"\n").value().items[0].text, "\x1b");
  for (const char* text : {"a: [1", "a: b: c", "- a\nb: c", "a: 'x", "\tb: c", "a: *nowhere", "{"}) {
    const std::string said = message(text);
    EXPECT_TRUE(said.starts_with("line 1") || said.starts_with("line 2")) << text << ": " << said;
    EXPECT_NE(said.find("expected"), std::string::npos) << said;
  }
}

// yaml-cpp guesses at UTF-16 and UTF-32 from NUL bytes, which valid UTF-8 may hold.
TEST(Yaml, NulBytesDoNotMakeItAnotherText) {
  using namespace std::string_view_literals;
  EXPECT_EQ(message("a\0:\0 \0b\0"sv), "line 1, column 2: the control character 0x00, expected text");
  EXPECT_EQ(message("\1\0\0\0b\0\0\0"sv), "line 1, column 1: the control character 0x01, expected text");
}

TEST(Yaml, AnAliasIsACopyOfWhatItStandsFor) {
  const Node root = read("a: &x {k: v}\nb: *x\n").value();
  EXPECT_EQ(root.items[1].keys[0].text, "k");
  EXPECT_EQ(root.items[1].items[0].text, "v");
  const Result<Node> refused = read("a: &x 1\nb: *x\n", Aliases::refused);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "line 2, column 4: an alias, expected the value itself");
}

TEST(Yaml, AMergeKeyGivesTheKeysThatTheMapDoesNotSayItself) {
  const auto merged = [](std::string_view text) {
    const Result<Node> root = read(text);
    EXPECT_TRUE(root) << text;
    const Value value = root ? to_value(*find(root.value(), "m")) : Value();
    std::string shown;
    for (const auto& [key, item] : *value.as_object()) shown += key + "=" + std::to_string(*item.as_int()) + " ";
    return shown;
  };
  const std::string anchors = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\n";
  EXPECT_EQ(merged(anchors + "m: {<<: *x, b: 5}"), "b=5 a=1 ");
  EXPECT_EQ(merged(anchors + "m:\n  b: 5\n  <<: *x\n"), "b=5 a=1 ");
  EXPECT_EQ(merged(anchors + "m: {<<: [*y, *x]}"), "b=3 c=4 a=1 ");
  EXPECT_EQ(merged(anchors + "z: &z {<<: *x, d: 6}\nm: {<<: *z}"), "d=6 a=1 b=2 ");
  EXPECT_EQ(merged("m: {<<: {a: 1}}"), "a=1 ");
  EXPECT_EQ(merged("m: {<<: {}}"), "");
  EXPECT_EQ(read("m: {'<<': 1}").value().items[0].keys[0].text, "<<") << "in quotes it is a key like others";
  EXPECT_EQ(read("m: {<<: {a: 1}}", Aliases::refused).error().message,
            "line 1, column 5: a merge key, expected the keys themselves");
}

TEST(Yaml, HostileInputIsRefusedQuickly) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int n = 0; n < 9; ++n) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_NE(message(bomb).find("too many values, expected at most 50000"), std::string::npos);
  std::string merges = "a0: &a0 {k: {x: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}}\n";
  for (int i = 1; i < 20; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    merges += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {l: " + last + ", m: {<<: " + last + "}}\n";
  }
  EXPECT_NE(message(merges).find("too many values, expected at most 50000"), std::string::npos);
  EXPECT_NE(message(std::string(100'000, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(message(std::string(max_bytes + 1, 'a')).find("expected at most"), std::string::npos);
  std::string wide = "[";
  for (int i = 0; i < 100'000; ++i) wide += "1,";
  EXPECT_NE(message(wide + "1]").find("too many values"), std::string::npos);
}

TEST(Yaml, AnyBytesEndInATreeOrAnError) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string alphabet = "ab1:-[]{},&*!?|>'\"#%@`~ \n\n  \t<";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::size_t n = random() % 60; n > 0; --n) text += alphabet[random() % alphabet.size()];
    const Result<Node> node = read(text);
    if (!node) {
      EXPECT_FALSE(node.error().message.empty()) << text;
    }
  }
}

TEST(Yaml, ScalarsByTheCoreSchema) {
  const std::pair<const char*, Value> rows[] = {
      {"1", 1},
      {"-7", -7},
      {"+7", 7},
      {"0x1F", 31},
      {"0o17", 15},
      {"1.5", 1.5},
      {"1e3", 1000.0},
      {"true", true},
      {"False", false},
      {"yes", "yes"},
      {"n", "n"},
      {"off", "off"},
      {"1_000", "1_000"},
      {"1.2.3", "1.2.3"},
      {".", "."},
      {"-", "-"},
      {"inf", "inf"},
      {"0x", "0x"},
      {"0x-1", "0x-1"},
      {"9223372036854775807", INT64_MAX},
      {"2019-01-01", "2019-01-01"},
  };
  for (const auto& [text, value] : rows) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = text;
    EXPECT_EQ(resolve(node), value) << text;
    node.is_plain = false;
    EXPECT_EQ(resolve(node), Value(text)) << "in quotes: " << text;
  }
}

}  // namespace yaml_test
}  // namespace escape::plan::yaml
