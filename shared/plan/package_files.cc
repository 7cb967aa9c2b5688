#include "shared/plan/package_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <vector>

#include "shared/base/text.h"

namespace escape::plan {
namespace {

/// Folders nested deeper than this are taken for a mistake (a mount that contains itself).
constexpr int max_folder_depth = 100;
constexpr std::size_t max_files = 100'000;

std::string below(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

bool is_ours(std::string_view name) { return name == ".escape" || name == ".git"; }

bool has_wildcard(std::string_view part) { return part.find_first_of("*?[\\") != std::string_view::npos; }

bool matches_name(const std::string& part, const std::string& name) {
  return fnmatch(part.c_str(), name.c_str(), 0) == 0;
}

/// An opening bracket needs its closing one, a backslash the character that it quotes.
Result<> check_pattern(std::string_view pattern) {
  const auto unreadable = [&](std::string_view why) {
    return fail(ErrorKind::bad_data, "syntax error in pattern '" + std::string(pattern) + "': " + std::string(why),
                "Patterns may have *, ?, [a-z] and **.");
  };
  if (pattern.find('\0') != std::string_view::npos) return unreadable("it has a NUL character");
  for (const std::string& part : split(pattern, '/')) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '\\' && ++i == part.size()) return unreadable("it ends in '\\'");
      if (part[i] != '[') continue;
      std::size_t first = i + 1;
      if (first < part.size() && (part[first] == '!' || part[first] == '^')) ++first;
      const std::size_t end = part.find(']', first + 1);  // a bracket right after the opening one is a member
      if (first >= part.size() || end == std::string::npos) return unreadable("'[' without ']'");
      i = end;
    }
  }
  return ok();
}

bool matches_parts(const std::vector<std::string>& pattern, std::size_t at, const std::vector<std::string>& path,
                   std::size_t from) {
  if (at == pattern.size()) return true;  // the pattern names the path or a folder above it
  if (from == path.size()) return false;
  if (pattern[at] == "**") {
    return matches_parts(pattern, at + 1, path, from) || matches_parts(pattern, at, path, from + 1);
  }
  return matches_name(pattern[at], path[from]) && matches_parts(pattern, at + 1, path, from + 1);
}

}  // namespace

Result<std::string> clean_path(std::string_view path) {
  const auto outside = [&] {
    return fail(ErrorKind::bad_data,
                "The file '" + std::string(path) + "' is outside of this package's base directory and can't be added.",
                "Copy it into the folder of the plan.");
  };
  if (path.starts_with('/')) return outside();
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (parts.empty()) {
      return outside();
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

bool matches(std::string_view pattern, std::string_view path) {
  const Result<std::string> clean = clean_path(pattern);
  if (!clean || !check_pattern(pattern)) return false;
  if (clean.value().empty()) return true;
  return matches_parts(split(clean.value(), '/'), 0, split(path, '/'), 0);
}

Result<> PackageFiles::add_matches(std::string_view pattern) {
  TRYV(check_pattern(pattern));
  TRY(auto clean, clean_path(trimmed(pattern)));
  if (clean.empty() && trimmed(pattern).empty()) return ok();
  if (clean.empty()) return add_folder("", 0);
  return expand("", split(clean, '/'), 0);
}

Result<> PackageFiles::add(const std::string& path) {
  if (is_lent(path)) return ok();
  TRY(auto clean, clean_path(path));
  TRYV(refuse_links(clean));
  return files_.is_folder(clean) ? add_folder(clean, 0) : add_file(clean);
}

Result<> PackageFiles::expand(const std::string& folder, const std::vector<std::string>& parts, std::size_t part) {
  if (part == parts.size()) return folder.empty() ? add_folder("", 0) : add(folder);
  if (part > max_folder_depth) return ok();
  if (has_wildcard(parts[part])) return expand_wildcard(folder, parts, part);
  const std::string next = below(folder, parts[part]);
  return files_.exists(next) ? expand(next, parts, part + 1) : ok();
}

Result<> PackageFiles::expand_wildcard(const std::string& folder, const std::vector<std::string>& parts,
                                       std::size_t part) {
  if (!folder.empty() && !files_.is_folder(folder)) return ok();
  const bool is_any_depth = parts[part] == "**";
  if (is_any_depth) {
    TRYV(expand(folder, parts, part + 1));
  }
  TRY(auto names, files_.list(folder));
  for (const std::string& name : names) {
    if (is_ours(name)) continue;
    const std::string next = below(folder, name);
    if (is_any_depth && !files_.is_link(next) && files_.is_folder(next)) {
      TRYV(expand_wildcard(next, parts, part));
    } else if (!is_any_depth && matches_name(parts[part], name)) {
      TRYV(expand(next, parts, part + 1));
    }
  }
  return ok();
}

Result<> PackageFiles::add_folder(const std::string& folder, int depth) {
  if (depth > max_folder_depth) {
    return fail(ErrorKind::bad_data, "The folder '" + folder + "' is nested deeper than " +
                                         std::to_string(max_folder_depth) + " levels and can't be added.");
  }
  TRY(auto names, files_.list(folder));
  for (const std::string& name : names) {
    if (is_ours(name)) continue;
    const std::string path = below(folder, name);
    TRYV(refuse_links(path));
    TRYV(files_.is_folder(path) ? add_folder(path, depth + 1) : add_file(path));
  }
  return ok();
}

void PackageFiles::lend(const std::string& folder, const std::map<std::string, std::string>& files) {
  lent_folders_.insert(folder);
  for (const auto& [path, digest] : files) lent_.insert(folder + path);
}

bool PackageFiles::is_below_lent(const std::string& path) const {
  return std::ranges::any_of(lent_folders_, [&](const std::string& folder) { return path.starts_with(folder); });
}

Result<> PackageFiles::add_file(const std::string& path) {
  if (path == "release.json" || digests_.contains(path) || is_below_lent(path)) return ok();
  if (!is_valid_utf8(path)) {
    return fail(ErrorKind::bad_data, "The name of the file '" + path + "' is not UTF-8 and can't be added.");
  }
  if (digests_.size() >= max_files) {
    return fail(ErrorKind::bad_data, "The package would have more than " + std::to_string(max_files) + " files.",
                "Narrow 'includes'.");
  }
  TRY(auto digest, files_.md5(path));
  digests_.emplace(path, std::move(digest));
  return ok();
}

Result<> PackageFiles::refuse_links(const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (files_.is_link(part)) {
      return fail(
          ErrorKind::refused,
          "The file '" + path + "' can't be added: '" + part +
              "' is a symbolic link, and what it leads to may be missing or another file where the package runs.",
          "Replace the link with a copy, or name files that are not links in 'includes'.");
    }
    if (end == std::string::npos) return ok();
  }
}

}  // namespace escape::plan
