#include "controller/cli/common_flags.h"

#include <charconv>

#include "controller/cli/invocation.h"
#include "shared/release/release_id.h"

namespace escape::cli {

void add_plan(Syntax& syntax, CommonFlags& flags) {
  syntax.option("--plan", flags.plan, "FILE", "The plan (escape.yml)");
}

void add_environment(Syntax& syntax, CommonFlags& flags) {
  syntax.option("-e,--environment", flags.environment, "ENVIRONMENT",
                flags.environment.empty() ? "The environment" : "The environment (" + flags.environment + ")");
}

void add_deployment(Syntax& syntax, CommonFlags& flags) {
  syntax.option("-d,--deployment", flags.deployment, "DEPLOYMENT",
                "Name of the deployment (the package's project/name)");
}

void add_values(Syntax& syntax, CommonFlags& flags) {
  syntax.repeated("-v,--extra-vars", flags.values, "VALUE",
                  "Input: k=v, k=@FILE, k=@@text, @FILE.json, @FILE.yml; repeat");
  syntax.repeated("-p,--extra-providers", flags.providers, "VALUE",
                  "Provider of a consumer: variable=DEPLOYMENT, =@FILE, @FILE.json; repeat");
}

void add_step_timeout(Syntax& syntax, CommonFlags& flags) {
  syntax.option("--step-timeout", flags.step_timeout, "DURATION", "Stop a step that takes longer (1h30m, 90s)");
}

void add_json(Syntax& syntax, bool& to) { syntax.flag("--json", to, "JSON on stdout"); }

void refuse_state_files(Syntax& syntax) {
  const std::string_view where = "State lives at the controller, or in .escape/state of the workspace.";
  syntax.refused("-s,--state", "There are no state files any more: --state is refused.",
                 std::string(where) + " `escape state export` writes the original's file.");
  syntax.refused("--use-profile-state", "There are no state files any more: --use-profile-state is refused.", where,
                 false);
  syntax.refused("-r,--remote-state", "The original's remote state service is gone: --remote-state is refused.",
                 "Use a controller: escape login --token TOKEN");
}

Result<> check_environment(const std::string& name) {
  if (name.empty()) return fail(ErrorKind::usage, "Missing 'environment'", "Name it with -e.");
  if (Result<> checked = release::check_environment_name(name); !checked) {
    return fail(ErrorKind::usage, checked.error().message);
  }
  return ok();
}

Result<std::uint64_t> number_of(const std::string& text, std::string_view what) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return fail(ErrorKind::usage, "'" + text + "' is not " + std::string(what) + ".");
}

Result<Millis> duration_of_flag(std::string_view flag, const std::string& text) {
  Result<Millis> duration = parse_duration(text);
  if (duration) return duration;
  return fail(ErrorKind::usage, std::string(flag) + ": " + duration.error().message, duration.error().hint);
}

Result<Millis> step_limit(const CommonFlags& flags) {
  if (flags.step_timeout.empty()) return Millis{0};
  return duration_of_flag("--step-timeout", flags.step_timeout);
}

void add_global_flags(Syntax& syntax, GlobalFlags& globals) {
  syntax.option("-c,--config", globals.config_file, "FILE", "Configuration file");
  syntax.option("--profile", globals.profile, "PROFILE", "Use this profile for this command");
  syntax.option("-l,--level", globals.level, "debug|success|info|warn|error", "Least important message to show (info)");
  syntax.option("--logger", globals.logger, "default|json", "json: one object per line on stderr");
  syntax.flag("--collapse-logs", globals.collapse_logs, "On a terminal, overwrite lines that are done with");
  syntax.option("--timeout", globals.timeout, "DURATION", "Give up waiting after this long; agents go on with a job");
}

}  // namespace escape::cli
