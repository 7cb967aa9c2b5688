#include <algorithm>
#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/views.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/release/release_id.h"

namespace escape::cli {
namespace {

struct QueryFlags {
  std::string project;
  std::string application;
  std::string version;
  bool tags = false;
  bool as_json = false;
};

struct TagFlags {
  std::vector<std::string> words;
  bool remove = false;
};

void print_names(Invocation& run, const std::vector<std::string>& names, bool as_json) {
  if (as_json) return print_json(run, list_of(names));
  if (names.empty()) run.console().out("Inventory returned 0 results.\n");
  for (const std::string& name : names) run.console().out(name + "\n");
}

Result<int> list_tags(Invocation& run, InventoryAccess& inventory, const release::ApplicationId& application,
                      bool as_json) {
  TRY(const std::vector<inventory::TaggedVersion> tags, inventory.tags(application));
  if (as_json) {
    Value::Object object;
    for (const inventory::TaggedVersion& each : tags) object.append(each.tag, "v" + each.version);
    print_json(run, object);
    return 0;
  }
  if (tags.empty()) run.console().out("Inventory returned 0 results.\n");
  for (const inventory::TaggedVersion& each : tags) run.console().out(each.tag + " v" + each.version + "\n");
  return 0;
}

Result<int> query(Invocation& run, const QueryFlags& flags) {
  if (flags.tags && (flags.project.empty() || flags.application.empty() || !flags.version.empty())) {
    return fail(ErrorKind::usage, "--tags needs a project and an application, and no version.",
                "escape inventory query -p quickstart -a hello-world --tags");
  }
  TRY(InventoryAccess * inventory, run.inventory(Access::read));
  if (flags.project.empty()) {
    TRY(std::vector<std::string> projects, inventory->projects());
    std::ranges::sort(projects);
    print_names(run, projects, flags.as_json);
    return 0;
  }
  if (flags.application.empty()) {
    TRY(std::vector<std::string> applications, inventory->applications(flags.project));
    std::ranges::sort(applications);
    print_names(run, applications, flags.as_json);
    return 0;
  }
  const release::ApplicationId application{flags.project, flags.application};
  if (flags.tags) return list_tags(run, *inventory, application, flags.as_json);
  if (flags.version.empty()) {
    TRY(std::vector<release::Version> versions, inventory->versions(application));
    std::ranges::sort(versions);
    std::vector<std::string> texts;
    for (const release::Version& version : versions) texts.push_back("v" + version.text());
    print_names(run, texts, flags.as_json);
    return 0;
  }
  TRY(release::VersionQuery version, release::parse_version_query(flags.version));
  TRY(const release::ReleaseRecord record, inventory->resolve({application, std::move(version)}));
  const Value metadata = codec::metadata_to_value(record.metadata);
  if (flags.as_json) {
    run.console().out(codec::to_json(metadata) + "\n");
  } else {
    print_json(run, metadata);
  }
  return 0;
}

Result<release::ApplicationId> parse_application(const std::string& text) {
  const std::size_t slash = text.find('/');
  release::ApplicationId id{"_", text};
  if (slash != std::string::npos) id = {text.substr(0, slash), text.substr(slash + 1)};
  TRYV(release::check_project_name(id.project));
  TRYV(release::check_package_name(id.name));
  return id;
}

Result<int> remove_tag(Invocation& run, const std::vector<std::string>& words) {
  if (words.size() != 2) {
    return fail(ErrorKind::usage, "Expecting --remove [APPLICATION] [TAG]",
                "escape tag --remove quickstart/hello-world stable");
  }
  TRY(const release::ApplicationId application, parse_application(words[0]));
  TRY(InventoryAccess * inventory, run.inventory(Access::write));
  TRYV(inventory->remove_tag(application, words[1]));
  return 0;
}

/// Silent, but for a tag that pointed elsewhere: whoever deploys by it gets something else from now on.
Result<int> tag(Invocation& run, const TagFlags& flags) {
  const std::vector<std::string>& words = flags.words;
  if (flags.remove) return remove_tag(run, words);
  if (words.size() != 2) {
    return fail(ErrorKind::usage, "Expecting [RELEASE_ID] [TAG]", "escape tag quickstart/hello-world-v1.0 stable");
  }
  TRY(const release::ReleaseQuery target, release::parse_release_query(words[0]));
  TRY(InventoryAccess * inventory, run.inventory(Access::write));
  TRY(const inventory::TagMove move, inventory->tag(target, words[1]));
  if (!move.from.empty() && move.from != move.to) {
    run.console().err("The tag '" + words[1] + "' of " + to_string(target.application) + " moved from v" + move.from +
                      " to v" + move.to + ".\n");
  }
  return 0;
}

}  // namespace

void describe_inventory_query(Syntax& syntax) {
  auto flags = std::make_shared<QueryFlags>();
  syntax.option("-p,--project", flags->project, "PROJECT", "Applications of this project");
  syntax.option("-a,--application", flags->application, "APPLICATION", "Versions of this application");
  syntax.option("-v,--version", flags->version, "QUERY", "Metadata of this version: latest, v0.0.@, v1.0, a tag");
  syntax.flag("--tags", flags->tags, "Tags of this application, each with its version");
  add_json(syntax, flags->as_json);
  syntax.example("escape inventory query -p quickstart -a hello-world -v latest");
  syntax.action([flags](Invocation& run) { return query(run, *flags); });
}

void describe_tag(Syntax& syntax) {
  auto flags = std::make_shared<TagFlags>();
  syntax.arguments("RELEASE_AND_TAG", flags->words,
                   "The release (also by another tag: app:stable) and the tag to put on it");
  syntax.flag("--remove", flags->remove, "Take the tag off: escape tag --remove APPLICATION TAG");
  syntax.example("escape tag quickstart/hello-world-latest stable");
  syntax.action([flags](Invocation& run) { return tag(run, *flags); });
}

}  // namespace escape::cli
