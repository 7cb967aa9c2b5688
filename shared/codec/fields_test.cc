#include "shared/codec/fields.h"

#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::codec::fields_test {

enum class Colour { red, green };
std::string_view name_of(Colour colour) { return colour == Colour::red ? "red" : "green"; }
bool parse_enum(std::string_view text, Colour& to) {
  if (text != "red" && text != "green") return false;
  to = text == "red" ? Colour::red : Colour::green;
  return true;
}

struct Inner {
  std::string name;
  int count = 0;
  friend bool operator==(const Inner&, const Inner&) = default;
};
template <class V>
void describe(V& visit, Inner& i) {
  visit.required("name", i.name);
  visit("count", i.count);
}

struct Everything {
  bool yes = false;
  std::uint8_t small = 0;
  std::uint64_t large = 0;
  double number = 0;
  std::string text;
  Binary bytes;
  Colour colour = Colour::red;
  TaskId task;
  Timestamp at;
  Millis span{0};
  Value any;
  Value::Object object;
  Inner inner;
  std::optional<Inner> maybe;
  std::optional<bool> flag;
  std::vector<Inner> list;
  std::map<std::string, std::vector<std::string>> lists;
  friend bool operator==(const Everything&, const Everything&) = default;
};
template <class V>
void describe(V& visit, Everything& e) {
  visit("yes", e.yes);
  visit("small", e.small);
  visit("large", e.large);
  visit("number", e.number);
  visit("text", e.text);
  visit("bytes", e.bytes);
  visit("colour", e.colour);
  visit("task", e.task);
  visit("at", e.at);
  visit("span", e.span);
  visit("any", e.any);
  visit("object", e.object);
  visit("inner", e.inner);
  visit("maybe", e.maybe);
  visit("flag", e.flag);
  visit("list", e.list);
  visit("lists", e.lists);
}

Everything sample() {
  Everything e;
  e.yes = true;
  e.small = 200;
  e.large = 1ull << 62;
  e.number = 0.5;
  e.text = "t";
  e.bytes = Binary{std::string("\0\xff", 2)};
  e.colour = Colour::green;
  e.task = {7, 3};
  e.at = {1234567};
  e.span = Millis{90};
  e.any = Value::List{1, "x"};
  e.object = {{"k", nullptr}};
  e.inner = {"in", 1};
  e.maybe = Inner{"may", 2};
  e.flag = false;
  e.list = {{"a", 1}, {"b", 2}};
  e.lists = {{"one", {"x"}}, {"two", {}}};
  return e;
}

std::string why_refused(const Value& value) {
  const Result<Everything> read = decode<Everything>(value);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind, ErrorKind::bad_data);
  return escape::describe(read.error());
}

TEST(Fields, EverythingComesBack) {
  for (const Everything& e : {Everything{}, sample()}) {
    const Result<Value> value = from_msgpack(to_msgpack(encode(e)));
    ASSERT_TRUE(value);
    const Result<Everything> back = decode<Everything>(value.value());
    ASSERT_TRUE(back) << escape::describe(back.error());
    EXPECT_EQ(back.value(), e);
  }
}

TEST(Fields, EmptyFieldsAreWrittenInOrder) {
  EXPECT_EQ(to_json(encode(Inner{})), R"({"name":"","count":0})");
  EXPECT_EQ(to_json(encode(std::vector<TaskId>{{1, 2}})), "[[1,2]]");
  EXPECT_EQ(to_json(encode(std::optional<Inner>{})), "null");
}

TEST(Fields, MissingKeepsTheDefaultAndUnknownIsIgnored) {
  const Result<Everything> read = decode<Everything>(Value::Object{{"text", "t"}, {"from the future", 1}});
  ASSERT_TRUE(read);
  Everything expected;
  expected.text = "t";
  EXPECT_EQ(read.value(), expected);
}

TEST(Fields, RefusalsNameThePath) {
  using O = Value::Object;
  EXPECT_EQ(why_refused(nullptr), "expected an object, got null");
  EXPECT_EQ(why_refused(O{{"yes", 1}}), "yes: expected a bool, got an integer");
  EXPECT_EQ(why_refused(O{{"text", Binary{"x"}}}), "text: expected a string, got a binary");
  EXPECT_EQ(why_refused(O{{"small", 256}}), "small: the number 256 is out of range");
  EXPECT_EQ(why_refused(O{{"small", -1}}), "small: the number -1 is out of range");
  EXPECT_EQ(why_refused(O{{"large", -1}}), "large: the number -1 is out of range");
  EXPECT_EQ(why_refused(O{{"large", 1.0}}), "large: expected an integer, got a number");
  EXPECT_EQ(why_refused(O{{"colour", "blue"}}), "colour: 'blue' is not a known word here");
  EXPECT_EQ(why_refused(O{{"colour", 1}}), "colour: expected a string, got an integer");
  EXPECT_EQ(why_refused(O{{"task", Value::List{1}}}), "task: expected a list of job and index, got a list");
  EXPECT_EQ(why_refused(O{{"inner", O{{"count", 1}}}}), "inner: the field 'name' is missing");
  EXPECT_EQ(why_refused(O{{"maybe", 1}}), "maybe: expected an object, got an integer");
  EXPECT_EQ(why_refused(O{{"list", Value::List{O{{"name", "a"}}, O{{"name", 1}}}}}),
            "list: [1]: name: expected a string, got an integer");
  EXPECT_EQ(why_refused(O{{"lists", O{{"k", Value::List{nullptr}}}}}), "lists: k: [0]: expected a string, got null");
}

TEST(Fields, DomainRecordsComeBack) {
  state::Deployment deployment{"prod", "main", "proj/app", {{"who", "x"}}, {}, {}, "agent-1"};
  state::StageRecord& stage = deployment.stages["deploy"];
  stage.inputs = {{"who", "Prod"}, {"n", 3}};
  stage.calculated_outputs = {{"list", Value::List{"a"}}};
  stage.release = {"1.0", "ab"};
  stage.last_ok = state::DeployedRelease{"0.9", "cd"};
  stage.status = {state::StatusCode::failure, {5}, "ann", "why", {9}, 2};
  stage.job = 12;
  deployment.desired = state::DesiredRelease{"proj/app-latest"};
  const Result<state::Deployment> back =
      decode<state::Deployment>(from_msgpack(to_msgpack(encode(deployment))).value());
  ASSERT_TRUE(back) << escape::describe(back.error());
  EXPECT_EQ(back.value(), deployment);

  const state::Environment environment{"prod", {{"a", 1}}, true, true, {77}};
  EXPECT_EQ(decode<state::Environment>(encode(environment)).value(), environment);

  const release::ExecStage run{"ls", {"-l", "a b"}, "echo", "s.sh"};
  EXPECT_EQ(decode<release::ExecStage>(encode(run)).value(), run);
}

}  // namespace escape::codec::fields_test
