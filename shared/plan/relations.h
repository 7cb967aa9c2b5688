#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/plan/package_files.h"
#include "shared/plan/plan.h"

/// What the releases that a plan extends and depends on bring into its metadata (spec/escape-plan.md §6 and §7).
namespace escape::plan {

/// "deps/project/name/": where the files of an extension lie below the package's folder.
std::string extension_folder(const release::Metadata& extension);

/// Adds everything that the extensions bring, in their order, and an entry for each to `context`. What the plan itself
/// says comes later and wins.
Result<> add_extensions(const Plan& plan, const CompileOptions& options, PackageFiles& package,
                        release::Metadata& metadata, Value::Object& context);

/// Adds the plan's dependencies (those of extensions are there already and come after them), the consumers and the
/// inputs without default that they bring, and an entry for each to `context`. `dependencies`: those whose mapping
/// takes the inputs of the same name.
Result<> add_dependencies(const Plan& plan, const CompileOptions& options, release::Metadata& metadata,
                          Value::Object& context, std::vector<std::string>& propagating);

/// Once all inputs are known: each one that is evaluated before dependencies reaches those of `propagating` under its
/// own name, unless it is mapped.
void map_inputs(const std::vector<std::string>& propagating, release::Metadata& metadata);

/// The plan's declarations over what extensions and dependencies brought: only what was written changes.
void declare(const Declarations& declared, bool are_inputs, std::vector<release::Variable>& variables);

}  // namespace escape::plan
