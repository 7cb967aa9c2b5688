#include "controller/app/history_queries.h"

#include <gmock/gmock.h>

#include "controller/store/rows.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::controller {
namespace history_queries_test {

namespace request = protocol::request;
namespace reply = protocol::reply;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct HistoryQueriesTest : ::testing::Test {
  /// The deployment as a job left it, from then on.
  DeploymentChange change(EventSequence sequence, const std::string& what, const std::string& version,
                          Value::Object inputs, const std::string& name = "app") {
    release::Metadata metadata;
    metadata.project = "qq";
    metadata.name = "app";
    metadata.version = version;
    metadata.inputs = {{.id = "who"}, {.id = "password", .sensitive = true}};
    save(JobPlan{.job = sequence, .metadata = codec::metadata_to_value(metadata), .releases = {}, .units = {}});
    state::Deployment deployment{.environment = "stage", .name = name, .release = "qq/app"};
    state::StageRecord& stage = deployment.stages["deploy"];
    stage.release = {version, "sha-" + version};
    stage.status.code = what == "failed" ? state::StatusCode::failure : state::StatusCode::ok;
    stage.calculated_inputs = std::move(inputs);
    stage.job = sequence;
    return {.sequence = sequence,
            .time = {static_cast<std::int64_t>(sequence) * 1'000'000},
            .what = what,
            .principal = "ann",
            .job = sequence,
            .deployment = deployment};
  }
  void save(const Change& change) {
    std::vector<store::Write> batch;
    store::append_writes(change, batch, nullptr);
    ASSERT_TRUE(database->commit(batch));
  }
  std::string shown(const request::ShowDeployment& asked) {
    const auto reply = show_past_deployment(asked, *database, nobody);
    return reply ? codec::to_json(std::get<reply::Deployment>(reply.value()).deployment) : reply.error().message;
  }
  static Result<release::ReleaseRecord> nobody(const release::ReleaseQuery&) {
    return fail(ErrorKind::not_found, "no inventory");
  }
  std::unique_ptr<store::Database> database = store::make_memory_database();
};

TEST_F(HistoryQueriesTest, ChangesAreListedNewestFirstWithTheInputsThatChanged) {
  save(change(3, "deployed", "1.0", {{"who", "Ann"}, {"password", "correct horse"}}));
  save(change(7, "upgraded", "2.0", {{"who", "Ann"}, {"password", "battery staple"}}));
  save(change(9, "failed", "3.0", {{"who", "Bob"}, {"password", "battery staple"}}));
  save(change(8, "deployed", "9.9", {}, "app2"));
  const auto page = [&](EventSequence before, int limit) {
    return std::get<reply::History>(list_history({"stage", "app", before, limit}, *database).value());
  };
  const reply::History all = page(0, 50);
  ASSERT_EQ(all.changes.size(), 3u);
  EXPECT_FALSE(all.more);
  EXPECT_EQ(all.changes[0].what, "failed");
  EXPECT_EQ(all.changes[0].release, "qq/app-v3.0");
  EXPECT_EQ(all.changes[0].status, "failure");
  EXPECT_THAT(all.changes[0].inputs, ElementsAre("who"));
  EXPECT_THAT(all.changes[1].inputs, ElementsAre("password"));
  EXPECT_EQ(all.changes[2].sha256, "sha-1.0");
  const reply::History first = page(0, 1);
  EXPECT_TRUE(first.more);
  EXPECT_THAT(first.changes.at(0).inputs, ElementsAre("who")) << "compared with what is on the next page";
  EXPECT_EQ(page(9, 1).changes.at(0).sequence, 7u);
  EXPECT_EQ(list_history({"stage", "nope"}, *database).error().kind, ErrorKind::not_found);
}

TEST_F(HistoryQueriesTest, ADeploymentIsShownAsItWasAndItsSecretsAreNot) {
  save(change(3, "deployed", "1.0", {{"who", "Ann"}, {"password", "correct horse"}}));
  save(change(4, "deployed", "1.0", {{"who", "below"}}, "app:db"));
  save(change(7, "upgraded", "2.0", {{"who", "Bob"}, {"password", "battery staple"}}));
  const std::string before = shown({.environment = "stage", .deployment = "app", .at = 5});
  EXPECT_THAT(before, HasSubstr("Ann"));
  EXPECT_THAT(before, HasSubstr("below"));
  EXPECT_THAT(before, Not(HasSubstr("correct horse")));
  EXPECT_THAT(before, HasSubstr("********"));
  EXPECT_THAT(shown({.environment = "stage", .deployment = "app", .at = 7}), HasSubstr("Bob"));
  EXPECT_THAT(shown({.environment = "stage", .deployment = "app", .at_time = {6'999'999}}), HasSubstr("Ann"));
  EXPECT_THAT(shown({.environment = "stage", .deployment = "app", .at_time = {7'000'000}}), HasSubstr("Bob"));
  EXPECT_THAT(shown({.environment = "stage", .deployment = "app", .at = 3}), Not(HasSubstr("below")));
  EXPECT_THAT(shown({.environment = "stage", .deployment = "app", .at = 2}), HasSubstr("not known to have existed"));
}

TEST_F(HistoryQueriesTest, EnvironmentsAreComparedByWholeValuesAndSecretsStayHidden) {
  State state;
  for (const char* name : {"stage", "live", "empty"}) state.environments[name].name = name;
  const auto put = [&](DeploymentChange one, const std::string& environment) {
    one.deployment.environment = environment;
    state.deployments[{environment, one.deployment.name}] = one.deployment;
  };
  put(change(3, "deployed", "1.0", {{"who", "Ann"}, {"password", "correct horse"}, {"url", "db://correct horse"}}),
      "stage");
  put(change(4, "deployed", "2.0", {{"who", "Ann"}, {"password", "battery staple"}}), "live");
  put(change(5, "deployed", "1.0", {}, "same"), "stage");
  put(change(5, "deployed", "1.0", {}, "same"), "live");
  put(change(6, "deployed", "1.0", {}, "only"), "live");
  const auto found = diff_environments({"stage", "live"}, state, *database, nobody);
  ASSERT_TRUE(found);
  const auto& all = std::get<reply::Differences>(found.value()).deployments;
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].deployment, "app");
  EXPECT_EQ(all[0].left, "qq/app-v1.0");
  EXPECT_EQ(all[0].right, "qq/app-v2.0");
  ASSERT_EQ(all[0].inputs.size(), 2u) << "who is the same";
  EXPECT_EQ(all[0].inputs[1].left, "********") << "it holds the password";
  EXPECT_EQ(all[0].inputs[0].name, "password");
  EXPECT_EQ(all[0].inputs[0].left, "********");
  EXPECT_EQ(all[0].inputs[0].right, "********");
  EXPECT_EQ(all[1].deployment, "only");
  EXPECT_TRUE(all[1].is_different);
  EXPECT_EQ(all[1].left_status, "");
  EXPECT_FALSE(all[2].is_different);
  EXPECT_EQ(diff_environments({"stage", "nope"}, state, *database, nobody).error().kind, ErrorKind::not_found);
  EXPECT_EQ(diff_environments({"stage", ""}, state, *database, nobody).error().kind, ErrorKind::usage);
}

TEST_F(HistoryQueriesTest, ARollbackIsGivenWhatIsNotCommittedYetToo) {
  save(change(3, "deployed", "1.0", {}));
  request::Submit asked;
  asked.kind = JobKind::rollback;
  asked.environment = "stage";
  asked.deployment = "app";
  const std::vector<Change> turn{change(7, "upgraded", "2.0", {}), change(8, "deployed", "9.9", {}, "other")};
  const auto history = find_history(asked, *database, turn);
  ASSERT_TRUE(history);
  ASSERT_EQ(history.value().size(), 2u);
  EXPECT_EQ(history.value()[0].sequence, 7u);
  EXPECT_EQ(history.value()[1].sequence, 3u);
  asked.kind = JobKind::deploy;
  EXPECT_TRUE(find_history(asked, *database, turn).value().empty());
}

}  // namespace history_queries_test
}  // namespace escape::controller
