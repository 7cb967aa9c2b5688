#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/base/value.h"
#include "shared/state/status.h"

namespace escape::state {

/// Which release, to the byte.
struct DeployedRelease {
  std::string version{};  ///< "0.0.1"
  std::string sha256{};   ///< of the package; empty for a workspace (unreleased) deployment
  /// Imported from a state file, which records no digest: released, and known by its version alone until it is looked
  /// up.
  bool lacks_digest = false;
  friend bool operator==(const DeployedRelease&, const DeployedRelease&) = default;
};

/// Whether two releases of one application can be the same package.
inline bool may_be_same(const DeployedRelease& a, const DeployedRelease& b) {
  return a.version == b.version && (a.sha256 == b.sha256 || a.lacks_digest || b.lacks_digest);
}

/// One of the two records of a deployment: what was built, what is deployed.
struct StageRecord {
  Value::Object inputs{};             ///< the user's (`-v`)
  Value::Object calculated_inputs{};  ///< what the scripts were given, by declared id
  Value::Object calculated_outputs{};
  DeployedRelease release{};                 ///< what the last run installed or tried to install
  std::optional<DeployedRelease> last_ok{};  ///< what was last known to run well; survives a failed attempt
  Status status{};
  JobId job = 0;                                   ///< the job that wrote this last
  std::map<std::string, std::string> providers{};  ///< a consumer's variable → the deployment that provides for it
  std::vector<std::string> provides{};             ///< interfaces of the release that this stage holds
  std::map<std::string, std::string> files{};      ///< path → text: what the values name that `.file` made
  friend bool operator==(const StageRecord&, const StageRecord&) = default;
};

/// What an environment file or `state create` asks for.
struct DesiredRelease {
  std::string query{};  ///< "quickstart/hello-world-latest", resolved again at each converge
  friend bool operator==(const DesiredRelease&, const DesiredRelease&) = default;
};

/// Why promotions and converge leave a deployment alone: after a rollback, or because a person wished it.
struct Hold {
  std::string reason{};
  std::string by{};  ///< principal
  Timestamp since{};
  JobId job = 0;  ///< the rollback that set it
  friend bool operator==(const Hold&, const Hold&) = default;
};

/// A named instance of a release in an environment. Key: (environment, name).
///
/// A dependency of a release is a deployment of its own below the one that depends on it: its name is the whole path,
/// "app:db" (spec/state-model.md §3), and of its stages "build" is what stands below the build stage of the first in
/// the path, "deploy" what stands below its deploy stage. Names that people give hold no colon.
struct Deployment {
  std::string environment;
  std::string name;
  std::string release{};                        ///< "project/name", without version
  Value::Object inputs{};                       ///< deployment-level inputs (environment file)
  std::map<std::string, StageRecord> stages{};  ///< "build", "deploy"
  std::optional<DesiredRelease> desired{};
  AgentId agent{};  ///< the agent it lives on once deployed (placement `once`)
  std::optional<Hold> hold{};
  EventSequence revision = 0;  ///< of its newest change (the event that tells it); 0: none is known
  /// Its destruction was asked for together with its removal: holds until it is gone or wanted again, however often the
  /// destruction fails.
  bool goes_when_destroyed = false;
  friend bool operator==(const Deployment&, const Deployment&) = default;
};

/// Whether it is a dependency's, below another deployment.
inline bool is_below_another(std::string_view deployment) { return deployment.find(':') != std::string_view::npos; }
/// "app:db:disk" → "app".
inline std::string root_of(std::string_view deployment) {
  return std::string(deployment.substr(0, deployment.find(':')));
}

/// Who begins a converge of an environment: people only, or the controller too, when something is not as desired.
struct ConvergePolicy {
  bool is_automatic = false;
  Millis every{300'000};  ///< automatic: the controller looks at least so often, and whenever something has changed
  friend bool operator==(const ConvergePolicy&, const ConvergePolicy&) = default;
};

struct Environment {
  std::string name;
  Value::Object inputs{};
  bool is_protected = false;  ///< promotion into it wants `yes` typed
  bool is_trial = false;      ///< made by `run release` for its own trial, removed after it
  Timestamp created_at{};
  EventSequence revision = 0;  ///< of the event that tells its newest change
  ConvergePolicy converge{};
  friend bool operator==(const Environment&, const Environment&) = default;
};

/// Everything in one environment, for show and export.
struct EnvironmentState {
  Environment environment;
  std::map<std::string, Deployment> deployments;  ///< those below others too
};

}  // namespace escape::state
