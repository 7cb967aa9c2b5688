#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/plan/plan.h"

namespace escape::plan {

/// Gathers the files of a package by path and by pattern. Keys are clean paths below the plan's folder ("s.sh" for
/// "./s.sh"): no "..", no link on the way, so each may become an entry of an archive.
///
/// `.escape` (our own working folder) and `.git` are never found by a wildcard or by going through a folder;
/// `release.json` of the top folder is made by us and never taken.
class PackageFiles {
 public:
  explicit PackageFiles(Files& files) : files_(files) {}

  /// Every match of `*`, `?`, `[…]` within a name and `**` across folders; a folder with all that is in it. No match is
  /// fine. Errors: bad_data for a pattern that cannot be read or leaves the folder, refused for links.
  Result<> add_matches(std::string_view pattern);
  /// One existing file, or a folder with all that is in it.
  Result<> add(const std::string& path);

  /// The files of an extension, which agents put into `folder` ("deps/project/name/"): named by the plan, never packed,
  /// also when `deps fetch` has put them there.
  void lend(const std::string& folder, const std::map<std::string, std::string>& files);
  bool is_lent(const std::string& path) const { return lent_.contains(path); }
  /// Below the folder of an extension, which may have no such file.
  bool is_below_lent(const std::string& path) const;

  /// Path → MD5.
  std::map<std::string, std::string> take() { return std::move(digests_); }

 private:
  Result<> expand(const std::string& folder, const std::vector<std::string>& parts, std::size_t part);
  Result<> expand_wildcard(const std::string& folder, const std::vector<std::string>& parts, std::size_t part);
  Result<> add_folder(const std::string& folder, int depth);
  Result<> add_file(const std::string& path);
  Result<> refuse_links(const std::string& path);

  Files& files_;
  std::map<std::string, std::string> digests_;
  std::set<std::string> lent_, lent_folders_;
};

/// A relative path without ".", empty parts and trailing slashes; "" is the folder itself. Error: bad_data "The file
/// '../x' is outside of this package's base directory and can't be added."
Result<std::string> clean_path(std::string_view path);

/// Whether a clean path is one that the pattern would match.
bool matches(std::string_view pattern, std::string_view path);

}  // namespace escape::plan
