#include "tests/simulation/graph.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/text.h"

namespace escape::simulation {

using controller::Task;
using protocol::TaskOutcome;
using protocol::TaskPhase;
namespace request = protocol::request;
namespace reply = protocol::reply;

namespace {

release::ReleaseRecord& add(Graph& graph, const std::string& name, const std::vector<std::string>& steps) {
  const std::string id = "gg/" + name + "-v1";
  release::ReleaseRecord& record = graph.releases[id];
  record.id = release::parse_release_id(id).value();
  record.sha256 = "sha-of-" + id;
  record.size = 100;
  record.metadata.name = name;
  record.metadata.project = "gg";
  record.metadata.version = "1";
  record.metadata.inputs = {{.id = "in", .fallback = Value("none")}};
  record.metadata.outputs = {{.id = "out", .fallback = Value("$this.deployment")}};
  for (const std::string& step : steps) record.metadata.stages[step].script = step + ".sh";
  return record;
}

/// Some of the first libraries, some of them given the output of one that stands before them in a random order.
void add_dependencies(release::Metadata& metadata, std::size_t libraries, std::size_t most, Random& random) {
  const std::size_t count = libraries == 0 ? 0 : random.below(most + 1);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i) {
    metadata.depends.push_back(
        {.release_id = fmt::format("gg/lib{}-v1", random.below(libraries)), .variable = fmt::format("dep{}", i)});
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(random.below(order.size() + 1)), i);
  }
  for (std::size_t i = 1; i < count; ++i) {
    if (random.once_in(2)) continue;
    metadata.depends[order[i]].deploy_mapping = {{"in", fmt::format("$dep{}.outputs.out", order[random.below(i)])}};
  }
}

std::vector<std::string> some_steps(Random& random) {
  std::vector<std::string> steps{"deploy", "destroy"};
  if (random.once_in(4)) steps.push_back("pre_deploy");
  if (random.once_in(4)) steps.push_back("post_deploy");
  if (random.once_in(6)) steps.push_back("post_destroy");
  return steps;
}

bool brings_up(std::string_view step) { return step == "pre_deploy" || step == "deploy" || step == "post_deploy"; }
bool takes_down(std::string_view step) { return step == "pre_destroy" || step == "destroy" || step == "post_destroy"; }

/// What one job's scripts have done so far.
class JobScripts {
 public:
  JobScripts(const controller::Job& job, const controller::JobPlan& plan, const Truth& truth,
             const std::map<agent::TaskKey, ScriptRecord>& scripts, const Releases& releases)
      : job_(job), plan_(plan), truth_(truth), scripts_(scripts), releases_(releases) {}

  const std::string& deployment_of(const Task& task) const {
    return task.deployment.empty() ? job_.deployment : task.deployment;
  }
  const release::Metadata* release_at(const std::string& deployment) const {
    for (const controller::Unit& unit : plan_.units) {
      if (unit.deployment == deployment) return &releases_.at(unit.release).metadata;
    }
    return nullptr;
  }
  template <class Use>
  void for_each(Use use) const {
    for (auto task = truth_.tasks.lower_bound({job_.number, 0});
         task != truth_.tasks.end() && task->first.job == job_.number; ++task) {
      use(task->second);
    }
  }
  bool has_ended_well(const Task& task) const {
    if (task.phase == TaskPhase::skipped) return true;
    auto script = scripts_.find({task.id, task.attempt});
    return script != scripts_.end() && !script->second.is_running && script->second.ended == TaskOutcome::ok;
  }
  bool has_started(const Task& task) const { return scripts_.contains({task.id, task.attempt}); }
  bool is_running(const Task& task) const {
    auto script = scripts_.find({task.id, task.attempt});
    return script != scripts_.end() && script->second.is_running;
  }
  /// The first of those scripts, of a deployment and (when asked) of what stands below it, that has not ended well.
  std::optional<std::string> missing(const std::string& deployment, bool with_below, bool (*of)(std::string_view),
                                     std::uint32_t before = UINT32_MAX) const {
    std::optional<std::string> found;
    for_each([&](const Task& task) {
      const std::string& where = deployment_of(task);
      const bool is_meant = where == deployment || (with_below && where.starts_with(deployment + ":"));
      if (is_meant && of(task.step) && task.id.index < before && !has_ended_well(task)) {
        found = fmt::format("{} of {} has not ended well", task.step, where);
      }
    });
    return found;
  }

 private:
  const controller::Job& job_;
  const controller::JobPlan& plan_;
  const Truth& truth_;
  const std::map<agent::TaskKey, ScriptRecord>& scripts_;
  const Releases& releases_;
};

