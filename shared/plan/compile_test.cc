#include <gtest/gtest.h>

#include "shared/plan/fake_files_for_tests.h"
#include "shared/plan/plan.h"

namespace escape::plan {
namespace compile_test {

using release::ExecStage;
using release::Metadata;

CompileOptions options() {
  CompileOptions options;
  options.next_version = [](const release::ApplicationId& application, std::string_view prefix) -> Result<std::string> {
    EXPECT_EQ(application.name, "app");
    return std::string(prefix) + "7";
  };
  options.tool_version = "0.1.0";
  return options;
}

Result<Metadata> compile_text(std::string_view text, FakeFiles files = {}, CompileOptions with = options()) {
  TRY(auto plan, parse_plan(text, "escape.yml"));
  return compile(plan, files, with);
}
std::string message(std::string_view text, FakeFiles files = {}) {
  const Result<Metadata> metadata = compile_text(text, std::move(files));
  return metadata ? "(accepted)" : metadata.error().message;
}

FakeFiles with_scripts() {
  FakeFiles files;
  for (const char* path : {"s.sh", "bin/run.sh", "make-dir/x"}) files.content[path] = "x";
  return files;
}

TEST(Compile, TheWalkThrough) {
  FakeFiles files;
  files.content = {{"README.md", "read"}, {"deploy.sh", "#!/bin/bash"}, {"other", ""}};
  CompileOptions with = options();
  with.git = {"abc", "main", "https://me:secret@example.com/x.git", "message", "A <a@b>"};
  const Result<Metadata> compiled = compile_text(
      "name: quick/app\nversion: 0.0.@\nincludes: [README.md, nope.md]\ninputs: [{id: who, default: World}]\n"
      "deploy: deploy.sh\nmetadata: {team: us}\ngenerates: [out/*]\nlicense: MIT\ndescription: ' d '\nidempotent: "
      "yes\n",
      files, with);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const Metadata& metadata = compiled.value();
  EXPECT_EQ(metadata.project, "quick");
  EXPECT_EQ(metadata.name, "app");
  EXPECT_EQ(metadata.version, "0.0.7");
  EXPECT_EQ(metadata.description, "d");
  EXPECT_EQ(metadata.license, "MIT");
  EXPECT_TRUE(metadata.idempotent);
  EXPECT_EQ(metadata.files,
            (std::map<std::string, std::string>{{"README.md", "md5:read"}, {"deploy.sh", "md5:#!/bin/bash"}}));
  EXPECT_EQ(metadata.stages, (std::map<std::string, ExecStage>{{"deploy", {.script = "deploy.sh"}}}));
  EXPECT_EQ(metadata.metadata.at("team"), "us");
  EXPECT_EQ(metadata.repository, "https://example.com/x.git");
  EXPECT_EQ(metadata.git_revision, "abc");
  EXPECT_EQ(metadata.built_with_escape_version, "0.1.0");
  EXPECT_EQ(metadata.generates, std::vector<std::string>{"out/*"});
}

TEST(Compile, Names) {
  const auto named = [](const std::string& name) { return message("name: " + name + "\nversion: 1\n"); };
  for (const char* name : {"prj/app", "/app", "app", "my_app", "_/app"}) EXPECT_EQ(named(name), "(accepted)") << name;
  EXPECT_EQ(compile_text("name: /app\nversion: 1").value().project, "_");
  EXPECT_EQ(named("prj/sub/app"), "Invalid name 'sub/app'");
  EXPECT_EQ(named("PRJ/app"), "Invalid name 'PRJ'");
  EXPECT_EQ(named("a"), "Invalid name 'a'");
  EXPECT_EQ(named("prj/string"), "The name 'string' is a protected variable.");
  for (const char* name : {"prj/", "", "~"}) {
    EXPECT_EQ(named(name), "Missing build name. Add a 'name' field to your Escape plan") << name;
  }
}

TEST(Compile, Versions) {
  const auto version = [](const std::string& text) {
    const Result<Metadata> metadata = compile_text("name: app\nversion: " + text + "\n");
    return metadata ? metadata.value().version : metadata.error().message;
  };
  EXPECT_EQ(version("1"), "1");
  EXPECT_EQ(version("1.10"), "1.10");
  EXPECT_EQ(version("1.0.0.0.0.1"), "1.0.0.0.0.1");
  EXPECT_EQ(version("01.002"), "01.002");
  EXPECT_EQ(version("' 1.0 '"), "1.0");
  EXPECT_EQ(version("'@'"), "7");
  EXPECT_EQ(version("auto"), "7");
  EXPECT_EQ(version("0.0.@"), "0.0.7");
  for (const char* text : {"v1.0", "1.0-beta", "1@", "1e3", "0x10", "latest", "1.", "$$1"}) {
    EXPECT_EQ(version(text), "Invalid version string '" + std::string(text) + "'.");
  }
  EXPECT_EQ(version(""), "Invalid version string ''.");
  EXPECT_EQ(version("$__concat(\"1.\", \"2\")"), "1.2");
  EXPECT_EQ(version("$__add(1,2)"), "3");
  EXPECT_TRUE(version("$__lt(1,2)").starts_with("Couldn't evaluate expression '$__lt(1,2)' in version field: "));
  EXPECT_NE(version("$__lt(1,2)").find("Expression '$__lt(1,2)' did not return a string value"), std::string::npos);
  EXPECT_TRUE(
      version("$(").starts_with("Couldn't parse expression '$(' in version field: Couldn't parse expression '$(': "));
}

TEST(Compile, TheOverridingVersionCountsInsteadOfThePlans) {
  CompileOptions with = options();
  with.override_version = "2.@";
  EXPECT_EQ(compile_text("name: app\nversion: latest", {}, with).value().version, "2.7");
}

TEST(Compile, TheInventoryIsAskedOnlyWhenAllElseIsRight) {
  CompileOptions with = options();
  int asked = 0;
  with.next_version = [&](const release::ApplicationId&, std::string_view) -> Result<std::string> {
    ++asked;
    return fail(ErrorKind::unreachable, "gone");
  };
  EXPECT_FALSE(compile_text("name: app\nversion: '@'\nbuild: ./nope.sh", {}, with));
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(compile_text("name: app\nversion: '@'", {}, with).error().kind, ErrorKind::unreachable);
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(compile_text("name: app\nversion: 1", {}, with));
  with.next_version = nullptr;
  EXPECT_FALSE(compile_text("name: app\nversion: '@'", {}, with));
}

TEST(Compile, ShapesOfScripts) {
  struct Row {
    const char* text;
    ExecStage stage;
    std::vector<std::string> files;
  };
  const Row rows[] = {
      {"s.sh", {.script = "s.sh"}, {"s.sh"}},
      {"s.sh a  b", {.script = "s.sh a  b"}, {"s.sh"}},
      {"./s.sh a", {.script = "./s.sh a"}, {"s.sh"}},
      {"bin/run.sh $HOME", {.script = "bin/run.sh $HOME"}, {"bin/run.sh"}},
      {"/bin/ls -al x", {.cmd = "/bin/ls", .args = {"-al", "x"}}, {}},
      {"ls -al \"a b\"", {.cmd = "ls", .args = {"-al", "\"a", "b\""}}, {}},
      {"python3.11 x", {.cmd = "python3.11", .args = {"x"}}, {}},
      {"make-dir", {.cmd = "make-dir"}, {}},
      {"out/made.sh a", {.script = "out/made.sh a"}, {}},
      {"{script: s.sh a}", {.script = "s.sh a"}, {"s.sh"}},
      {"{script: later.sh}", {.script = "later.sh"}, {}},
      {"{script: /opt/x.sh}", {.script = "/opt/x.sh"}, {}},
      {"{cmd: nope.sh, args: [a]}", {.cmd = "nope.sh", .args = {"a"}}, {}},
      {"{inline: 'echo $HOME'}", {.inline_script = "echo $HOME"}, {}},
  };
  for (const Row& row : rows) {
    const Result<Metadata> metadata =
        compile_text("name: app\nversion: 1\ngenerates: [out]\ndeploy: " + std::string(row.text), with_scripts());
    ASSERT_TRUE(metadata) << row.text << ": " << metadata.error().message;
    EXPECT_EQ(metadata.value().stages.at("deploy"), row.stage) << row.text;
    std::vector<std::string> files;
    for (const auto& [path, digest] : metadata.value().files) files.push_back(path);
    EXPECT_EQ(files, row.files) << row.text;
  }
}

TEST(Compile, EmptyStepsAreLeftOut) {
  for (const char* text : {"", "''", "'   '", "{}", "{cmd: ''}", "null"}) {
    const Result<Metadata> metadata = compile_text("name: app\nversion: 1\nbuild: " + std::string(text));
    ASSERT_TRUE(metadata) << text;
    EXPECT_TRUE(metadata.value().stages.empty()) << text;
  }
}

TEST(Compile, AScriptThatIsMissingIsSaidBeforeItRuns) {
  const auto said = [](const std::string& text) {
    FakeFiles files = with_scripts();
    files.folders = {"../x.sh"};
    files.links = {"link.sh"};
    return message("name: app\nversion: 1\ndeploy: " + text, files);
  };
  for (const char* path : {"./nope.sh", "../nope", "nope.sh", "bin/nope", "nope.py", ".nope", "make-dir/y"}) {
    EXPECT_EQ(said(std::string(path) + " a"),
              "In field deploy: The path to script '" + std::string(path) + "' does not exist (in '" + path + " a')");
  }
  EXPECT_EQ(said("../x.sh"), "The file '../x.sh' is outside of this package's base directory and can't be added.");
  EXPECT_EQ(said("{script: ../x.sh}"),
            "The file '../x.sh' is outside of this package's base directory and can't be added.");
  EXPECT_EQ(said("./make-dir"), "In field deploy: './make-dir' is a folder (in './make-dir')");
  EXPECT_TRUE(said("link.sh").starts_with("The file 'link.sh' can't be added: 'link.sh' is a symbolic link"));
}

TEST(Compile, ExpressionsInStepsAreKeptAndParsed) {
  for (const char* text : {"$x", "echo $HOME", "{cmd: $x}", "{cmd: a, args: [$x]}", "{script: $x}"}) {
    EXPECT_TRUE(compile_text("name: app\nversion: 1\nbuild: " + std::string(text))) << text;
  }
  EXPECT_TRUE(
      message("name: app\nversion: 1\nbuild: ls $(").starts_with("In field build: Couldn't parse expression '$('"));
}

/// Releases that plans of these tests name.
CompileOptions with_releases(std::vector<Metadata> releases) {
  CompileOptions options;
  options.next_version = [](const release::ApplicationId&, std::string_view prefix) -> Result<std::string> {
    return std::string(prefix) + "0";
  };
  options.find_release = [releases = std::move(releases)](const release::ReleaseQuery& query) -> Result<Metadata> {
    for (const Metadata& one : releases) {
      if (release::application_of(one) == query.application) return one;
    }
    return fail(ErrorKind::not_found, "no such release");
  };
  return options;
}
Result<Metadata> compile_with(const std::string& text, FakeFiles files, const CompileOptions& options) {
  TRY(const Plan plan, parse_plan(text, "escape.yml"));
  return compile(plan, files, options);
}

// The worked example of spec/escape-plan.md §11.2.
TEST(Compile, ADependencyBringsWhatItNeeds) {
  Metadata dependency;
  dependency.name = "my-dep";
  dependency.version = "0.0.1";
  dependency.inputs = {{.id = "who"}, {.id = "optional", .fallback = Value("x")}};
  dependency.outputs = {{.id = "greeting"}};
  dependency.consumes = {{.name = "kube", .variable = "kube"}, {.name = "db", .variable = "given"}};
  FakeFiles files;
  files.content["run.sh"] = "x";
  const Result<Metadata> compiled = compile_with(R"(name: proj/parent
version: 1.@
depends: [{release_id: my-dep-latest as dep, consumes: {given: $this.name}}]
inputs:
- {id: other, default: parentother}
- {id: late, default: $dep.outputs.greeting, eval_before_dependencies: false}
metadata: {author: $dep.name, mine: $this.id}
outputs: [{id: final, default: $dep.outputs.greeting.upper()}]
deploy: run.sh
)",
                                                 files, with_releases({dependency}));
  ASSERT_TRUE(compiled) << describe(compiled.error());
  const Metadata& metadata = compiled.value();
  EXPECT_EQ(metadata.version, "1.0");
  EXPECT_EQ(metadata.metadata.at("author"), "my-dep");
  EXPECT_EQ(metadata.metadata.at("mine"), "proj/parent-v1.0");
  ASSERT_EQ(metadata.inputs.size(), 3U);
  EXPECT_EQ(metadata.inputs[0].id, "who");
  EXPECT_EQ(metadata.inputs[1].id, "other");
  EXPECT_EQ(metadata.inputs[2].id, "late");
  const Value::Object mapping{{"who", "$this.inputs.who"}, {"other", "$this.inputs.other"}};
  const std::vector<release::Dependency> expected{{.release_id = "_/my-dep-v0.0.1",
                                                   .build_mapping = mapping,
                                                   .deploy_mapping = mapping,
                                                   .consumes = {{"given", "$this.name"}},
                                                   .deployment_name = "dep",
                                                   .variable = "dep"}};
  EXPECT_EQ(metadata.depends, expected);
  EXPECT_EQ(metadata.consumes,
            std::vector<release::Consumer>(
                {{.name = "kube", .variable = "kube", .skip_activate = true, .skip_deactivate = true}}));
}

TEST(Compile, ADependencyThatDoesNotPropagateGetsWhatIsMappedOnly) {
  Metadata dependency;
  dependency.name = "my-dep";
  dependency.version = "1";
  dependency.inputs = {{.id = "who"}};
  const Result<Metadata> compiled = compile_with(
      "name: app\nversion: 1\ninputs: [{id: a, default: b}]\n"
      "depends: [{release_id: my-dep-v1, mapping: {who: me}, propagate: false}]",
      {}, with_releases({dependency}));
  ASSERT_TRUE(compiled) << describe(compiled.error());
  EXPECT_EQ(compiled.value().inputs.size(), 1U);
  EXPECT_EQ(compiled.value().depends[0].deploy_mapping, (Value::Object{{"who", "me"}}));
}

TEST(Compile, TwoDependenciesOfOneNameAreRefused) {
  Metadata one, two;
  one.name = "aa", one.version = "1";
  two.name = "bb", two.version = "2";
  const Result<Metadata> compiled =
      compile_with("name: app\nversion: 1\ndepends: [aa-v1 as x, bb-v2 as x]", {}, with_releases({one, two}));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().message, "The dependencies _/aa-v1 and _/bb-v2 are both called 'x'");
}

