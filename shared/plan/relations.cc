#include "shared/plan/relations.h"

#include <algorithm>

#include "shared/plan/context.h"
#include "shared/plan/fields.h"

namespace escape::plan {
namespace {

using release::Dependency;
using release::Metadata;
using release::Variable;

Result<Metadata> find_release(const CompileOptions& options, const release::ReleaseQuery& query) {
  if (!options.find_release) {
    return fail(ErrorKind::bad_data, "The release '" + to_string(query) + "' needs an inventory to be found.");
  }
  return options.find_release(query);
}

std::string id_of(const Metadata& metadata) {
  return to_string(release::application_of(metadata)) + "-v" + metadata.version;
}

/// `s.sh a b` → `deps/p/n/s.sh a b`. What is absolute or evaluated stands for itself.
std::string below(const std::string& folder, const std::string& script) {
  if (script.empty() || script.starts_with('/') || script::is_expression(script)) return script;
  return folder + (script.starts_with("./") ? script.substr(2) : script);
}

release::ExecStage below(const std::string& folder, release::ExecStage stage) {
  stage.script = below(folder, stage.script);
  return stage;
}

void add_inherited(const std::vector<Variable>& from, bool are_inputs, std::vector<Variable>& to) {
  for (const Variable& variable : from) {
    const auto known = std::ranges::find(to, variable.id, &Variable::id);
    if (known == to.end()) {
      to.push_back(variable);
      continue;
    }
    if (are_inputs) known->fallback = variable.fallback;
    known->sensitive = known->sensitive || variable.sensitive;
    fields::add_scopes(variable.scopes, known->scopes);
  }
}

void add_name(const std::string& name, std::vector<std::string>& names) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

Result<> add_extension(const Metadata& extension, PackageFiles& package, Metadata& metadata) {
  const std::string folder = extension_folder(extension);
  package.lend(folder, extension.files);
  for (const std::string& pattern : extension.generates) {
    TRYV(package.add_matches(pattern));
  }
  for (const release::Consumer& consumer : extension.consumes) fields::add_consumer(consumer, metadata.consumes);
  for (const std::string& name : extension.provides) add_name(name, metadata.provides);
  add_inherited(extension.inputs, true, metadata.inputs);
  add_inherited(extension.outputs, false, metadata.outputs);
  for (const auto& [name, errand] : extension.errands) {
    release::Errand inherited = errand;
    inherited.run = below(folder, errand.run);
    metadata.errands.emplace(name, std::move(inherited));
  }
  for (const auto& [key, value] : extension.metadata) metadata.metadata[key] = value;
  for (release::Template item : extension.templates) {
    item.file = folder + item.file;
    item.target = folder + item.target;
    metadata.templates.push_back(std::move(item));
  }
  for (const auto& [name, stage] : extension.stages) {
    if (!stage.empty()) metadata.stages[name] = below(folder, stage);
  }
  for (const Dependency& dependency : extension.depends) {
    if (std::ranges::find(metadata.depends, dependency.release_id, &Dependency::release_id) == metadata.depends.end()) {
      metadata.depends.push_back(dependency);
    }
  }
  metadata.extends.push_back(id_of(extension));
  return ok();
}

bool is_mapped(const Dependency& dependency, const std::string& id) {
  for (const auto& [scope, mapping] : {std::pair(release::Scope::build, &dependency.build_mapping),
                                       std::pair(release::Scope::deploy, &dependency.deploy_mapping)}) {
    if (has_scope(dependency.scopes, scope) && !mapping->contains(id)) return false;
  }
  return true;
}

/// What is asked of the one who deploys the parent, because nobody else can say it.
void add_needs(const Dependency& dependency, const Metadata& needed, bool propagates, Metadata& metadata) {
  for (release::Consumer consumer : needed.consumes) {
    if (!has_scope(consumer.scopes, release::Scope::deploy) || dependency.consumes.contains(consumer.variable))
      continue;
    consumer.skip_activate = consumer.skip_deactivate = true;
    fields::add_consumer(std::move(consumer), metadata.consumes);
  }
  if (!propagates) return;
  std::vector<Variable> missing;
  for (Variable input : needed.inputs) {
    if (input.fallback || is_mapped(dependency, input.id)) continue;
    input.scopes = dependency.scopes;
    input.eval_before_dependencies = true;
    missing.push_back(std::move(input));
  }
  add_inherited(missing, true, metadata.inputs);
}

/// The plan's own dependency, its release known.
Dependency resolved(const PlannedDependency& planned, const Metadata& found) {
  Dependency dependency = planned.written;
  dependency.release_id = id_of(found);
  if (dependency.variable.empty()) dependency.variable = planned.reference.variable;
  if (dependency.variable.empty()) dependency.variable = to_string(release::application_of(found));
  if (dependency.deployment_name.empty()) dependency.deployment_name = dependency.variable;
  return dependency;
}

Error shared_name(const Dependency& one, const Dependency& other) {
  return {ErrorKind::bad_data,
          "The dependencies " + one.release_id + " and " + other.release_id + " are both called '" + one.variable + "'",
          "Give one of them a name of its own: '" + other.release_id + " as NAME'.",
          {}};
}

struct Needed {
  Dependency dependency;
  Metadata metadata;
  bool propagates = true;
};

Result<std::vector<Needed>> find_all(const Plan& plan, const CompileOptions& options,
                                     const std::vector<Dependency>& inherited) {
  std::vector<Needed> all;
  for (const PlannedDependency& planned : plan.depends) {
    TRY(auto found, find_release(options, planned.reference.query));
    Dependency dependency = resolved(planned, found);
    all.push_back({std::move(dependency), std::move(found), planned.propagates});
  }
  const std::size_t own = all.size();
  for (const Dependency& dependency : inherited) {
    const auto is_same = [&](const Needed& other) { return other.dependency.release_id == dependency.release_id; };
    if (std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(own), is_same)) continue;
    TRY(const auto id, release::parse_release_query(dependency.release_id));
    TRY(auto found, find_release(options, id));
    all.push_back({dependency, std::move(found), true});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (all[i].dependency.variable == all[j].dependency.variable) {
        return fail(shared_name(all[j].dependency, all[i].dependency));
      }
    }
  }
  return all;
}

