#include <array>

#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/codec/fields.h"

namespace escape::codec {
namespace {

using release::ExecStage;
using release::Metadata;
using release::Variable;

Value write_variable(const Variable& variable) {
  Value::Object object;
  object.append("id", variable.id);
  object.append("type", variable.type);
  if (variable.fallback) object.append("default", *variable.fallback);
  if (!variable.description.empty()) object.append("description", variable.description);
  if (!variable.friendly.empty()) object.append("friendly", variable.friendly);
  object.append("visible", variable.visible);
  if (!variable.options.empty()) object.append("options", variable.options);
  if (variable.sensitive) object.append("sensitive", true);
  object.append("items", variable.items);
  object.append("eval_before_dependencies", variable.eval_before_dependencies);
  object.append("scopes", encode(variable.scopes));
  return object;
}

Value write_variables(const std::vector<Variable>& variables) {
  Value::List list;
  for (const Variable& variable : variables) list.push_back(write_variable(variable));
  return list;
}

Value write_stages(const std::map<std::string, ExecStage>& stages) {
  Value::Object all;
  for (const auto& [name, stage] : stages) {
    Value::Object one;
    if (!stage.cmd.empty()) one.append("cmd", stage.cmd);
    if (!stage.args.empty()) one.append("args", encode(stage.args));
    if (!stage.inline_script.empty()) one.append("inline", stage.inline_script);
    if (!stage.script.empty()) one.append("script", stage.script);
    all.append(name, std::move(one));
  }
  return all;
}

enum class Empty { list, object, null };

/// Keys of the format that Metadata keeps in `other`, and how they are written when they are absent from it.
struct OtherKey {
  std::string_view name;
  Empty empty;
};
constexpr std::array other_keys{
    OtherKey{"generates", Empty::list}, OtherKey{"consumes", Empty::list},  OtherKey{"downloads", Empty::null},
    OtherKey{"depends", Empty::list},   OtherKey{"errands", Empty::object}, OtherKey{"extends", Empty::list},
    OtherKey{"provides", Empty::list},  OtherKey{"templates", Empty::list}, OtherKey{"variable_context", Empty::object},
};

const OtherKey* find_other_key(std::string_view name) {
  for (const OtherKey& key : other_keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

Value empty_value(Empty empty) {
  switch (empty) {
    case Empty::list:
      return Value::List{};
    case Empty::object:
      return Value::Object{};
    case Empty::null:
      break;
  }
  return {};
}

/// Reads members of a JSON object and remembers the first wrong shape. `null` stands for absent, as in the original.
class Members {
 public:
  explicit Members(const Value::Object& from) : from_(from) {}

  template <class T>
  void take(std::string_view key, T& to) {
    const Value* value = find(key);
    if (!value) return;
    if (Result<> done = detail::read(*value, to); !done) error_ = std::move(done).error().in(std::string(key));
  }
  /// Each element through `read_one(const Value&) -> Result<T>`.
  template <class T, class ReadOne>
  void take_list(std::string_view key, std::vector<T>& to, ReadOne read_one) {
    const Value* value = find(key);
    if (!value) return;
    const Value::List* list = value->as_list();
    if (!list) {
      error_ = detail::wrong_type("list", *value).in(std::string(key));
      return;
    }
    for (const Value& item : *list) {
      Result<T> one = read_one(item);
      if (!one) {
        error_ = std::move(one).error().in(std::string(key) + "[" + std::to_string(to.size()) + "]");
        return;
      }
      to.push_back(std::move(one).value());
    }
  }
  Result<> finish() {
    if (error_) return fail(std::move(*error_));
    return ok();
  }
  const Value* find(std::string_view key) const {
    if (error_) return nullptr;
    const Value* value = from_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }

 private:
  const Value::Object& from_;
  std::optional<Error> error_;
};

Result<Variable> read_variable(const Value& value) {
  const Value::Object* object = value.as_object();
  if (!object) return fail(detail::wrong_type("object", value));
  Variable variable;
  // A boolean that was not sent is false in this format, whatever a plan's default is.
  variable.visible = variable.eval_before_dependencies = false;
  Members members(*object);
  members.take("id", variable.id);
  members.take("type", variable.type);
  if (const Value* fallback = members.find("default")) variable.fallback = *fallback;
  members.take("description", variable.description);
  members.take("friendly", variable.friendly);
  members.take("visible", variable.visible);
  members.take("options", variable.options);
  members.take("sensitive", variable.sensitive);
  members.take("items", variable.items);
  members.take("eval_before_dependencies", variable.eval_before_dependencies);
  std::vector<std::string> scopes;
  members.take("scopes", scopes);
  if (!scopes.empty()) variable.scopes = std::move(scopes);
  TRYV(members.finish());
  return variable;
}

Result<ExecStage> read_stage(const Value& value) {
  const Value::Object* object = value.as_object();
  if (!object) return fail(detail::wrong_type("object", value));
  ExecStage stage;
  Members members(*object);
  members.take("cmd", stage.cmd);
  members.take("args", stage.args);
  members.take("inline", stage.inline_script);
  members.take("script", stage.script);
  TRYV(members.finish());
  return stage;
}

Result<std::map<std::string, ExecStage>> read_stages(const Value& value) {
  const Value::Object* object = value.as_object();
  if (!object) return fail(detail::wrong_type("object", value));
  std::map<std::string, ExecStage> stages;
  for (const auto& [name, item] : *object) {
    Result<ExecStage> stage = read_stage(item);
    if (!stage) return fail(std::move(stage).error().in(name));
    stages.emplace(name, std::move(stage).value());
  }
  return stages;
}

/// Fields with a member of their own, in the order of the format up to where `other` keys stand between them.
constexpr std::array<std::string_view, 20> own_keys{"api_version",
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
                                                    "inputs",
                                                    "outputs",
                                                    "project",
                                                    "stages",
                                                    "idempotent"};

bool is_own_key(std::string_view name) { return std::ranges::find(own_keys, name) != own_keys.end(); }

/// The shape of a known `other` member. Its elements are objects or text that later issues read; null has no meaning
/// there.
Result<> check_other(const OtherKey& key, const Value& value) {
  const Value::List* list = value.as_list();
  const Value::Object* object = value.as_object();
  if (key.empty == Empty::object && !object) return fail(detail::wrong_type("object", value).in(std::string(key.name)));
  if (key.empty != Empty::object && !list) return fail(detail::wrong_type("list", value).in(std::string(key.name)));
  const auto is_null = [](const Value& item) { return item.is_null(); };
  if (list && std::ranges::any_of(*list, is_null)) {
    return fail(ErrorKind::bad_data, "the list '" + std::string(key.name) + "' has an element that is null");
  }
  return ok();
}

/// What this version does not act upon. A known key that says nothing is left out, so that reading back what was
/// written gives the same Metadata.
Result<Value::Object> read_other(const Value::Object& object) {
  Value::Object other;
  for (const auto& [name, value] : object) {
    if (is_own_key(name)) continue;
    if (const OtherKey* key = find_other_key(name)) {
      if (value.is_null()) continue;
      TRYV(check_other(*key, value));
      const bool says_nothing = value == Value(Value::List{}) || value == Value(Value::Object{});
      if (says_nothing) continue;
    }
    other.append(name, value);
  }
  return other;
}

}  // namespace

Value metadata_to_value(const Metadata& metadata) {
  Value::Object object;
  const auto put_other = [&](std::string_view name) {
    const Value* value = metadata.other.find(name);
    object.append(std::string(name), value ? *value : empty_value(find_other_key(name)->empty));
  };
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
  for (const std::string_view name : {"generates", "consumes", "downloads", "depends", "errands", "extends"}) {
    put_other(name);
  }
  object.append("inputs", write_variables(metadata.inputs));
  object.append("outputs", write_variables(metadata.outputs));
  object.append("project", metadata.project);
  put_other("provides");
  object.append("stages", write_stages(metadata.stages));
  put_other("templates");
  put_other("variable_context");
  if (metadata.idempotent) object.append("idempotent", true);  // the original does not know it
  for (const auto& [name, value] : metadata.other) {
    if (!find_other_key(name)) object.append(name, value);
  }
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
  members.take_list("inputs", metadata.inputs, read_variable);
  members.take_list("outputs", metadata.outputs, read_variable);
  members.take("project", metadata.project);
  members.take("idempotent", metadata.idempotent);
  TRYV(members.finish());
  if (const Value* stages = members.find("stages")) {
    Result<std::map<std::string, ExecStage>> read = read_stages(*stages);
    if (!read) return fail(std::move(read).error().in("stages"));
    metadata.stages = std::move(read).value();
  }
  TRY(metadata.other, read_other(*object));
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
