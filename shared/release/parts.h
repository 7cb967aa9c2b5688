#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/release_id.h"
#include "shared/release/variable.h"

/// The parts of a release's metadata that name steps, files and other releases (spec/escape-plan.md §3 to §10). Text
/// that begins with `$` is an expression of shared/script; release ids are exact once compiled.
namespace escape::release {

/// What one step runs. At most one of script, inline, cmd is set.
struct ExecStage {
  std::string cmd{};
  std::vector<std::string> args{};
  std::string inline_script{};
  std::string script{};  ///< the text of the plan: a path inside the package and its arguments
  bool empty() const { return cmd.empty() && inline_script.empty() && script.empty(); }
  friend bool operator==(const ExecStage&, const ExecStage&) = default;
};
/// Text for "Running deploy step TEXT.": the script, `cmd args`, or `<inline script starting with 'FIRST LINE'>`.
std::string step_text(const ExecStage& stage);

/// Wants a provider of an interface.
struct Consumer {
  std::string name;      ///< the interface
  std::string variable;  ///< under which expressions and `-p` know the provider; the interface when not renamed
  std::vector<std::string> scopes{"build", "deploy"};
  bool skip_activate = false, skip_deactivate = false;
  friend bool operator==(const Consumer&, const Consumer&) = default;
};

/// Another release that is deployed with this one, as a deployment of its own below it.
struct Dependency {
  std::string release_id;                                      ///< "project/name-v1.0"
  Value::Object mapping{}, build_mapping{}, deploy_mapping{};  ///< its inputs, from expressions over ours
  std::map<std::string, std::string> consumes{};               ///< its consumer's variable → expression of a deployment
  std::string deployment_name{};
  std::string variable{};  ///< under which expressions know it
  std::vector<std::string> scopes{"build", "deploy"};
  friend bool operator==(const Dependency&, const Dependency&) = default;
};

/// A script that people run by its name against a deployment.
struct Errand {
  std::string name;
  std::string description{};
  ExecStage run{};
  std::vector<Variable> inputs{};
  friend bool operator==(const Errand&, const Errand&) = default;
};

/// A file fetched before the `pre_` step of a scope.
struct Download {
  std::string url;
  std::string dest;  ///< relative to the package's folder
  bool overwrite = false;
  std::vector<std::string> if_not_exists{};  ///< patterns; a match means that nothing is fetched
  bool unpack = false;
  std::string platform{}, arch{};  ///< empty: any
  std::string sha256{};            ///< lower-case hex; ours, empty: not checked
  std::vector<std::string> scopes{"build", "deploy"};
  friend bool operator==(const Download&, const Download&) = default;
};

/// A file rendered before the main step of a scope.
struct Template {
  std::string file, target;
  std::vector<std::string> scopes{"build", "deploy"};
  Value::Object mapping{};
  std::string escape{};  ///< "html" escapes values for HTML; empty: they stand as they are. Ours
  friend bool operator==(const Template&, const Template&) = default;
};

/// A release named by another one: `REF [as VARIABLE]` (spec/release-ids-and-versions.md §3.3).
struct Reference {
  ReleaseQuery query;
  std::string variable{};  ///< empty without `as`
  friend bool operator==(const Reference&, const Reference&) = default;
};
/// Errors: bad_data "Malformed dependency string 'x-v1 as'. …" and those of parse_release_query.
Result<Reference> parse_reference(std::string_view text);

/// `iface [as variable]` → name and variable. Errors: bad_data "Malformed consumer string 'kube as'", "Unexpected
/// 'like' expecting 'as' in 'kube like k'".
Result<Consumer> parse_consumer(std::string_view text);

/// Shapes of spec/inventory-semantics.md §5.1, 8 to 10; a dependency's release id must be exact.
Result<> check_dependency(const Dependency& dependency);
Result<> check_download(const Download& download);

}  // namespace escape::release
