#include "controller/cli/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "controller/cli/fake_controller_for_tests.h"
#include "controller/cli/git.h"
#include "shared/codec/domain.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace workspace_testing {

namespace request = protocol::request;
namespace reply = protocol::reply;

/// A folder with a plan whose steps are all there, and a program that works in it.
struct WorkspaceCli : Cli {
  std::string folder = io::make_temporary_folder("escape-cli-workspace").value();
  std::string plan = folder + "/escape.yml";
  std::vector<std::string> story;  ///< what was asked of the controller, in short
  protocol::JobKind failing{};     ///< with `has_failing`
  bool has_failing = false;
  std::map<std::string, std::string> standing;  ///< trial environments and the status of what is in them
  std::vector<protocol::JobView> running;       ///< in a trial's environment
  Value::Object lender;                         ///< deployments of dev, as exported

  WorkspaceCli() {
    EXPECT_TRUE(io::write_file(plan,
                               "name: quickstart/hello-world\nversion: 0.0.@\ninputs:\n- id: who\n  default: World\n"
                               "build: build.sh\ntest: build.sh\ndeploy: deploy.sh\nsmoke: deploy.sh\n"));
    EXPECT_TRUE(io::write_file(folder + "/build.sh", "#!/bin/sh\n", 0755));
    EXPECT_TRUE(io::write_file(folder + "/deploy.sh", "#!/bin/sh\n", 0755));
    controller.answer = [this](const protocol::Request& asked) { return answer_one(asked); };
  }
  ~WorkspaceCli() { EXPECT_TRUE(io::remove_all(folder)); }

  Result<protocol::Reply> answer_one(const protocol::Request& asked) {
    if (const auto* submit = std::get_if<request::Submit>(&asked)) {
      const bool is_trial = submit->environment.starts_with("release-");
      std::string line =
          std::string(name_of(submit->kind)) + " " + (is_trial ? "trial" : submit->environment) + " " + submit->release;
      for (const std::string& stage : submit->stages) line += " " + stage;
      if (submit->workspace.empty()) line += " released";
      story.push_back(line);
      const bool fails = has_failing && submit->kind == failing;
      controller.end.outcome = fails ? protocol::JobOutcome::failed : protocol::JobOutcome::ok;
      controller.end.error_kind = fails ? "failed" : "";
      if (is_trial && submit->kind == protocol::JobKind::destroy) {
        standing[submit->environment] = fails ? "destroy_failure" : "empty";
      } else if (is_trial) {
        standing[submit->environment] = fails ? "failure" : "ok";
      }
      return protocol::Reply(reply::JobMade{1});
    }
    if (const auto* apply = std::get_if<request::ApplyEnvironment>(&asked)) {
      story.push_back(apply->is_trial ? "make trial" : "apply");
      return protocol::Reply(reply::Done{});
    }
    if (std::holds_alternative<request::ListJobs>(asked)) return protocol::Reply(reply::Jobs{running, false});
    if (const auto* cancel = std::get_if<request::CancelJob>(&asked)) {
      story.push_back("cancel " + std::to_string(cancel->job));
      return protocol::Reply(reply::Done{});
    }
    if (const auto* list = std::get_if<request::ListDeployments>(&asked)) {
      protocol::DeploymentCell cell;
      cell.environment = list->environment;
      cell.deployment = "quickstart/hello-world";
      cell.status = standing[list->environment];
      return protocol::Reply(reply::Deployments{{cell}, {}, {}, {}});
    }
    if (const auto* wanted = std::get_if<request::ExportState>(&asked)) {
      return protocol::Reply(reply::State{Value::Object{
          {"environments",
           Value::Object{{wanted->environment, Value::Object{{"deployments", Value::Object(lender)}}}}}}});
    }
    if (const auto* import = std::get_if<request::ImportState>(&asked)) {
      std::string line = "lend";
      const Value* environments = import->state.as_object()->find("environments");
      const Value* trial = environments->as_object()->find(import->environment);
      for (const auto& [name, deployment] : *trial->as_object()->find("deployments")->as_object()) line += " " + name;
      story.push_back(line);
      return protocol::Reply(reply::Imported{});
    }
    if (std::holds_alternative<request::RemoveEnvironment>(asked)) {
      story.push_back("remove trial");
      return protocol::Reply(reply::Done{});
    }
    return fail(ErrorKind::not_found, "no such thing");
  }
};