/// "gg/app0:dep1" is given the output of "gg/app0:dep0".
std::string source_of(const JobScripts& job, const std::string& deployment) {
  const std::size_t colon = deployment.rfind(':');
  if (colon == std::string::npos) return {};
  const std::string parent = deployment.substr(0, colon);
  const release::Metadata* metadata = job.release_at(parent);
  if (!metadata) return {};
  const auto one = std::ranges::find(metadata->depends, deployment.substr(colon + 1), &release::Dependency::variable);
  const Value* given = one == metadata->depends.end() ? nullptr : one->deploy_mapping.find("in");
  if (!given) return {};
  const std::string& text = *given->as_string();
  return parent + ":" + text.substr(1, text.find('.') - 1);
}

std::optional<std::string> wrong_deploy(const JobScripts& job, const protocol::Offer& offer) {
  const std::string& deployment = offer.deployment;
  if (auto missing = job.missing(deployment, true, brings_up, offer.task.index)) return missing;
  const std::string source = source_of(job, deployment);
  return source.empty() ? std::nullopt : job.missing(source, true, brings_up);
}

std::optional<std::string> wrong_destroy(const JobScripts& job, const protocol::Offer& offer) {
  const std::string& deployment = offer.deployment;
  if (auto missing = job.missing(deployment, false, takes_down, offer.task.index)) return missing;
  const std::size_t colon = deployment.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string parent = deployment.substr(0, colon);
  if (auto missing = job.missing(parent, false, takes_down)) return missing;
  std::optional<std::string> found;
  job.for_each([&](const Task& task) {
    const std::string& other = job.deployment_of(task);
    if (source_of(job, other) == deployment && !found) found = job.missing(other, true, takes_down);
  });
  return found;
}

/// Its consumer's script runs between its own activation and deactivation.
std::optional<std::string> wrong_use(const JobScripts& job, const protocol::Offer& offer, const std::string& provider) {
  const Task* activation = nullptr;
  const Task* deactivation = nullptr;
  job.for_each([&](const Task& task) {
    if (job.deployment_of(task) != provider) return;
    if (task.step == "activate_provider" && task.id.index < offer.task.index) activation = &task;
    if (task.step == "deactivate_provider" && task.id.index > offer.task.index && !deactivation) deactivation = &task;
  });
  if (activation && !job.has_ended_well(*activation)) return "its provider " + provider + " has not been activated";
  if (deactivation && job.has_started(*deactivation)) return "its provider " + provider + " is deactivated already";
  return std::nullopt;
}

/// Nobody else of the job works with a provider that is being activated or deactivated.
std::optional<std::string> wrong_activation(const JobScripts& job, const protocol::Offer& offer) {
  std::optional<std::string> found;
  job.for_each([&](const Task& task) {
    if (!job.is_running(task) || task.id == offer.task) return;
    const std::string& other = job.deployment_of(task);
    const release::Metadata* metadata = job.release_at(other);
    const auto is_of_it = [&](const release::Consumer& one) { return "of-" + offer.deployment == one.name; };
    const bool uses_it = other == offer.deployment || (metadata && std::ranges::any_of(metadata->consumes, is_of_it));
    if (uses_it) found = fmt::format("{} of {} runs, which works with it", task.step, other);
  });
  return found;
}

}  // namespace

Graph draw_graph(Random random) {
  Graph graph;
  const bool has_base = random.once_in(2);
  if (has_base) {
    graph.base = "gg/base";
    graph.applications.push_back(graph.base);
    add(graph, "base", {"deploy", "destroy", "activate_provider", "deactivate_provider"}).metadata.provides = {
        "of-gg/base"};
  }
  const std::size_t libraries = 1 + random.below(3);
  for (std::size_t i = 0; i < libraries; ++i) {
    release::Metadata& metadata = add(graph, fmt::format("lib{}", i), some_steps(random)).metadata;
    add_dependencies(metadata, i, 2, random);
    if (has_base && random.once_in(2)) metadata.consumes = {{.name = "of-gg/base", .variable = "base"}};
  }
  const std::size_t applications = 1 + random.below(3);
  std::vector<std::string> providers;
  for (std::size_t i = 0; i < applications; ++i) {
    const std::string name = fmt::format("app{}", i);
    release::Metadata& metadata = add(graph, name, some_steps(random)).metadata;
    add_dependencies(metadata, libraries, 3, random);
    for (const std::string& provider : providers) {
      if (random.once_in(2)) continue;
      metadata.consumes.push_back(
          {.name = "of-gg/" + provider, .variable = provider, .skip_activate = random.once_in(4)});
    }
    if (random.once_in(2)) {
      metadata.provides = {"of-gg/" + name};
      if (random.once_in(2)) metadata.stages["activate_provider"].script = "on.sh";
      if (random.once_in(2)) metadata.stages["deactivate_provider"].script = "off.sh";
      providers.push_back(name);
    }
    graph.applications.push_back("gg/" + name);
  }
  return graph;
}

