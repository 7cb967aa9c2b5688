#include "shared/release/parts.h"

#include <gtest/gtest.h>

namespace escape::release {

TEST(Reference, IsAReleaseAndMaybeAName) {
  const Result<Reference> plain = parse_reference("prj/name-latest");
  ASSERT_TRUE(plain);
  EXPECT_EQ(to_string(plain.value().query), "prj/name-latest");
  EXPECT_EQ(plain.value().variable, "");
  const Result<Reference> named = parse_reference("prj/name-latest  as   foo_bar-1");
  ASSERT_TRUE(named);
  EXPECT_EQ(named.value().variable, "foo_bar-1");
}

TEST(Reference, SaysWhatIsWrongAsTheOriginalDoes) {
  const std::string expecting = "Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as [VARIABLE]\".";
  const std::pair<std::string, std::string> rows[] = {
      {"x-v1 as", "Malformed dependency string 'x-v1 as'. " + expecting},
      {"x-v1 as a b", "Malformed dependency string 'x-v1 as a b'. " + expecting},
      {"", "Malformed dependency string ''. " + expecting},
      {"x-v1 like one", "Unexpected 'like'; expecting 'as' in 'x-v1 like one. " + expecting + "'"},
      {"x-v1 AS one", "Unexpected 'AS'; expecting 'as' in 'x-v1 AS one. " + expecting + "'"},
      {"xx-v1 as 1one", "Malformed dependency string 'xx-v1 as 1one'. Invalid variable format '1one'"},
      {"xx-v1 as PREVIOUS_x",
       "Malformed dependency string 'xx-v1 as PREVIOUS_x'. Invalid variable format 'PREVIOUS_x'. Variable is not "
       "allowed to start with 'PREVIOUS_'"},
      {"name", "Invalid release format: name."},
  };
  for (const auto& [text, message] : rows) {
    const Result<Reference> reference = parse_reference(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().message, message);
  }
}

TEST(Consumer, IsAnInterfaceAndMaybeAName) {
  EXPECT_EQ(parse_consumer("weird!").value(), (Consumer{.name = "weird!", .variable = "weird!"}));
  EXPECT_EQ(parse_consumer("kube as k8s").value(), (Consumer{.name = "kube", .variable = "k8s"}));
  const std::pair<std::string, std::string> rows[] = {
      {"kube as", "Malformed consumer string 'kube as'"},
      {"", "Malformed consumer string ''"},
      {"kube like k", "Unexpected 'like' expecting 'as' in 'kube like k'"},
      {"kube as 1k", "Malformed consumer string 'kube as 1k': Invalid variable format '1k'"},
  };
  for (const auto& [text, message] : rows) {
    const Result<Consumer> consumer = parse_consumer(text);
    ASSERT_FALSE(consumer) << text;
    EXPECT_EQ(consumer.error().message, message);
  }
}

}  // namespace escape::release
