#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::codec {
namespace release_json_test {

/// What the original client registered (spec/inventory-captures/01).
constexpr std::string_view captured =
    R"({"api_version":15,"built_with_core_version":"0.15.7","built_with_escape_version":"0.28.1","description":"An app",)"
    R"("files":{"README.md":"764efa883dda1e11db47671c4a3bbd9e","sub/build.sh":"2fff17a635544d0411316710987a2f5f"},)"
    R"("license":"","logo":"UE5HREFUQQ==","name":"my-app","repository":"","branch":"","git_revision":"","revision_message":"",)"
    R"("revision_author":"","metadata":{},"version":"0.0.1","generates":[],"consumes":[],"downloads":null,"depends":[],)"
    R"("errands":{},"extends":[],"inputs":[{"id":"greeting","type":"string","default":"hello","visible":true,"items":null,)"
    R"("eval_before_dependencies":true,"scopes":["build","deploy"]},{"id":"count","type":"integer","default":3,"visible":true,)"
    R"("items":null,"eval_before_dependencies":true,"scopes":["build","deploy"]}],"outputs":[],"project":"_",)"
    R"("provides":[{"name":"my-iface"}],"stages":{"build":{"script":"sub/build.sh"}},"templates":[],"variable_context":{}})";

Result<release::Metadata> read(std::string_view json) { return metadata_from_value(from_json(json).value()); }

std::string why_refused(std::string_view json) {
  const Result<release::Metadata> metadata = read(json);
  return metadata ? "accepted" : escape::describe(metadata.error());
}

}  // namespace release_json_test

TEST(ReleaseJson, WhatTheOriginalSentComesBackToTheByte) {
  const Result<release::Metadata> metadata = release_json_test::read(release_json_test::captured);
  ASSERT_TRUE(metadata) << escape::describe(metadata.error());
  EXPECT_EQ(to_json(metadata_to_value(metadata.value())), release_json_test::captured);
  EXPECT_EQ(metadata.value().inputs.at(1).fallback, Value(3));
  EXPECT_EQ(metadata.value().stages.at("build").script, "sub/build.sh");
  EXPECT_EQ(metadata.value().provides, std::vector<std::string>{"my-iface"});
  EXPECT_TRUE(metadata.value().other.empty());
}

TEST(ReleaseJson, EveryKeyIsWrittenEvenWhenEmpty) {
  EXPECT_EQ(
      to_json(metadata_to_value({})),
      R"({"api_version":15,"built_with_core_version":"","built_with_escape_version":"","description":"","files":{},)"
      R"("license":"","logo":"","name":"","repository":"","branch":"","git_revision":"","revision_message":"",)"
      R"("revision_author":"","metadata":{},"version":"","generates":[],"consumes":[],"downloads":null,"depends":[],)"
      R"("errands":{},"extends":[],"inputs":[],"outputs":[],"project":"_","provides":[],"stages":{},"templates":[],)"
      R"("variable_context":{}})");
}

TEST(ReleaseJson, FullMetadataComesBack) {
  release::Metadata metadata;
  metadata.name = "app";
  metadata.version = "1.2";
  metadata.project = "proj";
  metadata.metadata = {{"author", "<x>"}};
  release::Variable variable;
  variable.id = "password";
  variable.type = "list";
  variable.fallback = Value::List{"a", 1};
  variable.description = "d";
  variable.friendly = "f";
  variable.visible = false;
  variable.options = {{"min", 1}};
  variable.sensitive = true;
  variable.items = Value::List{"a"};
  variable.eval_before_dependencies = false;
  variable.scopes = {"deploy"};
  metadata.inputs = {variable, {}};
  metadata.outputs = {variable};
  metadata.stages = {{"deploy", {"ls", {"-l"}, "", ""}}, {"test", {"", {}, "echo hi", ""}}, {"smoke", {}}};
  metadata.idempotent = true;
  metadata.skip_unchanged = true;
  metadata.generates = {"out/*"};
  metadata.consumes = {{.name = "kube", .variable = "k8s", .scopes = {"deploy"}, .skip_activate = true}};
  metadata.downloads = {{.url = "http://x/y",
                         .dest = "y",
                         .overwrite = true,
                         .if_not_exists = {"*.z"},
                         .unpack = true,
                         .platform = "linux",
                         .arch = "amd64",
                         .sha256 = std::string(64, 'a'),
                         .scopes = {"build"}}};
  metadata.depends = {{.release_id = "_/aa-v1",
                       .mapping = {{"m", 1}},
                       .build_mapping = {{"b", "$this.inputs.x"}},
                       .deploy_mapping = {{"d", true}},
                       .consumes = {{"k8s", "$k8s.deployment"}},
                       .deployment_name = "own",
                       .variable = "dep",
                       .scopes = {"build"}}};
  metadata.errands = {{"backup", {.name = "backup", .description = "d", .run = {.cmd = "ls"}, .inputs = {variable}}}};
  metadata.extends = {"_/base-v1"};
  metadata.provides = {"db"};
  metadata.templates = {
      {.file = "a.tpl", .target = "a", .scopes = {"deploy"}, .mapping = {{"x", "$this.name"}}, .escape = "html"}};
  metadata.variable_context = {{"old", "_/aa-v1"}};
  metadata.other = {{"from_the_future", Value::Object{{"x", 1}}}};
  const Value value = metadata_to_value(metadata);
  const Result<release::Metadata> back = metadata_from_value(value);
  ASSERT_TRUE(back) << escape::describe(back.error());
  EXPECT_EQ(back.value(), metadata);
  EXPECT_EQ(metadata_to_value(back.value()), value);
  EXPECT_EQ(to_json(*value.as_object()->find("stages")),
            R"({"deploy":{"cmd":"ls","args":["-l"]},"smoke":{},"test":{"inline":"echo hi"}})");
}

