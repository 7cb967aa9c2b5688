#include "controller/cli/run_flags.h"

#include "controller/cli/job_run.h"
#include "controller/cli/plan_view.h"
#include "controller/cli/values.h"

namespace escape::cli {

void add_dry_run(Syntax& syntax, RunFlags& flags) {
  syntax.flag("-n,--dry-run", flags.dry_run, "Show what would be done, and do nothing");
  syntax.flag("--detailed-exitcode", flags.detailed_exit_code,
              "With --dry-run: exit with 2 when something would change");
  add_json(syntax, flags.as_json);
}

void add_plan_id(Syntax& syntax, RunFlags& flags) {
  syntax.option("--plan", flags.plan_id, "ID", "Do what --dry-run showed under that id, or nothing");
}

void take_plan_id(RunFlags& flags) {
  if (!is_plan_id(flags.plan)) return;
  flags.plan_id = flags.plan;
  flags.plan = CommonFlags{}.plan;
}

Result<protocol::request::Submit> submission(protocol::JobKind kind, const RunFlags& flags) {
  TRYV(check_environment(flags.environment));
  if (!flags.plan_id.empty() && !is_plan_id(flags.plan_id)) {
    return fail(ErrorKind::usage, "'" + flags.plan_id + "' is not the id of a plan.",
                "--dry-run prints it: plan- and 16 digits.");
  }
  protocol::request::Submit submit;
  submit.kind = kind;
  submit.environment = flags.environment;
  submit.deployment = flags.deployment;
  submit.plan = flags.plan_id;
  submit.reason = flags.reason;
  TRY(submit.inputs, parse_values(flags.values));
  TRY(submit.providers, parse_providers(flags.providers));
  TRY(submit.step_time_limit, step_limit(flags));
  return submit;
}

Result<int> run_or_show(Invocation& run, const RunFlags& flags, protocol::request::Submit submit) {
  if (!flags.dry_run) return run_job(run, std::move(submit));
  return show_plan(run, std::move(submit), {flags.as_json, flags.detailed_exit_code});
}

}  // namespace escape::cli
