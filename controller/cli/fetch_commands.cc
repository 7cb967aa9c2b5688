#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/deps_folder.h"
#include "controller/cli/workspace.h"
#include "shared/io/files.h"

/// pull and deps fetch: releases as folders, for people and for scripts that call each other.
namespace escape::cli {
namespace {

Result<> fetch(Invocation& run, const std::string& folder, const std::vector<WantedRelease>& wanted,
               std::vector<std::string> sections) {
  Renderer renderer = run.make_renderer();
  Result<> fetched = fetch_releases(run, folder, wanted, [&](std::string_view level, const std::string& text) {
    renderer.say(level, sections, text);
  });
  renderer.finish();
  return fetched;
}

Result<int> pull(Invocation& run, const std::vector<std::string>& releases) {
  if (releases.empty()) {
    return fail(ErrorKind::usage, "Missing release argument", "escape pull quickstart/hello-world-latest");
  }
  TRYV(run.need_full_program());
  std::vector<WantedRelease> wanted;
  for (const std::string& typed : releases) {
    TRY(release::ReleaseQuery query, release::parse_release_query(typed));
    wanted.push_back({std::move(query), typed});
  }
  TRYV(fetch(run, io::absolute_path("."), wanted, {}));
  return 0;
}

Result<int> fetch_needs_of_plan(Invocation& run, const CommonFlags& flags) {
  TRYV(run.need_full_program());
  TRY(const Workspace workspace, Workspace::open(flags.plan));
  TRY(const release::Metadata metadata, workspace.compile(run));
  TRY(const std::vector<WantedRelease> wanted, needs_of(metadata));
  TRYV(fetch(run, workspace.folder(), wanted, {"Compile"}));
  return 0;
}

}  // namespace

void describe_pull(Syntax& syntax) {
  auto releases = std::make_shared<std::vector<std::string>>();
  syntax.arguments("RELEASE", *releases, "What to unpack below ./deps, with all that it needs");
  syntax.example("escape pull quickstart/hello-world-latest");
  syntax.action([releases](Invocation& run) { return pull(run, *releases); });
}

void describe_deps_fetch(Syntax& syntax) {
  auto flags = std::make_shared<CommonFlags>();
  add_plan(syntax, *flags);
  syntax.action([flags](Invocation& run) { return fetch_needs_of_plan(run, *flags); });
}

}  // namespace escape::cli
