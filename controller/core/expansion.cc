#include "controller/core/expansion.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "shared/base/mutant.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"
#include "shared/script/script.h"

namespace escape::controller {
namespace {

using state::StatusCode;
using Part = Step::Part;

/// The dependencies that stand below a unit, in the order in which they are brought up.
std::vector<std::uint32_t> below(const std::vector<Unit>& units, std::uint32_t parent, const std::string& stage) {
  std::vector<std::uint32_t> found;
  for (std::uint32_t index = 1; index < units.size(); ++index) {
    const Unit& unit = units[index];
    if (!unit.is_provider && unit.parent == parent && unit.stage == stage) found.push_back(index);
  }
  return found;
}

void add_roots(const Value& value, std::set<std::string>& roots) {
  for (const std::vector<std::string>& path : references_in(value)) roots.insert(path.front());
}

const Value::Object& mapping_of(const release::Dependency& dependency, release::Scope scope) {
  return scope == release::Scope::build ? dependency.build_mapping : dependency.deploy_mapping;
}

/// The globals that its parent's plan names for it.
std::set<std::string> needs_of(const release::Dependency& dependency, release::Scope scope) {
  std::set<std::string> roots;
  for (const auto& [id, value] : mapping_of(dependency, scope)) add_roots(value, roots);
  for (const auto& [variable, text] : dependency.consumes) add_roots(text, roots);
  return roots;
}

constexpr const char* any_global = "";

/// Those, and the ones that the parent's inputs come from which it is given. `own`: its release; the compiler maps
/// every input of the parent, also those that it never asks for.
std::set<std::string> all_needs_of(const release::Dependency& dependency, const release::Metadata* own,
                                   const release::Metadata& parent, release::Scope scope) {
  std::set<std::string> roots, seen;
  std::vector<std::vector<std::string>> open;
  const auto look_at = [&](const Value& value) {
    std::ranges::move(references_in(value), std::back_inserter(open));
    // What it looks up is only known when it is evaluated.
    const std::string* text = value.as_string();
    if (text && text->find("env_lookup") != std::string::npos) roots.insert(any_global);
  };
  for (const Value::Object* mapping : {&dependency.mapping, &mapping_of(dependency, scope)}) {
    for (const auto& [id, value] : *mapping) {
      const bool is_asked = !own || std::ranges::find(own->inputs, id, &release::Variable::id) != own->inputs.end();
      if (is_asked) look_at(value);
    }
  }
  for (const auto& [variable, text] : dependency.consumes) look_at(text);
  while (!open.empty()) {
    const std::vector<std::string> path = std::move(open.back());
    open.pop_back();
    roots.insert(path.front());
    if (path.size() < 3 || path[0] != "this" || path[1] != "inputs" || !seen.insert(path[2]).second) continue;
    const auto input = std::ranges::find(parent.inputs, path[2], &release::Variable::id);
    if (input == parent.inputs.end()) continue;
    if (input->fallback) look_at(*input->fallback);
    look_at(input->items);
  }
  return roots;
}

/// Where the steps of a unit lie, with those of what stands below it. Its first step is before all others of them, its
/// last one behind.
struct Span {
  std::uint32_t first = 0, last = 0;
};

class StepList {
 public:
  explicit StepList(Expansion& expansion) : all_(expansion) {}

  void roll(std::uint32_t unit, const std::string& stage, JobKind kind) {
    // A dependency is deployed, also below a build.
    const std::string word = unit == 0 ? stage : "deploy";
    const release::Scope scope = scope_of(unit, stage);
    const std::vector<std::uint32_t> dependencies = below(all_.units, unit, stage);
    const std::vector<Activation> activations = activations_of(unit, scope);
    const std::uint32_t first = next();
    line_ = unit;
    if (!dependencies.empty() || !activations.empty()) {
      add({stage, "open", StatusCode::running_pre_step, Part::open, kind, unit});
    }
    side_by_side(unit, dependencies, stage, kind);
    const std::uint32_t own = next();
    const std::map<std::string, std::uint32_t> activated = activate(activations, stage, kind);
    add({stage, "pre_" + word, StatusCode::running_pre_step, Part::pre, kind, unit});
    add({stage, word, StatusCode::running_main_step, Part::main, kind, unit});
    add({stage, "post_" + word, StatusCode::running_post_step, Part::post, kind, unit});
    deactivate(activations, activated, stage, kind);
    note_uses(unit, activations, {first, next() - 1}, {own, next() - 1});
  }

