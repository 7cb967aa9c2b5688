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
  bool as_json = false;
};

void print_names(Invocation& run, const std::vector<std::string>& names, bool as_json) {
  if (as_json) return print_json(run, list_of(names));
  if (names.empty()) run.console().out("Inventory returned 0 results.\n");
  for (const std::string& name : names) run.console().out(name + "\n");
}

Result<int> query(Invocation& run, const QueryFlags& flags) {
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

Result<int> tag(Invocation& run, const std::vector<std::string>& words) {
  if (words.size() != 2) return fail(ErrorKind::usage, "Expecting [RELEASE_ID] [TAG]");
  TRY(const release::ReleaseQuery target, release::parse_release_query(words[0]));
  TRY(InventoryAccess * inventory, run.inventory(Access::write));
  TRYV(inventory->tag(target, words[1]));
  return 0;
}

}  // namespace

void describe_inventory_query(Syntax& syntax) {
  auto flags = std::make_shared<QueryFlags>();
  syntax.option("-p,--project", flags->project, "NAME", "Applications of this project");
  syntax.option("-a,--application", flags->application, "NAME", "Versions of this application");
  syntax.option("-v,--version", flags->version, "QUERY", "Metadata of this version: latest, v0.0.@, v1.0, a tag");
  add_json(syntax, flags->as_json);
  syntax.example("escape inventory query -p quickstart -a hello-world -v latest");
  syntax.action([flags](Invocation& run) { return query(run, *flags); });
}

void describe_tag(Syntax& syntax) {
  auto words = std::make_shared<std::vector<std::string>>();
  syntax.arguments("RELEASE_AND_TAG", *words, "The release and the tag to put on it");
  syntax.action([words](Invocation& run) { return tag(run, *words); });
}

}  // namespace escape::cli
