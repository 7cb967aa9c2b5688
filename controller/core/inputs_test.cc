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
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::deploy, {&environment, &deployment, &user}).value(),
            (Value::Object{{"a", "user"}, {"b", 1}, {"c", "depl"}}));
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::deploy, {}).value(),
            (Value::Object{{"a", "default"}, {"b", 12}, {"c", "c"}}));
  EXPECT_EQ(calculate_inputs(metadata, release::Scope::build, {}).error().message,
            "Missing value for variable 'built'");
  metadata.inputs[2].fallback = Value("$this.version");
  EXPECT_FALSE(calculate_inputs(metadata, release::Scope::deploy, {})) << "not taken literally";
}

TEST(CalculateOutputs, keeps_declared_ones) {
  release::Metadata metadata;
  metadata.outputs = {variable("n", "integer", std::nullopt), variable("l", "list", Value(Value::List{}))};
  EXPECT_EQ(calculate_outputs(metadata, release::Scope::deploy, {{"n", "7"}, {"x", "y"}}).value(),
            (Value::Object{{"n", 7}, {"l", Value::List{}}}));
  EXPECT_EQ(calculate_outputs(metadata, release::Scope::deploy, {}).error().message, "Missing value for variable 'n'");
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
