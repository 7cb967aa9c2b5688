#include "tests/simulation/cluster.h"

#include <fmt/core.h>

#include <algorithm>
#include <ranges>

namespace escape::simulation {

namespace {

release::ReleaseRecord make_release(const std::string& id, const std::vector<std::string>& steps) {
  release::ReleaseRecord record;
  record.id = release::parse_release_id(id).value();
  record.sha256 = "sha-of-" + id;
  record.size = 100;
  record.metadata.name = record.id.application.name;
  record.metadata.project = record.id.application.project;
  record.metadata.version = record.id.version.text();
  release::Variable who;
  who.id = "who";
  who.fallback = Value("World");
  record.metadata.inputs = {who};
  for (const std::string& step : steps) record.metadata.stages[step].script = step + ".sh";
  return record;
}

constexpr int controller_machine = 0;
constexpr int walker_machine = 200;
constexpr int first_clone_machine = 1000;

}  // namespace

Cluster::Cluster(World& world)
    : world_(world),
      network_(world),
      checks_(world, inventory_.releases),
      controller_clock_{&world, Micros{0}},
      disk_(world),
      random_(world.stream("workload")) {
  Random shape = world.stream("shape");
  inventory_.releases["pp/aa-v1"] = make_release("pp/aa-v1", {"pre_deploy", "deploy", "smoke", "destroy"});
  inventory_.releases["pp/aa-v2"] = make_release("pp/aa-v2", {"deploy", "post_deploy", "smoke", "destroy"});
  inventory_.releases["pp/bb-v1"] = make_release("pp/bb-v1", {"deploy"});
  inventory_.releases["pp/cc-v1"] = make_release("pp/cc-v1", {"deploy", "smoke"});
  inventory_.releases["pp/dd-v1"] = make_release("pp/dd-v1", {"deploy", "destroy"});
  controller_ = std::make_unique<ControllerNode>(
      "controller", ControllerNode::Parts{&world_, &network_, &checks_, &inventory_, &controller_clock_}, disk_);
  controller_->on_died = [this] { restart_controller(downtime_); };
  Graph graph = draw_graph(world.stream("graph"));
  inventory_.releases.insert(graph.releases.begin(), graph.releases.end());
  const auto agents = static_cast<int>(1 + shape.below(5));
  for (int i = 1; i <= agents + 1; ++i) {
    Member member;
    member.host = std::make_unique<Host>(world_, checks_, disk_.truth(), fmt::format("host{}", i));
    member.agent =
        std::make_unique<AgentNode>(AgentNode::Parts{&world_, &network_, &checks_, &inventory_}, *member.host, i);
    member.agent->on_died = [this, agent = member.agent.get()] {
      world_.after(1s, [agent] {
        if (!agent->is_up()) agent->start();
      });
    };
    member.environment = i > agents ? Graph::environment : i % 3 == 2 ? "live" : "stage";
    members_.push_back(std::move(member));
  }
  const auto clients = static_cast<int>(2 + shape.below(3));
  for (int i = 0; i < clients; ++i) {
    const std::string name = i == 0 ? "admin" : fmt::format("person{}", i);
    clients_.push_back(std::make_unique<ClientNode>(world_, network_, name, 100 + i));
  }
  walker_ = std::make_unique<ClientNode>(world_, network_, "walker", walker_machine);
  walk_ = std::make_unique<GraphWalk>(world_, *walker_, disk_.truth(), std::move(graph));
  pace_ = shape.between(300ms, 4s);
}

Cluster::~Cluster() = default;

void Cluster::run(const std::vector<Fault>& faults) {
  controller_->start();
  clients_.front()->enrol(ControllerNode::first_invitation());
  enrol_all();
  for (auto& client : clients_) plan_request(*client);
  for (const Fault& fault : faults) {
    world_.after(fault.at, [this, fault] { begin(fault); });
    world_.after(std::min(fault.at + fault.duration, work_time + 1s), [this, fault] { end(fault); });
  }
  world_.run_until(world_.now() + work_time + 2s);
  if (world_.failure()) return;
  calm_down();
  const Instant limit = world_.now() + settle_limit;
  while (!world_.failure() && !is_settled()) {
    if (world_.now() > limit) break;
    world_.run_until(world_.now() + 1s);
    network_.forget_closed();
  }
  if (world_.failure()) return;
  checks_.check_all_settled(disk_.truth(), controller_->state());
  check_what_was_told();
  if (!world_.failure() && !is_settled()) {
    std::string who;
    for (const Member& member : members_) {
      if (!member.agent->is_online() || !member.agent->is_settled()) who += " " + member.host->name;
    }
    for (const auto& client : clients_) {
      if (!client->is_idle()) who += " " + client->name;
    }
    if (!walk_->is_at_rest()) who += " " + walker_->name;
    world_.fail("everything settles", "not at rest:" + who);
  }
}

bool Cluster::is_settled() const {
  return controller_->is_up() && controller_->is_idle() && controller_->state().jobs.empty() &&
         std::ranges::all_of(members_,
                             [](const Member& one) { return one.agent->is_online() && one.agent->is_settled(); }) &&
         std::ranges::all_of(clients_, [](const auto& client) { return client->is_idle(); }) && walk_->is_at_rest() &&
         std::ranges::none_of(checks_.scripts(), [](const auto& one) { return one.second.is_running; });
}

/// Nothing goes wrong any more, and what went wrong is put right by people.
void Cluster::calm_down() {
  world_.note("faults", "stop");
  is_calm_ = true;
  walk_->come_to_rest();
  downtime_ = 500ms;
  if (!controller_->is_up()) restart_controller(0us);
  for (Member& clone : clones_) clone.agent->kill(true);
  for (Member& member : members_) {
    if (!member.agent->is_up()) member.agent->start();
  }
  for (auto& client : clients_) {
    if (!client->is_up()) client->start();
  }
  // Hosts that were removed, or whose invitation got lost.
  world_.after(20s, [this] {
    if (!controller_->is_up()) return;
    for (Member& member : members_) {
      if (!controller_->state().agents.contains(member.host->agent) && !member.agent->is_online()) invite_agent(member);
    }
  });
}

void Cluster::count(Outcome& outcome) const {
  outcome.jobs = disk_.truth().settled_jobs.size();
  outcome.scripts = checks_.scripts_run();
  outcome.packets = network_.carried();
  outcome.seen = seen_;
  for (const auto& [what, count] : walk_->seen()) outcome.seen[what] += count;
  for (const auto& [number, job] : disk_.truth().settled_jobs) {
    ++outcome.seen[fmt::format("job {}", name_of(job.outcome))];
    ++outcome.seen[fmt::format("job of kind {}", name_of(job.kind))];
    if (!job.error_kind.empty()) ++outcome.seen["error " + job.error_kind];
  }
  for (const auto& [id, task] : disk_.truth().tasks) {
    if (task.outcome) ++outcome.seen[fmt::format("task {}", name_of(*task.outcome))];
  }
}

void Cluster::restart_controller(Micros after) {
  world_.after(after, [this, number = ++restart_] {
    if (number != restart_ || address_is_taken_ || controller_->is_up()) return;
    controller_->start();
  });
}

void Cluster::kill_controller(const Fault& fault) {
  downtime_ = std::min(fault.duration, Micros{20s});
  constexpr std::array points{CrashPoint::at_once, CrashPoint::batch_lost, CrashPoint::batch_kept,
                              CrashPoint::before_send, CrashPoint::in_the_middle_of_sending};
  const CrashPoint point = points[fault.variant % points.size()];
  if (point != CrashPoint::at_once) return controller_->kill_at(point);
  controller_->kill(false);
  restart_controller(downtime_);
}

/// Copied before, started instead of the real one after that has lived on. Only where the promise holds: everybody has
/// seen a later life than the copy's next one (README.md).
void Cluster::bring_back_old_controller(const Fault& fault) {
  if (!controller_->is_up() || address_is_taken_) return;
  old_disks_.push_back(std::make_unique<ControllerDisk>(ControllerDisk::copy_of(disk_)));
  for (int i = 1; i <= 2; ++i) {
    world_.after(2s * i, [this] {
      if (address_is_taken_) return;
      controller_->kill(false);
      restart_controller(100ms);
    });
  }
  world_.after(15s, [this, fault, disk = old_disks_.back().get()] {
    if (is_calm_ || address_is_taken_ || !may_old_controller_come()) return;
    ++seen_["old controller came"];
    address_is_taken_ = true;
    controller_->kill(false);
    old_controllers_.push_back(std::make_unique<ControllerNode>(
        "old controller", ControllerNode::Parts{&world_, &network_, &checks_, &inventory_, &controller_clock_}, *disk));
    ControllerNode* old = old_controllers_.back().get();
    old->on_died = [] {};
    old->start();
    world_.after(std::min(fault.duration, Micros{20s}), [this, old] {
      old->kill(false);
      address_is_taken_ = false;
      restart_controller(0us);
    });
  });
}

bool Cluster::may_old_controller_come() const {
  if (!controller_->is_up()) return false;
  const Epoch epoch = controller_->state().epoch;
  return std::ranges::all_of(
             members_,
             [&](const Member& one) { return !one.agent->is_joining() && one.host->highest_epoch == epoch; }) &&
         std::ranges::all_of(clients_, [&](const auto& client) {
           return !client->is_up() || (client->is_enrolled() && client->epoch() == epoch);
         });
}

/// The same key on another machine: an image of the host, without the tasks that it held.
void Cluster::clone_agent(const Fault& fault) {
  const Member& original = member(fault);
  if (original.host->agent.empty() || !original.host->invitation.empty()) return;
  Member clone;
  clone.host = std::make_unique<Host>(world_, checks_, disk_.truth(), original.host->name + "-clone");
  clone.host->agent = original.host->agent;
  clone.host->key = original.host->key;
  clone.host->seen_instance = original.host->seen_instance;
  clone.host->seen_epoch = clone.host->highest_epoch = original.host->seen_epoch;
  const int machine = first_clone_machine + static_cast<int>(clones_.size());
  clone.agent =
      std::make_unique<AgentNode>(AgentNode::Parts{&world_, &network_, &checks_, &inventory_}, *clone.host, machine);
  clone.agent->on_died = [] {};
  clone.agent->start();
  world_.after(fault.duration, [agent = clone.agent.get(), host = clone.host.get()] {
    agent->kill(true);
    host->reboot();
  });
  clones_.push_back(std::move(clone));
}

void Cluster::trouble(const Fault& fault, int by) {
  const int machine = member(fault).agent->machine();
  LinkTrouble& link = network_.trouble(fault.variant % 7 == 0 ? client(fault).machine() : machine);
  switch (fault.kind) {
    case FaultKind::drop_packets:
      link.drop += by * static_cast<int>(20 + fault.variant % 200);
      return;
    case FaultKind::repeat_packets:
      link.repeat += by * static_cast<int>(20 + fault.variant % 200);
      return;
    case FaultKind::swap_packets:
      link.swap += by * static_cast<int>(20 + fault.variant % 200);
      return;
    case FaultKind::slow_link:
      link.slow += by;
      return;
    case FaultKind::partition:
      link.blocked_to += by;
      link.blocked_from += by;
      return;
    case FaultKind::partition_to_controller:
      link.blocked_to += by;
      return;
    case FaultKind::partition_from_controller:
      link.blocked_from += by;
      return;
    case FaultKind::unruly_agent:
      member(fault).agent->unruly += by;
      return;
    case FaultKind::unruly_controller:
      controller_->unruly += by;
      return;
    case FaultKind::slow_disk:
      (fault.variant % 2 ? disk_.slow : member(fault).host->slow) += by;
      return;
    case FaultKind::full_disk:
      (fault.variant % 2 ? disk_.full : member(fault).host->full) += by;
      return;
    case FaultKind::broken_inventory:
      inventory_.broken += by;
      return;
    case FaultKind::clock_jump: {
      const Micros jump = (fault.variant % 2 ? 1 : -1) * Micros{std::chrono::minutes(1 + fault.variant % 70)};
      (fault.target % 3 == 0 ? controller_clock_ : member(fault).host->clock).wall_offset += by * jump;
      return;
    }
    default:
      return;
  }
}

void Cluster::begin(const Fault& fault) {
  world_.note("faults", "begins", [&] { return to_string(fault); }, static_cast<std::uint64_t>(fault.kind));
  ++seen_[fmt::format("fault {}", name_of(fault.kind))];
  trouble(fault, 1);
  Member& one = member(fault);
  switch (fault.kind) {
    case FaultKind::cut_connections:
      return network_.cut(one.agent->machine());
    case FaultKind::kill_controller:
      return kill_controller(fault);
    case FaultKind::power_loss_controller:
      downtime_ = std::min(fault.duration, Micros{20s});
      controller_->kill(true);
      return restart_controller(downtime_);
    case FaultKind::freeze_controller:
      return controller_->freeze(fault.duration);
    case FaultKind::kill_agent:
      if (fault.variant % 3) return one.agent->crash_at_next_write(fault.variant % 3 == 1);
      return one.agent->kill(false);
    case FaultKind::stop_agent:
      return one.agent->stop();
    case FaultKind::reboot_host:
      one.agent->kill(true);
      return one.host->reboot();
    case FaultKind::lose_disk:
      if (one.host->agent.empty() || !one.host->invitation.empty()) return;
      one.agent->kill(true);
      return one.host->lose_disk();
    case FaultKind::kill_supervisor:
      return one.host->kill_supervisor();
    case FaultKind::freeze_agent:
      return one.agent->freeze(fault.duration);
    case FaultKind::kill_client:
      return client(fault).kill();
    case FaultKind::old_controller:
      return bring_back_old_controller(fault);
    case FaultKind::cloned_agent:
      return clone_agent(fault);
    default:
      return;
  }
}

void Cluster::end(const Fault& fault) {
  world_.note("faults", "ends", [&] { return to_string(fault); }, static_cast<std::uint64_t>(fault.kind));
  trouble(fault, -1);
  AgentNode& agent = *member(fault).agent;
  switch (fault.kind) {
    case FaultKind::kill_agent:
    case FaultKind::stop_agent:
    case FaultKind::reboot_host:
    case FaultKind::lose_disk:
      if (!agent.is_up()) agent.start();
      return;
    case FaultKind::kill_client:
      if (!client(fault).is_up() && (client(fault).is_enrolled() || fault.target % clients_.size() == 0)) {
        client(fault).start();
      }
      return;
    default:
      return;
  }
}

}  // namespace escape::simulation
