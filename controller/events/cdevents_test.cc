#include "controller/events/cdevents.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "controller/events/event_ids.h"
#include "controller/events/kinds.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"

namespace escape::events {
namespace cdevents_test {

constexpr const char* source = "escape://c1";
constexpr const char* release_id = "quickstart/hello-world-v0.0.1";

protocol::EventView event(std::string kind, Value::Object data = {}) {
  return {.sequence = 42,
          .time = Timestamp{1'700'000'000'000'000},
          .kind = std::move(kind),
          .principal = "alice",
          .environment = "stage",
          .deployment = "quickstart/hello-world",
          .job = 7,
          .data = std::move(data)};
}

/// One event of each kind, with the data that the core gives it.
std::vector<protocol::EventView> one_of_each() {
  std::vector<protocol::EventView> all;
  for (const char* kind : {"environment.created", "environment.modified", "environment.removed"})
    all.push_back(event(kind));
  all.push_back(event("release.published", {{"release", release_id}, {"sha256", "abcd"}, {"size", 12}}));
  for (const char* kind : {"release.tagged", "release.untagged"}) {
    all.push_back(event(kind, {{"application", "quickstart/hello-world"}, {"tag", "stable"}, {"release", release_id}}));
  }
  for (const char* kind : {"job.queued", "job.started"}) all.push_back(event(kind, {{"kind", "deploy"}}));
  all.push_back(event("job.settled", {{"kind", "deploy"}, {"outcome", "failed"}, {"message", "m"}}));
  for (const char* kind : {"job.cancel_requested", "job.retried", "job.resolved"}) all.push_back(event(kind));
  for (const char* kind : {"task.unknown", "task.returned", "task.retried", "task.late"}) {
    all.push_back(event(kind, {{"task", 0}, {"step", "deploy"}, {"agent", "stage-1"}, {"attempt", 1}}));
  }
  all.push_back(event("task.started", {{"task", 0}, {"step", "deploy"}, {"agent", "stage-1"}, {"attempt", 1}}));
  for (const char* kind : {"task.finished", "task.settled"}) {
    all.push_back(event(
        kind, {{"task", 0}, {"step", "deploy"}, {"agent", "stage-1"}, {"outcome", "failed"}, {"exit_status", 3}}));
  }
  for (const char* kind : {"deployment.deployed", "deployment.upgraded", "deployment.rolledback", "deployment.tested",
                           "deployment.verified", "deployment.destroyed", "deployment.removed", "deployment.failed",
                           "deployment.desired", "deployment.requested", "deployment.imported"}) {
    all.push_back(
        event(kind, {{"release", release_id}, {"sha256", "abcd"}, {"previous", "0.0.0"}, {"promoted_from", "test"}}));
  }
  for (const char* kind : {"agent.enrolled", "agent.connected", "agent.lost", "agent.conflict", "agent.removed"}) {
    all.push_back(event(kind, {{"agent", "stage-1"}}));
  }
  for (const char* kind : {"principal.enrolled", "principal.removed"})
    all.push_back(event(kind, {{"principal", "bob"}}));
  for (const char* kind : {"invitation.made", "access.refused", "never.heard_of", "nonsense"})
    all.push_back(event(kind));
  return all;
}

Value::Object parsed(const protocol::EventView& e) {
  const Result<Value> value = codec::from_json(to_cloud_event(e, source));
  EXPECT_TRUE(value);
  return *value.value().as_object();
}

const Value* at(const Value& value, std::initializer_list<const char*> path) {
  const Value* found = &value;
  for (const char* step : path) {
    found = found->as_object() ? found->as_object()->find(step) : nullptr;
    if (!found) return nullptr;
  }
  return found;
}
std::string text_at(const Value& value, std::initializer_list<const char*> path) {
  const Value* found = at(value, path);
  if (!found) return "<missing>";
  return found->as_string() ? *found->as_string() : "<not text>";
}

std::set<std::string> keys(const Value& object) {
  std::set<std::string> names;
  for (const auto& [key, value] : *object.as_object()) names.insert(key);
  return names;
}
bool is_within(const std::set<std::string>& some, const std::set<std::string>& all) {
  return std::ranges::includes(all, some);
}

TEST(CdEvents, EveryKindHasItsType) {
  const std::pair<const char*, const char*> table[] = {
      {"environment.created", "dev.cdevents.environment.created.0.3.0"},
      {"environment.modified", "dev.cdevents.environment.modified.0.3.0"},
      {"environment.removed", "dev.cdevents.environment.deleted.0.3.0"},
      {"release.published", "dev.cdevents.artifact.published.0.3.0"},
      {"release.tagged", "dev.cdeventsx.escape-artifact.tagged.0.1.0"},
      {"release.untagged", "dev.cdeventsx.escape-artifact.untagged.0.1.0"},
      {"job.queued", "dev.cdevents.pipelinerun.queued.0.3.0"},
      {"job.started", "dev.cdevents.pipelinerun.started.0.3.0"},
      {"job.settled", "dev.cdevents.pipelinerun.finished.0.3.0"},
      {"task.started", "dev.cdevents.taskrun.started.0.3.0"},
      {"task.finished", "dev.cdevents.taskrun.finished.0.3.0"},
      {"task.settled", "dev.cdevents.taskrun.finished.0.3.0"},
      {"deployment.deployed", "dev.cdevents.service.deployed.0.3.0"},
      {"deployment.upgraded", "dev.cdevents.service.upgraded.0.3.0"},
      {"deployment.rolledback", "dev.cdevents.service.rolledback.0.3.0"},
      {"deployment.destroyed", "dev.cdevents.service.removed.0.3.0"},
      {"deployment.removed", "dev.cdevents.service.removed.0.3.0"},
      {"deployment.tested", "dev.cdevents.service.published.0.3.0"},
      {"deployment.failed", "dev.cdeventsx.escape-service.failed.0.1.0"},
      {"deployment.imported", "dev.cdeventsx.escape-service.imported.0.1.0"},
      {"agent.lost", "dev.cdeventsx.escape-agent.lost.0.1.0"},
      {"principal.removed", "dev.cdeventsx.escape-principal.removed.0.1.0"},
      {"access.refused", "dev.cdeventsx.escape-access.refused.0.1.0"},
      {"never.heard_of", "dev.cdeventsx.escape-never.heardof.0.1.0"},
      {"nonsense", "dev.cdeventsx.escape-log.entry.0.1.0"},
      {"", "dev.cdeventsx.escape-log.entry.0.1.0"},
  };
  for (const auto& [kind, type] : table) {
    const Value cloud = parsed(event(kind));
    EXPECT_EQ(text_at(cloud, {"type"}), type);
    EXPECT_EQ(text_at(cloud, {"data", "context", "type"}), type);
  }
}

TEST(CdEvents, TheTwoEnvelopesAgree) {
  for (const protocol::EventView& one : one_of_each()) {
    const Value cloud = parsed(one);
    EXPECT_EQ(text_at(cloud, {"specversion"}), "1.0");
    EXPECT_EQ(text_at(cloud, {"data", "context", "specversion"}), "0.5.1");
    for (const char* field : {"id", "source", "type"}) {
      EXPECT_EQ(text_at(cloud, {field}), text_at(cloud, {"data", "context", field})) << field;
    }
    EXPECT_EQ(text_at(cloud, {"time"}), text_at(cloud, {"data", "context", "timestamp"}));
    EXPECT_EQ(text_at(cloud, {"subject"}), text_at(cloud, {"data", "subject", "id"}));
    EXPECT_EQ(text_at(cloud, {"sequence"}), "00000000000000000042");
    EXPECT_EQ(text_at(cloud, {"partitionkey"}), "stage/quickstart/hello-world");
    EXPECT_EQ(text_at(cloud, {"correlationid"}), "jobs/7");
    EXPECT_EQ(to_cloud_event(one, source), to_cloud_event(one, source));
  }
}

// The rules of the reference: attribute names, required members, and content that has what the schema requires and
// nothing that it forbids (it takes no members of its own).
TEST(CdEvents, HoldsTheRulesOfTheSchemas) {
  struct Content {
    std::set<std::string> required;
    std::set<std::string> allowed;
  };
  const std::map<std::string, Content> contents{
      {"environment.created", {{}, {"name", "uri"}}},
      {"environment.modified", {{}, {"name", "uri"}}},
      {"environment.deleted", {{}, {"name"}}},
      {"artifact.published", {{}, {"sbom", "user"}}},
      {"pipelinerun.queued", {{}, {"pipelineName", "uri"}}},
      {"pipelinerun.started", {{}, {"pipelineName", "uri"}}},
      {"pipelinerun.finished", {{}, {"errors", "outcome", "pipelineName", "uri"}}},
      {"taskrun.started", {{}, {"pipelineRun", "taskName", "uri"}}},
      {"taskrun.finished", {{}, {"errors", "outcome", "pipelineRun", "taskName", "uri"}}},
      {"service.deployed", {{"artifactId", "environment"}, {"artifactId", "environment"}}},
      {"service.upgraded", {{"artifactId", "environment"}, {"artifactId", "environment"}}},
      {"service.rolledback", {{"artifactId", "environment"}, {"artifactId", "environment"}}},
      {"service.removed", {{"environment"}, {"environment"}}},
      {"service.published", {{"environment"}, {"environment"}}},
  };
  for (const protocol::EventView& one : one_of_each()) {
    SCOPED_TRACE(one.kind);
    const Value cloud = parsed(one);
    for (const std::string& name : keys(cloud)) {
      EXPECT_LE(name.size(), 20U);
      EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos) << name;
    }
    const Value& data = *at(cloud, {"data"});
    EXPECT_TRUE(is_within(keys(data), {"context", "customData", "customDataContentType", "subject"}));
    const std::set<std::string> context = keys(*at(data, {"context"}));
    EXPECT_TRUE(is_within({"id", "source", "specversion", "timestamp", "type"}, context));
    EXPECT_TRUE(
        is_within(context, {"chainId", "id", "links", "schemaUri", "source", "specversion", "timestamp", "type"}));
    EXPECT_EQ(keys(*at(data, {"subject"})), (std::set<std::string>{"content", "id", "source"}));
    const std::set<std::string> content = keys(*at(data, {"subject", "content"}));
    const Kind kind = kind_of(one.kind);
    if (kind.is_ours()) {
      EXPECT_TRUE(content.empty());
      continue;
    }
    ASSERT_TRUE(contents.contains(kind.type)) << kind.type;
    EXPECT_TRUE(is_within(contents.at(kind.type).required, content)) << kind.type;
    EXPECT_TRUE(is_within(content, contents.at(kind.type).allowed)) << kind.type;
  }
}

// The examples were checked against the schemas of CDEvents: ours have no member that the example of their type has
// not.
TEST(CdEvents, LooksLikeTheExamples) {
  std::ifstream file("../shared/reference/cdevents_examples.json");
  if (!file) GTEST_SKIP() << "the reference is not beside the checkout";
  std::stringstream text;
  text << file.rdbuf();
  const Result<Value> examples = codec::from_json(text.str());
  ASSERT_TRUE(examples);
  int compared = 0;
  for (const protocol::EventView& one : one_of_each()) {
    const Value* example = examples.value().as_object()->find(kind_of(one.kind).type);
    if (!example) continue;
    ++compared;
    SCOPED_TRACE(one.kind);
    const Value cloud = parsed(one);
    const Value& ours = *at(cloud, {"data"});
    EXPECT_EQ(text_at(ours, {"context", "type"}), text_at(*example, {"context", "type"}));
    EXPECT_EQ(text_at(ours, {"context", "specversion"}), text_at(*example, {"context", "specversion"}));
    std::set<std::string> context = keys(*at(*example, {"context"}));
    context.insert("chainId");
    EXPECT_TRUE(is_within(keys(*at(ours, {"context"})), context));
    std::set<std::string> allowed = keys(*at(*example, {"subject", "content"}));
    allowed.insert({"errors", "user"});  // optional, and not in every example
    EXPECT_TRUE(is_within(keys(*at(ours, {"subject", "content"})), allowed));
  }
  EXPECT_GT(compared, 10);
}

TEST(CdEvents, AServiceNamesItsArtifactAndEnvironment) {
  const Value cloud =
      parsed(event("deployment.upgraded",
                   {{"release", release_id}, {"sha256", "abcd"}, {"previous", "0.0.0"}, {"promoted_from", "test"}}));
  EXPECT_EQ(text_at(cloud, {"subject"}), "environments/stage/deployments/quickstart/hello-world");
  EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "artifactId"}),
            "pkg:generic/quickstart/hello-world@0.0.1?checksum=sha256:abcd");
  EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "environment", "id"}), "environments/stage");
  EXPECT_EQ(text_at(cloud, {"data", "customData", "previousArtifactId"}), "pkg:generic/quickstart/hello-world@0.0.0");
  EXPECT_EQ(text_at(cloud, {"data", "customData", "promotedFrom"}), "environments/test");
  EXPECT_EQ(text_at(cloud, {"data", "customData", "job"}), "jobs/7");
}

