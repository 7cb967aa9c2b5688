#include <algorithm>
#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/job_run.h"
#include "controller/cli/plan_view.h"
#include "controller/cli/run_flags.h"
#include "shared/base/printable.h"
#include "shared/base/text.h"

/// promote and rollback: what moves releases that ran somewhere, shown before anybody agrees.
namespace escape::cli {
namespace {

using protocol::JobKind;
using protocol::request::Submit;

/// Yes or no, or an error when nobody can say. `verb`: "promote"; `verbal_noun`: "Promoting".
Result<bool> agree(Invocation& run, const std::string& question, bool wants_whole_word, const std::string& verb,
                   const std::string& verbal_noun) {
  Console& console = run.console();
  if (!console.has_input_terminal) {
    return fail(ErrorKind::refused, verbal_noun + " needs a yes, and there is no terminal to ask on.",
                "Add -f to " + verb + " without asking.");
  }
  while (true) {
    console.out(question);
    const std::optional<std::string> line = console.read_line();
    if (!line) {
      console.out("\n");
      return fail(ErrorKind::refused, verbal_noun + " needs a yes, and the input ended (EOF).",
                  "Nothing was done. Add -f to " + verb + " without asking.");
    }
    const std::string answer(trimmed(*line));
    if (wants_whole_word) return answer == "yes";
    if (answer.empty() || answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes") return true;
    if (answer == "n" || answer == "N" || answer == "no" || answer == "No") return false;
  }
}

Result<bool> agree_to_promote(Invocation& run, const std::string& what, const std::string& environment,
                              bool is_protected) {
  const std::string choice = is_protected ? "[" + environment + " is protected: type yes]: " : "[Yn]: ";
  return agree(run, "Promote " + what + "? " + choice, is_protected, "promote", "Promoting");
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
  if (!promotion.hold.empty()) {
    renderer.say("warn", {"Promote"},
                 "Deployment " + names.to_deployment + " in environment " + names.to_environment + " is " +
                     printable(promotion.hold) + ".");
  }
  renderer.finish();
}

Result<int> promote_one(Invocation& run, const RunFlags& flags, Submit submit) {
  const PromotionNames names{flags.environment, flags.deployments.front(), flags.to_environment,
                             flags.to_deployment.empty() ? flags.deployments.front() : flags.to_deployment};
  submit.environment = names.to_environment;
  submit.deployment = names.to_deployment;
  submit.from_deployment = names.from_deployment;
  if (flags.dry_run) return run_or_show(run, flags, std::move(submit));
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Promotion promotion,
      ask<protocol::reply::Promotion>(
          *link, protocol::request::DescribePromotion{names.from_environment, names.from_deployment,
                                                      names.to_environment, names.to_deployment}));
  Renderer renderer = run.make_renderer();
  tell_promotion(renderer, names, promotion);
  if (!flags.force) {
    const std::string what = promotion.release + " from " + names.from_environment + " (" + names.from_deployment +
                             ") to " + names.to_environment + " (" + names.to_deployment + ")";
    TRY(const bool agreed, agree_to_promote(run, what, names.to_environment, promotion.target_protected));
    if (!agreed) return 0;
  }
  submit.release = promotion.release;
  submit.expected_sha256 = promotion.sha256;
  return run_job(run, std::move(submit));
}

/// Everything that runs there.
Result<std::vector<std::string>> names_of_all(Link& link, const std::string& environment) {
  TRY(const protocol::reply::Deployments all,
      ask<protocol::reply::Deployments>(link, protocol::request::ListDeployments{environment}));
  std::vector<std::string> names;
  for (const protocol::DeploymentCell& cell : all.cells) {
    if (cell.status != "empty" && cell.status != "pending") names.push_back(cell.deployment);
  }
  if (!names.empty()) return names;
  return fail(ErrorKind::not_found, "The environment " + environment + " runs nothing that could be promoted.",
              "`escape status` shows what is deployed where.");
}

Result<bool> is_protected(Link& link, const std::string& environment) {
  TRY(const protocol::reply::Environments all,
      ask<protocol::reply::Environments>(link, protocol::request::ListEnvironments{}));
  return std::ranges::any_of(all.environments, [&](const protocol::reply::EnvironmentView& one) {
    return one.name == environment && one.is_protected;
  });
}

/// What was shown is what starts: as a whole, or nothing of it.
Result<int> promote_together(Invocation& run, const RunFlags& flags, Submit submit) {
  if (!flags.to_deployment.empty()) {
    return fail(ErrorKind::usage, "--to-deployment names one deployment, and several are promoted.",
                "Promote them one by one to give them other names.");
  }
  TRY(Link * link, run.link(flags.dry_run ? Access::read : Access::write));
  submit.environment = flags.to_environment;
  submit.deployment.clear();
  submit.together = flags.deployments;
  if (flags.all) {
    TRY(submit.together, names_of_all(*link, flags.environment));
  }
  if (flags.dry_run) return run_or_show(run, flags, std::move(submit));
  if (submit.plan.empty()) {
    TRY(const protocol::reply::Plan plan, ask<protocol::reply::Plan>(*link, protocol::request::PlanJob{submit}));
    run.console().err(plan_text(plan));
    submit.plan = plan.id;
  }
  if (!flags.force) {
    TRY(const bool is_careful, is_protected(*link, flags.to_environment));
    const std::string what = std::to_string(submit.together.size()) + " deployments from " + flags.environment +
                             " to " + flags.to_environment;
    TRY(const bool agreed, agree_to_promote(run, what, flags.to_environment, is_careful));
    if (!agreed) return 0;
  }
  return run_job(run, std::move(submit));
}

Result<int> promote(Invocation& run, const RunFlags& flags) {
  if (flags.deployments.empty() && !flags.all) {
    return fail(ErrorKind::usage, "Missing deployment name.",
                "Name the deployment to promote with -d (several: -d again), or take --all.");
  }
  if (!flags.deployments.empty() && flags.all) {
    return fail(ErrorKind::usage, "Either -d or --all.", "--all takes everything that runs there.");
  }
  std::vector<std::string> names = flags.deployments;
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return fail(ErrorKind::usage, "The deployment '" + *twice + "' is named twice.", "Give each -d once.");
  }
  if (flags.to_environment.empty()) {
    return fail(ErrorKind::usage, "Missing target environment. Use '--to' to define your target environment.");
  }
  TRYV(check_environment(flags.to_environment));
  TRY(Submit submit, submission(JobKind::promote, flags));
  submit.from_environment = flags.environment;
  submit.with_inputs = flags.with_inputs;
  if (flags.deployments.size() == 1) return promote_one(run, flags, std::move(submit));
  return promote_together(run, flags, std::move(submit));
}

Result<int> rollback(Invocation& run, const RunFlags& flags) {
  if (flags.deployment.empty()) {
    return fail(ErrorKind::usage, "Missing deployment name.", "Name the deployment to roll back with -d.");
  }
  TRY(Submit submit, submission(JobKind::rollback, flags));
  if (!flags.to_change.empty()) {
    TRY(submit.back_to, number_of(flags.to_change, "the number of a change, as `escape state history` prints it"));
  }
  if (flags.dry_run) return run_or_show(run, flags, std::move(submit));
  TRY(Link * link, run.link(Access::write));
  if (submit.plan.empty()) {
    TRY(const protocol::reply::Plan plan, ask<protocol::reply::Plan>(*link, protocol::request::PlanJob{submit}));
    run.console().err(plan_text(plan));
    submit.plan = plan.id;
  }
  if (!flags.force) {
    TRY(const bool agreed, agree(run, "Roll " + flags.deployment + " in " + flags.environment + " back? [Yn]: ", false,
                                 "roll back", "Rolling back"));
    if (!agreed) return 0;
  }
  TRY(const int code, run_job(run, std::move(submit)));
  if (code == 0) {
    run.console().err("Promotions and converge leave it alone until `escape state unhold -d " + flags.deployment +
                      " -e " + flags.environment + "`.\n");
  }
  return code;
}

}  // namespace

