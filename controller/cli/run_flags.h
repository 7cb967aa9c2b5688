#pragma once

#include <string>
#include <vector>

#include "controller/cli/common_flags.h"
#include "controller/cli/invocation.h"
#include "protocol/messages/client.h"

/// What the commands that make jobs share: their flags, the request, and looking before doing.
namespace escape::cli {

struct RunFlags : CommonFlags {
  std::vector<std::string> releases;
  std::vector<std::string> deployments;  ///< promote: -d, repeated
  std::vector<std::string> with_inputs;
  std::string to_environment;
  std::string to_deployment;
  std::string to_change;
  std::string reason;
  std::string plan_id;  ///< what was agreed to
  bool all = false;
  bool force = false;
  bool refresh = false;
  bool dry_run = false;
  bool watches = false;
  bool until_done = false;
  bool detailed_exit_code = false;
  bool skip_build = false;
  bool skip_deployment = false;
};

/// -n, --detailed-exitcode, --json; `--plan ID` where no plan of this folder is meant by `--plan`.
void add_dry_run(Syntax& syntax, RunFlags& flags);
void add_plan_id(Syntax& syntax, RunFlags& flags);
/// `--plan FILE` or `--plan ID`: tells them apart.
void take_plan_id(RunFlags& flags);

/// Error: usage.
Result<protocol::request::Submit> submission(protocol::JobKind kind, const RunFlags& flags);

/// Carries it out, or with `--dry-run` shows what it would do. The exit code.
Result<int> run_or_show(Invocation& run, const RunFlags& flags, protocol::request::Submit submit);

}  // namespace escape::cli
