#include <gmock/gmock.h>

#include <random>

#include "controller/core/harness_for_tests.h"

/// Random graphs of dependencies and providers, deployed by a converge and destroyed again, with restarts of the
/// controller in between: what runs, and what runs beside it, fits every edge, and nothing runs twice.
/// ESCAPE_TEST_SEED=N runs one graph.
namespace escape::controller::testing {
namespace graphs_test {

class Graph {
 public:
  explicit Graph(std::uint32_t seed) : random_(seed) {
    agent_ = &h_.enrol("stage-1", "stage");
    make_base();
    make_libraries();
    make_applications();
  }

  void run() {
    protocol::request::ApplyEnvironment apply;
    apply.environment = "stage";
    for (const std::string& name : applications_) apply.deployments.push_back({name, "pp/" + name + "-v1", {}});
    h_.ask(apply);
    protocol::request::Submit asked;
    asked.kind = JobKind::converge;
    asked.environment = "stage";
    const JobId job = carry_out(asked);
    ASSERT_EQ(h_.job(job).outcome, JobOutcome::ok) << h_.job(job).message;
    check_deploys();
    ASSERT_TRUE(h_.job(carry_out(asked)).children.empty()) << "a second converge finds all as desired";
    for (auto name = applications_.rbegin(); name != applications_.rend(); ++name) {
      const std::size_t before = agent_->offers.size();
      protocol::request::Submit destroy;
      destroy.kind = JobKind::destroy;
      destroy.environment = "stage";
      destroy.deployment = *name;
      const JobId number = carry_out(destroy);
      ASSERT_EQ(h_.job(number).outcome, JobOutcome::ok) << h_.job(number).message;
      check_destroys(before);
    }
    for (const auto& [key, deployment] : h_.state().deployments) {
      ASSERT_FALSE(state::is_below_another(key.deployment)) << key.deployment << " is left";
    }
    for (const auto& [task, count] : agent_->starts) ASSERT_EQ(count, 1);
  }
  /// How often a dependency began while another one ran.
  int were_beside() const { return were_beside_; }

