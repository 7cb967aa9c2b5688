#include "controller/cli/completion.h"

#include <gtest/gtest.h>

#include "controller/cli/commands.h"
#include "controller/cli/fake_controller_for_tests.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

// What the shells' scripts are answered. Real shells: tests/process/completion_test.cc.
namespace escape::cli {
namespace completion_testing {

namespace request = protocol::request;
namespace reply = protocol::reply;

class Completion : public ::testing::Test, public Cli {
 protected:
  Completion() {
    controller.answer = [](const protocol::Request& asked) -> Result<protocol::Reply> {
      if (std::holds_alternative<request::ListEnvironments>(asked)) {
        reply::Environments environments;
        for (const char* name : {"stage", "live", "$(reboot)"}) {
          environments.environments.emplace_back();
          environments.environments.back().name = name;
        }
        return protocol::Reply(environments);
      }
      if (const auto* list = std::get_if<request::ListDeployments>(&asked)) {
        reply::Deployments deployments;
        for (const auto& [environment, deployment] :
             {std::pair{"stage", "prj/app"}, std::pair{"live", "prj/app"}, std::pair{"live", "web"}}) {
          if (!list->environment.empty() && list->environment != environment) continue;
          deployments.cells.emplace_back();
          deployments.cells.back().environment = environment;
          deployments.cells.back().deployment = deployment;
        }
        return protocol::Reply(deployments);
      }
      if (std::holds_alternative<request::ListJobs>(asked)) {
        protocol::JobView job;
        job.number = 12;
        job.environment = "stage";
        job.deployment = "prj/a\npp";
        job.state = "running";
        return protocol::Reply(reply::Jobs{{job}, false});
      }
      if (std::holds_alternative<request::ListAgents>(asked)) {
        protocol::AgentView agent;
        agent.name = "web-1";
        agent.environment = "live";
        agent.state = "online";
        return protocol::Reply(reply::Agents{{agent}});
      }
      return fail(ErrorKind::no_permission, "not for you");
    };
    inventory.tagged = {{"stable", "0.9"}, {"a b", "0.10"}, {"$(reboot)", "0.9"}};
  }