TEST(Compile, AStepMayRunAFileOfAnExtension) {
  Metadata base;
  base.name = "base";
  base.version = "1";
  base.files = {{"tools/go.sh", "md5"}};
  FakeFiles files;
  files.content["deps/_/base/tools/go.sh"] = "as `deps fetch` left it";
  files.content["own.sh"] = "x";
  const auto compile = [&](const std::string& rest) {
    return compile_with("name: app\nversion: 1\nextends: [base-latest]\n" + rest, files, with_releases({base}));
  };
  const Result<Metadata> compiled =
      compile("includes: ['**']\ndeploy: deps/_/base/tools/go.sh fast\nsmoke: {script: deps/_/base/tools/go.sh}\n");
  ASSERT_TRUE(compiled) << describe(compiled.error());
  EXPECT_EQ(compiled.value().stages.at("deploy").script, "deps/_/base/tools/go.sh fast");
  EXPECT_EQ(compiled.value().files.size(), 1u) << "what is the extension's is not packed again";
  EXPECT_TRUE(compiled.value().files.contains("own.sh"));
  EXPECT_EQ(compile("deploy: deps/_/base/tools/stop.sh\n").error().message,
            "In field deploy: The extension has no file 'deps/_/base/tools/stop.sh' (in 'deps/_/base/tools/stop.sh')");
}

