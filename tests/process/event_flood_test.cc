// Very many events pass by listeners that are frozen: the controller's memory stays as it is, everybody else is served,
// and who wakes up misses nothing, or sees that it did. `ops/soak` runs it with a million (`ESCAPE_TEST_EVENTS`).

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "shared/base/text.h"
#include "shared/base/time.h"
#include "tests/support/cluster.h"
#include "tests/support/herd.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

/// More than the queue of one listener and the kernel's buffers hold together (protocol/README.md).
constexpr long fewest_events = 60'000;
constexpr int events_of_a_commit = 100;
constexpr Seconds long_limit(3'600);
/// The queues of two listeners and the database's tables, whatever the number of events; 60,000 queued twice are more.
constexpr double most_growth_mib = 64;

long wanted_events() {
  const char* given = std::getenv("ESCAPE_TEST_EVENTS");
  return std::max(given ? std::atol(given) : fewest_events, fewest_events);
}

double seconds_since(Instant begin) { return static_cast<double>((read_clocks().steady - begin).count()) / 1e6; }

/// Of a line of `escape events --json`; -1 when it has none.
std::int64_t sequence_of(std::string_view line) {
  constexpr std::string_view member = "\"sequence\":";
  const std::size_t at = line.find(member);
  std::int64_t number = -1;
  if (at != line.npos) std::from_chars(line.data() + at + member.size(), line.data() + line.size(), number);
  return number;
}

/// The number of the last whole line of a file that is too long to be read again and again.
std::int64_t newest_in(const std::string& path) {
  constexpr std::streamoff tail = 64 << 10;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(size - tail, 0));
  std::string text(static_cast<std::size_t>(std::clamp<std::streamoff>(size, 0, tail)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(text.rfind('\n') == text.npos ? 0 : text.rfind('\n'));
  return sequence_of(text.substr(text.rfind('\n') == text.npos ? 0 : text.rfind('\n')));
}

class EventFlood : public ::testing::Test {
 protected:
  EventFlood() : cluster_({"test"}) {}

  void SetUp() override {
    cluster_.write_hello_world();
    const Ran released = cluster_.escape({"run", "release", "--skip-deploy"});
    ASSERT_EQ(released.exit_status, 0) << released.all();
    for (const auto& entry : fs::directory_iterator(cluster_.folder() + "/config/escape/keys"))
      key_file_ = entry.path();
    server_key_ = split(read_text(cluster_.folder() + "/controller/controller.key"), '\n').at(0);
  }

  std::string endpoint(const std::string& socket) const {
    return "tcp://" + cluster_.address() + ":" + std::to_string(cluster_.port(socket));
  }
  Process start(const std::string& program, const std::string& socket, const std::vector<std::string>& more,
                const std::string& out) {
    std::vector<std::string> command{std::string(ESCAPE_BUILD_DIR) + "/tests/" + program, endpoint(socket), server_key_,
                                     key_file_};
    command.insert(command.end(), more.begin(), more.end());
    return Process(cluster_.on("controller", command), {.output_file = out, .error_file = out});
  }
  Process start_follower(const std::string& name) {
    return cluster_.start_escape({"events", "--follow", "--since", "0", "--limit", "1", "--json"}, name);
  }
  std::string heard_by(const std::string& name) const { return cluster_.folder() + "/" + name + ".out"; }
  double resident_mib() { return cost_of(cluster_.controller().pid()).resident_mib; }
  std::int64_t newest_event() {
    const Ran ran = cluster_.escape({"events", "--json", "--limit", "1"});
    return sequence_of(ran.out);
  }
  void deploy_once() {
    const Ran deployed = cluster_.escape({"run", "deploy", "quickstart/hello-world-v0.0.0", "-e", "test"});
    ASSERT_EQ(deployed.exit_status, 0) << deployed.all();
  }
  /// Each event once, in order, from the first to the newest.
  void expect_all_of(const std::string& name, std::int64_t newest) {
    std::ifstream in(heard_by(name));
    std::int64_t expected = 0;
    for (std::string line; expected < newest && std::getline(in, line);) {
      ASSERT_EQ(sequence_of(line), ++expected) << name << ": " << line;
    }
    EXPECT_EQ(expected, newest) << name;
  }

  Cluster cluster_;
  std::string key_file_, server_key_;
};

TEST_F(EventFlood, FrozenListenersCostNobodyAnything) {
  const long events = wanted_events();
  const std::string monitor_out = cluster_.folder() + "/monitor.out";
  Process frozen = start_follower("frozen"), awake = start_follower("awake");
  Process monitor = start("event_probe", "events", {}, monitor_out);
  deploy_once();
  const std::int64_t before = newest_event();
  ASSERT_TRUE(eventually([&] { return newest_in(heard_by("frozen")) >= before; })) << read_text(heard_by("frozen"));
  ASSERT_TRUE(eventually([&] { return newest_in(heard_by("awake")) >= before; })) << read_text(heard_by("awake"));
  ASSERT_TRUE(eventually([&] { return read_text(monitor_out).starts_with("subscribed\n"); })) << read_text(monitor_out);

  frozen.send_signal(SIGSTOP);
  monitor.send_signal(SIGSTOP);
  const double mib_before = resident_mib();
  double most_mib = mib_before, longest_deploy = 0;
  int deploys = 0;
  const std::string source_out = cluster_.folder() + "/source.out";
  Process source =
      start("event_source", "clients", {std::to_string(events), std::to_string(events_of_a_commit)}, source_out);
  const Instant flood_began = read_clocks().steady;
  while (source.is_running() && seconds_since(flood_began) < static_cast<double>(long_limit.count())) {
    const Instant begin = read_clocks().steady;
    deploy_once();
    if (HasFatalFailure()) return;
    ++deploys;
    longest_deploy = std::max(longest_deploy, seconds_since(begin));
    most_mib = std::max(most_mib, resident_mib());
  }
  const double flood_seconds = seconds_since(flood_began);
  ASSERT_EQ(source.wait(), 0) << read_text(source_out);
  EXPECT_GT(deploys, 0);
  const double mib_after = resident_mib();
  const std::int64_t newest = newest_event();
  ASSERT_GE(newest, before + events);
  EXPECT_TRUE(eventually([&] { return newest_in(heard_by("awake")) >= newest; }, long_limit));
  const double awake_behind = seconds_since(flood_began) - flood_seconds;

  const Instant woken = read_clocks().steady;
  frozen.send_signal(SIGCONT);
  ASSERT_TRUE(eventually(
      [&] {
        most_mib = std::max(most_mib, resident_mib());
        return newest_in(heard_by("frozen")) >= newest;
      },
      long_limit))
      << newest_in(heard_by("frozen")) << " of " << newest;
  std::printf(
      "%lld events in %.1f s (%.0f /s); %d deploys meanwhile, the longest %.2f s\n"
      "controller: %.1f MiB before, %.1f at most, %.1f after\n"
      "the one awake had all %.1f s later, the frozen one %.1f s after it woke\n",
      static_cast<long long>(newest - before), flood_seconds, static_cast<double>(newest - before) / flood_seconds,
      deploys, longest_deploy, mib_before, most_mib, mib_after, awake_behind, seconds_since(woken));
  EXPECT_LT(most_mib - mib_before, most_growth_mib);
  expect_all_of("awake", newest);
  expect_all_of("frozen", newest);

  // It has no log to ask: what it hears has a gap that the numbers show, or its connection is gone.
  monitor.send_signal(SIGCONT);
  std::int64_t heard = 0;
  const auto sees_the_gap = [&] {
    deploy_once();
    std::ifstream in(monitor_out);
    std::string topic, number;
    std::int64_t last = before;
    for (std::string line; std::getline(in, line);) {
      const std::vector<std::string> parts = split(line, '\t');
      if (parts.size() != 4) continue;
      heard = std::strtoll(parts[1].c_str(), nullptr, 10);
      if (heard > before + 1 && heard > last + 1) return true;
      last = heard;
    }
    return !monitor.is_running();
  };
  EXPECT_TRUE(eventually(sees_the_gap, Seconds(120))) << "heard up to " << heard << " of " << newest;
}

}  // namespace
}  // namespace escape::testing
