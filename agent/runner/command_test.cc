#include "agent/runner/command.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/io/files.h"

namespace escape::runner::command_test {

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("command").value();
    ASSERT_TRUE(io::write_file(folder + "/x.sh", "echo", 0600));
  }
  void TearDown() override { (void)io::remove_all(folder); }

  std::string text_of(const release::ExecStage& stage) {
    Result<Command> command = make_command(stage, "deploy", folder, "/task/script");
    if (!command) return command.error().message;
    std::string text;
    for (const std::string& word : command.value().argv) text += "[" + word + "]";
    return text;
  }
  static release::ExecStage script(const std::string& text) {
    release::ExecStage stage;
    stage.script = text;
    return stage;
  }

  std::string folder;
};

TEST_F(Commands, AsTheOriginalBuildsThem) {
  release::ExecStage cmd;
  cmd.cmd = "ls";
  cmd.args = {"-al", "a b"};
  EXPECT_EQ(text_of(cmd), "[ls][-al][a b]");
  release::ExecStage inline_stage;
  inline_stage.inline_script = "echo hi\n";
  EXPECT_EQ(text_of(inline_stage), "[sh][/task/script]");
  EXPECT_EQ(text_of(script("x.sh")), "[sh][-c][./x.sh .escape/outputs.json]");
  EXPECT_EQ(text_of(script("x.sh a b")), "[sh][-c][./x.sh a b .escape/outputs.json]");
  EXPECT_EQ(text_of(script("./x.sh")), "[sh][-c][./x.sh .escape/outputs.json]");
  EXPECT_EQ(text_of(script(folder + "/x.sh a")), "[sh][-c][" + folder + "/x.sh a .escape/outputs.json]");
  EXPECT_EQ(text_of(script("../" + folder.substr(folder.rfind('/') + 1) + "/x.sh")),
            "[sh][-c][../" + folder.substr(folder.rfind('/') + 1) + "/x.sh .escape/outputs.json]");
  ASSERT_TRUE(io::write_file(folder + "/\\x.sh", "echo", 0600));
  EXPECT_EQ(text_of(script("\\x.sh")), "[sh][-c][\\x.sh .escape/outputs.json]") << "the author quotes for the shell";
  EXPECT_EQ(text_of(script("nope.sh a")), "Referenced deploy script 'nope.sh' does not exist");
  EXPECT_EQ(text_of(release::ExecStage{}), "The deploy step has nothing to run");
  EXPECT_EQ(text_of(script("  ")), "The deploy step has nothing to run");
}

TEST_F(Commands, AScriptGetsItsExecuteBits) {
  text_of(script("x.sh"));
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/x.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
}

TEST_F(Commands, ProgramsAreLookedUpInThePathOfTheScript) {
  ASSERT_TRUE(io::write_file(folder + "/tool", "#!/bin/sh\n", 0755));
  EXPECT_EQ(find_program("tool", "/nowhere:" + folder, "/").value(), folder + "/tool");
  EXPECT_EQ(find_program("./tool", "", folder).value(), folder + "/./tool");
  EXPECT_EQ(find_program("tool", "", folder).error().message, "exec: \"tool\": executable file not found in $PATH");
  EXPECT_EQ(find_program("tool", ":", folder).error().kind, ErrorKind::not_found)
      << "never the working folder by itself";
  EXPECT_EQ(find_program("/nope/tool", "", folder).error().kind, ErrorKind::not_found);
  EXPECT_EQ(find_program(folder, "", folder).error().kind, ErrorKind::no_permission);
}

TEST(CommandText, OfAFailure) {
  EXPECT_EQ(failure_text({"sh", "-c", "./x.sh .escape/outputs.json"}, "exit status 1"),
            "Failed to successfully execute command 'sh -c ./x.sh .escape/outputs.json': exit status 1");
}

}  // namespace escape::runner::command_test
