#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/workspace.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

struct InitFlags {
  std::string name;
  std::string output = "escape.yml";
  bool force = false;
  bool minify = false;
};

Result<int> init(const InitFlags& flags) {
  if (flags.name.empty()) return fail(ErrorKind::usage, "Missing 'name' parameter", "escape plan init -n PROJECT/NAME");
  const std::size_t slash = flags.name.find('/');
  if (slash != std::string::npos) {
    TRYV(release::check_project_name(flags.name.substr(0, slash)));
  }
  TRYV(release::check_package_name(slash == std::string::npos ? flags.name : flags.name.substr(slash + 1)));
  if (io::exists(flags.output) && !flags.force) {
    return fail(ErrorKind::conflict, "'" + flags.output + "' already exists. Use --force / -f to overwrite.");
  }
  TRYV(io::write_file(flags.output, plan::initial_plan(flags.name, flags.minify)));
  return 0;
}

Result<int> preview(Invocation& run, const CommonFlags& flags) {
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  TRY(const release::Metadata metadata, workspace.compile(run));
  run.console().out(codec::to_json(codec::metadata_to_value(metadata), codec::JsonStyle::indented) + "\n");
  return 0;
}

Result<int> get(Invocation& run, const CommonFlags& flags, const std::string& field) {
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  const plan::Plan& plan = workspace.plan();
  const std::map<std::string, std::string> fields{{"name", plan.name},
                                                  {"version", plan.version},
                                                  {"description", plan.description},
                                                  {"license", plan.license},
                                                  {"logo", plan.logo}};
  auto found = fields.find(field);
  if (found == fields.end()) {
    return fail(ErrorKind::usage, "This field is currently unsupported by this command.",
                "The fields are name, version, description, license and logo.");
  }
  run.console().out(found->second + "\n");
  return 0;
}

void describe_as_later(Syntax& syntax, std::string what) {
  auto flags = std::make_shared<CommonFlags>();
  add_plan(syntax, *flags);
  syntax.action([flags, what](Invocation&) -> Result<int> {
    return fail(ErrorKind::refused, "`escape plan " + what + "` comes with a later version of Escape.");
  });
}

}  // namespace

void describe_plan_init(Syntax& syntax) {
  auto flags = std::make_shared<InitFlags>();
  syntax.option("-n,--name", flags->name, "PROJECT/NAME", "Name of the package");
  syntax.option("-o,--output", flags->output, "FILE", "Where to write it (escape.yml)");
  syntax.flag("-f,--force", flags->force, "Overwrite the file");
  syntax.flag("-m,--minify", flags->minify, "Only what is needed");
  syntax.example("escape plan init -n quickstart/hello-world");
  syntax.action([flags](Invocation&) { return init(*flags); });
}

void describe_plan_preview(Syntax& syntax) {
  auto flags = std::make_shared<CommonFlags>();
  add_plan(syntax, *flags);
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  refuse_state_files(syntax);
  syntax.action([flags](Invocation& run) { return preview(run, *flags); });
}

void describe_plan_get(Syntax& syntax) {
  auto flags = std::make_shared<CommonFlags>();
  auto field = std::make_shared<std::string>();
  add_plan(syntax, *flags);
  syntax.required_argument("FIELD", *field, "name, version, description, license or logo");
  syntax.action([flags, field](Invocation& run) { return get(run, *flags, *field); });
}

void describe_plan_fmt(Syntax& syntax) { describe_as_later(syntax, "fmt"); }
void describe_plan_minify(Syntax& syntax) { describe_as_later(syntax, "minify"); }
void describe_plan_diff(Syntax& syntax) { describe_as_later(syntax, "diff"); }

void describe_later(Syntax& syntax) {
  auto ignored = std::make_shared<std::vector<std::string>>();
  syntax.arguments("ARGUMENTS", *ignored, "");
  syntax.action([ignored](Invocation&) -> Result<int> {
    return fail(ErrorKind::refused, "This command comes with a later version of Escape.",
                "`escape help` lists what there is.");
  });
}

}  // namespace escape::cli
