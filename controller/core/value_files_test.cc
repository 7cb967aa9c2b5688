#include "controller/core/value_files.h"

#include <gmock/gmock.h>

#include "controller/core/harness_for_tests.h"

/// Expressions of steps that read files of their package, and values that become files.
namespace escape::controller::testing {
namespace value_files_test {

using protocol::FileToWrite;
using protocol::request::Submit;
using release::SeenFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

SeenFile file(std::string text) { return {.kind = SeenFile::Kind::file, .text = std::move(text)}; }

TEST(ValueFiles, show_what_was_looked_up) {
  const release::SeenFiles seen{{"VERSION", file("1.2\n")},
                                {"conf", {.kind = SeenFile::Kind::folder}},
                                {"none", {}},
                                {"large", {.kind = SeenFile::Kind::file, .trouble = "'large' is larger than 128 KiB"}}};
  ValueFiles files(seen, "salt");
  const script::Context context{nullptr, &files};
  const auto outcome = [&](const std::string& text) -> std::string {
    const Result<Value> value = script::evaluate(script::parse(text).value(), context);
    if (!value) return value.error().message;
    return value.value().as_string() ? *value.value().as_string() : value.value() == Value(true) ? "true" : "false";
  };
  const std::pair<const char*, const char*> rows[] = {
      {"$__read_file(\"VERSION\").trim()", "1.2"},
      {"$__path_exists(\"VERSION\")", "true"},
      {"$__file_exists(\"VERSION\")", "true"},
      {"$__dir_exists(\"VERSION\")", "false"},
      {"$__path_exists(\"conf\")", "true"},
      {"$__file_exists(\"conf\")", "false"},
      {"$__dir_exists(\"conf\")", "true"},
      {"$__path_exists(\"none\")", "false"},
      {"$__file_exists(\"large\")", "true"},
      {"$__read_file(\"none\")", "Error in call to read_file: open none: no such file or directory"},
      {"$__read_file(\"conf\")", "Error in call to read_file: read conf: is a directory"},
      {"$__read_file(\"large\")", "Error in call to read_file: 'large' is larger than 128 KiB"},
      {"$__read_file($__concat(\"VER\", \"SION\"))", "1.2\n"},
      {"$__read_file($__concat(\"a\", \"b\"))", "Error in call to read_file: 'ab' was not looked up beforehand"},
      {"$__path_exists($__concat(\"a\", \"b\"))", "Error in call to path_exists: 'ab' was not looked up beforehand"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(outcome(text), expected) << text;
}

TEST(ValueFiles, made_of_values_are_named_by_their_text) {
  ValueFiles files({}, "salt");
  ValueFiles others({}, "other salt");
  const std::string path = files.write_temporary("secret").value();
  EXPECT_THAT(path, ::testing::MatchesRegex("\\.escape/inputs/[0-9a-f]{32}"));
  EXPECT_EQ(files.write_temporary("secret").value(), path);
  EXPECT_NE(others.write_temporary("secret").value(), path) << "who knows the text only can't tell that it is this";
  EXPECT_NE(files.write_temporary("another").value(), path);
  EXPECT_EQ(files.made().at(path), "secret");
  EXPECT_EQ(files.made().size(), 2U);
  EXPECT_EQ(files.write_temporary(std::string(most_value_file_bytes, 'x')).error().message,
            "the files made of values are larger than 1 MiB together");
}

TEST(ValueFiles, are_named_by_values_anywhere_in_them) {
  const FileTexts known{{".escape/inputs/a", "A"}, {".escape/inputs/b", "B"}, {".escape/inputs/c", "C"}};
  const Value::Object values{{"x", "--key=.escape/inputs/a,x"},
                             {"y", Value::List{Value::Object{{"z", ".escape/inputs/b"}}, 7}}};
  EXPECT_EQ(named_files(known, values), (FileTexts{{".escape/inputs/a", "A"}, {".escape/inputs/b", "B"}}));
}

struct FilesOfSteps : ::testing::Test {
  FilesOfSteps() {
    agent = &h.enrol("stage-1", "stage");
    release::ReleaseRecord& app = add("qq/app-v1.0", {"deploy", "smoke", "destroy"});
    app.metadata.inputs = {{.id = "key", .fallback = Value("default key")},
                           {.id = "key_file", .fallback = Value("$this.inputs.key.file")},
                           {.id = "motto", .fallback = Value("$__read_file(\"MOTTO\").trim()")}};
    app.seen = {{"MOTTO", file("of app\n")}};
  }
  release::ReleaseRecord& add(const std::string& id, const std::vector<std::string>& steps) {
    return h.releases[id] = make_release(id, steps);
  }
  Job run(JobKind kind, Value::Object inputs = {}) {
    Submit asked;
    asked.kind = kind;
    asked.environment = "stage";
    if (kind == JobKind::deploy) asked.release = "qq/app-v1.0";
    if (kind != JobKind::deploy) asked.deployment = "qq/app";
    if (kind == JobKind::errand) asked.errand = "show";
    asked.inputs = std::move(inputs);
    return h.job(h.submit(asked));
  }
  const protocol::Offer& last_offer() const { return agent->offers.back(); }
  const protocol::Offer& offer_of(const std::string& deployment) const {
    for (const protocol::Offer& offer : agent->offers) {
      if (offer.deployment == deployment) return offer;
    }
    throw std::runtime_error("nothing was offered for " + deployment);
  }
  Harness h;
  ScriptedAgent* agent;
};

TEST_F(FilesOfSteps, go_with_every_offer_whose_values_name_them) {
  ASSERT_EQ(run(JobKind::deploy).outcome, JobOutcome::ok);
  const std::string path = last_offer().variables.at("INPUT_key_file");
  EXPECT_THAT(path, StartsWith(".escape/inputs/"));
  EXPECT_THAT(last_offer().files, ElementsAre(FileToWrite{path, "default key"}));
  EXPECT_EQ(last_offer().variables.at("INPUT_motto"), "of app");
  h.restart();
  h.connect(*agent);
  ASSERT_EQ(run(JobKind::smoke).outcome, JobOutcome::ok);
  EXPECT_EQ(last_offer().step, "smoke");
  EXPECT_THAT(last_offer().files, ElementsAre(FileToWrite{path, "default key"})) << "kept with the deployment's values";

  ASSERT_EQ(run(JobKind::deploy, {{"key", "new key"}}).outcome, JobOutcome::ok);
  const std::string new_path = last_offer().variables.at("INPUT_key_file");
  EXPECT_NE(new_path, path);
  EXPECT_EQ(last_offer().variables.at("INPUT_PREVIOUS_key_file"), path);
  EXPECT_EQ(last_offer().files.size(), 2U) << "this run's and the one of the run before";
  ASSERT_EQ(run(JobKind::deploy).outcome, JobOutcome::ok);
  EXPECT_THAT(last_offer().files, ElementsAre(FileToWrite{new_path, "new key"})) << "the oldest is gone";
  ASSERT_EQ(run(JobKind::destroy).outcome, JobOutcome::ok);
  EXPECT_EQ(last_offer().files.size(), 1U);
  EXPECT_THAT(h.stage("qq/app").files, IsEmpty());
}

TEST_F(FilesOfSteps, are_made_for_arguments_and_templates_too) {
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.inputs.erase(app.inputs.begin() + 1);
  app.stages["deploy"] = {.cmd = "cat", .args = {"$this.inputs.key.concat(\"1\").file"}};
  app.templates = {{.file = "t", .target = "u", .mapping = {{"k", "$this.inputs.key.concat(\"2\").file"}}}};
  ASSERT_EQ(run(JobKind::deploy).outcome, JobOutcome::ok);
  ASSERT_EQ(last_offer().files.size(), 2U);
  for (const FileToWrite& made : last_offer().files) {
    const bool is_argument = made.text == "default key1";
    EXPECT_EQ(is_argument ? Value(last_offer().run.args[0]) : *last_offer().templates[0].values.find("k"),
              Value(made.path));
  }
}

TEST_F(FilesOfSteps, of_a_dependency_are_read_in_its_own_package_and_made_in_its_own_folder) {
  release::ReleaseRecord& db = add("qq/db-v1.0", {"deploy"});
  db.metadata.inputs = {{.id = "given"},
                        {.id = "read"},
                        {.id = "motto", .fallback = Value("$__read_file(\"MOTTO\")")},
                        {.id = "own", .fallback = Value("$this.inputs.motto.file")}};
  db.seen = {{"MOTTO", file("of db")}};
  const Value::Object mapping{{"given", "$this.inputs.key_file"}, {"read", "$__read_file(\"MOTTO\")"}};
  h.releases["qq/app-v1.0"].metadata.depends = {
      {.release_id = "qq/db-v1.0", .build_mapping = mapping, .deploy_mapping = mapping, .variable = "db"}};
  const Job job = run(JobKind::deploy);
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  const protocol::Offer& offer = offer_of("qq/app:db");
  EXPECT_EQ(offer.variables.at("INPUT_read"), "of app\n") << "a mapping is its parent's expression";
  EXPECT_EQ(offer.variables.at("INPUT_motto"), "of db");
  std::map<std::string, std::string> texts;
  for (const FileToWrite& made : offer.files) texts[made.path] = made.text;
  EXPECT_EQ(texts, (std::map<std::string, std::string>{{offer.variables.at("INPUT_given"), "default key"},
                                                       {offer.variables.at("INPUT_own"), "of db"}}));
}

TEST_F(FilesOfSteps, of_providers_go_with_their_activation_and_to_whom_they_are_shown) {
  release::ReleaseRecord& cluster = add("qq/cluster-v1.0", {"deploy", "activate_provider"});
  cluster.metadata.provides = {"kube"};
  cluster.metadata.outputs = {{.id = "login", .fallback = Value("$__read_file(\"LOGIN\").file")}};
  cluster.seen = {{"LOGIN", file("who and how")}};
  ASSERT_EQ(h.job(h.deploy("qq/cluster-v1.0")).outcome, JobOutcome::ok);
  release::Metadata& app = h.releases["qq/app-v1.0"].metadata;
  app.consumes = {{.name = "kube", .variable = "kube"}};
  app.inputs = {{.id = "login", .fallback = Value("$kube.outputs.login")}};
  agent->offers.clear();
  const Job job = run(JobKind::deploy);
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  ASSERT_EQ(agent->offers.size(), 2U);
  for (const protocol::Offer& offer : agent->offers) {
    ASSERT_EQ(offer.files.size(), 1U) << offer.step;
    EXPECT_EQ(offer.files[0].text, "who and how") << offer.step;
  }
  EXPECT_EQ(agent->offers[0].variables.at("OUTPUT_login"), agent->offers[0].files[0].path);
  EXPECT_EQ(agent->offers[1].variables.at("INPUT_login"), agent->offers[1].files[0].path);
}

TEST_F(FilesOfSteps, of_an_errand_are_its_own) {
  h.releases["qq/app-v1.0"].metadata.errands["show"] = {
      .name = "show",
      .run = {.cmd = "cat", .args = {"$__read_file(\"MOTTO\").file"}},
      .inputs = {{.id = "word", .fallback = Value("")}, {.id = "in", .fallback = Value("$this.inputs.word.file")}}};
  ASSERT_EQ(run(JobKind::deploy).outcome, JobOutcome::ok);
  const FileTexts before = h.stage("qq/app").files;
  const Job job = run(JobKind::errand, {{"word", "said"}});
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  std::map<std::string, std::string> texts;
  for (const FileToWrite& made : last_offer().files) texts[made.path] = made.text;
  EXPECT_EQ(texts.at(last_offer().run.args[0]), "of app\n");
  EXPECT_EQ(texts.at(last_offer().variables.at("INPUT_in")), "said");
  EXPECT_EQ(texts.at(last_offer().variables.at("INPUT_key_file")), "default key");
  EXPECT_EQ(h.stage("qq/app").files, before) << "nobody keeps an errand's";
}

TEST_F(FilesOfSteps, that_are_missing_are_told_before_anything_is_recorded) {
  h.releases["qq/app-v1.0"].seen = {{"MOTTO", {}}};
  const Job job = run(JobKind::deploy);
  EXPECT_EQ(job.outcome, JobOutcome::failed);
  EXPECT_THAT(job.message, HasSubstr("open MOTTO: no such file or directory"));
  EXPECT_TRUE(h.state().deployments.empty());
}

TEST_F(FilesOfSteps, are_no_change_for_converge_while_their_text_is_the_same) {
  ASSERT_EQ(run(JobKind::deploy).outcome, JobOutcome::ok);
  const DeploymentKey key{"stage", "qq/app"};
  const auto planned = [&] {
    return plan_converge(h.state(), "stage", {{key, h.releases["qq/app-v1.0"], {}}}, false, h.now.wall);
  };
  ASSERT_EQ(planned().size(), 1U);
  EXPECT_EQ(planned()[0].action, "none") << planned()[0].reason;
  h.releases["qq/app-v1.0"].seen["MOTTO"].text = "another";
  EXPECT_EQ(planned()[0].reason, "inputs changed: motto");
}

TEST_F(FilesOfSteps, of_a_workspace_come_with_the_request) {
  Submit asked;
  asked.kind = JobKind::deploy;
  asked.environment = "stage";
  asked.workspace = "/w";
  asked.metadata = Value::Object{
      {"name", "app"},
      {"project", "qq"},
      {"version", "1.0"},
      {"inputs", Value::List{Value::Object{{"id", "m"}, {"type", "string"}, {"default", "$__read_file(\"MOTTO\")"}}}}};
  asked.release = "qq/app-v1.0";
  asked.seen = {{"MOTTO", file("of the workspace")}};
  const Job job = h.job(h.submit(asked));
  ASSERT_EQ(job.outcome, JobOutcome::ok) << job.message;
  EXPECT_EQ(h.stage("qq/app").calculated_inputs, (Value::Object{{"m", "of the workspace"}}));
}

}  // namespace value_files_test
}  // namespace escape::controller::testing
