#include <gtest/gtest.h>

#include "controller/core/engine.h"

namespace escape::controller {
namespace inputs_test {

release::Variable variable(const std::string& id, const std::string& type, std::optional<Value> fallback) {
  release::Variable v;
  v.id = id;
  v.type = type;
  v.fallback = std::move(fallback);
  return v;
}

TEST(CalculateInputs, later_sources_win_and_scopes_count) {
  release::Metadata metadata;
  metadata.inputs = {variable("a", "string", Value("default")), variable("b", "integer", Value("12")),
                     variable("c", "string", Value("c")), variable("built", "string", std::nullopt)};
  metadata.inputs[3].scopes = {"build"};
  const Value::Object environment{{"a", "env"}, {"b", 1}, {"c", "env"}, {"unrelated", "x"}};
  const Value::Object deployment{{"a", "depl"}, {"c", "depl"}};
  const Value::Object user{{"a", "user"}};
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::deploy, {&environment, &deployment, &user}, {}).value(),
            (Value::Object{{"a", "user"}, {"b", 1}, {"c", "depl"}}));
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::deploy, {}, {}).value(),
            (Value::Object{{"a", "default"}, {"b", 12}, {"c", "c"}}));
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::build, {}, {}).error().message,
            "Missing value for variable 'built'");
}

TEST(CalculateInputs, defaults_are_evaluated_in_the_order_of_their_needs) {
  release::Metadata metadata;
  metadata.name = "app";
  metadata.version = "1.2";
  metadata.metadata = {{"owner", "ops"}};
  metadata.inputs = {
      variable("url", "string", Value("$__concat(\"http://\", $this.inputs.host, \"/\", $this.version)")),
      variable("host", "string", Value("$this.inputs.who.lower()")), variable("who", "string", Value("World")),
      variable("environment", "environment", std::nullopt),
      variable("rest", "list", Value(Value::List{"$this.metadata.owner", "$this.deployment", "x"}))};
  const Surroundings around{"stage", "_/app", nullptr, {}};
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::deploy, {}, around).value(),
            (Value::Object{{"url", "http://world/1.2"},
                           {"host", "world"},
                           {"who", "World"},
                           {"environment", "stage"},
                           {"rest", Value::List{"ops", "_/app", "x"}}}));
  const Value::Object user{{"host", "given"}, {"who", "$this.version"}};
  const Value::Object values = calculate_inputs(metadata, release::Scope::deploy, {&user}, around).value();
  EXPECT_EQ(*values.find("url"), Value("http://given/1.2"));
  EXPECT_EQ(*values.find("who"), Value("$this.version")) << "what a person gives is taken literally";
}

TEST(CalculateInputs, inputs_that_need_each_other_are_named) {
  release::Metadata metadata;
  metadata.inputs = {variable("a", "string", Value("$this.inputs.b")),
                     variable("b", "string", Value("$this.inputs.a"))};
  const Result<Value::Object> values = calculate_inputs(metadata, release::Scope::deploy, {}, {});
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().message, "The inputs a → b → a need each other");
}

// The rows of spec/scripting-language.md §4.2 beside those of a release.
TEST(ExpressionGlobals, have_the_deployment_and_the_declared_values_of_its_record) {
  release::Metadata metadata;
  metadata.name = "app";
  metadata.version = "1.2";
  metadata.inputs = {variable("in", "string", std::nullopt), variable("built", "string", std::nullopt)};
  metadata.inputs[1].scopes = {"build"};
  metadata.outputs = {variable("out", "string", std::nullopt)};
  state::StageRecord record;
  record.calculated_inputs = {{"in", "i"}, {"built", "b"}, {"unknown", "u"}};
  record.calculated_outputs = {{"out", "o"}, {"unknown", "u"}};
  const Surroundings around{"stage", "_/outer:_/app", &record, {}, {{"dep", Value::Object{{"name", "dep"}}}}};
  const Value::Object globals = expression_globals(metadata, release::Scope::deploy, around);
  const std::pair<const char*, const char*> rows[] = {
      {"$this.id", "_/app-v1.2"},
      {"$this.project", "escape"},
      {"$this.environment", "stage"},
      {"$this.deployment", "_/outer:_/app"},
      {"$this.inputs.in", "i"},
      {"$this.inputs.built.default(\"not of this stage\")", "not of this stage"},
      {"$this.inputs.unknown.default(\"not declared\")", "not declared"},
      {"$this.outputs.out", "o"},
      {"$this.outputs.unknown.default(\"not declared\")", "not declared"},
      {"$dep.name", "dep"},
  };
  for (const auto& [text, value] : rows) {
    const Result<std::string> found = script::evaluate_to_text(text, {&globals});
    ASSERT_TRUE(found) << text << ": " << found.error().message;
    EXPECT_EQ(found.value(), value) << text;
  }
}

TEST(EvaluateStage, evaluates_all_but_inline_scripts) {
  const Value::Object globals{{"this", Value::Object{{"version", "1.2"}, {"n", 3}, {"yes", true}}}};
  const release::ExecStage run =
      evaluate_stage({.cmd = "$this.version", .args = {"$this.n", "plain", "$$kept"}}, {&globals}).value();
  EXPECT_EQ(run, (release::ExecStage{.cmd = "1.2", .args = {"3", "plain", "$$kept"}}));
  EXPECT_EQ(evaluate_stage({.inline_script = "$this.version"}, {&globals}).value().inline_script, "$this.version");
  const Result<release::ExecStage> wrong = evaluate_stage({.script = "$this.yes"}, {&globals});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("Expression '$this.yes' did not return a string value"), std::string::npos)
      << wrong.error().message;
}

TEST(CalculateOutputs, keeps_declared_ones) {
  release::Metadata metadata;
  metadata.outputs = {variable("n", "integer", std::nullopt), variable("l", "list", Value(Value::List{}))};
  state::StageRecord record;
  record.calculated_outputs = {{"n", "7"}, {"x", "y"}};
  EXPECT_EQ(calculate_outputs(metadata, release::Scope::deploy, {"", "", &record, {}}).value(),
            (Value::Object{{"n", 7}, {"l", Value::List{}}}));
  EXPECT_EQ(calculate_outputs(metadata, release::Scope::deploy, {"", "", nullptr, {}}).error().message,
            "Missing value for variable 'n'");
}

TEST(SecretVariables, follow_sensitive_declarations) {
  release::Metadata metadata;
  metadata.inputs = {variable("token", "string", std::nullopt), variable("name", "string", std::nullopt)};
  metadata.inputs[0].sensitive = true;
  EXPECT_EQ(secret_variables(metadata, {{"INPUT_token", "s"}, {"INPUT_PREVIOUS_token", "t"}, {"INPUT_name", "n"}}),
            (std::vector<std::string>{"INPUT_token", "INPUT_PREVIOUS_token"}));
}

}  // namespace inputs_test
}  // namespace escape::controller
