#include <gtest/gtest.h>

#include "shared/plan/plan.h"

namespace escape::plan {
namespace parse_test {

using release::Variable;

Plan parse(std::string_view text) {
  const Result<Plan> plan = parse_plan(text, "escape.yml");
  EXPECT_TRUE(plan) << text << "\n" << (plan ? "" : plan.error().message);
  return plan ? plan.value() : Plan{};
}
Error error_of(std::string_view text) {
  const Result<Plan> plan = parse_plan(text, "escape.yml");
  EXPECT_FALSE(plan) << text;
  return plan ? Error{} : plan.error();
}

constexpr const char* walk_through = R"(name: quickstart/hello-world
version: 0.0.@

includes:
- README.md

inputs:
- id: who
  default: World
  type: string
  description: Who should we be greeting?

deploy: deploy.sh
)";

TEST(Plan, OfTheWalkThrough) {
  const Plan plan = parse(walk_through);
  EXPECT_EQ(plan.name, "quickstart/hello-world");
  EXPECT_EQ(plan.version, "0.0.@");
  EXPECT_EQ(plan.includes, std::vector<std::string>{"README.md"});
  ASSERT_EQ(plan.inputs.size(), 1U);
  EXPECT_EQ(plan.inputs[0],
            (Variable{.id = "who", .fallback = Value("World"), .description = "Who should we be greeting?"}));
  EXPECT_EQ(plan.stages.at("deploy").text, "deploy.sh");
}

TEST(Plan, IdempotentIsFalseUnlessThePlanSaysSo) {
  EXPECT_FALSE(parse("name: a").idempotent);
  EXPECT_FALSE(parse("name: a\nidempotent:").idempotent);
  EXPECT_FALSE(parse("name: a\nidempotent: no").idempotent);
  EXPECT_TRUE(parse("name: a\nidempotent: true").idempotent);
}

TEST(Plan, WhatInitWritesCanBeRead) {
  EXPECT_EQ(initial_plan("quickstart/hello-world", false),
            "name: quickstart/hello-world\nversion: 0.0.@\ndescription: \nlogo: \n\nincludes:\n- README.md\n\nbuild: "
            "\ndeploy:\n");
  EXPECT_EQ(initial_plan("my-app", true), "name: my-app\nversion: 0.0.@\n");
  for (const bool minify : {true, false}) EXPECT_EQ(parse(initial_plan("my-app", minify)).name, "my-app");
  EXPECT_EQ(initial_plan("null", true), "name: \"null\"\nversion: 0.0.@\n");
  for (const char* word : {"null", "true", "no", "off"}) EXPECT_EQ(parse(initial_plan(word, true)).name, word);
}

TEST(Plan, NumbersAndWordsStayTheTextThatWasWritten) {
  EXPECT_EQ(parse("version: 1.10").version, "1.10");
  EXPECT_EQ(parse("version: 1").version, "1");
  EXPECT_EQ(parse("version: 01.002").version, "01.002");
  EXPECT_EQ(parse("version: ' 1.0 '").version, "1.0");
  EXPECT_EQ(parse("description: no").description, "no");
  EXPECT_EQ(parse("metadata: {a: 1, b: true, c: , d: on, 5: x}").metadata,
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "true"}, {"c", ""}, {"d", "on"}, {"5", "x"}}));
  const Plan plan = parse("inputs: [n, {id: on}, y]");
  ASSERT_EQ(plan.inputs.size(), 3U);
  EXPECT_EQ(plan.inputs[0].id, "n");
  EXPECT_EQ(plan.inputs[1].id, "on");
  EXPECT_EQ(plan.inputs[2].id, "y");
}

TEST(Plan, EveryFieldOfAVariable) {
  const Plan plan = parse(R"(inputs:
- id: ' size '
  type: integer[min=1,max=9]
  default: 3
  description: How many
  friendly: Size
  visible: no
  sensitive: yes
  items: [1, 3, 5]
  eval_before_dependencies: false
  scopes: [deploy]
  options: {ignored: true}
)");
  ASSERT_EQ(plan.inputs.size(), 1U);
  EXPECT_EQ(plan.inputs[0], (Variable{.id = "size",
                                      .type = "integer",
                                      .fallback = Value(3),
                                      .description = "How many",
                                      .friendly = "Size",
                                      .visible = false,
                                      .options = {{"min", 1}, {"max", 9}},
                                      .sensitive = true,
                                      .items = Value(Value::List{Value(1), Value(3), Value(5)}),
                                      .eval_before_dependencies = false,
                                      .scopes = {"deploy"}}));
}

