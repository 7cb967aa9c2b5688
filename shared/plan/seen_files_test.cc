#include "shared/plan/seen_files.h"

#include <gtest/gtest.h>

#include "shared/plan/fake_files_for_tests.h"

namespace escape::plan::seen_files_test {

using release::SeenFile;

release::Metadata reading(const std::string& path) {
  release::Metadata metadata;
  metadata.inputs = {{.id = "a", .fallback = Value("$__read_file(\"" + path + "\")")}};
  return metadata;
}

TEST(SeenFiles, PathsComeFromEveryExpressionThatIsEvaluatedWhileStepsRun) {
  release::Metadata metadata;
  metadata.inputs = {{.id = "a", .fallback = Value("$__read_file(\"default\")")},
                     {.id = "b", .items = Value::List{"$__read_file(\"item\")", "plain", 3}}};
  metadata.outputs = {{.id = "o", .fallback = Value(Value::List{"$\"./output\".read_file()"})}};
  metadata.stages["deploy"] = {.cmd = "$__read_file(\"cmd\")", .args = {"$__path_exists(\"arg\")"}};
  metadata.stages["smoke"] = {.script = "$__read_file(\"script\")"};
  metadata.stages["test"] = {.inline_script = "$__read_file(\"inline\")"};
  metadata.errands["e"] = {.name = "e",
                           .run = {.cmd = "$__read_file(\"errand\")"},
                           .inputs = {{.id = "x", .fallback = Value("$__dir_exists(\"own\")")}}};
  metadata.templates = {{.file = "t", .target = "u", .mapping = {{"k", "$__read_file(\"template\")"}}}};
  metadata.depends = {{.release_id = "_/d-v1",
                       .mapping = {{"m", "$__read_file(\"both\")"}},
                       .build_mapping = {{"m", "$__read_file(\"build\")"}},
                       .deploy_mapping = {{"m", "$__read_file(\"deploy\")"}},
                       .consumes = {{"k", "$__read_file(\"consumes\")"}}}};
  metadata.metadata = {{"k", "$__read_file(\"compiled\")"}};
  EXPECT_EQ(paths_read(metadata),
            (std::set<std::string>{"./output", "arg", "both", "build", "cmd", "consumes", "default", "deploy", "errand",
                                   "item", "own", "script", "template"}));
}

TEST(SeenFiles, AreFilesFoldersOrAbsent) {
  FakeFiles files;
  files.content = {{"VERSION", "1.2\n"}, {"conf/a", "x"}, {"target", ""}};
  files.links = {"target"};
  release::Metadata metadata;
  metadata.stages["deploy"] = {
      .cmd = "x",
      .args = {"$__read_file(\"VERSION\")", "$__read_file(\"./VERSION\")", "$__dir_exists(\"conf\")",
               "$__path_exists(\"none\")", "$__read_file(\"/etc/passwd\")", "$__read_file(\"target\")"}};
  const release::SeenFiles seen = see_files(metadata, files);
  const SeenFile version{.kind = SeenFile::Kind::file, .text = "1.2\n"};
  EXPECT_EQ(seen.at("VERSION"), version);
  EXPECT_EQ(seen.at("./VERSION"), version) << "by the path as it is written";
  EXPECT_EQ(seen.at("conf"), (SeenFile{.kind = SeenFile::Kind::folder}));
  EXPECT_EQ(seen.at("none"), SeenFile());
  EXPECT_EQ(seen.at("/etc/passwd"), SeenFile()) << "outside of the package";
  EXPECT_EQ(seen.at("target").kind, SeenFile::Kind::file);
  EXPECT_EQ(seen.at("target").trouble, "'target' is a link, which is not followed");
}

TEST(SeenFiles, AreBounded) {
  FakeFiles files;
  files.content["most"] = std::string(most_seen_file_bytes, 'x');
  files.content["more"] = std::string(most_seen_file_bytes + 1, 'x');
  EXPECT_EQ(see_files(reading("most"), files).at("most").text.size(), most_seen_file_bytes);
  const SeenFile more = see_files(reading("more"), files).at("more");
  EXPECT_EQ(more.text, "");
  EXPECT_EQ(more.trouble, "'more' is larger than 128 KiB");

  release::Metadata metadata;
  for (int i = 1; i <= 5; ++i) {
    const std::string name = "f" + std::to_string(i);
    files.content[name] = std::string(most_seen_file_bytes, 'x');
    metadata.inputs.push_back(reading(name).inputs[0]);
  }
  const release::SeenFiles seen = see_files(metadata, files);
  EXPECT_EQ(seen.at("f4").trouble, "");
  EXPECT_EQ(seen.at("f5").trouble, "'f5' and what else the release reads is larger than 512 KiB");
  for (std::size_t i = 0; i < most_seen_paths; ++i) {
    metadata.inputs.push_back(reading("p" + std::to_string(i)).inputs[0]);
  }
  EXPECT_EQ(see_files(metadata, files).size(), most_seen_paths);
}

}  // namespace escape::plan::seen_files_test
