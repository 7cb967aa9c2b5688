#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::codec {
namespace state_json_read_test {

Result<ProjectState> read(std::string_view text) {
  Result<Value> value = from_json(text);
  EXPECT_TRUE(value) << describe(value.error());
  return project_from_state_json(value.value());
}

std::string error_of(std::string_view text) {
  const Result<ProjectState> project = read(text);
  if (project) return "";
  EXPECT_EQ(project.error().kind, ErrorKind::bad_data);
  return describe(project.error());
}

/// `deployments` of one environment.
std::string in_dev(std::string_view deployments) {
  return R"({"name":"p1","environments":{"dev":{"deployments":{)" + std::string(deployments) + "}}}}";
}

state::StageRecord stage_of(std::string_view stage) {
  const Result<ProjectState> project =
      read(in_dev(R"("main":{"release":"pp/app1","stages":{"deploy":)" + std::string(stage) + "}}"));
  EXPECT_TRUE(project) << describe(project.error());
  return project.value().environments.at(0).deployments.at("main").stages.at("deploy");
}

/// Every field that the original writes, as it writes them.
constexpr std::string_view whole_file = R"({
   "name": "local-state-project",
   "environments": {
      "prod": {
         "name": "ignored: the key counts",
         "inputs": {"region": "eu", "unknown": 3},
         "unknown_key": [1],
         "deployments": {
            "main": {
               "name": "main",
               "release": "proj/parent",
               "inputs": {"who": "All"},
               "stages": {
                  "build": {
                     "deployments": {
                        "dep": {"release": "_/my-dep", "stages": {"deploy": {"version": "0.0.1", "status": {"status": "failure", "data": "why", "tried": 2, "try_again_at": "2018-02-03T04:05:06.123456789Z", "updated_by": "ann"}}}}
                     },
                     "version": "1.0"
                  },
                  "deploy": {
                     "inputs": {"who": "Prod"},
                     "calculated_inputs": {"METADATA_author": "my-dep", "PREVIOUS_who": "Old", "late": "hi Prod", "n": 3.0, "list": ["a"], "yes": true},
                     "calculated_outputs": {"final": "HI PROD"},
                     "deployments": {
                        "dep": {"name": "dep", "release": "_/my-dep", "stages": {"deploy": {
                           "inputs": {"other": "x"},
                           "deployments": {"_/inner": {"stages": {"deploy": {"version": "2"}}}},
                           "version": "0.0.2", "status": {"status": "ok", "updated_at": "2018-02-03T04:05:06Z"}}}}
                     },
                     "providers": {"kube": "cluster", "k8s": "_/outer:_/wrap:p"},
                     "provides": ["web"],
                     "version": "1.0",
                     "status": {"status": "ok", "updated_at": "2018-02-03T04:05:06.5+01:00"}
                  },
                  "": {"status": {"status": "empty"}}
               }
            }
         }
      },
      "dev": {"name": "dev"}
   }
})";

TEST(StateJsonRead, TakesEveryFieldOfTheOriginal) {
  const Result<ProjectState> read_whole = read(whole_file);
  ASSERT_TRUE(read_whole) << describe(read_whole.error());
  const ProjectState& project = read_whole.value();
  EXPECT_EQ(project.name, "local-state-project");
  ASSERT_EQ(project.environments.size(), 2u);
  EXPECT_EQ(project.environments[0].environment.name, "dev");
  const state::EnvironmentState& prod = project.environments[1];
  EXPECT_EQ(to_json(prod.environment.inputs), R"({"region":"eu","unknown":3})");
  ASSERT_EQ(prod.deployments.size(), 3u);
  const state::Deployment& main = prod.deployments.at("main");
  EXPECT_EQ(main.release, "proj/parent");
  EXPECT_EQ(main.environment, "prod");
  EXPECT_EQ(to_json(main.inputs), R"({"who":"All"})");
  EXPECT_EQ(main.stages.at("build").release.version, "1.0");
  EXPECT_EQ(main.stages.at("build").status.code, state::StatusCode::ok) << "without status, with a version";
  const state::StageRecord& deploy = main.stages.at("deploy");
  EXPECT_EQ(to_json(deploy.calculated_inputs), R"({"late":"hi Prod","n":3.0,"list":["a"],"yes":true})")
      << "verbatim, but for what the original kept there for itself";
  EXPECT_EQ(deploy.providers.at("k8s"), "_/outer:_/wrap:p");
  EXPECT_EQ(deploy.provides, std::vector<std::string>{"web"});
  EXPECT_EQ(to_rfc3339(deploy.status.updated_at), "2018-02-03T03:05:06.500000Z");
  const state::Deployment& dep = prod.deployments.at("main:dep");
  EXPECT_EQ(dep.stages.at("build").release.version, "0.0.1") << "what stood below the build stage";
  EXPECT_EQ(dep.stages.at("build").status.data, "why");
  EXPECT_EQ(dep.stages.at("build").status.tried, 2);
  EXPECT_EQ(dep.stages.at("build").status.updated_by, "ann");
  EXPECT_EQ(to_rfc3339(dep.stages.at("build").status.try_again_at), "2018-02-03T04:05:06.123456Z");
  EXPECT_FALSE(dep.stages.at("build").status.updated_at.is_set());
  EXPECT_EQ(dep.stages.at("deploy").release.version, "0.0.2");
  EXPECT_EQ(prod.deployments.at("main:dep:_/inner").release, "_/inner") << "its name, where it says nothing";
  ASSERT_EQ(project.remarks.size(), 1u);
  EXPECT_EQ(project.remarks[0], "The stage '' of main in prod is neither 'build' nor 'deploy' and is left out.");
}

