#include "shared/codec/release_parts_json.h"

#include "shared/codec/members.h"

namespace escape::codec {
namespace {

Result<const Value::Object*> object_of(const Value& value) {
  const Value::Object* object = value.as_object();
  if (!object) return fail(detail::wrong_type("object", value));
  return object;
}

/// An empty list means both.
void take_scopes(Members& members, std::vector<std::string>& to) {
  std::vector<std::string> scopes;
  members.take("scopes", scopes);
  if (!scopes.empty()) to = std::move(scopes);
}

}  // namespace

Value write_variable(const release::Variable& variable) {
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

Value write_stage(const release::ExecStage& stage) {
  Value::Object object;
  if (!stage.cmd.empty()) object.append("cmd", stage.cmd);
  if (!stage.args.empty()) object.append("args", encode(stage.args));
  if (!stage.inline_script.empty()) object.append("inline", stage.inline_script);
  if (!stage.script.empty()) object.append("script", stage.script);
  return object;
}

Value write_consumer(const release::Consumer& consumer) {
  return Value::Object{{"name", consumer.name},
                       {"scopes", encode(consumer.scopes)},
                       {"variable", consumer.variable},
                       {"skip_activate", consumer.skip_activate},
                       {"skip_deactivate", consumer.skip_deactivate}};
}

Value write_dependency(const release::Dependency& dependency) {
  return Value::Object{{"release_id", dependency.release_id},
                       {"mapping", dependency.mapping.sorted()},
                       {"build_mapping", dependency.build_mapping.sorted()},
                       {"deploy_mapping", dependency.deploy_mapping.sorted()},
                       {"consumes", encode(dependency.consumes)},
                       {"deployment_name", dependency.deployment_name},
                       {"variable", dependency.variable},
                       {"scopes", encode(dependency.scopes)}};
}

/// `script` is the old form, which the reader turns into `exec_stage`.
Value write_errand(const release::Errand& errand) {
  return Value::Object{{"name", errand.name},
                       {"description", errand.description},
                       {"script", ""},
                       {"exec_stage", write_stage(errand.run)},
                       {"inputs", write_all(errand.inputs, write_variable)}};
}

Value write_download(const release::Download& download) {
  Value::Object object{{"url", download.url},
                       {"dest", download.dest},
                       {"overwrite", download.overwrite},
                       {"if_not_exists", encode(download.if_not_exists)},
                       {"unpack", download.unpack},
                       {"platform", download.platform},
                       {"arch", download.arch},
                       {"scopes", encode(download.scopes)}};
  if (!download.sha256.empty()) object.append("sha256", download.sha256);  // the original does not know it
  return object;
}

Value write_template(const release::Template& item) {
  Value::Object object{{"file", item.file},
                       {"target", item.target},
                       {"scopes", encode(item.scopes)},
                       {"mapping", item.mapping.sorted()}};
  if (!item.escape.empty()) object.append("escape", item.escape);  // nor this
  return object;
}

Result<release::Variable> read_variable(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Variable variable;
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
  take_scopes(members, variable.scopes);
  TRYV(members.finish());
  return variable;
}

Result<release::ExecStage> read_stage(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::ExecStage stage;
  Members members(*object);
  members.take("cmd", stage.cmd);
  members.take("args", stage.args);
  members.take("inline", stage.inline_script);
  members.take("script", stage.script);
  TRYV(members.finish());
  return stage;
}

Result<release::Consumer> read_consumer(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Consumer consumer;
  Members members(*object);
  members.take("name", consumer.name);
  members.take("variable", consumer.variable);
  members.take("skip_activate", consumer.skip_activate);
  members.take("skip_deactivate", consumer.skip_deactivate);
  take_scopes(members, consumer.scopes);
  TRYV(members.finish());
  if (consumer.variable.empty()) consumer.variable = consumer.name;
  return consumer;
}

/// `REF as variable` is accepted in release_id, which is then brought to its full form.
Result<release::Dependency> read_dependency(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Dependency dependency;
  Members members(*object);
  members.take("release_id", dependency.release_id);
  members.take("mapping", dependency.mapping);
  members.take("build_mapping", dependency.build_mapping);
  members.take("deploy_mapping", dependency.deploy_mapping);
  members.take("consumes", dependency.consumes);
  members.take("deployment_name", dependency.deployment_name);
  members.take("variable", dependency.variable);
  take_scopes(members, dependency.scopes);
  TRYV(members.finish());
  const Result<release::Reference> reference = release::parse_reference(dependency.release_id);
  if (!reference) return dependency;  // check_metadata says what is wrong with it
  dependency.release_id = to_string(reference.value().query);
  if (dependency.variable.empty()) dependency.variable = reference.value().variable;
  if (dependency.variable.empty()) dependency.variable = to_string(reference.value().query.application);
  if (dependency.deployment_name.empty()) dependency.deployment_name = dependency.variable;
  return dependency;
}

Result<release::Errand> read_errand(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Errand errand;
  std::string script;
  Members members(*object);
  members.take("name", errand.name);
  members.take("description", errand.description);
  members.take("script", script);
  members.take_list("inputs", errand.inputs, read_variable);
  TRYV(members.finish());
  if (const Value* run = members.find("exec_stage")) {
    Result<release::ExecStage> stage = read_stage(*run);
    if (!stage) return fail(std::move(stage).error().in("exec_stage"));
    errand.run = std::move(stage).value();
  }
  if (errand.run.empty()) errand.run.script = script;
  return errand;
}

Result<release::Download> read_download(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Download download;
  Members members(*object);
  members.take("url", download.url);
  members.take("dest", download.dest);
  members.take("overwrite", download.overwrite);
  members.take("if_not_exists", download.if_not_exists);
  members.take("unpack", download.unpack);
  members.take("platform", download.platform);
  members.take("arch", download.arch);
  members.take("sha256", download.sha256);
  take_scopes(members, download.scopes);
  TRYV(members.finish());
  return download;
}

Result<release::Template> read_template(const Value& value) {
  TRY(const Value::Object* object, object_of(value));
  release::Template item;
  Members members(*object);
  members.take("file", item.file);
  members.take("target", item.target);
  members.take("mapping", item.mapping);
  members.take("escape", item.escape);
  take_scopes(members, item.scopes);
  TRYV(members.finish());
  return item;
}

}  // namespace escape::codec