void declare_one(const Variable& variable, const std::set<std::string>& written, bool is_input, Variable& known) {
  if (is_input || written.contains("default")) known.fallback = variable.fallback;
  if (written.contains("type")) {
    known.type = variable.type;
    known.options = variable.options;
  }
  if (written.contains("items")) known.items = variable.items;
  if (written.contains("description")) known.description = variable.description;
  if (written.contains("friendly")) known.friendly = variable.friendly;
  if (written.contains("visible")) known.visible = variable.visible;
  if (written.contains("eval_before_dependencies")) known.eval_before_dependencies = variable.eval_before_dependencies;
  known.sensitive = known.sensitive || variable.sensitive;
  fields::add_scopes(variable.scopes, known.scopes);
}

}  // namespace

std::string extension_folder(const Metadata& extension) {
  return "deps/" + to_string(release::application_of(extension)) + "/";
}

Result<> add_extensions(const Plan& plan, const CompileOptions& options, PackageFiles& package, Metadata& metadata,
                        Value::Object& context) {
  for (const release::Reference& reference : plan.extends) {
    TRY(const auto extension, find_release(options, reference.query));
    TRYV(add_extension(extension, package, metadata));
    const std::string variable =
        reference.variable.empty() ? to_string(release::application_of(extension)) : reference.variable;
    context.set(variable, release_context(extension));
  }
  return ok();
}

Result<> add_dependencies(const Plan& plan, const CompileOptions& options, Metadata& metadata, Value::Object& context,
                          std::vector<std::string>& propagating) {
  TRY(const auto all, find_all(plan, options, metadata.depends));
  metadata.depends.clear();
  for (const Needed& needed : all) {
    add_needs(needed.dependency, needed.metadata, needed.propagates, metadata);
    context.set(needed.dependency.variable, release_context(needed.metadata));
    if (needed.propagates) propagating.push_back(needed.dependency.variable);
    metadata.depends.push_back(needed.dependency);
  }
  return ok();
}

void map_inputs(const std::vector<std::string>& propagating, Metadata& metadata) {
  for (Dependency& dependency : metadata.depends) {
    if (std::ranges::find(propagating, dependency.variable) == propagating.end()) continue;
    for (const Variable& input : metadata.inputs) {
      if (!input.eval_before_dependencies) continue;
      const std::string text = "$this.inputs." + input.id;
      if (in_scope(input, release::Scope::build) && !dependency.build_mapping.contains(input.id)) {
        dependency.build_mapping.append(input.id, text);
      }
      if (in_scope(input, release::Scope::deploy) && !dependency.deploy_mapping.contains(input.id)) {
        dependency.deploy_mapping.append(input.id, text);
      }
    }
  }
}

void declare(const Declarations& declared, bool are_inputs, std::vector<Variable>& variables) {
  for (const Variable& variable : declared.variables) {
    const auto known = std::ranges::find(variables, variable.id, &Variable::id);
    if (known == variables.end()) {
      variables.push_back(variable);
    } else {
      declare_one(variable, declared.written.at(variable.id), are_inputs, *known);
    }
  }
}

}  // namespace escape::plan
