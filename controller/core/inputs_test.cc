#include <gmock/gmock.h>

#include <functional>

#include "controller/core/engine.h"
#include "controller/core/harness_for_tests.h"
#include "shared/codec/domain.h"

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

namespace request = protocol::request;

/// A release with inputs, outputs, an errand and a dependency, deployed in `stage`.
struct RowsOfVariables : ::testing::Test {
  RowsOfVariables() {
    agent = &h.enrol("stage-1", "stage");
    release::Metadata& db = add("qq/db-v1.0", {"deploy"}).metadata;
    db.inputs = {variable("a", "string", Value("default"))};
    release::Metadata& app = add("qq/app-v1.0", {"deploy"}).metadata;
    app.inputs = {variable("a", "string", Value("default")), variable("late", "string", Value("$db.inputs.a"))};
    app.inputs[1].eval_before_dependencies = false;
    app.depends = {{.release_id = "qq/db-v1.0", .variable = "db"}};
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = testing::make_release(id, steps);
  }
  static request::Submit asked(JobKind kind, Value::Object inputs = {}) {
    request::Submit asked;
    asked.kind = kind;
    asked.environment = "stage";
    asked.release = kind == JobKind::deploy ? "qq/app-v1.0" : "";
    asked.deployment = "qq/app";
    asked.inputs = std::move(inputs);
    return asked;
  }
  std::string run(const request::Submit& submit) {
    agent->offers.clear();
    const Job job = h.job(h.submit(submit));
    return job.outcome == JobOutcome::ok ? "ok" : job.message;
  }
  std::string text(const std::string& deployment, const std::string& name) const {
    for (const protocol::Offer& offer : agent->offers) {
      const auto found = offer.variables.find(name);
      if (offer.deployment == deployment) return found == offer.variables.end() ? "(none)" : found->second;
    }
    return "(not offered)";
  }

  testing::Harness h;
  testing::ScriptedAgent* agent;
};

TEST_F(RowsOfVariables, section_7_each_source_wins_over_those_before) {
  struct Row {
    const char* where;
    std::function<void()> give;
    const char* app;
    const char* db;
  };
  const Row rows[] = {
      {"§7 r0", [] {}, "default", "default"},
      {"§7 r1", [&] { h.ask(request::ApplyEnvironment{.environment = "stage", .inputs = {{{"a", "environment"}}}}); },
       "environment", "environment"},
      {"§7 r2", [&] { h.ask(request::SetDeployment{"stage", "qq/app", "", {{"a", "root"}}, {}}); }, "root", "root"},
      {"§7 r3", [&] { run(asked(JobKind::deploy, {{"a", "user"}})); }, "user", "user"},
      {"§7 r3, kept for all later runs", [] {}, "user", "user"},
      // r4, its own inputs: a dependency goes with its parent, so only an imported state file has any.
      {"§7 r4, its stage's, from the mapping",
       [&] { h.releases["qq/app-v1.0"].metadata.depends[0].deploy_mapping = {{"a", "$this.inputs.a.upper()"}}; },
       "user", "USER"},
  };
  for (const Row& row : rows) {
    row.give();
    ASSERT_EQ(run(asked(JobKind::deploy)), "ok") << row.where;
    EXPECT_EQ(text("qq/app", "INPUT_a"), row.app) << row.where;
    EXPECT_EQ(text("qq/app:db", "INPUT_a"), row.db) << row.where;
    EXPECT_EQ(text("qq/app", "INPUT_late"), row.db) << row.where << ": late inputs see what the dependency has by now";
  }
  EXPECT_EQ(run(asked(JobKind::deploy, {{"undeclared", "x"}})), "'undeclared' is not an input of qq/app.");
}

// What the original gets wrong before dependencies (spec/variables.md §7, facts; spec/shortcomings.md rows 30 to 32).
TEST_F(RowsOfVariables, section_7_before_dependencies_all_sources_count) {
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  release::Metadata& db = h.releases["qq/db-v1.0"].metadata;
  db.inputs = {variable("needed", "string", std::nullopt), variable("of", "string", Value(""))};
  db.outputs = {variable("url", "string", Value("u"))};
  app.inputs = {variable("needed", "string", std::nullopt), variable("first", "string", Value("$this.inputs.second")),
                variable("second", "string", Value("2")), variable("eager", "string", Value("$db.outputs.url"))};
  app.depends[0].deploy_mapping = {{"needed", "$this.inputs.needed"}, {"of", "$this.inputs.first"}};
  EXPECT_EQ(run(asked(JobKind::deploy)), "Missing value for variable 'needed'");
  h.ask(request::ApplyEnvironment{.environment = "stage", .inputs = {{{"needed", "from environment"}}}});
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok") << "the environment's value is enough";
  EXPECT_EQ(text("qq/app:db", "INPUT_needed"), "from environment") << "and is what the dependency gets";
  EXPECT_EQ(text("qq/app:db", "INPUT_of"), "2") << "of this run, not of the run before";
  EXPECT_EQ(text("qq/app", "INPUT_first"), "2");
  EXPECT_EQ(text("qq/app", "INPUT_eager"), "u") << "in the first run too";
  ASSERT_EQ(run(asked(JobKind::deploy, {{"second", "3"}})), "ok");
  EXPECT_EQ(text("qq/app:db", "INPUT_of"), "3");
}