TEST(Plan, DefaultsAreWhatTheTypeMakesOfThem) {
  struct Row {
    const char* fields;
    Value fallback;
  };
  const Row rows[] = {
      {"default: abc", "abc"},
      {"default: 12", 12},
      {"default: 1.10", "1.10"},
      {"default: 007", "007"},
      {"default: '12'", "12"},
      {"default: true", true},
      {"default: yes", "yes"},
      {"default: ''", ""},
      {"default: $$literal", "$$literal"},
      {"type: bool, default: yes", true},
      {"type: bool, default: 'off'", false},
      {"type: bool, default: true", true},
      {"type: integer, default: 12", 12},
      {"type: integer, default: '12'", "12"},
      {"type: list, default: []", Value::List{}},
      {"type: list, default: [a, 1, on]", Value(Value::List{Value("a"), Value("1"), Value("on")})},
      {"'type': 'list[type=integer]', default: [1, 2]", Value(Value::List{Value(1), Value(2)})},
  };
  for (const Row& row : rows) {
    const Plan plan = parse("inputs: [{id: a, " + std::string(row.fields) + "}]");
    ASSERT_EQ(plan.inputs.size(), 1U) << row.fields;
    ASSERT_TRUE(plan.inputs[0].fallback) << row.fields;
    EXPECT_EQ(*plan.inputs[0].fallback, row.fallback) << row.fields;
  }
  EXPECT_FALSE(parse("inputs: [{id: a, default: }]").inputs[0].fallback) << "no default: required";
  EXPECT_FALSE(parse("inputs: [a]").inputs[0].fallback);
}

TEST(Plan, AMapWithoutTypeWhoseIdIsATypeHasThatType) {
  EXPECT_EQ(parse("inputs: [{id: integer}]").inputs[0].type, "integer");
  EXPECT_EQ(parse("inputs: [integer]").inputs[0].type, "string");
  EXPECT_EQ(parse("inputs: [version]").inputs[0].type, "string");
}

TEST(Plan, TheSameIdInSeveralListsHasTheScopesOfAll) {
  const std::vector<std::string> both{"build", "deploy"};
  const Plan plan = parse(R"(
deploy_inputs: [{id: a, default: new}, d]
build_inputs: [{id: a, default: old, description: first}]
outputs: [{id: o, scopes: [build]}]
deploy_outputs: [o]
)");
  ASSERT_EQ(plan.inputs.size(), 2U);
  EXPECT_EQ(plan.inputs[0].id, "a");
  EXPECT_EQ(plan.inputs[0].scopes, both);
  EXPECT_EQ(plan.inputs[0].description, "first");
  EXPECT_EQ(*plan.inputs[0].fallback, Value("new")) << "deploy_inputs come after build_inputs, wherever they stand";
  EXPECT_EQ(plan.inputs[1].scopes, std::vector<std::string>{"deploy"});
  EXPECT_EQ(plan.outputs[0].scopes, both);
}

TEST(Plan, ShapesOfSteps) {
  const Plan plan = parse(R"(
build: make all
post_build: {cmd: ls, args: [a, 1]}
deploy: {script: run.sh}
test:
  inline: |
    echo $HOME
    true
smoke:
destroy: ''
pre_deploy: "   "
post_destroy: {}
activate_provider: on.sh
)");
  EXPECT_EQ(plan.stages.at("build").text, "make all");
  EXPECT_EQ(plan.stages.at("post_build").stage, (release::ExecStage{.cmd = "ls", .args = {"a", "1"}}));
  EXPECT_EQ(plan.stages.at("deploy").stage.script, "run.sh");
  EXPECT_EQ(plan.stages.at("test").stage.inline_script, "echo $HOME\ntrue\n");
  EXPECT_TRUE(plan.stages.at("smoke").stage.empty());
  EXPECT_EQ(plan.stages.at("pre_deploy").text, "");
  EXPECT_TRUE(plan.stages.at("post_destroy").stage.empty());
}

