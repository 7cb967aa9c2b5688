#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/views.h"
#include "controller/cli/workspace.h"
#include "shared/codec/codec.h"
#include "shared/codec/difference.h"
#include "shared/codec/domain.h"
#include "shared/io/files.h"
#include "shared/plan/format.h"
#include "shared/plan/plan_fields.h"

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
  TRY(const std::string text, Workspace::read_plan(flags.plan));
  TRY(const Value value, plan::read_field(text, flags.plan, field));
  const std::string* scalar = value.as_string();
  if (scalar && !flags.as_json) {
    run.console().out(*scalar + "\n");
  } else {
    print_json(run, value);
  }
  return 0;
}

struct FormatFlags {
  std::string plan = "escape.yml";
  bool check = false;
};

Result<int> format(Invocation& run, const FormatFlags& flags, plan::FormatStyle style) {
  TRY(const std::string text, Workspace::read_plan(flags.plan));
  TRY(const std::string formatted, plan::format(text, flags.plan, style));
  if (flags.check) {
    if (formatted == text) return 0;
    run.console().err("'" + flags.plan + "' is not in its form.\n");
    return 1;
  }
  if (formatted != text) {
    TRYV(io::rewrite_file(flags.plan, formatted));
  }
  run.console().out(formatted);
  return 0;
}

struct DiffFlags {
  CommonFlags common;
  bool exit_code = false;
};

/// Where the releases come from, for messages.
Result<std::string> inventory_place(Invocation& run, InventoryAccess& inventory) {
  const std::string url = inventory.base_url();
  if (!url.empty()) return url;
  TRY(const Profile* profile, run.profile());
  return profile->local_inventory_base_dir;
}

Result<release::Metadata> latest_release(Invocation& run, const release::ApplicationId& application) {
  TRY(InventoryAccess * inventory, run.inventory(Access::read));
  TRY(release::VersionQuery latest, release::parse_version_query("latest"));
  Result<release::ReleaseRecord> record = inventory->resolve({application, std::move(latest)});
  if (record) return std::move(record).value().metadata;
  if (record.error().kind != ErrorKind::not_found) return fail(std::move(record).error());
  const std::string name = "\"" + to_string(application) + "\"";
  TRY(const std::string place, inventory_place(run, *inventory));
  return fail(ErrorKind::not_found,
              "Can't show differences with previous version of " + name + ", because no other version of " + name +
                  " exists in the Inventory (" + place + ")",
              "`escape run release` makes the first one.");
}

Result<int> diff(Invocation& run, const DiffFlags& flags) {
  TRY(const Workspace workspace, Workspace::open(flags.common.plan));
  TRY(const release::Metadata planned, workspace.compile(run));
  TRY(const release::Metadata latest, latest_release(run, release::application_of(planned)));
  const std::vector<std::string> lines =
      codec::metadata_differences(codec::metadata_to_value(latest), codec::metadata_to_value(planned));
  for (const std::string& line : lines) run.console().out(line + "\n");
  return flags.exit_code && !lines.empty() ? 1 : 0;
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
  add_json(syntax, flags->as_json);
  syntax.required_argument("FIELD", *field, "name, version, inputs, deploy …; lists and maps are printed as JSON");
  syntax.example("escape plan get version");
  syntax.action([flags, field](Invocation& run) { return get(run, *flags, *field); });
}

namespace {

void describe_format(Syntax& syntax, plan::FormatStyle style) {
  auto flags = std::make_shared<FormatFlags>();
  syntax.option("--plan", flags->plan, "FILE", "The plan (escape.yml)");
  syntax.flag("--check", flags->check, "Write and print nothing; exit code 1 when the plan would change");
  syntax.action([flags, style](Invocation& run) { return format(run, *flags, style); });
}

}  // namespace

void describe_plan_fmt(Syntax& syntax) {
  describe_format(syntax, plan::FormatStyle::full);
  syntax.example("escape plan fmt");
  syntax.example("escape plan fmt --check");
}

void describe_plan_minify(Syntax& syntax) {
  describe_format(syntax, plan::FormatStyle::minified);
  syntax.example("escape plan minify");
}

void describe_plan_diff(Syntax& syntax) {
  auto flags = std::make_shared<DiffFlags>();
  add_plan(syntax, flags->common);
  add_environment(syntax, flags->common);
  add_deployment(syntax, flags->common);
  syntax.flag("--exit-code", flags->exit_code, "Exit code 1 when there are differences");
  refuse_state_files(syntax);
  syntax.example("escape plan diff --exit-code");
  syntax.action([flags](Invocation& run) { return diff(run, *flags); });
}

}  // namespace escape::cli
