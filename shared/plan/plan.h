#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/release/metadata.h"
#include "shared/release/parts.h"
#include "shared/script/script.h"

/// The Escape plan (`escape.yml`): what a person writes, and the release metadata that it compiles to
/// (spec/escape-plan.md).
namespace escape::plan {

/// A step as the plan says it: a line of text whose meaning depends on the files beside the plan, or a map that says it
/// itself.
struct StageText {
  std::optional<std::string> text{};
  release::ExecStage stage{};  ///< when there is no text
  friend bool operator==(const StageText&, const StageText&) = default;
};

/// A release that is deployed with this one. What release it is exactly is known once compiled.
struct PlannedDependency {
  release::Reference reference;
  release::Dependency written{};  ///< without release id
  /// Its inputs without default become ours, and ours of the same name reach it. Off (`propagate: false`): only what is
  /// mapped.
  bool propagates = true;
  friend bool operator==(const PlannedDependency&, const PlannedDependency&) = default;
};

struct PlannedErrand {
  std::string description{};
  StageText run{};
  bool must_exist = false;  ///< the old form `script: FILE`
  std::vector<release::Variable> inputs{};
  friend bool operator==(const PlannedErrand&, const PlannedErrand&) = default;
};

/// Inputs or outputs in the order of their first mention, and which fields each id was written with: what an extension
/// or a dependency brings is changed by those only.
struct Declarations {
  std::vector<release::Variable> variables{};
  std::map<std::string, std::set<std::string>> written{};
  friend bool operator==(const Declarations&, const Declarations&) = default;
};

/// A plan that was read: shapes, names of fields and declarations of variables are right; files were not looked at.
struct Plan {
  std::string file{};  ///< the name given to parse_plan, for messages
  std::string name{};  ///< "[project/]name"
  std::string version{};
  std::string description{};
  std::string license{};
  std::string logo{};  ///< path of an image
  std::vector<std::string> includes{};
  std::vector<std::string> generates{};
  std::map<std::string, std::string> metadata{};
  std::vector<release::Reference> extends{};
  std::vector<PlannedDependency> depends{};
  std::vector<release::Consumer> consumes{};  ///< of all three lists, each (interface, variable) once
  std::vector<std::string> provides{};
  Declarations inputs{};  ///< inputs, build_inputs and deploy_inputs in one: each id once
  Declarations outputs{};
  std::map<std::string, StageText> stages{};
  std::map<std::string, PlannedErrand> errands{};
  std::vector<release::Template> templates{};  ///< without the mappings that come by themselves
  std::vector<release::Download> downloads{};
  bool idempotent = false;
  bool skip_unchanged = false;
};

/// Errors: bad_data "Couldn't parse Escape plan 'escape.yml': line 3, column 5: …, expected …". Expressions are parsed,
/// not evaluated.
Result<Plan> parse_plan(std::string_view text, std::string_view file_name);

/// What compile asks of the plan's folder. Paths are relative to it, separated by '/'. Thread: the caller's.
class Files {
 public:
  virtual ~Files() = default;
  virtual bool exists(const std::string& path) = 0;  ///< a link that leads nowhere exists too
  virtual bool is_folder(const std::string& path) = 0;
  virtual bool is_link(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;  ///< names; "" is the plan's folder
  virtual Result<std::string> md5(const std::string& path) = 0;                  ///< lower-case hex
  virtual Result<std::string> read(const std::string& path, std::size_t max_bytes) = 0;
};

/// What git says of the folder; empty where it says nothing.
struct GitFacts {
  std::string revision{};
  std::string branch{};
  std::string repository{};
  std::string message{};
  std::string author{};
};
/// The URL of a remote without what lets somebody in: of `https://user:password@host/x` is left `https://host/x`;
/// `ssh://git@host` and `git@host:x` keep the user. compile does it to `GitFacts::repository`.
std::string strip_credentials(std::string_view url);

struct CompileOptions {
  std::string override_version{};  ///< instead of the plan's, when not empty
  /// The next free version that begins with `prefix`; asked only for a version that ends in `@`, and last of all.
  std::function<Result<std::string>(const release::ApplicationId&, std::string_view prefix)> next_version{};
  /// The metadata of a release that the plan extends or depends on, its version exact; the newest for `latest` and the
  /// like. Asked once for each mention.
  std::function<Result<release::Metadata>(const release::ReleaseQuery&)> find_release{};
  GitFacts git{};
  std::string tool_version{};
  std::int64_t now_seconds = 0;  ///< for `$__timestamp()`
};

/// The metadata of the release that the plan makes of these files. Errors: bad_data with the texts of the
/// specification, refused for links, and what `files`, `find_release` and `next_version` say. Expressions that read
/// files see those of the plan's folder only.
Result<release::Metadata> compile(const Plan& plan, Files& files, const CompileOptions& options);

/// What `plan init` writes; `minify` leaves name and version only. The name is written as given.
std::string initial_plan(std::string_view name, bool minify);

/// The steps that a plan may have, in the order in which they run: "pre_build", "build" …
const std::vector<std::string>& stage_names();

}  // namespace escape::plan
