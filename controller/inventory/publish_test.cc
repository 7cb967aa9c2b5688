#include <mutex>
#include <set>
#include <thread>

#include "controller/inventory/catalogue.h"
#include "controller/inventory/fixtures_for_tests.h"

namespace escape::inventory {
namespace publish_test {

using namespace inventory::testing;

const release::ApplicationId app{"_", "app-a"};
release::ReleaseId id(std::string_view text) { return release::parse_release_id(text).value(); }

std::string complaint(std::string_view json, std::string_view project = "_") {
  TestIndex inventory;
  const auto value = codec::from_json(json);
  EXPECT_TRUE(value) << json;
  const auto read = codec::metadata_from_value(value.value());
  if (!read) return "shape: " + read.error().message;
  const auto added = inventory.index().add(read.value(), project, "ann", noon);
  return added ? "" : added.error().message;
}

TEST(Registration, ChecksInTheOrderOfTheOriginal) {
  const std::pair<const char*, const char*> table[] = {
      {R"({})", "Missing name field in release metadata"},
      {R"({"name":"A","version":"v1"})", "Invalid name 'A'"},
      {R"({"name":"list"})", "The name 'list' is a protected variable."},
      {R"({"name":"app-a"})", "Missing version field in release metadata"},
      {R"({"name":"app-a","version":"1","project":"UPPER"})", "Invalid name 'UPPER'"},
      {R"({"name":"app-a","version":"v1","api_version":16})",
       "The release metadata is compiled with a version of Escape targetting API version v16, but this build supports "
       "up to v15"},
      {R"({"name":"app-a","version":"v1"})", "Invalid version string 'v1'."},
      {R"({"name":"app-a","version":"1.0-rc1"})", "Invalid version string '1.0-rc1'."},
      {R"({"name":"app-a","version":"1","inputs":[{"type":"string"}]})", "Variable object is missing an 'id'"},
      {R"({"name":"app-a","version":"1","inputs":[{"id":"x!"}]})", "Invalid variable format 'x!'"},
      {R"({"name":"app-a","version":"1","inputs":[{"id":"PREVIOUS_x"}]})",
       "Invalid variable format 'PREVIOUS_x'. Variable is not allowed to start with 'PREVIOUS_'"},
      {R"({"name":"app-a","version":"1","depends":[{"release_id":"dep"}]})", "Invalid release format: dep."},
      {R"({"name":"app-a","version":"1","depends":[{"release_id":"dep-latest"}]})",
       "The dependency '_/dep-latest' needs its version resolved."},
      {R"({"name":"app-a","version":"1","depends":[{"release_id":"aa-v1 is x"}]})",
       "Unexpected 'is'; expecting 'as' in 'aa-v1 is x. Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as "
       "[VARIABLE]\".'"},
      {R"({"name":"app-a","version":"1","depends":[{"release_id":"aa-v1 as 9"}]})",
       "Malformed dependency string 'aa-v1 as 9'. Invalid variable format '9'"},
      {R"({"name":"app-a","version":"1","consumes":[{"name":""}]})", "Missing name for Consumer"},
      {R"({"name":"app-a","version":"1","downloads":[{}]})", "Missing URL in download config."},
      {R"({"name":"app-a","version":"1","downloads":[{"url":"x"}]})", "Missing 'dest' in download config for 'x'"},
      {R"({"name":"app-a","version":"1","downloads":[{"url":"x","dest":"d"}]})",
       "Missing URL scheme in download config 'x'"},
      {R"({"name":"app-a","version":"1","stages":{"build":{"cmd":"a","script":"b"}}})",
       "Found a problem in the 'build' field: More than one field is set. Please specify only one of script, cmd or "
       "inline."},
      {R"({"name":"app-a","version":"1","extends":[{"release_id":"bad"}]})", "Invalid release format: bad."},
      {R"({"name":"app-a","version":"1.@"})", "Can't add release with unresolved version"},
      {R"({"name":"app-a","version":"@"})", "Can't add release with unresolved version"},
      {R"({"name":"app-a","version":"latest"})", "Can't add release with unresolved version"},
      {R"({"name":"app-a","version":"1","project":"ns-two"})",
       "The release says that its project is 'ns-two', but it was sent to the project '_'"},
      {R"({"name":"app-a","version":"1"})", ""},
  };
  for (const auto& [json, expected] : table) EXPECT_EQ(complaint(json), expected) << json;
}

TEST(Registration, NullElementsAreRefused) {
  for (const char* field : {"inputs", "depends", "consumes", "extends"}) {
    EXPECT_NE(complaint(R"({"name":"app-a","version":"1",")" + std::string(field) + R"(":[null]})"), "") << field;
  }
}

TEST(Registration, AReleaseIsVisibleOnlyWithItsPackage) {
  TestIndex inventory;
  inventory.publish("_/app-a-v1.0");
  inventory.commit(inventory.index().add(metadata("_/app-a-v2.0"), "_", "ann", noon));
  EXPECT_EQ(inventory.index().resolve(query("_/app-a", "latest")).value().id.version.text(), "1.0");
  EXPECT_EQ(inventory.index().resolve(query("_/app-a", "v2.0")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(inventory.index().versions(app).value().size(), 1U);
  EXPECT_FALSE(inventory.index().find(id("_/app-a-v2.0")).value()->is_visible());
  EXPECT_EQ(inventory.index().next_version(app, "").value(), "3") << "a waiting version is taken";

  inventory.commit(inventory.index().complete(id("_/app-a-v2.0"), "d2", 9));
  const auto record = inventory.index().resolve(query("_/app-a", "latest")).value();
  EXPECT_EQ(record.id.version.text(), "2.0");
  EXPECT_EQ(record.sha256, "d2");
  EXPECT_EQ(record.size, 9U);
}

TEST(Registration, IsImmutable) {
  TestIndex inventory;
  const release::Metadata first = metadata("_/app-a-v1.0", "one");
  inventory.commit(inventory.index().add(first, "_", "ann", noon));
  EXPECT_TRUE(inventory.index().add(first, "_", "ann", noon).value().empty()) << "repeating is fine while it waits";
  const auto other = inventory.index().add(metadata("_/app-a-v1.0", "two"), "_", "bob", noon);
  EXPECT_EQ(other.error().message, "Release app-a-v1.0 already exists");
  EXPECT_EQ(other.error().kind, ErrorKind::conflict);
  EXPECT_TRUE(inventory.index().add(metadata("_/app-a-v1.0", "two"), "_", "bob", noon + Index::pending_for))
      << "a publisher that never came back does not hold the version for ever";

  inventory.commit(inventory.index().complete(id("_/app-a-v1.0"), "d1", 1));
  EXPECT_EQ(inventory.index().add(first, "_", "ann", noon).error().message, "Release app-a-v1.0 already exists");
  EXPECT_TRUE(inventory.index().complete(id("_/app-a-v1.0"), "d1", 1).value().empty());
  EXPECT_EQ(inventory.index().complete(id("_/app-a-v1.0"), "d2", 1).error().message, "Resource already exists");
  EXPECT_EQ(inventory.index().complete(id("_/app-a-v3"), "d2", 1).error().kind, ErrorKind::not_found);
}

TEST(Registration, TheUnitShowsItsHighestVersion) {
  TestIndex inventory;
  inventory.publish("_/app-a-v1.0");
  inventory.publish("_/app-a-v0.5");
  EXPECT_EQ(Catalogue(inventory.database()).find_unit(app).value()->latest_version, "1.0");
}

TEST(Reservation, TheSameHolderGetsTheSameNumberUntilItIsUsed) {
  TestIndex inventory;
  const auto reserve = [&](std::string_view holder, Timestamp now) {
    const auto reserved = inventory.index().reserve(app, "0.0.", holder, now).value();
    inventory.commit(Result<std::vector<store::Write>>(reserved.second));
    return reserved.first;
  };
  EXPECT_EQ(reserve("ann", noon), "0.0.0");
  EXPECT_EQ(reserve("ann", noon), "0.0.0");
  EXPECT_EQ(reserve("bob", noon), "0.0.1");
  EXPECT_EQ(inventory.index().next_version(app, "0.0.").value(), "0.0.2");
  inventory.publish("_/app-a-v0.0.0");
  EXPECT_EQ(reserve("ann", noon), "0.0.2");
  // Everything that was not used by then is free again.
  EXPECT_EQ(reserve("eve", noon + Index::reserved_for), "0.0.1");
  EXPECT_EQ(inventory.index().reserve(app, "abc", "ann", noon).error().message, "Invalid version string 'abc0'.");
}

TEST(Reservation, EightThreadsGetDistinctNumbers) {
  TestIndex inventory;
  std::mutex writer;
  std::set<std::string> numbers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 25; ++j) {
        std::lock_guard one_writer(writer);
        const std::string holder = std::to_string(i) + "/" + std::to_string(j);
        const auto reserved = inventory.index().reserve(app, "1.", holder, noon).value();
        inventory.commit(Result<std::vector<store::Write>>(reserved.second));
        numbers.insert(reserved.first);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(numbers.size(), 200U);
  EXPECT_TRUE(numbers.contains("1.199"));
}

TEST(CatalogueOfProjects, AddsAndReplaces) {
  TestIndex inventory;
  const Namespace first{.name = "ns-one", .description = "First", .is_public = true};
  inventory.commit(Catalogue(inventory.database()).add_namespace(first));
  EXPECT_EQ(Catalogue(inventory.database()).find_namespace("ns-one").value(), first);
  EXPECT_EQ(Catalogue(inventory.database()).add_namespace(first).error().kind, ErrorKind::conflict);
  EXPECT_EQ(Catalogue(inventory.database()).add_namespace({.name = "B!"}).error().message, "Invalid name 'B!'");
  EXPECT_EQ(Catalogue(inventory.database()).replace_namespace({.name = "none"}).error().kind, ErrorKind::not_found);
  inventory.commit(Catalogue(inventory.database()).replace_namespace({.name = "ns-one"}));
  EXPECT_EQ(Catalogue(inventory.database()).find_namespace("ns-one").value()->description, "");
  inventory.publish("ns-one/app-v1");
  EXPECT_EQ(Catalogue(inventory.database()).units("ns-one").value().size(), 1U);
}

TEST(Registration, TheDeepestMetadataThatMayArriveCanBeReadAgain) {
  constexpr std::size_t levels = codec::max_depth - 3;
  const std::string json = R"({"name":"app-a","version":"1","project":"_","inputs":[{"id":"x","default":)" +
                           std::string(levels, '[') + std::string(levels, ']') + "}]}";
  const release::Metadata made = codec::metadata_from_value(codec::from_json(json).value()).value();
  TestIndex inventory;
  inventory.commit(inventory.index().publish(made, "_", "ann", noon, "d1", 7));
  EXPECT_EQ(inventory.index().find(id("app-a-v1")).value()->metadata, made);
}

}  // namespace publish_test
}  // namespace escape::inventory