  void destroy(std::uint32_t unit, const std::string& stage, JobKind kind) {
    const release::Scope scope = scope_of(unit, stage);
    const std::vector<Activation> activations = activations_of(unit, scope);
    const std::uint32_t first = next();
    line_ = unit;
    const std::map<std::string, std::uint32_t> activated = activate(activations, stage, kind);
    add({stage, "pre_destroy", StatusCode::running_pre_destroy_step, Part::pre_destroy, kind, unit});
    add({stage, "destroy", StatusCode::running_main_destroy_step, Part::destroy, kind, unit});
    add({stage, "post_destroy", StatusCode::running_post_destroy_step, Part::post_destroy, kind, unit});
    std::vector<std::uint32_t> dependencies = below(all_.units, unit, stage);
    std::ranges::reverse(dependencies);
    side_by_side(unit, dependencies, stage, kind);
    if (!dependencies.empty()) {
      add({stage, "close", StatusCode::running_post_destroy_step, Part::close, kind, unit});
    }
    deactivate(activations, activated, stage, kind);
    note_uses(unit, activations, {first, next() - 1}, {first, next() - 1});
  }

  void test(const std::string& stage, JobKind kind) {
    line_ = 0;
    add({stage, stage == "build" ? "test" : "smoke", StatusCode::running_test_step, Part::test, kind, 0});
  }

  void errand(const std::string& name) {
    const std::vector<Activation> activations = activations_of(0, release::Scope::deploy);
    const std::map<std::string, std::uint32_t> activated = activate(activations, "deploy", JobKind::errand);
    add({"deploy", name, StatusCode::ok, Part::errand, JobKind::errand, 0});
    deactivate(activations, activated, "deploy", JobKind::errand);
  }

  /// Whoever works with a deployment is not beside anybody else who does: one's deactivation would take away what the
  /// other one needs.
  void keep_users_apart() {
    if (is_mutant("use_a_provider_together")) return;
    for (const auto& [deployment, uses] : uses_) {
      for (const Use& earlier : uses) {
        for (const Use& later : uses) {
          if (earlier.span.last >= later.span.first || are_related(earlier.unit, later.unit)) continue;
          std::vector<std::uint32_t>& after = all_.steps[later.span.first].after;
          if (std::ranges::find(after, earlier.span.last) == after.end()) after.push_back(earlier.span.last);
        }
      }
    }
  }

 private:
  /// One provider of one consumer, with the providers that it needs itself.
  struct Activation {
    release::Consumer consumer;
    std::uint32_t provider = 0;
    std::vector<Activation> own;
  };
  struct Use {
    std::uint32_t unit = 0;
    Span span;
  };

  std::uint32_t next() const { return static_cast<std::uint32_t>(all_.steps.size()); }

  /// It waits for the one before it, unless somebody has put others in its place.
  void add(Step step) {
    step.line = line_;
    step.after = std::exchange(after_, {next()});
    all_.steps.push_back(std::move(step));
  }

  /// The units below one, each behind those that it must wait for, and what comes next behind all of them.
  void side_by_side(std::uint32_t unit, const std::vector<std::uint32_t>& units, const std::string& stage,
                    JobKind kind) {
    if (units.empty()) return;
    const std::vector<std::uint32_t> before = after_;
    const bool brings_up = kind != JobKind::destroy;
    std::map<std::uint32_t, std::set<std::string>> needs;
    for (const std::uint32_t one : units) needs[one] = needs_at(one, stage);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ends;  // unit, its last step
    for (const std::uint32_t one : units) {
      after_.clear();
      for (const auto& [other, last] : ends) {
        if (brings_up ? speaks_of(needs.at(one), other) : speaks_of(needs.at(other), one)) after_.push_back(last);
      }
      if (after_.empty()) after_ = before;
      brings_up ? roll(one, stage, kind) : destroy(one, stage, kind);
      ends.emplace_back(one, next() - 1);
    }
    after_.clear();
    for (const auto& [other, last] : ends) after_.push_back(last);
    line_ = unit;
  }

