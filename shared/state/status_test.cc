#include "shared/state/status.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace escape::state {
namespace status_test {

constexpr int code_count = 16;

StatusCode code(int index) { return static_cast<StatusCode>(index); }

/// spec/state-model.md §6, by word, with our one addition: typed again here and not taken from the code under test.
const std::map<std::string, std::set<std::string>> table{
    {"empty", {"pending"}},
    {"pending", {"running_pre_step"}},
    {"ok",
     {"running_pre_step", "running_test_step", "destroy_pending", "destroy_and_delete_pending", "test_pending",
      "pending", "running_pre_destroy_step"}},
    {"failure",
     {"running_pre_step", "pending", "destroy_pending", "destroy_and_delete_pending", "running_pre_destroy_step"}},
    {"test_failure",
     {"running_test_step", "running_pre_step", "destroy_pending", "destroy_and_delete_pending", "test_pending",
      "pending", "running_pre_destroy_step"}},
    {"destroy_failure",
     {"running_pre_destroy_step", "destroy_pending", "destroy_and_delete_pending", "pending", "running_pre_step"}},
    {"running_pre_step", {"running_main_step", "failure"}},
    {"running_main_step", {"running_post_step", "failure"}},
    {"running_post_step", {"running_test_step", "ok", "failure"}},
    {"running_test_step", {"ok", "test_failure"}},
    {"destroy_pending", {"running_pre_destroy_step"}},
    {"destroy_and_delete_pending", {"running_pre_destroy_step"}},
    {"running_pre_destroy_step", {"running_main_destroy_step", "destroy_failure"}},
    {"running_main_destroy_step", {"running_post_destroy_step", "destroy_failure"}},
    {"running_post_destroy_step", {"empty", "destroy_failure"}},
    {"test_pending", {"running_test_step"}},
};

}  // namespace status_test

TEST(StatusTable, EveryPairIsAsInTheSpecification) {
  using namespace status_test;
  ASSERT_EQ(table.size(), std::size_t{code_count});
  for (int from = 0; from < code_count; ++from) {
    for (int to = 0; to < code_count; ++to) {
      const std::string from_name(name_of(code(from)));
      const std::string to_name(name_of(code(to)));
      ASSERT_TRUE(table.contains(from_name)) << from_name;
      EXPECT_EQ(may_go(code(from), code(to)), table.at(from_name).contains(to_name)) << from_name << " -> " << to_name;
    }
  }
}

TEST(StatusTable, GoFollowsTheTableAndLeavesARefusedStatusAsItWas) {
  using namespace status_test;
  for (int from = 0; from < code_count; ++from) {
    for (int to = 0; to < code_count; ++to) {
      Status status{code(from), {5}, "ann", "why", {7}, 2};
      const Status before = status;
      const Result<> done = go(status, code(to), {9}, "bob", "because");
      EXPECT_EQ(done.has_value(), may_go(code(from), code(to)));
      if (done) {
        EXPECT_EQ(status.code, code(to));
        EXPECT_EQ(status.updated_at.micros, 9);
        EXPECT_EQ(status.updated_by, "bob");
        EXPECT_EQ(status.data, "because");
      } else {
        EXPECT_EQ(status, before);
        EXPECT_EQ(done.error().kind, ErrorKind::internal);
        EXPECT_NE(done.error().message.find(name_of(code(from))), std::string::npos);
        EXPECT_NE(done.error().message.find(name_of(code(to))), std::string::npos);
      }
    }
  }
}

TEST(StatusTable, EveryCodeIsReachableFromEmptyAndLeadsBackToIt) {
  using namespace status_test;
  const auto reachable = [](StatusCode start) {
    std::set<StatusCode> seen{start};
    std::vector<StatusCode> todo{start};
    while (!todo.empty()) {
      const StatusCode from = todo.back();
      todo.pop_back();
      for (int to = 0; to < code_count; ++to) {
        if (may_go(from, code(to)) && seen.insert(code(to)).second) todo.push_back(code(to));
      }
    }
    return seen;
  };
  EXPECT_EQ(reachable(StatusCode::empty).size(), std::size_t{code_count});
  for (int from = 0; from < code_count; ++from) {
    EXPECT_TRUE(reachable(code(from)).contains(StatusCode::empty)) << name_of(code(from));
  }
}

TEST(Status, TheBackOffEndsWithSuccessOnly) {
  Status status{StatusCode::running_post_step, {}, {}, {}, {7}, 3};
  ASSERT_TRUE(go(status, StatusCode::failure, {1}, "a", "broken"));
  EXPECT_EQ(status.tried, 3);
  ASSERT_TRUE(go(status, StatusCode::pending, {2}, "a"));
  ASSERT_TRUE(go(status, StatusCode::running_pre_step, {3}, "a"));
  EXPECT_EQ(status.tried, 3);
  EXPECT_EQ(status.data, "");
  ASSERT_TRUE(go(status, StatusCode::running_main_step, {4}, "a"));
  ASSERT_TRUE(go(status, StatusCode::running_post_step, {5}, "a"));
  ASSERT_TRUE(go(status, StatusCode::ok, {6}, "a"));
  EXPECT_EQ(status.tried, 0);
  EXPECT_FALSE(status.try_again_at.is_set());
}

TEST(StatusCode, WordsAreReadBack) {
  for (int i = 0; i < status_test::code_count; ++i) {
    const Result<StatusCode> read = parse_status_code(name_of(status_test::code(i)));
    ASSERT_TRUE(read) << i;
    EXPECT_EQ(read.value(), status_test::code(i));
  }
  EXPECT_EQ(parse_status_code("done").error().kind, ErrorKind::bad_data);
  EXPECT_FALSE(parse_status_code(""));
}

TEST(StatusCode, Classes) {
  for (int i = 0; i < status_test::code_count; ++i) {
    const std::string name(name_of(status_test::code(i)));
    EXPECT_EQ(is_running(status_test::code(i)), name.starts_with("running_")) << name;
    EXPECT_EQ(is_error(status_test::code(i)), name.ends_with("failure")) << name;
  }
}

}  // namespace escape::state
