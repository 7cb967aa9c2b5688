#include <algorithm>
#include <array>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/codec/members.h"
#include "shared/codec/release_parts_json.h"

namespace escape::codec {
namespace {

using release::Metadata;

/// Keys that have a member of Metadata; all others are kept in `other`.
constexpr std::array<std::string_view, 30> own_keys{"api_version",
                                                    "built_with_core_version",
                                                    "built_with_escape_version",
                                                    "description",
                                                    "files",
                                                    "license",
                                                    "logo",
                                                    "name",
                                                    "repository",
                                                    "branch",
                                                    "git_revision",
                                                    "revision_message",
                                                    "revision_author",
                                                    "metadata",
                                                    "version",
                                                    "generates",
                                                    "consumes",
                                                    "downloads",
                                                    "depends",
                                                    "errands",
                                                    "extends",
                                                    "inputs",
                                                    "outputs",
                                                    "project",
                                                    "provides",
                                                    "stages",
                                                    "templates",
                                                    "variable_context",
                                                    "idempotent",
                                                    "skip_unchanged"};

/// `[{key: text}]`: how the original writes a list of names.
Value write_named(const std::vector<std::string>& texts, const std::string& key) {
  return write_all(texts, [&](const std::string& text) { return Value(Value::Object{{key, text}}); });
}

auto named_reader(std::string key) {
  return [key = std::move(key)](const Value& value) -> Result<std::string> {
    const Value::Object* object = value.as_object();
    if (!object) return fail(detail::wrong_type("object", value));
    std::string text;
    Members members(*object);
    members.take(key, text);
    TRYV(members.finish());
    return text;
  };
}

}  // namespace

Value metadata_to_value(const Metadata& metadata) {
  Value::Object object;
  object.append("api_version", metadata.api_version);
  object.append("built_with_core_version", metadata.built_with_core_version);
  object.append("built_with_escape_version", metadata.built_with_escape_version);
  object.append("description", metadata.description);
  object.append("files", encode(metadata.files));
  object.append("license", metadata.license);
  object.append("logo", metadata.logo);
  object.append("name", metadata.name);
  object.append("repository", metadata.repository);
  object.append("branch", metadata.branch);
  object.append("git_revision", metadata.git_revision);
  object.append("revision_message", metadata.revision_message);
  object.append("revision_author", metadata.revision_author);
  object.append("metadata", encode(metadata.metadata));
  object.append("version", metadata.version);
  object.append("generates", encode(metadata.generates));
  object.append("consumes", write_all(metadata.consumes, write_consumer));
  // The one list that is null when it is empty.
  object.append("downloads", metadata.downloads.empty() ? Value() : write_all(metadata.downloads, write_download));
  object.append("depends", write_all(metadata.depends, write_dependency));
  object.append("errands", write_all(metadata.errands, write_errand));
  object.append("extends", write_named(metadata.extends, "release_id"));
  object.append("inputs", write_all(metadata.inputs, write_variable));
  object.append("outputs", write_all(metadata.outputs, write_variable));
  object.append("project", metadata.project);
  object.append("provides", write_named(metadata.provides, "name"));
  object.append("stages", write_all(metadata.stages, write_stage));
  object.append("templates", write_all(metadata.templates, write_template));
  object.append("variable_context", encode(metadata.variable_context));
  // The original does not know these.
  if (metadata.idempotent) object.append("idempotent", true);
  if (metadata.skip_unchanged) object.append("skip_unchanged", true);
  for (const auto& [name, value] : metadata.other) object.append(name, value);
  return object;
}

Result<Metadata> metadata_from_value(const Value& value) {
  const Value::Object* object = value.as_object();
  if (!object) return fail(detail::wrong_type("object", value));
  Metadata metadata;
  Members members(*object);
  members.take("api_version", metadata.api_version);
  members.take("built_with_core_version", metadata.built_with_core_version);
  members.take("built_with_escape_version", metadata.built_with_escape_version);
  members.take("description", metadata.description);
  members.take("files", metadata.files);
  members.take("license", metadata.license);
  members.take("logo", metadata.logo);
  members.take("name", metadata.name);
  members.take("repository", metadata.repository);
  members.take("branch", metadata.branch);
  members.take("git_revision", metadata.git_revision);
  members.take("revision_message", metadata.revision_message);
  members.take("revision_author", metadata.revision_author);
  members.take("metadata", metadata.metadata);
  members.take("version", metadata.version);
  members.take("generates", metadata.generates);
  members.take_list("consumes", metadata.consumes, read_consumer);
  members.take_list("downloads", metadata.downloads, read_download);
  members.take_list("depends", metadata.depends, read_dependency);
  members.take_map("errands", metadata.errands, read_errand);
  members.take_list("extends", metadata.extends, named_reader("release_id"));
  members.take_list("inputs", metadata.inputs, read_variable);
  members.take_list("outputs", metadata.outputs, read_variable);
  members.take("project", metadata.project);
  members.take_list("provides", metadata.provides, named_reader("name"));
  members.take_map("stages", metadata.stages, read_stage);
  members.take_list("templates", metadata.templates, read_template);
  members.take("variable_context", metadata.variable_context);
  members.take("idempotent", metadata.idempotent);
  members.take("skip_unchanged", metadata.skip_unchanged);
  TRYV(members.finish());
  for (const auto& [name, member] : *object) {
    if (std::ranges::find(own_keys, name) == own_keys.end()) metadata.other.append(name, member);
  }
  return metadata;
}

Result<Metadata> parse_release_json(std::string_view text) {
  const auto unreadable = [](const Error& error) {
    return fail(error.kind, "Couldn't unmarshal JSON release metadata: " + describe(error));
  };
  const Result<Value> value = from_json(text);
  if (!value) return unreadable(value.error());
  if (value.value().is_null()) return fail(ErrorKind::bad_data, "Missing release metadata");
  Result<Metadata> metadata = metadata_from_value(value.value());
  if (!metadata) return unreadable(metadata.error());
  TRYV(release::check_metadata(metadata.value()));
  return metadata;
}

}  // namespace escape::codec
