#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace escape::testing {

/// What a finished command left.
struct Ran {
  int exit_status = -1;
  std::string out;  ///< stdout
  std::string err;  ///< stderr
  std::string all() const { return out + err; }
};

/// The build tree's programs, on hosts of their own.
///
/// With root each host is a network namespace behind one bridge (10.98.x.y); otherwise all are on loopback ports and
/// `has_own_hosts` is false, which a test that needs the boundary must say.
class Cluster {
 public:
  /// `agents`: environment names; agent NAME-1 each. `settings`: lines for controller.yml in place of the usual ones.
  explicit Cluster(const std::vector<std::string>& agents, const std::string& settings = "heartbeat: 500ms\n");
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  bool has_own_hosts() const { return has_own_hosts_; }
  const std::string& folder() const { return folder_; }
  const std::string& address() const { return address_; }
  int port(const std::string& socket) const;  ///< "agents", "clients", "events", "http"

  void start_controller();
  void kill_controller();  ///< -9
  void start_agent(const std::string& environment);
  void kill_agent(const std::string& environment);  ///< -9
  /// From its next start on, that daemon ("controller" or an environment's agent) and what it starts run with this
  /// ESCAPE_FAULT (shared/base/fault_point.h); empty: with none.
  void set_fault(const std::string& daemon, const std::string& fault) { faults_[daemon] = fault; }
  /// Everything on that host is gone at once, and what starts there from now on sees another boot id. Needs own hosts.
  void reboot(const std::string& environment);
  Process& controller() { return controller_; }
  Process& agent(const std::string& environment) { return agents_.at(environment); }
  std::string controller_log() const { return read_text(folder_ + "/controller.log"); }
  std::string agent_log(const std::string& environment) const {
    return read_text(folder_ + "/agent-" + environment + ".log");
  }
  void cut_link(const std::string& environment);
  void restore_link(const std::string& environment);

  /// `escape ARGUMENTS…` as the administrator on the controller's host, in `workspace()`.
  Ran escape(const std::vector<std::string>& arguments, Seconds limit = Seconds(60), const std::string& input = "");
  /// Numbers of all jobs, newest first.
  std::vector<int> job_numbers();
  Process start_escape(const std::vector<std::string>& arguments, const std::string& name);
  std::string workspace() const { return folder_ + "/workspace"; }
  /// A command on that host ("controller" or an environment's name).
  std::vector<std::string> on(const std::string& host, std::vector<std::string> command) const;

  /// Writes escape.yml and deploy.sh into the workspace.
  void write_plan(const std::string& plan, const std::string& deploy_script);
  void write_hello_world();

 private:
  void make_hosts(const std::vector<std::string>& agents);
  void enrol_administrator();
  void enrol_agent(const std::string& environment);
  std::map<std::string, std::string> environment() const;
  std::map<std::string, std::string> fault_of(const std::string& daemon) const;

  std::string folder_;
  std::string tag_;
  std::string address_ = "127.0.0.1";
  bool has_own_hosts_ = false;
  int base_port_ = 0;
  int commands_ = 0;
  std::vector<std::string> hosts_;
  Process controller_;
  std::map<std::string, Process> agents_;
  std::map<std::string, std::string> faults_;
  std::map<std::string, int> reboots_;
};

std::string program(const std::string& name);  ///< path in the build tree

/// Fails the test when a file in the folder holds what a sanitizer found in one of our programs.
void expect_no_sanitizer_reports(const std::string& folder);

}  // namespace escape::testing
