#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "shared/plan/fake_files_for_tests.h"
#include "shared/release/metadata.h"

/// Tables whose rows are those of spec/escape-plan.md: what a plan says, and what its release has because of it.
namespace escape::golden {

/// The member of a row whose plan is refused: `expected` is a part of the message.
constexpr const char* refused = "refused";

struct Row {
  const char* where;  ///< section and row of the specification ("§3 r2"), or the rule in a few words
  std::string plan;   ///< without `name` and `version`, unless the row is about them
  /// Path into release.json: `stages.deploy`; `*` is every element of a list; "" is all of it.
  const char* member;
  std::string expected;  ///< JSON
};

struct World {
  plan::FakeFiles files{};
  std::map<std::string, std::string> releases{};  ///< their plans, by "name-vVERSION"
};

/// Each row whose member is not as expected fails with its `where`.
void expect_rows(const World& world, std::initializer_list<Row> rows);

}  // namespace escape::golden