const std::string hello8 = "quickstart/hello-world-v0.0.8";

TEST(RunRelease, TakesAVersionBuildsTriesPacksAndPublishes) {
  WorkspaceCli cli;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan, "-v", "who=Me"}), 0) << cli.console.told;
  EXPECT_EQ(cli.story,
            (std::vector<std::string>{"build dev " + hello8 + " test destroy", "make trial", "deploy trial " + hello8,
                                      "smoke trial " + hello8, "destroy trial " + hello8 + " deploy", "remove trial"}));
  EXPECT_EQ(cli.inventory.reservations, 1);
  EXPECT_TRUE(cli.inventory.published.contains(hello8));
  std::vector<std::string> paths;
  for (const PackFile& file : cli.packed) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"release.json", "build.sh", "deploy.sh"}));
  EXPECT_TRUE(cli.console.told.starts_with("Release: Releasing " + hello8 + "\n")) << cli.console.told;
  EXPECT_NE(cli.console.told.find("  Package: ✔️ Packaged " + hello8 + " at "), std::string::npos) << cli.console.told;
  EXPECT_NE(cli.console.told.find("  Push: ✔️ Push successful.\n"), std::string::npos);
  EXPECT_TRUE(cli.console.told.ends_with("Release: ✔️ Successfully released " + hello8 + "\n"));
}

std::string unfinished_of(const WorkspaceCli& cli) { return cli.folder + "/.escape/release.json"; }

TEST(RunRelease, WhatAFailedTrialHasDeployedIsDestroyed) {
  for (const protocol::JobKind kind : {protocol::JobKind::deploy, protocol::JobKind::smoke}) {
    WorkspaceCli cli;
    cli.has_failing = true;
    cli.failing = kind;
    EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 3);
    ASSERT_GE(cli.story.size(), 2u);
    EXPECT_EQ(cli.story[cli.story.size() - 2], "destroy trial " + hello8 + " deploy");
    EXPECT_EQ(cli.story.back(), "remove trial");
    EXPECT_TRUE(cli.inventory.published.empty());
    WorkspaceCli leaving;
    leaving.has_failing = true;
    leaving.failing = kind;
    EXPECT_EQ(leaving.run({"run", "release", "--plan", leaving.plan, "--skip-deploy-destroy"}), 3);
    EXPECT_EQ(leaving.story.back(), "remove trial");
    const auto destroys = [](const std::string& line) { return line.starts_with("destroy trial"); };
    EXPECT_TRUE(std::ranges::none_of(leaving.story, destroys));
  }
}

TEST(RunRelease, ATrialThatCannotBeDestroyedStaysAndTheNextRunTriesAgain) {
  WorkspaceCli cli;
  cli.has_failing = true;
  cli.failing = protocol::JobKind::destroy;
  const std::vector<std::string> release{"run", "release", "--plan", cli.plan, "--skip-build"};
  EXPECT_EQ(cli.run(release), 3);
  EXPECT_EQ(cli.story.back(), "destroy trial " + hello8 + " deploy");
  ASSERT_EQ(cli.standing.size(), 1u);
  const std::string trial = cli.standing.begin()->first;
  EXPECT_NE(cli.console.told.find("The trial environment " + trial + " stays: quickstart/hello-world may still be"),
            std::string::npos)
      << cli.console.told;
  EXPECT_NE(cli.console.told.find("`escape run destroy -d quickstart/hello-world -e " + trial +
                                  "`, then `escape environments remove " + trial + "`."),
            std::string::npos)
      << cli.console.told;
  EXPECT_NE(io::read_file(unfinished_of(cli)).value().find(trial), std::string::npos);

  // Still not: the next one says so and does its own work, which fails in the same way.
  cli.story.clear();
  EXPECT_EQ(cli.run(release), 3);
  EXPECT_EQ(cli.story.front(), "destroy trial " + hello8 + " deploy");
  EXPECT_EQ(cli.standing.size(), 2u);
  cli.story.clear();
  cli.has_failing = false;
  EXPECT_EQ(cli.run(release), 0) << cli.console.told;
  const std::vector<std::string> cleared{"destroy trial " + hello8 + " deploy", "remove trial",
                                         "destroy trial " + hello8 + " deploy", "remove trial", "make trial"};
  ASSERT_GE(cli.story.size(), cleared.size());
  EXPECT_EQ(std::vector(cli.story.begin(), cli.story.begin() + 5), cleared);
  EXPECT_FALSE(io::exists(unfinished_of(cli)));
}

