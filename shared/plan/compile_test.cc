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
  EXPECT_TRUE(release::check_supported(metadata));
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
  EXPECT_EQ(version("$dep.version"),
            "The expression '$dep.version' in version field is not supported by this version of Escape yet");
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

TEST(Compile, ExpressionsInStepsAreRefused) {
  for (const char* text : {"$x", "echo $HOME", "{cmd: $x}", "{cmd: a, args: [$x]}", "{script: $x}"}) {
    const Result<Metadata> metadata = compile_text("name: app\nversion: 1\nbuild: " + std::string(text));
    ASSERT_FALSE(metadata) << text;
    EXPECT_EQ(metadata.error().kind, ErrorKind::refused);
    EXPECT_NE(metadata.error().message.find("of the 'build' field is not supported"), std::string::npos)
        << metadata.error().message;
  }
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
