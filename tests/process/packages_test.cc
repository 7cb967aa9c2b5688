// Packages that lean on others, on three hosts: what the original's quick start walks through after hello-world
// (outputs, dependencies, providers, errands, templates, extensions, downloads), with a controller that dies in the
// middle.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Whether the parts come in this order.
bool has_in_order(const std::string& text, const std::vector<std::string>& parts) {
  std::size_t at = 0;
  for (const std::string& part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return false;
  }
  return true;
}

class Packages : public ::testing::Test {
 protected:
  Packages() : cluster({"test", "stage", "live"}) {
    release(
        "name: qs/ext\nversion: 1.@\nincludes: [hello.sh, backup.sh]\ndeploy: hello.sh\n"
        "errands:\n  backup: {description: Saves all, script: backup.sh, inputs: [{id: to, default: disk}]}\n"
        "templates: [{file: conf.tpl, mapping: {who: $this.inputs.who}}]\n"
        "inputs: [{id: who, default: ext}]\n",
        {{"hello.sh", "#!/bin/bash\necho \"Hello $INPUT_who from $(cat deps/qs/ext/conf)\"\n"},
         {"backup.sh", "#!/bin/bash\necho \"backup of $INPUT_who to $INPUT_to\"\n"},
         {"conf.tpl", "conf of {{who}}"}});
    release(
        "name: qs/db\nversion: 1.@\ninputs: [{id: size}]\noutputs: [{id: url}]\ndeploy: db.sh\n"
        "destroy: {inline: echo destroying the db}\n",
        {{"db.sh", "#!/bin/bash\necho run >> " + cluster.folder() +
                       "/db-runs\necho \"{\\\"url\\\": \\\"db://$INPUT_size\\\"}\" > .escape/outputs.json\n"
                       "while [ -e " +
                       cluster.folder() + "/hold ]; do sleep 0.05; done\n"}});
    release(
        "name: qs/cluster\nversion: 1.@\nprovides: [kube]\noutputs: [{id: api, default: https://kube}]\n"
        "deploy: {inline: echo cluster up}\n"
        "activate_provider: {inline: 'echo \"logging in at $OUTPUT_api\"'}\n"
        "deactivate_provider: {inline: 'echo \"logging out\"'}\n",
        {});
    release(
        "name: qs/app\nversion: 1.@\nextends: [qs/ext-latest]\ndepends: [qs/db-latest as db]\n"
        "consumes: [kube as k8s]\ninputs:\n- {id: who, default: World}\n"
        "- {id: url, default: $db.outputs.url, eval_before_dependencies: false}\n"
        "- {id: api, default: $k8s.outputs.api}\n"
        "smoke: {inline: 'echo \"smoke of $INPUT_url at $INPUT_api\"'}\n",
        {});
  }

  void release(const std::string& plan, const std::map<std::string, std::string>& files) {
    for (const auto& [name, text] : files) write_text(cluster.workspace() + "/" + name, text, 0755);
    write_text(cluster.workspace() + "/escape.yml", plan);
    const Ran ran = cluster.escape({"run", "release", "--skip-build", "--skip-tests", "--skip-deploy", "-v", "size=1"});
    ASSERT_EQ(ran.exit_status, 0) << ran.all();
  }
  Ran deploy(const std::string& release, const std::string& environment) {
    return cluster.escape({"run", "deploy", release, "-e", environment, "-v", "size=3"});
  }
  int db_runs() const { return count_lines(cluster.folder() + "/db-runs"); }

  Cluster cluster;
};