TEST(RunRelease, EndsWhatAKilledOneHasLeftRunning) {
  WorkspaceCli cli;
  cli.has_failing = true;
  cli.failing = protocol::JobKind::destroy;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 3);
  cli.has_failing = false;
  cli.story.clear();
  protocol::JobView deploy;
  deploy.number = 4;
  cli.running = {deploy};
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan, "--skip-deploy", "--skip-build"}), 0) << cli.console.told;
  EXPECT_EQ(cli.story, (std::vector<std::string>{"cancel 4", "destroy trial " + hello8 + " deploy", "remove trial"}));
}

Value provider_of(const std::string& interface, const std::string& uses = {}) {
  Value::Object providers;
  if (!uses.empty()) providers.set("x", uses);
  return Value::Object{
      {"stages", Value::Object{{"deploy", Value::Object{{"provides", Value::List{interface}},
                                                        {"providers", Value(std::move(providers))}}}}}};
}

TEST(RunRelease, IsTriedWithTheProvidersOfTheEnvironment) {
  WorkspaceCli cli;
  ASSERT_TRUE(io::write_file(cli.plan,
                             "name: quickstart/hello-world\nversion: 0.0.@\nconsumes: [kube]\n"
                             "deploy: deploy.sh\n"));
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 1);
  EXPECT_TRUE(cli.story.empty()) << "told before any work";
  EXPECT_NE(cli.console.told.find(hello8 + " consumes 'kube', which nothing provides in the environment dev."),
            std::string::npos)
      << cli.console.told;
  EXPECT_NE(cli.console.told.find("--skip-deploy"), std::string::npos);
  cli.lender = Value::Object{{"a/kube", provider_of("kube", "a/cloud")},
                             {"a/cloud", provider_of("cloud")},
                             {"a/other", provider_of("other")},
                             {"quickstart/hello-world", provider_of("kube")}};
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan, "-p", "kube=a/none"}), 1);
  EXPECT_TRUE(cli.story.empty());
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 0) << cli.console.told;
  ASSERT_GE(cli.story.size(), 3u);
  EXPECT_EQ(cli.story[1], "make trial");
  EXPECT_EQ(cli.story[2], "lend a/kube a/cloud");
}

TEST(RunRelease, AFailingBuildEndsItBeforeTheTrial) {
  WorkspaceCli cli;
  cli.has_failing = true;
  cli.failing = protocol::JobKind::build;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 3);
  EXPECT_EQ(cli.story, (std::vector<std::string>{"build dev " + hello8 + " test destroy"}));
}

TEST(RunRelease, SkipsWhatItIsTold) {
  WorkspaceCli cli;
  EXPECT_EQ(
      cli.run({"run", "release", "--plan", cli.plan, "--skip-build", "--skip-deploy", "--override-version", "2.1"}), 0)
      << cli.console.told;
  EXPECT_TRUE(cli.story.empty());
  EXPECT_TRUE(cli.inventory.published.contains("quickstart/hello-world-v2.1"));
  EXPECT_EQ(cli.inventory.reservations, 0);
}

TEST(RunRelease, AnExistingVersionIsToldBeforeAnyWork) {
  WorkspaceCli cli;
  ASSERT_EQ(cli.run({"run", "release", "--plan", cli.plan, "--override-version", "2.1"}), 0);
  cli.story.clear();
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan, "--override-version", "2.1"}), 6);
  EXPECT_TRUE(cli.story.empty());
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan, "--override-version", "2.1", "--skip-if-exists"}), 0);
  EXPECT_NE(cli.console.told.find("Skipping release, because version v2.1 already exists in the Inventory"),
            std::string::npos);
  EXPECT_TRUE(cli.story.empty());
}

