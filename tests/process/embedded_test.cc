// Without any daemon: the quick start of the README in an empty folder.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Embedded : public ::testing::Test {
 protected:
  Embedded() : folder_(make_folder()) {
    fs::create_directories(workspace());
    write_text(workspace() + "/deploy.sh", "#!/bin/bash -e\n\necho \"Hello ${INPUT_who}!\"\n", 0755);
  }
  ~Embedded() override {
    expect_no_sanitizer_reports(folder_);
    fs::remove_all(folder_);
  }

  std::string workspace() const { return folder_ + "/workspace"; }
  Process start(const std::vector<std::string>& arguments, const std::string& name) {
    std::vector<std::string> command{program("escape")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Process(command,
                   {.folder = workspace(),
                    .environment = {{"XDG_CONFIG_HOME", folder_ + "/config"}, {"HOME", folder_}, {"CI", "true"}},
                    .output_file = folder_ + "/" + name + ".out",
                    .error_file = folder_ + "/" + name + ".err"});
  }
  Ran run(const std::vector<std::string>& arguments) {
    const std::string name = "command-" + std::to_string(++commands_);
    Process process = start(arguments, name);
    const int status = process.wait();
    return {status, read_text(folder_ + "/" + name + ".out"), read_text(folder_ + "/" + name + ".err")};
  }
  void write_plan() {
    write_text(
        workspace() + "/escape.yml",
        "name: quickstart/hello-world\nversion: 0.0.@\ninputs:\n- id: who\n  default: World\ndeploy: deploy.sh\n");
  }

  std::string folder_;
  int commands_ = 0;
};

