#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "shared/plan/plan.h"
#include "shared/release/metadata.h"

/// What the expressions of a release read of its files while its steps run. They are evaluated far from the package, so
/// whoever has it looks beforehand.
namespace escape::plan {

/// One that is larger could be no value of a script's environment: Linux takes 128 KiB for each.
constexpr std::size_t most_seen_file_bytes = 128 * 1024;
/// All of one release: they lie in the job's row and in the controller's memory while the job lives.
constexpr std::size_t most_seen_bytes = 512 * 1024;
/// More paths than that nobody writes by hand.
constexpr std::size_t most_seen_paths = 200;

/// The paths that are spelled out in the expressions of variables, steps, errands, templates and dependencies, as they
/// are written.
std::set<std::string> paths_read(const release::Metadata& metadata);

/// All of them as they are in `files`: those of the package, or of the workspace. What cannot be read, or is above a
/// limit, says why; it is an error only for the expression that needs it.
release::SeenFiles see_files(const release::Metadata& metadata, Files& files);

}  // namespace escape::plan