TEST(CdEvents, TheKindOfAJobIsNotHiddenByTheKindOfTheEvent) {
  const Value cloud = parsed(event("job.queued", {{"kind", "promote"}}));
  EXPECT_EQ(text_at(cloud, {"data", "customData", "kind"}), "promote");
  EXPECT_EQ(text_at(cloud, {"data", "customData", "event"}), "job.queued");
  EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "pipelineName"}), "promote quickstart/hello-world in stage");
}

TEST(CdEvents, OutcomesUseTheirWords) {
  const std::pair<const char*, const char*> table[] = {{"ok", "success"},
                                                       {"failed", "failure"},
                                                       {"cancelled", "cancel"},
                                                       {"timed_out", "failure"},
                                                       {"interrupted", "error"}};
  for (const auto& [ours, theirs] : table) {
    const Value cloud =
        parsed(event("task.finished", {{"step", "deploy"}, {"task", 0}, {"outcome", ours}, {"message", "m"}}));
    EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "outcome"}), theirs);
    EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "errors"}), std::string(ours) == "ok" ? "<missing>" : "m");
  }
  const Value cloud = parsed(event("task.finished", {{"step", "deploy"}, {"outcome", "failed"}, {"exit_status", 3}}));
  EXPECT_EQ(text_at(cloud, {"data", "subject", "content", "errors"}), "step 'deploy' exited with 3");
}