 private:
  int below(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  bool once_in(int count) { return below(count) == 0; }

  release::ReleaseRecord& add(const std::string& name) {
    release::ReleaseRecord& record = h_.releases["pp/" + name + "-v1"] =
        make_release("pp/" + name + "-v1", {"deploy", "destroy"});
    record.metadata.inputs = {{.id = "in", .fallback = Value("none")}};
    record.metadata.outputs = {{.id = "out", .fallback = Value("$this.deployment")}};
    return record;
  }

  /// Up to three of what comes before in the list, some of them given the output of another one.
  void add_dependencies(release::Metadata& metadata, int first_of) {
    const int count = first_of == 0 ? 0 : below(4);
    for (int i = 0; i < count; ++i) {
      const std::string variable = "dep" + std::to_string(i);
      metadata.depends.push_back(
          {.release_id = "pp/lib" + std::to_string(below(first_of)) + "-v1", .variable = variable});
    }
    std::vector<int> order(metadata.depends.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::shuffle(order.begin(), order.end(), random_);
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (once_in(2)) continue;
      const std::string from = "dep" + std::to_string(order[static_cast<std::size_t>(below(static_cast<int>(i)))]);
      metadata.depends[static_cast<std::size_t>(order[i])].deploy_mapping = {{"in", "$" + from + ".outputs.out"}};
    }
  }

  /// What dependencies share.
  void make_base() {
    release::Metadata& metadata = add("base").metadata;
    metadata.provides = {"of-base"};
    metadata.stages["activate_provider"].script = "on.sh";
    metadata.stages["deactivate_provider"].script = "off.sh";
    agent_->finishes_at_once = true;
    h_.deploy("pp/base-v1");
  }

  void make_libraries() {
    const int count = 1 + below(4);
    for (int i = 0; i < count; ++i) {
      release::Metadata& metadata = add("lib" + std::to_string(i)).metadata;
      add_dependencies(metadata, i);
      if (once_in(3)) metadata.consumes = {{.name = "of-base", .variable = "base"}};
    }
    libraries_ = count;
  }

  void make_applications() {
    const int count = 1 + below(5);
    for (int i = 0; i < count; ++i) {
      // Names in an order that has nothing to do with the one of the edges.
      const std::string name = std::string(1, static_cast<char>('a' + below(26))) + "app" + std::to_string(i);
      release::Metadata& metadata = add(name).metadata;
      add_dependencies(metadata, libraries_);
      if (once_in(2)) {
        metadata.provides = {"of-" + name};
        if (once_in(2)) metadata.stages["activate_provider"].script = "on.sh";
        if (once_in(2)) metadata.stages["deactivate_provider"].script = "off.sh";
      }
      for (const std::string& provider : applications_) {
        const release::Metadata& provided = h_.releases["pp/" + provider + "-v1"].metadata;
        if (provided.provides.empty() || once_in(2)) continue;
        metadata.consumes.push_back({.name = provided.provides[0], .variable = provided.provides[0]});
        providers_[name].push_back(provider);
      }
      applications_.push_back(name);
    }
  }

  /// To its end, with a script now and then ending only after the controller has started again.
  JobId carry_out(const protocol::request::Submit& asked) {
    agent_->finishes_at_once = false;
    const JobId job = h_.submit(asked);
    for (int turn = 0; h_.state().jobs.contains(job) && turn < 1000; ++turn) {
      if (once_in(5)) {
        h_.restart();
        h_.connect(*agent_);
      }
      std::vector<JobId> working{job};
      for (const JobId child : h_.job(job).children) working.push_back(child);
      if (once_in(3)) {
        for (const JobId one : working) h_.finish(*agent_, one);
      } else if (const std::set<std::string> running = agent_->running(); !running.empty()) {
        h_.finish(*agent_, *std::next(running.begin(), below(static_cast<int>(running.size()))));
      }
    }
    return job;
  }

  /// Where the first offer of a deployment's step stands, or -1.
  int place_of(const std::string& deployment, const std::string& step, std::size_t from = 0) const {
    for (std::size_t i = from; i < agent_->offers.size(); ++i) {
      if (agent_->offers[i].deployment == deployment && agent_->offers[i].step == step) return static_cast<int>(i);
    }
    return -1;
  }

  /// That deployment's script had ended when the offer of that place came, which began after it.
  void check_is_after(int place, const std::string& deployment, const std::string& step, std::size_t from = 0) const {
    const int before = place_of(deployment, step, from);
    const protocol::Offer& offer = agent_->offers[static_cast<std::size_t>(place)];
    ASSERT_GE(before, 0) << deployment;
    ASSERT_LT(before, place) << deployment << " before " << offer.deployment;
    const auto is_it = [&](const auto& one) { return one.second == deployment + " " + step; };
    ASSERT_TRUE(std::ranges::none_of(agent_->beside[static_cast<std::size_t>(place)], is_it))
        << deployment << " still runs when " << offer.deployment << " begins";
  }

  /// In one job no script that needs the same provider runs while that is being activated or deactivated.
  void check_is_alone_with(std::size_t place) const {
    const protocol::Offer& offer = agent_->offers[place];
    if (!offer.step.ends_with("activate_provider")) return;
    for (const auto& [task, name] : agent_->beside[place]) {
      if (task.job != offer.task.job) continue;
      const auto same = [&](const protocol::Offer& one) { return one.task == task; };
      const auto other = std::ranges::find_if(agent_->offers, same);
      ASSERT_NE(other->deployment, offer.deployment) << name;
      for (const release::Consumer& consumer : release_of(*other).consumes) {
        ASSERT_NE("of-" + offer.deployment.substr(offer.deployment.find('/') + 1), consumer.name) << name;
      }
    }
  }

  const release::Metadata& release_of(const protocol::Offer& offer) const {
    return h_.releases.at(offer.package.release).metadata;
  }

  void check_deploys() {
    for (std::size_t i = 0; i < agent_->offers.size(); ++i) {
      const protocol::Offer& offer = agent_->offers[i];
      check_is_alone_with(i);
      if (offer.step != "deploy") continue;
      const int place = static_cast<int>(i);
      for (const release::Dependency& dependency : release_of(offer).depends) {
        const std::string path = offer.deployment + ":" + dependency.variable;
        check_is_after(place, path, "deploy");
        const Value* given = dependency.deploy_mapping.find("in");
        if (!given) continue;
        const std::string text = *given->as_string();  // "$dep0.outputs.out"
        const std::string source = offer.deployment + ":" + text.substr(1, text.find('.') - 1);
        check_is_after(place_of(path, "deploy"), source, "deploy");
        ASSERT_EQ(agent_->offers[static_cast<std::size_t>(place_of(path, "deploy"))].variables.at("INPUT_in"), source);
      }
      for (const std::string& provider : providers_[offer.deployment]) {
        check_is_after(place, provider, "deploy");
        ASSERT_EQ(h_.stage(offer.deployment).providers.at("of-" + provider), provider);
      }
      for (const auto& [task, name] : agent_->beside[i]) were_beside_ += task.job == offer.task.job;
    }
    for (const std::string& name : applications_) ASSERT_EQ(h_.status(name), "ok") << name;
  }

  void check_destroys(std::size_t from) {
    for (std::size_t i = from; i < agent_->offers.size(); ++i) {
      const protocol::Offer& offer = agent_->offers[i];
      check_is_alone_with(i);
      if (offer.step != "destroy") continue;
      for (const release::Dependency& dependency : release_of(offer).depends) {
        const std::string path = offer.deployment + ":" + dependency.variable;
        check_is_after(place_of(path, "destroy", from), offer.deployment, "destroy", from);
        const Value* given = dependency.deploy_mapping.find("in");
        if (!given) continue;
        const std::string text = *given->as_string();
        const std::string source = offer.deployment + ":" + text.substr(1, text.find('.') - 1);
        check_is_after(place_of(source, "destroy", from), path, "destroy", from);
      }
    }
  }

  std::mt19937 random_;
  Harness h_;
  ScriptedAgent* agent_;
  int libraries_ = 0;
  int were_beside_ = 0;
  std::vector<std::string> applications_;
  std::map<std::string, std::vector<std::string>> providers_;
};

TEST(Graphs, FiveHundredAreDeployedAndDestroyedInOrder) {
  const char* one = std::getenv("ESCAPE_TEST_SEED");
  const std::uint32_t first = one ? static_cast<std::uint32_t>(std::stoul(one)) : 1;
  int were_beside = 0;
  for (std::uint32_t seed = first; seed < first + (one ? 1 : 500); ++seed) {
    SCOPED_TRACE("ESCAPE_TEST_SEED=" + std::to_string(seed));
    Graph graph(seed);
    graph.run();
    were_beside += graph.were_beside();
    if (HasFailure()) break;
  }
  EXPECT_TRUE(one || were_beside > 100) << "independent ones run at the same time: " << were_beside;
}

}  // namespace graphs_test
}  // namespace escape::controller::testing
