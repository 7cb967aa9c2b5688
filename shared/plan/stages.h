#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/plan/package_files.h"
#include "shared/plan/plan.h"

namespace escape::plan {

/// What a step of the plan runs, and its script among the files of the package (spec/escape-plan.md §3).
///
///     script.sh a b   with that file beside the plan: a script with arguments, packaged
///     /bin/ls -al     the first word is absolute: a command
///     ./nope.sh       missing and looks like a script (a slash, a leading dot, the ending of one): an error, unless
///     `generates`
///                     says that a build makes it
///     make all        anything else: a command of the host
///
/// Errors: bad_data naming the path; refused for links and expressions.
Result<release::ExecStage> compile_stage(const std::string& name, const StageText& stage, const Plan& plan,
                                         Files& files, PackageFiles& package);

}  // namespace escape::plan
