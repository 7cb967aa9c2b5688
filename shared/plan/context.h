#pragma once

#include "shared/base/value.h"
#include "shared/release/metadata.h"

namespace escape::plan {

/// What expressions see of a release (spec/scripting-language.md §4.1): id, name, version, release,
/// versionless_release, branch, revision, repository, revision_message, revision_author, description, license, logo,
/// metadata. Without a version the members made of it are absent.
Value::Object release_context(const release::Metadata& metadata);

}  // namespace escape::plan