TEST(Compile, AnExtensionIsInheritedAndThePlanWins) {
  Metadata base;
  base.name = "base";
  base.version = "2.1";
  base.metadata = {{"a", "base"}, {"b", "base"}};
  base.inputs = {{.id = "kept", .fallback = Value("k"), .description = "of base", .scopes = {"deploy"}},
                 {.id = "changed", .type = "integer", .fallback = Value(1), .description = "of base"}};
  base.outputs = {{.id = "out", .fallback = Value("old")}};
  base.provides = {"web"};
  base.generates = {"gen/*"};
  base.stages = {
      {"deploy", {.script = "./deploy.sh now"}}, {"test", {.cmd = "/bin/true"}}, {"smoke", {.script = "s.sh"}}};
  base.errands = {{"backup", {.name = "backup", .run = {.script = "backup.sh"}}}, {"own", {.name = "own"}}};
  base.templates = {{.file = "x.tpl", .target = "x", .mapping = {{"a", "$this.name"}}}};
  base.depends = {{.release_id = "_/dep-v1", .deployment_name = "dep", .variable = "dep"}};
  Metadata dep;
  dep.name = "dep";
  dep.version = "1";
  FakeFiles files;
  files.content["gen/file"] = "g";
  const Result<Metadata> compiled = compile_with(R"(name: app
version: $b.version.track_minor_version()
extends: [base-latest as b]
metadata: {b: mine}
inputs: [{id: changed, type: string, default: two}, kept]
outputs: [{id: out, default: new}]
smoke: /bin/false
errands: {own: {run: /bin/ls}}
)",
                                                 files, with_releases({base, dep}));
  ASSERT_TRUE(compiled) << describe(compiled.error());
  const Metadata& metadata = compiled.value();
  EXPECT_EQ(metadata.version, "2.1.0");
  EXPECT_EQ(metadata.metadata, (std::map<std::string, std::string>{{"a", "base"}, {"b", "mine"}}));
  EXPECT_EQ(metadata.extends, std::vector<std::string>{"_/base-v2.1"});
  EXPECT_EQ(metadata.provides, std::vector<std::string>{"web"});
  EXPECT_TRUE(metadata.files.contains("gen/file"));
  EXPECT_EQ(metadata.stages.at("deploy").script, "deps/_/base/deploy.sh now");
  EXPECT_EQ(metadata.stages.at("test").cmd, "/bin/true");
  EXPECT_EQ(metadata.stages.at("smoke").cmd, "/bin/false");
  EXPECT_EQ(metadata.errands.at("backup").run.script, "deps/_/base/backup.sh");
  EXPECT_EQ(metadata.errands.at("own").run.cmd, "/bin/ls");
  EXPECT_EQ(metadata.templates.at(0).target, "deps/_/base/x");
  EXPECT_EQ(metadata.depends.at(0).release_id, "_/dep-v1");
  ASSERT_EQ(metadata.inputs.size(), 2U);
  EXPECT_FALSE(metadata.inputs[0].fallback) << "said again without default: required";
  EXPECT_EQ(metadata.inputs[0].description, "of base");
  EXPECT_EQ(metadata.inputs[1].type, "string");
  EXPECT_EQ(metadata.inputs[1].fallback, Value("two"));
  EXPECT_EQ(metadata.inputs[1].description, "of base");
  EXPECT_EQ(metadata.outputs[0].fallback, Value("new"));
}

