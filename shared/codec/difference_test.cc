#include "shared/codec/difference.h"

#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/codec/random_value_for_tests.h"

namespace escape::codec {
namespace difference_test {

using Lines = std::vector<std::string>;

Lines differences(std::string_view before, std::string_view after) {
  return metadata_differences(from_json(before).value(), from_json(after).value());
}

TEST(Difference, OneLineForEach) {
  struct Case {
    const char* name;
    const char* before;
    const char* after;
    Lines expected;
  };
  const std::vector<Case> cases{
      {"nothing", R"({"name":"a","inputs":[{"id":"x"}]})", R"({"inputs":[{"id":"x"}],"name":"a"})", {}},
      {"text", R"({"version":"1"})", R"({"version":"2"})", {"Change Version from '1' to '2'"}},
      {"camel case",
       R"({"api_version":14,"built_with_core_version":"a"})",
       R"({"api_version":15,"built_with_core_version":"b"})",
       {"Change ApiVersion from '14' to '15'", "Change BuiltWithCoreVersion from 'a' to 'b'"}},
      {"the order of the format, whatever the order of the text",
       R"({"version":"1","name":"a","zeta":1,"idempotent":false})",
       R"({"idempotent":true,"zeta":2,"version":"2","name":"b"})",
       {"Change Name from 'a' to 'b'", "Change Version from '1' to '2'", "Change Idempotent from 'false' to 'true'",
        "Change Zeta from '1' to '2'"}},
      {"maps by key, sorted",
       R"({"metadata":{"z":"1","k":"1","gone":"x"}})",
       R"({"metadata":{"new":"y","k":"2","z":"1"}})",
       {"Remove 'x' from Metadata[\"gone\"]", "Change Metadata[\"k\"] from '1' to '2'",
        "Add 'y' to Metadata[\"new\"]"}},
      {"files", R"({"files":{"a.sh":"1"}})", R"({"files":{"a.sh":"2"}})", {"Change Files[\"a.sh\"] from '1' to '2'"}},
      {"elements of lists",
       R"({"provides":[{"name":"a"},{"name":"b"}],"generates":["x"]})",
       R"({"provides":[{"name":"c"}],"generates":["x","y","z"]})",
       {"Add 'y' to Generates", "Add 'z' to Generates", "Change Provides[0].Name from 'a' to 'c'",
        "Remove 'b' from Provides"}},
      {"variables",
       R"({"inputs":[{"id":"a","default":1},{"id":"b","default":1.5,"sensitive":true}]})",
       R"({"inputs":[{"id":"a","default":"1"},{"id":"c","description":"d"},{"id":"e"}]})",
       {"Change Inputs[0].Default from '1' to '\"1\"'", "Change Inputs[1].Id from 'b' to 'c'",
        "Change Inputs[1].Description from '' to 'd'", "Remove '1.5' from Inputs[1].Default",
        "Change Inputs[1].Sensitive from 'true' to 'false'", "Add 'e' to Inputs"}},
      {"defaults of any type",
       R"({"inputs":[{"default":1},{"default":true},{"default":[1,2]},{"default":1.5}]})",
       R"({"inputs":[{"default":2},{"default":false},{"default":[1,3,4]},{"default":"x"}]})",
       {"Change Inputs[0].Default from '1' to '2'", "Change Inputs[1].Default from 'true' to 'false'",
        "Change Inputs[2].Default[1] from '2' to '3'", "Add '4' to Inputs[2].Default",
        "Change Inputs[3].Default from '1.5' to 'x'"}},
      {"steps",
       R"({"stages":{"build":{"script":"a"},"test":{"cmd":"x","args":["1"]}}})",
       R"({"stages":{"build":{"inline":"a\nb"},"deploy":{"script":"d"},"test":{"cmd":"x","args":["2"]}}})",
       {"Change Stages[\"build\"].Inline from '' to 'a\\nb'", "Change Stages[\"build\"].Script from 'a' to ''",
        R"(Add '{"script":"d"}' to Stages["deploy"])", "Change Stages[\"test\"].Args[0] from '1' to '2'"}},
      {"errands and dependencies",
       R"({"errands":{"e":{"exec_stage":{"cmd":"a"}}},"depends":[{"release_id":"a-v1","mapping":{"x_y":1},"consumes":{"k":"1"}}]})",
       R"({"errands":{"e":{"exec_stage":{"cmd":"b"}}},"depends":[{"release_id":"a-v2","mapping":{"x_y":{"p_q":2}},"consumes":{"k":"2"}}]})",
       {"Change Depends[0].ReleaseId from 'a-v1' to 'a-v2'",
        "Change Depends[0].Mapping[\"x_y\"] from '1' to '{\"p_q\":2}'",
        "Change Depends[0].Consumes[\"k\"] from '1' to '2'", "Change Errands[\"e\"].ExecStage.Cmd from 'a' to 'b'"}},
      {"options",
       R"({"inputs":[{"options":{"min_len":1}}]})",
       R"({"inputs":[{"options":{"min_len":2}}]})",
       {"Change Inputs[0].Options[\"min_len\"] from '1' to '2'"}},
      {"null stands for nothing",
       R"({"downloads":null,"inputs":[{"items":null}]})",
       R"({"downloads":[],"inputs":[{"items":[1]}]})",
       {"Add '1' to Inputs[0].Items"}},
      {"downloads",
       R"({"downloads":null})",
       R"({"downloads":[{"url":"http://x","dest":"y"}]})",
       {"Add 'http://x' to Downloads"}},
      {"control characters",
       R"({"description":"a"})",
       R"({"description":"\u001b[31mb\r"})",
       {"Change Description from 'a' to '\\x1b[31mb\\x0d'"}},
      {"shapes that should not be",
       R"({"files":[1],"inputs":{"a":1},"name":null})",
       R"({"files":{"a":1},"inputs":"x","name":true})",
       {"Change Files from '[1]' to '{\"a\":1}'", "Change Name from 'null' to 'true'",
        "Change Inputs from '{\"a\":1}' to 'x'"}},
      {"no objects at all", "[1]", "null", {}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(differences(each.before, each.after), each.expected) << each.name;
  }
}

TEST(Difference, AnyValuesGiveLines) {
  const std::uint64_t base = std::random_device{}();
  for (std::uint64_t seed = base; seed < base + 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    const Value a = Value::Object{{"inputs", random.make(true)}, {"x", random.make(true)}};
    const Value b = Value::Object{{"inputs", random.make(true)}, {"x", random.make(true)}};
    EXPECT_EQ(metadata_differences(a, a), Lines());
    for (const std::string& line : metadata_differences(a, b)) EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
}

TEST(Difference, OfWhatPackagesHold) {
  release::Metadata before;
  before.name = "app";
  before.version = "0.0.1";
  before.stages["build"].script = "build.sh";
  release::Metadata after = before;
  after.version = "0.0.2";
  after.inputs.push_back({.id = "who"});
  after.stages["deploy"].script = "deploy.sh";
  EXPECT_EQ(metadata_differences(metadata_to_value(before), metadata_to_value(after)),
            (Lines{"Change Version from '0.0.1' to '0.0.2'", "Add 'who' to Inputs",
                   R"(Add '{"script":"deploy.sh"}' to Stages["deploy"])"}));
  EXPECT_EQ(metadata_differences(metadata_to_value(after), metadata_to_value(after)), Lines());
}

}  // namespace difference_test
}  // namespace escape::codec
