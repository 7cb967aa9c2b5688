#include "shared/plan/stages.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/plan/expressions.h"

namespace escape::plan {
namespace {

using release::ExecStage;

/// Endings that only files have. A dot alone does not make a script: python3.11 and mkfs.ext4 are commands.
constexpr std::array<std::string_view, 16> script_endings{".sh",  ".bash", ".zsh", ".ksh", ".fish", ".py",
                                                          ".rb",  ".pl",   ".php", ".js",  ".ts",   ".lua",
                                                          ".tcl", ".ps1",  ".bat", ".awk"};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  constexpr std::string_view blanks = " \t\r\n\f\v";
  for (std::size_t at = text.find_first_not_of(blanks); at != std::string_view::npos;) {
    const std::size_t end = text.find_first_of(blanks, at);
    found.emplace_back(text.substr(at, end == std::string_view::npos ? end : end - at));
    at = text.find_first_not_of(blanks, end);
  }
  return found;
}

bool looks_like_script(std::string_view word) {
  const auto ends_word = [&](std::string_view ending) { return word.ends_with(ending); };
  return word.starts_with('.') || word.find('/') != std::string_view::npos ||
         std::ranges::any_of(script_endings, ends_word);
}

bool is_generated(const Plan& plan, const std::string& path) {
  return std::ranges::any_of(plan.generates, [&](const std::string& pattern) { return matches(pattern, path); });
}

ExecStage command(const std::vector<std::string>& all) {
  ExecStage stage;
  stage.cmd = all.front();
  stage.args.assign(all.begin() + 1, all.end());
  return stage;
}

Result<> no_such_script(const std::string& path, std::string_view text, std::string_view name) {
  return fail(ErrorKind::bad_data,
              "In field " + std::string(name) + ": The path to script '" + path + "' does not exist (in '" +
                  std::string(text) + "')",
              "Create the file, or write {cmd: …} to run a program of the host.");
}

Result<ExecStage> compile_text(const std::string& name, const std::string& text, const Plan& plan, Files& files,
                               PackageFiles& package) {
  const std::vector<std::string> all = words(text);
  if (all.empty()) return ExecStage{};
  const std::string& first = all.front();
  if (first.starts_with('/') || script::is_expression(first)) return command(all);
  const bool exists = files.exists(first);
  const Result<std::string> path = clean_path(first);
  if (!path) {
    if (exists) return fail(path.error());
    TRYV(no_such_script(first, text, name));
  }
  if (package.is_lent(path.value())) return ExecStage{.script = text};
  if (package.is_below_lent(path.value())) {
    return fail(ErrorKind::bad_data,
                "In field " + name + ": The extension has no file '" + first + "' (in '" + text + "')",
                "`escape pull` unpacks a release, to look at what it holds.");
  }
  if (exists && !files.is_folder(first)) {
    TRYV(package.add(path.value()));
    return ExecStage{.script = text};
  }
  if (exists && looks_like_script(first)) {
    return fail(ErrorKind::bad_data, "In field " + name + ": '" + first + "' is a folder (in '" + text + "')",
                "Name the script inside the folder.");
  }
  if (is_generated(plan, path.value())) return ExecStage{.script = text};
  if (looks_like_script(first)) {
    TRYV(no_such_script(first, text, name));
  }
  return command(all);
}

/// The map form says itself what it is, so a missing script is no error: a build may make it.
Result<ExecStage> compile_map(const ExecStage& stage, Files& files, PackageFiles& package) {
  const std::vector<std::string> all = words(stage.script);
  if (all.empty()) {
    ExecStage other = stage;
    other.script.clear();
    return other;
  }
  const std::string& first = all.front();
  if (first.starts_with('/') || script::is_expression(first)) return stage;
  TRY(auto path, clean_path(first));
  if (files.exists(path) && !files.is_folder(path) && !package.is_below_lent(path)) {
    TRYV(package.add(path));
  }
  return stage;
}

}  // namespace

Result<ExecStage> compile_stage(const std::string& name, const StageText& written, const Plan& plan, Files& files,
                                PackageFiles& package) {
  TRY(auto stage, written.text ? compile_text(name, *written.text, plan, files, package)
                               : compile_map(written.stage, files, package));
  TRYV(check_stage_expressions(name, stage));
  return stage;
}

}  // namespace escape::plan
