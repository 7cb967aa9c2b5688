#include <memory>

#include "controller/cli/apply_file.h"
#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

struct EnvironmentFlags {
  std::string name;
  std::string file;
  bool as_json = false;
};

Result<int> list(Invocation& run, const EnvironmentFlags& flags) {
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Environments all,
      ask<protocol::reply::Environments>(*link, protocol::request::ListEnvironments{}));
  if (flags.as_json) {
    print_json(run, list_of(all.environments));
    return 0;
  }
  Table table({"ENVIRONMENT", "DEPLOYMENTS", "AGENTS", "ONLINE", "PROTECTED", "CONVERGE"});
  for (const protocol::reply::EnvironmentView& environment : all.environments) {
    table.add({environment.name, std::to_string(environment.deployments), std::to_string(environment.agents),
               std::to_string(environment.agents_online), environment.is_protected ? "yes" : "no",
               environment.converge.is_automatic ? "automatic, every " + to_short_text(environment.converge.every)
                                                 : "manual"});
  }
  run.console().out(
      table.empty() ? "There are no environments yet: the first deployment or `escape environments apply` makes one.\n"
                    : table.text());
  return 0;
}

Result<int> apply(Invocation& run, const EnvironmentFlags& flags) {
  if (flags.file.empty()) return fail(ErrorKind::usage, "Missing file.", "escape environments apply -f stage.yml");
  TRY(const std::string text, io::read_file(flags.file, 4 << 20));
  TRY(protocol::request::ApplyEnvironment wanted, parse_apply_file(text, flags.file, flags.name));
  const std::string environment = wanted.environment;
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done, ask<protocol::reply::Done>(*link, std::move(wanted)));
  run.console().err((done.text.empty() ? "The environment " + environment + " is described." : done.text) + "\n");
  return 0;
}

Result<int> remove(Invocation& run, const EnvironmentFlags& flags) {
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done,
      ask<protocol::reply::Done>(*link, protocol::request::RemoveEnvironment{flags.name}));
  run.console().err((done.text.empty() ? "The environment " + flags.name + " was removed." : done.text) + "\n");
  return 0;
}

}  // namespace

void describe_environments_list(Syntax& syntax) {
  auto flags = std::make_shared<EnvironmentFlags>();
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return list(run, *flags); });
}

void describe_environments_apply(Syntax& syntax) {
  auto flags = std::make_shared<EnvironmentFlags>();
  syntax.option("-f,--file", flags->file, "FILE", "What it should hold");
  syntax.option("-e,--environment", flags->name, "ENVIRONMENT", "Which one, when the file doesn't say");
  syntax.example("escape environments apply -f stage.yml");
  syntax.action([flags](Invocation& run) { return apply(run, *flags); });
}

void describe_environments_remove(Syntax& syntax) {
  auto flags = std::make_shared<EnvironmentFlags>();
  syntax.required_argument("ENVIRONMENT", flags->name, "The environment");
  syntax.action([flags](Invocation& run) { return remove(run, *flags); });
}

}  // namespace escape::cli
