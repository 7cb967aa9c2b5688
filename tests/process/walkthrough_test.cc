// The part of the original's quick start about building, inputs and outputs, on three hosts: what is built is in the
// package, values of every type reach the scripts, and what these write is what the next one sees.

#include <gtest/gtest.h>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* plan = R"plan(name: qs/sizes
version: 1.@
generates: [made.txt]
inputs:
- {id: count, type: integer, default: 3}
- {id: "on", type: bool, default: true}
- {id: hosts, type: list, default: [a, b]}
- {id: mode, default: fast, items: [fast, slow]}
- {id: twice, default: "$this.inputs.count", type: integer}
deploy_outputs:
- {id: total, type: integer}
build: build.sh
deploy: deploy.sh
smoke: {inline: 'echo "smoke $OUTPUT_total, $(cat made.txt)"'}
)plan";

TEST(Walkthrough, BuildingInputsAndOutputs) {
  Cluster cluster({"test", "stage", "live"});
  cluster.write_plan(plan,
                     "#!/bin/bash -e\necho \"count $INPUT_count on $INPUT_on hosts $INPUT_hosts mode $INPUT_mode\"\n"
                     "echo \"before: ${INPUT_PREVIOUS_count:-none} ${INPUT_PREVIOUS_OUTPUT_total:-none}\"\n"
                     "echo \"{\\\"total\\\": $((INPUT_count * 2))}\" > .escape/outputs.json\n");
  write_text(cluster.workspace() + "/build.sh", "#!/bin/bash -e\necho \"made for $INPUT_count\" > made.txt\n", 0755);
  const Ran released = cluster.escape({"run", "release", "-v", "count=7"});
  ASSERT_EQ(released.exit_status, 0) << released.all();

  const auto deploy = [&](const std::string& environment, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"run", "deploy", "qs/sizes-latest", "-e", environment});
    return cluster.escape(more);
  };
  const Ran plain = deploy("test");
  ASSERT_EQ(plain.exit_status, 0) << plain.all();
  EXPECT_TRUE(has(plain.err, "Deploy: count 3 on 1 hosts [\"a\",\"b\"] mode fast\nDeploy: before: none none\n"))
      << plain.all();
  const Ran smoke = cluster.escape({"run", "smoke", "-d", "qs/sizes", "-e", "test"});
  EXPECT_TRUE(has(smoke.err, "smoke 6, made for 7\n")) << smoke.all();

  write_text(cluster.workspace() + "/values.json", R"({"count": 5, "hosts": ["x"]})");
  const Ran given = deploy("test", {"-v", "@values.json", "-v", "mode=slow"});
  ASSERT_EQ(given.exit_status, 0) << given.all();
  EXPECT_TRUE(has(given.err, "Deploy: count 5 on 1 hosts [\"x\"] mode slow\nDeploy: before: 3 6\n")) << given.all();
  const std::string shown = cluster.escape({"state", "show-deployment", "-d", "qs/sizes", "-e", "test"}).out;
  EXPECT_TRUE(has(shown, "\"twice\": 5")) << shown;
  EXPECT_TRUE(has(shown, "\"total\": 10")) << shown;

  const Ran mistyped = deploy("stage", {"-v", "count=many"});
  EXPECT_EQ(mistyped.exit_status, 65) << mistyped.all();
  EXPECT_TRUE(has(mistyped.err, "Expecting 'integer' value, but got 'string' for variable 'count'")) << mistyped.all();
  const Ran odd = deploy("stage", {"-v", "mode=odd"});
  EXPECT_EQ(odd.exit_status, 65) << odd.all();
  EXPECT_TRUE(has(odd.err, "Expecting one of [\"fast\",\"slow\"] for variable 'mode'")) << odd.all();

  // The values of one environment are not those of the next.
  ASSERT_EQ(deploy("stage", {"-v", "count=9"}).exit_status, 0);
  const Ran promoted = cluster.escape({"run", "promote", "-d", "qs/sizes", "-e", "stage", "--to", "live", "-f"});
  EXPECT_EQ(promoted.exit_status, 0) << promoted.all();
  EXPECT_TRUE(has(promoted.err, "count 3 on 1 hosts [\"a\",\"b\"] mode fast")) << promoted.all();
}

}  // namespace
}  // namespace escape::testing