  /// The globals that a dependency's values come from. Of one that the plan no longer names nobody knows: any.
  std::set<std::string> needs_at(std::uint32_t unit, const std::string& stage) const {
    const std::uint32_t parent = all_.units[unit].parent;
    const release::Metadata* metadata = metadata_above(unit);
    const release::Dependency* one = metadata ? dependency_of(*metadata, unit) : nullptr;
    if (!one) return {any_global};
    return all_needs_of(*one, all_.find(all_.units[unit].release), *metadata, scope_of(parent, stage));
  }

  /// Whether one with those needs is given something of its sibling, or may be.
  bool speaks_of(const std::set<std::string>& needs, std::uint32_t sibling) const {
    const release::Metadata* metadata = metadata_above(sibling);
    const release::Dependency* other = metadata ? dependency_of(*metadata, sibling) : nullptr;
    if (!other || needs.contains(any_global)) return true;
    const std::string id = canonical_id(other->release_id);
    if (needs.contains(other->variable) || needs.contains(id)) return true;
    return std::ranges::any_of(metadata->variable_context, [&](const auto& alias) {
      return needs.contains(alias.first) && (alias.second == other->variable || alias.second == id);
    });
  }

  const release::Metadata* metadata_above(std::uint32_t unit) const {
    const std::uint32_t parent = all_.units[unit].parent;
    return parent == 0 ? &all_.metadata_of(0) : all_.find(all_.units[parent].release);
  }

  const release::Dependency* dependency_of(const release::Metadata& metadata, std::uint32_t unit) const {
    const std::string& path = all_.units[unit].deployment;
    const std::string name = path.substr(path.rfind(':') + 1);
    const auto found = std::ranges::find(metadata.depends, name, name_below);
    return found == metadata.depends.end() ? nullptr : &*found;
  }

  /// `own`: where its scripts run, and those of its providers around them.
  void note_uses(std::uint32_t unit, const std::vector<Activation>& activations, Span whole, Span own) {
    uses_[all_.units[unit].deployment].push_back({unit, whole});
    std::set<std::string> providers;
    add_providers(activations, providers);
    for (const auto& [variable, deployment] : all_.units[unit].providers) providers.insert(deployment);
    for (const std::string& provider : providers) uses_[provider].push_back({unit, own});
  }
  void add_providers(const std::vector<Activation>& activations, std::set<std::string>& deployments) const {
    for (const Activation& one : activations) {
      deployments.insert(all_.units[one.provider].deployment);
      add_providers(one.own, deployments);
    }
  }

  bool are_related(std::uint32_t one, std::uint32_t other) const {
    return is_above(one, other) || is_above(other, one);
  }
  bool is_above(std::uint32_t above, std::uint32_t unit) const {
    while (unit != above && unit != 0) unit = all_.units[unit].parent;
    return unit == above;
  }

  std::vector<Activation> activations_of(std::uint32_t unit, release::Scope scope) {
    std::set<std::string> under_way;
    return activations_of(unit, scope, under_way);
  }
  std::vector<Activation> activations_of(std::uint32_t unit, release::Scope scope, std::set<std::string>& under_way) {
    std::vector<Activation> activations;
    for (const release::Consumer& consumer : all_.metadata_of(unit).consumes) {
      const std::map<std::string, std::string>& providers = all_.units[unit].providers;
      const auto chosen = providers.find(consumer.variable);
      if (!has_scope(consumer.scopes, scope) || consumer.skip_activate || chosen == providers.end()) continue;
      const auto is_it = [&](const Unit& each) { return each.is_provider && each.deployment == chosen->second; };
      const auto found = std::ranges::find_if(all_.units, is_it);
      if (found == all_.units.end() || under_way.contains(chosen->second)) continue;
      const auto provider = static_cast<std::uint32_t>(found - all_.units.begin());
      under_way.insert(chosen->second);
      activations.push_back({consumer, provider, activations_of(provider, release::Scope::deploy, under_way)});
      under_way.erase(chosen->second);
    }
    return activations;
  }