TEST(CdEvents, AnAgentThatSpeaksForItselfIsNoUser) {
  protocol::EventView lost = event("agent.lost", {{"agent", "stage-1"}});
  EXPECT_EQ(text_at(parsed(lost), {"authtype"}), "user");
  lost.principal = "stage-1";
  EXPECT_EQ(text_at(parsed(lost), {"authtype"}), "service_account");
  protocol::EventView late = event("task.late", {{"task", 0}, {"step", "deploy"}, {"agent", "stage-1"}});
  late.principal = "stage-1";
  EXPECT_EQ(text_at(parsed(late), {"authtype"}), "service_account");
  EXPECT_EQ(text_at(parsed(late), {"subject"}), "jobs/7/tasks/0");
}

TEST(CdEvents, StaysWithinTheSizeThatReadersTake) {
  std::string message = "x";
  for (int i = 0; i < 60'000; ++i) message += "ä";
  const std::string cut = to_cloud_event(event("job.settled", {{"outcome", "failed"}, {"message", message}}), source);
  EXPECT_LE(cut.size(), max_event_bytes);
  EXPECT_TRUE(is_valid_utf8(cut));
  EXPECT_EQ(cut.find("\uFFFD"), std::string::npos) << "cut between characters";
  Value::Object many;
  for (int i = 0; i < 100; ++i) many.append("key" + std::to_string(i), message);
  const std::string bare = to_cloud_event(event("access.refused", many), source);
  EXPECT_LE(bare.size(), max_event_bytes);
  EXPECT_TRUE(codec::from_json(bare));
}

TEST(EventIds, AreOneForEachEvent) {
  const std::string id = event_id(source, 42);
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id.substr(13, 2), "-8");
  EXPECT_TRUE(id.ends_with("-8000-00000000002a")) << id;
  EXPECT_NE(id, event_id("escape://c2", 42));
  std::set<std::string> ids;
  for (EventSequence sequence = 1; sequence <= 1000; ++sequence) ids.insert(event_id(source, sequence));
  EXPECT_EQ(ids.size(), 1000U);
  const std::string chain = chain_id(source, 7);
  EXPECT_EQ(chain.substr(13, 2), "-4");
  EXPECT_NE(std::string("89ab").find(chain[19]), std::string::npos);
  EXPECT_EQ(chain, chain_id(source, 7));
  EXPECT_NE(chain, chain_id(source, 8));
  EXPECT_EQ(padded(0), "00000000000000000000");
  EXPECT_EQ(padded(18446744073709551615ULL), "18446744073709551615");
}

TEST(CdEvents, TopicsBeginWithWhere) {
  EXPECT_EQ(topic_of(event("job.settled")), "ev.stage.quickstart/hello-world.pipelinerun.finished");
  protocol::EventView published = event("release.published");
  published.environment = published.deployment = "";
  EXPECT_EQ(topic_of(published), "ev...artifact.published");
  EXPECT_EQ(sequence_frame(0x0102), std::string("\0\0\0\0\0\0\1\2", 8));
}

}  // namespace cdevents_test
}  // namespace escape::events
