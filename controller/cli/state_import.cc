#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

/// Far above what one message to a controller carries.
constexpr std::uint64_t max_state_file = 64 << 20;

struct ImportFlags : CommonFlags {
  std::string file;
  bool dry_run = false;
  bool replace = false;
};

/// The file, or what of it is about one environment: a large one may come in parts.
Result<Value> read_state(const ImportFlags& flags) {
  TRY(const std::string text, io::read_file(flags.file, max_state_file));
  Result<Value> state = codec::from_json(text);
  if (!state) return fail(std::move(state).error().in(flags.file));
  if (flags.environment.empty()) return state;
  Value::Object* project = state.value().as_object();
  const Value* environments = project ? project->find("environments") : nullptr;
  const Value* one =
      environments && environments->as_object() ? environments->as_object()->find(flags.environment) : nullptr;
  if (!one) {
    return fail(ErrorKind::not_found, "There is no environment '" + flags.environment + "' in '" + flags.file + "'.");
  }
  project->set("environments", Value::Object{{flags.environment, Value(*one)}});
  return state;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void tell(Invocation& run, const protocol::reply::Imported& imported) {
  Table table({"ENVIRONMENT", "DEPLOYMENT", "RELEASE", "STATUS", "BELOW"});
  std::size_t below = 0, replaced = 0;
  for (const protocol::reply::Imported::Item& item : imported.deployments) {
    table.add({item.environment, item.deployment, item.release, item.status, std::to_string(item.below)});
    below += static_cast<std::size_t>(item.below);
    replaced += item.replaces ? 1 : 0;
  }
  Console& console = run.console();
  if (!table.empty()) console.out(table.text());
  for (const std::string& remark : imported.remarks) console.err(remark + "\n");
  if (!imported.unknown_releases.empty()) {
    console.err("Not in the inventory, so their digests are not known: " + join(imported.unknown_releases, ", ") +
                ".\nSmoke tests, destroying, errands and promotion need them there, under these versions; until then "
                "all values of their deployments are shown as ********.\n");
  }
  std::string sentence = imported.dry_run ? "Would import " : "Imported ";
  sentence += counted(imported.deployments.size(), "deployment");
  if (below != 0)
    sentence += " with " + std::to_string(below) + " below " + (imported.deployments.size() == 1 ? "it" : "them");
  if (replaced != 0) sentence += ", " + std::to_string(replaced) + " in the place of what is there";
  console.err(sentence + (imported.dry_run ? "; nothing was changed.\n" : ".\n"));
}

Result<int> import(Invocation& run, const ImportFlags& flags) {
  if (!flags.environment.empty()) {
    TRYV(check_environment(flags.environment));
  }
  TRY(Value state, read_state(flags));
  TRY(Link * link, run.link(flags.dry_run ? Access::read : Access::write));
  TRY(const protocol::reply::Imported imported,
      ask<protocol::reply::Imported>(
          *link, protocol::request::ImportState{std::move(state), flags.environment, flags.dry_run, flags.replace}));
  if (flags.as_json) {
    print_json(run, to_json_view(imported));
  } else {
    tell(run, imported);
  }
  return 0;
}

}  // namespace

void describe_state_import(Syntax& syntax) {
  auto flags = std::make_shared<ImportFlags>();
  flags->environment.clear();
  add_environment(syntax, *flags);
  refuse_state_files(syntax);
  syntax.flag("--dry-run", flags->dry_run, "Only show what would be imported");
  syntax.flag("--replace", flags->replace, "Deployments that are there already become what the file says");
  add_json(syntax, flags->as_json);
  syntax.required_argument("FILE", flags->file, "A state file of the original, or what `escape state export` wrote");
  syntax.example("escape state import escape_state.json -e prod --dry-run");
  syntax.action([flags](Invocation& run) { return import(run, *flags); });
}

}  // namespace escape::cli
