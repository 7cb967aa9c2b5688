// Holds the house in order: which folder may include which, and in which one folder each third-party library may be
// seen.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Folders = std::set<std::string>;

const Folders all_shared{"shared/base",  "shared/release", "shared/script", "shared/plan",
                         "shared/state", "shared/codec",   "shared/io"};
const Folders all_protocol{"protocol/messages", "protocol/session", "protocol/transport"};

Folders together(std::initializer_list<Folders> sets) {
  Folders sum;
  for (const Folders& set : sets) sum.insert(set.begin(), set.end());
  return sum;
}

// Folder → what it may include besides itself. design.md §10 draws the same picture.
const std::map<std::string, Folders> allowed_edges{
    {"shared/base", {}},
    {"shared/release", {"shared/base"}},
    {"shared/script", {"shared/base"}},
    {"shared/plan", {"shared/base", "shared/release", "shared/script"}},
    {"shared/state", {"shared/base", "shared/release"}},
    {"shared/codec", {"shared/base", "shared/release", "shared/script", "shared/plan", "shared/state"}},
    {"shared/io", {"shared/base"}},
    {"protocol/messages", {"shared/base", "shared/release", "shared/state", "shared/codec"}},
    {"protocol/session", {"shared/base", "protocol/messages"}},
    {"protocol/transport", {"shared/base", "protocol/messages"}},
    {"controller/core",
     {"shared/base", "shared/release", "shared/script", "shared/plan", "shared/state", "shared/codec",
      "protocol/messages"}},
    {"controller/store",
     {"shared/base", "shared/release", "shared/state", "shared/codec", "shared/io", "protocol/messages",
      "controller/core"}},
    {"controller/inventory", together({all_shared, {"controller/store"}})},
    {"controller/events", {"shared/base", "shared/release", "shared/codec", "protocol/messages"}},
    {"controller/http", together({all_shared, {"controller/store", "controller/inventory"}})},
    {"controller/app", together({all_shared,
                                 all_protocol,
                                 {"controller/core", "controller/store", "controller/inventory", "controller/events",
                                  "controller/http"}})},
    {"controller/cli", together({all_shared, all_protocol, {"controller/inventory"}})},
    {"controller/embedded", together({all_shared,
                                      all_protocol,
                                      {"controller/core", "controller/store", "controller/inventory", "controller/app",
                                       "controller/cli", "agent/app"}})},
    {"agent/core", {"shared/base", "shared/release", "shared/codec", "protocol/messages"}},
    {"agent/journal",
     {"shared/base", "shared/release", "shared/codec", "shared/io", "protocol/messages", "agent/core"}},
    {"agent/runner", {"shared/base", "shared/release", "shared/codec", "shared/io", "protocol/messages", "agent/core"}},
    {"agent/packages",
     {"shared/base", "shared/release", "shared/plan", "shared/io", "protocol/messages", "agent/core"}},
    {"agent/app",
     together({all_shared, all_protocol, {"agent/core", "agent/journal", "agent/runner", "agent/packages"}})},
};

// First path component(s) of a third-party header → the only folders that may see it. Tests may use gtest anywhere.
const std::map<std::string, Folders> libraries{
    {"zmq", {"protocol/transport"}},
    {"rocksdb/", {"controller/store"}},
    {"msgpack", {"shared/codec"}},
    {"nlohmann/", {"shared/codec"}},
    {"yaml-cpp/", {"shared/plan"}},
    {"boost/outcome", {"shared/base"}},
    {"boost/process", {"agent/runner"}},
    {"boost/", {"agent/runner"}},
    {"spdlog/", {"shared/base"}},
    {"sodium", {"shared/base"}},
    {"openssl/", {"shared/io"}},
    {"archive", {"shared/io"}},
    {"curl/", {"shared/io"}},
    {"microhttpd", {"controller/http"}},
    {"CLI/", {"controller/cli"}},
    {"kainjow/", {"shared/plan"}},
    {"prometheus/", {"controller/http"}},
    {"systemd/", {}},
};

// In place of std::format, which g++ 12 lacks: part of the language as far as folders go.
constexpr std::string_view seen_everywhere = "fmt/";

struct Include {
  std::string file;  // from the root
  int line;
  std::string target;
  bool is_ours;
};

bool is_test(const std::string& file) {
  return file.ends_with("_test.cc") || file.find("_for_tests.") != std::string::npos ||
         file.find("/testing/") != std::string::npos || file.starts_with("tests/");
}

std::string folder_of(const std::string& file) {
  const auto first = file.find('/');
  const auto second = file.find('/', first + 1);
  return second == std::string::npos ? file.substr(0, first) : file.substr(0, second);
}

std::vector<std::string> sources() {
  std::vector<std::string> files;
  for (const char* top : {"shared", "protocol", "controller", "agent", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(ESCAPE_SOURCE_DIR) / top)) {
      const std::string extension = entry.path().extension();
      if (extension == ".cc" || extension == ".h") {
        files.push_back(fs::relative(entry.path(), ESCAPE_SOURCE_DIR).string());
      }
    }
  }
  return files;
}

std::vector<Include> includes() {
  std::vector<Include> found;
  for (const std::string& file : sources()) {
    std::ifstream in(fs::path(ESCAPE_SOURCE_DIR) / file);
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
      if (!text.starts_with("#include ")) continue;
      const char opener = text[9];
      const char closer = opener == '<' ? '>' : '"';
      found.push_back({file, line, text.substr(10, text.find(closer, 10) - 10), opener == '"'});
    }
  }
  return found;
}

