// Plans and what they compile to: every folder of tests/golden/plans is a plan with its files, and either the
// `release.json` that it becomes or `refused.txt` with why it does not. What a plan extends or depends on is compiled
// from the folders of tests/golden/inventory. UPDATE_GOLDEN=1 rewrites what is expected; read the difference beside
// spec/escape-plan.md before you commit it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/digest.h"
#include "shared/plan/fake_files_for_tests.h"
#include "shared/plan/plan.h"
#include "shared/plan/plan_fields.h"
#include "shared/release/query.h"

namespace escape::golden {
namespace {

namespace fs = std::filesystem;
using release::Metadata;

const fs::path plans_folder = "tests/golden/plans";
const fs::path inventory_folder = "tests/golden/inventory";

bool is_updating() { return std::getenv("UPDATE_GOLDEN") != nullptr; }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> folders_of(const fs::path& parent) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(parent)) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  return folders;
}

/// A golden folder as the folder of a plan: without what is expected of it.
class GoldenFiles : public plan::FakeFiles {
 public:
  explicit GoldenFiles(fs::path folder) : folder_(std::move(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const std::string path = entry.path().lexically_relative(folder_).string();
      if (path == "release.json" || path == "refused.txt") continue;
      if (entry.is_symlink()) {
        links.insert(path);
      } else if (entry.is_regular_file()) {
        content[path] = escape::golden::read(entry.path());
      }
    }
  }
  Result<std::string> md5(const std::string& path) override { return io::md5_of_file((folder_ / path).string()); }

 private:
  fs::path folder_;
};

/// The releases of the inventory's folders, each compiled when it is asked for.
class Inventory {
 public:
  Inventory() {
    for (const fs::path& folder : folders_of(inventory_folder)) {
      Result<plan::Plan> plan = plan::parse_plan(read(folder / "escape.yml"), "escape.yml");
      EXPECT_TRUE(plan.has_value()) << folder << ": " << plan.error().message;
      if (plan) releases_.push_back({folder, std::move(plan).value()});
    }
  }

  Result<Metadata> compile(const fs::path& folder, const plan::Plan& plan) const {
    GoldenFiles files(folder);
    plan::CompileOptions options;
    options.next_version = [&](const release::ApplicationId& application, std::string_view prefix) {
      return next_version(application, prefix);
    };
    options.find_release = [&](const release::ReleaseQuery& query) { return find(query); };
    options.git = {.revision = "0123456789abcdef0123456789abcdef01234567",
                   .branch = "main",
                   .repository = "https://user:password@git.example.com/app.git",
                   .message = "Say <hello> & go",
                   .author = "A. Uthor <author@example.com>"};
    options.tool_version = "0.0.0";
    options.now_seconds = 1'795'400'000;
    return plan::compile(plan, files, options);
  }

 private:
  struct Release {
    fs::path folder;
    plan::Plan plan;
  };

  static release::ApplicationId application_of(const plan::Plan& plan) {
    const std::size_t slash = plan.name.find('/');
    if (slash == std::string::npos) return {"_", plan.name};
    return {plan.name.substr(0, slash), plan.name.substr(slash + 1)};
  }

  std::vector<std::string> versions_of(const release::ApplicationId& application) const {
    std::vector<std::string> versions;
    for (const Release& one : releases_) {
      if (application_of(one.plan) == application) versions.push_back(one.plan.version);
    }
    return versions;
  }

  Result<std::string> next_version(const release::ApplicationId& application, std::string_view prefix) const {
    int next = 0;
    for (const std::string& version : versions_of(application)) {
      if (version.starts_with(prefix)) next = std::max(next, std::atoi(version.c_str() + prefix.size()) + 1);
    }
    return std::string(prefix) + std::to_string(next);
  }

  Result<Metadata> find(const release::ReleaseQuery& query) const {
    const Release* newest = nullptr;
    for (const Release& one : releases_) {
      if (application_of(one.plan) != query.application || !matches(query.version, one.plan.version)) continue;
      if (!newest || version_of(*newest) < version_of(one)) newest = &one;
    }
    if (!newest) return fail(ErrorKind::not_found, "No release '" + to_string(query) + "' in the inventory.");
    return compile(newest->folder, newest->plan);
  }

  static release::Version version_of(const Release& one) { return release::Version::parse(one.plan.version).value(); }

  static bool matches(const release::VersionQuery& query, const std::string& version) {
    const release::Version parsed = release::Version::parse(version).value();
    if (const auto* exact = std::get_if<release::Exact>(&query)) return same_text(exact->version, parsed);
    if (const auto* prefix = std::get_if<release::Prefix>(&query)) return version.starts_with(prefix->prefix);
    return std::holds_alternative<release::Latest>(query);
  }

  std::vector<Release> releases_;
};

struct Outcome {
  std::string file;
  std::string text;
};

std::string as_json(const Metadata& metadata) {
  return codec::to_json(codec::metadata_to_value(metadata), codec::JsonStyle::indented);
}

Outcome outcome_of(const Inventory& inventory, const fs::path& folder) {
  const Result<plan::Plan> plan = plan::parse_plan(read(folder / "escape.yml"), "escape.yml");
  const Result<Metadata> metadata = plan ? inventory.compile(folder, plan.value()) : Result<Metadata>(plan.error());
  if (metadata) {
    const std::string json = as_json(metadata.value());
    const Result<Metadata> again = codec::parse_release_json(json);
    EXPECT_TRUE(again.has_value()) << folder << ": " << again.error().message;
    EXPECT_EQ(again ? as_json(again.value()) : json, json) << folder << ": a reader loses some of it";
    return {"release.json", json + "\n"};
  }
  const Error& error = metadata.error();
  return {"refused.txt", describe(error) + "\n" + (error.hint.empty() ? "" : error.hint + "\n")};
}

TEST(PlansGolden, EachCompilesToItsReleaseOrIsRefusedWithItsText) {
  const Inventory inventory;
  std::map<std::string, int> count;
  for (const fs::path& folder : folders_of(plans_folder)) {
    const Outcome outcome = outcome_of(inventory, folder);
    ++count[outcome.file];
    if (is_updating()) {
      fs::remove(folder / "release.json");
      fs::remove(folder / "refused.txt");
      std::ofstream(folder / outcome.file) << outcome.text;
    }
    EXPECT_EQ(read(folder / outcome.file), outcome.text)
        << folder << ": UPDATE_GOLDEN=1 tests/plans_golden_test rewrites it";
    EXPECT_EQ(fs::exists(folder / "release.json") + fs::exists(folder / "refused.txt"), 1) << folder;
  }
  EXPECT_GE(count["release.json"], 60);
  EXPECT_GE(count["refused.txt"], 25);
}

TEST(PlansGolden, EveryFieldIsInAPlanThatCompiles) {
  std::set<std::string> seen;
  for (const fs::path& folder : folders_of(plans_folder)) {
    if (!fs::exists(folder / "release.json")) continue;
    const Result<plan::yaml::Node> root = plan::read_fields(read(folder / "escape.yml"), "escape.yml");
    ASSERT_TRUE(root.has_value()) << folder;
    for (std::size_t i = 0; i < root.value().keys.size(); ++i) {
      if (!plan::says_nothing(root.value().items[i])) seen.insert(root.value().keys[i].text);
    }
  }
  for (const std::string& field : plan::field_names()) EXPECT_TRUE(seen.contains(field)) << field;
}

}  // namespace
}  // namespace escape::golden
