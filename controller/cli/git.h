#pragma once

#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/plan/plan.h"

namespace escape::cli {

/// What git knows of the folder; empty when it is in no work tree, has no commit, or git is not installed.
plan::GitFacts read_git_facts(const std::string& folder);

/// Runs `git ARGUMENTS` in the folder; its standard output. Error: failed with what git said.
Result<std::string> run_git(const std::string& folder, const std::vector<std::string>& arguments);

}  // namespace escape::cli
