#include "tests/support/herd.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "controller/store/rows.h"
#include "controller/store/store.h"
#include "shared/base/text.h"

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

void must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// User and system time of /proc/…/stat, whose second field may hold blanks.
double cpu_seconds(const std::string& stat) {
  const std::size_t end = stat.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::string herd_name(int number) { return fmt::format("herd-{:04}", number); }
KeyPair herd_keys(int number) { return key_pair_from_seed(fmt::format("escape herd agent {:014}", number)); }

ProcessCost cost_of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  ProcessCost cost;
  cost.cpu_seconds = cpu_seconds(read_text(folder + "/stat"));
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator(folder + "/task", gone)) {
    const bool is_io = read_text(thread.path() / "comm").starts_with("ZMQbg/IO");
    if (is_io) cost.io_thread_seconds += cpu_seconds(read_text(thread.path() / "stat"));
  }
  const std::string status = read_text(folder + "/status");
  if (const auto at = status.find("VmRSS:"); at != std::string::npos) {
    cost.resident_mib = std::strtod(status.c_str() + at + 6, nullptr) / 1024;
  }
  cost.descriptors = static_cast<int>(std::distance(fs::directory_iterator(folder + "/fd", gone), {}));
  return cost;
}

Herd::Herd(Cluster& cluster, Options options) : cluster_(cluster), options_(options) { enrol(); }

void Herd::enrol() {
  cluster_.kill_controller();
  const std::string data = cluster_.folder() + "/controller";
  {
    auto opened = store::open_rocksdb(data + "/db", store::Access::read_write, data + "/secrets.key");
    must(opened.has_value(), "the controller's store does not open");
    std::vector<store::Write> batch;
    const Timestamp now = read_clocks().wall;
    for (int number = 1; number <= options_.agents; ++number) {
      controller::Agent agent;
      agent.name = herd_name(number);
      agent.key = herd_keys(number).public_key;
      agent.environment = options_.has_own_environments ? agent.name : "herd";
      agent.enrolled_at = now;
      if (options_.has_own_environments || number == 1) {
        store::append_writes(state::Environment{.name = agent.environment, .inputs = {}, .created_at = now}, batch,
                             opened.value()->seal_keys());
      }
      store::append_writes(agent, batch, opened.value()->seal_keys());
    }
    must(opened.value()->commit(batch).has_value(), "the herd could not be enrolled");
  }
  cluster_.start_controller();
  epoch_ = 2;
}

std::string Herd::log_of(std::size_t process) const {
  return fmt::format("{}/herd-{}-{}.log", cluster_.folder(), generation_, process);
}

void Herd::start() {
  const std::string key_file = read_text(cluster_.folder() + "/controller/controller.key");
  const std::string endpoint = fmt::format("tcp://{}:{}", cluster_.address(), cluster_.port("agents"));
  ++generation_;
  happened_.clear();
  read_.clear();
  began_ = read_clocks().steady;
  for (int first = 1; first <= options_.agents; first += options_.per_process) {
    const int count = std::min(options_.per_process, options_.agents - first + 1);
    const std::string log = log_of(processes_.size());
    processes_.emplace_back(cluster_.on("controller", {ESCAPE_BUILD_DIR "/tests/herd_agents", endpoint,
                                                       key_file.substr(0, key_file.find('\n')), std::to_string(first),
                                                       std::to_string(count), std::to_string(options_.output_bytes)}),
                            Process::Options{.output_file = log, .error_file = log + ".err"});
    read_.push_back(0);
  }
}

void Herd::stop() {
  for (Process& process : processes_) process.kill_hard();
  processes_.clear();
}

void Herd::restart_controller() {
  read_logs();
  happened_.clear();
  cluster_.kill_controller();
  began_ = read_clocks().steady;
  cluster_.start_controller();
  ++epoch_;
}

void Herd::read_logs() {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    std::ifstream in(log_of(i), std::ios::binary);
    in.seekg(static_cast<std::streamoff>(read_[i]));
    std::ostringstream rest;
    rest << in.rdbuf();
    const std::string text = rest.str();
    const std::size_t end = text.rfind('\n');
    if (end == std::string::npos) continue;
    read_[i] += end + 1;
    for (const std::string& line : split(text.substr(0, end), '\n')) {
      std::istringstream fields(line);
      Happened one;
      fields >> one.what >> one.number >> one.at >> one.value >> one.heartbeat;
      happened_.push_back(std::move(one));
    }
  }
}

bool Herd::all_back(Seconds limit) {
  return eventually([this] { return facts().back == options_.agents; }, limit);
}

Herd::Facts Herd::facts() {
  read_logs();
  Facts facts;
  std::map<int, int> greetings, hellos;
  std::map<std::int64_t, int> in_second;
  for (const Happened& one : happened_) {
    if (one.what == "hello") facts.most_hellos = std::max(facts.most_hellos, ++hellos[one.number]);
    if (one.what == "busy") ++facts.sent_away;
    if (one.what != "welcome" || one.value != epoch_) continue;
    facts.most_greetings = std::max(facts.most_greetings, ++greetings[one.number]);
    facts.seconds = std::max(facts.seconds, static_cast<double>(one.at - began_.micros) / 1e6);
    facts.heartbeat = std::max(facts.heartbeat, one.heartbeat);
    facts.most_in_a_second = std::max<double>(facts.most_in_a_second, ++in_second[one.at / 1'000'000]);
  }
  facts.back = static_cast<int>(greetings.size());
  return facts;
}

int Herd::finished_tasks() {
  read_logs();
  return static_cast<int>(std::ranges::count(happened_, std::string("finished"), &Happened::what));
}

double Herd::ping_rate() {
  read_logs();
  happened_.clear();
  for (Process& process : processes_) process.send_signal(SIGUSR1);
  const auto all_told = [this] {
    read_logs();
    return std::ranges::count(happened_, std::string("pongs"), &Happened::what) ==
           static_cast<std::ptrdiff_t>(processes_.size());
  };
  if (!eventually(all_told, Seconds(60))) return 0;
  double pongs = 0;
  for (const Happened& one : happened_) pongs += one.what == "pongs" ? one.number : 0;
  return pongs / 5;
}

}  // namespace escape::testing