// Else a registration that is repeated would not be the one that was stored.
TEST(ReleaseJson, TheOrderOfKeysInTheTextDoesNotMatter) {
  const auto read = [](std::string_view text) { return release_json_test::read(text).value(); };
  const release::Metadata metadata =
      read(R"({"newer":1,"provides":[{"name":"x"}],"name":"aa","depends":[{"release_id":"_/bb-v1"}]})");
  EXPECT_EQ(metadata,
            read(R"({"depends":[{"release_id":"_/bb-v1"}],"name":"aa","provides":[{"name":"x"}],"newer":1})"));
  EXPECT_EQ(metadata_from_value(metadata_to_value(metadata)).value(), metadata);
}

TEST(ReleaseJson, MissingAndNullTakeTheDefaults) {
  const Result<release::Metadata> bare = release_json_test::read(R"({"name":"app-a","version":"1"})");
  ASSERT_TRUE(bare);
  release::Metadata expected;
  expected.name = "app-a";
  expected.version = "1";
  EXPECT_EQ(bare.value(), expected);
  const Result<release::Metadata> nulls = release_json_test::read(
      R"({"name":"app-a","version":"1","files":null,"inputs":null,"stages":null,"depends":null,"downloads":null,"project":null})");
  ASSERT_TRUE(nulls) << escape::describe(nulls.error());
  EXPECT_EQ(nulls.value(), expected);

  const Result<release::Metadata> variable =
      release_json_test::read(R"({"inputs":[{"id":"x","scopes":[],"default":null}]})");
  ASSERT_TRUE(variable);
  const release::Variable& x = variable.value().inputs.at(0);
  EXPECT_EQ(x.type, "string");
  EXPECT_FALSE(x.fallback);
  EXPECT_FALSE(x.visible);
  EXPECT_FALSE(x.eval_before_dependencies);
  EXPECT_EQ(x.scopes, (std::vector<std::string>{"build", "deploy"}));
}

TEST(ReleaseJson, OldFormsAreReadAsWhatTheyMean) {
  const Result<release::Metadata> metadata = release_json_test::read(
      R"({"depends":[{"release_id":"aa-v3 as x"},{"release_id":"pp/bb-v1","mapping":null,"consumes":null,"scopes":[]}],)"
      R"("consumes":[{"name":"kube","scopes":null,"variable":""}],"errands":{"e":{"name":"e","script":"e.sh"}}})");
  ASSERT_TRUE(metadata) << escape::describe(metadata.error());
  EXPECT_EQ(metadata.value().depends.at(0),
            (release::Dependency{.release_id = "_/aa-v3", .deployment_name = "x", .variable = "x"}));
  EXPECT_EQ(metadata.value().depends.at(1),
            (release::Dependency{.release_id = "pp/bb-v1", .deployment_name = "pp/bb", .variable = "pp/bb"}));
  EXPECT_EQ(metadata.value().consumes.at(0), (release::Consumer{.name = "kube", .variable = "kube"}));
  EXPECT_EQ(metadata.value().errands.at("e").run.script, "e.sh");
}

TEST(ReleaseJson, WrongShapesNameThePath) {
  using release_json_test::why_refused;
  EXPECT_EQ(why_refused("[]"), "expected an object, got a list");
  EXPECT_EQ(why_refused(R"({"name":1})"), "name: expected a string, got an integer");
  EXPECT_EQ(why_refused(R"({"api_version":"15"})"), "api_version: expected an integer, got a string");
  EXPECT_EQ(why_refused(R"({"files":{"a":1}})"), "files: a: expected a string, got an integer");
  EXPECT_EQ(why_refused(R"({"inputs":{}})"), "inputs: expected a list, got an object");
  EXPECT_EQ(why_refused(R"({"inputs":[{"id":"a"},null]})"), "inputs[1]: expected an object, got null");
  EXPECT_EQ(why_refused(R"({"outputs":[{"id":"a","visible":1}]})"),
            "outputs[0]: visible: expected a bool, got an integer");
  EXPECT_EQ(why_refused(R"({"stages":{"deploy":null}})"), "stages: deploy: expected an object, got null");
  EXPECT_EQ(why_refused(R"({"stages":{"deploy":{"args":"x"}}})"),
            "stages: deploy: args: expected a list, got a string");
  EXPECT_EQ(why_refused(R"({"depends":{}})"), "depends: expected a list, got an object");
  EXPECT_EQ(why_refused(R"({"depends":[null]})"), "depends[0]: expected an object, got null");
  EXPECT_EQ(why_refused(R"({"errands":[]})"), "errands: expected an object, got a list");
}

TEST(ReleaseJson, ParsingChecksTooAndSaysWhatTheOriginalDoes) {
  EXPECT_TRUE(parse_release_json(release_json_test::captured));
  const auto message = [](std::string_view text) { return parse_release_json(text).error().message; };
  EXPECT_EQ(message("null"), "Missing release metadata");
  EXPECT_EQ(message("{\"name\":").rfind("Couldn't unmarshal JSON release metadata: line 1, column ", 0), 0u);
  EXPECT_EQ(message("{\"name\":1}"),
            "Couldn't unmarshal JSON release metadata: name: expected a string, got an integer");
  EXPECT_EQ(message("{}"), "Missing name field in release metadata");
}

}  // namespace escape::codec