TEST(Plan, MistakesAreShownWithPlaceAndExpectation) {
  const std::pair<const char*, const char*> rows[] = {
      {"name: a\ninptus: [b]\n", "line 2, column 1: unknown field 'inptus', expected 'inputs'"},
      {"name: [a]", "line 1, column 7: name is a list, expected text"},
      {"idempotent: \"true\"", "line 1, column 13: idempotent is 'true', expected true or false"},
      {"idempotent: maybe", "line 1, column 13: idempotent is 'maybe', expected true or false"},
      {"includes: x", "line 1, column 11: includes is text, expected a list of texts"},
      {"includes: [[a]]", "line 1, column 12: an element of includes is a list, expected text"},
      {"- a", "line 1, column 1: the plan is a list, expected fields such as 'name: my-app'"},
      {"metadata: [a]", "line 1, column 11: metadata is a list, expected a map of names to texts"},
      {"metadata: {a: [b]}", "line 1, column 15: metadata field 'a' is a list, expected text"},
      {"build: 5",
       "line 1, column 8: In field build: Expecting dict or string type. Got 'integer', expected a script or command"},
      {"build: [a]",
       "line 1, column 8: In field build: Expecting dict or string type. It is a list, expected text or a map"},
      {"build: {cmd: a, script: b}",
       "line 1, column 8: Found a problem in the 'build' field: More than one field is set. Please specify only one of "
       "script, "
       "cmd or inline."},
      {"build: {args: [a]}", "line 1, column 8: Found a problem in the 'build' field: args without cmd, expected cmd"},
      {"build: {scritp: a}", "line 1, column 9: unknown field of the step 'build' 'scritp', expected 'script'"},
      {"build: {cmd: [a]}", "line 1, column 14: In field build: cmd is a list, expected text"},
      {"inputs: a", "line 1, column 9: inputs is text, expected a list of variables"},
      {"inputs: [{type: string}]", "line 1, column 10: Missing 'id' field in variable, expected a name"},
      {"inputs: [1foo]", "line 1, column 10: Error compiling input variable: Invalid variable format '1foo'"},
      {"build_inputs: [PREVIOUS_x]",
       "line 1, column 16: Error compiling 'build_inputs' variable: Invalid variable format 'PREVIOUS_x'. Variable is "
       "not "
       "allowed to start with 'PREVIOUS_'"},
      {"outputs: ['']",
       "line 1, column 11: Error compiling output variable: Expecting variable string, but got empty string."},
      {"inputs: [{id: a, type: dict}]",
       "line 1, column 10: Error compiling input variable: Unknown variable type: dict for variable 'a'"},
      {"inputs: [{id: a, type: 'string[min=x]'}]",
       "line 1, column 24: Expecting expression key=value, got: min=x, expected such as string[min=1]"},
      {"inputs: [{id: a, type: bool, default: banana}]",
       "line 1, column 10: Error compiling input variable: In default field: Expecting 'bool' value, but got 'banana' "
       "for "
       "variable 'a'"},
      {"inputs: [{id: a, default: {b: c}}]",
       "line 1, column 27: Unexpected type 'map' for default field of variable 'a', expected text, a number, a boolean "
       "or a "
       "list"},
      {"inputs: [{id: a, items: [x], default: y}]",
       "line 1, column 10: Error compiling input variable: In default field: Expecting one of [\"x\"] for variable "
       "'a', got: y "
       "(string)"},
      {"inputs: [{id: a, scopes: [foo]}]",
       "line 1, column 10: Error compiling input variable: Unknown scope 'foo'. Expecting 'build' or 'deploy' for "
       "variable 'a'"},
      {"inputs: [{id: a, visible: maybe}]", "line 1, column 27: visible is 'maybe', expected true or false"},
      {"inputs: [{id: a, defualt: b}]", "line 1, column 18: unknown field of a variable 'defualt', expected 'default'"},
      {"inputs: [a, a]",
       "line 1, column 13: Error compiling input variable: 'a' is there already, expected each id once"},
      {"build_inputs: [a]\ndeploy_inputs: [{id: a, type: integer}]",
       "line 2, column 17: Error compiling 'deploy_inputs' variable: 'a' has another type here, expected 'string' as "
       "before"},
  };
  for (const auto& [text, message] : rows) {
    const Error error = error_of(text);
    EXPECT_EQ(error.message, "Couldn't parse Escape plan 'escape.yml': " + std::string(message)) << text;
    EXPECT_EQ(error.kind, ErrorKind::bad_data);
  }
}

TEST(Plan, WhatIsNotSupportedYetIsRefusedByName) {
  for (const char* field : {"depends", "extends", "consumes", "build_consumes", "deploy_consumes", "provides",
                            "templates", "build_templates", "deploy_templates", "downloads"}) {
    const Error error = error_of("name: a\n" + std::string(field) + ": [x]\n");
    EXPECT_EQ(error.kind, ErrorKind::refused);
    EXPECT_TRUE(error.message.starts_with("Escape plan 'escape.yml': line 2, column 1: The field '" +
                                          std::string(field) + "' ("))
        << error.message;
    EXPECT_NE(error.message.find("is not supported by this version of Escape yet"), std::string::npos);
  }
  EXPECT_EQ(error_of("errands: {a: {run: b}}").kind, ErrorKind::refused);
  for (const char* empty : {"", "[]", "{}", "\"\"", "null", "~"}) parse("depends: " + std::string(empty));
}

TEST(Plan, ExpressionsAreRefusedByPlace) {
  const std::pair<const char*, const char*> rows[] = {
      {"metadata: {a: $dep.name}", "metadata field 'a'"},
      {"inputs: [{id: a, default: $this.name}]", "the default field of variable 'a'"},
      {"inputs: [{id: a, type: list, default: [b, $x]}]", "the default field of variable 'a'"},
      {"inputs: [{id: a, items: $x}]", "the items field of variable 'a'"},
      {"outputs: [{id: a, default: $x}]", "the default field of variable 'a'"},
      {"inputs: [{id: version}]", "The type 'version' of variable 'version'"},
  };
  for (const auto& [text, where] : rows) {
    const Error error = error_of(text);
    EXPECT_EQ(error.kind, ErrorKind::refused) << text;
    EXPECT_NE(error.message.find(where), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("line 1"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("not supported by this version of Escape yet"), std::string::npos) << error.message;
  }
  EXPECT_EQ(parse("metadata: {a: $$b}").metadata.at("a"), "$$b");
}

}  // namespace parse_test
}  // namespace escape::plan
