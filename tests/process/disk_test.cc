// The controller's disk: full, damaged, taken by somebody else.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The controller's data on a small file system of its own. Make it while no controller runs.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    const std::string aside = folder_ + "-aside";
    fs::rename(folder_, aside);
    fs::create_directory(folder_);
    is_there_ = std::system(("mount -t tmpfs -o size=48m tmpfs '" + folder_ + "' 2>/dev/null").c_str()) == 0;
    if (std::system(("cp -a '" + aside + "/.' '" + folder_ + "'").c_str()) != 0) ADD_FAILURE() << "no copy of the data";
  }
  ~SmallDisk() {
    if (is_there_ && std::system(("umount -l '" + folder_ + "'").c_str()) != 0) std::puts("the small disk stays");
  }
  bool is_there() const { return is_there_; }
  void fill() const {
    (void)std::system(
        ("dd if=/dev/zero of='" + folder_ + "/fill' bs=4k oflag=append conv=notrunc 2>/dev/null").c_str());
  }
  void free() const { fs::remove(folder_ + "/fill"); }

 private:
  std::string folder_;
  bool is_there_ = false;
};

int http_status(const Cluster& cluster, const std::string& path) {
  const std::string out = cluster.folder() + "/http";
  fs::remove(out + ".code");
  Process asked(
      cluster.on("controller", {"curl", "-s", "-o", out, "-w", "%{http_code}",
                                "http://" + cluster.address() + ":" + std::to_string(cluster.port("http")) + path}),
      {.output_file = out + ".code", .error_file = out + ".err"});
  asked.wait();
  return std::atoi(read_text(out + ".code").c_str());
}

int health(const Cluster& cluster) { return http_status(cluster, "/health"); }

bool is_read_only(Cluster& cluster) { return has(cluster.escape({"status"}).out, "takes no changes"); }

void expect_reads_but_no_changes(Cluster& cluster, const std::string& when) {
  SCOPED_TRACE(when);
  const Ran status = cluster.escape({"status"});
  EXPECT_EQ(status.exit_status, 0) << status.all();
  EXPECT_EQ(status.out.find("The controller takes no changes since"), 0u) << status.all();
  EXPECT_TRUE(has(status.out, "the disk is full")) << status.all();
  EXPECT_TRUE(has(status.out, "quickstart/waits")) << status.all();
  const Ran jobs = cluster.escape({"jobs", "list"});
  EXPECT_EQ(jobs.exit_status, 0) << jobs.all();
  EXPECT_TRUE(has(jobs.out, "running")) << jobs.all();
  EXPECT_EQ(cluster.escape({"events", "--limit", "5"}).exit_status, 0);
  EXPECT_EQ(http_status(cluster, "/api/v1/inventory/quickstart/units/waits/versions/v1.0/download"), 200);
  const Ran refused = cluster.escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test", "-d", "other"});
  EXPECT_EQ(refused.exit_status, 75) << refused.all();
  EXPECT_TRUE(has(refused.err, "takes no changes since")) << refused.all();
  EXPECT_TRUE(has(refused.err, "goes on by itself")) << refused.all();
  EXPECT_EQ(health(cluster), 503) << read_text(cluster.folder() + "/http");
  EXPECT_TRUE(cluster.controller().is_running()) << cluster.controller_log();
}