void describe_run_promote(Syntax& syntax) {
  auto flags = std::make_shared<RunFlags>();
  add_environment(syntax, *flags);
  syntax.repeated("-d,--deployment", flags->deployments, "DEPLOYMENT",
                  "Name of the deployment; several start together or not at all");
  syntax.flag("--all", flags->all, "Everything that runs there");
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  add_values(syntax, *flags);
  syntax.repeated("--with-inputs", flags->with_inputs, "NAME", "Take that input's value along; repeat");
  syntax.option("--to", flags->to_environment, "ENVIRONMENT", "The environment to promote to");
  syntax.option("--to-deployment", flags->to_deployment, "DEPLOYMENT", "Name of the deployment there (the same)");
  syntax.flag("-f,--force", flags->force, "Don't ask");
  add_dry_run(syntax, *flags);
  add_plan_id(syntax, *flags);
  syntax.example("escape run promote --deployment quickstart/hello-world --environment stage --to live");
  syntax.example("escape run promote -d shop -d payments -e stage --to live --dry-run");
  syntax.action([flags](Invocation& run) { return promote(run, *flags); });
}

void describe_run_rollback(Syntax& syntax) {
  auto flags = std::make_shared<RunFlags>();
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  add_step_timeout(syntax, *flags);
  refuse_state_files(syntax);
  syntax.option("--to", flags->to_change, "CHANGE",
                "The change to go back to, as `escape state history` numbers them (the last that ran well before)");
  syntax.option("--reason", flags->reason, "TEXT", "Why, for whoever meets the hold");
  syntax.flag("-f,--force", flags->force, "Don't ask");
  add_dry_run(syntax, *flags);
  add_plan_id(syntax, *flags);
  syntax.example("escape run rollback -d quickstart/hello-world -e live --reason 'it eats memory'");
  syntax.action([flags](Invocation& run) { return rollback(run, *flags); });
}

}  // namespace escape::cli
