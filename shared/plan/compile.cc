#include <algorithm>

#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/plan/package_files.h"
#include "shared/plan/plan.h"
#include "shared/plan/stages.h"
#include "shared/release/expression.h"
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
Result<std::string> read_version(const Plan& plan, const CompileOptions& options) {
  std::string text(trimmed(options.override_version.empty() ? plan.version : options.override_version));
  if (text == "auto") text = "@";
  if (release::is_expression(text)) {
    return fail(ErrorKind::refused,
                "The expression '" + text +
                    "' in version field is not supported by this version of "
                    "Escape yet",
                "Write the version itself, or 0.0.@ for the next free one.");
  }
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
  TRY(auto asked_version, read_version(plan, options));
  metadata.name = application.name;
  metadata.project = application.project;
  metadata.built_with_core_version = metadata.built_with_escape_version = options.tool_version;
  metadata.description = plan.description;
  metadata.license = plan.license;
  metadata.metadata = plan.metadata;
  metadata.inputs = plan.inputs;
  metadata.outputs = plan.outputs;
  metadata.idempotent = plan.idempotent;
  add_git(options.git, metadata);

  PackageFiles package(files);
  for (const auto& [name, written] : plan.stages) {
    TRY(auto stage, compile_stage(name, written, plan, files, package));
    if (!stage.empty()) metadata.stages.emplace(name, std::move(stage));
  }
  TRYV(add_files(plan, package));
  metadata.files = package.take();
  metadata.generates = plan.generates;
  TRY(metadata.logo, read_logo(plan, files));
  // Last, so that a plan with a mistake never asks the inventory.
  TRY(metadata.version, resolve_version(application, asked_version, options));
  TRYV(release::check_metadata(metadata));
  return metadata;
}

}  // namespace escape::plan