  static Step activation_step(const Activation& one, const std::string& stage, JobKind kind, Part part) {
    Step step{stage,          part == Part::activate ? "activate_provider" : "deactivate_provider",
              StatusCode::ok, part,
              kind,           one.provider};
    step.consumer = one.consumer.variable;
    step.interface = one.consumer.name;
    return step;
  }

  /// Indexes of the activations, by the way to them.
  std::map<std::string, std::uint32_t> activate(const std::vector<Activation>& activations, const std::string& stage,
                                                JobKind kind, const std::string& way = {}) {
    std::map<std::string, std::uint32_t> at;
    for (const Activation& one : activations) {
      const std::string here = way + "/" + one.consumer.variable;
      at.merge(activate(one.own, stage, kind, here));
      at[here] = next();
      add(activation_step(one, stage, kind, Part::activate));
    }
    return at;
  }

  void deactivate(const std::vector<Activation>& activations, const std::map<std::string, std::uint32_t>& activated,
                  const std::string& stage, JobKind kind, const std::string& way = {}) {
    for (const Activation& one : activations) {
      if (one.consumer.skip_deactivate) continue;
      const std::string here = way + "/" + one.consumer.variable;
      Step step = activation_step(one, stage, kind, Part::deactivate);
      step.activated_at = activated.at(here);
      add(std::move(step));
      deactivate(one.own, activated, stage, kind, here);
    }
  }

  Expansion& all_;
  std::uint32_t line_ = 0;
  std::vector<std::uint32_t> after_;                ///< what the next step waits for
  std::map<std::string, std::vector<Use>> uses_{};  ///< by deployment
};

}  // namespace

std::vector<std::vector<std::string>> references_in(const Value& value) {
  std::vector<std::vector<std::string>> found;
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) std::ranges::move(references_in(item), std::back_inserter(found));
    return found;
  }
  const std::string* text = value.as_string();
  if (!text || !script::is_expression(*text)) return found;
  const Result<script::Expression> expression = script::parse(*text);
  return expression ? script::references(expression.value()) : found;
}

const release::Metadata& Expansion::metadata_of(std::uint32_t unit) const {
  return unit == 0 ? releases.at("") : releases.at(units[unit].release);
}

const release::Metadata* Expansion::find(const std::string& release) const {
  auto found = releases.find(release);
  return found == releases.end() ? nullptr : &found->second;
}

Result<Expansion> expand(const Job& job, const JobPlan& plan) {
  Expansion all;
  TRY(all.releases[""], codec::metadata_from_value(plan.metadata));
  for (const PlannedRelease& release : plan.releases) {
    TRY(all.releases[release.release], codec::metadata_from_value(release.metadata));
  }
  all.units = plan.units;
  if (all.units.empty()) all.units = {Unit{.deployment = job.deployment, .release = job.release}};
  StepList steps(all);
  switch (job.kind) {
    case JobKind::deploy:
    case JobKind::promote:
    case JobKind::rollback:
      steps.roll(0, "deploy", job.kind);
      break;
    case JobKind::build:
      steps.roll(0, "build", JobKind::build);
      for (const std::string& part : job.stages) {
        if (part == "test") steps.test("build", JobKind::test);
        if (part == "destroy") steps.destroy(0, "build", JobKind::destroy);
      }
      break;
    case JobKind::test:
      steps.test("build", job.kind);
      break;
    case JobKind::smoke:
      steps.test("deploy", job.kind);
      break;
    case JobKind::destroy:
      for (const std::string& stage : job.stages) steps.destroy(0, stage, job.kind);
      break;
    case JobKind::errand:
      steps.errand(job.errand);
      break;
    case JobKind::converge:
      break;
  }
  steps.keep_users_apart();
  return all;
}

