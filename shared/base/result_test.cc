#include "shared/base/result.h"

#include <gtest/gtest.h>

#include <set>

namespace escape {
namespace result_test {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorKind::bad_data, "the number is odd", "Give an even one.");
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int first, half(number));
  TRY(const int second, half(first));
  return second;
}

Result<> check_half(int number) {
  TRYV(half(number));
  return ok();
}

constexpr ErrorKind every_kind[] = {ErrorKind::internal,      ErrorKind::usage,
                                    ErrorKind::bad_data,      ErrorKind::not_found,
                                    ErrorKind::conflict,      ErrorKind::refused,
                                    ErrorKind::no_target,     ErrorKind::failed,
                                    ErrorKind::unknown,       ErrorKind::cancelled,
                                    ErrorKind::unreachable,   ErrorKind::temporary,
                                    ErrorKind::no_permission, ErrorKind::bad_configuration,
                                    ErrorKind::timed_out,     ErrorKind::storage};

}  // namespace result_test

TEST(Result, TryHandsTheErrorUpAndTheValueOn) {
  EXPECT_EQ(result_test::quarter(12).value(), 3);
  EXPECT_EQ(result_test::quarter(6).error().message, "the number is odd");
  EXPECT_EQ(result_test::quarter(6).error().hint, "Give an even one.");
  EXPECT_TRUE(result_test::check_half(2));
  EXPECT_EQ(result_test::check_half(3).error().kind, ErrorKind::bad_data);
}

TEST(Result, EveryKindHasAWordOfItsOwnThatReadsBack) {
  std::set<std::string_view> names;
  for (const ErrorKind kind : result_test::every_kind) {
    EXPECT_TRUE(names.insert(kind_name(kind)).second) << kind_name(kind);
    EXPECT_EQ(kind_from_name(kind_name(kind)), kind);
    EXPECT_GT(exit_code(kind), 0);
    EXPECT_GE(http_status(kind), 400);
  }
  EXPECT_EQ(kind_from_name("no such word"), ErrorKind::internal);
}

TEST(Result, ContextIsToldOutermostFirst) {
  const Error error = Error{ErrorKind::bad_data, "expected a list"}.in("line 3").in("reading 'escape.yml'");
  EXPECT_EQ(describe(error), "reading 'escape.yml': line 3: expected a list");
}

}  // namespace escape