TEST_F(Packages, AreDeployedWithAllThatTheyNeedAndPromoted) {
  const Ran alone = deploy("qs/app-latest", "test");
  EXPECT_EQ(alone.exit_status, 1) << alone.all();
  EXPECT_TRUE(has(alone.err, "Missing provider 'k8s' of type 'kube'.")) << alone.all();
  ASSERT_EQ(cluster.escape({"run", "deploy", "qs/cluster-latest", "-e", "test"}).exit_status, 0);
  const Ran deployed = deploy("qs/app-latest", "test");
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has_in_order(deployed.err, {"Deploying dependency qs/db-v1.0.", "Deployed dependency qs/db-v1.0",
                                          "Activating provider kube ($k8s)", "logging in at https://kube",
                                          "Hello World from conf of World", "logging out", "Successfully deployed"}))
      << deployed.all();
  EXPECT_EQ(cluster.escape({"state", "show-providers", "-e", "test"}).out, "kube:\n\tqs/cluster\n");

  const Ran smoke = cluster.escape({"run", "smoke", "-d", "qs/app", "-e", "test"});
  EXPECT_TRUE(has(smoke.err, "smoke of db://3 at https://kube")) << smoke.all();
  EXPECT_TRUE(has(cluster.escape({"errands", "list", "-d", "qs/app", "-e", "test"}).out, "- backup\n\n  Saves all\n"));
  const Ran errand = cluster.escape({"errands", "run", "backup", "-d", "qs/app", "-e", "test", "-v", "to=tape"});
  EXPECT_EQ(errand.exit_status, 0) << errand.all();
  EXPECT_TRUE(has_in_order(errand.err, {"logging in", "backup of World to tape", "logging out"})) << errand.all();
  const Ran unknown = cluster.escape({"errands", "run", "bakcup", "-d", "qs/app", "-e", "test"});
  EXPECT_EQ(unknown.exit_status, 1) << unknown.all();

  ASSERT_EQ(cluster.escape({"run", "deploy", "qs/cluster-latest", "-e", "stage", "-d", "east"}).exit_status, 0);
  ASSERT_EQ(cluster.escape({"run", "deploy", "qs/cluster-latest", "-e", "stage", "-d", "west"}).exit_status, 0);
  const std::vector<std::string> promote{"run",   "promote", "-d", "qs/app", "-e", "test",     "--to",
                                         "stage", "-f",      "-v", "size=5", "-v", "who=Stage"};
  const Ran several = cluster.escape(promote);
  EXPECT_TRUE(has(several.err, "There is more than one provider 'k8s' of type 'kube'")) << several.all();
  std::vector<std::string> chosen = promote;
  chosen.insert(chosen.end(), {"-p", "k8s=west"});
  const Ran promoted = cluster.escape(chosen);
  ASSERT_EQ(promoted.exit_status, 0) << promoted.all();
  EXPECT_TRUE(has(promoted.err, "Hello Stage from conf of Stage")) << promoted.all();
  EXPECT_TRUE(
      has(cluster.escape({"state", "show-deployment", "-d", "qs/app", "-e", "stage"}).out, "\"k8s\": \"west\""));

  const Ran destroyed = cluster.escape({"run", "destroy", "-d", "qs/app", "-e", "test"});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.all();
  EXPECT_TRUE(
      has_in_order(destroyed.err, {"Destroying dependency qs/db-v1.0.", "destroying the db", "Destruction complete"}))
      << destroyed.all();
}

TEST_F(Packages, APlanRunsFromItsFolderWithAllThatItNeeds) {
  ASSERT_EQ(cluster.escape({"run", "deploy", "qs/cluster-latest", "-e", "test"}).exit_status, 0);
  const Ran deployed = cluster.escape({"run", "deploy", "-e", "test", "-v", "size=3"});  // qs/app, in its folder
  EXPECT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has_in_order(deployed.err, {"Deployed dependency qs/db-v1.0", "logging in at https://kube",
                                          "Hello World from conf of World", "logging out", "Successfully deployed"}))
      << deployed.all();
  EXPECT_EQ(db_runs(), 1);
  const Ran destroyed = cluster.escape({"run", "destroy", "-e", "test"});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.all();
  EXPECT_TRUE(has(destroyed.err, "destroying the db")) << destroyed.all();
  const Ran built = cluster.escape({"run", "build", "-e", "test", "-v", "size=4"});
  EXPECT_EQ(built.exit_status, 0) << built.all();
  EXPECT_EQ(db_runs(), 2);
  // Its trial has the environment's provider, and leaves nothing behind.
  const Ran released = cluster.escape({"run", "release", "-e", "test", "-v", "size=4"});
  EXPECT_EQ(released.exit_status, 0) << released.all();
  EXPECT_TRUE(has(released.err, "Successfully released qs/app-v1.1")) << released.all();
  EXPECT_FALSE(has(cluster.escape({"environments", "list"}).out, "release-"));
}

