#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cli/syntax.h"

namespace escape::cli {

/// One command: `escape NOUN VERB` or, with an empty verb, `escape NOUN`. Only the asked one is ever described, so that
/// the start costs the same however many there are.
struct Command {
  std::string_view noun;
  std::string_view verb;
  std::string_view summary;
  void (*describe)(Syntax& syntax);
};

/// All commands, in the order of the help.
std::span<const Command> commands();

/// The command that the words name; what follows them is its own. Error: usage "Unknown command …" with the nearest.
const Command* find_command(std::string_view noun, std::string_view verb);
bool is_noun(std::string_view word);
/// Whether the noun needs a verb ("run").
bool is_group(std::string_view noun);
Error unknown_command(std::string_view noun, std::string_view verb);

/// `escape` alone, and `escape run` alone.
std::string root_help();
std::string group_help(std::string_view noun);

void describe_run_build(Syntax& syntax);
void describe_run_test(Syntax& syntax);
void describe_run_deploy(Syntax& syntax);
void describe_run_smoke(Syntax& syntax);
void describe_run_destroy(Syntax& syntax);
void describe_run_package(Syntax& syntax);
void describe_run_release(Syntax& syntax);
void describe_run_promote(Syntax& syntax);
void describe_run_rollback(Syntax& syntax);
void describe_run_converge(Syntax& syntax);
void describe_plan_init(Syntax& syntax);
void describe_plan_preview(Syntax& syntax);
void describe_plan_get(Syntax& syntax);
void describe_plan_fmt(Syntax& syntax);
void describe_plan_minify(Syntax& syntax);
void describe_plan_diff(Syntax& syntax);
void describe_state_list(Syntax& syntax);
void describe_state_show(Syntax& syntax);
void describe_state_create(Syntax& syntax);
void describe_state_set(Syntax& syntax);
void describe_state_request(Syntax& syntax);
void describe_state_export(Syntax& syntax);
void describe_state_import(Syntax& syntax);
void describe_state_providers(Syntax& syntax);
void describe_state_history(Syntax& syntax);
void describe_state_diff(Syntax& syntax);
void describe_state_hold(Syntax& syntax);
void describe_state_unhold(Syntax& syntax);
void describe_inventory_query(Syntax& syntax);
void describe_jobs_list(Syntax& syntax);
void describe_jobs_show(Syntax& syntax);
void describe_jobs_attach(Syntax& syntax);
void describe_jobs_cancel(Syntax& syntax);
void describe_jobs_retry(Syntax& syntax);
void describe_jobs_resolve(Syntax& syntax);
void describe_agents_list(Syntax& syntax);
void describe_agents_invite(Syntax& syntax);
void describe_agents_remove(Syntax& syntax);
void describe_principals_list(Syntax& syntax);
void describe_principals_invite(Syntax& syntax);
void describe_principals_remove(Syntax& syntax);
void describe_environments_list(Syntax& syntax);
void describe_environments_apply(Syntax& syntax);
void describe_environments_remove(Syntax& syntax);
void describe_events(Syntax& syntax);
void describe_status(Syntax& syntax);
void describe_config_profile(Syntax& syntax);
void describe_config_active(Syntax& syntax);
void describe_config_list(Syntax& syntax);
void describe_config_set(Syntax& syntax);
void describe_config_create(Syntax& syntax);
void describe_login(Syntax& syntax);
void describe_tag(Syntax& syntax);
void describe_errands_list(Syntax& syntax);
void describe_errands_run(Syntax& syntax);
void describe_pull(Syntax& syntax);
void describe_deps_fetch(Syntax& syntax);
void describe_completion(Syntax& syntax);

}  // namespace escape::cli
