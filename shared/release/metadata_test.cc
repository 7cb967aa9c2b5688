#include "shared/release/metadata.h"

#include <gtest/gtest.h>

#include <functional>

namespace escape::release {
namespace metadata_test {

Metadata good() {
  Metadata metadata;
  metadata.name = "app";
  metadata.project = "prj";
  metadata.version = "1.0";
  metadata.inputs = {Variable{.id = "who"}};
  metadata.stages["deploy"] = ExecStage{.script = "run.sh a"};
  return metadata;
}

struct Row {
  const char* message;
  std::function<void(Metadata&)> change;
};

TEST(Metadata, KnowsItsIds) {
  Metadata metadata = good();
  EXPECT_EQ(to_string(release_id_of(metadata).value()), "prj/app-v1.0");
  metadata.project = "";
  EXPECT_EQ(to_string(application_of(metadata)), "_/app");
  metadata.version = "1.@";
  EXPECT_FALSE(release_id_of(metadata));
}

TEST(Metadata, CheckSaysWhatIsWrong) {
  ASSERT_TRUE(check_metadata(good()));
  const Row rows[] = {
      {"Missing name field in release metadata", [](Metadata& m) { m.name = ""; }},
      {"Invalid name 'A'", [](Metadata& m) { m.name = "A"; }},
      {"The name 'list' is a protected variable.", [](Metadata& m) { m.name = "list"; }},
      {"Missing version field in release metadata", [](Metadata& m) { m.version = ""; }},
      {"Invalid name 'UPPER'", [](Metadata& m) { m.project = "UPPER"; }},
      {"The release metadata is compiled with a version of Escape targetting API version v16, but this build supports "
       "up to v15",
       [](Metadata& m) { m.api_version = 16; }},
      {"The release metadata is compiled with a version of Escape targetting API version v0, but this build supports "
       "up to v15",
       [](Metadata& m) { m.api_version = 0; }},
      {"Invalid version string 'v1'.", [](Metadata& m) { m.version = "v1"; }},
      {"Variable object is missing an 'id'", [](Metadata& m) { m.inputs[0].id = ""; }},
      {"Invalid variable format 'x!'", [](Metadata& m) { m.inputs[0].id = "x!"; }},
      {"Invalid variable format '1foo'", [](Metadata& m) { m.outputs = {Variable{.id = "1foo"}}; }},
      {"Invalid variable format 'PREVIOUS_x'. Variable is not allowed to start with 'PREVIOUS_'",
       [](Metadata& m) { m.inputs[0].id = "PREVIOUS_x"; }},
      {"Invalid variable format 'previous_'. Variable is not allowed to start with 'PREVIOUS_'",
       [](Metadata& m) { m.inputs[0].id = "previous_"; }},
      {"Found a problem in the 'deploy' field: More than one field is set. Please specify only one of script, cmd or "
       "inline.",
       [](Metadata& m) { m.stages["deploy"].cmd = "ls"; }},
      {"Can't add release with unresolved version", [](Metadata& m) { m.version = "latest"; }},
      {"The dependency '_/dep-latest' needs its version resolved.",
       [](Metadata& m) { m.depends = {{.release_id = "_/dep-latest"}}; }},
      {"Malformed dependency string 'a b'. Expecting either a \"[RELEASE_ID]\" or \"[RELEASE_ID] as [VARIABLE]\".",
       [](Metadata& m) { m.depends = {{.release_id = "a b"}}; }},
      {"Missing name for Consumer", [](Metadata& m) { m.consumes = {{}}; }},
      {"Missing URL in download config.", [](Metadata& m) { m.downloads = {{}}; }},
      {"Missing 'dest' in download config for 'x'", [](Metadata& m) { m.downloads = {{.url = "x", .dest = ""}}; }},
      {"Missing URL scheme in download config 'x'", [](Metadata& m) { m.downloads = {{.url = "x", .dest = "y"}}; }},
      {"Invalid sha256 in download config for 'http://x'",
       [](Metadata& m) { m.downloads = {{.url = "http://x", .dest = "y", .sha256 = "AB"}}; }},
      {"Invalid release format: ext.", [](Metadata& m) { m.extends = {"ext"}; }},
      {"Can't add release with unresolved version", [](Metadata& m) { m.version = "1.@"; }},
  };
  for (const Row& row : rows) {
    Metadata metadata = good();
    row.change(metadata);
    const Result<> checked = check_metadata(metadata);
    ASSERT_FALSE(checked) << row.message;
    EXPECT_EQ(checked.error().message, row.message);
    EXPECT_EQ(checked.error().kind, ErrorKind::bad_data);
  }
}

TEST(Metadata, TextOfAStep) {
  EXPECT_EQ(step_text(ExecStage{.script = "run.sh a b"}), "run.sh a b");
  EXPECT_EQ(step_text(ExecStage{.cmd = "ls"}), "ls");
  EXPECT_EQ(step_text(ExecStage{.cmd = "ls", .args = {"-l", "x"}}), "ls -l x");
  EXPECT_EQ(step_text(ExecStage{.inline_script = "echo 1\necho 2\n"}), "<inline script starting with 'echo 1'>");
}

TEST(Metadata, ScopesOfAVariable) {
  Variable variable{.id = "x", .scopes = {"deploy"}};
  EXPECT_FALSE(in_scope(variable, Scope::build));
  EXPECT_TRUE(in_scope(variable, Scope::deploy));
}

}  // namespace metadata_test
}  // namespace escape::release
