#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/plan_view.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/base/printable.h"
#include "shared/base/text.h"

/// state history, diff, hold, unhold: what deployments were, how environments differ, and what is left alone.
namespace escape::cli {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

struct HistoryFlags : CommonFlags {
  std::string limit = "50";
  std::string before;
  std::string reason;
  std::string left, right;
  bool all = false;
  bool detailed_exit_code = false;
};

Result<> need_deployment(const HistoryFlags& flags) {
  if (!flags.deployment.empty()) return check_environment(flags.environment);
  return fail(ErrorKind::usage, "Missing deployment name.",
              "Name it with -d; `escape state list-deployments` shows the names.");
}

std::string note_of(const protocol::ChangeView& change) {
  std::string note = change.note;
  if (change.back_to != 0) note = "back to " + std::to_string(change.back_to) + (note.empty() ? "" : "; " + note);
  return note;
}

Result<int> history(Invocation& run, const HistoryFlags& flags) {
  TRYV(need_deployment(flags));
  request::ListHistory asked{flags.environment, flags.deployment};
  TRY(const std::uint64_t limit, number_of(flags.limit, "a number (--limit)"));
  if (limit == 0) return fail(ErrorKind::usage, "--limit 0 would list nothing.", "Give at least 1.");
  asked.limit = static_cast<int>(std::min<std::uint64_t>(limit, protocol::max_list_limit));
  if (!flags.before.empty()) {
    TRY(asked.before, number_of(flags.before, "the number of a change"));
  }
  TRY(Link * link, run.link(Access::read));
  TRY(const reply::History found, ask<reply::History>(*link, asked));
  if (flags.as_json) {
    print_json(run, list_of(found.changes));
    return 0;
  }
  Table table({"CHANGE", "TIME", "WHAT", "RELEASE", "STATUS", "BY", "JOB", "INPUTS", "NOTE"});
  for (const protocol::ChangeView& change : found.changes) {
    table.add({std::to_string(change.sequence), shown_time(change.time), change.what, or_dash(change.release),
               change.status, or_dash(change.principal), change.job == 0 ? "-" : std::to_string(change.job),
               or_dash(join(change.inputs, ", ")), note_of(change)});
  }
  run.console().out(table.text());
  if (found.more) {
    run.console().err("Older ones: --before " + std::to_string(found.changes.back().sequence) + "\n");
  }
  return 0;
}

std::string side(const std::string& release, const std::string& status) {
  if (status.empty()) return "-";
  return release.empty() ? status : release + (status == "ok" ? "" : " (" + status + ")");
}

Result<int> diff(Invocation& run, const HistoryFlags& flags) {
  TRYV(check_environment(flags.left));
  TRYV(check_environment(flags.right));
  TRY(Link * link, run.link(Access::read));
  TRY(reply::Differences found, ask<reply::Differences>(*link, request::DiffEnvironments{flags.left, flags.right}));
  if (!flags.all) std::erase_if(found.deployments, [](const auto& one) { return !one.is_different; });
  const bool differs = std::ranges::any_of(found.deployments, &protocol::DeploymentDifference::is_different);
  if (flags.as_json) {
    print_json(run, list_of(found.deployments));
  } else if (found.deployments.empty()) {
    run.console().out(flags.left + " and " + flags.right + " run the same.\n");
  } else {
    Table table({"DEPLOYMENT", flags.left, flags.right, "INPUT", flags.left + " HAS", flags.right + " HAS"});
    for (const protocol::DeploymentDifference& one : found.deployments) {
      std::string left = side(one.left, one.left_status);
      std::string right = side(one.right, one.right_status);
      if (one.left == one.right && one.left_sha256 != one.right_sha256) {
        left += " " + one.left_sha256.substr(0, 12);
        right += " " + one.right_sha256.substr(0, 12);
      }
      std::vector<std::string> row{one.deployment, left, right};
      if (one.inputs.empty()) table.add({row[0], row[1], row[2], "", "", ""});
      for (const protocol::DifferentValue& value : one.inputs) {
        table.add(
            {row[0], row[1], row[2], value.name, value.in_left ? value.left : "-", value.in_right ? value.right : "-"});
        row = {"", "", ""};
      }
    }
    run.console().out(table.text());
  }
  return differs && flags.detailed_exit_code ? changes_exit : 0;
}

Result<int> set_hold(Invocation& run, const HistoryFlags& flags, bool is_held) {
  TRYV(need_deployment(flags));
  if (is_held && trimmed(flags.reason).empty()) {
    return fail(ErrorKind::usage, "Missing --reason.", "Whoever meets the hold reads it: --reason TEXT");
  }
  TRY(Link * link, run.link(Access::write));
  TRY(const reply::Done done,
      ask<reply::Done>(*link, request::SetHold{flags.environment, flags.deployment, is_held, flags.reason}));
  run.console().err(printable(done.text) + "\n");
  return 0;
}

std::shared_ptr<HistoryFlags> of_deployment(Syntax& syntax) {
  auto flags = std::make_shared<HistoryFlags>();
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  refuse_state_files(syntax);
  return flags;
}

}  // namespace

void describe_state_history(Syntax& syntax) {
  auto flags = of_deployment(syntax);
  syntax.option("--limit", flags->limit, "NUMBER", "At most that many, the newest (50)");
  syntax.option("--before", flags->before, "CHANGE", "Only changes before that one");
  add_json(syntax, flags->as_json);
  syntax.example("escape state history -d quickstart/hello-world -e live");
  syntax.action([flags](Invocation& run) { return history(run, *flags); });
}

void describe_state_diff(Syntax& syntax) {
  auto flags = std::make_shared<HistoryFlags>();
  syntax.required_argument("ENVIRONMENT", flags->left, "One environment");
  syntax.required_argument("OTHER", flags->right, "The other one");
  syntax.flag("--all", flags->all, "Deployments that are the same too");
  syntax.flag("--detailed-exitcode", flags->detailed_exit_code, "Exit with 2 when they differ");
  refuse_state_files(syntax);
  add_json(syntax, flags->as_json);
  syntax.example("escape state diff test stage");
  syntax.action([flags](Invocation& run) { return diff(run, *flags); });
}

void describe_state_hold(Syntax& syntax) {
  auto flags = of_deployment(syntax);
  syntax.option("--reason", flags->reason, "TEXT", "Why, for whoever meets the hold");
  syntax.action([flags](Invocation& run) { return set_hold(run, *flags, true); });
}

void describe_state_unhold(Syntax& syntax) {
  auto flags = of_deployment(syntax);
  syntax.option("--reason", flags->reason, "TEXT", "Why, for the history");
  syntax.action([flags](Invocation& run) { return set_hold(run, *flags, false); });
}

}  // namespace escape::cli
