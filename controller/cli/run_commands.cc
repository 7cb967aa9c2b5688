#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/converge_watch.h"
#include "controller/cli/job_run.h"
#include "controller/cli/plan_view.h"
#include "controller/cli/recorded_stage.h"
#include "controller/cli/run_flags.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "controller/cli/workspace.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"
#include "shared/release/release_id.h"

/// deploy, converge, smoke, destroy: jobs on environments.
namespace escape::cli {
namespace {

using protocol::JobKind;
using protocol::request::Submit;

/// Makes it a job of this folder's files, run by this process.
void put_in_workspace(Submit& submit, const Workspace& workspace, const release::Metadata& metadata) {
  submit.workspace = workspace.folder();
  submit.metadata = codec::metadata_to_value(metadata);
  submit.seen = workspace.see_files(metadata);
  submit.release = release_text(metadata);
}

Result<int> deploy(Invocation& run, RunFlags flags) {
  take_plan_id(flags);
  TRY(Submit submit, submission(JobKind::deploy, flags));
  if (flags.releases.empty()) {
    TRYV(run.need_full_program());
    TRY(const Workspace workspace, Workspace::open(flags.plan));
    TRY(const release::Metadata metadata, workspace.compile(run));
    put_in_workspace(submit, workspace, metadata);
    return run_or_show(run, flags, std::move(submit));
  }
  if (flags.releases.size() > 1 && !flags.plan_id.empty()) {
    return fail(ErrorKind::usage, "A plan is of one deployment, and several are given.", "Deploy them one by one.");
  }
  if (flags.releases.size() > 1 && !flags.deployment.empty()) {
    return fail(ErrorKind::usage,
                "One deployment name (-d " + flags.deployment + ") can't hold " +
                    std::to_string(flags.releases.size()) + " releases.",
                "Deploy them one by one, each with its own -d, or leave -d out.");
  }
  for (const std::string& release : flags.releases) {
    TRYV(release::parse_release_query(release));
  }
  int worst = 0;
  for (const std::string& release : flags.releases) {
    submit.release = release;
    TRY(const int code, run_or_show(run, flags, submit));
    worst = std::max(worst, code);
    if (code != 0 && !flags.dry_run) return code;
  }
  return worst;
}

Result<int> converge(Invocation& run, const RunFlags& flags) {
  TRY(Submit submit, submission(JobKind::converge, flags));
  if (flags.until_done && !flags.watches) {
    return fail(ErrorKind::usage, "--until-done goes with --watch.", "escape run converge --watch --until-done");
  }
  if (flags.watches && flags.dry_run) {
    return fail(ErrorKind::usage, "--dry-run shows what would be done now, and --watch does it.", "Give one of them.");
  }
  if (flags.watches) {
    submit.refresh = flags.refresh;
    return watch_converge(run, submit, flags.until_done);
  }
  if (!flags.dry_run) {
    submit.refresh = flags.refresh;
    return run_job(run, std::move(submit));
  }
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::ConvergePlan plan,
      ask<protocol::reply::ConvergePlan>(*link, protocol::request::PlanConverge{flags.environment, flags.refresh}));
  const auto is_due = [](const protocol::PlannedChange& change) {
    return change.action != "none" && change.action != "wait" && change.action != "held";
  };
  const bool has_changes = std::ranges::any_of(plan.changes, is_due);
  const int code = has_changes && flags.detailed_exit_code ? changes_exit : 0;
  if (flags.as_json) {
    print_json(run, Value::Object{{"plan", plan.id},
                                  {"environment", flags.environment},
                                  {"changes", has_changes},
                                  {"deployments", list_of(plan.changes)}});
    return code;
  }
  Table table({"DEPLOYMENT", "ACTION", "FROM", "TO", "REASON"});
  for (const protocol::PlannedChange& change : plan.changes) {
    table.add({change.deployment, change.action, or_dash(change.from), or_dash(change.to), change.reason});
  }
  run.console().out(table.empty() ? "The environment " + flags.environment + " holds no deployments.\n" : table.text());
  if (has_changes && !plan.id.empty()) {
    run.console().err("Add `--plan " + plan.id + "` to do exactly this, or nothing when something has moved since.\n");
  }
  return code;
}

/// The deployment that is meant: named, or the plan's own.
Result<std::string> deployment_name(const RunFlags& flags) {
  if (!flags.deployment.empty()) return flags.deployment;
  if (!Workspace::has_plan(flags.plan)) {
    return fail(ErrorKind::usage, "Missing deployment name.",
                "Name it with -d, or run this in the folder of its plan ('" + flags.plan + "').");
  }
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  TRY(const release::ApplicationId application, workspace.application());
  return to_string(application);
}

/// Its files are needed, and they are not here.
Error elsewhere(const Submit& submit, const std::string& plan, const std::string& folder) {
  const std::string from = folder.empty() ? "from the plan of a folder" : "from the folder '" + folder + "'";
  return {ErrorKind::not_found,
          "The deployment " + submit.deployment + " of the environment " + submit.environment + " was deployed " +
              from + ", not from a release, and its plan '" + plan + "' is not here.",
          "Run this in that folder, or give its plan with --plan FILE.",
          {}};
}

/// A job on what a stage holds now: on its agent when a release was deployed, here when this folder's files were.
Result<int> run_on_recorded(Invocation& run, const RunFlags& flags, Submit submit, const RecordedStage& recorded) {
  if (recorded.is_workspace) {
    if (!Workspace::has_plan(flags.plan)) return fail(elsewhere(submit, flags.plan, recorded.folder));
    TRYV(run.need_full_program());
    TRY(const Workspace workspace, Workspace::open(flags.plan));
    // The very version that is there: an automatic one may have moved on since.
    TRY(const release::Metadata metadata, workspace.compile(run, recorded.version));
    put_in_workspace(submit, workspace, metadata);
  }
  return run_or_show(run, flags, std::move(submit));
}

Result<int> smoke(Invocation& run, RunFlags flags) {
  take_plan_id(flags);
  TRY(Submit submit, submission(JobKind::smoke, flags));
  TRY(submit.deployment, deployment_name(flags));
  TRY(Link * link, run.link(flags.dry_run ? Access::read : Access::write));
  TRY(const RecordedStages recorded, read_recorded_stages(*link, flags.environment, submit.deployment));
  return run_on_recorded(run, flags, std::move(submit), recorded.deploy.value_or(RecordedStage{}));
}

Result<int> destroy(Invocation& run, RunFlags flags) {
  take_plan_id(flags);
  TRY(Submit submit, submission(JobKind::destroy, flags));
  TRY(submit.deployment, deployment_name(flags));
  TRY(Link * link, run.link(flags.dry_run ? Access::read : Access::write));
  TRY(const RecordedStages recorded, read_recorded_stages(*link, flags.environment, submit.deployment));
  const bool does_build = recorded.build && !flags.skip_build && Workspace::has_plan(flags.plan);
  const bool does_deploy = recorded.deploy && !flags.skip_deployment;
  if (!does_build && !does_deploy) {
    return fail(
        ErrorKind::not_found,
        "The deployment " + submit.deployment + " has not been deployed in the environment " + flags.environment + ".",
        "`escape status` shows what is deployed where.");
  }
  if (does_build) {
    submit.stages = {"build"};
    if (!flags.plan_id.empty() && does_deploy) {
      return fail(ErrorKind::usage, "A plan is of one stage, and both would be destroyed.",
                  "Add --skip-build or --skip-deployment, as for the --dry-run.");
    }
    TRY(const int code, run_on_recorded(run, flags, submit, *recorded.build));
    if (code != 0 && !flags.dry_run) return code;
  }
  if (!does_deploy) return 0;
  submit.stages = {"deploy"};
  return run_on_recorded(run, flags, std::move(submit), *recorded.deploy);
}

std::shared_ptr<RunFlags> common(Syntax& syntax) {
  auto flags = std::make_shared<RunFlags>();
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  return flags;
}

}  // namespace