TEST(Disk, AFullDiskMakesTheControllerReadOnlyUntilThereIsRoom) {
  Cluster cluster({"test"});
  // Counts its runs, waits, and floods the controller when it is told to.
  cluster.write_plan("name: quickstart/waits\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\ncd " + cluster.folder() +
                         "\necho run >> runs\nuntil [ -e flood ]; do sleep 0.05; done\n"
                         "head -c 5000000 /dev/urandom | base64 -w 100\n"
                         "until [ -e go ]; do sleep 0.05; done\necho last words\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  EXPECT_EQ(health(cluster), 200);
  cluster.kill_controller();
  const SmallDisk disk(cluster.folder() + "/controller");
  if (!disk.is_there()) GTEST_SKIP() << "nothing can be mounted here, so a full disk was not checked";
  cluster.start_controller();
  Process deploy = cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test"}, "deploy");
  ASSERT_TRUE(eventually([&] { return count_lines(cluster.folder() + "/runs") == 1; }));

  disk.fill();
  write_text(cluster.folder() + "/flood", "");
  ASSERT_TRUE(eventually([&] { return is_read_only(cluster); }, Seconds(60))) << cluster.controller_log();
  expect_reads_but_no_changes(cluster, "the disk became full");
  // The script ends meanwhile: its result must wait at the agent.
  write_text(cluster.folder() + "/go", "");

  cluster.kill_controller();
  disk.fill();  // what it had kept for itself, too
  cluster.start_controller();
  expect_reads_but_no_changes(cluster, "started on a full disk");
  EXPECT_TRUE(deploy.is_running()) << read_text(cluster.folder() + "/deploy.err");

  disk.free();
  ASSERT_TRUE(eventually([&] { return !is_read_only(cluster); })) << cluster.controller_log();
  EXPECT_EQ(health(cluster), 200);
  EXPECT_EQ(deploy.wait(Seconds(180)), 0) << read_text(cluster.folder() + "/deploy.err") << cluster.controller_log();
  EXPECT_TRUE(has(read_text(cluster.folder() + "/deploy.err"), "last words"));
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 1);
  const Ran events = cluster.escape({"events", "--limit", "50"});
  EXPECT_TRUE(has(events.out, "controller.recovered")) << events.all();
  const Ran after =
      cluster.escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test", "-d", "other"}, Seconds(180));
  EXPECT_EQ(after.exit_status, 0) << after.err.substr(after.err.size() > 2000 ? after.err.size() - 2000 : 0);
  EXPECT_EQ(count_lines(cluster.folder() + "/runs"), 2);
  cluster.kill_controller();  // before its disk goes
  cluster.kill_agent("test");
}

TEST(Disk, ASecondControllerOnTheSameDataIsRefused) {
  Cluster cluster({});
  Process second(
      cluster.on("controller", {program("escape-controller"), "--config", cluster.folder() + "/controller.yml"}),
      {.output_file = cluster.folder() + "/second.out", .error_file = cluster.folder() + "/second.err"});
  EXPECT_EQ(second.wait(), 6);
  const std::string said = read_text(cluster.folder() + "/second.err");
  EXPECT_TRUE(has(said, "is in use by pid " + std::to_string(cluster.controller().pid()))) << said;
  EXPECT_EQ(cluster.escape({"status"}).exit_status, 0);
}

