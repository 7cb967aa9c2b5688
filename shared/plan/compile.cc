#include <algorithm>
#include <array>

#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/plan/context.h"
#include "shared/plan/expressions.h"
#include "shared/plan/package_files.h"
#include "shared/plan/plan.h"
#include "shared/plan/relations.h"
#include "shared/plan/stages.h"
#include "shared/release/version.h"

namespace escape::plan {
namespace {

using release::ApplicationId;
using release::Metadata;

/// A logo travels inside of every copy of the metadata.
constexpr std::size_t max_logo_bytes = 1 << 20;

Result<ApplicationId> read_name(const Plan& plan) {
  const std::size_t slash = plan.name.find('/');
  ApplicationId id{"_", plan.name};
  if (slash != std::string::npos) id = {plan.name.substr(0, slash), plan.name.substr(slash + 1)};
  if (id.project.empty()) id.project = "_";
  if (id.name.empty()) {
    return fail(ErrorKind::bad_data, "Missing build name. Add a 'name' field to your Escape plan");
  }
  TRYV(release::check_project_name(id.project));
  TRYV(release::check_package_name(id.name));
  return id;
}

/// The version as asked for: exact, or a prefix and `@`.
Result<std::string> read_version(const Plan& plan, const CompileOptions& options, const script::Context& context) {
  const std::string& written = options.override_version.empty() ? plan.version : options.override_version;
  TRY(const auto value, evaluate_field(trimmed(written), "version field", context));
  std::string text(trimmed(value));
  if (text == "auto") text = "@";
  std::string_view number = text;
  if (number.ends_with(".@")) number.remove_suffix(2);
  if (text == "@" || release::Version::parse(number)) return text;
  const std::string hint =
      text == "latest" ? "'latest' is where the newest release is found, not a version of its own. " : std::string();
  return fail(ErrorKind::bad_data, "Invalid version string '" + text + "'.",
              hint + "Write numbers and dots such as 1.0, or 0.0.@ for the next free version.");
}

Result<std::string> resolve_version(const ApplicationId& application, const std::string& asked,
                                    const CompileOptions& options) {
  if (!asked.ends_with('@')) return asked;
  if (!options.next_version) {
    return fail(ErrorKind::bad_data, "The version '" + asked + "' needs an inventory to find the next free one.");
  }
  TRY(auto next, options.next_version(application, asked.substr(0, asked.size() - 1)));
  if (!release::Version::parse(next)) {
    return fail(ErrorKind::bad_data, "The inventory gave '" + next + "' as the next version, which is not a version.");
  }
  return next;
}

/// Base64 with padding, which is what readers of the metadata expect.
std::string to_base64(std::string_view bytes) {
  std::string text = to_base64url(bytes);
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return text;
}

Result<std::string> read_logo(const Plan& plan, Files& files) {
  if (plan.logo.empty()) return std::string();
  TRY(auto path, clean_path(plan.logo));
  if (!files.exists(path) || files.is_folder(path)) {
    return fail(ErrorKind::bad_data, "Referenced logo '" + plan.logo + "' does not exist");
  }
  TRY(auto image, files.read(path, max_logo_bytes));
  return to_base64(image);
}

Result<> add_files(const Plan& plan, PackageFiles& package) {
  for (const std::string& pattern : plan.includes) {
    TRYV(package.add_matches(pattern));
  }
  for (const std::string& pattern : plan.generates) {
    TRYV(package.add_matches(pattern));
  }
  return ok();
}

Result<> add_stages(const Plan& plan, Files& files, PackageFiles& package, Metadata& metadata) {
  for (const auto& [name, written] : plan.stages) {
    TRY(auto stage, compile_stage(name, written, plan, files, package));
    if (!stage.empty()) metadata.stages[name] = std::move(stage);
  }
  return ok();
}

Result<> add_errands(const Plan& plan, Files& files, PackageFiles& package, Metadata& metadata) {
  for (const auto& [name, planned] : plan.errands) {
    const std::string& script = planned.run.stage.script;
    if (planned.must_exist && !files.exists(script)) {
      return fail(ErrorKind::bad_data, "File '" + script + "' was referenced in the escape plan, but it doesn't exist",
                  "It is the script of errand '" + name + "'.");
    }
    release::Errand errand{.name = name, .description = planned.description, .inputs = planned.inputs};
    TRY(errand.run, compile_stage("run of errand '" + name + "'", planned.run, plan, files, package));
    metadata.errands[name] = std::move(errand);
  }
  return ok();
}

/// A template sees these without being told.
constexpr std::array<std::string_view, 10> template_keys{
    "branch", "description", "logo",       "name",    "revision",
    "id",     "version",     "repository", "release", "versionless_release"};

bool covers(const release::Variable& input, const std::vector<std::string>& scopes) {
  return std::ranges::all_of(
      scopes, [&](const std::string& scope) { return std::ranges::find(input.scopes, scope) != input.scopes.end(); });
}

/// Its source need not be there yet: a build may make it.
Result<> add_templates(const Plan& plan, Files& files, PackageFiles& package, Metadata& metadata) {
  for (release::Template item : plan.templates) {
    TRY(const auto path, clean_path(item.file));
    if (files.exists(path) && !files.is_folder(path)) {
      TRYV(package.add(path));
    }
    const auto add = [&](const std::string& key, std::string value) {
      if (!item.mapping.contains(key)) item.mapping.append(key, std::move(value));
    };
    for (const release::Variable& input : metadata.inputs) {
      if (covers(input, item.scopes)) add(input.id, "$this.inputs." + input.id);
    }
    for (const std::string_view key : template_keys) add(std::string(key), "$this." + std::string(key));
    metadata.templates.push_back(std::move(item));
  }
  return ok();
}

/// What expressions see while compiling: the dependencies and extensions, and what is known of the release itself.
Value::Object globals_with(const Value::Object& others, const Metadata& metadata) {
  Value::Object globals = others;
  Value::Object self = release_context(metadata);
  self.set("project", metadata.project);
  globals.set("this", std::move(self));
  return globals;
}

/// Last but for the checks, so that it may speak of the version.
Result<> add_metadata(const Plan& plan, const Value::Object& others, script::Context context, Metadata& metadata) {
  Metadata literal = metadata;
  for (const auto& [key, text] : plan.metadata) {
    if (!script::is_expression(text)) literal.metadata[key] = text;
  }
  const Value::Object globals = globals_with(others, literal);
  context.globals = &globals;
  for (const auto& [key, text] : plan.metadata) {
    TRY(metadata.metadata[key], evaluate_field(text, "metadata field '" + key + "'", context));
  }
  return ok();
}

void add_git(const GitFacts& git, Metadata& metadata) {
  metadata.git_revision = git.revision;
  metadata.branch = git.branch;
  metadata.repository = strip_credentials(git.repository);
  metadata.revision_message = git.message;
  metadata.revision_author = git.author;
}

}  // namespace

std::string strip_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t host = scheme + 3;
  const std::string_view authority = url.substr(host, url.find_first_of("/?#", host) - host);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  const std::string_view user = authority.substr(0, std::min(authority.find(':'), at));
  // Over HTTP a user alone is as often a token; over SSH it is the account of the server and needed.
  const bool keeps_user = url.starts_with("ssh://") || url.starts_with("git+ssh://");
  const std::string kept = keeps_user ? std::string(user) + "@" : std::string();
  return std::string(url.substr(0, host)) + kept + std::string(url.substr(host + at + 1));
}