TEST(Compile, ATemplateSeesInputsOfItsScopesAndTheRelease) {
  FakeFiles files;
  files.content["a.tpl"] = "x";
  const Result<Metadata> compiled = compile_with(
      "name: app\nversion: 1\ninputs: [who]\nbuild_inputs: [b]\ntemplates: [{file: a.tpl, mapping: {who: fixed}}]\n"
      "build_templates: [missing.tpl]\n",
      files, {});
  ASSERT_TRUE(compiled) << describe(compiled.error());
  const release::Template& both = compiled.value().templates.at(0);
  EXPECT_EQ(*both.mapping.find("who"), Value("fixed"));
  EXPECT_FALSE(both.mapping.contains("b"));
  EXPECT_EQ(*both.mapping.find("versionless_release"), Value("$this.versionless_release"));
  EXPECT_EQ(*compiled.value().templates.at(1).mapping.find("b"), Value("$this.inputs.b"));
  EXPECT_TRUE(compiled.value().files.contains("a.tpl"));
  EXPECT_FALSE(compiled.value().files.contains("missing.tpl")) << "a build may make it";
}

TEST(Compile, ExpressionsReadFilesOfThePlansFolderOnly) {
  FakeFiles files;
  files.content["VERSION"] = "1.4\n";
  EXPECT_EQ(compile_with("name: app\nversion: $__read_file(\"VERSION\").trim()", files, {}).value().version, "1.4");
  const Result<Metadata> outside = compile_with("name: app\nversion: $__read_file(\"../secret\")", files, {});
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().message.find("outside of this package's base directory"), std::string::npos)
      << outside.error().message;
}

