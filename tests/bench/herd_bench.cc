// A controller and its herd, killed and started again: see README.md. `escape_herd [AGENTS] [RESTARTS]`, or
// `escape_herd output AGENTS MIB`. Exit status 1 when anybody stays away for a minute or is greeted more than twice.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/herd.h"

namespace escape::testing {
namespace {

constexpr double longest_return = 60;
constexpr int most_greetings = 2;

class HerdBench {
 public:
  HerdBench(int agents, int restarts)
      : agents_(agents), restarts_(restarts), cluster_({}, "heartbeat: 10s\n"), herd_(cluster_, {.agents = agents}) {}

  int run() {
    std::printf("%d agents\n%-28s %8s %9s %6s %9s %9s %8s %9s %8s %5s\n", agents_, "", "all back", "greetings", "tries",
                "sent away", "per s max", "CPU s", "of it I/O", "RSS MiB", "fds");
    herd_.start();
    told("first start");
    for (int i = 1; i <= restarts_; ++i) {
      herd_.restart_controller();
      told("controller killed, again " + std::to_string(i));
    }
    for (int i = 1; i <= restarts_; ++i) {
      herd_.stop();
      herd_.start();
      told("agents killed, again " + std::to_string(i));
    }
    idle(Seconds(30));
    std::printf("pings answered when all ping on and on: %.0f /s\n", herd_.ping_rate());
    return is_good_ ? 0 : 1;
  }

 private:
  void told(const std::string& what) {
    const ProcessCost before = what.starts_with("agents") ? cost() : ProcessCost{};
    const bool all = herd_.all_back(Seconds(180));
    const Herd::Facts facts = herd_.facts();
    const ProcessCost after = cost();
    std::printf("%-28s %6.1f s %9d %6d %9d %9.0f %8.2f %9.2f %8.1f %5d\n", what.c_str(), facts.seconds,
                facts.most_greetings, facts.most_hellos, facts.sent_away, facts.most_in_a_second,
                after.cpu_seconds - before.cpu_seconds, after.io_thread_seconds - before.io_thread_seconds,
                after.resident_mib, after.descriptors);
    std::fflush(stdout);
    if (!all) std::printf("  only %d of %d are back\n", facts.back, agents_);
    is_good_ = is_good_ && all && facts.seconds < longest_return && facts.most_greetings <= most_greetings;
    heartbeat_ = facts.heartbeat;
  }

  void idle(Seconds length) {
    const ProcessCost before = cost();
    const Instant begin = read_clocks().steady;
    (void)eventually([&] { return read_clocks().steady - begin >= Micros(length); }, length + Seconds(1));
    const ProcessCost after = cost();
    const double seconds = static_cast<double>((read_clocks().steady - begin).count()) / 1e6;
    std::printf("idle for %.0f s: %.2f %% of one CPU (I/O thread %.2f %%), heartbeat %.1f s: %.0f beats/s\n", seconds,
                100 * (after.cpu_seconds - before.cpu_seconds) / seconds,
                100 * (after.io_thread_seconds - before.io_thread_seconds) / seconds,
                static_cast<double>(heartbeat_) / 1000, 1000.0 * agents_ / static_cast<double>(heartbeat_));
    std::fflush(stdout);
  }

  ProcessCost cost() { return cost_of(cluster_.controller().pid()); }

  int agents_;
  int restarts_;
  Cluster cluster_;
  Herd herd_;
  bool is_good_ = true;
  std::int64_t heartbeat_ = 10'000;
};

/// Every agent runs a task that prints on and on: what it costs the controller, second by second.
int run_output(int agents, int mebibytes) {
  Cluster cluster({}, "heartbeat: 10s\n");
  cluster.write_hello_world();
  if (cluster.escape({"run", "release", "--skip-deploy"}).exit_status != 0) return 1;
  Herd herd(
      cluster,
      {.agents = agents, .has_own_environments = true, .output_bytes = static_cast<std::uint64_t>(mebibytes) << 20});
  herd.start();
  if (!herd.all_back(Seconds(60))) return 1;
  const double before = cost_of(cluster.controller().pid()).resident_mib;
  constexpr int at_once = 5;
  for (int first = 1; first <= agents; first += at_once) {
    // The command only asks; that nobody follows the log any more is no matter.
    std::vector<Process> asking;
    const int last = std::min(first + at_once - 1, agents);
    for (int number = first; number <= last; ++number) {
      const std::string name = herd_name(number);
      asking.push_back(
          cluster.start_escape({"run", "deploy", "quickstart/hello-world-latest", "-e", name}, "deploy-" + name));
    }
    if (!eventually(
            [&] {
              const std::vector<int> jobs = cluster.job_numbers();
              return !jobs.empty() && jobs.front() >= last;
            },
            Seconds(60)))
      return 1;
  }
  double most = 0;
  const Instant begin = read_clocks().steady;
  const bool all = eventually(
      [&] {
        most = std::max(most, cost_of(cluster.controller().pid()).resident_mib);
        return herd.finished_tasks() >= agents;
      },
      Seconds(1200));
  const double seconds = static_cast<double>((read_clocks().steady - begin).count()) / 1e6;
  std::printf("%d agents with %d MiB of output each: %d tasks done, %.1f s after the last began (%.1f MiB/s)\n", agents,
              mebibytes, herd.finished_tasks(), seconds, agents * mebibytes / std::max(seconds, 0.001));
  std::printf("memory of the controller: %.1f MiB before, %.1f MiB at most, %.1f MiB after\n", before, most,
              cost_of(cluster.controller().pid()).resident_mib);
  return all ? 0 : 1;
}

}  // namespace
}  // namespace escape::testing

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "output") {
    return escape::testing::run_output(std::atoi(argv[2]), std::atoi(argv[3]));
  }
  const int agents = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int restarts = argc > 2 ? std::atoi(argv[2]) : 5;
  return escape::testing::HerdBench(agents, restarts).run();
}