TEST(RunRelease, GoesOnWithThePackageThatCouldNotBePublished) {
  WorkspaceCli cli;
  const std::vector<std::string> release{"run", "release", "--plan", cli.plan, "-v", "who=Me"};
  cli.inventory.trouble = FakeInventory::Trouble::before;
  EXPECT_EQ(cli.run(release), 69) << cli.console.told;
  EXPECT_FALSE(cli.story.empty());
  cli.story.clear();
  EXPECT_EQ(cli.run(release), 69) << "and once more";
  cli.inventory.trouble = FakeInventory::Trouble::none;
  EXPECT_EQ(cli.run(release), 0) << cli.console.told;
  EXPECT_TRUE(cli.story.empty()) << "nothing is built or tried again: " << cli.story.front();
  EXPECT_EQ(cli.inventory.reservations, 1);
  EXPECT_TRUE(cli.inventory.published.contains(hello8));
  EXPECT_TRUE(cli.console.told.starts_with("Release: Resuming the release of " + hello8 +
                                           ": its package was made by the run before.\n"))
      << cli.console.told;
  EXPECT_TRUE(cli.console.told.ends_with("Release: ✔️ Successfully released " + hello8 + "\n"));
  EXPECT_FALSE(io::exists(unfinished_of(cli)));
}

TEST(RunRelease, FindsThatItWasPublishedAndOnlyTheAnswerWasLost) {
  WorkspaceCli cli;
  cli.inventory.trouble = FakeInventory::Trouble::after;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 69) << cli.console.told;
  cli.story.clear();
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_TRUE(cli.story.empty());
  EXPECT_TRUE(cli.console.told.starts_with("Release: " + hello8 + " was published by the run before.\n"))
      << cli.console.told;
  EXPECT_FALSE(io::exists(unfinished_of(cli)));
}

TEST(RunRelease, DoesEverythingAgainWhenItIsNotTheSame) {
  const std::vector<std::function<void(WorkspaceCli&, std::vector<std::string>&)>> changes{
      [](WorkspaceCli& cli, std::vector<std::string>&) {
        EXPECT_TRUE(io::write_file(cli.folder + "/build.sh", "#!/bin/sh\ntrue\n", 0755));
      },
      [](WorkspaceCli& cli, std::vector<std::string>&) {
        EXPECT_TRUE(io::write_file(cli.folder + "/.escape/target/hello-world-v0.0.8.tgz", "changed"));
      },
      [](WorkspaceCli& cli, std::vector<std::string>&) { EXPECT_TRUE(io::write_file(unfinished_of(cli), "{")); },
      [](WorkspaceCli&, std::vector<std::string>& release) { release.insert(release.end(), {"-v", "who=You"}); },
      // The first run had skipped them.
      [](WorkspaceCli&, std::vector<std::string>& release) { std::erase(release, "--skip-tests"); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    WorkspaceCli cli;
    std::vector<std::string> release{"run", "release", "--plan", cli.plan, "--skip-tests"};
    cli.inventory.trouble = FakeInventory::Trouble::before;
    EXPECT_EQ(cli.run(release), 69) << cli.console.told;
    cli.inventory.trouble = FakeInventory::Trouble::none;
    cli.story.clear();
    changes[i](cli, release);
    EXPECT_EQ(cli.run(release), 0) << i << cli.console.told;
    EXPECT_FALSE(cli.story.empty()) << i;
  }
}

TEST(RunRelease, AFailedTryGetsItsNumberAgain) {
  WorkspaceCli cli;
  cli.has_failing = true;
  cli.failing = protocol::JobKind::build;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 3);
  cli.has_failing = false;
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_EQ(cli.inventory.reservations, 2);
  EXPECT_EQ(cli.inventory.holders.size(), 1u) << "the inventory knows who it was";
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 6) << "this fake one gives no other";
  EXPECT_EQ(cli.inventory.holders.size(), 2u);
}

TEST(RunRelease, RemovesTheTrialOfARunThatWasKilled) {
  WorkspaceCli cli;
  ASSERT_TRUE(io::make_folders(cli.folder + "/.escape"));
  ASSERT_TRUE(io::write_file(unfinished_of(cli), R"({"application":"_/other","asked":"1","version":"1",)"
                                                 R"("trials":[{"environment":"release-1234"}]})"));
  EXPECT_EQ(cli.run({"run", "release", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_EQ(cli.story.front(), "remove trial");
}

/// The same folder as a git repository with one commit and a remote.
struct GitCli : WorkspaceCli {
  std::string remote = io::make_temporary_folder("escape-cli-git").value();
  GitCli() {
    EXPECT_TRUE(run_git(remote, {"init", "-q", "--bare"}));
    git({"init", "-q"});
    git({"remote", "add", "origin", remote});
    EXPECT_TRUE(io::write_file(folder + "/.gitignore", ".escape\n"));
    commit();
  }
  ~GitCli() { EXPECT_TRUE(io::remove_all(remote)); }
  std::string git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-c", "user.name=Ann", "-c", "user.email=ann@example.org"});
    const Result<std::string> done = run_git(folder, arguments);
    EXPECT_TRUE(done) << done.error().message;
    return done ? done.value() : "";
  }
  void commit() {
    git({"config", "user.name", "Ann"});
    git({"config", "user.email", "ann@example.org"});
    git({"add", "."});
    git({"commit", "-q", "-m", "Something", "--allow-empty"});
  }
  int release(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"run", "release", "--plan", plan, "--tag-git"});
    return run(more);
  }
};

