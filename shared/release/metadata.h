#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/release_id.h"

namespace escape::release {

/// The format of `release.json` that we write and the newest that we read (spec/escape-plan.md §11.1).
inline constexpr int api_version = 15;

enum class Scope { build, deploy };

/// A declared input or output.
struct Variable {
  std::string id;
  std::string type = "string";      ///< string, integer, bool, list (others come with the full language)
  std::optional<Value> fallback{};  ///< `default`; absent = required
  std::string description{};
  std::string friendly{};
  bool visible = true;
  Value::Object options{};
  bool sensitive = false;
  Value items{};  ///< null, or the allowed values
  bool eval_before_dependencies = true;
  std::vector<std::string> scopes{"build", "deploy"};
  friend bool operator==(const Variable&, const Variable&) = default;
};
bool in_scope(const Variable& variable, Scope scope);
/// "Invalid variable format '1foo'": a letter, then letters, digits, `-`, `_`; outer blanks do not count; not
/// `PREVIOUS_…`.
Result<> check_variable_id(std::string_view id);

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

/// What a release is made of, as in `release.json`. Fields that this version does not act upon are kept in `other` in
/// their JSON form, so that what a newer or older tool wrote survives.
struct Metadata {
  int api_version = release::api_version;
  std::string built_with_core_version{};
  std::string built_with_escape_version{};
  std::string description{};
  std::map<std::string, std::string> files{};  ///< path → lower-case hex MD5, as the original records it
  std::string license{};
  std::string logo{};
  std::string name{};
  std::string repository{}, branch{}, git_revision{}, revision_message{}, revision_author{};
  std::map<std::string, std::string> metadata{};
  std::string version{};
  std::vector<Variable> inputs{};
  std::vector<Variable> outputs{};
  std::string project = "_";
  std::map<std::string, ExecStage> stages{};  ///< "pre_deploy", "deploy", "smoke" …
  bool idempotent = false;                    ///< every step bears being run again after it was cut off anywhere; ours
  Value::Object
      other{};  ///< generates, consumes, downloads, depends, errands, extends, provides, templates, unknown keys

  friend bool operator==(const Metadata&, const Metadata&) = default;
};
ApplicationId application_of(const Metadata& metadata);
/// Error bad_data when the metadata's version is not exact.
Result<ReleaseId> release_id_of(const Metadata& metadata);

/// What the reader insists on (spec/inventory-semantics.md §5.1): name, version, project, api_version, variables,
/// stages; the messages are those of that list.
Result<> check_metadata(const Metadata& metadata);

/// What the job engine cannot act upon yet: a clear refusal (ErrorKind::refused) naming the field, or success.
/// Dependencies, consumers, extensions, templates, downloads, errands, expressions in variables and stages. `provides`
/// alone is harmless, because nothing can consume it yet; with an activation stage it is refused.
Result<> check_supported(const Metadata& metadata);

/// A release as the inventory vouches for it.
struct ReleaseRecord {
  ReleaseId id;
  std::string sha256;      ///< lower-case hex of the package
  std::uint64_t size = 0;  ///< bytes of the package
  Metadata metadata;
  friend bool operator==(const ReleaseRecord&, const ReleaseRecord&) = default;
};

}  // namespace escape::release