Result<Metadata> compile(const Plan& plan, Files& files, const CompileOptions& options) {
  Metadata metadata;
  TRY(auto application, read_name(plan));
  metadata.name = application.name;
  metadata.project = application.project;
  metadata.built_with_core_version = metadata.built_with_escape_version = options.tool_version;
  metadata.description = plan.description;
  metadata.license = plan.license;
  metadata.idempotent = plan.idempotent;
  metadata.skip_unchanged = plan.skip_unchanged;
  metadata.consumes = plan.consumes;
  metadata.provides = plan.provides;
  add_git(options.git, metadata);

  PackageFiles package(files);
  PlanHost host(files);
  Value::Object others;
  std::vector<std::string> propagating;
  TRYV(add_extensions(plan, options, package, metadata, others));
  TRYV(add_dependencies(plan, options, metadata, others, propagating));
  const Value::Object globals = globals_with(others, metadata);
  const script::Context context{&globals, &host, options.now_seconds};
  TRY(auto asked_version, read_version(plan, options, context));
  TRYV(add_stages(plan, files, package, metadata));
  declare(plan.inputs, true, metadata.inputs);
  declare(plan.outputs, false, metadata.outputs);
  map_inputs(propagating, metadata);
  TRYV(add_errands(plan, files, package, metadata));
  TRYV(add_templates(plan, files, package, metadata));
  metadata.downloads = plan.downloads;
  TRYV(add_files(plan, package));
  metadata.files = package.take();
  metadata.generates = plan.generates;
  TRY(metadata.logo, read_logo(plan, files));
  // Last, so that a plan with a mistake never asks the inventory for a version.
  TRY(metadata.version, resolve_version(application, asked_version, options));
  TRYV(add_metadata(plan, others, context, metadata));
  TRYV(release::check_metadata(metadata));
  return metadata;
}

}  // namespace escape::plan
