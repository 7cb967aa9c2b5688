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
  ASSERT_EQ(plan.inputs.variables.size(), 1U);
  EXPECT_EQ(plan.inputs.variables[0],
            (Variable{.id = "who", .fallback = Value("World"), .description = "Who should we be greeting?"}));
  EXPECT_EQ(plan.stages.at("deploy").text, "deploy.sh");
}

TEST(Plan, IdempotentIsFalseUnlessThePlanSaysSo) {
  EXPECT_FALSE(parse("name: a").idempotent);
  EXPECT_FALSE(parse("name: a\nidempotent:").idempotent);
  EXPECT_FALSE(parse("name: a\nidempotent: no").idempotent);
  EXPECT_TRUE(parse("name: a\nidempotent: true").idempotent);
  EXPECT_FALSE(parse("name: a\nskip_unchanged:").skip_unchanged);
  EXPECT_TRUE(parse("name: a\nskip_unchanged: true").skip_unchanged);
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
  ASSERT_EQ(plan.inputs.variables.size(), 3U);
  EXPECT_EQ(plan.inputs.variables[0].id, "n");
  EXPECT_EQ(plan.inputs.variables[1].id, "on");
  EXPECT_EQ(plan.inputs.variables[2].id, "y");
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
  ASSERT_EQ(plan.inputs.variables.size(), 1U);
  EXPECT_EQ(plan.inputs.variables[0], (Variable{.id = "size",
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
    ASSERT_EQ(plan.inputs.variables.size(), 1U) << row.fields;
    ASSERT_TRUE(plan.inputs.variables[0].fallback) << row.fields;
    EXPECT_EQ(*plan.inputs.variables[0].fallback, row.fallback) << row.fields;
  }
  EXPECT_FALSE(parse("inputs: [{id: a, default: }]").inputs.variables[0].fallback) << "no default: required";
  EXPECT_FALSE(parse("inputs: [a]").inputs.variables[0].fallback);
}

TEST(Plan, AMapWithoutTypeWhoseIdIsATypeHasThatType) {
  EXPECT_EQ(parse("inputs: [{id: integer}]").inputs.variables[0].type, "integer");
  EXPECT_EQ(parse("inputs: [integer]").inputs.variables[0].type, "string");
  EXPECT_EQ(parse("inputs: [version]").inputs.variables[0].type, "string");
}

TEST(Plan, TheSameIdInSeveralListsHasTheScopesOfAll) {
  const std::vector<std::string> both{"build", "deploy"};
  const Plan plan = parse(R"(
deploy_inputs: [{id: a, default: new}, d]
build_inputs: [{id: a, default: old, description: first}]
outputs: [{id: o, scopes: [build]}]
deploy_outputs: [o]
)");
  ASSERT_EQ(plan.inputs.variables.size(), 2U);
  EXPECT_EQ(plan.inputs.variables[0].id, "a");
  EXPECT_EQ(plan.inputs.variables[0].scopes, both);
  EXPECT_EQ(plan.inputs.variables[0].description, "first");
  EXPECT_EQ(*plan.inputs.variables[0].fallback, Value("new"))
      << "deploy_inputs come after build_inputs, wherever they stand";
  EXPECT_EQ(plan.inputs.variables[1].scopes, std::vector<std::string>{"deploy"});
  EXPECT_EQ(plan.outputs.variables[0].scopes, both);
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
      {"skip_unchanged: maybe", "line 1, column 17: skip_unchanged is 'maybe', expected true or false"},
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
      {"inputs: [{type: string}]",
       "line 1, column 10: Error compiling input variable: Missing 'id' field in variable, expected a name"},
      {"inputs: [1foo]", "line 1, column 10: Error compiling input variable: Invalid variable format '1foo'"},
      {"build_inputs: [PREVIOUS_x]",
       "line 1, column 16: Error compiling 'build_inputs' variable: Invalid variable format 'PREVIOUS_x'. Variable is "
       "not "
       "allowed to start with 'PREVIOUS_'"},
      {"inputs: [previous_x]",
       "line 1, column 10: Error compiling input variable: Invalid variable format 'previous_x'. Variable is not "
       "allowed to start with 'PREVIOUS_'"},
      {"deploy_inputs: [1x]",
       "line 1, column 17: Error compiling 'deploy_inputs' variable: Invalid variable format '1x'"},
      {"build_outputs: [1x]",
       "line 1, column 17: Error compiling 'build_outputs' variable: Invalid variable format '1x'"},
      {"deploy_outputs: [1x]",
       "line 1, column 18: Error compiling 'deploy_outputs' variable: Invalid variable format '1x'"},
      {"outputs: ['']",
       "line 1, column 11: Error compiling output variable: Expecting variable string, but got empty string."},
      {"inputs: [{id: a, type: dict}]",
       "line 1, column 10: Error compiling input variable: Unknown variable type: dict for variable 'a'"},
      {"inputs: [{id: a, type: 'string[min=x]'}]",
       "line 1, column 24: Error compiling input variable: Expecting expression key=value, got: min=x, expected such "
       "as string[min=1]"},
      {"inputs: [{id: a, type: bool, default: banana}]",
       "line 1, column 10: Error compiling input variable: In default field: Expecting 'bool' value, but got 'banana' "
       "for "
       "variable 'a'"},
      {"inputs: [{id: a, default: {b: c}}]",
       "line 1, column 27: Error compiling input variable: Unexpected type 'map' for default field of variable 'a', "
       "expected text, a number, a boolean "
       "or a "
       "list"},
      {"inputs: [{id: a, items: [x], default: y}]",
       "line 1, column 10: Error compiling input variable: In default field: Expecting one of [\"x\"] for variable "
       "'a', got: y "
       "(string)"},
      {"inputs: [{id: a, scopes: [foo]}]",
       "line 1, column 10: Error compiling input variable: Unknown scope 'foo'. Expecting 'build' or 'deploy' for "
       "variable 'a'"},
      {"inputs: [{id: a, visible: maybe}]",
       "line 1, column 27: Error compiling input variable: visible is 'maybe', expected true or false"},
      {"inputs: [{id: a, defualt: b}]",
       "line 1, column 18: Error compiling input variable: unknown field of a variable 'defualt', expected 'default'"},
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

TEST(Plan, NothingSaidIsNothing) {
  for (const char* field : {"depends", "extends", "consumes", "build_consumes", "provides", "templates", "downloads"}) {
    for (const char* empty : {"", "[]", "null", "~"}) parse(std::string(field) + ": " + empty);
  }
  for (const char* empty : {"", "{}", "null"}) parse("errands: " + std::string(empty));
}

TEST(Plan, DependenciesInEveryShape) {
  const Plan plan = parse(R"(depends:
- my-dep-latest as dep
- prj/other:prod
- release_id: third-v1.@ as ignored
  variable: third
  mapping: {a: $this.inputs.a, b: 1, c: both}
  build_mapping: {c: build}
  deploy_mapping: {d: [x, 2]}
  consumes: {k8s: $kube.deployment}
  deployment_name: own/name
  scopes: deploy
  propagate: false
)");
  ASSERT_EQ(plan.depends.size(), 3U);
  EXPECT_EQ(to_string(plan.depends[0].reference.query), "_/my-dep-latest");
  EXPECT_EQ(plan.depends[0].reference.variable, "dep");
  EXPECT_TRUE(plan.depends[0].propagates);
  EXPECT_EQ(to_string(plan.depends[1].reference.query), "prj/other:prod");
  const PlannedDependency& third = plan.depends[2];
  EXPECT_EQ(third.written.variable, "third");
  EXPECT_EQ(third.written.build_mapping, (Value::Object{{"c", "build"}, {"a", "$this.inputs.a"}, {"b", 1}}));
  EXPECT_EQ(third.written.deploy_mapping,
            (Value::Object{{"d", Value::List{"x", 2}}, {"a", "$this.inputs.a"}, {"b", 1}, {"c", "both"}}));
  EXPECT_EQ(third.written.consumes, (std::map<std::string, std::string>{{"k8s", "$kube.deployment"}}));
  EXPECT_EQ(third.written.deployment_name, "own/name");
  EXPECT_EQ(third.written.scopes, std::vector<std::string>{"deploy"});
  EXPECT_FALSE(third.propagates);
}

TEST(Plan, ConsumersOfAllListsMeet) {
  const Plan plan = parse(R"(build_consumes: [db]
consumes: [kube as k8s, {name: dns, scopes: build, skip_activate: true, skip_deactivate: yes}]
deploy_consumes: [db, kube]
provides: [web, web, mail]
)");
  const std::vector<std::string> build{"build"}, deploy{"deploy"}, both{"build", "deploy"};
  EXPECT_EQ(plan.consumes,
            (std::vector<release::Consumer>{
                {.name = "kube", .variable = "k8s", .scopes = both},
                {.name = "dns", .variable = "dns", .scopes = build, .skip_activate = true, .skip_deactivate = true},
                {.name = "db", .variable = "db", .scopes = both},
                {.name = "kube", .variable = "kube", .scopes = deploy}}));
  EXPECT_EQ(plan.provides, (std::vector<std::string>{"web", "mail"}));
}

TEST(Plan, TemplatesDownloadsAndErrands) {
  const Plan plan = parse(R"(templates: [a.txt.tpl, {file: conf, mapping: {x: $this.name, y: 3}, escape: html}]
deploy_templates: [{file: b.tpl, target: out/b}]
downloads:
- {url: "https://host/x.tgz", dest: x.tgz, unpack: true, if_not_exists: [y], platform: linux, arch: amd64, overwrite: no,
   sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, scopes: [build]}
errands:
  backup: {description: Back it up, run: ./backup.sh all, inputs: [where]}
  old: {script: old.sh}
)");
  ASSERT_EQ(plan.templates.size(), 3U);
  EXPECT_EQ(plan.templates[0].target, "a.txt");
  EXPECT_EQ(plan.templates[1],
            (release::Template{
                .file = "conf", .target = "conf", .mapping = {{"x", "$this.name"}, {"y", 3}}, .escape = "html"}));
  EXPECT_EQ(plan.templates[2], (release::Template{.file = "b.tpl", .target = "out/b", .scopes = {"deploy"}}));
  ASSERT_EQ(plan.downloads.size(), 1U);
  EXPECT_EQ(plan.downloads[0].scopes, std::vector<std::string>{"build"});
  EXPECT_TRUE(plan.downloads[0].unpack);
  EXPECT_EQ(plan.errands.at("backup").run.text, "./backup.sh all");
  EXPECT_EQ(plan.errands.at("backup").inputs.at(0).id, "where");
  EXPECT_EQ(plan.errands.at("old").run.stage.script, "old.sh");
  EXPECT_TRUE(plan.errands.at("old").must_exist);
}

TEST(Plan, MistakesInListsNameTheirPlace) {
  const std::pair<const char*, const char*> rows[] = {
      {"provides: x", "line 1, column 11: provides is text, expected a list of texts"},
      {"depends: x", "line 1, column 10: depends is text, expected a list of releases"},
      {"depends: [12]", "line 1, column 11: Invalid dependency format '12' (expecting dict or string, got 'integer')"},
      {"depends: [{variable: x}]", "line 1, column 11: Missing 'release_id' in dependency"},
      {"depends: [{release_id: aa-v1, mapping: x}]",
       "line 1, column 40: Expecting dict for dependency 'mapping'. It is text, expected a map of inputs to values"},
      {"depends: [{release_id: aa-v1, scopes: bla}]",
       "line 1, column 39: Unknown scope 'bla'. Expecting 'build' or 'deploy'"},
      {"depends: [{release_id: aa-v1, mappping: {}}]",
       "line 1, column 31: unknown field of a dependency 'mappping', expected 'mapping'"},
      {"depends: [aa]", "line 1, column 11: Invalid release format: aa."},
      {"extends: [{a: b}]", "line 1, column 11: an element of extends is a map, expected text"},
      {"consumes: [kube as]", "line 1, column 12: Malformed consumer string 'kube as' in 'consumes' field"},
      {"deploy_consumes: [kube like k]",
       "line 1, column 19: Unexpected 'like' expecting 'as' in 'kube like k' in 'deploy_consumes' field"},
      {"consumes: [{scopes: build}]", "line 1, column 12: Missing 'name' in consumer in 'consumes' field"},
      {"consumes: [{name: a, scopes: foo}]",
       "line 1, column 30: Unknown scope 'foo'. Expecting 'build' or 'deploy' in 'consumes' field"},
      {"templates: [{target: x}]", "line 1, column 13: Missing 'file' field in template"},
      {"templates: [1]", "line 1, column 13: Unexpected type 'integer' for template, expected a file"},
      {"templates: [{file: x, target: ../y}]",
       "line 1, column 13: The file '../y' is outside of this package's base directory and can't be added."},
      {"downloads: [x]", "line 1, column 13: a download is text, expected a map such as {url: …, dest: …}"},
      {"downloads: [{dest: x}]", "line 1, column 13: Missing URL in download config."},
      {"downloads: [{url: 'http://x'}]", "line 1, column 13: Missing 'dest' in download config for 'http://x'"},
      {"downloads: [{url: nourl, dest: x}]", "line 1, column 13: Missing URL scheme in download config 'nourl'"},
      {"downloads: [{url: 'ftp://x', dest: x}]",
       "line 1, column 13: Invalid URL 'ftp://x' in download config: expected http or https"},
      {"errands: {a: {description: x}}", "line 1, column 14: Missing 'run' in errand 'a'"},
      {"errands: {a: {run: ''}}", "line 1, column 20: Missing value for 'run' field in errand. It is errand 'a'"},
      {"errands: {a: {run: x, inputs: [1x]}}",
       "line 1, column 32: Error in errand 'a' input variables: Invalid variable format '1x'"},
      {"errands: {a: x}", "line 1, column 14: Expecting a dictionary for errand a. It is text, expected a map"},
  };
  for (const auto& [text, message] : rows) {
    EXPECT_EQ(error_of(text).message, "Couldn't parse Escape plan 'escape.yml': " + std::string(message)) << text;
  }
}

TEST(Plan, ExpressionsAreParsedWhereTheyStand) {
  const char* good[] = {"metadata: {a: $dep.name}",
                        "inputs: [{id: a, default: $this.name}]",
                        "inputs: [{id: a, type: list, default: [b, $x]}]",
                        "inputs: [{id: a, items: $x, default: y}]",
                        "outputs: [{id: a, default: $x}]",
                        "inputs: [{id: version}]",
                        "build: {cmd: $x}"};
  for (const char* text : good) parse(text);
  const std::pair<const char*, const char*> bad[] = {
      {"metadata: {a: $(}", "In metadata field 'a': Couldn't parse expression '$('"},
      {"inputs: [{id: a, default: $(}]", "In default field of variable 'a': Couldn't parse expression '$('"},
      {"inputs: [{id: a, items: [$(]}]", "In items field of variable 'a': Couldn't parse expression '$('"},
      {"build: {cmd: x, args: [$(]}", "In the 'build' field: Couldn't parse expression '$('"},
      {"depends: [{release_id: aa-v1, mapping: {x: $(}}]", "In dependency 'mapping' of 'x': Couldn't parse"},
      {"templates: [{file: x, mapping: {x: $(}}]", "In template mapping 'x': Couldn't parse expression '$('"},
  };
  for (const auto& [text, where] : bad) {
    const Error error = error_of(text);
    EXPECT_NE(error.message.find(where), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("line 1"), std::string::npos) << error.message;
  }
  EXPECT_EQ(parse("metadata: {a: $$b}").metadata.at("a"), "$$b");
}

TEST(Plan, ASecretIsASensitiveText) {
  const Plan plan = parse("inputs: [{id: a, type: 'secret[min=8]'}, {id: b, type: secret, sensitive: false}]");
  for (const Variable& variable : plan.inputs.variables) {
    EXPECT_EQ(variable.type, "string");
    EXPECT_TRUE(variable.sensitive);
  }
  EXPECT_EQ(*plan.inputs.variables[0].options.find("min"), Value(8));
}

}  // namespace parse_test
}  // namespace escape::plan