TEST(RunRelease, TagsTheCommitAndPushesTheTag) {
  GitCli cli;
  EXPECT_EQ(cli.release(), 0) << cli.console.told;
  EXPECT_EQ(cli.git({"tag", "--points-at", "HEAD"}), hello8 + "\n");
  EXPECT_EQ(cli.git({"tag", "-l", "--format=%(contents:subject)"}), "Escape release " + hello8 + "\n");
  EXPECT_EQ(run_git(cli.remote, {"tag"}).value(), hello8 + "\n");
  GitCli local;
  EXPECT_EQ(local.release({"--push-git-tags=false"}), 0) << local.console.told;
  EXPECT_EQ(local.git({"tag"}), hello8 + "\n");
  EXPECT_EQ(run_git(local.remote, {"tag"}).value(), "");
}

TEST(RunRelease, WhatKeepsGitFromTaggingIsToldBeforeAnyWork) {
  GitCli without_remote;
  without_remote.git({"remote", "remove", "origin"});
  EXPECT_EQ(without_remote.release(), 5);
  EXPECT_NE(without_remote.console.told.find("There is no git remote 'origin' to push the tag to."), std::string::npos);
  EXPECT_TRUE(without_remote.story.empty());
  EXPECT_EQ(without_remote.release({"--push-git-tags=false"}), 0) << without_remote.console.told;

  GitCli elsewhere;
  elsewhere.git({"tag", "-a", hello8, "-m", "mine"});
  elsewhere.commit();
  EXPECT_EQ(elsewhere.release(), 6);
  EXPECT_NE(elsewhere.console.told.find("The git tag '" + hello8 + "' is there already, at another commit."),
            std::string::npos)
      << elsewhere.console.told;
  EXPECT_TRUE(elsewhere.story.empty());
  EXPECT_TRUE(elsewhere.inventory.published.empty());

  WorkspaceCli no_repository;
  EXPECT_EQ(no_repository.run({"run", "release", "--plan", no_repository.plan, "--tag-git"}), 5);
  EXPECT_TRUE(no_repository.story.empty());
}

TEST(RunRelease, ATagThatCouldNotBePushedIsPushedByTheNextRun) {
  GitCli cli;
  ASSERT_TRUE(io::rename(cli.remote, cli.remote + "-away"));
  EXPECT_EQ(cli.release(), 3) << cli.console.told;
  EXPECT_NE(cli.console.told.find("Failed to push tag " + hello8), std::string::npos) << cli.console.told;
  EXPECT_TRUE(cli.inventory.published.contains(hello8));
  ASSERT_TRUE(io::rename(cli.remote + "-away", cli.remote));
  cli.story.clear();
  EXPECT_EQ(cli.release(), 0) << cli.console.told;
  EXPECT_TRUE(cli.story.empty());
  EXPECT_EQ(run_git(cli.remote, {"tag"}).value(), hello8 + "\n");
}

TEST(PlanPreview, TellsTheCommitAlsoWithoutARemoteAndNoPassword) {
  GitCli cli;
  const auto preview = [&] {
    cli.console.printed.clear();
    EXPECT_EQ(cli.run({"plan", "preview", "--plan", cli.plan}), 0) << cli.console.told;
    return codec::parse_release_json(cli.console.printed).value();
  };
  cli.git({"remote", "set-url", "origin", "https://ann:secret@example.org/x.git"});
  EXPECT_EQ(preview().repository, "https://example.org/x.git");
  cli.git({"remote", "remove", "origin"});
  const release::Metadata metadata = preview();
  EXPECT_EQ(metadata.repository, "");
  EXPECT_EQ(metadata.revision_message, "Something");
  EXPECT_EQ(metadata.revision_author, "Ann <ann@example.org>");
  EXPECT_EQ(metadata.git_revision + "\n", cli.git({"rev-parse", "HEAD"}));
}