Ran run_controller(Cluster& cluster, std::vector<std::string> arguments, const std::string& name) {
  std::vector<std::string> command{program("escape-controller")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--config", cluster.folder() + "/controller.yml"});
  const std::string file = cluster.folder() + "/" + name;
  Process process(cluster.on("controller", command), {.output_file = file + ".out", .error_file = file + ".err"});
  const int status = process.wait();
  return {status, read_text(file + ".out"), read_text(file + ".err")};
}

void release_plans(Cluster& cluster) {
  cluster.write_plan("name: quickstart/counts\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho run >> " + cluster.folder() + "/counts\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
  cluster.write_plan("name: quickstart/waits\nversion: 1.0\ndeploy: deploy.sh\n",
                     "#!/bin/bash\necho run >> " + cluster.folder() + "/waits\nuntil [ -e " + cluster.folder() +
                         "/go ]; do sleep 0.05; done\n");
  ASSERT_EQ(cluster.escape({"run", "release", "--skip-deploy"}).exit_status, 0);
}

Ran deploy(Cluster& cluster, const std::string& release, const std::string& name) {
  return cluster.escape({"run", "deploy", release, "-e", "test", "-d", name});
}

void flip_a_byte(const std::string& file) {
  std::string bytes = read_text(file);
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  write_text(file, bytes);
}

std::string a_package_in(const std::string& backup) {
  for (const auto& entry : fs::recursive_directory_iterator(backup + "/packages")) {
    if (entry.is_regular_file()) return entry.path();
  }
  return {};
}

/// As people keep it: apart from the backups.
void put_key(const std::string& key, const std::string& data) {
  fs::create_directories(data);
  write_text(data + "/secrets.key", key, 0600);
}

TEST(Disk, ARestoredBackupGoesOnAndRunsNothingTwice) {
  Cluster cluster({"test"});
  release_plans(cluster);
  const std::string data = cluster.folder() + "/controller";
  const std::string kept = cluster.folder() + "/backup";
  const std::string key = read_text(data + "/secrets.key");
  ASSERT_EQ(deploy(cluster, "quickstart/counts-v1.0", "before").exit_status, 0);
  Process waiting =
      cluster.start_escape({"run", "deploy", "quickstart/waits-v1.0", "-e", "test", "-d", "waits"}, "waiting");
  ASSERT_TRUE(eventually([&] { return count_lines(cluster.folder() + "/waits") == 1; }));

  const Ran made = run_controller(cluster, {"backup", kept}, "backup");
  ASSERT_EQ(made.exit_status, 0) << made.all();
  EXPECT_TRUE(has(made.out, "2 packages")) << made.all();
  EXPECT_TRUE(has(made.out, "Not in it: the key to its secrets") && has(made.out, data + "/secrets.key")) << made.all();
  EXPECT_EQ(run_controller(cluster, {"backup", kept}, "again").exit_status, 6) << "the folder is not empty";
  EXPECT_FALSE(fs::exists(data + "/checkpoints") && !fs::is_empty(data + "/checkpoints") &&
               !eventually([&] { return fs::is_empty(data + "/checkpoints"); }))
      << "what was lent goes with who borrowed it";

  // What the backup does not know: three jobs, the end of the one that ran, and two lives of the controller.
  ASSERT_EQ(deploy(cluster, "quickstart/counts-v1.0", "after").exit_status, 0);
  ASSERT_EQ(deploy(cluster, "quickstart/counts-v1.0", "after").exit_status, 0);
  write_text(cluster.folder() + "/go", "");
  ASSERT_EQ(waiting.wait(), 0);
  for (int life = 0; life < 2; ++life) {
    cluster.kill_controller();
    cluster.start_controller();
  }
  ASSERT_EQ(deploy(cluster, "quickstart/counts-v1.0", "after").exit_status, 0);
  const int newest = cluster.job_numbers().front();
  cluster.kill_controller();

  // A plain copy is an old life, and the agent keeps away from it.
  fs::remove_all(data);
  fs::copy(kept, data, fs::copy_options::recursive);
  EXPECT_FALSE(fs::exists(data + "/secrets.key"));
  put_key(key, data);
  const std::string before = cluster.agent_log("test");
  cluster.start_controller();
  EXPECT_TRUE(eventually([&] {
    return has(cluster.agent_log("test").substr(before.size()), "older") ||
           has(cluster.controller_log(), "is this data folder a copy");
  })) << cluster.agent_log("test");
  cluster.kill_controller();

  const Ran refused = run_controller(cluster, {"restore", kept}, "occupied");
  EXPECT_EQ(refused.exit_status, 6) << refused.all();
  fs::remove_all(data);
  const Ran keyless = run_controller(cluster, {"restore", kept}, "keyless");
  EXPECT_EQ(keyless.exit_status, 78) << keyless.all();
  EXPECT_TRUE(has(keyless.err, "sealed with the key") && has(keyless.err, data + "/secrets.key")) << keyless.all();
  EXPECT_FALSE(fs::exists(data)) << "nothing may be touched";
  put_key(key, data);
  const Ran restored = run_controller(cluster, {"restore", kept}, "restored");
  ASSERT_EQ(restored.exit_status, 0) << restored.all();
  EXPECT_TRUE(has(restored.out, "2 packages")) << restored.all();
  cluster.start_controller();

  const Ran fresh = deploy(cluster, "quickstart/counts-v1.0", "fresh");
  EXPECT_EQ(fresh.exit_status, 0) << fresh.all() << cluster.agent_log("test");
  EXPECT_EQ(count_lines(cluster.folder() + "/counts"), 5) << "each deploy once, the lost ones too";
  EXPECT_EQ(count_lines(cluster.folder() + "/waits"), 1);
  EXPECT_GT(cluster.job_numbers().front(), newest) << "no number is given twice";
  ASSERT_TRUE(eventually([&] { return !has(cluster.escape({"jobs", "list"}).out, "running"); }))
      << cluster.escape({"jobs", "list"}).all();
  EXPECT_TRUE(has(cluster.escape({"events", "--limit", "100"}).out, "controller.restored"));

  // The same backup once more, a life later: above that life's numbers too.
  const int newer = cluster.job_numbers().front();
  cluster.kill_controller();
  fs::remove_all(data);
  put_key(key, data);
  ASSERT_EQ(run_controller(cluster, {"restore", kept}, "twice").exit_status, 0);
  cluster.start_controller();
  EXPECT_EQ(deploy(cluster, "quickstart/counts-v1.0", "twice").exit_status, 0) << cluster.agent_log("test");
  EXPECT_GT(cluster.job_numbers().front(), newer);
  EXPECT_EQ(count_lines(cluster.folder() + "/counts"), 6);
  EXPECT_EQ(count_lines(cluster.folder() + "/waits"), 1);
}

TEST(Disk, WhatIsNotAWholeBackupIsNotRestored) {
  Cluster cluster({"test"});
  release_plans(cluster);
  ASSERT_EQ(deploy(cluster, "quickstart/counts-v1.0", "one").exit_status, 0);
  cluster.kill_controller();
  const std::string kept = cluster.folder() + "/backup";
  ASSERT_EQ(run_controller(cluster, {"backup", kept}, "backup").exit_status, 0) << "while none runs";
  const std::string target = cluster.folder() + "/target";
  const std::pair<const char*, std::function<void(const std::string&)>> damages[] = {
      {"half made", [](const std::string& b) { fs::remove(b + "/complete"); }},
      {"a package", [](const std::string& b) { flip_a_byte(a_package_in(b)); }},
      {"a package is gone", [](const std::string& b) { fs::remove(a_package_in(b)); }},
      {"the key", [](const std::string& b) { flip_a_byte(b + "/controller.key"); }},
      {"the database", [](const std::string& b) { flip_a_byte(b + "/db/CURRENT"); }},
      {"the manifest", [](const std::string& b) { flip_a_byte(b + "/manifest.json"); }},
      {"a file too many", [](const std::string& b) { write_text(b + "/db/000099.sst", "x"); }},
  };
  for (const auto& [name, damage] : damages) {
    SCOPED_TRACE(name);
    const std::string copy = cluster.folder() + "/copy";
    fs::remove_all(copy);
    fs::copy(kept, copy, fs::copy_options::recursive);
    damage(copy);
    const Ran refused = run_controller(cluster, {"restore", copy, "--data", target}, "refused");
    EXPECT_EQ(refused.exit_status, 65) << refused.all();
    EXPECT_TRUE(has(refused.err, "is not a whole backup")) << refused.all();
    EXPECT_FALSE(fs::exists(target)) << "nothing may be touched";
  }
  put_key(read_text(cluster.folder() + "/controller/secrets.key"), target);
  const Ran whole = run_controller(cluster, {"restore", kept, "--data", target}, "whole");
  EXPECT_EQ(whole.exit_status, 0) << whole.all();

  // A restore that was cut off is no controller's data.
  write_text(target + "/restore-unfinished", "");
  const Ran half = run_controller(cluster, {"--data", target}, "half");
  EXPECT_EQ(half.exit_status, 5) << half.all();
}

TEST(Disk, ADamagedDatabaseIsToldAndNotServed) {
  Cluster cluster({});
  cluster.kill_controller();
  const std::string db = cluster.folder() + "/controller/db";
  int logs = 0;
  for (const auto& entry : fs::directory_iterator(db)) {
    if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
    flip_a_byte(entry.path());
    ++logs;
  }
  ASSERT_GT(logs, 0);
  const Ran refused = run_controller(cluster, {}, "damaged");
  EXPECT_EQ(refused.exit_status, 1) << refused.all();
  EXPECT_TRUE(has(refused.err, "damaged") && has(refused.err, db)) << refused.all();
  EXPECT_TRUE(has(refused.err, "backup")) << refused.all();
}

}  // namespace
}  // namespace escape::testing
