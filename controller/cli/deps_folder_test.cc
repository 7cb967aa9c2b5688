#include "controller/cli/deps_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "controller/cli/fake_controller_for_tests.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/files.h"

// `pull` and `deps fetch` in a folder of their own, with packages that are really unpacked.
namespace escape::cli {
namespace deps_folder_testing {

namespace fs = std::filesystem;

class Fetching : public ::testing::Test, public Cli {
 protected:
  Fetching() { fs::current_path(folder); }
  ~Fetching() override {
    fs::current_path(before);
    EXPECT_TRUE(io::remove_all(folder));
    EXPECT_TRUE(io::remove_all(packages));
  }

  /// A release in the inventory whose package holds `data`.
  void release(const std::string& id, const std::vector<std::string>& depends = {},
               const std::vector<std::string>& extends = {}, const std::string& data = "") {
    const release::ReleaseId parsed = release::parse_release_id(id).value();
    release::Metadata metadata;
    metadata.project = parsed.application.project;
    metadata.name = parsed.application.name;
    metadata.version = parsed.version.text();
    for (const std::string& need : depends) metadata.depends.push_back({.release_id = need, .variable = need});
    metadata.extends = extends;
    const std::string file = io::join_path(packages, std::to_string(inventory.packages.size()) + ".tgz");
    ASSERT_TRUE(io::pack_archive(file, without_project(parsed),
                                 {{"release.json", "", codec::to_json(codec::metadata_to_value(metadata)), 0644},
                                  {"data", "", data.empty() ? id : data, 0644},
                                  {"deploy.sh", "", "#!/bin/sh\n", 0755}}));
    inventory.published[id] = metadata;
    inventory.packages[id] = file;
  }
  std::string data(const std::string& place) const { return io::read_file("deps/" + place + "/data").value(); }
  std::vector<std::string> names(const std::string& place) const { return io::list_folder(place).value(); }

