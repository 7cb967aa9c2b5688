#include <gtest/gtest.h>

#include <random>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "protocol/messages/describe.h"
#include "shared/codec/codec.h"

namespace escape::protocol {
namespace messages_test {

std::string packed(Value::Object object) { return codec::to_msgpack(std::move(object)); }

template <class Decoded>
void expect_bad(const Decoded& decoded, const std::string& says) {
  ASSERT_FALSE(decoded.has_value()) << says;
  EXPECT_EQ(decoded.error().kind, ErrorKind::bad_data);
  const std::string text = describe(decoded.error());
  EXPECT_NE(text.find(says), std::string::npos) << text;
}

TEST(Messages, AgentsMessagesKeepTheirFields) {
  const Finished sent{.task = {3, 4},
                      .attempt = 2,
                      .outcome = TaskOutcome::failed,
                      .exit_status = 3,
                      .message = "no",
                      .outputs = {{"a", 1}},
                      .has_outputs = true,
                      .output_bytes = 5,
                      .tail_offset = 2,
                      .tail = {std::string("\xff\0x", 3)},
                      .duration_micros = 9};
  const TypedBody typed = encode(FromAgent(sent));
  EXPECT_EQ(typed.type, "finished");
  const Result<FromAgent> back = decode_from_agent(typed.type, typed.body);
  ASSERT_TRUE(back.has_value()) << describe(back.error());
  const auto& got = std::get<Finished>(back.value());
  EXPECT_EQ(got.task, sent.task);
  EXPECT_EQ(got.outcome, sent.outcome);
  EXPECT_EQ(got.outputs, sent.outputs);
  EXPECT_EQ(got.tail, sent.tail);
}

TEST(Messages, RequestsAndRepliesCarryTheirIdAndWord) {
  const TypedBody request = encode(FromClient(ClientRequest{"id-1", request::ShowJob{9}}));
  EXPECT_EQ(request.type, "request");
  EXPECT_EQ(codec::from_msgpack(request.body).value(),
            Value(Value::Object{{"id", "id-1"}, {"request", "show_job"}, {"args", Value::Object{{"job", 9}}}}));
  const Result<FromClient> back = decode_from_client(request.type, request.body);
  ASSERT_TRUE(back.has_value()) << describe(back.error());
  EXPECT_EQ(std::get<request::ShowJob>(std::get<ClientRequest>(back.value()).request).job, 9u);

  const ClientReply reply{"id-1", reply::Failed{"not_found", "There is no job 9.", ""}};
  const Result<ClientReply> kept = reply_from_value(reply_to_value(reply));
  ASSERT_TRUE(kept.has_value()) << describe(kept.error());
  EXPECT_EQ(std::get<reply::Failed>(kept.value().reply).message, "There is no job 9.");
}

TEST(Messages, FieldsThatAreMissingKeepTheirDefaultsAndUnknownOnesAreIgnored) {
  const Result<ToAgent> welcome = decode_to_agent("welcome", packed({{"agent", "a"}, {"of_the_future", 1}}));
  ASSERT_TRUE(welcome.has_value()) << describe(welcome.error());
  EXPECT_EQ(std::get<Welcome>(welcome.value()).heartbeat, Millis{10'000});
}

TEST(Messages, AnOfferOfAnEarlierControllerAsksForNoPreparation) {
  const Result<ToAgent> decoded = decode_to_agent(
      "offer", packed({{"task", Value::List{1, 2}}, {"attempt", 1}, {"step", "deploy"}, {"run", Value::Object{}}}));
  ASSERT_TRUE(decoded.has_value()) << describe(decoded.error());
  const auto& offer = std::get<Offer>(decoded.value());
  EXPECT_TRUE(offer.downloads.empty() && offer.templates.empty() && offer.parts.empty() && offer.files.empty());
  EXPECT_TRUE(std::get<Hello>(decode_from_agent("hello", packed({})).value()).abilities.empty());
}

TEST(Messages, WhatAnOfferPreparesKeepsItsFields) {
  Offer sent;
  sent.downloads = {{.url = "http://a/b", .dest = "c", .if_not_exists = {"d*"}, .unpack = true, .sha256 = "00"}};
  sent.templates = {{.file = "t.tpl", .target = "t", .values = {{"a", Value::List{1, "b"}}}, .escape_html = true}};
  sent.parts = {{.folder = "deps/p/n",
                 .package = {.release = "p/n-v1", .path = "/x", .sha256 = "11", .size = 5, .workspace = ""}}};
  sent.files = {{.path = "x/y", .text = std::string("\xff\0", 2)}};
  const TypedBody typed = encode(ToAgent(sent));
  const Result<ToAgent> decoded = decode_to_agent(typed.type, typed.body);
  ASSERT_TRUE(decoded.has_value()) << describe(decoded.error());
  const auto& got = std::get<Offer>(decoded.value());
  EXPECT_EQ(got.downloads, sent.downloads);
  EXPECT_EQ(got.templates, sent.templates);
  EXPECT_EQ(got.parts, sent.parts);
  EXPECT_EQ(got.files, sent.files);
}

TEST(Messages, NobodyIsSentToSleepForLongerThanADay) {
  constexpr std::int64_t too_long = 25 * 3600 * 1000;
  for (const std::int64_t millis : {std::int64_t{-1}, too_long}) {
    EXPECT_FALSE(decode_to_agent("refused", packed({{"kind", "temporary"}, {"retry_after", millis}})));
    EXPECT_FALSE(decode_to_agent("pong", packed({{"heartbeat", millis}})));
  }
  EXPECT_EQ(std::get<Pong>(decode_to_agent("pong", packed({})).value()).heartbeat, Millis{0}) << "as before";
  EXPECT_EQ(std::get<Refused>(decode_to_agent("refused", packed({{"kind", "temporary"}})).value()).retry_after,
            Millis{0});
}

TEST(Messages, RawKeysAreBinary) {
  const std::string key(32, '\xfe');
  const TypedBody typed = encode(FromAgent(Join{.name = "a", .public_key = key, .host = {}, .labels = {}}));
  const Value body = codec::from_msgpack(typed.body).value();
  ASSERT_NE(body.as_object()->find("public_key")->as_binary(), nullptr);
  EXPECT_EQ(std::get<Join>(decode_from_agent(typed.type, typed.body).value()).public_key, key);
}

TEST(Messages, RefuseWhatAnAgentMayNotSay) {
  const Value::List task{1, 2};
  const auto finished = [&](int output_bytes, int tail_offset, std::string tail) {
    return packed({{"task", task},
                   {"attempt", 1},
                   {"outcome", "ok"},
                   {"output_bytes", output_bytes},
                   {"tail_offset", tail_offset},
                   {"tail", Binary{std::move(tail)}}});
  };
  const struct {
    const char* type;
    std::string body;
    const char* says;
  } cases[] = {
      {"dance", packed({}), "'dance' is not a known message of an agent"},
      {"offer", packed({}), "'offer' is not a known message of an agent"},
      {"", packed({}), "'' is not a known"},
      {"\x1b[31m", packed({}), "'?[31m' is not a known"},
      {"ping", "", "'ping' message"},
      {"ping", "\xc1", "'ping' message"},
      {"ping", packed({}) + "x", "'ping' message"},
      {"ping", std::string(100'000, '\x91'), "'ping' message"},
      {"ping", codec::to_msgpack(Value(7)), "object"},
      {"ping", std::string(max_message_bytes + 1, '\0'), "more than the limit"},
      {"accepted", packed({{"attempt", 1}}), "the field 'task' is missing"},
      {"accepted", packed({{"task", "1.2"}, {"attempt", 1}}), "task"},
      {"accepted", packed({{"task", Value::List{1, -2}}, {"attempt", 1}}), "task"},
      {"accepted", packed({{"task", task}, {"attempt", -1}}), "out of range"},
      {"accepted", packed({{"task", task}, {"attempt", std::int64_t{1} << 33}}), "out of range"},
      {"output", packed({{"task", task}, {"attempt", 1}, {"offset", 0}, {"bytes", Binary{std::string(65'537, 'x')}}}),
       "more than the limit of 65536"},
      {"finished", packed({{"task", task}, {"attempt", 1}, {"outcome", "maybe"}}), "'maybe' is not a known word"},
      {"finished", finished(10, 5, "1234"), "does not reach"},
      {"finished", finished(5, 10, ""), "does not reach"},
      {"finished", finished(1 << 21, 0, std::string(1 << 21, 'x')), "more than the limit"},
      {"join", packed({{"public_key", Binary{"short"}}}), "where 32 were expected"},
      {"join", packed({{"public_key", std::string(32, 'k')}}), "expected a binary"},
      {"hello", packed({{"abilities", "prepare"}}), "abilities"},
      {"hello",
       packed({{"holds",
                Value::List(10'001, Value(Value::Object{{"task", task}, {"attempt", 1}, {"phase", "running"}}))}}),
       "more than the limit of 10000"},
  };
  for (const auto& [type, body, says] : cases) expect_bad(decode_from_agent(type, body), says);
}

/// Whoever came to the wrong socket is told by it (agent/app/join.cc, controller/cli/remote_link.cc).
TEST(Messages, OfTheOtherSocketAreRefusedInItsWords) {
  EXPECT_TRUE(decode_from_client("join", packed({})).error().message.ends_with(not_of_a_client));
  EXPECT_TRUE(decode_from_agent("request", packed({})).error().message.ends_with(not_of_an_agent));
}

TEST(Messages, RefuseWhatAClientMayNotSay) {
  const auto request = [](Value word, Value args) {
    return packed({{"id", "1"}, {"request", std::move(word)}, {"args", std::move(args)}});
  };
  const struct {
    const char* type;
    std::string body;
    const char* says;
  } cases[] = {
      {"reply", packed({}), "'reply' is not a known message of a client"},
      {"request", packed({{"request", "detach"}, {"args", Value::Object{}}}), "'id' is missing"},
      {"request", packed({{"id", ""}, {"request", "detach"}, {"args", Value::Object{}}}), "'id' is empty"},
      {"request", packed({{"id", std::string(65, 'x')}, {"request", "detach"}, {"args", Value::Object{}}}),
       "longer than 64"},
      {"request", packed({{"id", "1"}, {"request", "detach"}}), "'args' is missing"},
      {"request", request(7, Value::Object{}), "'request' is missing"},
      {"request", request("make_coffee", Value::Object{}), "'make_coffee' is not a known request"},
      {"request", request("show_job", Value::Object{}), "the field 'job' is missing"},
      {"request", request("submit", Value::Object{{"kind", "wish"}}), "'wish' is not a known word"},
      {"request", request("list_jobs", Value::Object{{"limit", 0}}), "not within 1 and 10000"},
      {"request", request("list_events", Value::Object{{"limit", 10'001}}), "not within 1 and 10000"},
      {"request", request("resolve_job", Value::Object{{"job", 1}, {"is_ok", true}}), "'reason' is missing"},
      {"request",
       request("resolve_job", Value::Object{{"job", 1}, {"is_ok", true}, {"reason", std::string(1001, 'x')}}),
       "more than the limit of 1000"},
      {"request", request("enrol", Value::Object{{"public_key", Binary{"k"}}}), "where 32 were expected"},
      {"request", request("invite", Value::Object{{"role", "agent"}, {"key", Binary{}}}), "where 32 were expected"},
      {"credit", packed({{"batches", 0}}), "not within 1 and 1000"},
  };
  for (const auto& [type, body, says] : cases) expect_bad(decode_from_client(type, body), says);
  expect_bad(decode_to_client("reply", packed({{"id", "1"}, {"reply", "poem"}, {"args", Value::Object{}}})),
             "'poem' is not a known reply");
  expect_bad(decode_to_agent("welcome", packed({{"agent", "a"}, {"heartbeat", 0}})), "not within");
}

TEST(Messages, AnUnknownWordIsCutInTheMessage) {
  const Result<FromAgent> decoded = decode_from_agent(std::string(5'000, 'a'), packed({}));
  ASSERT_FALSE(decoded.has_value());
  EXPECT_LT(decoded.error().message.size(), 120u);
}

// Any bytes give a message or an error, never an end of the process.
TEST(Messages, DecodingIsTotal) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good =
      encode(FromClient(ClientRequest{"1", request::ApplyEnvironment{.environment = "e",
                                                                     .inputs = Value::Object{{"a", 1}},
                                                                     .is_protected = true,
                                                                     .deployments = {{"d", "r", {}}},
                                                                     .is_trial = false}}))
          .body;
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = good;
    for (unsigned change = 0; change <= random() % 4; ++change)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    if (Result<FromClient> decoded = decode_from_client("request", bytes); !decoded) {
      EXPECT_EQ(decoded.error().kind, ErrorKind::bad_data);
    }
  }
}

template <class Enum>
void expect_words(const std::vector<std::pair<Enum, std::string>>& words) {
  for (const auto& [value, name] : words) {
    EXPECT_EQ(name_of(value), name);
    Enum parsed{};
    EXPECT_TRUE(parse_enum(name, parsed)) << name;
    EXPECT_EQ(parsed, value);
  }
  Enum untouched = words.back().first;
  EXPECT_FALSE(parse_enum("no such word", untouched));
  EXPECT_FALSE(parse_enum("", untouched));
  EXPECT_EQ(untouched, words.back().first);
}

TEST(Messages, EnumsHaveWords) {
  expect_words<AgentTaskPhase>({{AgentTaskPhase::accepted, "accepted"},
                                {AgentTaskPhase::running, "running"},
                                {AgentTaskPhase::finished, "finished"}});
  expect_words<TaskOutcome>({{TaskOutcome::ok, "ok"},
                             {TaskOutcome::failed, "failed"},
                             {TaskOutcome::timed_out, "timed_out"},
                             {TaskOutcome::cancelled, "cancelled"},
                             {TaskOutcome::not_started, "not_started"},
                             {TaskOutcome::interrupted, "interrupted"}});
  expect_words<JobKind>({{JobKind::deploy, "deploy"},
                         {JobKind::smoke, "smoke"},
                         {JobKind::destroy, "destroy"},
                         {JobKind::promote, "promote"},
                         {JobKind::converge, "converge"},
                         {JobKind::build, "build"},
                         {JobKind::test, "test"}});
  expect_words<JobPhase>(
      {{JobPhase::queued, "queued"}, {JobPhase::running, "running"}, {JobPhase::settled, "settled"}});
  expect_words<JobOutcome>({{JobOutcome::none, "none"},
                            {JobOutcome::ok, "ok"},
                            {JobOutcome::failed, "failed"},
                            {JobOutcome::cancelled, "cancelled"}});
  expect_words<TaskPhase>({{TaskPhase::planned, "planned"},
                           {TaskPhase::offered, "offered"},
                           {TaskPhase::accepted, "accepted"},
                           {TaskPhase::unknown, "unknown"},
                           {TaskPhase::settled, "settled"},
                           {TaskPhase::skipped, "skipped"}});
}

TEST(Messages, OnlyWhatChangesSomethingIsRemembered) {
  EXPECT_TRUE(changes_something(request::Submit{}));
  EXPECT_TRUE(changes_something(request::Invite{}));
  EXPECT_TRUE(changes_something(request::CancelJob{}));
  EXPECT_FALSE(changes_something(request::Attach{}));
  EXPECT_FALSE(changes_something(request::ListEvents{}));
  EXPECT_EQ(word_of(request::DescribePromotion{}), "describe_promotion");
}

}  // namespace messages_test
}  // namespace escape::protocol
