#pragma once

#include <map>
#include <set>
#include <string>

#include "shared/plan/plan.h"

namespace escape::plan {

/// Files in memory; folders are what their paths say. The MD5 of a file is "md5:" and its content.
class FakeFiles : public Files {
 public:
  std::map<std::string, std::string> content;
  std::set<std::string> links;
  std::set<std::string> folders;  ///< empty ones, and those outside

  bool exists(const std::string& path) override {
    return path.empty() || links.contains(path) || content.contains(clean(path)) || is_folder(path);
  }
  bool is_folder(const std::string& path) override {
    const std::string folder = clean(path);
    if (folder.empty() || folders.contains(folder)) return true;
    const auto next = content.lower_bound(folder + "/");
    return next != content.end() && next->first.starts_with(folder + "/");
  }
  bool is_link(const std::string& path) override { return links.contains(clean(path)); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::set<std::string> names;
    const std::string prefix = folder.empty() ? "" : folder + "/";
    const auto add = [&](const std::string& path) {
      if (path.starts_with(prefix) && path.size() > prefix.size()) {
        names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
      }
    };
    for (const auto& [path, text] : content) add(path);
    for (const std::string& path : folders) add(path);
    for (const std::string& path : links) add(path);
    return std::vector<std::string>(names.begin(), names.end());
  }
  Result<std::string> md5(const std::string& path) override {
    if (!content.contains(path)) return fail(ErrorKind::not_found, "cannot read '" + path + "'");
    return "md5:" + content.at(path);
  }
  Result<std::string> read(const std::string& path, std::size_t max_bytes) override {
    if (!content.contains(path)) return fail(ErrorKind::not_found, "cannot read '" + path + "'");
    if (content.at(path).size() > max_bytes) return fail(ErrorKind::bad_data, "'" + path + "' is too large");
    return content.at(path);
  }

 private:
  static std::string clean(const std::string& path) { return path.starts_with("./") ? path.substr(2) : path; }
};

}  // namespace escape::plan
