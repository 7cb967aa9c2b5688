#include "controller/app/admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace escape::controller {
namespace admission_test {

constexpr Instant at(std::int64_t millis) { return {1'000'000'000 + millis * 1'000}; }
std::string key(int number) { return "key " + std::to_string(number); }

Admission::Limits limits(int per_second) { return {.per_second = per_second, .at_once = per_second}; }

TEST(Admission, TakesABurstAndThenTheRate) {
  Admission admission(limits(10));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(admission.ask(key(i), at(0)));
  EXPECT_TRUE(admission.ask(key(10), at(0)));
  EXPECT_FALSE(admission.ask(key(11), at(100)));
  EXPECT_TRUE(admission.ask(key(12), at(100)));
  int taken = 0;
  for (int now = 200; now < 1'200; ++now) taken += admission.ask(key(now), at(now)) ? 0 : 1;
  EXPECT_EQ(taken, 10);
}

TEST(Admission, NamesEachALaterMoment) {
  Admission admission(limits(10));
  for (int i = 0; i < 10; ++i) (void)admission.ask(key(i), at(0));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(admission.ask(key(10 + i), at(0)), Millis{100 * (i + 1)}) << i;
  EXPECT_EQ(admission.ask(key(99), at(0)), Millis{5'100});
  Admission large(limits(1));
  (void)large.ask(key(0), at(0));
  Millis last{0};
  for (int i = 1; i < 200; ++i) last = large.ask(key(i), at(0)).value_or(Millis{0});
  EXPECT_EQ(last, Millis{60'000}) << "never longer than an agent would wait by itself";
}

// A herd that obeys is in within the time that the rate asks for, and nobody is sent away for ever.
TEST(Admission, AHerdThatObeysIsSoonIn) {
  Admission admission(limits(200));
  std::multimap<std::int64_t, int> due;
  for (int i = 0; i < 1'000; ++i) due.emplace(i / 10, 0);
  int taken = 0, most_refusals = 0;
  std::int64_t last = 0;
  for (int agent = 0; !due.empty(); ++agent) {
    const auto [now, refusals] = *due.begin();
    due.erase(due.begin());
    const std::optional<Millis> wait = admission.ask(key(agent), at(now));
    if (wait) {
      ASSERT_LT(refusals, 20);
      due.emplace(now + wait->count(), refusals + 1);
      most_refusals = std::max(most_refusals, refusals + 1);
    } else {
      ++taken;
      last = now;
    }
  }
  EXPECT_EQ(taken, 1'000);
  EXPECT_GE(last, 3'900);
  EXPECT_LE(last, 8'000);
  EXPECT_LE(most_refusals, 3);
}

TEST(Admission, OneKeyCannotUseUpTheRateOfAll) {
  Admission admission({.per_second = 10, .at_once = 10, .of_one_key = 5});
  int taken = 0;
  for (int i = 0; i < 1'000; ++i) taken += admission.ask("the broken one", at(0)) ? 0 : 1;
  EXPECT_EQ(taken, 5);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(admission.ask(key(i), at(0)));
  EXPECT_EQ(admission.ask("the broken one", at(9'999)), Millis{10'000});
  EXPECT_FALSE(admission.ask("the broken one", at(20'000)));
}

}  // namespace admission_test
}  // namespace escape::controller
