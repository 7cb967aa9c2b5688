#include <gtest/gtest.h>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::codec {
namespace state_json_test {

state::Deployment deployment() {
  state::Deployment deployment;
  deployment.environment = "prod";
  deployment.name = "main";
  deployment.release = "proj/parent";
  state::StageRecord& deploy = deployment.stages["deploy"];
  deploy.inputs = {{"who", "Prod"}, {"a", Value::Object{{"z", 1}, {"b", 2}}}};
  deploy.calculated_inputs = {{"who", "Prod"}, {"late", "hi Prod"}};
  deploy.calculated_outputs = {{"final", "HI PROD"}};
  deploy.release = {"1.0", "abc"};
  deploy.last_ok = state::DeployedRelease{"1.0", "abc"};
  deploy.status.code = state::StatusCode::ok;
  deploy.status.updated_at = parse_rfc3339("2026-11-23T10:20:30.5Z").value();
  return deployment;
}

}  // namespace state_json_test

TEST(StateJson, IsTheFileOfTheOriginal) {
  state::EnvironmentState prod{{"prod", {}, false, false, {}}, {{"main", state_json_test::deployment()}}};
  EXPECT_EQ(to_json(project_to_state_json("local-state-project", {prod}), JsonStyle::indented), R"({
   "name": "local-state-project",
   "environments": {
      "prod": {
         "name": "prod",
         "deployments": {
            "main": {
               "name": "main",
               "release": "proj/parent",
               "stages": {
                  "deploy": {
                     "inputs": {
                        "a": {
                           "b": 2,
                           "z": 1
                        },
                        "who": "Prod"
                     },
                     "calculated_inputs": {
                        "late": "hi Prod",
                        "who": "Prod"
                     },
                     "calculated_outputs": {
                        "final": "HI PROD"
                     },
                     "version": "1.0",
                     "status": {
                        "status": "ok",
                        "updated_at": "2026-11-23T10:20:30.500000Z"
                     }
                  }
               }
            }
         }
      }
   }
})");
}

TEST(StateJson, EmptyMembersAreLeftOut) {
  EXPECT_EQ(to_json(project_to_state_json("p1", {})), R"({"name":"p1"})");
  state::EnvironmentState dev{{"dev", {}, false, false, {}}, {}};
  EXPECT_EQ(to_json(project_to_state_json("p1", {dev})), R"({"name":"p1","environments":{"dev":{"name":"dev"}}})");
  state::Deployment bare;
  bare.name = "d";
  bare.release = "_/app";
  EXPECT_EQ(to_json(deployment_to_state_json({{"d", bare}}, "d")), R"({"name":"d","release":"_/app"})");
  bare.stages["build"];
  bare.inputs = {{"x", 1}};
  EXPECT_EQ(to_json(deployment_to_state_json({{"d", bare}}, "d")),
            R"({"name":"d","release":"_/app","stages":{"build":{"status":{"status":"empty",)"
            R"("updated_at":"0001-01-01T00:00:00Z"}}},"inputs":{"x":1}})");
}

TEST(StateJson, AFailureTellsWhyAndWhenItIsTriedAgain) {
  state::Deployment failed = state_json_test::deployment();
  state::StageRecord& stage = failed.stages["deploy"];
  stage = {};
  stage.status = {state::StatusCode::failure,
                  parse_rfc3339("2026-11-23T10:20:30Z").value(),
                  "ann",
                  "exit status 3",
                  parse_rfc3339("2026-11-23T10:20:37Z").value(),
                  2};
  EXPECT_EQ(to_json(*deployment_to_state_json({{failed.name, failed}}, failed.name).as_object()->find("stages")),
            R"({"deploy":{"status":{"status":"failure","updated_at":"2026-11-23T10:20:30.000000Z","updated_by":"ann",)"
            R"("data":"exit status 3","try_again_at":"2026-11-23T10:20:37.000000Z","tried":2}}})");
}

TEST(StateJson, DependenciesLieBelowTheStageThatTheyStandUnder) {
  state::EnvironmentState dev{{"dev", {}, false, false, {}}, {}};
  const auto add = [&](const std::string& name, const std::string& stage, const std::string& version) {
    state::Deployment& row = dev.deployments[name];
    row.name = name;
    row.release = "_/of-" + name.substr(name.rfind(':') + 1);
    row.stages[stage].release.version = version;
  };
  add("app", "deploy", "1.0");
  add("app", "build", "1.0");
  add("app:db", "deploy", "2.0");
  add("app:db:disk", "deploy", "3.0");
  add("app:log", "build", "4.0");
  dev.deployments["app"].stages["deploy"].providers = {{"kube", "cluster"}};
  dev.deployments["app"].stages["deploy"].provides = {"http", "web"};
  const Value shown = deployment_to_state_json(dev.deployments, "app");
  const std::string status = R"("status":{"status":"empty","updated_at":"0001-01-01T00:00:00Z"})";
  const std::string disk =
      R"("disk":{"name":"disk","release":"_/of-disk","stages":{"deploy":{"version":"3.0",)" + status + "}}}";
  const std::string db = R"("db":{"name":"db","release":"_/of-db","stages":{"deploy":{"deployments":{)" + disk +
                         R"(},"version":"2.0",)" + status + "}}}";
  const std::string log =
      R"("log":{"name":"log","release":"_/of-log","stages":{"deploy":{"version":"4.0",)" + status + "}}}";
  EXPECT_EQ(to_json(shown), R"({"name":"app","release":"_/of-app","stages":{"build":{"deployments":{)" + log +
                                R"(},"version":"1.0",)" + status + R"(},"deploy":{"deployments":{)" + db +
                                R"(},"providers":{"kube":"cluster"},"provides":["http","web"],"version":"1.0",)" +
                                status + "}}}");
  EXPECT_EQ(to_json(project_to_state_json("p", {dev})).find("app:db"), std::string::npos);
}

TEST(StateJson, EnvironmentsAreSorted) {
  const auto named = [](const char* name) {
    return state::EnvironmentState{{name, {{"k", "v"}}, false, false, {}}, {}};
  };
  EXPECT_EQ(
      to_json(project_to_state_json("p1", {named("stage"), named("live")})),
      R"({"name":"p1","environments":{"live":{"name":"live","inputs":{"k":"v"}},"stage":{"name":"stage","inputs":{"k":"v"}}}})");
}

}  // namespace escape::codec