/// What the metadata says of the remote is not what was in the way.
TEST(RunRelease, ATagIsPushedToARemoteWhoseAddressWasRepaired) {
  GitCli cli;
  cli.git({"remote", "set-url", "origin", cli.remote + "-typo"});
  EXPECT_EQ(cli.release(), 3) << cli.console.told;
  EXPECT_TRUE(cli.inventory.published.contains(hello8));
  cli.git({"remote", "set-url", "origin", cli.remote});
  cli.story.clear();
  EXPECT_EQ(cli.release(), 0) << cli.console.told;
  EXPECT_TRUE(cli.story.empty());
  EXPECT_EQ(cli.inventory.reservations, 1);
  EXPECT_EQ(run_git(cli.remote, {"tag"}).value(), hello8 + "\n");
}

TEST(RunDeploy, WithoutAReleaseDeploysThisFolder) {
  WorkspaceCli cli;
  EXPECT_EQ(cli.run({"run", "deploy", "--plan", cli.plan, "-e", "dev"}), 0) << cli.console.told;
  const auto* submit = cli.controller.last<request::Submit>();
  ASSERT_TRUE(submit);
  EXPECT_EQ(submit->workspace, io::absolute_path(cli.folder));
  EXPECT_EQ(submit->release, "quickstart/hello-world-v0.0.7");
  EXPECT_FALSE(submit->metadata.is_null());
}

/// A deployment of this package at 0.0.3, made by a job whose step ran on `agent`.
void record(WorkspaceCli& cli, const std::string& agent) {
  cli.controller.answer = [&cli, agent](const protocol::Request& asked) -> Result<protocol::Reply> {
    if (std::holds_alternative<request::ShowDeployment>(asked)) {
      const Value::Object stage{{"version", "0.0.3"}, {"status", Value::Object{{"status", "ok"}}}};
      return protocol::Reply(reply::Deployment{Value::Object{{"stages", Value::Object{{"deploy", stage}}}}});
    }
    if (std::holds_alternative<request::ListDeployments>(asked)) {
      protocol::DeploymentCell cell;
      cell.environment = "dev";
      cell.deployment = "quickstart/hello-world";
      cell.job = 9;
      return protocol::Reply(reply::Deployments{{cell}, {"dev"}, {}, {}});
    }
    if (std::holds_alternative<request::ShowJob>(asked)) {
      protocol::TaskView task;
      task.agent = agent;
      protocol::JobView job;
      job.tasks = {task};
      return protocol::Reply(reply::Job{job});
    }
    return cli.answer_one(asked);
  };
}

TEST(RunSmoke, TestsWhatIsThereWhereItIs) {
  WorkspaceCli released;
  record(released, "stage-1");
  EXPECT_EQ(released.run({"run", "smoke", "--plan", released.plan}), 0) << released.console.told;
  EXPECT_EQ(released.story, (std::vector<std::string>{"smoke dev  released"}));
  WorkspaceCli unreleased;
  record(unreleased, "workspace:me");
  EXPECT_EQ(unreleased.run({"run", "smoke", "--plan", unreleased.plan}), 0) << unreleased.console.told;
  EXPECT_EQ(unreleased.story, (std::vector<std::string>{"smoke dev quickstart/hello-world-v0.0.3"}));
}

TEST(RunDestroy, SaysFromWhichFolderItWasDeployed) {
  WorkspaceCli cli;
  const auto refused = [&](const std::string& agent) {
    record(cli, agent);
    EXPECT_EQ(cli.run({"run", "destroy", "-d", "quickstart/hello-world", "--plan", cli.folder + "/none.yml"}), 1);
    EXPECT_TRUE(cli.story.empty());
    return cli.console.told;
  };
  EXPECT_EQ(refused("workspace:me:/srv/hello"),
            "Error: The deployment quickstart/hello-world of the environment dev was deployed from the folder "
            "'/srv/hello', not from a release, and its plan '" +
                cli.folder + "/none.yml' is not here.\nRun this in that folder, or give its plan with --plan FILE.\n");
  EXPECT_NE(refused("workspace:me").find("was deployed from the plan of a folder, not from"), std::string::npos);
}

