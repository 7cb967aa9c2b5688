#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/packages/packages.h"
#include "protocol/messages/agent.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/io/http_client.h"

namespace escape::packages {

/// All that a step's folder needs before its script (PROTOCOL.md, "Preparation").
struct Preparation {
  Packages::Request package;
  std::vector<protocol::PackagePart> parts{};
  std::vector<protocol::FileToWrite> files{};
  std::vector<release::Download> downloads{};
  std::vector<protocol::TemplateToRender> templates{};
  std::string platform{}, arch{};  ///< of this host
  /// Text for the head of the task's output: a line with its "\n", or a state that ends in "\r" and is replaced by what
  /// is told next.
  std::function<void(std::string_view)> tell{};
  /// What comes next, for who gives up waiting: "downloading 'U' to 'd'". It may hold secrets.
  std::function<void(std::string_view)> begin{};
  /// Replaces the task's secrets. What is told is masked anyway; this is for what is taken apart before.
  std::function<std::string(std::string_view)> mask = [](std::string_view text) { return std::string(text); };
  Packages::Download fetch = io::download;  ///< for `downloads`: knows nothing of the inventory and its credentials
  std::function<Instant()> clock = [] { return read_clocks().steady; };  ///< for the pace of what they tell

  /// The package's own files are all: what `find_ready` finds is ready.
  bool is_package_only() const { return parts.empty() && files.empty() && downloads.empty() && templates.empty(); }
};

/// The working folder: package, parts, files, downloads, templates, in this order. All of it may be done again after a
/// crash. Every path stays below the working folder, whatever links lie in it.
///
/// Thread: any; two calls for one folder wait for each other. Errors: those of Packages, and the messages of
/// spec/escape-plan.md §9 and §10 ("Couldn't download 'U': …"). None of them shows the password of a URL.
Result<std::string> prepare(Packages& packages, const Preparation& wanted);

}  // namespace escape::packages