TEST(StateJsonRead, WhatIsReadIsWrittenToTheSameBytes) {
  const ProjectState once = read(whole_file).value();
  const std::string written = to_json(project_to_state_json(once.name, once.environments), JsonStyle::indented);
  const ProjectState twice = read(written).value();
  EXPECT_EQ(to_json(project_to_state_json(twice.name, twice.environments), JsonStyle::indented), written);
  EXPECT_TRUE(twice.remarks.empty());
}

TEST(StateJsonRead, AStatusThatIsMissingFollowsFromTheVersion) {
  EXPECT_EQ(stage_of(R"({"version":"1"})").status.code, state::StatusCode::ok);
  EXPECT_EQ(stage_of(R"({"version":"1","status":null})").status.code, state::StatusCode::ok);
  EXPECT_EQ(stage_of(R"({"version":"1","status":{}})").status.code, state::StatusCode::ok);
  EXPECT_EQ(stage_of("{}").status.code, state::StatusCode::empty);
  EXPECT_EQ(stage_of(R"({"status":{"status":"destroy_and_delete_pending"}})").status.code,
            state::StatusCode::destroy_and_delete_pending);
  EXPECT_EQ(stage_of(R"({"status":{"status":"running_main_step"}})").status.code, state::StatusCode::running_main_step);
  EXPECT_FALSE(
      stage_of(R"({"status":{"status":"ok","updated_at":"0001-01-01T00:00:00Z"}})").status.updated_at.is_set());
}

TEST(StateJsonRead, RefusesWithTheWordsOfTheOriginal) {
  EXPECT_EQ(error_of("[]"), "expected an object, got a list");
  EXPECT_EQ(error_of("{}"),
            "The project name '' is not allowed. Expected a string matching /^[a-zA-Z0-9]+[a-zA-Z0-9-_]+$/");
  EXPECT_EQ(error_of(R"({"name":"-a"})"),
            "The project name '-a' is not allowed. Expected a string matching /^[a-zA-Z0-9]+[a-zA-Z0-9-_]+$/");
  EXPECT_EQ(error_of(R"({"name":"p1","environments":{"Dev":{}}})"),
            "environments: 'Dev': The environment name 'Dev' is not allowed. Expected a string matching "
            "/^[a-z]+[a-z0-9-_]*$/");
  EXPECT_EQ(error_of(in_dev(R"("1bad":{})")),
            "environments: 'dev': deployments: '1bad': The deployment name '1bad' is not allowed. Expected a string "
            "matching /^[a-zA-Z_]+[a-zA-Z0-9-_/]*$/");
  EXPECT_EQ(error_of(in_dev(R"("main":null)")),
            "environments: 'dev': deployments: 'main': expected an object, got null");
}

