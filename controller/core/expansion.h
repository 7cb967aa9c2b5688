#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/core/model.h"
#include "shared/base/result.h"
#include "shared/release/metadata.h"
#include "shared/state/status.h"

/// From a job's plan to the steps that it takes, over its own deployment, the dependencies below it and the providers
/// that it activates (spec/lifecycle.md §0.4, §0.5, §1 to §5), and which of them wait for which. Pure; the same job and
/// plan give the same steps, so a task is known by the number of its step. Taken one by one in the order of their
/// numbers they fit every `after`.
namespace escape::controller {

/// One step of a job: which script of which deployment, and what it means for the record.
struct Step {
  enum class Part {
    open,      ///< a stage with dependencies or providers begins; no script
    activate,  ///< of a provider, for the unit `line` or a provider of it
    pre,
    main,
    post,
    deactivate,
    test,
    errand,
    pre_destroy,
    destroy,
    post_destroy,
    close,  ///< the dependencies of a destroyed stage are gone, too; no script
  };
  std::string stage;                                    ///< "build" or "deploy": which record it is about
  std::string name;                                     ///< "pre_deploy" …; an errand's own name
  state::StatusCode status = state::StatusCode::empty;  ///< of the stage while it runs
  Part part = Part::main;
  JobKind kind = JobKind::deploy;  ///< a build goes on to test and destroy what it built
  std::uint32_t unit = 0;
  std::string consumer{};              ///< activate, deactivate: its variable
  std::string interface{};             ///< activate, deactivate
  std::uint32_t activated_at = 0;      ///< deactivate: index of its activation
  std::uint32_t line = 0;              ///< the unit that it is a step of: also for the providers that it activates
  std::vector<std::uint32_t> after{};  ///< indexes of the steps that must have had their turn before; all are smaller
};

/// A plan with its releases decoded.
struct Expansion {
  std::map<std::string, release::Metadata> releases;  ///< by exact id; the job's own under ""
  std::vector<Unit> units;                            ///< at least the job's own
  std::vector<Step> steps;

  const release::Metadata& metadata_of(std::uint32_t unit) const;
  const release::Metadata* find(const std::string& release) const;
};
/// Errors: bad_data (a release that does not decode).
Result<Expansion> expand(const Job& job, const JobPlan& plan);

/// The paths that the expressions in a value begin with: "$db.outputs.url.upper()" → {"db", "outputs", "url"}. Literals
/// and what does not parse have none.
std::vector<std::vector<std::string>> references_in(const Value& value);

/// What the step runs; nullptr: nothing.
const release::ExecStage* script_of(const release::Metadata& metadata, const Step& step);
/// Whether an agent has something to do for it: a script, downloads or templates.
bool needs_agent(const release::Metadata& metadata, const Step& step);
/// In which scope the unit's own fields are read: a dependency is always deployed.
release::Scope scope_of(std::uint32_t unit, std::string_view stage);
inline release::Scope scope_of(const Step& step) { return scope_of(step.unit, step.stage); }
/// Downloads belong to a stage's first step, templates to its main one.
std::vector<release::Download> downloads_of(const release::Metadata& metadata, const Step& step);
std::vector<release::Template> templates_of(const release::Metadata& metadata, const Step& step);

/// The dependencies of one stage in the order in which they are brought up: each after those that its mapping or
/// `consumes` speaks of, else as the plan lists them. Error: bad_data naming those that need each other.
Result<std::vector<const release::Dependency*>> ordered_dependencies(const release::Metadata& metadata,
                                                                     release::Scope scope);
/// "app-v1.0", as old metadata may say it → "_/app-v1.0".
std::string canonical_id(const std::string& release);
/// Name of the dependency's deployment below its parent's.
const std::string& name_below(const release::Dependency& dependency);
/// "app" and its dependency → "app:db".
std::string path_below(const std::string& parent, const release::Dependency& dependency);

/// Ids that `metadata` and what it leads to name and `known` does not hold, each once.
std::vector<std::string> missing_releases(const release::Metadata& metadata,
                                          const std::map<std::string, release::Metadata>& known);

}  // namespace escape::controller
