// Prints our figures beside the machine's own, from one run: see README.md.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/support/cluster.h"

namespace escape::testing {
namespace {

void run_program(const Cluster& cluster, const std::vector<std::string>& command) {
  Process process(command, {.folder = cluster.workspace(),
                            .environment = {{"XDG_CONFIG_HOME", cluster.folder() + "/config"}, {"CI", "true"}},
                            .output_file = cluster.folder() + "/bench.out",
                            .error_file = cluster.folder() + "/bench.err"});
  if (process.wait_blocking() != 0) {
    std::fprintf(stderr, "'%s' failed:\n%s\n", command[0].c_str(), read_text(cluster.folder() + "/bench.err").c_str());
    std::exit(1);
  }
}

void synced_write(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string block(512, 'x');
  if (write(fd, block.data(), block.size()) < 0 || fdatasync(fd) != 0) std::exit(1);
  close(fd);
}

int run(int deploys) {
  Cluster cluster({"test"});
  cluster.write_hello_world();
  if (cluster.escape({"run", "release", "--skip-deploy"}).exit_status != 0) return 1;
  const std::string escape = program("escape");
  const auto deploy = [&] {
    run_program(cluster,
                cluster.on("controller", {escape, "run", "deploy", "quickstart/hello-world-latest", "-e", "test"}));
  };
  deploy();

  std::printf("%d runs each%44s%11s %11s\n", deploys, "", "median", "p99");
  print("deploy of a one-line script, through controller and agent", measure(deploys, deploy));
  print("  the same script run by bash", measure(deploys, [&] {
          run_program(cluster, cluster.on("test", {"bash", cluster.workspace() + "/deploy.sh"}));
        }));
  print("  one synced write of 512 bytes", measure(deploys, [&] { synced_write(cluster.folder() + "/synced"); }));
  print("escape version", measure(deploys, [&] { run_program(cluster, {escape, "version"}); }));
  print("escape status (asks the controller)",
        measure(deploys, [&] { run_program(cluster, cluster.on("controller", {escape, "status"})); }));
  print("  /bin/true", measure(deploys, [&] { run_program(cluster, {"/bin/true"}); }));
  print("  /bin/true in the controller's namespace",
        measure(deploys, [&] { run_program(cluster, cluster.on("controller", {"/bin/true"})); }));
  measure_scripts(deploys);
  print("memory of the agent after these deploys", memory_of(cluster.agent("test").pid()));
  cluster.kill_agent("test");
  cluster.start_agent("test");
  print("memory of an agent that has just connected", memory_of(cluster.agent("test").pid()));
  print("memory of the controller after these deploys", memory_of(cluster.controller().pid()));
  return 0;
}

}  // namespace
}  // namespace escape::testing

int main(int argc, char** argv) { return escape::testing::run(argc > 1 ? std::atoi(argv[1]) : 100); }
