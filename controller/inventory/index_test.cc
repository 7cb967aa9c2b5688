
#include "controller/inventory/fixtures_for_tests.h"

namespace escape::inventory {
namespace index_test {

using namespace inventory::testing;
const release::ApplicationId app{"ns-one", "app-a"};

/// The versions of spec/inventory-semantics.md §4.3, in that order of registration.
struct Semantics : ::testing::Test {
  Semantics() {
    for (const char* text : {"0.1", "0.2", "0.10", "0.9", "1.0", "0.5", "01.0"}) {
      inventory.publish("ns-one/app-a-v" + std::string(text));
    }
  }
  std::string resolve(std::string_view text) {
    const auto record = inventory.index().resolve(query("ns-one/app-a", text));
    return record ? record.value().id.version.text() : std::string(kind_name(record.error().kind));
  }
  std::string next(std::string_view prefix) { return inventory.index().next_version(app, prefix).value(); }
  TestIndex inventory;
};

TEST_F(Semantics, VersionsAreListedLowestFirst) {
  std::vector<std::string> texts;
  const auto versions = inventory.index().versions(app).value();
  for (const release::Version& one : versions) texts.push_back(one.text());
  EXPECT_EQ(texts, (std::vector<std::string>{"0.1", "0.2", "0.5", "0.9", "0.10", "1.0", "01.0"}));
}

TEST_F(Semantics, QueriesResolve) {
  const std::pair<const char*, const char*> table[] = {
      {"latest", "01.0"},  {"@", "01.0"},           {"v@", "01.0"},        {"v0.@", "0.10"},
      {"0.@", "0.10"},     {"v0.1.@", "not_found"}, {"v1.@", "1.0"},       {"v01.@", "01.0"},
      {"v1.0", "1.0"},     {"1.0", "1.0"},          {"v01.0", "01.0"},     {"v1.00", "not_found"},
      {"v9", "not_found"}, {"stable", "not_found"}, {"v2.@", "not_found"},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(resolve(text), expected) << text;
}

TEST_F(Semantics, NextVersions) {
  const std::pair<const char*, const char*> table[] = {
      {"", "2"},         {"0.", "0.11"}, {"1.", "1.1"}, {"2.", "2.0"},   {"0.1.", "0.1.0"},
      {"0.0.", "0.0.0"}, {"0", "02"},    {"1", "10"},   {"0.1", "0.11"}, {"abc", "abc0"},
  };
  for (const auto& [prefix, expected] : table) EXPECT_EQ(next(prefix), expected) << "'" << prefix << "'";
}

TEST(Index, NextVersionLooksAtTheFirstPartBehindThePrefix) {
  TestIndex inventory;
  for (const char* text : {"1.2.3.4", "1.2"}) inventory.publish("ns-one/app-a-v" + std::string(text));
  const std::pair<const char*, const char*> table[] = {
      {"", "2"}, {"1.", "1.3"}, {"1.2.", "1.2.4"}, {"1.2.3.", "1.2.3.5"}, {"1.2.3.4.", "1.2.3.4.0"}};
  for (const auto& [prefix, expected] : table) {
    EXPECT_EQ(inventory.index().next_version(app, prefix).value(), expected) << prefix;
  }
}

TEST(Index, NextVersionDoesNotWrap) {
  TestIndex inventory;
  inventory.publish("ns-one/app-a-v9223372036854775807");
  EXPECT_EQ(inventory.index().next_version(app, "").error().kind, ErrorKind::bad_data);
}

TEST(Index, APrefixMeansWholeParts) {
  TestIndex inventory;
  for (const char* text : {"0.0.9", "0.00.11", "0.01", "0.1", "00.0.12", "0.0"}) {
    inventory.publish("ns-one/app-a-v" + std::string(text));
  }
  EXPECT_EQ(inventory.index().resolve(query("ns-one/app-a", "v0.0.@")).value().id.version.text(), "0.0.9");
  EXPECT_EQ(inventory.index().next_version(app, "0.0.").value(), "0.0.10");
  EXPECT_EQ(inventory.index().next_version(app, "0.00.").value(), "0.00.12");
}

TEST_F(Semantics, Previous) {
  const std::pair<const char*, const char*> table[] = {
      {"0.9", "0.5"}, {"0.10", "0.9"}, {"1.0", "0.10"}, {"01.0", "1.0"}, {"0.1", ""}};
  for (const auto& [text, expected] : table) {
    const auto before = inventory.index().previous({app, version(text)}).value();
    EXPECT_EQ(before ? before->text() : "", expected) << text;
  }
}

TEST_F(Semantics, AMissingVersionSaysWhatThereIs) {
  const Error error = inventory.index().resolve(query("ns-one/app-a", "v7.7")).error();
  EXPECT_EQ(error.message,
            "The release ns-one/app-a-v7.7 could not be found in the inventory. You may have to release it first?");
  EXPECT_EQ(error.hint, "There is ns-one/app-a in …, 0.5, 0.9, 0.10, 1.0, 01.0.");
  EXPECT_EQ(inventory.index().resolve(query("ns-one/nope", "latest")).error().hint,
            "There is no release of ns-one/nope at all.");
}

TEST_F(Semantics, TagsMoveAndDoNotFollow) {
  inventory.commit(inventory.index().tag(query("ns-one/app-a", "v0.@"), "stable"));
  EXPECT_EQ(resolve("stable"), "0.10");
  inventory.publish("ns-one/app-a-v0.11");
  EXPECT_EQ(resolve("stable"), "0.10");
  inventory.commit(inventory.index().tag(query("ns-one/app-a", "stable"), "older"));
  inventory.commit(inventory.index().tag(query("ns-one/app-a", "v0.2"), "stable"));
  EXPECT_EQ(resolve("stable"), "0.2");
  EXPECT_EQ(resolve("older"), "0.10");
  for (const char* bad : {"", "latest", "@", "v@", "v1.0", "1", "0.@"}) {
    const auto refused = inventory.index().tag(query("ns-one/app-a", "latest"), bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message, "The tag '" + std::string(bad) + "' is not allowed.");
  }
  EXPECT_EQ(inventory.index().tag(query("ns-one/app-a", "v7"), "x").error().message,
            "The referenced version '7' couldn't be tagged, because it couldn't be found.");
  EXPECT_EQ(inventory.index().tag(query("_/nope", "v7"), "x").error().message,
            "The application '_/nope' could not be found in the inventory.");
}

TEST_F(Semantics, TagsAreListedMovedAndRemoved) {
  const release::ApplicationId application{"ns-one", "app-a"};
  EXPECT_TRUE(inventory.index().tags(application).value().empty());
  inventory.commit(inventory.index().tag(query("ns-one/app-a", "v0.2"), "stable"));
  inventory.commit(inventory.index().tag(query("ns-one/app-a", "v0.5"), "a b/c"));
  // Neither another application's tags nor those of one whose name begins alike.
  inventory.publish("ns-one/app-a-b-v1");
  inventory.commit(inventory.index().tag(query("ns-one/app-a-b", "v1"), "other"));
  EXPECT_EQ(inventory.index().tags(application).value(),
            (std::vector<TaggedVersion>{{"a b/c", "0.5"}, {"stable", "0.2"}}));

  const TagMove move = inventory.index().move_of(query("ns-one/app-a", "a b/c"), "stable").value();
  EXPECT_EQ(move.from, "0.2");
  EXPECT_EQ(move.to, "0.5");
  EXPECT_EQ(inventory.index().move_of(query("ns-one/app-a", "stable"), "new").value().from, "");

  const Error gone = inventory.index().remove_tag(application, "none").error();
  EXPECT_EQ(gone.message, "The application 'ns-one/app-a' has no tag 'none'.");
  EXPECT_EQ(gone.hint, "It has: a b/c, stable.");
  inventory.commit(inventory.index().remove_tag(application, "a b/c"));
  EXPECT_EQ(inventory.index().tags(application).value(), (std::vector<TaggedVersion>{{"stable", "0.2"}}));
  EXPECT_EQ(inventory.index().tags({"ns-one", "nope"}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(inventory.index().remove_tag({"ns-one", "nope"}, "x").error().kind, ErrorKind::not_found);
}

TEST_F(Semantics, ATagIsOneLineOfText) {
  for (const std::string& bad :
       {std::string("a\nb"), std::string("a\0b", 3), std::string("\xff"), std::string(257, 'a')}) {
    EXPECT_EQ(inventory.index().tag(query("ns-one/app-a", "latest"), bad).error().message,
              "The tag '…' is not allowed.");
  }
}

TEST_F(Semantics, ListsProjectsAndApplications) {
  inventory.publish("zed/other-v1");
  EXPECT_EQ(inventory.index().projects().value(), (std::vector<std::string>{"ns-one", "zed"}));
  EXPECT_EQ(inventory.index().applications("zed").value(), std::vector<std::string>{"other"});
  const Error error = inventory.index().applications("nope").error();
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_EQ(error.message, "The project 'nope' could not be found in the inventory.");
}

TEST(Index, CountsDownloads) {
  TestIndex inventory;
  inventory.publish("_/app-v1");
  const release::ReleaseId id = release::parse_release_id("_/app-v1").value();
  inventory.commit(inventory.index().count_download(id));
  inventory.commit(inventory.index().count_download(id, 4));
  EXPECT_EQ(inventory.index().find(id).value()->downloads, 5U);
}

}  // namespace index_test
}  // namespace escape::inventory