TEST(Compile, AnErrandsScriptOfTheOldFormMustExist) {
  EXPECT_EQ(message("name: app\nversion: 1\nerrands: {a: {script: nope.sh}}"),
            "File 'nope.sh' was referenced in the escape plan, but it doesn't exist");
  FakeFiles files;
  files.content["e.sh"] = "x";
  const Result<Metadata> compiled = compile_with("name: app\nversion: 1\nerrands: {a: {script: e.sh}}", files, {});
  ASSERT_TRUE(compiled) << describe(compiled.error());
  EXPECT_EQ(compiled.value().errands.at("a").run.script, "e.sh");
  EXPECT_TRUE(compiled.value().files.contains("e.sh"));
}

TEST(Compile, TheLogoIsCarriedAsBase64) {
  FakeFiles files;
  files.content["logo.png"] = "\xfb\xff\xfe?";
  EXPECT_EQ(compile_text("name: app\nversion: 1\nlogo: logo.png", files).value().logo, "+//+Pw==");
  EXPECT_EQ(message("name: app\nversion: 1\nlogo: nope.png"), "Referenced logo 'nope.png' does not exist");
  EXPECT_NE(message("name: app\nversion: 1\nlogo: ../x.png").find("outside"), std::string::npos);
}

TEST(Compile, CredentialsNeverReachTheMetadata) {
  const std::pair<const char*, const char*> rows[] = {
      {"https://user:secret@example.com/x.git", "https://example.com/x.git"},
      {"https://token@example.com/x.git", "https://example.com/x.git"},
      {"https://user:p@ss@example.com/x@y", "https://example.com/x@y"},
      {"http://example.com:8080/x", "http://example.com:8080/x"},
      {"ssh://git@example.com/x", "ssh://git@example.com/x"},
      {"ssh://git:secret@example.com/x", "ssh://git@example.com/x"},
      {"git@example.com:team/x.git", "git@example.com:team/x.git"},
      {"/srv/git/x", "/srv/git/x"},
      {"", ""},
  };
  for (const auto& [url, stripped] : rows) EXPECT_EQ(strip_credentials(url), stripped);
}

}  // namespace compile_test
}  // namespace escape::plan
