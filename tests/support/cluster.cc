#include "tests/support/cluster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <stdexcept>

namespace escape::testing {
namespace {

namespace fs = std::filesystem;

void must(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

bool run_quietly(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

/// Four neighbouring ports that are free now on loopback.
int free_ports() {
  for (int base = 20000 + getpid() % 20000, tries = 0; tries < 200; base += 7, ++tries) {
    bool all_free = true;
    for (int offset = 0; offset < 4 && all_free; ++offset) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in where{};
      where.sin_family = AF_INET;
      where.sin_port = htons(static_cast<std::uint16_t>(base + offset));
      where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      all_free = bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
      close(fd);
    }
    if (all_free) return base;
  }
  throw std::runtime_error("no free ports");
}

/// In order, so that a daemon built with a sanitizer also reports its leaks. One that the test killed stays dead; any
/// other end on its own is a crash.
void stop(Process& daemon, const std::string& log_file) {
  daemon.send_signal(SIGCONT);
  daemon.send_signal(SIGTERM);
  const int status = daemon.wait();
  const bool is_in_order = status == 0 || status == 128 + SIGKILL;
  if (!is_in_order) ADD_FAILURE() << "no orderly stop, but exit status " << status << ":\n" << read_text(log_file);
  daemon.kill_hard();
}

}  // namespace

void expect_no_sanitizer_reports(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = read_text(entry.path());
    for (const char* mark :
         {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: "}) {
      if (text.find(mark) != std::string::npos) ADD_FAILURE() << entry.path() << ":\n" << text;
    }
  }
}

std::string program(const std::string& name) {
  const std::string build = ESCAPE_BUILD_DIR;
  const bool is_inner = name == "escape-embedded" || name == "escape-supervisor";
  return build + (is_inner ? "/libexec/escape/" : "/bin/") + name;
}

Cluster::Cluster(const std::vector<std::string>& agents, const std::string& settings) : folder_(make_folder()) {
  static int counter = 0;
  tag_ = "et" + std::to_string(getpid()) + "-" + std::to_string(counter++);
  make_hosts(agents);
  fs::create_directories(workspace());
  fs::create_directories(folder_ + "/config");
  base_port_ = has_own_hosts_ ? 7770 : free_ports();
  const auto at = [&](const char* socket) { return address_ + ":" + std::to_string(port(socket)); };
  write_text(folder_ + "/controller.yml", "data: " + folder_ + "/controller\naddress: " + address_ + "\nagents: \"" +
                                              at("agents") + "\"\nclients: \"" + at("clients") + "\"\nevents: \"" +
                                              at("events") + "\"\nhttp: \"" + at("http") + "\"\nagent_wait: 20s\n" +
                                              settings);
  start_controller();
  enrol_administrator();
  for (const std::string& environment : agents) {
    enrol_agent(environment);
    start_agent(environment);
  }
}

Cluster::~Cluster() {
  for (auto& [name, process] : agents_) stop(process, folder_ + "/agent-" + name + ".log");
  stop(controller_, folder_ + "/controller.log");
  expect_no_sanitizer_reports(folder_);
  for (const std::string& host : hosts_) run_quietly("ip netns del " + tag_ + "-" + host);
  if (!std::getenv("ESCAPE_KEEP_TEST_FOLDERS")) fs::remove_all(folder_);
}

int Cluster::port(const std::string& socket) const {
  if (socket == "http") return base_port_;
  if (socket == "agents") return base_port_ + 1;
  if (socket == "clients") return base_port_ + 2;
  return base_port_ + 3;
}

void Cluster::make_hosts(const std::vector<std::string>& agents) {
  has_own_hosts_ = geteuid() == 0 && run_quietly("ip netns add " + tag_ + "-controller");
  if (!has_own_hosts_) return;
  address_ = "10.98.0.1";
  hosts_ = {"controller"};
  const std::string in = "ip -n " + tag_ + "-controller ";
  must(run_quietly(in + "link set lo up && " + in + "link add hosts type bridge && " + in +
                   "addr add 10.98.0.1/24 dev hosts && " + in + "link set hosts up"),
       "the controller's host could not be made");
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const std::string host = tag_ + "-" + agents[i];
    const std::string link = "v" + std::to_string(i);
    hosts_.push_back(agents[i]);
    must(run_quietly("ip netns add " + host + " && ip link add " + link + " netns " + tag_ +
                     "-controller type veth peer name eth0 netns " + host + " && " + in + "link set " + link +
                     " master hosts up && ip -n " + host + " addr add 10.98.0." + std::to_string(10 + i) +
                     "/24 dev eth0 && ip -n " + host + " link set eth0 up && ip -n " + host + " link set lo up"),
         "the host of " + agents[i] + " could not be made");
  }
}

std::vector<std::string> Cluster::on(const std::string& host, std::vector<std::string> command) const {
  if (!has_own_hosts_) return command;
  std::vector<std::string> whole{"ip", "netns", "exec", tag_ + "-" + host};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

std::map<std::string, std::string> Cluster::environment() const {
  return {{"XDG_CONFIG_HOME", folder_ + "/config"}, {"HOME", folder_}, {"CI", "true"}};
}

std::map<std::string, std::string> Cluster::fault_of(const std::string& daemon) const {
  const auto found = faults_.find(daemon);
  if (found == faults_.end() || found->second.empty()) return {};
  return {{"ESCAPE_FAULT", found->second}};
}

void Cluster::start_controller() {
  const std::string log = folder_ + "/controller.log";
  const std::string before = read_text(log);
  controller_ =
      Process(on("controller", {program("escape-controller"), "--config", folder_ + "/controller.yml"}),
              {.environment = fault_of("controller"), .output_file = folder_ + "/controller.out", .error_file = log});
  must(eventually([&] { return read_text(log).find("listens on", before.size()) != std::string::npos; }),
       "the controller did not start:\n" + read_text(log));
}

void Cluster::kill_controller() { controller_.kill_hard(); }

void Cluster::start_agent(const std::string& environment_name) {
  const std::string log = folder_ + "/agent-" + environment_name + ".log";
  const std::string before = read_text(log);
  std::vector<std::string> command{program("escape-agent"), "--config",
                                   folder_ + "/agent-" + environment_name + ".yml"};
  if (reboots_.contains(environment_name)) {
    // Only what is started here sees it: `ip netns exec` gives each command mounts of its own.
    const std::string boot_id = folder_ + "/boot-id-" + environment_name;
    const std::string mounting = "mount --bind '" + boot_id + "' /proc/sys/kernel/random/boot_id && exec \"$@\"";
    write_text(boot_id, "boot-" + std::to_string(reboots_[environment_name]) + "\n");
    command.insert(command.begin(), {"sh", "-c", mounting, "sh"});
  }
  agents_[environment_name] =
      Process(on(environment_name, command),
              {.environment = fault_of(environment_name), .output_file = log, .error_file = log});
  must(eventually([&] { return read_text(log).find("connected", before.size()) != std::string::npos; }),
       "the agent of " + environment_name + " did not connect:\n" + read_text(log));
}

void Cluster::kill_agent(const std::string& environment_name) { agents_.at(environment_name).kill_hard(); }

void Cluster::reboot(const std::string& environment_name) {
  must(has_own_hosts_, "no host to reboot");
  kill_agent(environment_name);
  // The namespace is this test's own, so everything in it is.
  const std::string processes = "ip netns pids " + tag_ + "-" + environment_name;
  must(eventually([&] {
         (void)run_quietly(processes + " | xargs -r kill -9");  // some end before their turn
         return run_quietly("test -z \"$(" + processes + ")\"");
       }),
       "something outlived the reboot of " + environment_name);
  ++reboots_[environment_name];
}

void Cluster::enrol_administrator() {
  std::string token = read_text(folder_ + "/controller/admin-invitation");
  while (!token.empty() && token.back() == '\n') token.pop_back();
  const Ran login =
      escape({"login", "--controller", address_ + ":" + std::to_string(port("clients")), "--token", token});
  must(login.exit_status == 0, "login failed: " + login.all());
}

void Cluster::enrol_agent(const std::string& environment_name) {
  const Ran invited =
      escape({"agents", "invite", "--environment", environment_name, "--name", environment_name + "-1"});
  must(invited.exit_status == 0, "invite failed: " + invited.all());
  const std::string data = folder_ + "/agent-" + environment_name;
  const std::string log = folder_ + "/join-" + environment_name + ".log";
  std::string token = invited.out;
  while (!token.empty() && token.back() == '\n') token.pop_back();
  Process join(on(environment_name, {program("escape-agent"), "join", token, "--data", data}),
               {.output_file = log, .error_file = log});
  must(join.wait() == 0, "join failed: " + read_text(log));
  write_text(folder_ + "/agent-" + environment_name + ".yml", "data: " + data + "\n");
}

void Cluster::cut_link(const std::string& environment_name) {
  must(has_own_hosts_ && run_quietly("ip -n " + tag_ + "-" + environment_name + " link set eth0 down"),
       "no link to cut");
}

void Cluster::restore_link(const std::string& environment_name) {
  must(run_quietly("ip -n " + tag_ + "-" + environment_name + " link set eth0 up"), "the link did not come up");
}

Process Cluster::start_escape(const std::vector<std::string>& arguments, const std::string& name) {
  std::vector<std::string> command{program("escape")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return Process(on("controller", command), {.folder = workspace(),
                                             .environment = environment(),
                                             .output_file = folder_ + "/" + name + ".out",
                                             .error_file = folder_ + "/" + name + ".err"});
}

Ran Cluster::escape(const std::vector<std::string>& arguments, Seconds limit, const std::string& input) {
  const std::string name = folder_ + "/command-" + std::to_string(++commands_);
  std::vector<std::string> command{program("escape")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Process process(on("controller", command), {.folder = workspace(),
                                              .environment = environment(),
                                              .output_file = name + ".out",
                                              .error_file = name + ".err",
                                              .input = input});
  const int status = process.wait(limit);
  return {status, read_text(name + ".out"), read_text(name + ".err")};
}

std::vector<int> Cluster::job_numbers() {
  const std::string text = escape({"jobs", "list", "--json"}).out;
  static const std::regex number("\"job\": ?([0-9]+)");
  std::vector<int> numbers;
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it) {
    numbers.push_back(std::stoi((*it)[1]));
  }
  return numbers;
}

void Cluster::write_plan(const std::string& plan, const std::string& deploy_script) {
  write_text(workspace() + "/escape.yml", plan);
  write_text(workspace() + "/deploy.sh", deploy_script, 0755);
}

void Cluster::write_hello_world() {
  write_plan(
      "name: quickstart/hello-world\nversion: 0.0.@\ninputs:\n- id: who\n  default: World\n  type: string\n"
      "  description: Who should we be greeting?\ndeploy: deploy.sh\n",
      "#!/bin/bash -e\n\necho \"Hello ${INPUT_who}!\"\n");
}

}  // namespace escape::testing
