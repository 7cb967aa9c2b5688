#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/release/parts.h"
#include "shared/release/release_id.h"
#include "shared/release/variable.h"

namespace escape::release {

/// The format of `release.json` that we write and the newest that we read (spec/escape-plan.md §11.1).
inline constexpr int api_version = 15;

/// What a release is made of, as in `release.json`. Keys that this version does not know are kept in `other`, so that
/// what a newer tool wrote survives.
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
  std::vector<std::string> generates{};  ///< patterns, looked at again in the folder of whoever extends this release
  std::vector<Consumer> consumes{};
  std::vector<Download> downloads{};
  std::vector<Dependency> depends{};
  std::map<std::string, Errand> errands{};
  std::vector<std::string> extends{};  ///< exact release ids
  std::vector<Variable> inputs{};
  std::vector<Variable> outputs{};
  std::string project = "_";
  std::vector<std::string> provides{};
  std::map<std::string, ExecStage> stages{};  ///< "pre_deploy", "deploy", "smoke" …
  std::vector<Template> templates{};
  std::map<std::string, std::string> variable_context{};  ///< old packages: another name → the one it stands for
  bool idempotent = false;      ///< every step bears being run again after it was cut off anywhere; ours
  bool skip_unchanged = false;  ///< as a dependency it need not run again for the same version and inputs; ours
  Value::Object other{};

  friend bool operator==(const Metadata&, const Metadata&) = default;
};
ApplicationId application_of(const Metadata& metadata);
/// Error bad_data when the metadata's version is not exact.
Result<ReleaseId> release_id_of(const Metadata& metadata);

/// What the reader insists on (spec/inventory-semantics.md §5.1): name, version, project, api_version, variables,
/// stages, what it depends on, extends, consumes and downloads; the messages are those of that list.
Result<> check_metadata(const Metadata& metadata);

/// What lies at a path that the expressions of a release speak of (`$__read_file("VERSION")`), as it was when somebody
/// looked: they are evaluated where the package is not at hand.
struct SeenFile {
  enum class Kind { absent, file, folder };
  Kind kind = Kind::absent;
  std::string text{};     ///< of a file, any bytes
  std::string trouble{};  ///< why the text of a file is not here
  friend bool operator==(const SeenFile&, const SeenFile&) = default;
};
std::string_view name_of(SeenFile::Kind kind);
bool parse_enum(std::string_view text, SeenFile::Kind& to);
/// By path as the expression writes it.
using SeenFiles = std::map<std::string, SeenFile>;

/// A release as the inventory vouches for it.
struct ReleaseRecord {
  ReleaseId id;
  std::string sha256;      ///< lower-case hex of the package
  std::uint64_t size = 0;  ///< bytes of the package
  Metadata metadata;
  SeenFiles seen{};  ///< filled where a job or a comparison evaluates its expressions
  friend bool operator==(const ReleaseRecord&, const ReleaseRecord&) = default;
};

}  // namespace escape::release
