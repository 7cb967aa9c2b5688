#pragma once

#include <string>

#include "controller/cli/invocation.h"
#include "protocol/messages/client.h"

/// What a job would do, before anybody agrees: `--dry-run`, and what promote and rollback show.
namespace escape::cli {

/// "plan-0123456789abcdef": such a text is never taken for the name of a file.
bool is_plan_id(std::string_view text);

/// For people: what changes, which scripts run where, what is locked.
std::string plan_text(const protocol::reply::Plan& plan);

/// reference/conventions.md §4: only when it is asked for.
inline constexpr int changes_exit = 2;

struct PlanOutput {
  bool as_json = false;
  bool detailed_exit_code = false;  ///< 2 when something would change
};
/// Asks, prints, and gives the exit code.
Result<int> show_plan(Invocation& run, protocol::request::Submit submit, const PlanOutput& output);

}  // namespace escape::cli