TEST(Architecture, TheTreeWasFound) { EXPECT_GT(sources().size(), 50U) << "looked in " << ESCAPE_SOURCE_DIR; }

TEST(Architecture, IncludesPointOneWay) {
  for (const Include& include : includes()) {
    if (!include.is_ours || is_test(include.file)) continue;
    const std::string from = folder_of(include.file);
    const std::string to = folder_of(include.target);
    if (from == to) continue;
    auto allowed = allowed_edges.find(from);
    ASSERT_NE(allowed, allowed_edges.end()) << include.file << ": '" << from << "' is not in the table of folders";
    EXPECT_TRUE(allowed->second.contains(to))
        << include.file << ":" << include.line << ": " << from << " may not include " << to;
  }
}

TEST(Architecture, TheTableHasNoCycle) {
  std::map<std::string, int> rank;
  for (std::size_t round = 0; round <= allowed_edges.size(); ++round) {
    for (const auto& [from, targets] : allowed_edges) {
      for (const std::string& to : targets) rank[from] = std::max(rank[from], rank[to] + 1);
    }
  }
  for (const auto& [folder, depth] : rank) EXPECT_LE(depth, static_cast<int>(allowed_edges.size())) << folder;
}

TEST(Architecture, EachLibraryIsSeenFromItsFolder) {
  for (const Include& include : includes()) {
    if (include.is_ours || is_test(include.file) || include.target.starts_with(seen_everywhere)) continue;
    // The longest matching row counts: boost/outcome before boost/.
    const std::pair<const std::string, Folders>* row = nullptr;
    for (const auto& candidate : libraries) {
      if (include.target.starts_with(candidate.first) && (!row || candidate.first.size() > row->first.size())) {
        row = &candidate;
      }
    }
    if (row) {
      EXPECT_TRUE(row->second.contains(folder_of(include.file)))
          << include.file << ":" << include.line << " sees <" << include.target << ">";
    } else {
      EXPECT_TRUE(include.target.find('/') == std::string::npos || include.target.starts_with("sys/") ||
                  include.target.starts_with("linux/") || include.target.starts_with("netinet/") ||
                  include.target.starts_with("arpa/"))
          << include.file << ":" << include.line << " sees <" << include.target << ">, which no row of the table names";
    }
  }
}

TEST(Architecture, EveryFolderSaysWhatItIsFor) {
  for (const auto& [folder, targets] : allowed_edges) {
    const fs::path path = fs::path(ESCAPE_SOURCE_DIR) / folder;
    if (!fs::exists(path / "CMakeLists.txt")) continue;
    EXPECT_TRUE(fs::exists(path / "README.md")) << folder << " has no README.md";
  }
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// "Suite.Name" of every TEST, TEST_F and TEST_P of the tree.
std::set<std::string> names_of_tests() {
  std::set<std::string> names;
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  for (const std::string& file : sources()) {
    const std::string text = "\n" + content_of(fs::path(ESCAPE_SOURCE_DIR) / file);
    for (const std::string macro : {"\nTEST(", "\nTEST_F(", "\nTEST_P("}) {
      for (std::size_t at = text.find(macro); at != std::string::npos; at = text.find(macro, at)) {
        at += macro.size();
        const std::size_t comma = text.find(',', at);
        const std::size_t name = text.find_first_of(letters, comma);
        const std::size_t end = text.find_first_not_of(letters, name);
        names.insert(text.substr(at, comma - at) + "." + text.substr(name, end - name));
      }
    }
  }
  return names;
}

// Rows of the table in tests/process/README.md: "| 12 | what holds | `Suite.Name`, `Suite.Other` |".
TEST(Architecture, WhatTheOriginalDoesWrongIsShownByTestsThatExist) {
  const std::set<std::string> tests = names_of_tests();
  const std::string readme = content_of(fs::path(ESCAPE_SOURCE_DIR) / "tests/process/README.md");
  std::istringstream lines(readme.substr(std::min(readme.size(), readme.find("## What the original does wrong"))));
  int rows = 0, last = 0;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.starts_with("## ")) {
    if (!line.starts_with("| ") || std::isdigit(static_cast<unsigned char>(line[2])) == 0) continue;
    const int number = std::stoi(line.substr(2));
    EXPECT_GT(number, last) << "once each, in order: " << line;
    last = number;
    ++rows;
    const std::size_t shown_by = line.rfind(" | ");
    int named = 0;
    for (std::size_t at = line.find('`', shown_by); at != std::string::npos; at = line.find('`', at + 1)) {
      const std::size_t end = line.find('`', at + 1);
      ASSERT_NE(end, std::string::npos) << line;
      const std::string name = line.substr(at + 1, end - at - 1);
      EXPECT_TRUE(tests.contains(name)) << "row " << number << ": there is no test " << name;
      ++named;
      at = end;
    }
    EXPECT_GT(named, 0) << line;
  }
  EXPECT_GT(rows, 40) << "the table was not found";
}

TEST(Architecture, OnlyTheNamedFoldersStandAtTheTop) {
  const std::set<std::string> expected{"controller", "agent", "protocol", "shared", "tests", "ops", "build"};
  for (const auto& entry : fs::directory_iterator(ESCAPE_SOURCE_DIR)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() && !name.starts_with(".")) {
      EXPECT_TRUE(expected.contains(name)) << name;
    }
  }
}

}  // namespace