release::Scope scope_of(std::uint32_t unit, std::string_view stage) {
  return unit == 0 && stage == "build" ? release::Scope::build : release::Scope::deploy;
}

const release::ExecStage* script_of(const release::Metadata& metadata, const Step& step) {
  if (step.part == Part::open || step.part == Part::close) return nullptr;
  if (step.part == Part::errand) {
    auto errand = metadata.errands.find(step.name);
    return errand == metadata.errands.end() || errand->second.run.empty() ? nullptr : &errand->second.run;
  }
  auto found = metadata.stages.find(step.name);
  return found == metadata.stages.end() || found->second.empty() ? nullptr : &found->second;
}

std::vector<release::Download> downloads_of(const release::Metadata& metadata, const Step& step) {
  std::vector<release::Download> downloads;
  if (step.part != Part::pre) return downloads;
  for (const release::Download& download : metadata.downloads) {
    if (has_scope(download.scopes, scope_of(step))) downloads.push_back(download);
  }
  return downloads;
}

std::vector<release::Template> templates_of(const release::Metadata& metadata, const Step& step) {
  std::vector<release::Template> templates;
  if (step.part != Part::main) return templates;
  for (const release::Template& one : metadata.templates) {
    if (has_scope(one.scopes, scope_of(step))) templates.push_back(one);
  }
  return templates;
}

bool needs_agent(const release::Metadata& metadata, const Step& step) {
  return script_of(metadata, step) || !downloads_of(metadata, step).empty() || !templates_of(metadata, step).empty();
}

std::string canonical_id(const std::string& release) {
  const Result<release::ReleaseId> id = release::parse_release_id(release);
  return id ? to_string(id.value()) : release;
}

const std::string& name_below(const release::Dependency& dependency) {
  return dependency.deployment_name.empty() ? dependency.variable : dependency.deployment_name;
}

std::string path_below(const std::string& parent, const release::Dependency& dependency) {
  return parent + ":" + name_below(dependency);
}

Result<std::vector<const release::Dependency*>> ordered_dependencies(const release::Metadata& metadata,
                                                                     release::Scope scope) {
  std::vector<const release::Dependency*> waiting, ordered;
  for (const release::Dependency& dependency : metadata.depends) {
    if (has_scope(dependency.scopes, scope)) waiting.push_back(&dependency);
  }
  while (!waiting.empty()) {
    const auto is_free = [&](const release::Dependency* one) {
      const std::set<std::string> needs = needs_of(*one, scope);
      return std::ranges::none_of(
          waiting, [&](const release::Dependency* other) { return other != one && needs.contains(other->variable); });
    };
    const auto next = std::ranges::find_if(waiting, is_free);
    if (next == waiting.end()) {
      std::vector<std::string> names;
      names.reserve(waiting.size());
      for (const release::Dependency* one : waiting) names.push_back(one->variable);
      return fail(ErrorKind::bad_data,
                  "The dependencies " + join(names, ", ") + " of " + to_string(application_of(metadata)) +
                      " need each other's values",
                  "Give one of them a mapping that stands by itself.");
    }
    ordered.push_back(*next);
    waiting.erase(next);
  }
  return ordered;
}

std::vector<std::string> missing_releases(const release::Metadata& metadata,
                                          const std::map<std::string, release::Metadata>& known) {
  std::vector<std::string> missing;
  std::set<std::string> seen;
  std::vector<const release::Metadata*> open{&metadata};
  const auto look_at = [&](const std::string& id) {
    if (!seen.insert(id).second) return;
    auto found = known.find(id);
    if (found == known.end()) return missing.push_back(id);
    open.push_back(&found->second);
  };
  while (!open.empty()) {
    const release::Metadata& one = *open.back();
    open.pop_back();
    for (const release::Dependency& dependency : one.depends) look_at(canonical_id(dependency.release_id));
    for (const std::string& extension : one.extends) look_at(canonical_id(extension));
  }
  return missing;
}

}  // namespace escape::controller