TEST(StateJsonRead, SaysWhereItIsWrongAndNoValues) {
  const auto in_stage = [](std::string_view stage) {
    return error_of(in_dev(R"("main":{"release":"pp/app1","stages":{"deploy":)" + std::string(stage) + "}}"));
  };
  const std::string where = "environments: 'dev': deployments: 'main': ";
  EXPECT_EQ(in_stage("3"), where + "stages: deploy: expected an object, got an integer");
  EXPECT_EQ(in_stage(R"({"inputs":["hunter2"]})"), where + "stages: deploy: inputs: expected an object, got a list");
  EXPECT_EQ(in_stage(R"({"status":{"status":"fine"}})"), where + "stages: deploy: status: 'fine' is not a status code");
  EXPECT_NE(in_stage(R"({"status":{"updated_at":"yesterday"}})"), "");
  EXPECT_NE(in_stage(R"({"status":{"updated_at":"9999-12-31T23:59:59-23:00"}})"), "");
  EXPECT_NE(in_stage(R"({"status":{"tried":-1}})"), "");
  EXPECT_NE(in_stage(R"({"version":"one"})"), "");
  EXPECT_NE(in_stage(R"({"deployments":{"a:b":{"stages":{"deploy":{}}}}})"), "") << "a name with the path's colon";
  EXPECT_NE(error_of(in_dev(R"("main":{"release":"../x"})")), "");
}

TEST(StateJsonRead, IsBounded) {
  const auto nested = [](std::size_t levels) {
    std::string text = R"({"version":"1"})";
    for (std::size_t i = 1; i < levels; ++i) {
      text = R"({"deployments":{"dd":{"release":"pp/dd","stages":{"deploy":)" + text + "}}}}";
    }
    return in_dev(R"("main":{"release":"pp/app1","stages":{"deploy":)" + text + "}}");
  };
  // The reader of JSON has a limit of its own, which comes first with these lists of four levels each.
  EXPECT_EQ(error_of(nested(13)), "");
  std::string many;
  for (std::size_t i = 0; i <= max_state_deployments; ++i) {
    many += std::string(i == 0 ? "" : ",") + "\"d" + std::to_string(i) + R"(":{"release":"pp/dd"})";
  }
  EXPECT_NE(error_of(in_dev(many)).find("more than 20000 deployments"), std::string::npos);
  Value deep = Value::Object{{"version", "1"}};
  for (std::size_t i = 0; i < 200; ++i) {
    Value stages = Value::Object{{"deploy", std::move(deep)}};
    Value dependency = Value::Object{{"release", "pp/dd"}, {"stages", std::move(stages)}};
    deep = Value::Object{{"deployments", Value::Object{{"dd", std::move(dependency)}}}};
  }
  const Value main = Value::Object{{"release", "pp/app1"}, {"stages", Value::Object{{"deploy", std::move(deep)}}}};
  const Value dev = Value::Object{{"deployments", Value::Object{{"main", main}}}};
  const auto refused =
      project_from_state_json(Value::Object{{"name", "p1"}, {"environments", Value::Object{{"dev", dev}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "deployments stand below each other in more than 16 levels");
  std::string junk;
  for (int i = 0; i < 300; ++i) junk += std::string(i == 0 ? "" : ",") + "\"x" + std::to_string(i) + "\":{}";
  const Result<ProjectState> project = read(in_dev(R"("main":{"release":"pp/app1","stages":{)" + junk + "}}"));
  ASSERT_TRUE(project);
  EXPECT_EQ(project.value().remarks.size(), 101u);
  EXPECT_EQ(project.value().remarks.back(), "… and 200 more such remarks.");
}

TEST(StateJsonRead, ADependencyHoldsOnePackage) {
  const Result<ProjectState> project = read(in_dev(R"("main":{"release":"pp/app1","stages":{
    "deploy":{"deployments":{"db":{"release":"pp/new1","stages":{"deploy":{"version":"2"}}}}},
    "build":{"deployments":{"db":{"release":"pp/old1","stages":{"deploy":{"version":"1","deployments":{
        "disk":{"release":"pp/disk","stages":{"deploy":{"version":"1"}}}}}}}}}}})"));
  ASSERT_TRUE(project) << describe(project.error());
  const auto& deployments = project.value().environments[0].deployments;
  ASSERT_EQ(deployments.size(), 2u);
  EXPECT_EQ(deployments.at("main:db").release, "pp/new1");
  EXPECT_FALSE(deployments.at("main:db").stages.contains("build"));
  ASSERT_EQ(project.value().remarks.size(), 1u);
  EXPECT_EQ(project.value().remarks[0],
            "main:db in dev was built with pp/old1 and deployed with pp/new1: what was built is left out.");
}

}  // namespace state_json_read_test
}  // namespace escape::codec
