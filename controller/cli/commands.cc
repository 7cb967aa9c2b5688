#include "controller/cli/commands.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"

namespace escape::cli {
namespace {

constexpr std::array all_commands{
    Command{"run", "build", "Run the build steps of the plan in this folder", describe_run_build},
    Command{"run", "test", "Run the tests of what was built", describe_run_test},
    Command{"run", "package", "Put the files of the plan in a package", describe_run_package},
    Command{"run", "release", "Build, test, try, package and publish a release", describe_run_release},
    Command{"run", "deploy", "Deploy a release, or the plan in this folder", describe_run_deploy},
    Command{"run", "promote", "Deploy in one environment what another one runs", describe_run_promote},
    Command{"run", "rollback", "Bring back the release and inputs that ran well before", describe_run_rollback},
    Command{"run", "converge", "Bring an environment to the state that is wanted", describe_run_converge},
    Command{"run", "smoke", "Run the smoke tests of a deployment", describe_run_smoke},
    Command{"run", "destroy", "Destroy a deployment", describe_run_destroy},
    Command{"status", "", "What runs where: deployments down, environments across", describe_status},
    Command{"plan", "init", "Write a first plan", describe_plan_init},
    Command{"plan", "preview", "Print the release metadata that the plan compiles to", describe_plan_preview},
    Command{"plan", "get", "Print one field of the plan", describe_plan_get},
    Command{"plan", "fmt", "Write the plan in one form, comments kept, and print it", describe_plan_fmt},
    Command{"plan", "minify", "Write the plan without comments and empty fields, and print it", describe_plan_minify},
    Command{"plan", "diff", "Compare the plan with the latest release", describe_plan_diff},
    Command{"state", "list-deployments", "Names of the deployments of an environment", describe_state_list},
    Command{"state", "show-deployment", "One deployment, as JSON", describe_state_show},
    Command{"state", "create", "Say which release a deployment should have, without running anything",
            describe_state_create},
    Command{"state", "set", "Say that a deployment should have another release or other inputs", describe_state_set},
    Command{"state", "request", "Ask for a deploy, smoke test or destruction by the next converge",
            describe_state_request},
    Command{"state", "export", "The whole state in the original's JSON", describe_state_export},
    Command{"state", "import", "Take over a state file of the original", describe_state_import},
    Command{"state", "show-providers", "Providers of an environment", describe_state_providers},
    Command{"state", "history", "What a deployment was, newest first", describe_state_history},
    Command{"state", "diff", "What two environments run, compared", describe_state_diff},
    Command{"state", "hold", "Keep promotions and converge away from a deployment", describe_state_hold},
    Command{"state", "unhold", "Lift a hold", describe_state_unhold},
    Command{"inventory", "query", "Projects, applications, versions and releases", describe_inventory_query},
    Command{"pull", "", "Unpack releases below ./deps, with all that they need", describe_pull},
    Command{"deps", "fetch", "The same for what the plan depends on and extends", describe_deps_fetch},
    Command{"tag", "", "Put a tag on a release, or take it off", describe_tag},
    Command{"jobs", "list", "What was asked for, newest first", describe_jobs_list},
    Command{"jobs", "show", "One job and its tasks", describe_jobs_show},
    Command{"jobs", "attach", "Follow the output of a job", describe_jobs_attach},
    Command{"jobs", "cancel", "Stop a job", describe_jobs_cancel},
    Command{"jobs", "retry", "Run again what did not end well: same release, inputs and environment",
            describe_jobs_retry},
    Command{"jobs", "resolve", "Settle a job by hand whose agent will not come back", describe_jobs_resolve},
    Command{"agents", "list", "The hosts and how they are", describe_agents_list},
    Command{"agents", "invite", "Make a one-time token for a new host", describe_agents_invite},
    Command{"agents", "remove", "Take a host's key away", describe_agents_remove},
    Command{"principals", "list", "Who may do what", describe_principals_list},
    Command{"principals", "invite", "Make a one-time token for a person", describe_principals_invite},
    Command{"principals", "remove", "Take a person's key away", describe_principals_remove},
    Command{"environments", "list", "The environments", describe_environments_list},
    Command{"environments", "apply", "Say what an environment should hold, from a file", describe_environments_apply},
    Command{"environments", "remove", "Remove an environment that holds nothing", describe_environments_remove},
    Command{"events", "", "What has changed, and with --follow what changes", describe_events},
    Command{"config", "profile", "The fields of the profile", describe_config_profile},
    Command{"config", "active-profile", "The name of the profile in use", describe_config_active},
    Command{"config", "list-profiles", "The names of all profiles", describe_config_list},
    Command{"config", "set-profile", "Use another profile from now on", describe_config_set},
    Command{"config", "create-profile", "Make a profile", describe_config_create},
    Command{"login", "", "Enrol at a controller with a token, or log in to an inventory", describe_login},
    Command{"completion", "", "Print the completion script of a shell", describe_completion},
    Command{"errands", "list", "Errands of a deployment", describe_errands_list},
    Command{"errands", "run", "Run an errand of a deployment", describe_errands_run},
};

std::vector<std::string> nouns() {
  std::vector<std::string> names;
  for (const Command& command : all_commands) {
    if (std::ranges::find(names, command.noun) == names.end()) names.emplace_back(command.noun);
  }
  names.insert(names.end(), {"version", "help"});
  return names;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string line(text);
  line.resize(std::max(width, text.size()), ' ');
  return line;
}

constexpr std::string_view global_flags =
    "Global flags:\n"
    "  -c, --config FILE        configuration file ($XDG_CONFIG_HOME/escape/config.yml, else ~/.escape_config)\n"
    "      --profile NAME       use this profile for this command\n"
    "  -l, --level LEVEL        debug, success, info, warn or error (default info)\n"
    "      --logger FORMAT      default, or json: one object per line on stderr\n"
    "      --collapse-logs      on a terminal, overwrite lines that are done with (default true)\n"
    "      --timeout DURATION   give up waiting after this long; agents go on with a job\n"
    "  -h, --help               help of any command\n";

}  // namespace

std::span<const Command> commands() { return all_commands; }

const Command* find_command(std::string_view noun, std::string_view verb) {
  const auto found =
      std::ranges::find_if(all_commands, [&](const Command& c) { return c.noun == noun && c.verb == verb; });
  return found == all_commands.end() ? nullptr : &*found;
}

bool is_noun(std::string_view word) {
  return std::ranges::any_of(all_commands, [&](const Command& c) { return c.noun == word; });
}

bool is_group(std::string_view noun) {
  return std::ranges::any_of(all_commands, [&](const Command& c) { return c.noun == noun && !c.verb.empty(); });
}

Error unknown_command(std::string_view noun, std::string_view verb) {
  const std::string word(is_noun(noun) ? verb : noun);
  std::vector<std::string> known = nouns();
  std::string see = "`escape help` lists the commands.";
  if (is_noun(noun)) {
    known.clear();
    for (const Command& command : all_commands) {
      if (command.noun == noun) known.emplace_back(command.verb);
    }
    see = "`escape " + std::string(noun) + "` lists its commands.";
  }
  const std::string near = nearest(word, known);
  const std::string prefix = is_noun(noun) ? "escape " + std::string(noun) + " " : "escape ";
  return {ErrorKind::usage,
          "Unknown command '" + word + "'",
          near.empty() ? see : "Did you mean `" + prefix + near + "`? " + see,
          {}};
}

std::string root_help() {
  std::string text =
      "Escape deploys immutable packages to environments.\n\nUsage: escape COMMAND [flags]\n\nCommands:\n";
  for (const Command& command : all_commands) {
    std::string name(command.noun);
    if (!command.verb.empty()) name += " " + std::string(command.verb);
    text += "  " + padded(name, 25) + std::string(command.summary) + "\n";
  }
  text += "  " + padded("version", 25) + "Print the version\n";
  text += "  " + padded("help [COMMAND]", 25) + "Help of a command\n\n";
  return text + std::string(global_flags);
}

std::string group_help(std::string_view noun) {
  std::string text = "Usage: escape " + std::string(noun) + " COMMAND [flags]\n\nCommands:\n";
  for (const Command& command : all_commands) {
    if (command.noun == noun) text += "  " + padded(command.verb, 18) + std::string(command.summary) + "\n";
  }
  return text + "\n`escape " + std::string(noun) + " COMMAND --help` tells more.\n";
}

}  // namespace escape::cli
