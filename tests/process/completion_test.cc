// Real shells with the scripts of `escape completion`: bash and zsh at a terminal that the test types into, fish by its
// own `complete -C`.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"
#include "tests/support/terminal.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Completion : public ::testing::Test {
 protected:
  Completion() : folder_(make_folder()) {
    fs::create_directories(workspace() + "/plans");
    fs::create_directories(folder_ + "/config/escape");
    fs::create_directories(folder_ + "/keys");
    write_text(workspace() + "/escape.yml", "name: quickstart/hello-world\nversion: 0.0.@\n");
    write_text(workspace() + "/plans/my-plan.yml", "name: quickstart/other\nversion: 1.0\n");
    write_text(folder_ + "/config/escape/config.yml", "current_profile: default\nprofiles: {default: {}, team: {}}\n");
    EXPECT_EQ(run({program("escape"), "run", "release"}).exit_status, 0);
    EXPECT_EQ(run({program("escape"), "tag", "quickstart/hello-world-v0.0.0", "stable"}).exit_status, 0);
    EXPECT_EQ(run({program("escape"), "run", "deploy", "quickstart/hello-world:stable", "-e", "stage"}).exit_status, 0);
  }
  ~Completion() override {
    expect_no_sanitizer_reports(folder_);
    fs::remove_all(folder_);
  }

  std::string workspace() const { return folder_ + "/workspace"; }
  std::vector<std::pair<std::string, std::string>> environment() const {
    const std::string bin = fs::path(program("escape")).parent_path();
    const char* path = ::getenv("PATH");
    return {{"PATH", bin + ":" + (path ? path : "")},
            {"HOME", folder_},
            {"XDG_CONFIG_HOME", folder_ + "/config"},
            {"XDG_DATA_HOME", folder_ + "/data"},
            {"ESCAPE_COMPLETION_TIMEOUT", "60s"},  // machines of tests are slower than people
            {"INPUTRC", "/dev/null"},
            {"TERM", "xterm"},
            {"LC_ALL", "C.UTF-8"}};
  }
  Ran run(const std::vector<std::string>& command) {
    const std::string name = folder_ + "/command-" + std::to_string(++commands_);
    std::map<std::string, std::string> variables;
    for (const auto& [key, value] : environment()) variables[key] = value;
    Process process(
        command,
        {.folder = workspace(), .environment = variables, .output_file = name + ".out", .error_file = name + ".err"});
    const int status = process.wait();
    return {status, read_text(name + ".out"), read_text(name + ".err")};
  }

  /// What each line must become when TAB is pressed behind it.
  void press_tab(Terminal& terminal) {
    const std::vector<std::pair<std::string, std::string>> lines{
        {"escape run dep", "escape run deploy"},
        {"escape run deploy --envir", "escape run deploy --environment"},
        {"escape run deploy -e sta", "escape run deploy -e stage"},
        {"escape status --environment=sta", "escape status --environment=stage"},
        {"escape run destroy -e stage -d quick", "escape run destroy -e stage -d quickstart/hello-world"},
        {"escape run deploy quickstart/hello-world:s", "escape run deploy quickstart/hello-world:stable"},
        {"escape run deploy quickstart/hello-world-v", "escape run deploy quickstart/hello-world-v0.0.0"},
        {"escape --profile te", "escape --profile team"},
        {"escape run build --plan plans/m", "escape run build --plan plans/my-plan.yml"}};
    for (const auto& [typed, becomes] : lines) {
      terminal.forget();
      terminal.type(typed + "\t");
      EXPECT_TRUE(terminal.shows(becomes)) << typed << "\n" << terminal.seen();
      terminal.type("\x15");  // the line is taken back
    }
  }

  std::string folder_;
  int commands_ = 0;
};

TEST_F(Completion, Bash) {
  Terminal bash({"bash", "--noprofile", "--norc", "-i"}, workspace(), environment());
  bash.type("bind 'set enable-bracketed-paste off'; source <(escape completion bash); echo read''y\n");
  ASSERT_TRUE(bash.shows("ready")) << bash.seen();
  press_tab(bash);
}

TEST_F(Completion, Zsh) {
  Terminal zsh({"zsh", "-f", "-i"}, workspace(), environment());
  zsh.type(
      "unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source <(escape completion zsh); echo "
      "read''y\n");
  ASSERT_TRUE(zsh.shows("ready")) << zsh.seen();
  press_tab(zsh);
}

TEST_F(Completion, Fish) {
  const auto complete = [&](const std::string& line) {
    return run({"fish", "--no-config", "-c", "escape completion fish | source; complete -C '" + line + "'"}).all();
  };
  EXPECT_EQ(complete("escape run dep"), "deploy\tDeploy a release, or the plan in this folder\n");
  EXPECT_EQ(complete("escape run deploy -e sta"), "stage\n");
  EXPECT_EQ(complete("escape status --environment=sta"), "--environment=stage\n");
  EXPECT_EQ(complete("escape run deploy quickstart/hello-world:s"), "quickstart/hello-world:stable\tv0.0.0\n");
  EXPECT_EQ(complete("escape --profile te"), "team\n");
  EXPECT_TRUE(has(complete("escape run build --plan plans/m"), "plans/my-plan.yml"));
}

// A controller that does not answer costs a moment, not the person's patience; and says nothing.
TEST_F(Completion, NamesThatDoNotComeAreLeftOut) {
  write_text(folder_ + "/keys/k.key", std::string(64, '1') + "\n" + std::string(64, '2') + "\n", 0600);
  write_text(folder_ + "/config/escape/config.yml",
             "profiles: {default: {controller: {address: \"127.0.0.1:1\", key: "
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA}, key_file: " +
                 folder_ + "/keys/k.key}}\n");
  const Ran ran =
      run({"env", "ESCAPE_COMPLETION_TIMEOUT=1s", program("escape"), "__complete", "--", "status", "-e", ""});
  EXPECT_EQ(ran.exit_status, 0);
  EXPECT_EQ(ran.all(), "");
}

}  // namespace
}  // namespace escape::testing