TEST_F(RowsOfVariables, section_7_an_errand_sees_the_deployments_values_and_its_own) {
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.metadata = {{"k", "v"}};
  app.outputs = {variable("out", "string", Value("o"))};
  app.errands["e"] = {
      .name = "e",
      .run = {.script = "e.sh"},
      .inputs = {variable("own", "string", Value("$this.inputs.late")), variable("given", "string", std::nullopt),
                 variable("of-a", "string", Value("$this.inputs.a"))}};
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  const state::StageRecord before = h.stage("qq/app");
  request::Submit errand = asked(JobKind::errand, {{"given", "g"}, {"a", "over"}});
  errand.errand = "e";
  ASSERT_EQ(run(errand), "ok");
  const std::pair<const char*, const char*> rows[] = {
      {"INPUT_METADATA_k", "v"},
      {"INPUT_late", "default"},
      {"INPUT_OUTPUT_out", "o"},
      {"OUTPUT_out", "o"},
      {"INPUT_a", "over"},
      {"INPUT_own", "default"},
      {"INPUT_given", "g"},
      {"INPUT_of-a", "over"},
      {"INPUT_of_a", "over"},  // which a shell can read
      {"INPUT_PREVIOUS_a", "(none)"},
      {"INPUT_PREVIOUS_OUTPUT_out", "(none)"},
  };
  for (const auto& [name, value] : rows) EXPECT_EQ(text("qq/app", name), value) << name;
  EXPECT_EQ(h.stage("qq/app"), before) << "what is given to an errand is kept nowhere";
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  EXPECT_EQ(h.stage("qq/app").calculated_inputs, (Value::Object{{"a", "default"}, {"late", "default"}}))
      << "metadata and earlier values are among no inputs";
}

TEST_F(RowsOfVariables, section_8_which_steps_write_and_read_the_outputs_file) {
  release::Metadata app = h.releases["qq/app-v1.0"].metadata;
  app.depends.clear();
  app.inputs.pop_back();
  app.outputs = {variable("n", "integer", std::nullopt), variable("l", "list", Value(Value::List{})),
                 variable("again", "string", Value("$this.outputs.n"))};
  for (const char* step : {"pre_build", "build", "post_build", "test", "pre_deploy", "deploy", "post_deploy", "smoke",
                           "pre_destroy", "destroy", "post_destroy"}) {
    app.stages[step].script = std::string(step) + ".sh";
  }
  app.errands["e"] = {.name = "e", .run = {.script = "e.sh"}};
  Settings settings;
  settings.is_embedded = true;
  testing::Harness e(settings);
  testing::ScriptedAgent local{.name = "local", .key = ""};
  local.outputs = {{"n", "7"}, {"extra", "x"}};
  e.connect(local);
  const auto submit = [&](JobKind kind, const std::string& name = {}) {
    request::Submit asked;
    asked.kind = kind;
    asked.environment = "dev";
    asked.workspace = "/src/app";
    asked.deployment = "qq/app";
    asked.errand = name;
    asked.metadata = codec::metadata_to_value(app);
    const JobId job = e.submit(asked);
    EXPECT_EQ(e.job(job).outcome, JobOutcome::ok) << e.job(job).message;
    return job;
  };
  const JobId build = submit(JobKind::build);
  EXPECT_THAT(e.log_texts(build),
              ::testing::Contains(::testing::HasSubstr("Warning: received unexpected output variable 'extra'")));
  const Value::Object computed{{"n", 7}, {"l", Value::List{}}, {"again", "7"}};
  EXPECT_EQ(e.stage("qq/app", "dev", "build").calculated_outputs, computed);
  submit(JobKind::test);
  submit(JobKind::deploy);
  submit(JobKind::smoke);
  submit(JobKind::errand, "e");
  submit(JobKind::destroy);
  const Value::Object none, raw{{"n", "7"}, {"extra", "x"}};
  struct Row {
    const char* step;
    bool writes, reads;
    Value::Object before;
  };
  const Row rows[] = {
      {"pre_build", false, false, none},
      {"build", true, true, none},
      {"post_build", true, true, raw},
      {"test", false, false, none},
      {"pre_deploy", false, false, none},
      {"deploy", true, true, none},
      {"post_deploy", true, true, raw},
      {"smoke", false, false, none},
      {"e", false, false, none},
      {"pre_destroy", false, false, none},
      {"destroy", true, false, computed},  // ours: what it leaves in the file is
                                           // not read, so types do not matter
      {"post_destroy", false, false, none},
  };
  ASSERT_EQ(local.offers.size(), std::size(rows));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    const protocol::Offer& offer = local.offers[i];
    EXPECT_EQ(offer.step, rows[i].step);
    EXPECT_EQ(offer.writes_outputs_file, rows[i].writes) << offer.step;
    EXPECT_EQ(offer.reads_outputs, rows[i].reads) << offer.step;
    EXPECT_EQ(offer.outputs_before, rows[i].before) << offer.step;
  }
}

// §8, 4 and 5: what a stage without a main script, or whose post step writes too, has as outputs.
TEST_F(RowsOfVariables, section_8_main_and_post_step_together) {
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.outputs = {variable("out", "string", Value("default"))};
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  EXPECT_EQ(h.stage("qq/app").calculated_outputs, (Value::Object{{"out", "default"}})) << "nothing was written";
  agent->outputs = {{"out", "main"}};
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  EXPECT_EQ(h.stage("qq/app").calculated_outputs, (Value::Object{{"out", "main"}}));
  app.stages = {{"post_deploy", {.script = "post.sh"}}};
  agent->outputs = {};
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  EXPECT_EQ(h.stage("qq/app").calculated_outputs, (Value::Object{{"out", "default"}})) << "no main script: emptied";
  agent->outputs = {{"out", "post"}};
  ASSERT_EQ(run(asked(JobKind::deploy)), "ok");
  EXPECT_EQ(h.stage("qq/app").calculated_outputs, (Value::Object{{"out", "post"}}));
  agent->outputs = {{"out", Value()}};
  EXPECT_EQ(run(asked(JobKind::deploy)), "Expecting 'string' value, but got 'null' for variable 'out'");
}

}  // namespace inputs_test
}  // namespace escape::controller
