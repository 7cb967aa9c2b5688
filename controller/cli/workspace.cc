#include "controller/cli/workspace.h"

#include <sys/stat.h>

#include "controller/cli/git.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/plan/seen_files.h"

namespace escape::cli {
namespace {

/// The plan's folder as the compiler sees it.
class FolderFiles : public plan::Files {
 public:
  explicit FolderFiles(std::string folder) : folder_(std::move(folder)) {}
  bool exists(const std::string& path) override {
    struct stat status{};
    return ::lstat(at(path).c_str(), &status) == 0;
  }
  bool is_folder(const std::string& path) override { return io::is_folder(at(path)); }
  bool is_link(const std::string& path) override {
    struct stat status{};
    return ::lstat(at(path).c_str(), &status) == 0 && S_ISLNK(status.st_mode);
  }
  Result<std::vector<std::string>> list(const std::string& folder) override { return io::list_folder(at(folder)); }
  Result<std::string> md5(const std::string& path) override { return io::md5_of_file(at(path)); }
  Result<std::string> read(const std::string& path, std::size_t max_bytes) override {
    return io::read_file(at(path), max_bytes);
  }

 private:
  std::string at(const std::string& path) const { return path.empty() ? folder_ : io::join_path(folder_, path); }
  std::string folder_;
};

}  // namespace

bool Workspace::has_plan(const std::string& plan_file) { return io::exists(plan_file); }

Result<std::string> Workspace::read_plan(const std::string& plan_file) {
  if (!io::exists(plan_file)) {
    return fail(ErrorKind::not_found,
                "Escape plan '" + plan_file + "' was not found. Use 'escape plan init' to create it.");
  }
  if (io::is_folder(plan_file)) {
    return fail(ErrorKind::bad_data, "Couldn't read Escape plan '" + plan_file + "': is a directory");
  }
  Result<std::string> text = io::read_file(plan_file);
  if (!text) return fail(std::move(text).error().in("Couldn't read Escape plan '" + plan_file + "'"));
  return text;
}

Result<Workspace> Workspace::open(const std::string& plan_file) {
  TRY(const std::string text, read_plan(plan_file));
  Workspace workspace;
  TRY(workspace.plan_, plan::parse_plan(text, plan_file));
  workspace.folder_ = io::parent_path(io::absolute_path(plan_file));
  return workspace;
}

Result<release::ApplicationId> Workspace::application() const {
  const std::size_t slash = plan_.name.find('/');
  release::ApplicationId id{"_", plan_.name};
  if (slash != std::string::npos) id = {plan_.name.substr(0, slash), plan_.name.substr(slash + 1)};
  if (id.project.empty()) id.project = "_";
  TRYV(release::check_project_name(id.project));
  TRYV(release::check_package_name(id.name));
  return id;
}

std::string Workspace::asked_version(const std::string& override_version) const {
  const std::string text(trimmed(override_version.empty() ? plan_.version : override_version));
  return text == "auto" ? "@" : text;
}

Result<release::Metadata> Workspace::compile(Invocation& run, const std::string& version) const {
  FolderFiles files(folder_);
  plan::CompileOptions options;
  options.override_version = version;
  options.git = read_git_facts(folder_);
  options.tool_version = ESCAPE_VERSION;
  options.next_version = [&run](const release::ApplicationId& application,
                                std::string_view prefix) -> Result<std::string> {
    TRY(InventoryAccess * inventory, run.inventory(Access::read));
    return inventory->next_version(application, prefix);
  };
  options.find_release = [&run](const release::ReleaseQuery& query) -> Result<release::Metadata> {
    TRY(InventoryAccess * inventory, run.inventory(Access::read));
    TRY(const release::ReleaseRecord record, inventory->resolve(query));
    return record.metadata;
  };
  options.now_seconds = read_clocks().wall.micros / 1'000'000;
  return plan::compile(plan_, files, options);
}

release::SeenFiles Workspace::see_files(const release::Metadata& metadata) const {
  FolderFiles files(folder_);
  return plan::see_files(metadata, files);
}

std::string Workspace::package_path(const release::Metadata& metadata) const {
  return io::join_path(folder_, ".escape/target/" + metadata.name + "-v" + metadata.version + ".tgz");
}

Result<> Workspace::package(Invocation& run, const release::Metadata& metadata) const {
  std::vector<PackFile> files;
  files.push_back({.path = "release.json",
                   .source = {},
                   .content = codec::to_json(codec::metadata_to_value(metadata), codec::JsonStyle::indented),
                   .mode = 0644});
  for (const auto& [path, digest] : metadata.files) {
    files.push_back({.path = path, .source = io::join_path(folder_, path), .content = {}, .mode = 0644});
  }
  const std::string target = package_path(metadata);
  TRYV(io::make_folders(io::parent_path(target)));
  return run.pack(target, metadata.name + "-v" + metadata.version, std::move(files));
}

std::string release_text(const release::Metadata& metadata) {
  return application_text(metadata) + "-v" + metadata.version;
}

std::string application_text(const release::Metadata& metadata) { return to_string(release::application_of(metadata)); }

}  // namespace escape::cli