  /// The words alone, in the order of the answer.
  std::vector<std::string> words(const std::vector<std::string>& typed) {
    std::vector<std::string> found;
    for (const std::string& line : lines(typed)) found.push_back(line.substr(0, line.find('\t')));
    return found;
  }
  std::vector<std::string> lines(std::vector<std::string> typed) {
    typed.insert(typed.begin(), {"__complete", "--"});
    EXPECT_EQ(run(typed), 0);
    EXPECT_EQ(console.told, "");
    std::vector<std::string> found = split(console.printed, '\n');
    EXPECT_EQ(found.back(), "");
    found.pop_back();
    return found;
  }
};

using Words = std::vector<std::string>;

TEST_F(Completion, CommandsAndFlags) {
  EXPECT_EQ(words({"st"}), (Words{"status", "state"}));
  EXPECT_EQ(lines({"run", "dep"}), Words{"deploy\tDeploy a release, or the plan in this folder"});
  EXPECT_EQ(words({"run", "deploy", "--env"}), Words{"--environment"});
  EXPECT_EQ(words({"--profile", "x", "ver"}), Words{"version"});
  EXPECT_EQ(words({"help", "run", "pro"}), Words{"promote"});
  EXPECT_EQ(words({"nope", ""}), Words{});
  EXPECT_EQ(words({"run", "nope", ""}), Words{});
  EXPECT_EQ(words({"--logg"}), Words{"--logger"});
  const Words all = words({""});
  EXPECT_EQ(std::ranges::count(all, "run"), 1);
  EXPECT_EQ(std::ranges::count(all, "__complete"), 0);
}

TEST_F(Completion, ValuesOfFlagsAndArguments) {
  EXPECT_EQ(words({"run", "deploy", "-e", ""}), (Words{"stage", "live"}));
  EXPECT_EQ(words({"run", "deploy", "--environment", "st"}), Words{"stage"});
  EXPECT_EQ(words({"run", "deploy", "--environment=st"}), Words{"--environment=stage"});
  EXPECT_EQ(words({"run", "deploy", "-est"}), Words{"-estage"});
  EXPECT_EQ(words({"run", "promote", "--to", "l"}), Words{"live"});
  EXPECT_EQ(words({"run", "destroy", "-d", ""}), (Words{"prj/app", "web"}));
  EXPECT_EQ(words({"run", "destroy", "-estage", "-d", ""}), Words{"prj/app"});
  EXPECT_EQ(lines({"jobs", "show", ""}), Words{"12\tdeploy prj/a pp in stage: running"});
  EXPECT_EQ(lines({"agents", "remove", "w"}), Words{"web-1\tlive, online"});
  EXPECT_EQ(words({"jobs", "resolve", "12", "--as", ""}), (Words{"ok", "failed"}));
  EXPECT_EQ(words({"run", "deploy", "--plan", ""}), Words{":files"});
  EXPECT_EQ(words({"completion", ""}), (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(words({"config", "profile", "basic_"}), (Words{"basic_auth_password", "basic_auth_username"}));
  // Behind a number there is no second one; and what may not be asked gives nothing.
  EXPECT_EQ(words({"jobs", "show", "12", ""}), Words{});
  EXPECT_EQ(words({"principals", "remove", ""}), Words{});
}

TEST_F(Completion, ReleasesTagsAndVersions) {
  EXPECT_EQ(words({"run", "deploy", "quick"}), Words{"quickstart/"});
  EXPECT_EQ(words({"run", "deploy", "quickstart/"}), (Words{"quickstart/b-latest", "quickstart/a-latest"}));
  EXPECT_EQ(words({"run", "deploy", "quickstart/a"}),
            (Words{"quickstart/a-latest", "quickstart/a-v0.10", "quickstart/a-v0.9"}));
  EXPECT_EQ(words({"pull", "a-latest", "b-v0.1"}), Words{"b-v0.10"});
  // Names that a shell would read are not given: they would run when the line is sent.
  EXPECT_EQ(lines({"run", "deploy", "a:"}), Words{"a:stable\tv0.9"});
  EXPECT_EQ(words({"tag", "aa:stable", ""}), Words{"stable"});
  EXPECT_EQ(words({"tag", "--remove", "quickstart/", "x"}), Words{});
  EXPECT_EQ(words({"tag", "--remove", "quickstart/"}), (Words{"quickstart/b", "quickstart/a"}));
  EXPECT_EQ(words({"inventory", "query", "-p", "q"}), Words{"quickstart"});
  EXPECT_EQ(words({"inventory", "query", "-p", "quickstart", "-a", ""}), (Words{"b", "a"}));
  EXPECT_EQ(words({"inventory", "query", "-pquickstart", "-aa", "-v", ""}),
            (Words{"latest", "v0.10", "v0.9", "stable"}));
}

TEST_F(Completion, ProfilesComeFromTheFileThatIsNamed) {
  const std::string folder = io::make_temporary_folder("escape-completion").value();
  ASSERT_TRUE(io::write_file(folder + "/c.yml", "current_profile: a\nprofiles: {a: {}, bb: {}}\n"));
  EXPECT_EQ(words({"-c", folder + "/c.yml", "config", "set-profile", ""}), (Words{"a", "bb"}));
  EXPECT_EQ(words({"-c", folder + "/c.yml", "--profile", "b"}), Words{"bb"});
  ASSERT_TRUE(io::write_file(folder + "/c.yml", "{"));
  EXPECT_EQ(words({"-c", folder + "/c.yml", "config", "set-profile", ""}), Words{});
  ASSERT_TRUE(io::remove_all(folder));
}

TEST_F(Completion, EveryCommandIsOffered) {
  for (const Command& command : commands()) {
    const Words offered = command.verb.empty() ? words({std::string(command.noun)})
                                               : words({std::string(command.noun), std::string(command.verb)});
    const std::string last(command.verb.empty() ? command.noun : command.verb);
    EXPECT_NE(std::ranges::find(offered, last), offered.end()) << command.noun << " " << command.verb;
  }
}

TEST_F(Completion, ScriptsAreForTheThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(run({"completion", shell}), 0) << console.told;
    EXPECT_NE(console.printed.find("__complete"), std::string::npos);
  }
  EXPECT_EQ(run({"completion", "bsh"}), 64);
  EXPECT_NE(console.told.find("Did you mean 'bash'?"), std::string::npos) << console.told;
  EXPECT_EQ(run({"completion"}), 64) << console.told;
}

}  // namespace completion_testing
}  // namespace escape::cli