  const fs::path before = fs::current_path();
  std::string folder = io::make_temporary_folder("escape-fetch").value();
  std::string packages = io::make_temporary_folder("escape-packages").value();
};

TEST_F(Fetching, PullUnpacksReleasesWithAllThatTheyNeed) {
  release("_/base-v2");
  release("ext/tool-v1.1");
  release("prj/mid-v3", {"_/base-v2"});
  release("prj/app-v1.0", {"prj/mid-v3"}, {"ext/tool-v1.1"});
  inventory.published["prj/app-latest"] = inventory.published["prj/app-v1.0"];
  ASSERT_EQ(run({"pull", "prj/app-latest", "base-v2"}), 0) << console.told;
  EXPECT_EQ(console.told,
            "Fetching dependency prj/app-latest.\nFetching dependency base-v2.\n✔️ Dependencies have been fetched.\n");
  EXPECT_EQ(console.printed, "");
  EXPECT_EQ(data("prj/app"), "prj/app-v1.0");
  EXPECT_EQ(data("_/base"), "_/base-v2");
  EXPECT_EQ(data("prj/app/deps/ext/tool"), "ext/tool-v1.1");
  EXPECT_EQ(data("prj/app/deps/prj/mid/deps/_/base"), "_/base-v2");
  EXPECT_EQ(::access("deps/prj/app/deploy.sh", X_OK), 0);
  EXPECT_EQ(names("deps"), (std::vector<std::string>{".lock", "_", "prj"}));
  EXPECT_EQ(names("deps/prj"), std::vector<std::string>{"app"});
}

// In the original both share one folder, and the last one runs for both (shortcoming 18).
TEST_F(Fetching, TwoVersionsOfOnePackageLieApart) {
  release("_/lib-v1.0");
  release("_/lib-v2.0");
  release("_/lib-v3.0");
  release("_/app-v1", {"_/lib-v2.0", "_/lib-v1.0"}, {"_/lib-v3.0"});
  ASSERT_EQ(run({"pull", "lib-v1.0", "lib-v2.0", "lib-v1.0"}), 0) << console.told;
  EXPECT_EQ(data("_/lib"), "_/lib-v1.0");
  EXPECT_EQ(data("_/lib@2.0"), "_/lib-v2.0");
  ASSERT_EQ(run({"pull", "app-v1"}), 0) << console.told;
  // An extension's scripts are called where they lie, so it keeps the plain name.
  EXPECT_EQ(data("_/app/deps/_/lib"), "_/lib-v3.0");
  EXPECT_EQ(data("_/app/deps/_/lib@2.0"), "_/lib-v2.0");
  EXPECT_EQ(data("_/app/deps/_/lib@1.0"), "_/lib-v1.0");
}

TEST_F(Fetching, AFolderIsReplacedWholeOrNotAtAll) {
  release("_/app-v1");
  release("_/app-v2");
  ASSERT_EQ(run({"pull", "app-v1"}), 0) << console.told;
  ASSERT_TRUE(io::write_file("deps/_/app/mine", "edited"));
  release("_/other-v1");
  inventory.packages["_/other-v1"] = folder + "/no-such-package.tgz";
  // The original deletes what is there before it knows whether the new one comes (shortcoming 83).
  EXPECT_EQ(run({"pull", "app-v2", "other-v1"}), 1) << console.told;
  EXPECT_EQ(data("_/app"), "_/app-v1");
  EXPECT_EQ(names("deps"), (std::vector<std::string>{".lock", "_"}));
  ASSERT_TRUE(io::write_file(inventory.packages["_/other-v1"], "no archive"));
  EXPECT_EQ(run({"pull", "app-v2", "other-v1"}), 65) << console.told;
  EXPECT_NE(console.told.find("Failed to unpack '" + inventory.packages["_/other-v1"] + "'"), std::string::npos);
  EXPECT_EQ(data("_/app"), "_/app-v1");
  EXPECT_EQ(names("deps/_"), std::vector<std::string>{"app"});
  ASSERT_EQ(run({"pull", "app-v2"}), 0) << console.told;
  EXPECT_EQ(data("_/app"), "_/app-v2");
  EXPECT_FALSE(io::exists("deps/_/app/mine"));
}

TEST_F(Fetching, WhatAKilledCommandLeftIsTakenAway) {
  release("_/app-v1");
  ASSERT_TRUE(io::make_folders("deps/.unpacking/0/half"));
  ASSERT_EQ(run({"pull", "app-v1"}), 0) << console.told;
  EXPECT_FALSE(io::exists("deps/.unpacking"));
  EXPECT_FALSE(io::exists("deps/_/app/half"));
}

TEST_F(Fetching, WhatCannotBeFetchedIsTold) {
  release("_/one-v1", {"_/two-v1"});
  release("_/two-v1", {"_/one-v1"});
  release("_/far-v1", {"_/gone-v7"});
  struct Case {
    std::vector<std::string> arguments;
    int exit;
    std::string says;
  };
  const std::vector<Case> cases{{{"pull"}, 64, "Missing release argument"},
                                {{"pull", "nothing"}, 65, "Invalid release format: nothing."},
                                {{"pull", "gone-v7"}, 1, "_/gone-v7 is not there"},
                                {{"pull", "far-v1"}, 1, "Could not resolve a dependency of _/far-v1: "},
                                {{"pull", "one-v1"}, 65, "The release _/one-v1 needs itself."},
                                {{"deps", "fetch"}, 1, "Escape plan 'escape.yml' was not found."}};
  for (const Case& each : cases) {
    EXPECT_EQ(run(each.arguments), each.exit) << console.told;
    EXPECT_NE(console.told.find(each.says), std::string::npos) << console.told;
    EXPECT_FALSE(io::exists("deps"));
  }
}

TEST_F(Fetching, NeedsThatDoubleWithoutEndAreRefused) {
  release("_/n0-v1");
  for (int i = 1; i <= 12; ++i) {
    const std::string below = "_/n" + std::to_string(i - 1) + "-v1";
    release("_/m" + std::to_string(i - 1) + "-v1", {below});
    release("_/n" + std::to_string(i) + "-v1", {below, "_/m" + std::to_string(i - 1) + "-v1"});
  }
  EXPECT_EQ(run({"pull", "n12-v1"}), 65) << console.told;
  EXPECT_NE(console.told.find("more than 1000 releases"), std::string::npos) << console.told;
  EXPECT_FALSE(io::exists("deps"));
}

TEST_F(Fetching, DepsFetchUnpacksWhatThePlanNeeds) {
  release("ext/tool-v1.1");
  release("_/lib-v2.0");
  inventory.published["_/lib-latest"] = inventory.published["_/lib-v2.0"];
  ASSERT_TRUE(io::make_folders("sub"));
  ASSERT_TRUE(
      io::write_file("sub/plan.yml", "name: prj/app\nversion: 1.0\ndepends: [lib-latest]\nextends: [ext/tool-v1.1]\n"));
  ASSERT_EQ(run({"deps", "fetch", "--plan", "sub/plan.yml"}), 0) << console.told;
  EXPECT_EQ(console.told,
            "Compile: Fetching dependency ext/tool-v1.1.\nCompile: Fetching dependency _/lib-v2.0.\n"
            "Compile: ✔️ Dependencies have been fetched.\n");
  EXPECT_EQ(io::read_file("sub/deps/_/lib/data").value(), "_/lib-v2.0");
  EXPECT_EQ(io::read_file("sub/deps/ext/tool/data").value(), "ext/tool-v1.1");
  ASSERT_TRUE(io::write_file("escape.yml", "name: prj/app\nversion: 1.0\n"));
  EXPECT_EQ(run({"deps", "fetch"}), 0) << console.told;
  EXPECT_EQ(console.told, "");
  EXPECT_FALSE(io::exists("deps"));
}

}  // namespace deps_folder_testing
}  // namespace escape::cli
