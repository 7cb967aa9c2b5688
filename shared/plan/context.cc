#include "shared/plan/context.h"

namespace escape::plan {

Value::Object release_context(const release::Metadata& metadata) {
  const std::string application = to_string(release::application_of(metadata));
  Value::Object context;
  if (!metadata.version.empty()) {
    context.append("id", application + "-v" + metadata.version);
    context.append("version", metadata.version);
    context.append("release", metadata.name + "-v" + metadata.version);
  }
  context.append("name", metadata.name);
  context.append("versionless_release", application);
  context.append("branch", metadata.branch);
  context.append("revision", metadata.git_revision);
  context.append("repository", metadata.repository);
  context.append("revision_message", metadata.revision_message);
  context.append("revision_author", metadata.revision_author);
  context.append("description", metadata.description);
  context.append("license", metadata.license);
  context.append("logo", metadata.logo);
  Value::Object values;
  for (const auto& [key, value] : metadata.metadata) values.append(key, value);
  context.append("metadata", std::move(values));
  return context;
}

}  // namespace escape::plan