TEST_F(Packages, AControllerThatDiesWhileADependencyRunsGoesOnWithIt) {
  ASSERT_EQ(cluster.escape({"run", "deploy", "qs/cluster-latest", "-e", "live"}).exit_status, 0);
  write_text(cluster.folder() + "/hold", "");
  Process deploying = cluster.start_escape({"run", "deploy", "qs/app-latest", "-e", "live", "-v", "size=7"}, "deploy");
  ASSERT_TRUE(eventually([&] { return db_runs() == 1; }));
  cluster.kill_controller();
  cluster.start_controller();
  cluster.kill_agent("live");
  cluster.start_agent("live");
  fs::remove(cluster.folder() + "/hold");
  EXPECT_EQ(deploying.wait(), 0) << read_text(cluster.folder() + "/deploy.err");
  EXPECT_EQ(db_runs(), 1);
  EXPECT_TRUE(has(cluster.escape({"state", "show-deployment", "-d", "qs/app", "-e", "live"}).out, "db://7"));
}

TEST_F(Packages, IndependentDependenciesRunAtTheSameTimeWhoeverDies) {
  // Each waits for the other one: by themselves neither would end.
  const auto meets = [&](const std::string& name, const std::string& other) {
    release(
        "name: qs/" + name + "\nversion: 1.@\ndeploy: meet.sh\ndestroy: meet.sh\n",
        {{"meet.sh", "#!/bin/bash\nF=" + cluster.folder() + "\necho run >> $F/" + name +
                         "-runs\nuntil [ -e $F/met ] && [ $(wc -l < $F/" + name + "-runs) = $(wc -l < $F/" + other +
                         "-runs) ]; do [ -e $F ] || exit 1; sleep 0.05; done\necho " + name + " met " + other + "\n"}});
  };
  meets("left", "right");
  meets("right", "left");
  release(
      "name: qs/both\nversion: 1.@\ndepends: [qs/left-latest as left, qs/right-latest as right]\n"
      "deploy: {inline: echo both are there}\n",
      {});
  const auto runs = [&](const std::string& name) { return count_lines(cluster.folder() + "/" + name + "-runs"); };
  Process deploying = cluster.start_escape({"run", "deploy", "qs/both-latest", "-e", "live"}, "deploy");
  ASSERT_TRUE(eventually([&] { return runs("left") == 1 && runs("right") == 1; }));
  cluster.kill_controller();
  cluster.start_controller();
  cluster.kill_agent("live");
  cluster.start_agent("live");
  write_text(cluster.folder() + "/met", "");
  EXPECT_EQ(deploying.wait(), 0) << read_text(cluster.folder() + "/deploy.err");
  const std::string told = read_text(cluster.folder() + "/deploy.err");
  EXPECT_TRUE(has_in_order(told, {"Dependency qs/left-v1.0: left met right", "both are there"})) << told;
  EXPECT_TRUE(has_in_order(told, {"Dependency qs/right-v1.0: right met left", "both are there"})) << told;
  EXPECT_EQ(runs("left") + runs("right"), 2);

  const Ran destroyed = cluster.escape({"run", "destroy", "-d", "qs/both", "-e", "live"});
  EXPECT_EQ(destroyed.exit_status, 0) << destroyed.all();
  EXPECT_EQ(runs("left") + runs("right"), 4);
}

