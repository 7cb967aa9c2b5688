#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/recorded_stage.h"
#include "controller/cli/table.h"
#include "controller/cli/values.h"
#include "controller/cli/views.h"
#include "controller/cli/workspace.h"
#include "shared/base/text.h"
#include "shared/codec/domain.h"
#include "shared/release/release_id.h"

/// deploy, promote, converge, smoke, destroy: jobs on environments.
namespace escape::cli {
namespace {

using protocol::JobKind;
using protocol::request::Submit;

struct RunFlags : CommonFlags {
  std::vector<std::string> releases;
  std::string to_environment;
  std::string to_deployment;
  bool force = false;
  bool refresh = false;
  bool dry_run = false;
  bool skip_build = false;
  bool skip_deployment = false;
};

Result<Submit> submission(JobKind kind, const RunFlags& flags) {
  TRYV(check_environment(flags.environment));
  Submit submit;
  submit.kind = kind;
  submit.environment = flags.environment;
  submit.deployment = flags.deployment;
  TRY(submit.inputs, parse_values(flags.values));
  TRY(submit.providers, parse_providers(flags.providers));
  TRY(submit.step_time_limit, step_limit(flags));
  return submit;
}

/// Makes it a job of this folder's files, run by this process.
void put_in_workspace(Submit& submit, const Workspace& workspace, const release::Metadata& metadata) {
  submit.workspace = workspace.folder();
  submit.metadata = codec::metadata_to_value(metadata);
  submit.seen = workspace.see_files(metadata);
  submit.release = release_text(metadata);
}

Result<int> deploy(Invocation& run, const RunFlags& flags) {
  TRY(Submit submit, submission(JobKind::deploy, flags));
  if (flags.releases.empty()) {
    TRYV(run.need_full_program());
    TRY(const Workspace workspace, Workspace::open(flags.plan));
    TRY(const release::Metadata metadata, workspace.compile(run));
    put_in_workspace(submit, workspace, metadata);
    return run_job(run, std::move(submit));
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
  for (const std::string& release : flags.releases) {
    submit.release = release;
    TRY(const int code, run_job(run, submit));
    if (code != 0) return code;
  }
  return 0;
}

/// Yes or no, or an error when nobody can say.
Result<bool> agree(Invocation& run, const std::string& question, bool wants_whole_word) {
  Console& console = run.console();
  if (!console.has_input_terminal) {
    return fail(ErrorKind::refused, "Promoting needs a yes, and there is no terminal to ask on.",
                "Add -f to promote without asking.");
  }
  while (true) {
    console.out(question);
    const std::optional<std::string> line = console.read_line();
    if (!line) {
      console.out("\n");
      return fail(ErrorKind::refused, "Promoting needs a yes, and the input ended (EOF).",
                  "Nothing was promoted. Add -f to promote without asking.");
    }
    const std::string answer(trimmed(*line));
    if (wants_whole_word) return answer == "yes";
    if (answer.empty() || answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes") return true;
    if (answer == "n" || answer == "N" || answer == "no" || answer == "No") return false;
  }
}

struct PromotionNames {
  std::string from_environment, from_deployment, to_environment, to_deployment;
};

void tell_promotion(Renderer& renderer, const PromotionNames& names, const protocol::reply::Promotion& promotion) {
  const auto state_line = [](const std::string& deployment, const std::string& environment,
                             const std::string& release) {
    return "Deployment " + deployment + " in environment " + environment +
           (release.empty() ? " is not present." : " has " + release + ".");
  };
  renderer.say("info", {"Promote"}, state_line(names.from_deployment, names.from_environment, promotion.release));
  renderer.say("info", {"Promote"}, state_line(names.to_deployment, names.to_environment, promotion.target_release));
  if (promotion.is_downgrade) {
    renderer.say("warn", {"Promote"},
                 "This is a downgrade: " + promotion.target_release + " is newer than " + promotion.release + ".");
  }
  renderer.finish();
}

Result<int> promote(Invocation& run, const RunFlags& flags) {
  if (flags.deployment.empty())
    return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment to promote with -d.");
  if (flags.to_environment.empty()) {
    return fail(ErrorKind::usage, "Missing target environment. Use '--to' to define your target environment.");
  }
  TRYV(check_environment(flags.to_environment));
  TRY(Submit submit, submission(JobKind::promote, flags));
  const PromotionNames names{flags.environment, flags.deployment, flags.to_environment,
                             flags.to_deployment.empty() ? flags.deployment : flags.to_deployment};
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Promotion promotion,
      ask<protocol::reply::Promotion>(
          *link, protocol::request::DescribePromotion{names.from_environment, names.from_deployment,
                                                      names.to_environment, names.to_deployment}));
  Renderer renderer = run.make_renderer();
  tell_promotion(renderer, names, promotion);
  if (!flags.force) {
    std::string question = "Promote " + promotion.release + " from " + names.from_environment + " (" +
                           names.from_deployment + ") to " + names.to_environment + " (" + names.to_deployment + ")? ";
    question += promotion.target_protected ? "[" + names.to_environment + " is protected: type yes]: " : "[Yn]: ";
    TRY(const bool agreed, agree(run, question, promotion.target_protected));
    if (!agreed) return 0;
  }
  submit.environment = names.to_environment;
  submit.deployment = names.to_deployment;
  submit.from_environment = names.from_environment;
  submit.from_deployment = names.from_deployment;
  submit.expected_sha256 = promotion.sha256;
  return run_job(run, std::move(submit));
}

Result<int> converge(Invocation& run, const RunFlags& flags) {
  TRY(Submit submit, submission(JobKind::converge, flags));
  if (!flags.dry_run) {
    submit.refresh = flags.refresh;
    return run_job(run, std::move(submit));
  }
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::ConvergePlan plan,
      ask<protocol::reply::ConvergePlan>(*link, protocol::request::PlanConverge{flags.environment, flags.refresh}));
  if (flags.as_json) {
    print_json(run, list_of(plan.changes));
    return 0;
  }
  Table table({"DEPLOYMENT", "ACTION", "FROM", "TO", "REASON"});
  const auto version = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  for (const protocol::PlannedChange& change : plan.changes) {
    table.add({change.deployment, change.action, version(change.from), version(change.to), change.reason});
  }
  run.console().out(table.empty() ? "The environment " + flags.environment + " holds no deployments.\n" : table.text());
  return 0;
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

/// A job on what a stage holds now: on its agent when a release was deployed, here when this folder's files were.
Result<int> run_on_recorded(Invocation& run, const RunFlags& flags, Submit submit, const RecordedStage& recorded) {
  if (recorded.is_workspace) {
    TRYV(run.need_full_program());
    TRY(const Workspace workspace, Workspace::open(flags.plan));
    // The very version that is there: an automatic one may have moved on since.
    TRY(const release::Metadata metadata, workspace.compile(run, recorded.version));
    put_in_workspace(submit, workspace, metadata);
  }
  return run_job(run, std::move(submit));
}

Result<int> smoke(Invocation& run, RunFlags flags) {
  TRY(Submit submit, submission(JobKind::smoke, flags));
  TRY(submit.deployment, deployment_name(flags));
  TRY(Link * link, run.link(Access::write));
  TRY(const RecordedStages recorded, read_recorded_stages(*link, flags.environment, submit.deployment));
  return run_on_recorded(run, flags, std::move(submit), recorded.deploy.value_or(RecordedStage{}));
}

Result<int> destroy(Invocation& run, RunFlags flags) {
  TRY(Submit submit, submission(JobKind::destroy, flags));
  TRY(submit.deployment, deployment_name(flags));
  TRY(Link * link, run.link(Access::write));
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
    TRY(const int code, run_on_recorded(run, flags, submit, *recorded.build));
    if (code != 0) return code;
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
  syntax.arguments("RELEASE", flags->releases, "What to deploy; nothing: the plan in this folder");
  syntax.example("escape run deploy quickstart/hello-world-v0.0.1 -v who=Stage -e stage");
  syntax.example("escape run deploy quickstart/hello-world-latest -e test");
  syntax.action([flags](Invocation& run) { return deploy(run, *flags); });
}

void describe_run_promote(Syntax& syntax) {
  auto flags = common(syntax);
  add_values(syntax, *flags);
  syntax.option("--to", flags->to_environment, "ENVIRONMENT", "The environment to promote to");
  syntax.option("--to-deployment", flags->to_deployment, "DEPLOYMENT", "Name of the deployment there (the same)");
  syntax.flag("-f,--force", flags->force, "Don't ask");
  syntax.example("escape run promote --deployment quickstart/hello-world --environment stage --to live");
  syntax.action([flags](Invocation& run) { return promote(run, *flags); });
}

void describe_run_converge(Syntax& syntax) {
  auto flags = std::make_shared<RunFlags>();
  add_environment(syntax, *flags);
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  syntax.flag("--refresh", flags->refresh, "Deploy again what is ok too");
  syntax.flag("-n,--dry-run", flags->dry_run, "Show what would be done");
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return converge(run, *flags); });
}

void describe_run_smoke(Syntax& syntax) {
  auto flags = common(syntax);
  add_plan(syntax, *flags);
  syntax.action([flags](Invocation& run) { return smoke(run, *flags); });
}

void describe_run_destroy(Syntax& syntax) {
  auto flags = common(syntax);
  add_plan(syntax, *flags);
  syntax.flag("--skip-build", flags->skip_build, "Leave what was built");
  syntax.flag("--skip-deployment", flags->skip_deployment, "Leave what is deployed");
  syntax.action([flags](Invocation& run) { return destroy(run, *flags); });
}

}  // namespace escape::cli
