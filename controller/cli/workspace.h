#pragma once

#include <string>

#include "controller/cli/invocation.h"
#include "shared/plan/plan.h"
#include "shared/release/metadata.h"
#include "shared/release/release_id.h"

namespace escape::cli {

/// A folder with a plan: what `run build`, `run release` and deploying unreleased files work on.
class Workspace {
 public:
  /// Reads the plan. Errors: not_found "Escape plan 'escape.yml' was not found. …", and parse_plan's.
  static Result<Workspace> open(const std::string& plan_file);
  /// The text of a plan, unread. Errors: those of `open` about the file itself.
  static Result<std::string> read_plan(const std::string& plan_file);
  static bool has_plan(const std::string& plan_file);

  const plan::Plan& plan() const { return plan_; }
  const std::string& folder() const { return folder_; }  ///< absolute
  /// Error: bad_data for a name that is none.
  Result<release::ApplicationId> application() const;
  /// The version as the plan or the command asks for it; ends in '@' when the inventory picks one.
  std::string asked_version(const std::string& override_version = {}) const;

  /// The metadata of these files. `version`: exact, or empty for the plan's own, whose `@` the inventory then answers
  /// (not reserved).
  Result<release::Metadata> compile(Invocation& run, const std::string& version = {}) const;

  /// What the expressions of these files' release read of them, as they are now.
  release::SeenFiles see_files(const release::Metadata& metadata) const;

  /// Where `run package` and `run release` put the package.
  std::string package_path(const release::Metadata& metadata) const;
  /// Packs the files that the metadata names, with the metadata as release.json.
  Result<> package(Invocation& run, const release::Metadata& metadata) const;

 private:
  plan::Plan plan_;
  std::string folder_;
};

/// "project/name-v1.0".
std::string release_text(const release::Metadata& metadata);
/// "project/name": the default name of a deployment.
std::string application_text(const release::Metadata& metadata);

}  // namespace escape::cli
