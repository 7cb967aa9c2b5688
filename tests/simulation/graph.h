#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/checks.h"
#include "tests/simulation/client_node.h"
#include "tests/simulation/controller_disk.h"

namespace escape::simulation {

using Releases = std::map<std::string, release::ReleaseRecord>;  ///< by query text

/// A random graph of packages: applications that provide for each other, what they depend on and what that depends on,
/// with outputs that go from one dependency to another, and one provider that any of them may need.
struct Graph {
  static constexpr const char* environment = "graph";
  std::vector<std::string> applications;  ///< "gg/app0" …, also their deployments: providers before their consumers
  std::string base;                       ///< the application that dependencies share as a provider
  Releases releases;
};
Graph draw_graph(Random random);

/// Why a script of the graph must not start now, by what the packages say and what the scripts of its job have done;
/// nothing: it fits every edge.
std::optional<std::string> out_of_order(const protocol::Offer& offer, const Truth& truth,
                                        const std::map<agent::TaskKey, ScriptRecord>& scripts,
                                        const Releases& releases);

/// A person who brings a graph up with converge, sees that a second one finds nothing to do, and destroys it again, as
/// often as time allows: what fails on the way is tried again.
class GraphWalk {
 public:
  GraphWalk(World& world, ClientNode& client, const Truth& truth, Graph graph);

  void start();
  /// The round under way is the last one.
  void come_to_rest() { is_last_ = true; }
  bool is_at_rest() const { return is_at_rest_; }
  const Graph& graph() const { return graph_; }
  const std::map<std::string, int>& seen() const { return seen_; }

 private:
  enum class Stage { describe, bring_up, look_again, destroy };
  void next();
  void ask(protocol::request::Submit asked);
  void await(JobId job);
  void on_job(const controller::Job& job);
  std::string status_of(const std::string& deployment) const;
  const std::string* first_to_destroy() const;

  World& world_;
  ClientNode& client_;
  const Truth& truth_;
  Graph graph_;
  Stage stage_ = Stage::describe;
  bool is_last_ = false, is_at_rest_ = false;
  std::map<std::string, int> seen_;
};

}  // namespace escape::simulation