TEST(RunDestroy, DestroysTheStagesThatAreThere) {
  WorkspaceCli cli;
  record(cli, "stage-1");
  EXPECT_EQ(cli.run({"run", "destroy", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_EQ(cli.story, (std::vector<std::string>{"destroy dev  deploy released"}));
  EXPECT_EQ(cli.run({"run", "destroy", "--plan", cli.plan, "--skip-deployment"}), 1);
  EXPECT_EQ(cli.run({"run", "destroy", "--plan", cli.folder + "/none.yml"}), 64);
}

TEST(PlanPreview, PrintsTheMetadataWithTheNextVersionAndWritesNothing) {
  WorkspaceCli cli;
  EXPECT_EQ(cli.run({"plan", "preview", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_NE(cli.console.printed.find("\"version\": \"0.0.7\""), std::string::npos) << cli.console.printed;
  EXPECT_EQ(cli.inventory.reservations, 0);
  EXPECT_TRUE(cli.inventory.published.empty());
  EXPECT_TRUE(cli.controller.asked.empty());
}

/// The latest release that `plan diff` compares with.
void publish_latest(WorkspaceCli& cli, const std::function<void(release::Metadata&)>& change) {
  ASSERT_EQ(cli.run({"plan", "preview", "--plan", cli.plan}), 0);
  release::Metadata metadata = codec::parse_release_json(cli.console.printed).value();
  change(metadata);
  cli.inventory.published["quickstart/hello-world-latest"] = metadata;
}

TEST(PlanDiff, PrintsWhatChangedSinceTheLatestRelease) {
  WorkspaceCli cli;
  publish_latest(cli, [](release::Metadata& metadata) {
    metadata.version = "0.0.6";
    metadata.inputs[0].fallback = 1.5;
    metadata.stages.erase("smoke");
  });
  EXPECT_EQ(cli.run({"plan", "diff", "--plan", cli.plan}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed,
            "Change Version from '0.0.6' to '0.0.7'\nChange Inputs[0].Default from '1.5' to 'World'\n"
            "Add '{\"script\":\"deploy.sh\"}' to Stages[\"smoke\"]\n");
  EXPECT_EQ(cli.run({"plan", "diff", "--plan", cli.plan, "--exit-code"}), 1);
  EXPECT_EQ(cli.console.told, "");
  EXPECT_EQ(cli.inventory.reservations, 0);
}

TEST(PlanDiff, PrintsNothingWhenNothingChanged) {
  WorkspaceCli cli;
  publish_latest(cli, [](release::Metadata&) {});
  EXPECT_EQ(cli.run({"plan", "diff", "--plan", cli.plan, "--exit-code"}), 0) << cli.console.told;
  EXPECT_EQ(cli.console.printed + cli.console.told, "");
}

TEST(PlanDiff, SaysThatThereIsNothingToCompareWith) {
  WorkspaceCli cli;
  EXPECT_EQ(cli.run({"plan", "diff", "--plan", cli.plan}), 1);
  EXPECT_TRUE(cli.console.told.starts_with(
      "Error: Can't show differences with previous version of \"quickstart/hello-world\", because no other version of "
      "\"quickstart/hello-world\" exists in the Inventory ("))
      << cli.console.told;
  EXPECT_EQ(cli.console.printed, "");
}

TEST(RunPackage, DoesNotOverwriteUnasked) {
  WorkspaceCli cli;
  const std::string target = cli.folder + "/.escape/target/hello-world-v0.0.7.tgz";
  ASSERT_TRUE(io::make_folders(io::parent_path(target)));
  ASSERT_TRUE(io::write_file(target, "old"));
  EXPECT_EQ(cli.run({"run", "package", "--plan", cli.plan}), 6);
  EXPECT_NE(cli.console.told.find("already exists. Use --force / -f to ignore."), std::string::npos)
      << cli.console.told;
  EXPECT_EQ(cli.run({"run", "package", "--plan", cli.plan, "-f"}), 0) << cli.console.told;
}

TEST(InventoryQuery, ListsSortedByWhatTheyAre) {
  WorkspaceCli cli;
  EXPECT_EQ(cli.run({"inventory", "query"}), 0);
  EXPECT_EQ(cli.console.printed, "_\nquickstart\n");
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "_", "-a", "x"}), 0);
  EXPECT_EQ(cli.console.printed, "v0.9\nv0.10\n");
  EXPECT_EQ(cli.run({"inventory", "query", "-p", "_", "-a", "x", "-v", "latest"}), 1);
}

}  // namespace workspace_testing
}  // namespace escape::cli