TEST_F(Embedded, QuickStart) {
  ASSERT_EQ(run({"plan", "init", "-n", "quickstart/hello-world"}).exit_status, 0);
  EXPECT_TRUE(has(read_text(workspace() + "/escape.yml"), "name: quickstart/hello-world"));
  write_plan();
  const Ran released = run({"run", "release"});
  ASSERT_EQ(released.exit_status, 0) << released.all();
  const Ran deployed = run({"run", "deploy", "quickstart/hello-world-v0.0.0", "-v", "who=Stage", "-e", "stage"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has(deployed.err, "Deploy: Hello Stage!")) << deployed.err;
  const Ran refused = run({"run", "promote", "-d", "quickstart/hello-world", "-e", "stage", "--to", "live"});
  EXPECT_EQ(refused.exit_status, 5) << "without a terminal nobody can agree: " << refused.all();
  const Ran promoted = run({"run", "promote", "-d", "quickstart/hello-world", "-e", "stage", "--to", "live", "-f"});
  ASSERT_EQ(promoted.exit_status, 0) << promoted.all();
  EXPECT_TRUE(has(promoted.err, "Hello World!")) << promoted.err;
  const Ran status = run({"status"});
  EXPECT_TRUE(has(status.out, "quickstart/hello-world")) << status.out;
  // The trial environment of the release is gone again.
  EXPECT_FALSE(has(run({"environments", "list"}).out, "release-")) << run({"environments", "list"}).out;
  fs::remove_all(workspace() + "/.escape/state");
  EXPECT_FALSE(has(run({"status"}).out, "quickstart/hello-world"));
}

TEST_F(Embedded, ATagIsAVersionWhereverOneIsAskedFor) {
  write_plan();
  ASSERT_EQ(run({"run", "release"}).exit_status, 0);
  ASSERT_EQ(run({"run", "release"}).exit_status, 0);
  ASSERT_EQ(run({"tag", "quickstart/hello-world-v0.0.0", "stable"}).all(), "");
  const Ran deployed = run({"run", "deploy", "quickstart/hello-world:stable", "-e", "stage"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has(deployed.err, "Successfully deployed quickstart/hello-world-v0.0.0")) << deployed.err;
  // Another tag as the source: the original refuses it.
  ASSERT_EQ(run({"tag", "quickstart/hello-world:stable", "older"}).all(), "");
  const Ran moved = run({"tag", "quickstart/hello-world-latest", "stable"});
  EXPECT_EQ(moved.err, "The tag 'stable' of quickstart/hello-world moved from v0.0.0 to v0.0.1.\n");
  const std::vector<std::string> list{"inventory", "query", "-p", "quickstart", "-a", "hello-world", "--tags"};
  EXPECT_EQ(run(list).out, "older v0.0.0\nstable v0.0.1\n");

  write_text(workspace() + "/escape.yml",
             "name: quickstart/user\nversion: 1.0\ndepends: [\"quickstart/hello-world:stable as a\"]\nextends: "
             "[\"quickstart/hello-world:older as b\"]\n");
  const Ran preview = run({"plan", "preview"});
  EXPECT_TRUE(has(preview.out, "\"release_id\": \"quickstart/hello-world-v0.0.1\"")) << preview.all();
  EXPECT_TRUE(has(preview.out, "\"quickstart/hello-world-v0.0.0\"")) << preview.all();

  const Ran bad = run({"tag", "quickstart/hello-world-latest", "v1.0"});
  EXPECT_NE(bad.exit_status, 0);
  EXPECT_TRUE(has(bad.err, "The tag 'v1.0' is not allowed.")) << bad.err;
  ASSERT_EQ(run({"tag", "--remove", "quickstart/hello-world", "older"}).all(), "");
  EXPECT_EQ(run(list).out, "stable v0.0.1\n");
  const Ran gone = run({"run", "deploy", "quickstart/hello-world:older", "-e", "stage"});
  EXPECT_EQ(gone.exit_status, 1) << gone.all();
}

TEST_F(Embedded, PullAndDepsFetchUnpackFromTheOwnInventory) {
  write_plan();
  ASSERT_EQ(run({"run", "release", "--skip-cache"}).exit_status, 0) << "there is one place, and no cache beside it";
  const Ran pulled = run({"pull", "quickstart/hello-world-latest"});
  EXPECT_EQ(pulled.exit_status, 0) << pulled.all();
  EXPECT_EQ(pulled.err, "Fetching dependency quickstart/hello-world-latest.\n✔️ Dependencies have been fetched.\n");
  EXPECT_EQ(read_text(workspace() + "/deps/quickstart/hello-world/deploy.sh"), read_text(workspace() + "/deploy.sh"));
  fs::remove_all(workspace() + "/deps");
  write_text(workspace() + "/escape.yml",
             "name: quickstart/user\nversion: 1.0\nextends: [quickstart/hello-world-latest]\n");
  const Ran fetched = run({"deps", "fetch"});
  EXPECT_EQ(fetched.exit_status, 0) << fetched.all();
  EXPECT_EQ(
      fetched.err,
      "Compile: Fetching dependency quickstart/hello-world-v0.0.0.\nCompile: ✔️ Dependencies have been fetched.\n");
  EXPECT_TRUE(fs::exists(workspace() + "/deps/quickstart/hello-world/deploy.sh"));
}

/// Every file below a folder with its size and when it was changed.
std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> files_below(const std::string& folder) {
  std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[entry.path()] = {entry.is_regular_file() ? entry.file_size() : 0, entry.last_write_time()};
  }
  return files;
}

TEST_F(Embedded, LookingAtAPlanWritesIntoNoInventory) {
  write_plan();
  ASSERT_EQ(run({"plan", "preview"}).exit_status, 0);
  const Ran first = run({"plan", "diff"});
  EXPECT_EQ(first.exit_status, 1) << first.all();
  EXPECT_TRUE(has(first.err, "no other version of \"quickstart/hello-world\" exists in the Inventory (" + folder_))
      << first.err;
  EXPECT_TRUE(files_below(folder_ + "/config").empty());
  ASSERT_EQ(run({"run", "release"}).exit_status, 0);
  const auto before = files_below(folder_ + "/config");
  ASSERT_FALSE(before.empty());
  const Ran preview = run({"plan", "preview"});
  EXPECT_TRUE(has(preview.out, "\"version\": \"0.0.1\"")) << preview.all();
  EXPECT_EQ(run({"plan", "diff"}).out, "Change Version from '0.0.0' to '0.0.1'\n");
  EXPECT_EQ(files_below(folder_ + "/config"), before);
  EXPECT_EQ(run({"plan", "preview"}).out, preview.out) << "a version was taken";
}

TEST_F(Embedded, ASecondCommandWaitsAndReadersDoNot) {
  write_plan();
  write_text(workspace() + "/deploy.sh",
             "#!/bin/bash\necho run >> " + folder_ + "/runs\nuntil [ -e " + folder_ + "/go ]; do sleep 0.05; done\n",
             0755);
  Process first = start({"run", "deploy", "-e", "stage"}, "first");
  ASSERT_TRUE(eventually([&] { return count_lines(folder_ + "/runs") == 1; })) << read_text(folder_ + "/first.err");
  Process second = start({"run", "deploy", "-e", "stage"}, "second");
  ASSERT_TRUE(eventually([&] { return has(read_text(folder_ + "/second.err"), "Waiting for another command"); }));
  const Ran jobs = run({"jobs", "list"});
  EXPECT_EQ(jobs.exit_status, 0) << jobs.all();
  EXPECT_TRUE(has(jobs.out, "running")) << jobs.out;
  write_text(folder_ + "/go", "");
  EXPECT_EQ(first.wait(), 0) << read_text(folder_ + "/first.err");
  EXPECT_EQ(second.wait(), 0) << read_text(folder_ + "/second.err");
}

/// Each look takes up what the script has done meanwhile, with a controller and an agent of its own.
TEST_F(Embedded, LooksAtAJobLeaveNoTraceInItsLog) {
  write_plan();
  write_text(workspace() + "/deploy.sh",
             "#!/bin/bash\necho run >> " + folder_ + "/runs\nuntil [ -e " + folder_ + "/go ]; do sleep 0.05; done\n",
             0755);
  ASSERT_EQ(run({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = start({"run", "deploy", "quickstart/hello-world-latest", "-e", "stage"}, "deploy");
  ASSERT_TRUE(eventually([&] { return count_lines(folder_ + "/runs") == 1; })) << read_text(folder_ + "/deploy.err");
  deploy.kill_hard();
  std::string number;
  for (int look = 0; look < 3; ++look) {
    const Ran jobs = run({"jobs", "list", "--json"});
    ASSERT_EQ(jobs.exit_status, 0) << jobs.all();
    number = jobs.out.substr(jobs.out.find("\"job\""));
    number = std::to_string(std::stoi(number.substr(number.find_first_of("0123456789"))));
  }
  write_text(folder_ + "/go", "");
  const Ran attached = run({"jobs", "attach", number});
  EXPECT_EQ(attached.exit_status, 0) << attached.all();
  EXPECT_FALSE(has(attached.all(), "out of reach")) << attached.all();
  EXPECT_EQ(count_lines(folder_ + "/runs"), 1);
}

/// "Nothing is deployed" is said only where nothing is.
TEST_F(Embedded, StateThatCannotBeReadIsNotNothing) {
  EXPECT_EQ(run({"status"}).exit_status, 0) << "no state yet";
  write_plan();
  ASSERT_EQ(run({"run", "deploy", "-e", "stage"}).exit_status, 0);
  for (const auto& entry : fs::directory_iterator(workspace() + "/.escape/state/db")) {
    if (entry.path().extension() == ".log") fs::resize_file(entry.path(), 0);
  }
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"status"}, {"state", "export"}, {"run", "deploy", "-e", "stage"}}) {
    const Ran damaged = run(command);
    EXPECT_NE(damaged.exit_status, 0) << damaged.all();
    EXPECT_EQ(damaged.out, "");
    EXPECT_TRUE(has(damaged.err, "damaged")) << damaged.err;
  }
  // Something that is no folder: like one without the right to look into it, which root has everywhere.
  fs::remove_all(workspace() + "/.escape/state");
  write_text(workspace() + "/.escape/state", "");
  const Ran unreadable = run({"status"});
  EXPECT_NE(unreadable.exit_status, 0) << unreadable.all();
  EXPECT_TRUE(has(unreadable.err, "cannot read the state in")) << unreadable.err;
}

TEST_F(Embedded, AKilledCommandIsContinuedByTheNext) {
  write_plan();
  write_text(workspace() + "/deploy.sh",
             "#!/bin/bash\necho run >> " + folder_ + "/runs\nuntil [ -e " + folder_ +
                 "/go ]; do sleep 0.05; done\n"
                 "echo finished\n",
             0755);
  ASSERT_EQ(run({"run", "release", "--skip-deploy"}).exit_status, 0);
  Process deploy = start({"run", "deploy", "quickstart/hello-world-latest", "-e", "stage"}, "deploy");
  ASSERT_TRUE(eventually([&] { return count_lines(folder_ + "/runs") == 1; })) << read_text(folder_ + "/deploy.err");
  deploy.kill_hard();
  write_text(folder_ + "/go", "");
  const Ran jobs = run({"jobs", "list", "--json"});
  ASSERT_EQ(jobs.exit_status, 0) << jobs.all();
  const std::string number = jobs.out.substr(jobs.out.find("\"job\""));
  const Ran attached =
      run({"jobs", "attach", std::to_string(std::stoi(number.substr(number.find_first_of("0123456789"))))});
  EXPECT_EQ(attached.exit_status, 0) << attached.all();
  EXPECT_TRUE(has(attached.all(), "finished")) << attached.all();
  EXPECT_EQ(count_lines(folder_ + "/runs"), 1);
}

/// Three steps; each says that it begins, and waits for a file of its own name.
class Left : public Embedded {
 protected:
  Left() {
    const auto step = [&](const std::string& name) {
      return name + ": {inline: 'echo " + name + " >> " + folder_ + "/runs; until [ -e " + folder_ + "/go-" + name +
             " ] || [ ! -e " + workspace() + " ]; do sleep 0.05; done; echo done " + name + "'}\n";
    };
    write_text(workspace() + "/escape.yml", "name: quickstart/hello-world\nversion: 0.0.@\n" + step("pre_deploy") +
                                                step("deploy") + step("post_deploy"));
    EXPECT_EQ(run({"run", "release", "--skip-deploy"}).exit_status, 0);
  }
  void go(const std::string& step) { write_text(folder_ + "/go-" + step, ""); }
  std::string runs() const { return read_text(folder_ + "/runs"); }
  /// Until the first step runs. The job's number is 2: the release's build came before.
  Process begin(std::vector<std::string> more = {}) {
    std::vector<std::string> command{"run", "deploy", "quickstart/hello-world-latest", "-e", "stage"};
    command.insert(command.end(), more.begin(), more.end());
    Process deploy = start(command, "deploy");
    EXPECT_TRUE(eventually([&] { return runs() == "pre_deploy\n"; })) << told();
    return deploy;
  }
  std::string told() const { return read_text(folder_ + "/deploy.err"); }
  /// Until a look has seen that the step has ended.
  Ran look_until(const std::string& text) {
    Ran shown;
    EXPECT_TRUE(eventually([&] {
      shown = run({"jobs", "show", "2"});
      return has(shown.out, text);
    })) << shown.all();
    return shown;
  }
};

TEST_F(Left, AJobIsLeftAsItIsAndOnlyAttachGoesOnWithIt) {
  Process deploy = begin();
  ASSERT_EQ(::kill(-deploy.pid(), SIGINT), 0) << "as a terminal does: to everything in the foreground";
  EXPECT_EQ(deploy.wait(), 130) << told();
  EXPECT_TRUE(has(told(),
                  "Left job 2, which this command ran. A script that runs is left to end; no step is begun "
                  "after it.\n`escape jobs attach 2` goes on with it"))
      << told();
  EXPECT_FALSE(has(told(), "2 goes on")) << told();
  go("pre_deploy");
  const Ran shown = look_until("settled");
  EXPECT_TRUE(has(shown.err, "nobody goes on with it: `escape jobs attach 2` does")) << shown.all();
  for (const std::vector<std::string>& look : std::vector<std::vector<std::string>>{
           {"status"}, {"jobs", "list"}, {"state", "list-deployments", "-e", "stage"}, {"status", "--json"}}) {
    const Ran looked = run(look);
    EXPECT_EQ(looked.exit_status, 0) << looked.all();
    EXPECT_EQ(runs(), "pre_deploy\n") << "a look began the next step: " << look.front();
  }
  go("deploy");
  go("post_deploy");
  const Ran attached = run({"jobs", "attach", "2"});
  EXPECT_EQ(attached.exit_status, 0) << attached.all();
  EXPECT_TRUE(has(attached.err, "done post_deploy")) << attached.all();
  EXPECT_EQ(runs(), "pre_deploy\ndeploy\npost_deploy\n");
}

TEST_F(Left, ATimeoutSaysTheTruthAndTheNextChangeGoesOn) {
  Process deploy = begin({"--timeout", "5s"});
  EXPECT_EQ(deploy.wait(), 124) << told();
  EXPECT_TRUE(
      has(told(), "Job 2 has not settled within 5.0s, and this command ran it. A script that runs is left to end"))
      << told();
  EXPECT_FALSE(has(told(), "goes on.")) << told();
  for (const char* step : {"pre_deploy", "deploy", "post_deploy"}) go(step);
  // Queued behind job 2 on the same deployment.
  const Ran next = run({"run", "deploy", "quickstart/hello-world-latest", "-e", "stage"});
  EXPECT_EQ(next.exit_status, 0) << next.all();
  EXPECT_TRUE(has(runs(), "pre_deploy\ndeploy\npost_deploy\npre_deploy\n")) << runs();
}

TEST_F(Left, CancellingIsNotGoingOn) {
  Process deploy = begin();
  deploy.kill_hard();
  go("pre_deploy");
  const Ran cancelled = run({"jobs", "cancel", "2"});
  EXPECT_EQ(cancelled.exit_status, 0) << cancelled.all();
  EXPECT_EQ(cancelled.err, "Job 2 is cancelled.\n");
  EXPECT_EQ(runs(), "pre_deploy\n");
  EXPECT_EQ(run({"jobs", "cancel", "2"}).exit_status, 6);
}

TEST_F(Left, CancelReachesTheCommandThatRunsTheJob) {
  Process deploy = begin();
  const Ran cancelled = run({"jobs", "cancel", "2"});
  EXPECT_EQ(cancelled.exit_status, 0) << cancelled.all();
  EXPECT_TRUE(has(cancelled.err, "Job 2 is being cancelled")) << cancelled.all();
  EXPECT_EQ(deploy.wait(), 3) << told();
  EXPECT_TRUE(has(told(), "Cancelled by")) << told();
  EXPECT_EQ(runs(), "pre_deploy\n");
  const Ran again = run({"jobs", "cancel", "2"});
  EXPECT_EQ(again.exit_status, 6) << again.all();
  EXPECT_TRUE(has(again.err, "Job 2 has already ended.")) << again.all();
}

TEST_F(Left, ATimeoutIsKeptWhileTheWorkspaceIsTaken) {
  Process deploy = begin();
  const Ran late = run({"run", "deploy", "quickstart/hello-world-latest", "-e", "stage", "--timeout", "1s"});
  EXPECT_EQ(late.exit_status, 124) << late.all();
  EXPECT_TRUE(has(late.err, "Another command worked in this workspace for longer than 1.0s (pid " +
                                std::to_string(deploy.pid()) + ": escape run deploy"))
      << late.all();
  EXPECT_TRUE(deploy.is_running());
  EXPECT_EQ(count_lines(folder_ + "/runs"), 1);
}

/// Who attends a job of another command has it go on when that one leaves.
TEST_F(Left, AttachGoesOnWithWhatTheOtherCommandLeaves) {
  Process deploy = begin();
  Process attached = start({"jobs", "attach", "2"}, "attached");
  ASSERT_TRUE(eventually([&] { return has(read_text(folder_ + "/attached.err"), "Running pre_deploy step"); }))
      << read_text(folder_ + "/attached.err");
  deploy.send_signal(SIGINT);
  EXPECT_EQ(deploy.wait(), 130) << told();
  for (const char* step : {"pre_deploy", "deploy", "post_deploy"}) go(step);
  EXPECT_EQ(attached.wait(), 0) << read_text(folder_ + "/attached.err");
  EXPECT_EQ(runs(), "pre_deploy\ndeploy\npost_deploy\n");
}

}  // namespace
}  // namespace escape::testing