std::optional<std::string> out_of_order(const protocol::Offer& offer, const Truth& truth,
                                        const std::map<agent::TaskKey, ScriptRecord>& scripts,
                                        const Releases& releases) {
  const auto job = truth.state.jobs.find(offer.task.job);
  const auto plan = truth.state.plans.find(offer.task.job);
  if (job == truth.state.jobs.end() || plan == truth.state.plans.end()) return std::nullopt;
  const JobScripts all(job->second, plan->second, truth, scripts, releases);
  if (offer.step.ends_with("activate_provider")) return wrong_activation(all, offer);
  if (auto wrong = brings_up(offer.step) ? wrong_deploy(all, offer) : wrong_destroy(all, offer)) return wrong;
  const release::Metadata* metadata = all.release_at(offer.deployment);
  if (!metadata) return "nobody planned it";
  for (const release::Consumer& consumer : metadata->consumes) {
    const std::string provider = consumer.name.substr(std::string_view("of-").size());
    if (auto wrong = consumer.skip_activate ? std::nullopt : wrong_use(all, offer, provider)) return wrong;
    const auto row = truth.state.deployments.find({Graph::environment, provider});
    const bool is_there =
        row != truth.state.deployments.end() && row->second.stages.at("deploy").status.code == state::StatusCode::ok;
    if (brings_up(offer.step) && !is_there) return "its provider " + provider + " does not run";
  }
  return std::nullopt;
}

GraphWalk::GraphWalk(World& world, ClientNode& client, const Truth& truth, Graph graph)
    : world_(world), client_(client), truth_(truth), graph_(std::move(graph)) {}

void GraphWalk::start() {
  if (client_.is_enrolled()) return next();
  world_.after(500ms, [this] { start(); });
}

std::string GraphWalk::status_of(const std::string& deployment) const {
  const auto row = truth_.state.deployments.find({Graph::environment, deployment});
  if (row == truth_.state.deployments.end() || !row->second.stages.contains("deploy")) return "empty";
  return std::string(name_of(row->second.stages.at("deploy").status.code));
}

/// Consumers before their providers.
const std::string* GraphWalk::first_to_destroy() const {
  for (auto name = graph_.applications.rbegin(); name != graph_.applications.rend(); ++name) {
    if (status_of(*name) != "empty") return &*name;
  }
  return nullptr;
}

void GraphWalk::next() {
  request::Submit asked;
  asked.environment = Graph::environment;
  switch (stage_) {
    case Stage::describe: {
      request::ApplyEnvironment apply;
      apply.environment = Graph::environment;
      for (const std::string& name : graph_.applications) apply.deployments.push_back({name, name + "-v1", {}});
      return client_.ask(apply, [this](const protocol::Reply&) {
        stage_ = Stage::bring_up;
        next();
      });
    }
    case Stage::bring_up:
    case Stage::look_again:
      asked.kind = protocol::JobKind::converge;
      return ask(std::move(asked));
    case Stage::destroy:
      break;
  }
  if (const std::string* name = first_to_destroy()) {
    asked.kind = protocol::JobKind::destroy;
    asked.deployment = *name;
    return ask(std::move(asked));
  }
  ++seen_["graph destroyed"];
  for (const auto& [key, row] : truth_.state.deployments) {
    if (key.environment == Graph::environment && state::is_below_another(key.deployment)) {
      return world_.fail("what stood below goes with it", key.deployment);
    }
  }
  stage_ = Stage::describe;
  is_at_rest_ = is_last_;
  if (!is_at_rest_) world_.after(1s, [this] { next(); });
}

void GraphWalk::ask(request::Submit asked) {
  client_.ask(std::move(asked), [this](const protocol::Reply& answered) {
    if (const auto* made = std::get_if<reply::JobMade>(&answered)) return await(made->job);
    world_.after(2s, [this] { next(); });  // refused: a job before it left something else behind
  });
}

void GraphWalk::await(JobId job) {
  auto settled = truth_.settled_jobs.find(job);
  if (settled != truth_.settled_jobs.end()) return on_job(settled->second);
  world_.after(200ms, [this, job] { await(job); });
}

void GraphWalk::on_job(const controller::Job& job) {
  const bool is_ok = job.outcome == protocol::JobOutcome::ok;
  if (stage_ == Stage::look_again) {
    if (is_ok && !job.children.empty()) {
      world_.fail("a second converge finds nothing to do",
                  fmt::format("job {} made {} jobs", job.number, job.children.size()));
    }
    if (is_ok) ++seen_["graph converged again"];
    if (is_ok) stage_ = Stage::destroy;
  }
  if (stage_ == Stage::bring_up) {
    const bool is_up =
        std::ranges::all_of(graph_.applications, [&](const std::string& name) { return status_of(name) == "ok"; });
    if (is_up) ++seen_["graph brought up"];
    if (is_up) stage_ = Stage::look_again;
  }
  // What failed has a back-off, which is not waited for in a row.
  world_.after(is_ok ? 100ms : 3s, [this] { next(); });
}

}  // namespace escape::simulation