TEST_F(Packages, DownloadsAreFetchedOnTheHostBeforeTheScripts) {
  const std::string url = "http://" + cluster.address() + ":" + std::to_string(cluster.port("http"));
  release("name: qs/fetches\nversion: 1.@\ndownloads: [{url: '" + url +
              "/health', dest: got/health.json}]\n"
              "deploy: {inline: 'echo \"got $(wc -l < got/health.json) lines, $(ls got)\"'}\n",
          {});
  const Ran deployed = cluster.escape({"run", "deploy", "qs/fetches-latest", "-e", "test"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has_in_order(deployed.err, {"Downloading " + url + "/health to got/health.json",
                                          "Finished downloading " + url + "/health", "health.json"}))
      << deployed.all();
  release("name: qs/fetches\nversion: 1.@\ndownloads: [{url: '" + url +
              "/no-such-page', dest: page}]\n"
              "deploy: {inline: 'echo never'}\n",
          {});
  const Ran refused = cluster.escape({"run", "deploy", "qs/fetches-latest", "-e", "test"});
  EXPECT_EQ(refused.exit_status, 3) << refused.all();
  EXPECT_TRUE(has(refused.err, "Couldn't download '" + url + "/no-such-page'")) << refused.all();
  EXPECT_FALSE(has(refused.err, "never")) << refused.all();
}

TEST_F(Packages, ExpressionsReadFilesOfTheirPackageAndValuesBecomeFiles) {
  release(
      "name: qs/keys\nversion: 1.@\nincludes: [MOTTO, show.sh]\n"
      "inputs:\n- {id: motto, default: '$__read_file(\"MOTTO\").trim()'}\n"
      "- {id: key, type: secret, default: '$__read_file(\"MOTTO\").trim().concat(\"-key\")'}\n"
      "- {id: key_file, default: $this.inputs.key.file}\n"
      "deploy: show.sh\nsmoke: show.sh\n",
      {{"MOTTO", "festina lente\n"},
       {"show.sh",
        "#!/bin/bash\necho \"$INPUT_motto in $(stat -c %a $INPUT_key_file):\"\n"
        "[ \"$(cat $INPUT_key_file)\" = \"$INPUT_key\" ] && echo the same\n"}});
  const Ran deployed = cluster.escape({"run", "deploy", "qs/keys-latest", "-e", "test"});
  ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  EXPECT_TRUE(has_in_order(deployed.err, {"festina lente in 600:", "the same"})) << deployed.all();
  cluster.kill_controller();
  cluster.start_controller();
  const Ran smoke = cluster.escape({"run", "smoke", "-d", "qs/keys", "-e", "test"});
  EXPECT_TRUE(has_in_order(smoke.err, {"festina lente in 600:", "the same"})) << smoke.all();
  for (const auto& entry : fs::recursive_directory_iterator(cluster.folder())) {
    EXPECT_FALSE(has(entry.path().string(), ".escape/inputs/")) << entry.path() << " is left";
  }

  // The one that lies in the workspace by now counts there.
  write_text(cluster.workspace() + "/MOTTO", "carpe diem\n");
  const Ran built = cluster.escape({"run", "deploy", "-e", "test", "-d", "by-hand"});
  EXPECT_EQ(built.exit_status, 0) << built.all();
  EXPECT_TRUE(has_in_order(built.err, {"carpe diem in 600:", "the same"})) << built.all();

  release("name: qs/keys\nversion: 1.@\ninputs: [{id: motto, default: '$__read_file(\"MOTTO\")'}]\n", {});
  const Ran missing = cluster.escape({"run", "deploy", "qs/keys-latest", "-e", "test"});
  EXPECT_EQ(missing.exit_status, 65) << missing.all();
  EXPECT_TRUE(has(missing.err, "open MOTTO: no such file or directory")) << missing.all();
}

}  // namespace
}  // namespace escape::testing
