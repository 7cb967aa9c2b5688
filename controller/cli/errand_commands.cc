#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/values.h"
#include "controller/cli/views.h"
#include "controller/cli/workspace.h"
#include "shared/codec/domain.h"

/// Errands of a deployment, or (`--local`) of the plan in this folder (spec/lifecycle.md §11, §12).
namespace escape::cli {
namespace {

struct ErrandFlags : CommonFlags {
  std::string errand;
  bool is_local = false;
};

Error no_deployment() {
  return {
      ErrorKind::usage, "Missing deployment name", "Name it with -d, or use --local for the plan in this folder.", {}};
}

const std::string* text_of(const Value& object, std::string_view member) {
  const Value* value = object.as_object() ? object.as_object()->find(member) : nullptr;
  return value ? value->as_string() : nullptr;
}

/// Name → the errand as in release.json.
Result<Value::Object> errands_of(Invocation& run, const ErrandFlags& flags) {
  if (!flags.is_local) {
    if (flags.deployment.empty()) return fail(no_deployment());
    TRYV(check_environment(flags.environment));
    TRY(Link * link, run.link(Access::read));
    TRY(protocol::reply::Errands found,
        ask<protocol::reply::Errands>(*link, protocol::request::ListErrands{flags.environment, flags.deployment}));
    return std::move(found.errands);
  }
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  TRY(const release::Metadata metadata, workspace.compile(run));
  const Value whole = codec::metadata_to_value(metadata);
  const Value* errands = whole.as_object()->find("errands");
  return errands && errands->as_object() ? *errands->as_object() : Value::Object();
}

std::string shown(const std::string& name, const Value& errand) {
  const std::string* description = text_of(errand, "description");
  std::string text = "- " + name + "\n\n  ";
  text += description && !description->empty() ? *description : "No description given.";
  text += "\n\n";
  const Value* inputs = errand.as_object() ? errand.as_object()->find("inputs") : nullptr;
  if (!inputs || !inputs->as_list()) return text;
  for (const Value& input : *inputs->as_list()) {
    const std::string* id = text_of(input, "id");
    const std::string* what = text_of(input, "description");
    text += "  * " + (id ? *id : std::string()) + (what && !what->empty() ? ": " + *what : std::string()) + "\n\n";
  }
  return text;
}

Result<int> list(Invocation& run, const ErrandFlags& flags) {
  TRY(const Value::Object errands, errands_of(run, flags));
  if (flags.as_json) {
    print_json(run, errands);
    return 0;
  }
  run.console().out("Errands:\n");
  for (const auto& [name, errand] : errands.sorted()) run.console().out(shown(name, errand));
  return 0;
}

Result<int> run_errand(Invocation& run, const ErrandFlags& flags) {
  TRYV(check_environment(flags.environment));
  protocol::request::Submit submit;
  submit.kind = protocol::JobKind::errand;
  submit.environment = flags.environment;
  submit.deployment = flags.deployment;
  submit.errand = flags.errand;
  TRY(submit.inputs, parse_values(flags.values));
  TRY(submit.step_time_limit, step_limit(flags));
  if (flags.is_local) {
    TRYV(run.need_full_program());
    TRY(const Workspace workspace, Workspace::open(flags.plan));
    TRY(const release::Metadata metadata, workspace.compile(run));
    submit.workspace = workspace.folder();
    submit.metadata = codec::metadata_to_value(metadata);
    submit.release = release_text(metadata);
  } else if (flags.deployment.empty()) {
    return fail(no_deployment());
  }
  return run_job(run, std::move(submit));
}

std::shared_ptr<ErrandFlags> common(Syntax& syntax) {
  auto flags = std::make_shared<ErrandFlags>();
  add_environment(syntax, *flags);
  add_deployment(syntax, *flags);
  add_plan(syntax, *flags);
  syntax.flag("--local", flags->is_local, "The errands of the plan in this folder");
  refuse_state_files(syntax);
  return flags;
}

}  // namespace

void describe_errands_list(Syntax& syntax) {
  auto flags = common(syntax);
  add_json(syntax, flags->as_json);
  syntax.example("escape errands list -d quickstart/hello-world -e stage");
  syntax.action([flags](Invocation& run) { return list(run, *flags); });
}

void describe_errands_run(Syntax& syntax) {
  auto flags = common(syntax);
  add_values(syntax, *flags);
  add_step_timeout(syntax, *flags);
  syntax.required_argument("NAME", flags->errand, "The errand");
  syntax.example("escape errands run backup -d quickstart/hello-world -e stage -v to=tape");
  syntax.action([flags](Invocation& run) { return run_errand(run, *flags); });
}

}  // namespace escape::cli
