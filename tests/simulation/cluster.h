#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/graph.h"
#include "tests/simulation/simulation.h"

namespace escape::simulation {

/// The simulated installation: who is there (drawn from the seed), and how faults reach them.
class Cluster {
 public:
  explicit Cluster(World& world);
  ~Cluster();

  static constexpr Micros work_time{60'000'000};
  /// Back-off (a minute), waits for agents (a minute) and queues of slow scripts, with room.
  static constexpr Micros settle_limit{std::chrono::minutes(30)};

  void run(const std::vector<Fault>& faults);
  void count(Outcome& outcome) const;

 private:
  struct Member {
    std::unique_ptr<Host> host;
    std::unique_ptr<AgentNode> agent;
    std::string environment;
    int invitations = 0;
  };

  // cluster.cc
  void begin(const Fault& fault);
  void end(const Fault& fault);
  void trouble(const Fault& fault, int by);
  void kill_controller(const Fault& fault);
  void restart_controller(Micros after);
  void bring_back_old_controller(const Fault& fault);
  bool may_old_controller_come() const;
  void clone_agent(const Fault& fault);
  void calm_down();
  bool is_settled() const;
  Member& member(const Fault& fault) { return members_[fault.target % members_.size()]; }
  ClientNode& client(const Fault& fault) { return *clients_[fault.target % clients_.size()]; }

  // workload.cc
  void enrol_all();
  void invite_agent(Member& member);
  void invite_person(ClientNode& person);
  void plan_request(ClientNode& client);
  void some_request(ClientNode& client);
  void submit(ClientNode& client, protocol::request::Submit asked);
  void follow(ClientNode& client, JobId job);
  void remove_agent(Member& member);
  void remove_person(ClientNode& person);
  void check_what_was_told();

  World& world_;
  Network network_;
  Inventory inventory_;
  Checks checks_;
  Clock controller_clock_;
  ControllerDisk disk_;
  std::unique_ptr<ControllerNode> controller_;
  std::vector<std::unique_ptr<ControllerNode>> old_controllers_;
  std::vector<std::unique_ptr<ControllerDisk>> old_disks_;
  std::vector<Member> members_;
  std::vector<Member> clones_;
  std::vector<std::unique_ptr<ClientNode>> clients_;  ///< the first one is the administrator
  std::unique_ptr<ClientNode> walker_;
  std::unique_ptr<GraphWalk> walk_;
  Random random_;  ///< of the workload
  bool is_calm_ = false;
  bool address_is_taken_ = false;
  int restart_ = 0;
  Micros downtime_{500ms};
  std::int64_t last_marker_ = 0;
  Micros pace_{0};
  std::map<JobId, std::int64_t> made_;  ///< acknowledged jobs and the marker they were asked with
  std::map<JobId, std::string> told_outcomes_;
  std::map<std::string, int> seen_;
};

}  // namespace escape::simulation