void describe_run_deploy(Syntax& syntax) {
  auto flags = common(syntax);
  add_plan(syntax, *flags);
  add_values(syntax, *flags);
  add_dry_run(syntax, *flags);
  syntax.arguments("RELEASE", flags->releases, "What to deploy; nothing: the plan in this folder");
  syntax.example("escape run deploy quickstart/hello-world-v0.0.1 -v who=Stage -e stage");
  syntax.example("escape run deploy quickstart/hello-world-latest -e test");
  syntax.action([flags](Invocation& run) { return deploy(run, *flags); });
}

void describe_run_converge(Syntax& syntax) {
  auto flags = std::make_shared<RunFlags>();
  add_environment(syntax, *flags);
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  syntax.flag("--refresh", flags->refresh, "Deploy again what is ok too");
  add_dry_run(syntax, *flags);
  add_plan_id(syntax, *flags);
  syntax.flag("--watch", flags->watches,
              "Go on until Ctrl-C or --timeout, with a line for each change; where the controller converges by itself, "
              "only follow");
  syntax.flag("--until-done", flags->until_done,
              "With --watch: until everything is as desired; exit with 124 when that takes longer than --timeout");
  syntax.example("escape run converge -e stage --dry-run");
  syntax.example("escape run converge -e stage --watch --until-done --timeout 10m");
  syntax.action([flags](Invocation& run) { return converge(run, *flags); });
}

void describe_run_smoke(Syntax& syntax) {
  auto flags = common(syntax);
  add_plan(syntax, *flags);
  add_dry_run(syntax, *flags);
  syntax.action([flags](Invocation& run) { return smoke(run, *flags); });
}

void describe_run_destroy(Syntax& syntax) {
  auto flags = common(syntax);
  add_plan(syntax, *flags);
  add_dry_run(syntax, *flags);
  syntax.flag("--skip-build", flags->skip_build, "Leave what was built");
  syntax.flag("--skip-deployment", flags->skip_deployment, "Leave what is deployed");
  syntax.action([flags](Invocation& run) { return destroy(run, *flags); });
}

}  // namespace escape::cli
